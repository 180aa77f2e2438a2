//! The door to the broker. A driver knows this interface; [`crate::mqtt`] is the real one, the simulator's net the other.

use std::future::Future;
use std::time::Duration;

/// MQTT quality of service. QoS 2 is never used: a lost PUBREC leaks in-flight slots, and USP answers requests anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QoS {
    /// At most once.
    AtMostOnce,
    /// At least once.
    #[default]
    AtLeastOnce,
}

/// A message on its way to or from the broker, with the MQTT 5 properties that USP uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// Where it goes, or where it came from.
    pub topic: String,
    /// The bytes: a USP record or a report.
    pub payload: Vec<u8>,
    /// How surely.
    pub qos: QoS,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// Where the answer is to go (Response Topic).
    pub response_topic: Option<String>,
    /// What the payload is (Content Type), e.g. `usp.msg`.
    pub content_type: Option<String>,
    /// How long it is worth delivering (Message Expiry); of a received one, what is left of that. Whole seconds on the wire.
    pub expiry: Option<Duration>,
    /// User Properties.
    pub user_properties: Vec<(String, String)>,
}

impl Publication {
    /// The first User Property of this name.
    #[must_use]
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.user_properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The name that a sender gives to a publication, to hear what became of it.
pub type Token = u64;

/// Names a received QoS 1 publication to [`Link::acknowledge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which connection it came on: acknowledgements for an earlier connection are dropped, the broker sends again.
    pub connection: u32,
    /// The MQTT packet identifier.
    pub packet: u16,
}

/// What a fresh connection tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The number of this connection, from 1, counted by the link. Also in the Will's `line3-conn` property.
    pub connection: u32,
    /// The broker still knew the session.
    pub present: bool,
    /// CONNACK Response Information.
    pub response_information: Option<String>,
    /// CONNACK Assigned Client Identifier.
    pub assigned_client_id: Option<String>,
    /// CONNACK User Properties, `subscribe-topic` among them.
    pub user_properties: Vec<(String, String)>,
    /// CONNACK Server Keep Alive.
    pub server_keep_alive: Option<Duration>,
}

/// What happens on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected, and every subscription asked for and answered for.
    Up(Session),
    /// Not connected; the next try comes by itself after `retry_in`.
    Down {
        /// For a person: what happened, to what, what to do.
        reason: String,
        /// When the link tries again.
        retry_in: Duration,
    },
    /// A message has come. With manual acknowledgement, `receipt` names it.
    Received(Publication, Option<Receipt>),
    /// The broker acknowledged this publication (QoS 1), or it was written to the socket (QoS 0).
    Sent(Token),
    /// The broker acknowledged this publication and has given it to nobody: there is no subscriber, not even one that is away (MQTT 5
    /// reason 0x10). What must not be lost is to be sent again.
    Unheard(Token),
    /// The broker refused this publication (its ACL, say) or it can never be sent (too large for the broker).
    Refused(Token, String),
    /// The broker refused this subscription.
    NotSubscribed {
        /// The filter.
        filter: String,
        /// The broker's reason.
        reason: String,
    },
}

/// Why a publication was not taken into the outbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The outbox is at its bound; the publication comes back, nothing is lost.
    #[error("the outbox to the broker is full")]
    Full(Box<Publication>),
    /// Larger than the link may ever send.
    #[error("a message of {size} bytes is larger than the broker takes ({limit} bytes)")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The door to the broker: bytes in, bytes out, reconnecting by itself.
pub trait Link {
    /// Takes a publication into the bounded outbox, connected or not; its fate comes as [`LinkEvent::Sent`], [`LinkEvent::Unheard`] or
    /// [`LinkEvent::Refused`]. What the outbox holds survives a reconnect and may then arrive twice (QoS 1).
    fn publish(&mut self, token: Token, publication: Publication) -> Result<(), LinkError>;

    /// Acknowledges a received QoS 1 publication (manual acknowledgement only).
    fn acknowledge(&mut self, receipt: Receipt);

    /// Subscribes, now and after every reconnect.
    fn subscribe(&mut self, filter: &str, qos: QoS);

    /// Ends a subscription, now and for every reconnect.
    fn unsubscribe(&mut self, filter: &str);

    /// The next thing that happens. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = LinkEvent>;

    /// Sends what can be sent within `limit`, then DISCONNECT; the Will is not published.
    fn close(self, limit: Duration) -> impl Future<Output = ()>;
}
