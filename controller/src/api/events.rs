//! What happens just now, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use line3_proto::EndpointId;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use super::errors::{BoxTroubles, Problem, Troubles};
use crate::desk::Desk;
use crate::views::Event;

/// The most streams at once; one more is refused with 503.
pub const MAX_STREAMS: usize = 200;

/// How often a quiet stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The places for streams.
#[derive(Clone)]
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of which box; absent: of all. As in /api/boxes/{name}.
    #[serde(rename = "box")]
    of: Option<String>,
    /// Of which call, by its id; absent: of all, and of boxes.
    call: Option<String>,
}

/// What happens from now on. Each event is one JSON in a `data:` line; a reader that is too slow is told by an event `lost` how many
/// it missed.
#[utoipa::path(get, path = "/api/events", tag = "events", params(Which),
    responses((status = 200, description = "A stream without end", content_type = "text/event-stream", body = Event), Troubles, BoxTroubles))]
pub(super) async fn follow_events(
    State(desk): State<Desk>,
    Extension(Streams(places)): Extension<Streams>,
    Query(which): Query<Which>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, axum::Error>>>, Problem> {
    let of = which.of.map(|name| desk.find(&name)).transpose()?.map(|view| view.id);
    let place = places.try_acquire_owned();
    let place = place.map_err(|_| Problem::busy(format!("{MAX_STREAMS} streams of events are open, which is the most; close one")))?;
    let reader = Reader { events: desk.events(), of, call: which.call, _place: place };
    Ok(Sse::new(unfold(reader, next)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One who reads.
struct Reader {
    events: Receiver<Arc<Event>>,
    of: Option<EndpointId>,
    call: Option<String>,
    /// Given back when the reader goes.
    _place: OwnedSemaphorePermit,
}

impl Reader {
    fn wants(&self, event: &Event) -> bool {
        let (of, call) = match event {
            Event::Box { view } => (&view.id, None),
            Event::Call { call } => (&call.box_id, Some(&call.id)),
            Event::Report { box_id, .. } => (box_id, None),
        };
        self.of.as_ref().is_none_or(|wanted| wanted == of) && self.call.as_ref().is_none_or(|wanted| Some(wanted) == call)
    }
}

/// The next event that is wanted.
async fn next(mut reader: Reader) -> Option<(Result<sse::Event, axum::Error>, Reader)> {
    let told = loop {
        match reader.events.recv().await {
            Ok(event) if reader.wants(&event) => break sse::Event::default().json_data(&*event),
            Ok(_) => {}
            Err(RecvError::Lagged(lost)) => break Ok(sse::Event::default().event("lost").data(format!("{{\"lost\":{lost}}}"))),
            Err(RecvError::Closed) => return None,
        }
    };
    Some((told, reader))
}
