//! The plane of health reports: decode, batch, store, show. It is one door with two forms: the embedded broker awaits
//! [`Telemetry::report`] before its PUBACK; with another broker [`listen`] acknowledges by hand after the commit. Either way a
//! report that a box saw acknowledged is on disk.
#![allow(clippy::disallowed_methods, reason = "complaints are held back in real time")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use line3_proto::link::{Link, LinkEvent, Receipt};
use line3_proto::{EndpointId, Topic};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::board::Board;
use crate::broker::{Busy, Ingest, Stored};
use crate::clock::wall;
use crate::fleet::Input;
use crate::keeper::Keeper;
use crate::report::decode;
use crate::store::{Arrived, Outcome};

/// The most publications that wait to be stored; beyond it the broker is made to wait, and with it the boxes.
const QUEUE: usize = 4096;

/// The most publications in one transaction.
const BATCH: usize = 512;

/// A box whose reports are bad is logged this often at most.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// The most boxes that complaints are held back for; beyond it all are forgotten.
const MAX_COMPLAINTS: usize = 10_000;

/// How long to wait after the store failed, before it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A publication with reports.
struct Arriving {
    reports: Vec<Arrived>,
    stored: oneshot::Sender<bool>,
}

/// The door of health reports.
#[derive(Clone)]
pub struct Telemetry {
    queue: mpsc::Sender<Arriving>,
    complaints: Arc<Mutex<HashMap<EndpointId, tokio::time::Instant>>>,
}

impl Telemetry {
    /// Opens the door. It stays open as long as one of its clones lives.
    #[must_use]
    pub fn open(keeper: Keeper, board: Arc<Board>, fleet: mpsc::Sender<Input>) -> Self {
        let (queue, arriving) = mpsc::channel(QUEUE);
        tokio::spawn(store(arriving, keeper, board, fleet));
        Self { queue, complaints: Arc::default() }
    }

    /// Stores the reports of one publication. It ends when they are on disk; `Err`: they are not, and must not be acknowledged.
    /// What is no report is logged and counts as done: the box would only send it again.
    pub async fn report(&self, from: EndpointId, payload: &[u8]) -> Result<(), Busy> {
        let reports = match decode(&from, payload) {
            Ok(reports) => reports,
            Err(bad) => {
                self.complain(&from, &bad.to_string());
                return Ok(());
            }
        };
        let received = wall();
        let reports = reports.into_iter().map(|report| Arrived { box_id: from.clone(), received, report }).collect();
        let (stored, outcome) = oneshot::channel();
        self.queue.send(Arriving { reports, stored }).await.map_err(|_| Busy)?;
        if outcome.await.unwrap_or(false) { Ok(()) } else { Err(Busy) }
    }

    fn complain(&self, from: &EndpointId, words: &str) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let now = tokio::time::Instant::now();
        if complaints.get(from).is_some_and(|last| now.duration_since(*last) < COMPLAIN_EVERY) {
            return;
        }
        if complaints.len() >= MAX_COMPLAINTS {
            complaints.clear();
        }
        complaints.insert(from.clone(), now);
        tracing::warn!("a report was refused: {words}");
    }
}

impl Ingest for Telemetry {
    fn report(&self, from: EndpointId, payload: Vec<u8>) -> Stored<'_> {
        Box::pin(async move { Self::report(self, from, &payload).await })
    }
}

/// Stores what arrives, as much at once as is there.
async fn store(mut arriving: mpsc::Receiver<Arriving>, keeper: Keeper, board: Arc<Board>, fleet: mpsc::Sender<Input>) {
    let mut batch = Vec::with_capacity(BATCH);
    while arriving.recv_many(&mut batch, BATCH).await > 0 {
        let (mut reports, mut waiting) = (Vec::new(), Vec::new());
        for arriving in batch.drain(..) {
            reports.extend(arriving.reports);
            waiting.push(arriving.stored);
        }
        let stored = keeper
            .run(move |kept| {
                let outcomes = kept.store.append(&reports);
                (reports, outcomes)
            })
            .await;
        let fine = match stored {
            Ok((reports, Ok(outcomes))) => {
                for (arrived, outcome) in reports.iter().zip(outcomes) {
                    if outcome == Outcome::Stored && !board.reported(&arrived.box_id, arrived.received, &arrived.report) {
                        // Its connect record was lost, or is on its way. With a full inbox the next report says it again.
                        let _ = fleet.try_send(Input::Heard(arrived.box_id.clone()));
                    }
                }
                true
            }
            Ok((_, Err(error))) => {
                tracing::error!("reports cannot be stored, so boxes keep theirs: {error}");
                tokio::time::sleep(TRY_AGAIN).await;
                false
            }
            Err(_) => false,
        };
        for stored in waiting {
            // Whoever waited may have lost its connection.
            let _ = stored.send(fine);
        }
    }
}

/// Hears reports from a broker that is not ours, on a link with manual acknowledgement that is subscribed to them.
pub async fn listen<L: Link>(telemetry: Telemetry, mut link: L) {
    let mut storing: JoinSet<Receipt> = JoinSet::new();
    loop {
        let event = tokio::select! {
            event = link.next() => event,
            Some(stored) = storing.join_next() => {
                if let Ok(receipt) = stored {
                    link.acknowledge(receipt);
                }
                continue;
            }
        };
        match event {
            // The link's in-flight limit bounds how many are under way.
            LinkEvent::Received(publication, receipt) => {
                let Some(Topic::Telemetry(from)) = Topic::parse(&publication.topic) else {
                    receipt.into_iter().for_each(|receipt| link.acknowledge(receipt));
                    continue;
                };
                let telemetry = telemetry.clone();
                storing.spawn(async move {
                    while telemetry.report(from.clone(), &publication.payload).await.is_err() {
                        tokio::time::sleep(TRY_AGAIN).await;
                    }
                    receipt.unwrap_or(Receipt { connection: 0, packet: 0 })
                });
            }
            LinkEvent::Down { reason, retry_in } => tracing::warn!("no reports: {reason}; next try in {} s", retry_in.as_secs()),
            LinkEvent::NotSubscribed { filter, reason } => tracing::error!("the broker refused the subscription to {filter}: {reason}"),
            LinkEvent::Up(_)
            | LinkEvent::Sent(_)
            | LinkEvent::Unheard(_)
            | LinkEvent::Refused(..)
            | LinkEvent::Subscribed(_)
            | LinkEvent::Unsubscribed(_) => {}
        }
    }
}
