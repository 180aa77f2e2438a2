//! Catalogues: what a firmware can show and do, before its first box connects.

use axum::extract::State;
use axum::{Extension, Json};

use super::errors::{ActTroubles, Answer, Troubles, see_through};
use crate::audit::Actor;
use crate::desk::Desk;
use crate::views::{CatalogueRequest, CatalogueView};

/// Keeps the catalogue of a firmware, so that none of its boxes need be asked for it. Takes the role `lead`.
#[utoipa::path(post, path = "/api/catalogues", tag = "boxes",
    request_body = CatalogueRequest, responses((status = 200, body = CatalogueView), Troubles, ActTroubles))]
pub(super) async fn keep_catalogue(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Json(request): Json<CatalogueRequest>,
) -> Answer<CatalogueView> {
    see_through(async move { desk.keep_catalogue(&actor, &request.reason, &request.catalogue).await }).await.map(Json)
}
