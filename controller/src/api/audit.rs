//! The audit log. Every engineer may read it.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::boxes::limit;
use super::errors::{Answer, Troubles};
use crate::desk::Desk;
use crate::views::{AuditView, VerifyView};

/// How many rows are listed, where the request does not say.
const ROWS: usize = 100;
/// The most rows listed at once.
const MAX_ROWS: usize = 1000;

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The number of the first one; absent: the newest rows.
    from: Option<u64>,
    /// How many, 1 to 1000; absent: 100.
    limit: Option<usize>,
}

/// Rows of the audit log, oldest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(Which), responses((status = 200, body = Vec<AuditView>), Troubles))]
pub(super) async fn list_audit(State(desk): State<Desk>, Query(which): Query<Which>) -> Answer<Vec<AuditView>> {
    Ok(Json(desk.audit_rows(which.from, limit(which.limit, ROWS, MAX_ROWS)?).await?))
}

/// Walks the whole audit log and tells whether it is whole.
#[utoipa::path(get, path = "/api/audit/verify", tag = "audit", responses((status = 200, body = VerifyView), Troubles))]
pub(super) async fn verify_audit(State(desk): State<Desk>) -> Answer<VerifyView> {
    Ok(Json(desk.verify().await?))
}
