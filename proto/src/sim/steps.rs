//! What comes to pass in the net, step by step: packets arrive, connections break, ends lose patience.

use std::sync::Arc;
use std::time::Duration;

use super::SimNet;
use super::client::Client;
use super::wire::{Down, Up, Wire};
use crate::machine::Mono;
use crate::{LinkEvent, QoS};

/// After this long without CONNACK a client gives a connection up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What comes to pass at its time.
#[derive(Debug)]
pub(super) enum Step {
    /// The next packet on this connection reaches the broker.
    Up { client: Arc<str>, wire: u64 },
    /// The next packet on this connection reaches the client.
    Down { client: Arc<str>, wire: u64 },
    /// The client tries to connect, if it is still the same link.
    Dial { client: Arc<str>, link: u64 },
    /// The client has waited long enough for CONNACK.
    ConnectTimeout { client: Arc<str>, wire: u64 },
    /// The client has heard nothing for too long.
    GiveUp { client: Arc<str>, wire: u64 },
    /// The broker has heard nothing for too long.
    Notice { client: Arc<str>, wire: u64 },
    /// What waits in the client's outbox may have expired.
    OutboxExpires { client: Arc<str> },
    /// A session's time without connection may be over.
    SessionEnds { client: Arc<str> },
}

impl SimNet {
    pub(super) fn take(&mut self, now: Mono, step: Step) {
        match step {
            Step::Up { client, wire } => {
                if let Some(at) = self.held_back(now, &client) {
                    self.plan(at, Step::Up { client, wire });
                } else if let Some(packet) = self.wire(&client, wire).and_then(|wire| wire.up.pop_front()) {
                    self.reaches_broker(now, &client, wire, packet);
                }
            }
            Step::Down { client, wire } => {
                if let Some(at) = self.held_back(now, &client) {
                    self.plan(at, Step::Down { client, wire });
                } else if let Some(packet) = self.wire(&client, wire).and_then(|wire| wire.down.pop_front()) {
                    self.reaches_client(now, &client, packet);
                }
            }
            Step::Dial { client, link } => self.dial(now, &client, link),
            Step::ConnectTimeout { client, wire } => {
                if self.clients.get(&client).is_some_and(|(_, c)| c.is_connecting()) {
                    self.give_up(now, &client, wire);
                }
            }
            Step::GiveUp { client, wire } => {
                if self.is_silent(now, &client, self.config.keep_alive) || !self.broker.knows(&client, wire) {
                    self.give_up(now, &client, wire);
                }
            }
            Step::Notice { client, wire } => {
                if self.wire(&client, wire).is_none() || self.is_silent(now, &client, self.config.notice) {
                    self.broker.close(now, &client, wire);
                }
            }
            Step::OutboxExpires { client } => {
                self.with_client(now, &client, |c| c.expire(now));
            }
            Step::SessionEnds { client } => self.broker.expire_session(now, &client),
        }
    }

    fn dial(&mut self, now: Mono, client: &Arc<str>, link: u64) {
        if !self.clients.get(client).is_some_and(|(id, c)| *id == link && c.is_waiting()) {
            return;
        }
        if self.wires.contains_key(client) {
            // An earlier link's DISCONNECT is still on its way.
            let gone = self.held_back(now, client).unwrap_or(now + self.config.latency.1);
            return self.plan(gone, Step::Dial { client: client.clone(), link });
        }
        let wire = self.new_id();
        self.wires.insert(client.clone(), Wire::new(wire));
        self.plan(now + CONNECT_TIMEOUT, Step::ConnectTimeout { client: client.clone(), wire });
        self.with_client(now, client, Client::dial);
    }

    fn reaches_broker(&mut self, now: Mono, client: &Arc<str>, wire: u64, packet: Up) {
        if self.rng.chance(self.config.loss) {
            return self.cut(now, client);
        }
        if now < self.broker_up_at {
            return self.hang_up(now, client, "the broker refuses the connection: it is down");
        }
        let last = matches!(packet, Up::Disconnect);
        let unheard = matches!(&packet, Up::Publish { publication, .. } if publication.qos == QoS::AtLeastOnce)
            && self.rng.chance(self.config.duplicate);
        if !self.broker.handle(now, client, wire, packet) {
            self.hang_up(now, client, "the broker closed the connection");
        } else if unheard {
            self.cut(now, client);
        } else if last {
            self.wires.remove(client);
        }
    }

    fn reaches_client(&mut self, now: Mono, client: &Arc<str>, packet: Down) {
        if self.rng.chance(self.config.loss) {
            return self.cut(now, client);
        }
        let unheard = matches!(packet, Down::Publish { packet: Some(_), .. }) && self.rng.chance(self.config.duplicate);
        let Some((_, c)) = self.clients.get_mut(client) else { return };
        c.handle(now, packet);
        if unheard {
            self.events.extend(c.events.drain(..).map(|event| (client.clone(), event)));
            return self.cut(now, client);
        }
        self.with_client(now, client, |_| ());
    }

    /// The connection breaks, for the client to see; the broker sees it at once or not.
    fn cut(&mut self, now: Mono, client: &Arc<str>) {
        self.cuts += 1;
        if let Some(wire) = self.wires.get(client).map(|wire| wire.id) {
            if self.rng.chance(0.5) {
                self.broker.close(now, client, wire);
            } else {
                self.plan(now + self.config.notice, Step::Notice { client: client.clone(), wire });
            }
        }
        self.hang_up(now, client, "the connection to the broker broke");
    }

    /// The client closes a connection on which nothing comes. The broker hears nothing of this: it sees it by itself.
    fn give_up(&mut self, now: Mono, client: &Arc<str>, wire: u64) {
        if self.wire(client, wire).is_some() {
            self.plan(now + self.config.notice, Step::Notice { client: client.clone(), wire });
            self.hang_up(now, client, "the broker does not answer");
        }
    }

    /// The client's end of the connection closes, and the link waits for its next try.
    pub(super) fn hang_up(&mut self, now: Mono, client: &Arc<str>, reason: &str) {
        self.wires.remove(client);
        // One that waits had nothing to do with this connection: it follows a link that was disconnected.
        let Some((link, c)) = self.clients.get_mut(client).filter(|(_, c)| !c.is_waiting()) else { return };
        c.lose();
        let longest = self.config.retry.saturating_mul(1 << c.failures.min(16)).min(self.config.retry_cap);
        let retry_in = self.rng.between(longest / 2, longest);
        self.events.push_back((client.clone(), LinkEvent::Down { reason: reason.to_owned(), retry_in }));
        let link = *link;
        self.plan(now + retry_in, Step::Dial { client: client.clone(), link });
        self.with_client(now, client, |c| c.expire(now));
    }

    /// Calls the client, then carries what it sends and tells. `None` if it does not run.
    pub(super) fn with_client<T>(&mut self, now: Mono, client: &str, call: impl FnOnce(&mut Client) -> T) -> Option<T> {
        let (name, _) = self.clients.get_key_value(client)?;
        let name = name.clone();
        let (_, client) = self.clients.get_mut(&name)?;
        let result = call(client);
        let expiry = client.plan_expiry();
        let (out, events) = (std::mem::take(&mut client.out), std::mem::take(&mut client.events));
        self.events.extend(events.into_iter().map(|event| (name.clone(), event)));
        out.into_iter().for_each(|packet| self.send_up(now, &name, packet));
        if let Some(at) = expiry {
            self.plan(at, Step::OutboxExpires { client: name });
        }
        Some(result)
    }

    /// Carries what the broker sends.
    pub(super) fn flush(&mut self, now: Mono) {
        for (client, id, packet) in std::mem::take(&mut self.broker.out) {
            let latency = self.rng.between(self.config.latency.0, self.config.latency.1);
            let bound = self.config.queue_bound;
            let Some(wire) = self.wires.get_mut(&client).filter(|wire| wire.id == id) else { continue };
            if matches!(packet, Down::Publish { packet: None, .. }) && wire.down.len() >= bound {
                self.broker.counts.dropped += 1;
                continue;
            }
            wire.down.push_back(packet);
            self.plan(now + latency, Step::Down { client, wire: id });
        }
        for (at, client) in std::mem::take(&mut self.broker.timers) {
            self.plan(at, Step::SessionEnds { client });
        }
    }

    pub(super) fn send_up(&mut self, now: Mono, client: &Arc<str>, packet: Up) {
        let latency = self.rng.between(self.config.latency.0, self.config.latency.1);
        let Some(wire) = self.wires.get_mut(client) else { return };
        let unsure = matches!(&packet, Up::Publish { publication, .. } if publication.qos == QoS::AtMostOnce);
        if unsure && wire.up.len() >= self.config.queue_bound {
            self.broker.counts.dropped += 1;
            return;
        }
        wire.up.push_back(packet);
        let id = wire.id;
        self.plan(now + latency, Step::Up { client: client.clone(), wire: id });
    }

    fn wire(&mut self, client: &str, id: u64) -> Option<&mut Wire> {
        self.wires.get_mut(client).filter(|wire| wire.id == id)
    }

    /// Whether the two ends have heard nothing of each other for this long.
    fn is_silent(&self, now: Mono, client: &str, span: Duration) -> bool {
        self.partitions.get(client).is_some_and(|(since, until)| now < *until && now.since(*since) >= span)
    }

    /// When what would arrive now can pass, if not now.
    pub(super) fn held_back(&self, now: Mono, client: &str) -> Option<Mono> {
        self.partitions.get(client).map(|(_, until)| *until).filter(|until| now < *until)
    }

    pub(super) fn plan(&mut self, at: Mono, step: Step) {
        self.planned += 1;
        self.steps.insert((at, self.planned), step);
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }
}
