//! The server: store, audit, fleet, broker and API, started in the order in which they need each other and stopped in the reverse.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::link::{Link, QoS};
use line3_proto::mqtt::{MqttConfig, MqttLink, TlsError, client_tls};
use line3_proto::topic::{TELEMETRY_FILTER, controller_filter, reply_filter, shared};
use line3_proto::{EndpointId, Wall};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::api::{ApiState, BadEngineers, Engineers, router};
use crate::board::Board;
use crate::broker::{Broker, BrokerConfig, BrokerError, Ingest};
use crate::clock::{Clock, wall};
use crate::config::Config;
use crate::desk::{Desk, KeptCall};
use crate::driver::{self, INBOX, Office};
use crate::fleet::{Call, Fleet, Reopened};
use crate::keeper::{Keeper, KeeperError, Kept, Stopping};
use crate::pki::{Pki, PkiError};
use crate::store::{BoxRow, Day, StoreError};
use crate::telemetry::{Telemetry, listen};

/// The name of the database in the data directory.
pub const DATABASE: &str = "line3.db";

/// How often reports are moved from the journal into blocks, and old days dropped.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// How many boxes are read at once at start.
const PAGE: usize = 1000;

/// How often the controller tests a quiet connection to its broker.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many messages to and from the broker may be under way.
const IN_FLIGHT: u16 = 100;

/// Messages that wait for the broker.
const OUTBOX: usize = 20_000;

/// Bytes that wait for the broker.
const OUTBOX_BYTES: usize = 64 << 20;

/// How long requests under way have to end when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store or the audit log.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The controller's own certificate.
    #[error("the controller's certificate: {0}")]
    Tls(#[from] TlsError),
    /// The API's port.
    #[error("the API cannot listen on {listen}: {cause}{hint}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        cause: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The list of engineers.
    #[error(transparent)]
    Engineers(#[from] BadEngineers),
    /// Random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// It was stopped while it started.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// A running server.
pub struct Server {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where the embedded broker listens; `None`: the broker is not ours.
    pub broker_addr: Option<SocketAddr>,
    /// The desk.
    pub desk: Desk,
    keeper: Keeper,
    broker: Option<Broker>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    telemetry: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server on a data directory. `boxes` are made known if they are not yet.
    pub async fn start(data: &Path, config: &Config, pki: &Pki, boxes: Vec<BoxRow>) -> Result<Self, ServeError> {
        let engineers = Engineers::new(config.engineer.clone())?;
        let clock = Clock::start();
        let keeper = Keeper::open(&data.join(DATABASE), wall())?;
        let embedded = config.broker.is_none();
        let (known, open) = keeper.run(move |kept| recall(kept, boxes, embedded)).await??;
        let board = Arc::new(Board::default());
        show(&keeper, &board, &known).await?;

        let mut seed = [0_u8; 8];
        getrandom::fill(&mut seed).map_err(ServeError::Random)?;
        let seed = u64::from_le_bytes(seed);
        let (inbox, inputs) = mpsc::channel(INBOX);
        let desk = Desk::new(keeper.clone(), Arc::clone(&board), inbox.clone());
        let telemetry = Telemetry::open(keeper.clone(), Arc::clone(&board), inbox.clone());
        let (stop, stopping) = watch::channel(false);
        let api_listener = TcpListener::bind(config.api_listen).await.map_err(|cause| {
            let hint = match cause.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "; another program does already, maybe another line3: stop it (`ss -ltnp` names it), or set api-listen in line3.toml"
                }
                _ => "",
            };
            ServeError::Listen { listen: config.api_listen, cause, hint }
        })?;

        let names: Vec<&str> = config.embedded_broker.names.iter().map(String::as_str).collect();
        let broker = if embedded {
            let broker = BrokerConfig { hold_boxes: true, ..BrokerConfig::new(config.embedded_broker.listen, pki.broker_tls(&names)?) };
            Some(Broker::start(broker, Some(Arc::new(telemetry.clone()) as Arc<dyn Ingest>)).await?)
        } else {
            None
        };
        let broker_addr = broker.as_ref().map(Broker::local_addr);
        let links = Links { config, pki, broker: broker_addr, seed };

        let mut link = links.open("usp", false)?;
        let group = config.broker.as_ref().map_or("", |broker| broker.group.as_str());
        let grouped = |filter: &str| if group.is_empty() { filter.to_owned() } else { shared(group, filter) };
        link.subscribe(&grouped(&controller_filter(&config.id)), QoS::AtLeastOnce);
        link.subscribe(&reply_filter(&config.id, &config.instance), QoS::AtLeastOnce);
        let fleet = Fleet::new(clock.now(), config.id.clone(), &config.instance, seed, known, open);
        let office = Office { keeper: keeper.clone(), board, desk: desk.clone(), inbox, clock };
        let admit = broker.as_ref().map(Broker::admission);
        let up = move || admit.iter().for_each(|admit| admit());
        let fleet_loop = driver::run(fleet, link, inputs, office, up, stopped(stopping.clone()));
        let mut tasks = vec![tokio::spawn(async move {
            if let Err(error) = fleet_loop.await {
                tracing::error!("the fleet's loop ended: {error}");
            }
        })];
        let telemetry = if embedded {
            None
        } else {
            let mut link = links.open("telemetry", true)?;
            link.subscribe(&grouped(TELEMETRY_FILTER), QoS::AtLeastOnce);
            Some(tokio::spawn(listen(telemetry, link)))
        };

        tasks.push(tokio::spawn(tidy(keeper.clone(), config.retention_days, stopping.clone())));
        let api = api_listener.local_addr().map_err(|cause| ServeError::Listen { listen: config.api_listen, cause, hint: "" })?;
        let app = router(ApiState { desk: desk.clone(), engineers: Arc::new(engineers) });
        tasks.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(api_listener, app).with_graceful_shutdown(stopped(stopping)).await {
                tracing::error!("the API ended: {error}");
            }
        }));
        Ok(Self { api, broker_addr, desk, keeper, broker, stop, tasks, telemetry })
    }

    /// Stops: no new work, then the broker, then the store, whose last word is on disk when this ends.
    pub async fn stop(self) {
        let Self { desk, keeper, broker, stop, tasks, telemetry, .. } = self;
        // Nobody listening any more is what is wanted.
        let _ = stop.send(true);
        if let Some(broker) = broker {
            broker.stop().await;
        }
        if let Some(telemetry) = telemetry {
            telemetry.abort();
        }
        for mut task in tasks {
            // Streams of events have no end of their own.
            if tokio::time::timeout(STOP_GRACE, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
        drop(desk);
        if tokio::time::timeout(STOP_GRACE, keeper.close()).await.is_err() {
            tracing::warn!("something still holds the store; what was acknowledged is on disk all the same");
        }
    }
}

/// Ends by Ctrl-C or by SIGTERM.
pub async fn told_to_stop() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender gone is a stop, too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// The controller's links to its broker.
struct Links<'a> {
    config: &'a Config,
    pki: &'a Pki,
    broker: Option<SocketAddr>,
    seed: u64,
}

impl Links<'_> {
    fn open(&self, purpose: &str, manual_acks: bool) -> Result<MqttLink, ServeError> {
        let id: &EndpointId = &self.config.id;
        let issued = self.pki.issue_controller(id)?;
        let tls = client_tls(self.pki.ca_pem().as_bytes(), issued.cert_pem.as_bytes(), issued.key_pem.as_bytes())?;
        let (host, port) = match (&self.config.broker, self.broker) {
            (Some(broker), _) => (broker.host.clone(), broker.port),
            (None, Some(address)) => (self.own_name(), address.port()),
            (None, None) => (self.own_name(), self.config.embedded_broker.listen.port()),
        };
        let client_id = format!("{id}.{purpose}-{}", self.config.instance);
        let mut config = MqttConfig::new(host, port, client_id, self.seed);
        config.tls = Some(tls);
        config.keep_alive = KEEP_ALIVE;
        config.session_expiry = Duration::from_secs(86_400);
        config.in_flight = IN_FLIGHT;
        config.manual_acks = manual_acks;
        config.outbox_messages = OUTBOX;
        config.outbox_bytes = OUTBOX_BYTES;
        config.user_properties = vec![("usp-endpoint-id".to_owned(), id.to_string())];
        // One controller is no fleet: it comes back as fast as it can.
        config.backoff = line3_proto::backoff::Backoff { m: Duration::from_millis(500), k: 1500, cap: Duration::from_secs(5) };
        Ok(MqttLink::new(config))
    }

    /// A name on this machine that the embedded broker's certificate is made out to.
    fn own_name(&self) -> String {
        let listen = self.config.embedded_broker.listen.ip();
        let own = if listen.is_unspecified() { "127.0.0.1".to_owned() } else { listen.to_string() };
        let names = &self.config.embedded_broker.names;
        if names.contains(&own) { own } else { names.first().cloned().unwrap_or(own) }
    }
}

/// What is kept: the boxes, with `fresh` ones made known, and the calls that had not ended.
fn recall(kept: &mut Kept, fresh: Vec<BoxRow>, embedded: bool) -> Result<(Vec<BoxRow>, Vec<Reopened>), StoreError> {
    let store = &mut kept.store;
    let mut new = Vec::new();
    for row in fresh {
        if store.find_box(&row.id)?.is_none() {
            new.push(row);
        }
    }
    store.put_boxes(&new)?;
    let mut known: Vec<BoxRow> = Vec::new();
    loop {
        let page = store.boxes(known.last().map(|row| &row.id), PAGE)?;
        let more = page.len() == PAGE;
        known.extend(page);
        if !more {
            break;
        }
    }
    if embedded {
        // The broker was in this process: nobody is connected any more, and everybody says so on coming back.
        known.iter_mut().for_each(|row| row.online = false);
    }
    let now = wall();
    let mut open = Vec::new();
    for row in store.open_calls()? {
        let Ok(KeptCall { order, effect, deadline, wait }) = serde_json::from_str(&row.args) else {
            tracing::warn!("call {} cannot be read and is left as it is", row.id);
            continue;
        };
        let gone = u64::try_from(now.0.saturating_sub(row.created.0)).unwrap_or(0);
        let left = Duration::from_millis(deadline.saturating_sub(gone));
        let call = Call { id: row.id, box_id: row.box_id, order, effect, deadline: Duration::from_millis(deadline), wait };
        open.push(Reopened { call, state: row.state, left });
    }
    Ok((known, open))
}

/// Shows what is kept: every box, and its newest report.
async fn show(keeper: &Keeper, board: &Arc<Board>, known: &[BoxRow]) -> Result<(), ServeError> {
    known.iter().for_each(|row| board.put_box(row));
    let (ids, shown) = (known.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), Arc::clone(board));
    keeper
        .post(move |kept| {
            for id in ids {
                match kept.store.latest(&id) {
                    Ok(reports) => {
                        for arrived in &reports {
                            shown.reported(&arrived.box_id, arrived.received, &arrived.report);
                        }
                    }
                    Err(error) => return tracing::error!("the newest reports could not be read: {error}"),
                }
            }
        })
        .await?;
    Ok(())
}

/// Moves reports from the journal into blocks, and drops old days.
async fn tidy(keeper: Keeper, retention_days: u16, stopping: watch::Receiver<bool>) {
    let stop = stopped(stopping);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(TIDY_EVERY) => {}
        }
        let mut more = true;
        while more {
            let step = keeper.run(move |kept| {
                let now: Wall = wall();
                let compacted = kept.store.compact(now)?;
                let dropped = kept.store.drop_days_before(Day(Day::of(now).0 - i64::from(retention_days)))?;
                Ok::<_, StoreError>(compacted.more || dropped.more)
            });
            more = match step.await {
                Ok(Ok(more)) => more,
                Ok(Err(error)) => {
                    tracing::error!("the history could not be tidied: {error}; it is tried again");
                    false
                }
                Err(_) => return,
            };
        }
    }
}
