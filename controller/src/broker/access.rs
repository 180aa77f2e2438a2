//! Who may do what: the rules for one connection, and the list of all.

use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use line3_proto::{
    EndpointId, Topic,
    topic::{box_may_subscribe, controller_may_subscribe},
};
use mqtt5::{
    broker::{AuthProvider, AuthResult},
    packet::connect::ConnectPacket,
    protocol::v5::reason_codes::ReasonCode,
};
use rustls::pki_types::CertificateDer;
use tokio::sync::Notify;

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Box,
    Controller,
}

/// A client behind a finished handshake.
struct Client {
    /// `None` before its CONNECT was accepted.
    client_id: Option<String>,
    role: Role,
    chain: Vec<CertificateDer<'static>>,
    /// Tells the connection's task to end it.
    dismissed: Arc<Notify>,
}

/// All connected clients. Bounded by `Limits::connections`.
#[derive(Default)]
pub(super) struct Clients {
    next: AtomicU64,
    by_connection: Mutex<HashMap<u64, Client>>,
}

impl Clients {
    pub(super) fn count(&self) -> usize {
        self.lock().values().filter(|client| client.client_id.is_some()).count()
    }

    /// Ends the connections whose certificates `refused` refuses.
    pub(super) fn dismiss(&self, refused: impl Fn(&[CertificateDer<'static>]) -> bool) {
        for client in self.lock().values().filter(|client| refused(&client.chain)) {
            tracing::warn!(client = ?client.client_id, "disconnected: its certificate is no longer accepted");
            client.dismissed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Client>> {
        // Every change to the map is one call: a panic elsewhere leaves it whole.
        self.by_connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rules for one connection: the identity is the certificate's, whatever the client says.
pub(super) struct Access {
    id: EndpointId,
    role: Role,
    clients: Arc<Clients>,
    connection: u64,
    dismissed: Arc<Notify>,
}

impl Access {
    /// Takes the connection into the list, from which it goes when this is dropped.
    pub(super) fn new(id: EndpointId, role: Role, chain: Vec<CertificateDer<'static>>, clients: Arc<Clients>) -> Self {
        let connection = clients.next.fetch_add(1, Ordering::Relaxed);
        let dismissed = Arc::new(Notify::new());
        clients.lock().insert(connection, Client { client_id: None, role, chain, dismissed: Arc::clone(&dismissed) });
        Self { id, role, clients, connection, dismissed }
    }

    /// Ready when the connection is to end.
    pub(super) async fn dismissed(&self) {
        self.dismissed.notified().await;
    }

    /// The client id, once its CONNECT was accepted.
    pub(super) fn client_id(&self) -> Option<String> {
        self.clients.lock().get(&self.connection).and_then(|client| client.client_id.clone())
    }

    /// Accepts the client id, unless it is another's: a session hangs on it.
    fn admit(&self, client_id: &str) -> Result<(), &'static str> {
        let rest = client_id.strip_prefix(self.id.as_str()).ok_or("its client id is not its identity")?;
        if !(rest.is_empty() || self.role == Role::Controller && rest.len() <= 65 && rest.starts_with('.')) {
            return Err("its client id is not its identity");
        }
        let mut clients = self.clients.lock();
        // A dot may stand in a box's id, so the rule above alone does not keep a box off a controller's session.
        let taken = |other: &Client| other.role == Role::Controller && other.client_id.as_deref() == Some(client_id);
        if self.role == Role::Box && clients.values().any(taken) {
            return Err("a controller has this name");
        }
        if let Some(client) = clients.get_mut(&self.connection) {
            client.client_id = Some(client_id.to_owned());
        }
        Ok(())
    }

    fn may_publish(&self, topic: &str) -> bool {
        Topic::parse(topic).is_some_and(|topic| match self.role {
            Role::Box => topic.may_be_published_by(&self.id),
            Role::Controller => topic.may_be_published_by_a_controller(),
        })
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        match self.role {
            Role::Box => box_may_subscribe(&self.id, filter),
            Role::Controller => controller_may_subscribe(&self.id, filter),
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.clients.lock().remove(&self.connection);
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Access {
    fn authenticate<'a>(&'a self, connect: &'a ConnectPacket, from: SocketAddr) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let result = match self.admit(&connect.client_id) {
            Ok(()) => AuthResult::success_with_user(self.id.as_str()),
            Err(why) => {
                tracing::warn!(id = %self.id, role = ?self.role, %from, client_id = ?connect.client_id, why, "a client was refused");
                AuthResult::fail(ReasonCode::NotAuthorized)
            }
        };
        Box::pin(async move { Ok(result) })
    }

    fn authorize_publish<'a>(&'a self, _client: &str, _user: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { self.may_publish(topic) })
    }

    fn authorize_subscribe<'a>(&'a self, _client: &str, _user: Option<&'a str>, filter: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { self.may_subscribe(filter) })
    }
}
