//! What rumqttc is told for a connection, and publications in its words.

use std::future::Future;
use std::net::Ipv6Addr;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::{
    AckMode, LastWill, LastWillProperties, MqttOptions, NetworkOptions, Packet, PersistedAckMode, PersistedSession, Publish,
    PublishProperties, SessionStore, SessionStoreError, SessionStoreKey, TlsConfiguration, Transport,
};
use tokio::net::TcpStream;

use super::MqttConfig;
use crate::link::{Publication, QoS};

/// How many packets rumqttc reads, or requests it writes, before it gives others a turn; it bounds its event queue, too.
const BATCH: usize = 16;

/// The options for connection `number`, for a rumqttc client without a past.
pub(super) fn blank_options(config: &MqttConfig, client_id: &str, number: u32) -> MqttOptions {
    let (host, port) = (config.broker.0.clone(), config.broker.1);
    let mut options = MqttOptions::new(client_id, (host.clone(), port));
    options.set_clean_start(config.clean_start);
    options.set_session_expiry_interval(Some(whole_seconds(config.session_expiry)));
    // Trap 13: the ping goes out on time whatever else is sent, so a short keep-alive is dear.
    options.set_keep_alive(u16::try_from(whole_seconds(config.keep_alive)).unwrap_or(u16::MAX));
    options.set_connect_timeout(config.connect_timeout);
    // Trap 4: without this, 10 KiB.
    options.set_max_packet_size(Some(config.max_packet_size.max(1)));
    options.set_receive_maximum(Some(config.in_flight.max(1)));
    // Trap 2, and rumqttc walks a table of this length at each flush: unset it has 65535 places.
    options.set_outgoing_inflight_upper_limit(config.in_flight.max(1));
    options.set_request_response_info(config.request_response_information.then_some(1));
    options.set_user_properties(config.user_properties.clone());
    options.set_max_request_batch(BATCH);
    options.set_read_batch_size(BATCH);
    // rumqttc would acknowledge what it has only queued; the link acknowledges what it has handed out.
    options.set_ack_mode(AckMode::Manual);
    let mut network = NetworkOptions::new();
    // Trap 7: Nagle is on by default and costs 40 ms for each acknowledgement.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        // rumqttc joins host and port with a colon, which makes no address of this one.
        options.set_socket_connector(move |_, _| async move {
            let stream = TcpStream::connect((address, port)).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
    }
    if let Some(tls) = &config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
    }
    match (&config.username, &config.password) {
        (Some(user), Some(password)) => options.set_credentials(user, password.clone()),
        (Some(user), None) => options.set_username(user),
        (None, Some(password)) => options.set_password(password.clone()),
        (None, None) => &mut options,
    };
    if let Some(will) = &config.will {
        options.set_last_will(last_will(will, config.will_delay, &format!("{}.{number}", config.will_run)));
    }
    let blank = Blank { client_id: client_id.to_owned(), in_flight: config.in_flight.max(1) };
    options.set_session_store(blank);
    options
}

fn last_will(will: &Publication, delay: Duration, connection: &str) -> LastWill {
    let mut told = LastWillProperties {
        delay_interval: Some(whole_seconds(delay)).filter(|secs| *secs > 0),
        payload_format_indicator: None,
        message_expiry_interval: will.expiry.map(whole_seconds),
        content_type: will.content_type.clone(),
        response_topic: will.response_topic.clone(),
        correlation_data: None,
        user_properties: will.user_properties.clone(),
    };
    told.user_properties.push(("line3-conn".to_owned(), connection.to_owned()));
    LastWill::new(will.topic.clone(), will.payload.clone(), wire_qos(will.qos), will.retain, Some(told))
}

/// Whole seconds on the wire, rounded up: what is worth 100 ms must not be worth nothing.
pub(super) fn whole_seconds(time: Duration) -> u32 {
    let up = u64::from(time.subsec_nanos() > 0);
    u32::try_from(time.as_secs().saturating_add(up)).unwrap_or(u32::MAX)
}

pub(super) const fn wire_qos(qos: QoS) -> rumqttc::QoS {
    match qos {
        QoS::AtMostOnce => rumqttc::QoS::AtMostOnce,
        QoS::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
    }
}

/// The MQTT 5 properties of a publication with this much of its expiry `left`.
pub(super) fn properties(publication: &Publication, left: Option<Duration>) -> PublishProperties {
    PublishProperties {
        message_expiry_interval: left.map(whole_seconds),
        response_topic: publication.response_topic.clone(),
        content_type: publication.content_type.clone(),
        user_properties: publication.user_properties.clone(),
        ..PublishProperties::default()
    }
}

/// A received publication in our words.
///
/// # Errors
/// The broker may not send this.
pub(super) fn received(publish: Publish) -> Result<Publication, String> {
    let qos = match publish.qos {
        rumqttc::QoS::AtMostOnce => QoS::AtMostOnce,
        rumqttc::QoS::AtLeastOnce => QoS::AtLeastOnce,
        // No subscription of ours asks for it, so the standard forbids it.
        rumqttc::QoS::ExactlyOnce => return Err("sent a message with QoS 2, which nobody asked for".to_owned()),
    };
    let told = publish.properties.unwrap_or_default();
    Ok(Publication {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.into(),
        qos,
        retain: publish.retain,
        response_topic: told.response_topic,
        content_type: told.content_type,
        expiry: told.message_expiry_interval.map(|secs| Duration::from_secs(secs.into())),
        user_properties: told.user_properties,
    })
}

/// The size of a publication as an MQTT packet, in bytes.
///
/// # Errors
/// It cannot be written as one: a topic with a wildcard, a text that is too long or has a zero byte. Found out here, because
/// rumqttc would end the connection over it.
pub(super) fn packet_size(publication: &Publication, payload: &Bytes) -> Result<usize, String> {
    let told = properties(publication, publication.expiry);
    let mut publish = Publish::new(publication.topic.clone(), wire_qos(publication.qos), payload.clone(), Some(told));
    // Any one: without one it cannot be written.
    publish.pkid = u16::from(publication.qos == QoS::AtLeastOnce);
    let size = publish.size();
    publish.payload = Bytes::new();
    match Packet::Publish(publish).write(&mut BytesMut::new(), None) {
        Ok(_) if publication.topic.is_empty() => Err("it has no topic".to_owned()),
        Ok(_) => Ok(size),
        Err(error) => Err(format!("it cannot be written as MQTT: {error}")),
    }
}

/// A session store that always knows one session, in which nothing was under way. rumqttc refuses a broker that still has
/// our session unless it has kept its own half of it, and a new process (or a new client after a reconnect) has none. For
/// QoS 0 and 1 there is nothing to keep: the outbox sends again what was not acknowledged, under new packet identifiers.
#[derive(Debug)]
struct Blank {
    client_id: String,
    in_flight: u16,
}

type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for Blank {
    fn load<'a>(&'a self, _: &'a SessionStoreKey) -> Stored<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: self.client_id.clone(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: Some(self.in_flight),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(Some(session))))
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Stored<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Stored<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, secs) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), secs);
        }
        assert_eq!(whole_seconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn what_cannot_be_written_is_found_out_before() {
        let check = |topic: &str, property: String| {
            let user_properties = vec![("key".to_owned(), property)];
            let publication = Publication { topic: topic.to_owned(), user_properties, ..Publication::default() };
            packet_size(&publication, &Bytes::from_static(b"hello"))
        };
        // 1 type, 1 length, 2 + 1 topic, 2 packet identifier, 1 length, 1 + 2 + 3 + 2 + 2 user property, 5 payload.
        assert_eq!(check("t", "ab".to_owned()), Ok(23));
        for (topic, property) in
            [("", String::new()), ("a/#", String::new()), ("a\0", String::new()), ("t", "\0".to_owned()), ("t", "x".repeat(65_536))]
        {
            assert!(check(topic, property).is_err(), "{topic:?}");
        }
    }
}
