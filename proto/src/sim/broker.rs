//! The simulated broker: sessions, subscriptions, rights and Wills, as a stock Mosquitto with this project's ACL has them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::wire::{Down, Up, expires, with_remaining};
use super::{Counts, NetConfig, Role};
use crate::filter::Filter;
use crate::machine::Mono;
use crate::{Publication, QoS, Topic};

/// How many QoS 1 publications one session has on the way; more wait in its queue.
pub(super) const WINDOW: usize = 20;

/// A publication for one session.
#[derive(Debug)]
struct Pending {
    publication: Publication,
    expires: Option<Mono>,
    /// The shared subscription that it came by: if the session ends, another member of the group gets it.
    shared: Option<String>,
}

#[derive(Debug)]
struct Session {
    role: Role,
    /// The session ends with its connection.
    clean: bool,
    /// The connection, while there is one.
    wire: Option<u64>,
    will: Option<Publication>,
    /// When it ends, while there is no connection.
    ends: Option<Mono>,
    /// Sent and not acknowledged: [`WINDOW`] at most.
    in_flight: VecDeque<(u16, Pending)>,
    /// Not sent yet: [`NetConfig::queue_bound`] at most, then the newest is dropped.
    queue: VecDeque<Pending>,
    last_packet: u16,
}

/// Who has subscribed to one filter.
#[derive(Debug, Default)]
struct Subscribers {
    members: BTreeMap<Arc<str>, QoS>,
    /// Of a shared filter: how many messages were given out.
    turns: usize,
}

#[derive(Debug, Default)]
pub(super) struct Broker {
    sessions: BTreeMap<Arc<str>, Session>,
    /// By filter: those without wildcard, to look up, and the others, to go through.
    exact: BTreeMap<String, Subscribers>,
    patterns: BTreeMap<String, Subscribers>,
    session_expiry: Duration,
    queue_bound: usize,
    /// What to send: to whom, on which connection. The net takes it after every call.
    pub(super) out: Vec<(Arc<str>, u64, Down)>,
    /// Sessions that may end, and when. The net takes them after every call.
    pub(super) timers: Vec<(Mono, Arc<str>)>,
    pub(super) counts: Counts,
}

impl Broker {
    pub(super) fn new(config: &NetConfig) -> Self {
        Self { session_expiry: config.session_expiry, queue_bound: config.queue_bound, ..Self::default() }
    }

    /// Whether this is the client's connection, as the broker sees it.
    pub(super) fn knows(&self, client: &str, wire: u64) -> bool {
        self.sessions.get(client).is_some_and(|session| session.wire == Some(wire))
    }

    /// Takes a packet; false if it came on a connection that the broker has closed.
    pub(super) fn handle(&mut self, now: Mono, client: &Arc<str>, wire: u64, packet: Up) -> bool {
        if let Up::Connect { role, clean, will } = packet {
            self.connect(now, client, wire, role, clean, will);
            return true;
        }
        if !self.knows(client, wire) {
            return false;
        }
        match packet {
            Up::Connect { .. } => {}
            Up::Subscribe(filters) => {
                let refused = filters.into_iter().filter_map(|(filter, qos)| self.subscribe(client, filter, qos).err()).collect();
                self.out.push((client.clone(), wire, Down::Subscribed { refused }));
            }
            Up::Unsubscribe(filter) => self.unsubscribe(client, &filter),
            Up::Publish { serial, publication } => {
                let qos = publication.qos;
                let result = self.publish(now, client, publication);
                if qos == QoS::AtLeastOnce {
                    self.out.push((client.clone(), wire, Down::Acknowledged { serial, result }));
                }
            }
            Up::Acknowledge(packet) => {
                if let Some(session) = self.sessions.get_mut(client) {
                    session.in_flight.retain(|(id, _)| *id != packet);
                }
                self.pump(now, client);
            }
            Up::Disconnect => {
                if let Some(session) = self.sessions.get_mut(client) {
                    session.will = None;
                }
                self.close(now, client, wire);
            }
        }
        true
    }

    fn connect(&mut self, now: Mono, client: &Arc<str>, wire: u64, role: Role, clean: bool, will: Option<Publication>) {
        if let Some(old) = self.sessions.get(client).and_then(|session| session.wire) {
            // The session is taken over: for the old connection, that is not a normal end.
            self.close(now, client, old);
        }
        if clean {
            self.end_session(now, client);
        }
        let present = self.sessions.contains_key(client);
        let session = self.sessions.entry(client.clone()).or_insert_with(|| Session {
            role,
            clean,
            wire: None,
            will: None,
            ends: None,
            in_flight: VecDeque::new(),
            queue: VecDeque::new(),
            last_packet: 0,
        });
        (session.role, session.clean, session.wire, session.will, session.ends) = (role, clean, Some(wire), will, None);
        self.out.push((client.clone(), wire, Down::Connected { present }));
        for (packet, pending) in std::mem::take(&mut session.in_flight) {
            match with_remaining(now, &pending.publication, pending.expires) {
                None => self.counts.expired += 1,
                Some(publication) => {
                    self.out.push((client.clone(), wire, Down::Publish { packet: Some(packet), publication }));
                    session.in_flight.push_back((packet, pending));
                }
            }
        }
        self.pump(now, client);
    }

    /// Ends this connection, if it is the client's; its Will, if not taken back, is published.
    pub(super) fn close(&mut self, now: Mono, client: &Arc<str>, wire: u64) {
        let Some(session) = self.sessions.get_mut(client).filter(|session| session.wire == Some(wire)) else { return };
        session.wire = None;
        let ends = now + self.session_expiry;
        session.ends = Some(ends);
        let (will, clean) = (session.will.take(), session.clean);
        if clean {
            self.end_session(now, client);
        } else {
            self.timers.push((ends, client.clone()));
        }
        if let Some(will) = will
            && self.publish(now, client, will).is_ok()
        {
            self.counts.wills += 1;
        }
    }

    /// Ends the client's session if its time has come.
    pub(super) fn expire_session(&mut self, now: Mono, client: &Arc<str>) {
        if self.sessions.get(client).and_then(|session| session.ends).is_some_and(|ends| ends <= now) {
            self.end_session(now, client);
        }
    }

    fn end_session(&mut self, now: Mono, client: &Arc<str>) {
        let Some(session) = self.sessions.remove(client) else { return };
        for subscriptions in [&mut self.exact, &mut self.patterns] {
            subscriptions.retain(|_, subscribers| {
                subscribers.members.remove(client);
                !subscribers.members.is_empty()
            });
        }
        for pending in session.in_flight.into_iter().map(|(_, pending)| pending).chain(session.queue) {
            // MQTT 5, 4.8.2: what a group's member did not acknowledge should go to another member.
            match pending.shared {
                Some(filter) => self.give_to_one(now, &filter, &pending.publication, pending.expires),
                None => self.counts.dropped += 1,
            }
        }
    }

    /// The broker's machine stops. Without its disk, every session is forgotten. No Will is published.
    pub(super) fn stop(&mut self, now: Mono, keep_sessions: bool) {
        if !keep_sessions {
            self.sessions.clear();
            self.exact.clear();
            self.patterns.clear();
        }
        let clean: Vec<_> = self.sessions.iter().filter(|(_, session)| session.clean).map(|(client, _)| client.clone()).collect();
        clean.iter().for_each(|client| self.end_session(now, client));
        for (client, session) in self.sessions.iter_mut().filter(|(_, session)| session.wire.is_some()) {
            let ends = now + self.session_expiry;
            (session.wire, session.will, session.ends) = (None, None, Some(ends));
            self.timers.push((ends, client.clone()));
        }
        self.out.clear();
    }

    fn subscribe(&mut self, client: &Arc<str>, filter: String, qos: QoS) -> Result<(), (String, &'static str)> {
        // Like a stock Mosquitto, it grants every well-formed filter: rights are looked at when a message is delivered.
        let subscriptions = match Filter::parse(&filter) {
            Err(reason) => return Err((filter, reason)),
            Ok(parsed) if parsed.is_exact() => &mut self.exact,
            Ok(_) => &mut self.patterns,
        };
        subscriptions.entry(filter).or_default().members.insert(client.clone(), qos);
        Ok(())
    }

    fn unsubscribe(&mut self, client: &Arc<str>, filter: &str) {
        for subscriptions in [&mut self.exact, &mut self.patterns] {
            if let Some(subscribers) = subscriptions.get_mut(filter) {
                subscribers.members.remove(client);
                if subscribers.members.is_empty() {
                    subscriptions.remove(filter);
                }
            }
        }
    }

    fn publish(&mut self, now: Mono, from: &Arc<str>, publication: Publication) -> Result<(), &'static str> {
        if !self.sessions.get(from).is_some_and(|session| session.role.may_publish(from, &publication.topic)) {
            self.counts.denied += 1;
            return Err("Not authorized");
        }
        let expires = expires(now, &publication);
        let mut receivers: BTreeMap<Arc<str>, QoS> = self.exact.get(&publication.topic).map_or_else(BTreeMap::new, |s| s.members.clone());
        let mut groups = Vec::new();
        for (filter, subscribers) in &self.patterns {
            match Filter::parse(filter) {
                Ok(parsed) if !parsed.matches(&publication.topic) => {}
                Ok(parsed) if parsed.shared => groups.push(filter.clone()),
                Ok(_) => subscribers.members.iter().for_each(|(client, qos)| {
                    // One copy for overlapping filters, at the surest of their QoS.
                    let best = receivers.entry(client.clone()).or_insert(*qos);
                    if *qos == QoS::AtLeastOnce {
                        *best = *qos;
                    }
                }),
                Err(_) => {}
            }
        }
        for (client, qos) in receivers {
            self.deliver(now, &client, qos, Pending { publication: publication.clone(), expires, shared: None });
        }
        groups.iter().for_each(|filter| self.give_to_one(now, filter, &publication, expires));
        Ok(())
    }

    /// Gives a message to the group's next member that is connected, or else to the next that has a session.
    fn give_to_one(&mut self, now: Mono, filter: &str, publication: &Publication, expires: Option<Mono>) {
        let Some(subscribers) = self.patterns.get_mut(filter) else {
            self.counts.dropped += 1;
            return;
        };
        let count = subscribers.members.len();
        let in_turn = || subscribers.members.iter().cycle().skip(subscribers.turns % count.max(1)).take(count);
        let connected = |client: &Arc<str>| self.sessions.get(client).is_some_and(|session| session.wire.is_some());
        let chosen =
            in_turn().find(|(client, _)| connected(client)).or_else(|| in_turn().next()).map(|(client, qos)| (client.clone(), *qos));
        subscribers.turns = subscribers.turns.wrapping_add(1);
        if let Some((client, qos)) = chosen {
            let pending = Pending { publication: publication.clone(), expires, shared: Some(filter.to_owned()) };
            self.deliver(now, &client, qos, pending);
        }
    }

    fn deliver(&mut self, now: Mono, client: &Arc<str>, qos: QoS, mut pending: Pending) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        if !session.role.may_receive(client, &pending.publication.topic) {
            self.counts.denied += 1;
            return;
        }
        if qos == QoS::AtMostOnce {
            pending.publication.qos = qos;
        }
        if pending.publication.qos == QoS::AtMostOnce {
            let publication = with_remaining(now, &pending.publication, pending.expires);
            if let (Some(wire), Some(publication)) = (session.wire, publication) {
                self.out.push((client.clone(), wire, Down::Publish { packet: None, publication }));
            }
            return;
        }
        if session.queue.len() >= self.queue_bound {
            let before = session.queue.len();
            session.queue.retain(|waiting| waiting.expires.is_none_or(|at| at > now));
            self.counts.expired += (before - session.queue.len()) as u64;
        }
        if session.queue.len() >= self.queue_bound {
            self.counts.dropped += 1;
            return;
        }
        session.queue.push_back(pending);
        self.pump(now, client);
    }

    /// Sends what waits, as far as the window allows.
    fn pump(&mut self, now: Mono, client: &Arc<str>) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        let Some(wire) = session.wire else { return };
        while session.in_flight.len() < WINDOW {
            let Some(pending) = session.queue.pop_front() else { return };
            let Some(publication) = with_remaining(now, &pending.publication, pending.expires) else {
                self.counts.expired += 1;
                continue;
            };
            let packet = loop {
                session.last_packet = session.last_packet.wrapping_add(1).max(1);
                if session.in_flight.iter().all(|(id, _)| *id != session.last_packet) {
                    break session.last_packet;
                }
            };
            session.in_flight.push_back((packet, pending));
            self.out.push((client.clone(), wire, Down::Publish { packet: Some(packet), publication }));
        }
    }
}

impl Role {
    /// The ACL of [`crate::topic`] for publishing.
    fn may_publish(self, client: &str, topic: &str) -> bool {
        match (self, Topic::parse(topic)) {
            (Self::Box, Some(topic)) => topic.sender().is_some_and(|id| id.as_str() == client),
            (Self::Controller, Some(topic)) => topic.sender().is_none(),
            (_, None) => false,
        }
    }

    /// The ACL of [`crate::topic`] for receiving.
    fn may_receive(self, client: &str, topic: &str) -> bool {
        match (self, Topic::parse(topic)) {
            (Self::Box, Some(Topic::Agent(id))) => id.as_str() == client,
            (Self::Controller, Some(topic)) => topic.sender().is_some(),
            _ => false,
        }
    }
}
