//! The client's end: what the real link keeps and does, without a socket.

use std::collections::VecDeque;

use super::ClientConfig;
use super::wire::{Down, Up, expires, with_remaining};
use crate::link::{LinkError, Receipt, Session, Token};
use crate::machine::Mono;
use crate::{LinkEvent, Publication, QoS};

/// How many QoS 1 publications are on the way at a time; more wait in the outbox.
pub(super) const WINDOW: usize = 100;

/// Of a publication that was perhaps on the way on an earlier connection.
const EXPIRED: &str = "expired before the broker acknowledged it";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected, until the next try.
    Waiting,
    /// CONNECT is sent.
    Connecting,
    /// CONNACK has come, the first SUBACK has not.
    Subscribing {
        present: bool,
    },
    Up,
}

#[derive(Debug)]
struct Outgoing {
    serial: u64,
    token: Token,
    publication: Publication,
    expires: Option<Mono>,
}

#[derive(Debug)]
pub(super) struct Client {
    config: ClientConfig,
    state: State,
    /// Connections tried, which numbers them: a CONNECT whose CONNACK was lost has left a Will behind, so no number is used twice.
    number: u32,
    /// Tries that failed since the last success.
    pub(super) failures: u32,
    /// [`super::NetConfig::outbox_bound`] at most, then `publish` gives back. The first `sent` ones are on the way.
    outbox: VecDeque<Outgoing>,
    sent: usize,
    /// When the next of those that wait expires, if that is planned.
    expiry_planned: Option<Mono>,
    serial: u64,
    /// What to send. The net takes it after every call.
    pub(super) out: Vec<Up>,
    /// What has happened. The net takes it after every call.
    pub(super) events: Vec<LinkEvent>,
}

impl Client {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            state: State::Waiting,
            number: 0,
            failures: 0,
            outbox: VecDeque::new(),
            sent: 0,
            expiry_planned: None,
            serial: 0,
            out: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    pub(super) fn is_connecting(&self) -> bool {
        !self.is_waiting() && !self.is_up()
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Opens a connection.
    pub(super) fn dial(&mut self) {
        self.number += 1;
        self.state = State::Connecting;
        let will = self.config.will.clone().map(|mut will| {
            will.user_properties.push(("line3-conn".to_owned(), format!("{}.{}", self.config.will_run, self.number)));
            will
        });
        self.out.push(Up::Connect { role: self.config.role, clean: self.config.clean, will });
    }

    /// The connection is gone.
    pub(super) fn lose(&mut self) {
        self.state = State::Waiting;
        self.failures = self.failures.saturating_add(1);
        self.sent = 0;
        self.out.clear();
    }

    pub(super) fn handle(&mut self, now: Mono, packet: Down) {
        match packet {
            Down::Connected { present } => {
                self.state = State::Subscribing { present };
                if self.config.subscriptions.is_empty() {
                    self.up(now, present);
                } else {
                    self.out.push(Up::Subscribe(self.config.subscriptions.clone()));
                }
            }
            Down::Subscribed { refused } => {
                for (filter, reason) in refused {
                    self.events.push(LinkEvent::NotSubscribed { filter, reason: reason.to_owned() });
                }
                if let State::Subscribing { present } = self.state {
                    self.up(now, present);
                }
            }
            Down::Publish { packet, publication } => {
                let receipt = packet.filter(|_| self.config.manual_acknowledge).map(|packet| Receipt { connection: self.number, packet });
                if let (Some(packet), None) = (packet, &receipt) {
                    self.out.push(Up::Acknowledge(packet));
                }
                self.events.push(LinkEvent::Received(publication, receipt));
            }
            Down::Acknowledged { serial, result } => {
                let on_the_way = self.outbox.iter().take(self.sent).position(|outgoing| outgoing.serial == serial);
                if let Some(outgoing) = on_the_way.and_then(|index| self.outbox.remove(index)) {
                    self.sent -= 1;
                    self.events.push(match result {
                        Ok(()) => LinkEvent::Sent(outgoing.token),
                        Err(reason) => LinkEvent::Refused(outgoing.token, reason.to_owned()),
                    });
                }
                self.pump(now);
            }
        }
    }

    fn up(&mut self, now: Mono, present: bool) {
        self.state = State::Up;
        self.failures = 0;
        self.events.push(LinkEvent::Up(Session { connection: self.number, present, ..Session::default() }));
        self.pump(now);
    }

    pub(super) fn publish(&mut self, now: Mono, bound: usize, token: Token, publication: Publication) -> Result<(), LinkError> {
        if self.outbox.len() >= bound {
            return Err(LinkError::Full(Box::new(publication)));
        }
        self.serial += 1;
        let expires = expires(now, &publication);
        self.outbox.push_back(Outgoing { serial: self.serial, token, publication, expires });
        self.pump(now);
        Ok(())
    }

    /// Sends what waits, as far as the window allows; after a new connection also what was not acknowledged on the old one.
    fn pump(&mut self, now: Mono) {
        while self.state == State::Up && self.sent < WINDOW {
            let Some(outgoing) = self.outbox.get(self.sent) else { return };
            let Some(publication) = with_remaining(now, &outgoing.publication, outgoing.expires) else {
                self.events.push(LinkEvent::Refused(outgoing.token, EXPIRED.to_owned()));
                self.outbox.remove(self.sent);
                continue;
            };
            if publication.qos == QoS::AtLeastOnce {
                self.sent += 1;
            } else {
                self.events.push(LinkEvent::Sent(outgoing.token));
            }
            let serial = outgoing.serial;
            if publication.qos == QoS::AtMostOnce {
                self.outbox.remove(self.sent);
            }
            self.out.push(Up::Publish { serial, publication });
        }
    }

    /// Gives up what waits and has expired. What is on the way is the broker's to judge.
    pub(super) fn expire(&mut self, now: Mono) {
        self.expiry_planned = None;
        let (sent, mut index) = (self.sent, 0);
        let events = &mut self.events;
        self.outbox.retain(|outgoing| {
            index += 1;
            let keep = index <= sent || outgoing.expires.is_none_or(|at| at > now);
            if !keep {
                events.push(LinkEvent::Refused(outgoing.token, EXPIRED.to_owned()));
            }
            keep
        });
    }

    /// When [`expire`](Self::expire) is next due, if that is news.
    pub(super) fn plan_expiry(&mut self) -> Option<Mono> {
        let next = self.outbox.iter().skip(self.sent).filter_map(|outgoing| outgoing.expires).min()?;
        if self.expiry_planned.is_some_and(|planned| planned <= next) {
            return None;
        }
        self.expiry_planned = Some(next);
        Some(next)
    }

    pub(super) fn acknowledge(&mut self, receipt: &Receipt) {
        let connected = matches!(self.state, State::Subscribing { .. } | State::Up);
        if connected && receipt.connection == self.number {
            self.out.push(Up::Acknowledge(receipt.packet));
        }
    }

    pub(super) fn subscribe(&mut self, filter: &str, qos: QoS) {
        self.config.subscriptions.retain(|(known, _)| known != filter);
        self.config.subscriptions.push((filter.to_owned(), qos));
        if matches!(self.state, State::Subscribing { .. } | State::Up) {
            self.out.push(Up::Subscribe(vec![(filter.to_owned(), qos)]));
        }
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) {
        self.config.subscriptions.retain(|(known, _)| known != filter);
        if matches!(self.state, State::Subscribing { .. } | State::Up) {
            self.out.push(Up::Unsubscribe(filter.to_owned()));
        }
    }
}
