//! Calls: what is wanted of boxes, and what became of it.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::boxes::limit;
use super::errors::{ActTroubles, Answer, BoxTroubles, Problem, Troubles, see_through};
use crate::audit::Actor;
use crate::desk::{Desk, DeskError};
use crate::views::{CallRequest, CallView, CancelRequest, Event};

/// How many calls are listed, where the request does not say.
const CALLS: usize = 50;
/// The most calls listed at once.
const MAX_CALLS: usize = 1000;
/// The longest wait for the end of a call, in milliseconds.
const MAX_WAIT: u64 = 60_000;

/// Makes a call: has a box show or do something. What becomes of it is to be asked for.
#[utoipa::path(post, path = "/api/calls", tag = "calls", request_body = CallRequest,
    responses((status = 202, description = "It is under way; `Location` is where to ask", body = CallView), Troubles, BoxTroubles, ActTroubles))]
pub(super) async fn make_call(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Json(request): Json<CallRequest>,
) -> Result<Response, Problem> {
    let call = see_through(async move { desk.call(&actor, request).await }).await?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, format!("/api/calls/{}", call.id))], Json(call)).into_response())
}

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of which box; absent: of all. As in /api/boxes/{name}.
    #[serde(rename = "box")]
    of: Option<String>,
    /// How many, 1 to 1000; absent: 50.
    limit: Option<usize>,
}

/// The newest calls, newest first.
#[utoipa::path(get, path = "/api/calls", tag = "calls", params(Which), responses((status = 200, body = Vec<CallView>), Troubles, BoxTroubles))]
pub(super) async fn list_calls(State(desk): State<Desk>, Query(which): Query<Which>) -> Answer<Vec<CallView>> {
    let limit = limit(which.limit, CALLS, MAX_CALLS)?;
    let of = which.of.map(|name| desk.find(&name)).transpose()?.map(|view| view.id);
    Ok(Json(desk.calls(of, limit).await?))
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// For how many milliseconds the answer may wait for the call's end, 0 to 60,000; absent: not at all.
    #[serde(default)]
    wait: u64,
}

/// One call; with `wait`, as soon as it has ended.
#[utoipa::path(get, path = "/api/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The call's id"), Wait),
    responses((status = 200, body = CallView), (status = 404, description = "`not-found`: there is no such call", body = crate::views::Trouble), Troubles))]
pub(super) async fn show_call(State(desk): State<Desk>, Path(id): Path<String>, Query(Wait { wait }): Query<Wait>) -> Answer<CallView> {
    if wait > MAX_WAIT {
        return Err(Problem::bad_request(format!("wait takes 0 to {MAX_WAIT} ms, not {wait}")));
    }
    let ended = tokio::time::timeout(Duration::from_millis(wait), end_of(&desk, &id));
    match ended.await {
        Ok(call) => Ok(Json(call?)),
        Err(_) => Ok(Json(desk.call_view(&id).await?)),
    }
}

/// The call, as soon as it has ended.
async fn end_of(desk: &Desk, id: &str) -> Result<CallView, DeskError> {
    // Listened to before looking, so that nothing falls between.
    let mut events = desk.events();
    loop {
        let call = desk.call_view(id).await?;
        if call.state.is_final() {
            return Ok(call);
        }
        loop {
            match events.recv().await.as_deref() {
                Ok(Event::Call { call }) if call.id == id && call.state.is_final() => return Ok((**call).clone()),
                Ok(_) => {}
                // What was missed may have been it: look again.
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return Ok(call),
            }
        }
    }
}

/// Has a call stopped. Takes the role `diagnose`.
#[utoipa::path(post, path = "/api/calls/{id}/cancel", tag = "calls", params(("id" = String, Path, description = "The call's id")),
    request_body = CancelRequest,
    responses((status = 200, description = "It is being stopped", body = CallView),
        (status = 404, description = "`not-found`: there is no such call", body = crate::views::Trouble),
        (status = 409, description = "`ended`: it has ended", body = crate::views::Trouble), Troubles, ActTroubles))]
pub(super) async fn cancel_call(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Json(request): Json<CancelRequest>,
) -> Answer<CallView> {
    see_through(async move { desk.cancel(&actor, &request.reason, &id).await }).await.map(Json)
}
