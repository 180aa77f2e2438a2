//! The door: accepts connections, does the handshake, and hands each to the engine.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mqtt5::broker::{
    BrokerConfig as EngineConfig, DynamicStorage, MemoryBackend, ResourceLimits, ResourceMonitor, StorageBackend as _,
    client_handler::ClientHandler, router::MessageRouter, storage::client_queue::QueueLimits, sys_topics::BrokerStats,
    tls_acceptor::TlsStreamWrapper, transport::BrokerTransport,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, broadcast, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    BrokerError, Ingest, Limits,
    access::{Access, Clients, Role},
    ingest::Gate,
    tls::Tls,
};
use crate::pki::identity_of;

/// How often expired sessions and messages are cleared away.
const SWEEP: Duration = Duration::from_secs(30);

/// How long a stop waits for connections to end.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long the door rests when the system has no file descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(500);

/// Messages in the channel to one client's task, per QoS; then the client's queue takes them.
const CHANNEL: usize = 256;

/// Messages to one client without its acknowledgement.
const INFLIGHT: u16 = 64;

/// Publications of one client that it may have without our acknowledgement (Receive Maximum).
const RECEIVE_MAXIMUM: u16 = 100;

/// Subscriptions of one client; further ones are refused. A box needs one, a controller three.
const SUBSCRIPTIONS: usize = 16;

/// The sessions and the routing: what the crate `mqtt5` does.
#[derive(Clone)]
pub(super) struct Engine {
    config: Arc<EngineConfig>,
    storage: Arc<DynamicStorage>,
    router: Arc<MessageRouter>,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
}

impl Engine {
    pub(super) async fn start(limits: &Limits, ingest: Option<Arc<dyn Ingest>>) -> Result<Self, BrokerError> {
        let queue = QueueLimits { max_messages: limits.queue_messages, max_bytes: limits.queue_bytes };
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(queue)));
        let router = Arc::new(MessageRouter::with_storage(Arc::clone(&storage)));
        router.initialize().await.map_err(|error| BrokerError::Engine(error.to_string()))?;
        let gate = Gate { router: Arc::clone(&router), ingest, timeout: limits.ingest_timeout };
        let config = EngineConfig {
            session_expiry_interval: limits.session_expiry,
            max_packet_size: usize::try_from(limits.packet_size).unwrap_or(usize::MAX),
            // An alias is memory that a client makes us keep: up to 64 KiB each.
            topic_alias_maximum: 0,
            retain_available: false,
            maximum_qos: 1,
            max_subscriptions_per_client: SUBSCRIPTIONS,
            client_channel_capacity: CHANNEL,
            max_outbound_inflight: INFLIGHT,
            server_receive_maximum: Some(RECEIVE_MAXIMUM),
            // One text for all clients, so it cannot say where one box's answers go.
            response_information: None,
            sys_topics_enabled: false,
            event_handler: Some(Arc::new(gate)),
            ..EngineConfig::default()
        };
        // The door counts connections. A rate would be answered with an error, and the box would forget the report: the
        // pace is set by acknowledging late.
        let monitor = ResourceMonitor::new(ResourceLimits {
            max_connections: usize::MAX,
            max_connections_per_ip: usize::MAX,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: u32::MAX,
            ..ResourceLimits::default()
        });
        Ok(Self { config: Arc::new(config), storage, router, stats: Arc::new(BrokerStats::new()), monitor: Arc::new(monitor) })
    }

    async fn sweep(&self) {
        if let Err(error) = self.storage.cleanup_expired().await {
            tracing::error!(%error, "the broker could not clear away expired messages");
        }
        self.router.sweep_sessions().await;
        self.monitor.cleanup_expired_windows().await;
    }
}

/// Everything that a connection's task needs.
pub(super) struct Door {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    pub(super) tls: watch::Receiver<Arc<Tls>>,
    pub(super) boxes_admitted: watch::Receiver<bool>,
    pub(super) clients: Arc<Clients>,
}

impl Door {
    /// Serves until the stop is sent or its sender dropped.
    pub(super) async fn run(self, listener: TcpListener, mut stopping: broadcast::Receiver<()>) {
        let handshakes = Arc::new(Semaphore::new(self.limits.handshakes));
        let door = Arc::new(self);
        let mut connections = JoinSet::new();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut full = false;
        loop {
            tokio::select! {
                biased;
                _ = stopping.recv() => break,
                _ = sweep.tick() => door.engine.sweep().await,
                Some(ended) = connections.join_next() => {
                    full = false;
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task ended badly");
                    }
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) if connections.len() < door.limits.connections => {
                        // Before the task begins, so that no stop is missed.
                        let stop = stopping.resubscribe();
                        connections.spawn(Arc::clone(&door).serve(stream, peer, Arc::clone(&handshakes), stop));
                    }
                    Ok((_, peer)) => {
                        if !full {
                            full = true;
                            tracing::error!(%peer, limit = door.limits.connections, "the broker is full; further connections are closed");
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "cannot accept a connection; look at the limit of open files (ulimit -n)");
                        sleep(ACCEPT_REST).await;
                    }
                },
            }
        }
        drop(listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(STOP_GRACE, all).await.is_err() {
            connections.shutdown().await;
        }
        if let Err(error) = door.engine.storage.shutdown().await {
            tracing::error!(%error, "the broker's store did not close");
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, handshakes: Arc<Semaphore>, stop: broadcast::Receiver<()>) {
        let tls = Arc::clone(&self.tls.borrow());
        let handshake = async {
            let _one_of_few = handshakes.acquire().await.ok();
            stream.set_nodelay(true)?;
            TlsAcceptor::from(Arc::clone(&tls.config)).accept(stream).await
        };
        match timeout(self.limits.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => self.hand_over(stream, peer, &tls, stop).await,
            Ok(Err(error)) => tracing::info!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::info!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn hand_over(&self, stream: TlsStream<TcpStream>, peer: SocketAddr, tls: &Arc<Tls>, stop: broadcast::Receiver<()>) {
        let chain: Vec<_> = stream.get_ref().1.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect();
        let id = match chain.first().map(|leaf| identity_of(leaf)) {
            Some(Ok(id)) => id,
            Some(Err(error)) => return tracing::warn!(%peer, %error, "a client was refused"),
            None => return tracing::warn!(%peer, "a client without a certificate was refused"),
        };
        let role = tls.role(&chain);
        if role == Role::Box {
            let mut admitted = self.boxes_admitted.clone();
            if !matches!(timeout(self.limits.handshake_timeout, admitted.wait_for(|admitted| *admitted)).await, Ok(Ok(_))) {
                return tracing::info!(%peer, "a box was put off: its controller is not there yet");
            }
        }
        let access = Arc::new(Access::new(id, role, chain.clone(), Arc::clone(&self.clients)));
        // A reload during the handshake has not found this connection in the list.
        let current = Arc::clone(&self.tls.borrow());
        if !Arc::ptr_eq(&current, tls) && !current.trusts(&chain) {
            return tracing::warn!(%peer, "a client was refused: its certificate is no longer accepted");
        }
        let Engine { config, storage, router, stats, monitor } = self.engine.clone();
        let handler = ClientHandler::new(
            BrokerTransport::tls(TlsStreamWrapper::new(stream)),
            peer,
            config,
            Arc::clone(&router),
            Arc::clone(&access) as _,
            Some(storage),
            stats,
            monitor,
            stop,
        );
        let mut connection = Box::pin(handler.run());
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
                return;
            }
            () = access.dismissed() => {}
        }
        // The engine forgets the request while the client is not quite in, so it is asked until the connection has ended.
        // Before CONNECT there is nothing to tidy up.
        while let Some(client_id) = access.client_id() {
            router.disconnect_client(&client_id).await;
            if timeout(Duration::from_millis(100), &mut connection).await.is_ok() {
                return;
            }
        }
    }
}
