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
//! A box's link is driven by its settings ([`configure`](Link::configure)) and follows USP's rules for where to listen and when
//! to leave (`subscriptions.rs`); its [`greet`](Link::greet)ing is the first thing on the wire.
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
mod crypto;
mod options;
mod outbox;
mod reason;
mod subscriptions;
mod tls;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};

pub use config::MqttConfig;
pub use tls::{TlsError, TlsFile, client_tls};

use crate::link::{ClientSettings, Link, LinkError, LinkEvent, Publication, QoS, Receipt, Token, Traffic};
use crate::rng::Rng;
use connection::{Connection, GOODBYE};
use options::packet_size;
use outbox::{Entry, Outbox};
use subscriptions::Subscriptions;

/// After so many events in a row `next` lets others run once, however much there is to do.
const IN_A_ROW: u32 = 64;

/// How long what waits is still sent before the link connects anew.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// The certificates, whether the settings want them just now or not.
    tls: Option<Arc<rustls::ClientConfig>>,
    /// The settings want TLS and there are no certificates: there is no connection.
    lacks_tls: bool,
    /// The configured client identifier, or the one that the broker assigned.
    client_id: String,
    rng: Rng,
    outbox: Outbox,
    subscriptions: Subscriptions,
    connection: Option<Connection>,
    /// How many connections have been tried.
    count: u32,
    /// How many tries have failed since the link was last up.
    retry: u32,
    next_try: Instant,
    /// The link is to connect anew: when there is nothing left to say, and then at the latest.
    reconnect_by: Option<Instant>,
    /// What the driver has not fetched. Bounded: filled by one event of rumqttc or one look at the outbox at a time.
    ready: VecDeque<Ready>,
    in_a_row: u32,
    traffic: Traffic,
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
            subscriptions: Subscriptions::default(),
            connection: None,
            count: 0,
            retry: 0,
            next_try: Instant::now(),
            reconnect_by: None,
            ready: VecDeque::new(),
            in_a_row: 0,
            traffic: Traffic::default(),
            tls: config.tls.clone(),
            lacks_tls: false,
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
        let wake = self.outbox.next_expiry().unwrap_or(now + FAR).min(self.reconnect_by.unwrap_or(now + FAR));
        let Some(connection) = &mut self.connection else {
            if now < self.next_try {
                return sleep_until(self.next_try.min(wake)).await;
            }
            if self.lacks_tls {
                return self.lost(format!("broker {} is to be spoken to by TLS, and this box has no certificates", self.broker()), false);
            }
            self.count = self.count.saturating_add(1);
            tracing::debug!(broker = self.broker(), connection = self.count, "connecting");
            self.connection = Some(Connection::open(&self.config, &self.client_id, self.count));
            return;
        };
        if let Some(by) = self.reconnect_by
            && (by <= now || (self.outbox.is_empty() && connection.has_acknowledged_all()))
        {
            self.reconnect_by = None;
            connection.leave("was left to connect anew, as ordered", true);
        }
        let wake = connection.deadline().map_or(wake, |deadline| deadline.min(wake));
        // However much the broker has to say: whoever leaves is gone by then.
        if let Some(at_once) = connection.leaving().map(|leaving| leaving.at_once)
            && let Some(verdict) = connection.verdict()
        {
            return self.lost(format!("broker {} {verdict}", self.broker()), at_once);
        }
        tokio::select! {
            // First what has come: a driver that was away for long must not take its own absence for the broker's.
            biased;
            result = connection.poll() => match result {
                Ok(event) => self.handle(event),
                Err(error) => match connection.leaving().map(|leaving| (leaving.reason.clone(), leaving.at_once)) {
                    // It is we who ended it.
                    Some((reason, at_once)) => self.lost(format!("broker {} {reason}", self.broker()), at_once),
                    None => self.lost(reason::describe(&self.broker(), &error), false),
                },
            },
            // The end of a connection that is being left is seen above, in the next step.
            () = sleep_until(wake) => if let Some(verdict) = connection.verdict().filter(|_| connection.leaving().is_none()) {
                self.lost(format!("broker {} {verdict}", self.broker()), false);
            },
        }
    }

    fn handle(&mut self, event: rumqttc::Event) {
        let Some(connection) = &mut self.connection else { return };
        let was_acknowledged = connection.is_acknowledged();
        count(&mut self.traffic, &event);
        if let Err(fault) = connection.handle(event, &mut self.outbox, &mut self.ready) {
            return self.lost(format!("broker {} {fault}", self.broker()), false);
        }
        if connection.is_acknowledged() && !was_acknowledged {
            if let Some(id) = &connection.session().assigned_client_id {
                id.clone_into(&mut self.client_id);
            }
            self.subscriptions.begin(connection);
        }
        if let Some(session) = connection.rise() {
            if self.subscriptions.must_be_heard() && session.subscribed.is_empty() {
                return connection.leave("refused every subscription, so nobody could reach this box: see the broker's ACL", false);
            }
            self.retry = 0;
            self.ready.push_back(LinkEvent::Up(session).into());
        }
    }

    /// Gives the connection up; the next try comes after a while, or at once.
    fn lost(&mut self, reason: String, at_once: bool) {
        self.connection = None;
        self.reconnect_by = None;
        self.outbox.rewind();
        let retry_in = if at_once {
            Duration::ZERO
        } else {
            self.retry = self.retry.saturating_add(1);
            self.config.backoff.delay(self.retry, self.rng.next_u64())
        };
        self.next_try = Instant::now() + retry_in;
        self.ready.push_back(LinkEvent::Down { reason, retry_in }.into());
    }

    /// The subscriptions are others than they were.
    fn subscriptions_changed(&mut self) {
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_acknowledged()) {
            self.subscriptions.change(connection, &mut self.ready);
        }
    }

    /// Makes an outbox entry; `None`: it can never be written, which is told.
    fn entry(&mut self, token: Token, mut publication: Publication) -> Result<Option<Entry>, LinkError> {
        let payload = Bytes::from(std::mem::take(&mut publication.payload));
        let size = match packet_size(&publication, &payload) {
            Ok(size) => size,
            Err(reason) => {
                self.ready.push_back(LinkEvent::Refused(token, reason).into());
                return Ok(None);
            }
        };
        let limit = usize::try_from(self.config.max_sent).unwrap_or(usize::MAX);
        if size > limit {
            return Err(LinkError::TooLarge { size, limit });
        }
        let deadline = publication.expiry.and_then(|expiry| Instant::now().checked_add(expiry));
        Ok(Some(Entry { token, publication, payload, size, deadline }))
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

/// Counts a packet.
fn count(traffic: &mut Traffic, event: &rumqttc::Event) {
    use rumqttc::{Event, Outgoing, Packet};
    match event {
        // What rumqttc waits for, and what it makes of AUTH, is no packet.
        Event::Outgoing(Outgoing::AwaitAck(_)) | Event::Auth(_) => {}
        Event::Outgoing(_) => traffic.sent += 1,
        Event::Incoming(packet) => {
            traffic.received += 1;
            // rumqttc does not tell of the CONNECT that this answers.
            traffic.sent += u64::from(matches!(packet, Packet::ConnAck(_)));
        }
    }
}

impl Link for MqttLink {
    fn publish(&mut self, token: Token, publication: Publication) -> Result<(), LinkError> {
        let Some(entry) = self.entry(token, publication)? else { return Ok(()) };
        if !self.outbox.has_room(entry.size) {
            let Entry { publication, payload, .. } = entry;
            return Err(LinkError::Full(Box::new(Publication { payload: payload.into(), ..publication })));
        }
        self.outbox.push(entry);
        Ok(())
    }

    fn greet(&mut self, token: Token, publication: Publication) -> Result<(), LinkError> {
        if let Some(entry) = self.entry(token, publication)? {
            self.outbox.greet(entry);
        }
        Ok(())
    }

    fn configure(&mut self, settings: ClientSettings) {
        let ClientSettings { filters, inbox, tls, client_id, .. } = settings;
        let config = &mut self.config;
        config.broker = settings.broker;
        config.tls = self.tls.clone().filter(|_| tls);
        self.lacks_tls = tls && self.tls.is_none();
        (config.username, config.password) = (settings.username, settings.password);
        (config.clean_start, config.session_expiry) = (settings.clean_start, settings.session_expiry);
        (config.keep_alive, config.in_flight) = (settings.keep_alive, settings.in_flight);
        (config.will, config.will_delay) = (settings.will, settings.will_delay);
        config.backoff = settings.backoff;
        self.client_id = client_id;
        for (filter, reason) in self.subscriptions.configure(filters, inbox) {
            self.ready.push_back(LinkEvent::NotSubscribed { filter, reason }.into());
        }
        self.subscriptions_changed();
    }

    fn reconnect(&mut self) {
        let now = Instant::now();
        if self.connection.as_ref().is_some_and(Connection::is_acknowledged) {
            self.reconnect_by = Some(now + LAST_WORDS);
        } else {
            self.connection = None;
            (self.retry, self.next_try) = (0, now);
        }
    }

    fn acknowledge(&mut self, receipt: Receipt) {
        match &mut self.connection {
            Some(connection) if connection.number() == receipt.connection => connection.acknowledge(receipt.packet),
            _ => {}
        }
    }

    fn subscribe(&mut self, filter: &str, qos: QoS) {
        if let Err(reason) = self.subscriptions.add(filter, qos) {
            return self.ready.push_back(LinkEvent::NotSubscribed { filter: filter.to_owned(), reason }.into());
        }
        self.subscriptions_changed();
    }

    fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.remove(filter);
        self.subscriptions_changed();
    }

    fn traffic(&self) -> Traffic {
        self.traffic
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
