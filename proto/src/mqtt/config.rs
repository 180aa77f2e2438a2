//! The settings of a link, with the defaults for a box.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::link::Publication;

/// What a link needs to know. [`MqttConfig::new`] gives the defaults for a box; the controller raises the bounds. What is also in
/// [`ClientSettings`](crate::link::ClientSettings) counts until [`configure`](crate::Link::configure) is first called.
#[derive(Clone)]
pub struct MqttConfig {
    /// The broker: a DNS name or an IP address without brackets, and a port.
    pub broker: (String, u16),
    /// TLS settings, see [`client_tls`](super::client_tls); `None` is plain TCP, for tests and a laboratory only.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The MQTT client identifier. Empty: the broker assigns one, which is then kept for the life of the link.
    pub client_id: String,
    /// The MQTT user name, if the broker wants one besides the certificate.
    pub username: Option<String>,
    /// The MQTT password.
    pub password: Option<String>,
    /// Whether the broker forgets the session of an earlier connection. Default no.
    pub clean_start: bool,
    /// How long the line may be quiet before the link pings; whole seconds. A Server Keep Alive from the broker overrides it.
    /// A dead peer is noticed after two and a half of these. Default 300 s: a shorter one costs a fleet more than its telemetry.
    pub keep_alive: Duration,
    /// How long the broker keeps the session after a disconnect; whole seconds. Default 3600 s.
    pub session_expiry: Duration,
    /// The largest MQTT packet, in bytes, that the link takes; the broker is told. Default 1 MiB and 64 KiB for topic and properties.
    pub max_packet_size: u32,
    /// The largest MQTT packet, in bytes, that the link sends, if the broker takes as much. Default as above.
    pub max_sent: u32,
    /// How many QoS 1 messages may be under way unacknowledged, in each direction. Default 16; a controller may take 100.
    pub in_flight: u16,
    /// Whether to ask the broker for Response Information (TR-369 R-MQTT.12). Default yes.
    pub request_response_information: bool,
    /// User Properties of CONNECT, e.g. `usp-endpoint-id` (TR-369 R-MQTT.13).
    pub user_properties: Vec<(String, String)>,
    /// What the broker publishes when this client vanishes. The link adds the User Property `line3-conn`.
    pub will: Option<Publication>,
    /// How long the broker waits before it publishes the Will; whole seconds. Default 0: at once.
    pub will_delay: Duration,
    /// The name of this run of the process. Connection n carries `line3-conn=<will_run>.<n>` in its Will, so that a Will that
    /// comes late is not taken for the end of a newer connection.
    pub will_run: String,
    /// Whether received QoS 1 messages are acknowledged by [`acknowledge`](crate::Link::acknowledge); otherwise the link
    /// acknowledges as it hands them out. Default no.
    pub manual_acks: bool,
    /// How long to wait between attempts to connect. Default [`Backoff::CONNECT`].
    pub backoff: Backoff,
    /// Where the jitter starts. Boxes must not share it.
    pub seed: u64,
    /// The outbox holds at most this many publications; then [`publish`](crate::Link::publish) says
    /// [`Full`](crate::link::LinkError::Full). Default 64.
    pub outbox_messages: usize,
    /// The outbox holds at most this many bytes of MQTT packets. Default 2 MiB.
    pub outbox_bytes: usize,
    /// How long name lookup, TCP, TLS and CONNACK may take together. Default 30 s, for a slow box.
    pub connect_timeout: Duration,
    /// With something under way and nothing acknowledged for this long, the connection is given up and built anew.
    /// Default 300 s, which a full packet takes at 30 kbit/s.
    pub stuck_after: Duration,
}

impl MqttConfig {
    /// The defaults for a box.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>, seed: u64) -> Self {
        Self {
            broker: (host.into(), port),
            tls: None,
            client_id: client_id.into(),
            username: None,
            password: None,
            clean_start: false,
            keep_alive: Duration::from_secs(300),
            session_expiry: Duration::from_secs(3600),
            max_packet_size: (1024 + 64) * 1024,
            max_sent: (1024 + 64) * 1024,
            in_flight: 16,
            request_response_information: true,
            user_properties: Vec::new(),
            will: None,
            will_delay: Duration::ZERO,
            will_run: String::new(),
            manual_acks: false,
            backoff: Backoff::CONNECT,
            seed,
            outbox_messages: 64,
            outbox_bytes: 2 * 1024 * 1024,
            connect_timeout: Duration::from_secs(30),
            stuck_after: Duration::from_secs(300),
        }
    }
}

impl fmt::Debug for MqttConfig {
    /// For a log: where and who, no password, no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttConfig")
            .field("broker", &self.broker)
            .field("tls", &self.tls.is_some())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
