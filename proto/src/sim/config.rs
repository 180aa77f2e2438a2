//! What a net and its clients are like, and what is counted.

use std::time::Duration;

use crate::{Publication, QoS};

/// What the network and the broker are like.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// How long a packet takes one way: at least, at most.
    pub latency: (Duration, Duration),
    /// The chance of each packet to be lost, and the connection with it: 0.0 to 1.0.
    pub loss: f64,
    /// The chance of each QoS 1 publication, either way, that its acknowledgement is lost, and the connection with it.
    pub duplicate: f64,
    /// A client that hears nothing for so long gives the connection up.
    pub keep_alive: Duration,
    /// How long after a power loss or an unseen cut the broker sees it, and publishes the Will; with MQTT 1.5 times the keep alive.
    pub notice: Duration,
    /// How long the broker keeps a session without connection.
    pub session_expiry: Duration,
    /// How many QoS 1 publications wait at the broker for one session; at the bound the newest is dropped.
    pub queue_bound: usize,
    /// How many publications a client's outbox holds; at the bound [`SimNet::publish`](super::SimNet::publish) gives back.
    pub outbox_bound: usize,
    /// The wait before the first retry: a random time between this and its double. Doubles with each failure.
    pub retry: Duration,
    /// The longest of these waits (the shortest is then half of it).
    pub retry_cap: Duration,
}

impl Default for NetConfig {
    /// A calm network: 10 to 50 ms, nothing lost; a keep alive of 60 s, sessions of a day.
    fn default() -> Self {
        Self {
            latency: (Duration::from_millis(10), Duration::from_millis(50)),
            loss: 0.0,
            duplicate: 0.0,
            keep_alive: Duration::from_secs(60),
            notice: Duration::from_secs(90),
            session_expiry: Duration::from_secs(86_400),
            queue_bound: 1000,
            outbox_bound: 1000,
            retry: Duration::from_secs(5),
            retry_cap: Duration::from_secs(300),
        }
    }
}

/// What the broker's ACL lets a client do ([`crate::topic`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A box; its client id is its endpoint id. It publishes and receives on its own topics only.
    #[default]
    Box,
    /// A controller: publishes to every box and receives from every box.
    Controller,
}

/// What a client connects with.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// What the ACL makes of it.
    pub role: Role,
    /// What the broker publishes if the connection ends without a DISCONNECT; the link adds the user property
    /// `line3-conn=<will_run>.<n>`, n being the number of the connection.
    pub will: Option<Publication>,
    /// The id of this run of the client.
    pub will_run: String,
    /// Each connection starts without a session and leaves none.
    pub clean: bool,
    /// The client acknowledges QoS 1 publications itself ([`SimNet::acknowledge`](super::SimNet::acknowledge)).
    pub manual_acknowledge: bool,
    /// What it subscribes to on every connection.
    pub subscriptions: Vec<(String, QoS)>,
}

/// How often something happened in a net since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections cut by loss, or to make a duplicate.
    pub cuts: u64,
    /// Wills published.
    pub wills: u64,
    /// Publications whose expiry passed at the broker.
    pub expired: u64,
    /// Publications dropped: a full queue, or a session that ended.
    pub dropped: u64,
    /// Publications and deliveries that the ACL forbade.
    pub denied: u64,
}
