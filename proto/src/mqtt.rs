//! The real [`Link`]: MQTT 5 over TLS on the crate rumqttc, made for boxes that must find back by themselves.
//!
//! The link is one value without a task of its own: all its work is done inside [`next`](Link::next), which its driver
//! calls again and again. Cancelling `next` loses nothing; a link whose `next` is not called stands still.
//!
//! Each connection is a new rumqttc client. The broker's session goes on (Clean Start 0), but the one truth about what is
//! still to be sent is the outbox, which a publication leaves on PUBACK (QoS 1) or when written to the socket (QoS 0). After a
//! reconnect, with or without the old session, what is left is sent again in its old order: nothing is lost, a message may
//! arrive twice. Publications go out only after [`LinkEvent::Up`]; messages of a resumed session may come before it.
//!
//! The traps of rumqttc, by their numbers in the project's notes, and what keeps us out of each (tests in `tests/mqtt_link/`):
//! 1. A lost session clears all that is pending: own outbox; `a_lost_session_resends_and_resubscribes`.
//! 2. A collision of packet identifiers wedges the client for ever: no client lives longer than its connection, and
//!    `stuck_after` ends that; `a_broker_that_acknowledges_nothing_is_left`.
//! 3. A packet too large for the broker ends each connection: refused before rumqttc sees it;
//!    `what_is_too_large_is_refused_and_the_next_one_passes`.
//! 4. More than 10 KiB is not received by default: `a_large_message_comes_in`.
//! 5. `publish().await` deadlocks in the polling task: only `try_` calls here, the rest waits in the outbox;
//!    `more_than_the_window_gets_through`.
//! 6. `poll` reconnects at once: the link sleeps first; `back_off_really_waits`.
//! 7. Nagle is on by default: off in `options.rs`.
//! 8. One flush for each acknowledgement, requests wait for buffered events: 7 us each and batches of 16; a busy controller
//!    that needs more opens a second link for its commands.
//! 9. A saturated poll loop starves the others: `next` yields after 64 events in a row; `a_flood_starves_nobody`.
//! 10. Sent again without DUP: USP messages carry their own identifier, and the receiver drops the second.
//! 11. QoS 2 leaks: [`QoS`] has no such value and a message that comes with it ends the connection.
//! 12. An old rustls-webpki: the package rumqttc-v5-next does not link it.
//! 13. Pings in spite of traffic, stale acknowledgements: keep-alive 300 s; an acknowledgement carries its connection;
//!     `an_acknowledgement_for_an_old_connection_is_dropped`, `silence_ends_the_connection`.
#![allow(clippy::disallowed_methods, reason = "the real link lives in real time")]

mod config;
mod connection;
mod options;
mod outbox;
mod reason;
mod tls;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};

pub use config::MqttConfig;
pub use tls::{TlsError, TlsFile, client_tls};

use crate::link::{Link, LinkError, LinkEvent, Publication, QoS, Receipt, Token};
use crate::rng::Rng;
use connection::{Change, Connection};
use options::packet_size;
use outbox::{Entry, Outbox};

/// After so many events in a row `next` lets others run once, however much there is to do.
const IN_A_ROW: u32 = 64;

/// How long DISCONNECT may take, beyond the limit that [`close`](Link::close) is given.
const GOODBYE: Duration = Duration::from_secs(1);

/// When nothing else is due.
const FAR: Duration = Duration::from_secs(3600);

/// An event on its way to the driver. A receipt means that a QoS 1 publication is acknowledged by the driver, or by the link
/// at the moment in which it hands the event out.
struct Ready {
    event: LinkEvent,
    receipt: Option<Receipt>,
}

impl From<LinkEvent> for Ready {
    fn from(event: LinkEvent) -> Self {
        Self { event, receipt: None }
    }
}

/// See the module.
pub struct MqttLink {
    config: MqttConfig,
    /// The configured client identifier, or the one that the broker assigned.
    client_id: String,
    rng: Rng,
    outbox: Outbox,
    filters: Vec<(String, QoS)>,
    connection: Option<Connection>,
    /// How many connections have been tried.
    count: u32,
    /// How many tries have failed since the link was last up.
    retry: u32,
    next_try: Instant,
    /// What the driver has not fetched. Bounded: filled by one event of rumqttc or one look at the outbox at a time.
    ready: VecDeque<Ready>,
    in_a_row: u32,
}

impl MqttLink {
    /// A link that connects when [`next`](Link::next) is first called. Numbers count tries, so one that failed leaves a gap
    /// in [`Session::connection`](crate::link::Session::connection): a Will can come from a connection that never was up.
    #[must_use]
    pub fn new(config: MqttConfig) -> Self {
        Self {
            client_id: config.client_id.clone(),
            rng: Rng::new(config.seed),
            outbox: Outbox::new(config.outbox_messages, config.outbox_bytes),
            filters: Vec::new(),
            connection: None,
            count: 0,
            retry: 0,
            next_try: Instant::now(),
            ready: VecDeque::new(),
            in_a_row: 0,
            config,
        }
    }

    /// Does one thing; what comes of it is in `ready`. Cancel-safe.
    async fn step(&mut self) {
        let now = Instant::now();
        for token in self.outbox.expire(now) {
            self.ready.push_back(LinkEvent::Refused(token, "expired before it could be sent".to_owned()).into());
        }
        if let Some(connection) = &mut self.connection {
            connection.pump(&mut self.outbox, &mut self.ready);
        }
        if !self.ready.is_empty() {
            return;
        }
        let expiry = self.outbox.next_expiry().unwrap_or(now + FAR);
        let Some(connection) = &mut self.connection else {
            if now < self.next_try {
                return sleep_until(self.next_try.min(expiry)).await;
            }
            self.count = self.count.saturating_add(1);
            tracing::debug!(broker = self.broker(), connection = self.count, "connecting");
            self.connection = Some(Connection::open(&self.config, &self.client_id, self.count));
            return;
        };
        let wake = connection.deadline().map_or(expiry, |deadline| deadline.min(expiry));
        tokio::select! {
            // First what has come: a driver that was away for long must not take its own absence for the broker's.
            biased;
            result = connection.poll() => match result {
                Ok(event) => self.handle(event),
                Err(error) => self.lost(reason::describe(&self.broker(), &error)),
            },
            () = sleep_until(wake) => if let Some(verdict) = connection.verdict() {
                self.lost(format!("broker {} {verdict}", self.broker()));
            },
        }
    }

    fn handle(&mut self, event: rumqttc::Event) {
        let Some(connection) = &mut self.connection else { return };
        let was_acknowledged = connection.is_acknowledged();
        if let Err(fault) = connection.handle(event, &mut self.outbox, &mut self.ready) {
            return self.lost(format!("broker {} {fault}", self.broker()));
        }
        if connection.is_acknowledged() && !was_acknowledged {
            if let Some(id) = connection.assigned_client_id() {
                id.clone_into(&mut self.client_id);
            }
            if !self.filters.is_empty() {
                connection.change(Change::Subscribe(self.filters.clone()));
            }
        }
        if let Some(session) = connection.rise() {
            self.retry = 0;
            self.ready.push_back(LinkEvent::Up(session).into());
        }
    }

    /// Gives the connection up; the next try comes after a while.
    fn lost(&mut self, reason: String) {
        self.connection = None;
        self.outbox.rewind();
        self.retry = self.retry.saturating_add(1);
        let retry_in = self.config.backoff.delay(self.retry, self.rng.next_u64());
        self.next_try = Instant::now() + retry_in;
        self.ready.push_back(LinkEvent::Down { reason, retry_in }.into());
    }

    fn broker(&self) -> String {
        format!("{}:{}", self.config.broker.0, self.config.broker.1)
    }

    /// Sends what waits, as long as there is a connection for it.
    async fn drain(&mut self) {
        while let Some(connection) = &self.connection {
            if self.outbox.is_empty() && connection.has_acknowledged_all() {
                return;
            }
            self.step().await;
            // Nobody is there to hear it. What was received stays unacknowledged, so the broker will send it again.
            self.ready.clear();
        }
    }
}

impl Link for MqttLink {
    fn publish(&mut self, token: Token, mut publication: Publication) -> Result<(), LinkError> {
        let payload = Bytes::from(std::mem::take(&mut publication.payload));
        let size = match packet_size(&publication, &payload) {
            Ok(size) => size,
            Err(reason) => {
                self.ready.push_back(LinkEvent::Refused(token, reason).into());
                return Ok(());
            }
        };
        let limit = usize::try_from(self.config.max_sent).unwrap_or(usize::MAX);
        if size > limit {
            return Err(LinkError::TooLarge { size, limit });
        }
        if !self.outbox.has_room(size) {
            publication.payload = payload.into();
            return Err(LinkError::Full(Box::new(publication)));
        }
        let deadline = publication.expiry.and_then(|expiry| Instant::now().checked_add(expiry));
        self.outbox.push(Entry { token, publication, payload, size, deadline });
        Ok(())
    }

    fn acknowledge(&mut self, receipt: Receipt) {
        match &mut self.connection {
            Some(connection) if connection.number() == receipt.connection => connection.acknowledge(receipt.packet),
            _ => {}
        }
    }

    fn subscribe(&mut self, filter: &str, qos: QoS) {
        if !can_be_written(filter) {
            let (filter, reason) = (filter.to_owned(), "it is no topic filter".to_owned());
            return self.ready.push_back(LinkEvent::NotSubscribed { filter, reason }.into());
        }
        self.filters.retain(|(known, _)| known != filter);
        self.filters.push((filter.to_owned(), qos));
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_acknowledged()) {
            connection.change(Change::Subscribe(vec![(filter.to_owned(), qos)]));
        }
    }

    fn unsubscribe(&mut self, filter: &str) {
        let before = self.filters.len();
        self.filters.retain(|(known, _)| known != filter);
        if self.filters.len() == before {
            return;
        }
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_acknowledged()) {
            connection.change(Change::Unsubscribe(filter.to_owned()));
        }
    }

    async fn next(&mut self) -> LinkEvent {
        self.in_a_row += 1;
        if self.in_a_row > IN_A_ROW {
            self.in_a_row = 0;
            tokio::task::yield_now().await;
        }
        loop {
            let Some(Ready { mut event, receipt }) = self.ready.pop_front() else {
                self.step().await;
                continue;
            };
            match (&mut event, receipt) {
                (LinkEvent::Received(_, shown), Some(receipt)) if self.config.manual_acks => *shown = Some(receipt),
                (_, Some(receipt)) => self.acknowledge(receipt),
                _ => {}
            }
            return event;
        }
    }

    async fn close(mut self, limit: Duration) {
        // Out of time: what is left is in nobody's hands but the caller's, who was told of every message that did get through.
        let _ = timeout(limit, self.drain()).await;
        if let Some(mut connection) = self.connection.filter(Connection::is_acknowledged)
            && connection.disconnect()
        {
            // rumqttc ends with an error when DISCONNECT has been written.
            let _ = timeout(GOODBYE, async { while connection.poll().await.is_ok() {} }).await;
        }
    }
}

/// Whether this can be put into a SUBSCRIBE at all; rumqttc would end the connection over it, or refuse the whole list.
fn can_be_written(filter: &str) -> bool {
    filter.len() <= usize::from(u16::MAX) && !filter.contains('\0') && rumqttc::ValidatedTopicFilter::new(filter).is_ok()
}
