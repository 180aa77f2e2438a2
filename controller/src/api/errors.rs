//! What went wrong, as it is answered: always a [`Trouble`] in JSON, whoever found it.

use std::collections::BTreeMap;
use std::future::Future;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as Described, ResponseBuilder};

use crate::desk::DeskError;
use crate::report::clean;
use crate::views::Trouble;

/// The longest text of a refusal by axum that is passed on, in bytes; a longer one is cut.
const MAX_WORDS: usize = 600;

/// Something that went wrong.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    trouble: Trouble,
}

/// What a handler answers.
pub(super) type Answer<T> = Result<Json<T>, Problem>;

impl Problem {
    fn new(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self { status, trouble: Trouble { error: error.to_owned(), message: message.into() } }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let message = error.to_string();
        match error {
            DeskError::NoSuchBox { .. } => Self::new(StatusCode::NOT_FOUND, "no-such-box", message),
            DeskError::Ambiguous { .. } => Self::new(StatusCode::CONFLICT, "ambiguous-box", message),
            DeskError::Order(_) | DeskError::Text(_) | DeskError::TooMuch(_) => Self::bad_request(message),
            DeskError::Denied(_) => Self::new(StatusCode::FORBIDDEN, "denied", message),
            DeskError::NoSuchCall(_) => Self::not_found(message),
            DeskError::Ended(..) => Self::new(StatusCode::CONFLICT, "ended", message),
            DeskError::Stopping(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message),
            DeskError::Store(_) => {
                tracing::error!("api: {message}");
                Self::internal(message)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let challenge = (self.status == StatusCode::UNAUTHORIZED).then(|| {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            headers
        });
        (self.status, challenge.unwrap_or_default(), Json(self.trouble)).into_response()
    }
}

/// Sees something through that must not be left half done, even if whoever asked for it hangs up meanwhile.
pub(super) async fn see_through<T: Send + 'static>(
    work: impl Future<Output = Result<T, DeskError>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(Problem::from),
        Err(error) => {
            tracing::error!("api: a request broke off: {error}");
            Err(Problem::internal("the request broke off; the server's log says more"))
        }
    }
}

/// An address that nothing answers at.
pub(super) async fn no_such_address(uri: Uri) -> Problem {
    Problem::not_found(format!("nothing answers at {}; /api/openapi.json describes all that there is", clean(uri.path(), 200)))
}

/// What axum refuses by itself (JSON that is none, a query that does not fit, a wrong method, too large a body) becomes a [`Trouble`].
pub(super) async fn as_trouble(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), clean(request.uri().path(), 200));
    let response = next.run(request).await;
    let status = response.status();
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !(status.is_client_error() || status.is_server_error()) || json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Axum's own texts are short; one that is not is none of its own.
    let said = to_bytes(body, 16 * MAX_WORDS).await.map(|said| plain(&String::from_utf8_lossy(&said))).unwrap_or_default();
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            status,
            "bad-request",
            format!("{asked}: this address does not take that method; /api/openapi.json tells which it takes"),
        ),
        // The syntax was right and the meaning was not: one status for both.
        StatusCode::UNPROCESSABLE_ENTITY => Problem::bad_request(format!("{asked}: {said}")),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, "bad-request", format!("{asked}: the body is too large; at most {} bytes are taken", super::MAX_BODY))
        }
        status if status.is_client_error() => Problem::new(status, "bad-request", format!("{asked}: {said}")),
        _ => Problem::new(status, "internal", format!("{asked}: {said}")),
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    let mut answer = problem.into_response();
    // `Allow` of a wrong method, for one, stays.
    answer.headers_mut().extend(parts.headers);
    answer
}

/// What axum says, without the words for who reads its code.
fn plain(said: &str) -> String {
    let plain = said
        .replacen("Failed to deserialize the JSON body into the target type: ", "the body does not fit: ", 1)
        .replacen("Failed to parse the request body as JSON: ", "the body is no JSON: ", 1)
        .replacen("Failed to deserialize query string: ", "the query does not fit: ", 1);
    clean(&plain, MAX_WORDS)
}

fn described(all: &[(u16, &str)]) -> BTreeMap<String, RefOr<Described>> {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Trouble"))).build();
    let one = |words: &str| ResponseBuilder::new().description(words).content("application/json", content()).build();
    all.iter().map(|(status, words)| (status.to_string(), RefOr::T(one(words)))).collect()
}

/// What can go wrong anywhere.
pub(super) enum Troubles {}

impl IntoResponses for Troubles {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[
            (400, "`bad-request`: something in the request is not as it should be; the message says what"),
            (401, "`unauthorized`: no token, or nobody's"),
            (500, "`internal`: the store failed; the message says how"),
            (503, "`busy` or `stopping`: try again later"),
        ])
    }
}

/// What can go wrong where a box is named.
pub(super) enum BoxTroubles {}

impl IntoResponses for BoxTroubles {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[(404, "`no-such-box`: no box has this name"), (409, "`ambiguous-box`: several boxes have this name")])
    }
}

/// What can go wrong where something is done.
pub(super) enum ActTroubles {}

impl IntoResponses for ActTroubles {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[(403, "`denied`: your role does not allow it; the attempt stands in the audit log")])
    }
}
