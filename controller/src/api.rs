//! The HTTP API: JSON over one router, described by an OpenAPI document that is made from the handlers. It knows the desk and
//! nothing behind it. The command line and the console use nothing else.
//!
//! Every request but `/api/health` and `/api/openapi.json` carries an engineer's token. There are no cookies and no CORS headers: a
//! page of another origin can do nothing here.

#![allow(unused_qualifications, reason = "the macros of utoipa name every type with a path")]

mod audit;
mod auth;
mod boxes;
mod calls;
mod catalogues;
mod errors;
mod events;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::Actor;
use crate::desk::Desk;
use crate::views::{MeView, Trouble};
pub use auth::{BadEngineers, Engineer, Engineers, MAX_ENGINEERS, token_sha256};
use errors::{Problem, Troubles};
pub use events::MAX_STREAMS;

/// The largest body taken, in bytes; a larger one is refused with 413.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long a request may take; beyond it the answer is 503. What it does to a box is done nevertheless.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The same for what waits on purpose: longer than the longest wait.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the API stands on.
#[derive(Clone)]
pub struct ApiState {
    /// The desk.
    pub desk: Desk,
    /// Who may come in.
    pub engineers: Arc<Engineers>,
}

impl FromRef<ApiState> for Desk {
    fn from_ref(state: &ApiState) -> Self {
        state.desk.clone()
    }
}

/// The router of the API, with everything under `/api`.
pub fn router(state: ApiState) -> Router {
    let (router, document) = routes(&state).split_for_parts();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let router = router.fallback(errors::no_such_address).layer(Extension(Document(document)));
    let router = router.layer(DefaultBodyLimit::max(MAX_BODY)).layer(from_fn(errors::as_trouble)).layer(from_fn(with_headers));
    router.with_state(state)
}

/// Every route stands here, so that none is without a token by accident and none is missing in the document.
fn routes(state: &ApiState) -> OpenApiRouter<ApiState> {
    let open = OpenApiRouter::new().routes(routes!(health)).routes(routes!(openapi));
    let prompt = OpenApiRouter::new()
        .routes(routes!(show_me))
        .routes(routes!(boxes::list_boxes))
        .routes(routes!(boxes::show_box))
        .routes(routes!(boxes::show_catalogue))
        .routes(routes!(boxes::list_paths))
        .routes(routes!(boxes::show_series))
        .routes(routes!(boxes::label_box))
        .routes(routes!(catalogues::keep_catalogue))
        .routes(routes!(calls::list_calls, calls::make_call))
        .routes(routes!(calls::cancel_call))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::verify_audit))
        .route_layer(from_fn_with_state(TIMEOUT, in_time));
    let patient = OpenApiRouter::new()
        .routes(routes!(calls::show_call))
        .routes(routes!(events::follow_events))
        .layer(Extension(events::Streams::default()))
        .route_layer(from_fn_with_state(PATIENCE, in_time));
    let guarded = prompt.merge(patient).route_layer(from_fn_with_state(Arc::clone(&state.engineers), auth::require));
    OpenApiRouter::with_openapi(About::openapi()).merge(open).merge(guarded)
}

/// What the document says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Line3", description = "Remote diagnostics and repair of set-top boxes."),
    components(schemas(Trouble)),
    modifiers(&Token),
    security(("token" = []))
)]
struct About;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some("An engineer's token.".to_owned());
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(http));
    }
}

#[derive(Clone)]
struct Document(Arc<str>);

/// That the server is there.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the server is there. Takes no token.
#[utoipa::path(get, path = "/api/health", tag = "server", security(()), responses((status = 200, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// This document. Takes no token.
#[utoipa::path(get, path = "/api/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "The OpenAPI document", body = Object)))]
async fn openapi(Extension(Document(document)): Extension<Document>) -> Response {
    ([(CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

/// Who the server takes you for.
#[utoipa::path(get, path = "/api/me", tag = "server", responses((status = 200, body = MeView), Troubles))]
async fn show_me(Extension(actor): Extension<Actor>) -> Json<MeView> {
    Json(MeView { name: actor.name().to_owned(), role: actor.role().word().to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Ends a request that takes too long. An answer that has begun (a stream of events) is not touched.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let late = || {
        let seconds = limit.as_secs();
        let words =
            format!("no answer within {seconds} s: the store is slow; what was asked for may be done yet, look before asking again");
        Problem::busy(words).into_response()
    };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| late())
}

/// What is answered is of this moment and for one engineer, and is never anything but what its type says.
async fn with_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 2] =
        [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
    let mut response = next.run(request).await;
    response.headers_mut().extend(HEADERS);
    response
}
