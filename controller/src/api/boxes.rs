//! Boxes: what is known of them, and what people wrote on them.

use std::cell::Cell;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use line3_proto::Wall;
use serde::Deserialize;
use utoipa::IntoParams;

use super::errors::{ActTroubles, Answer, BoxTroubles, Problem, Troubles, see_through};
use crate::audit::Actor;
use crate::clock::wall;
use crate::desk::Desk;
use crate::report::is_path;
use crate::views::{BoxView, LabelRequest, SeriesView};

/// How many boxes are listed, where the request does not say.
const BOXES: usize = 1000;
/// The most boxes listed at once.
const MAX_BOXES: usize = 10_000;
/// How long a series is, in milliseconds, where the request does not say.
const HOUR: i64 = 3_600_000;

/// Which boxes.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// A text in the id, a label or what the box says it is; upper and lower case are one.
    q: Option<String>,
    /// The `ModelName`; upper and lower case are one.
    model: Option<String>,
    /// Whether it is connected.
    online: Option<bool>,
    /// Whether it is simulated.
    simulated: Option<bool>,
    /// A label, as `name=value`.
    label: Option<String>,
    /// How many, 1 to 10,000; absent: 1000. The first ones by id are listed.
    limit: Option<usize>,
}

impl Which {
    fn holds(&self, view: &BoxView) -> bool {
        let same = |one: Option<bool>, other: bool| one.is_none_or(|one| one == other);
        let model = |model: &String| view.identity.get("ModelName").is_some_and(|its| its.to_lowercase() == model.to_lowercase());
        let label =
            |label: &String| label.split_once('=').is_some_and(|(name, value)| view.labels.get(name).map_or("", String::as_str) == value);
        let text = |text: &String| {
            let text = text.to_lowercase();
            let mut texts = view.identity.values().chain(view.labels.values());
            view.id.as_str().to_lowercase().contains(&text) || texts.any(|its| its.to_lowercase().contains(&text))
        };
        same(self.online, view.online)
            && same(self.simulated, view.simulated)
            && self.model.as_ref().is_none_or(model)
            && self.label.as_ref().is_none_or(label)
            && self.q.as_ref().is_none_or(text)
    }
}

/// The number of things to list.
pub(super) fn limit(wanted: Option<usize>, usual: usize, max: usize) -> Result<usize, Problem> {
    match wanted {
        None => Ok(usual),
        Some(wanted) if (1..=max).contains(&wanted) => Ok(wanted),
        Some(wanted) => Err(Problem::bad_request(format!("limit takes 1 to {max}, not {wanted}"))),
    }
}

/// Boxes, by id.
#[utoipa::path(get, path = "/api/boxes", tag = "boxes", params(Which), responses((status = 200, body = Vec<BoxView>), Troubles))]
pub(super) async fn list_boxes(State(desk): State<Desk>, Query(which): Query<Which>) -> Answer<Vec<BoxView>> {
    if let Some(label) = which.label.as_ref().filter(|label| !label.contains('=')) {
        return Err(Problem::bad_request(format!("label takes name=value, not {label:?}")));
    }
    // Nothing is copied beyond the limit.
    let left = Cell::new(limit(which.limit, BOXES, MAX_BOXES)?);
    let take = |view: &BoxView| {
        let takes = left.get() > 0 && which.holds(view);
        left.set(left.get() - usize::from(takes));
        takes
    };
    Ok(Json(desk.board().boxes_where(take)))
}

/// One box.
#[utoipa::path(get, path = "/api/boxes/{name}", tag = "boxes",
    params(("name" = String, Path, description = "The endpoint id, or what names one box only: the serial number, or the end of the id; percent-encoded")),
    responses((status = 200, body = BoxView), Troubles, BoxTroubles))]
pub(super) async fn show_box(State(desk): State<Desk>, Path(name): Path<String>) -> Answer<BoxView> {
    Ok(Json(desk.find(&name)?))
}

/// What a box can show and do. 404 also while that is not known yet.
#[utoipa::path(get, path = "/api/boxes/{name}/catalogue", tag = "boxes",
    params(("name" = String, Path, description = "As in /api/boxes/{name}")),
    responses((status = 200, description = "The catalogue: `objects`, `commands` and `events`", body = Object), Troubles, BoxTroubles))]
pub(super) async fn show_catalogue(State(desk): State<Desk>, Path(name): Path<String>) -> Result<Response, Problem> {
    let view = desk.find(&name)?;
    match desk.catalogue(&view.id).await? {
        Some(catalogue) => Ok(Json(&*catalogue).into_response()),
        None => {
            let why =
                if view.online { "it is being asked; try again in a few seconds" } else { "it is offline; it is asked when it connects" };
            Err(Problem::not_found(format!("what {} can do is not known yet: {why}", view.id)))
        }
    }
}

/// The paths that a box reported in its last seven days: each has a series.
#[utoipa::path(get, path = "/api/boxes/{name}/paths", tag = "boxes",
    params(("name" = String, Path, description = "As in /api/boxes/{name}")),
    responses((status = 200, body = Vec<String>), Troubles, BoxTroubles))]
pub(super) async fn list_paths(State(desk): State<Desk>, Path(name): Path<String>) -> Answer<Vec<String>> {
    Ok(Json(desk.paths(&desk.find(&name)?.id).await?))
}

/// Which part of a series.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The parameter's path.
    path: String,
    /// From when on: milliseconds since 1970; absent: an hour before `to`.
    from: Option<i64>,
    /// Until when, not included: milliseconds since 1970; absent: now.
    to: Option<i64>,
}

/// What a parameter of a box was over time.
#[utoipa::path(get, path = "/api/boxes/{name}/series", tag = "boxes",
    params(("name" = String, Path, description = "As in /api/boxes/{name}"), Part),
    responses((status = 200, body = SeriesView), Troubles, BoxTroubles))]
pub(super) async fn show_series(State(desk): State<Desk>, Path(name): Path<String>, Query(part): Query<Part>) -> Answer<SeriesView> {
    if !is_path(&part.path) {
        return Err(Problem::bad_request("path takes the whole path of one parameter; /api/boxes/{name}/paths lists those there are"));
    }
    let to = part.to.unwrap_or_else(|| wall().0);
    let from = part.from.unwrap_or_else(|| to.saturating_sub(HOUR));
    if from >= to {
        return Err(Problem::bad_request(format!("from must be before to: {from} is not before {to}")));
    }
    Ok(Json(desk.series(&desk.find(&name)?.id, &part.path, Wall(from), Wall(to)).await?))
}

/// Writes labels on a box. Takes the role `diagnose`.
#[utoipa::path(put, path = "/api/boxes/{name}/labels", tag = "boxes",
    params(("name" = String, Path, description = "As in /api/boxes/{name}")),
    request_body = LabelRequest, responses((status = 200, body = BoxView), Troubles, BoxTroubles, ActTroubles))]
pub(super) async fn label_box(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    Json(request): Json<LabelRequest>,
) -> Answer<BoxView> {
    let id = desk.find(&name)?.id;
    see_through(async move { desk.label(&actor, &request.reason, &id, request.labels).await }).await.map(Json)
}
