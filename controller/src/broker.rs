//! The embedded MQTT 5 broker: for a laptop, a lab or a small operator, up to about 20,000 boxes.
//!
//! Sessions and routing are the crate `mqtt5`'s; the door is ours: mutual TLS, one listener, and the authority that signed
//! the client's certificate decides whether a box or a controller comes in. Who may say what where is [`line3_proto::topic`]'s.
//!
//! Things to know:
//! - Sessions are kept in memory: after a restart every client connects anew and subscribes anew.
//! - The broker adds the User Properties `x-mqtt-sender` (the identity) and `x-mqtt-client-id` to what it forwards, and
//!   removes such properties that a client made up.
//! - A client id, and so a box's identity, may have 128 characters at most.
//! - Retained messages, QoS 2, `$SYS` and Response Information are off.

mod access;
mod door;
mod ingest;
mod tls;

use std::{io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use line3_proto::EndpointId;
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};

use self::{
    access::Clients,
    door::{Door, Engine},
    tls::Tls,
};

/// The largest MQTT packet taken, in bytes; a client that sends a larger one is disconnected. Mosquitto gets the same.
pub const MAX_PACKET_SIZE: u32 = 1 << 20;

/// What the broker proves itself with, and whom it lets in. PEM throughout.
#[derive(Clone)]
pub struct BrokerTls {
    /// The broker's certificate, and the intermediate ones if there are any.
    pub cert_pem: String,
    /// Its key.
    pub key_pem: String,
    /// The authorities whose certificates are boxes'.
    pub box_ca_pem: String,
    /// The authorities whose certificates are controllers'; none of them may be a boxes' authority too.
    pub controller_ca_pem: String,
    /// Which certificates were taken back: one CRL or several.
    pub crl_pem: Option<String>,
}

/// The broker's bounds. Each says what happens when it is reached.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; further ones are closed at once.
    pub connections: usize,
    /// TLS handshakes at a time, so that a fleet that comes back at once does not starve those who are in; others wait.
    pub handshakes: usize,
    /// How long a connection may take for its handshake, the wait included; then it is closed.
    pub handshake_timeout: Duration,
    /// The largest packet, in bytes; the sender of a larger one is disconnected.
    pub packet_size: u32,
    /// How long the session of an absent client is kept at most; a client that asks for longer is told this.
    pub session_expiry: Duration,
    /// Messages that wait for one client; then the oldest is dropped.
    pub queue_messages: usize,
    /// Bytes that wait for one client; then the oldest message is dropped.
    pub queue_bytes: usize,
    /// How long [`Ingest::report`] may take; then it counts as [`Busy`].
    pub ingest_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            handshakes: 512,
            handshake_timeout: Duration::from_secs(10),
            packet_size: MAX_PACKET_SIZE,
            session_expiry: Duration::from_secs(7 * 86_400),
            queue_messages: 10_000,
            queue_bytes: 64 << 20,
            ingest_timeout: Duration::from_secs(10),
        }
    }
}

/// How to start a [`Broker`].
#[derive(Clone)]
pub struct BrokerConfig {
    /// Where it listens; port 0 takes a free one, which [`Broker::local_addr`] tells.
    pub listen: SocketAddr,
    /// Certificates.
    pub tls: BrokerTls,
    /// Bounds.
    pub limits: Limits,
    /// Whether boxes are let in only after [`Broker::admission`]: when their controller has subscribed, so that it misses none
    /// of their connect records. Until then their connections wait, the time of a handshake at most.
    pub hold_boxes: bool,
}

impl BrokerConfig {
    /// With the default [`Limits`], letting everybody in at once.
    #[must_use]
    pub fn new(listen: SocketAddr, tls: BrokerTls) -> Self {
        Self { listen, tls, limits: Limits::default(), hold_boxes: false }
    }
}

/// Why the broker does not start, or does not take new certificates.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Somebody else has the port.
    #[error("cannot listen on {0}: another program does already. Stop it (`ss -ltnp` names it) or choose another port")]
    PortBusy(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {cause}. Choose an address of this machine and a port from 1024 on")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// A certificate, key or CRL cannot be used.
    #[error("cannot use {what}: {why}. Give it as PEM, or issue it anew")]
    BadPem {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// One authority for boxes and for controllers would make a controller of every box.
    #[error("the authority of the boxes is an authority of the controllers too: every box would be a controller. Give each its own")]
    OneAuthority,
    /// The engine does not start.
    #[error("the broker's engine does not start: {0}. This is a fault in Line3; please report it")]
    Engine(String),
}

/// The report was not stored; the box keeps it and sends it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the report could not be stored now")]
pub struct Busy;

/// What [`Ingest::report`] returns.
pub type Stored<'a> = Pin<Box<dyn Future<Output = Result<(), Busy>> + Send + 'a>>;

/// Takes health reports before they are acknowledged.
pub trait Ingest: Send + Sync {
    /// Takes the report that the box `from` published; the box gets its PUBACK after this future is done, and not if it
    /// ends with [`Busy`]: then its connection is closed without an acknowledgement, and it sends the report again when it
    /// is back. Until then nothing else is read from this box. Called for one report of a box at a time, for many boxes at
    /// once; a report may come twice.
    fn report(&self, from: EndpointId, payload: Vec<u8>) -> Stored<'_>;
}

/// The running broker. Dropping it stops it without waiting; [`Broker::stop`] waits.
pub struct Broker {
    local_addr: SocketAddr,
    tls: watch::Sender<Arc<Tls>>,
    boxes_admitted: watch::Sender<bool>,
    clients: Arc<Clients>,
    stop: broadcast::Sender<()>,
    door: JoinHandle<()>,
}

impl Broker {
    /// Starts listening. With `ingest`, health reports go there before they are acknowledged; they are routed to subscribers
    /// of the topic in any case, so that others can read them too.
    pub async fn start(config: BrokerConfig, ingest: Option<Arc<dyn Ingest>>) -> Result<Self, BrokerError> {
        let BrokerConfig { listen, tls, limits, hold_boxes } = config;
        let tls = Arc::new(Tls::new(&tls)?);
        let listener = TcpListener::bind(listen).await.map_err(|cause| match cause.kind() {
            io::ErrorKind::AddrInUse => BrokerError::PortBusy(listen),
            _ => BrokerError::Listen { listen, cause },
        })?;
        let local_addr = listener.local_addr().map_err(|cause| BrokerError::Listen { listen, cause })?;
        let engine = Engine::start(&limits, ingest).await?;
        let (tls, current_tls) = watch::channel(tls);
        let (boxes_admitted, admitted) = watch::channel(!hold_boxes);
        let (stop, stopping) = broadcast::channel(1);
        let clients = Arc::new(Clients::default());
        let door = Door { engine, limits, tls: current_tls, boxes_admitted: admitted, clients: Arc::clone(&clients) };
        let door = tokio::spawn(door.run(listener, stopping));
        tracing::info!(%local_addr, "the embedded broker listens");
        Ok(Self { local_addr, tls, boxes_admitted, clients, stop, door })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many clients are connected and known.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.clients.count()
    }

    /// What lets boxes in from now on, for whoever knows when that is.
    pub fn admission(&self) -> impl Fn() + Send + Sync + 'static {
        let boxes_admitted = self.boxes_admitted.clone();
        move || {
            boxes_admitted.send_replace(true);
        }
    }

    /// Takes new certificates, authorities or CRLs: for every connection from now on, and whoever is connected and would no
    /// longer be let in is disconnected. On an error everything stays as it was.
    pub fn reload(&self, tls: &BrokerTls) -> Result<(), BrokerError> {
        let fresh = Arc::new(Tls::new(tls)?);
        // In this order: a client that the second line misses reads the new value itself.
        self.tls.send_replace(Arc::clone(&fresh));
        self.clients.dismiss(|chain| !fresh.trusts(chain));
        Ok(())
    }

    /// Stops: clients are told (DISCONNECT 0x8B), and what is not done after a few seconds is cut off.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.door.await {
            tracing::error!(%error, "the broker's door ended badly");
        }
    }
}
