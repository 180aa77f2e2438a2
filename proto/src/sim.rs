//! A simulated MQTT 5 broker, the network before it and the clients' links, in counted time: the same seed and the same calls
//! give the same run. No thread, no socket, no clock.
//!
//! What goes wrong, and how. MQTT runs over TCP, which repeats what is lost and keeps order; a client sends a QoS 1
//! publication again only on a new connection. So no single packet is lost or doubled on its own here:
//!
//! - *Delay* differs from packet to packet, but no packet overtakes another of its direction.
//! - *Loss* of a packet is a connection cut there: it and everything behind it in both directions is gone, the client links
//!   again after a wait, and both sides send again what the other had not acknowledged.
//! - *Duplicates* come from a connection cut after a QoS 1 publication arrived and before its acknowledgement did.
//! - A *partition* holds packets back, as TCP does; an end that hears nothing for too long gives the connection up.
//! - The broker sees half of the cuts at once (a reset), of the others nothing until [`NetConfig::notice`] has passed or the
//!   client is back. Then it publishes the Will, a returned client's too: a Will can come after the next connect.
//!
//! Retained messages are not kept: nothing here sends any. With a session present, messages can come before
//! [`LinkEvent::Up`].

mod broker;
mod client;
mod config;
mod steps;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::rng::Rng;
use broker::Broker;
use client::Client;
pub use config::{ClientConfig, Counts, NetConfig, Role};
use steps::Step;
use wire::{Up, Wire};

use crate::link::{LinkError, Receipt, Token};
use crate::machine::Mono;
use crate::{LinkEvent, Publication, QoS};

/// The net: a broker and its clients. Give every call the same clock; call [`poll`](Self::poll) at each
/// [`deadline`](Self::deadline) until it returns `None`.
#[derive(Debug)]
pub struct SimNet {
    config: NetConfig,
    rng: Rng,
    now: Mono,
    /// In order of time, then of planning. Bounded by what is on the wires and a few timers for each client.
    steps: BTreeMap<(Mono, u64), Step>,
    planned: u64,
    ids: u64,
    /// With the id of the link, which a new `connect` changes.
    clients: BTreeMap<Arc<str>, (u64, Client)>,
    wires: BTreeMap<Arc<str>, Wire>,
    /// Since when, until when.
    partitions: BTreeMap<Arc<str>, (Mono, Mono)>,
    broker: Broker,
    /// When the broker runs (again).
    broker_up_at: Mono,
    /// What was not polled yet, in its order: a driver that polls at each deadline keeps it short.
    events: VecDeque<(Arc<str>, LinkEvent)>,
    cuts: u64,
}

impl SimNet {
    /// A net without clients.
    #[must_use]
    pub fn new(seed: u64, config: NetConfig) -> Self {
        Self {
            rng: Rng::new(seed),
            now: Mono::default(),
            steps: BTreeMap::new(),
            planned: 0,
            ids: 0,
            clients: BTreeMap::new(),
            wires: BTreeMap::new(),
            partitions: BTreeMap::new(),
            broker: Broker::new(&config),
            broker_up_at: Mono::default(),
            events: VecDeque::new(),
            cuts: 0,
            config,
        }
    }

    /// Starts a client's link, which connects now and again after every loss. One of this name that runs already loses its power.
    pub fn connect(&mut self, now: Mono, client: &str, config: ClientConfig) {
        self.drop_client(now, client);
        let client: Arc<str> = client.into();
        let link = self.new_id();
        self.clients.insert(client.clone(), (link, Client::new(config)));
        self.plan(now, Step::Dial { client, link });
    }

    /// The client loses its power: outbox and all are gone; the broker sees it after [`NetConfig::notice`].
    pub fn drop_client(&mut self, now: Mono, client: &str) {
        self.advance(now);
        if self.clients.remove(client).is_none() {
            return;
        }
        self.events.retain(|(name, _)| **name != *client);
        if let Some((name, wire)) = self.wires.remove_entry(client) {
            self.plan(now + self.config.notice, Step::Notice { client: name, wire: wire.id });
        }
    }

    /// The client ends its link: what it has sent still arrives, then DISCONNECT; the Will is not published.
    pub fn disconnect(&mut self, now: Mono, client: &str) {
        self.advance(now);
        if let Some((name, _)) = self.clients.remove_entry(client) {
            self.events.retain(|(other, _)| *other != name);
            self.send_up(now, &name, Up::Disconnect);
        }
    }

    /// As [`Link::publish`](crate::Link::publish). The expiry counts from here: what waits in the outbox is `Refused` when
    /// it expires, and so is what a lost connection left unacknowledged, though it may have arrived. A client that does not run sends nothing.
    ///
    /// # Errors
    /// [`LinkError::Full`] at [`NetConfig::outbox_bound`].
    pub fn publish(&mut self, now: Mono, client: &str, token: Token, publication: Publication) -> Result<(), LinkError> {
        self.advance(now);
        let bound = self.config.outbox_bound;
        self.with_client(now, client, |c| c.publish(now, bound, token, publication)).unwrap_or(Ok(()))
    }

    /// As [`Link::acknowledge`](crate::Link::acknowledge).
    pub fn acknowledge(&mut self, now: Mono, client: &str, receipt: &Receipt) {
        self.advance(now);
        self.with_client(now, client, |c| c.acknowledge(receipt));
    }

    /// As [`Link::subscribe`](crate::Link::subscribe).
    pub fn subscribe(&mut self, now: Mono, client: &str, filter: &str, qos: QoS) {
        self.advance(now);
        self.with_client(now, client, |c| c.subscribe(filter, qos));
    }

    /// As [`Link::unsubscribe`](crate::Link::unsubscribe).
    pub fn unsubscribe(&mut self, now: Mono, client: &str, filter: &str) {
        self.advance(now);
        self.with_client(now, client, |c| c.unsubscribe(filter));
    }

    /// Nothing passes between this client and the broker until then.
    pub fn partition(&mut self, now: Mono, client: &str, until: Mono) {
        self.advance(now);
        let client: Arc<str> = client.into();
        if let Some(Wire { id: wire, .. }) = self.wires.get(&client) {
            let wire = *wire;
            self.plan(now + self.config.keep_alive, Step::GiveUp { client: client.clone(), wire });
            self.plan(now + self.config.notice, Step::Notice { client: client.clone(), wire });
            // If the broker has hung up by then, its word comes through now.
            self.plan(until, Step::GiveUp { client: client.clone(), wire });
        }
        let since = self.held_back(now, &client).and_then(|_| self.partitions.get(&client)).map_or(now, |(since, _)| *since);
        self.partitions.insert(client, (since, until));
    }

    /// The broker stops now and starts again after `down_for`; without `keep_sessions` it has then forgotten every session and
    /// subscription. It publishes no Will, not even of clients that never return.
    pub fn restart_broker(&mut self, now: Mono, down_for: Duration, keep_sessions: bool) {
        self.advance(now);
        self.broker.stop(now, keep_sessions);
        self.broker_up_at = self.broker_up_at.max(now + down_for);
        let connected: Vec<_> = self.wires.keys().filter(|client| self.held_back(now, client).is_none()).cloned().collect();
        connected.iter().for_each(|client| self.hang_up(now, client, "the broker closed the connection"));
        self.flush(now);
    }

    /// Whether the client's link is up, as the client sees it.
    #[must_use]
    pub fn is_up(&self, client: &str) -> bool {
        self.clients.get(client).is_some_and(|(_, client)| client.is_up())
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { cuts: self.cuts, ..self.broker.counts }
    }

    /// When something happens next; `None` if nothing will without a call.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        if self.events.is_empty() { self.steps.keys().next().map(|(at, _)| *at) } else { Some(self.now) }
    }

    /// The next thing that has happened to a client's link up to `now`.
    pub fn poll(&mut self, now: Mono) -> Option<(String, LinkEvent)> {
        while self.events.is_empty() && self.step(now) {}
        self.events.pop_front().map(|(client, event)| (client.as_ref().to_owned(), event))
    }

    /// Does the next planned step up to `now`; false if there is none.
    fn step(&mut self, now: Mono) -> bool {
        let Some(entry) = self.steps.first_entry().filter(|entry| entry.key().0 <= now) else { return false };
        let ((at, _), step) = entry.remove_entry();
        self.now = self.now.max(at);
        self.take(at, step);
        self.flush(at);
        true
    }

    /// Brings the net up to `now`, before a call changes it; what happens on the way waits in `events`.
    fn advance(&mut self, now: Mono) {
        while self.step(now) {}
    }
}
