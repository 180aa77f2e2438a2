//! What goes over a connection, and the connection: two queues that keep their order, as TCP does.

use std::collections::VecDeque;

use super::Role;
use crate::machine::Mono;
use crate::{Publication, QoS};

/// From a client to the broker.
#[derive(Debug)]
pub(super) enum Up {
    Connect {
        role: Role,
        clean: bool,
        will: Option<Publication>,
    },
    Subscribe(Vec<(String, QoS)>),
    Unsubscribe(String),
    /// `serial` stands for the packet identifier.
    Publish {
        serial: u64,
        publication: Publication,
    },
    Acknowledge(u16),
    Disconnect,
}

/// From the broker to a client.
#[derive(Debug)]
pub(super) enum Down {
    Connected {
        present: bool,
    },
    /// Those that were refused, and why.
    Subscribed {
        refused: Vec<(String, &'static str)>,
    },
    /// With a packet identifier if at QoS 1.
    Publish {
        packet: Option<u16>,
        publication: Publication,
    },
    Acknowledged {
        serial: u64,
        result: Result<(), &'static str>,
    },
}

/// One connection. There is a step for each packet, and each step takes the oldest: none overtakes another. What is on the way is bounded by the senders' windows: see [`super::client::WINDOW`] and
/// [`super::broker::WINDOW`]; QoS 0 by [`super::NetConfig::queue_bound`].
#[derive(Debug)]
pub(super) struct Wire {
    /// Never used twice in a net.
    pub(super) id: u64,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
}

impl Wire {
    pub(super) fn new(id: u64) -> Self {
        Self { id, up: VecDeque::new(), down: VecDeque::new() }
    }
}

/// When a publication that is taken now stops being worth delivering. Whole seconds on the wire, rounded up.
pub(super) fn expires(now: Mono, publication: &Publication) -> Option<Mono> {
    publication.expiry.map(|expiry| now + whole_seconds(expiry))
}

/// The publication with what is left of its expiry; `None` if that is nothing.
pub(super) fn with_remaining(now: Mono, publication: &Publication, expires: Option<Mono>) -> Option<Publication> {
    let left = expires.map(|at| at.since(now));
    if left.is_some_and(|left| left.is_zero()) {
        return None;
    }
    Some(Publication { expiry: left.map(whole_seconds), ..publication.clone() })
}

fn whole_seconds(time: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}
