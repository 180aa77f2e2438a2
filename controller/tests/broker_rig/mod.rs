//! A broker of either kind, and clients of it, for the tests.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(dead_code, reason = "each test program uses a part of it")]

mod client;
pub(crate) mod raw;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use client::{Client, Will};
use line3_controller::{
    broker::{Broker, BrokerConfig, BrokerError, Ingest, Limits},
    pki::{Issued, Pki, mosquitto::Mosquitto},
};
use line3_proto::EndpointId;

/// Nothing takes this long unless it never comes.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const CONTROLLER: &str = "self::line3";

pub(crate) fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

/// The two listeners of Mosquitto; the embedded broker has one for both.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    Boxes,
    Controllers,
}

enum Running {
    Embedded(Broker),
    Mosquitto { _daemon: Daemon },
}

struct Daemon(Child);

pub(crate) struct Rig {
    pub(crate) pki: Pki,
    boxes: SocketAddr,
    controllers: SocketAddr,
    running: Running,
    pub(crate) dir: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn embedded() -> Self {
        Self::embedded_with(None, Limits::default()).await
    }

    pub(crate) async fn embedded_with(ingest: Option<Arc<dyn Ingest>>, limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::create(&dir.path().join("pki")).unwrap();
        let config = BrokerConfig { limits, ..BrokerConfig::new((Ipv4Addr::LOCALHOST, 0).into(), pki.broker_tls(&["127.0.0.1"]).unwrap()) };
        let broker = Broker::start(config, ingest).await.unwrap();
        let address = broker.local_addr();
        Self { pki, boxes: address, controllers: address, running: Running::Embedded(broker), dir }
    }

    pub(crate) async fn mosquitto() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::create(&dir.path().join("pki")).unwrap();
        // A port that is free now may be taken a moment later: another try gets others.
        for _ in 0..5 {
            let (boxes, controllers) = free_addresses();
            let settings = Mosquitto { boxes, controllers, names: &["127.0.0.1"], user: Some("root") };
            let conf = settings.write(&pki, &dir.path().join("mosquitto")).unwrap();
            if let Some(child) = start_mosquitto(&conf, &[boxes, controllers]).await {
                return Self { pki, boxes, controllers, running: Running::Mosquitto { _daemon: Daemon(child) }, dir };
            }
        }
        panic!("mosquitto does not start with the written configuration; try `mosquitto -c` on it");
    }

    pub(crate) fn broker(&self) -> &Broker {
        match &self.running {
            Running::Embedded(broker) => broker,
            Running::Mosquitto { .. } => panic!("only the embedded broker is ours to ask"),
        }
    }

    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        match door {
            Door::Boxes => self.boxes,
            Door::Controllers => self.controllers,
        }
    }

    /// Connects with anything.
    pub(crate) async fn try_connect(&self, door: Door, issued: Option<&Issued>, client_id: &str, will: Will<'_>) -> Result<Client, String> {
        Client::connect(self.address(door), self.pki.ca_pem(), issued, client_id, will, true).await
    }

    /// A box with its own certificate, subscribed to its own topic.
    pub(crate) async fn a_box(&self, name: &str) -> Client {
        self.a_box_with(name, None).await
    }

    pub(crate) async fn a_box_with(&self, name: &str, will: Will<'_>) -> Client {
        let issued = self.pki.issue_box(&id(name)).unwrap();
        let mut client = self.try_connect(Door::Boxes, Some(&issued), name, will).await.unwrap();
        client.subscribe(&format!("usp/agent/{name}")).await;
        client
    }

    /// A controller that hears everything that a controller may hear.
    pub(crate) async fn a_controller(&self) -> Client {
        let mut client = self.a_quiet_controller(CONTROLLER).await;
        for filter in [
            line3_proto::topic::controller_filter(&id(CONTROLLER)),
            line3_proto::topic::reply_filter(&id(CONTROLLER), "i"),
            line3_proto::topic::TELEMETRY_FILTER.to_owned(),
        ] {
            client.subscribe(&filter).await;
        }
        client
    }

    pub(crate) async fn a_quiet_controller(&self, client_id: &str) -> Client {
        let issued = self.pki.issue_controller(&id(CONTROLLER)).unwrap();
        self.try_connect(Door::Controllers, Some(&issued), client_id, None).await.unwrap()
    }

    /// Stops the embedded broker.
    pub(crate) async fn stop(self) {
        match self.running {
            Running::Embedded(broker) => broker.stop().await,
            Running::Mosquitto { .. } => {}
        }
    }
}

/// Ends with the test, however it ends.
impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_addresses() -> (SocketAddr, SocketAddr) {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (one, other) = (free(), free());
    (one.local_addr().unwrap(), other.local_addr().unwrap())
}

/// `None` when it ended instead of listening.
async fn start_mosquitto(conf: &Path, addresses: &[SocketAddr]) -> Option<Child> {
    let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("mosquitto");
    let mut child = Command::new(program)
        .arg("-c")
        .arg(conf)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}. These tests need the package `mosquitto` (2.0)"));
    let end = Instant::now() + LIMIT;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        if addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
            return Some(child);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The error of a broker that must not start.
pub(crate) async fn does_not_start(config: BrokerConfig) -> BrokerError {
    match Broker::start(config, None).await {
        Err(error) => error,
        Ok(_) => panic!("it started"),
    }
}
