//! The door to the broker. A driver knows this interface; [`crate::mqtt`] is the real one, the simulator's net the other.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::backoff::Backoff;

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
    /// CONNACK Response Information, if it is a topic that can be subscribed.
    pub response_information: Option<String>,
    /// CONNACK Assigned Client Identifier.
    pub assigned_client_id: Option<String>,
    /// CONNACK User Properties, `subscribe-topic` among them.
    pub user_properties: Vec<(String, String)>,
    /// CONNACK Server Keep Alive.
    pub server_keep_alive: Option<Duration>,
    /// The filters that the broker has granted.
    pub subscribed: Vec<String>,
}

/// How a client connects and where it listens: `Device.MQTT.Client.{i}.` in the words of MQTT.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// The broker: a DNS name or an IP address without brackets, and a port.
    pub broker: (String, u16),
    /// Whether TLS is spoken. A link that has no certificates then does not connect at all.
    pub tls: bool,
    /// The MQTT client identifier; empty: the broker assigns one (R-MQTT.8).
    pub client_id: String,
    /// The MQTT user name.
    pub username: Option<String>,
    /// The MQTT password.
    pub password: Option<String>,
    /// Whether the broker forgets the session of an earlier connection.
    pub clean_start: bool,
    /// How long the line may be quiet before the link pings; whole seconds, 0: for ever.
    pub keep_alive: Duration,
    /// How long the broker keeps the session after a disconnect; whole seconds.
    pub session_expiry: Duration,
    /// How many QoS 1 messages may be under way unacknowledged, in each direction; at least 1.
    pub in_flight: u16,
    /// What the broker publishes when this client vanishes.
    pub will: Option<Publication>,
    /// How long the broker waits before it does; whole seconds.
    pub will_delay: Duration,
    /// How long to wait between attempts to connect.
    pub backoff: Backoff,
    /// The configured filters. On each connection the link asks, in one SUBSCRIBE, for these, for those in the CONNACK User
    /// Properties `subscribe-topic`, and for the Response Information, or else for [`inbox`](Self::inbox) (R-MQTT.15).
    pub filters: Vec<(String, QoS)>,
    /// The topic to listen on where the broker gives no Response Information.
    pub inbox: Option<String>,
}

impl fmt::Debug for ClientSettings {
    /// For a log: where and who, no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("broker", &self.broker)
            .field("tls", &self.tls)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
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
    /// The broker granted this filter, which was asked for on a connection that was up.
    Subscribed(String),
    /// The link has asked the broker to forget this filter.
    Unsubscribed(String),
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

/// The MQTT packets of every kind that went either way since the link was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Those that were sent; a CONNECT that the broker does not answer is none of them.
    pub sent: u64,
    /// Those that came.
    pub received: u64,
}

/// The door to the broker: bytes in, bytes out, reconnecting by itself.
pub trait Link {
    /// Takes a publication into the bounded outbox, connected or not; its fate comes as [`LinkEvent::Sent`], [`LinkEvent::Unheard`] or
    /// [`LinkEvent::Refused`]. What the outbox holds survives a reconnect and may then arrive twice (QoS 1).
    fn publish(&mut self, token: Token, publication: Publication) -> Result<(), LinkError>;

    /// As [`publish`](Self::publish), but ahead of all that waits: what the other side is to hear first on a new connection, given
    /// between [`LinkEvent::Up`] and the next [`next`](Self::next). It is for that connection only: unsent or unacknowledged when
    /// it ends, it is forgotten without a word. The outbox's bounds do not hold for it, so its number is the caller's to bound.
    fn greet(&mut self, token: Token, publication: Publication) -> Result<(), LinkError>;

    /// Takes other settings. Subscriptions change at once; everything else with the next connection. From then on the link insists
    /// on being heard: without a filter to ask for, or with each one refused, it sends DISCONNECT and tries again later
    /// (R-MQTT.16, R-MQTT.17).
    fn configure(&mut self, settings: ClientSettings);

    /// Connects anew: sends what waits, for a second at most, then DISCONNECT, and tries at once.
    fn reconnect(&mut self);

    /// Acknowledges a received QoS 1 publication (manual acknowledgement only).
    fn acknowledge(&mut self, receipt: Receipt);

    /// Subscribes, now and after every reconnect.
    fn subscribe(&mut self, filter: &str, qos: QoS);

    /// Ends a subscription, now and for every reconnect.
    fn unsubscribe(&mut self, filter: &str);

    /// What has gone over the line so far.
    fn traffic(&self) -> Traffic;

    /// The next thing that happens. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = LinkEvent>;

    /// Sends what can be sent within `limit`, then DISCONNECT; the Will is not published.
    fn close(self, limit: Duration) -> impl Future<Output = ()>;
}
