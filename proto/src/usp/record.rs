//! A record: the envelope of messages, and what endpoints say about the link. [`crate::record`] seals and opens them.

use prost::{Enumeration, Message, Oneof};

/// The envelope.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Record {
    /// The version of USP that the sender speaks, e.g. `1.4`; required.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The endpoint id of who is spoken to; required.
    #[prost(string, tag = "2")]
    pub to_id: String,
    /// The endpoint id of who speaks; required.
    #[prost(string, tag = "3")]
    pub from_id: String,
    /// A [`PayloadSecurity`].
    #[prost(enumeration = "PayloadSecurity", tag = "4")]
    pub payload_security: i32,
    /// A signature of the fields that are not payload, where the link does not protect them.
    #[prost(bytes = "vec", tag = "5")]
    pub mac_signature: Vec<u8>,
    /// The sender's certificate, PEM, with which to check the signature.
    #[prost(bytes = "vec", tag = "6")]
    pub sender_cert: Vec<u8>,
    /// Required.
    #[prost(oneof = "RecordType", tags = "7, 8, 9, 10, 11, 12, 13")]
    pub record_type: Option<RecordType>,
}

/// How the payload is protected, beyond what the link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum PayloadSecurity {
    /// It is not.
    Plaintext = 0,
    /// By TLS from endpoint to endpoint.
    Tls12 = 1,
}

/// The sorts of records.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum RecordType {
    /// One whole message.
    #[prost(message, tag = "7")]
    NoSessionContext(NoSessionContextRecord),
    /// A part of a session of numbered records.
    #[prost(message, tag = "8")]
    SessionContext(SessionContextRecord),
    /// The sender came on line over a WebSocket.
    #[prost(message, tag = "9")]
    WebsocketConnect(WebSocketConnectRecord),
    /// The sender came on line over MQTT.
    #[prost(message, tag = "10")]
    MqttConnect(MqttConnectRecord),
    /// The sender came on line over STOMP.
    #[prost(message, tag = "11")]
    StompConnect(StompConnectRecord),
    /// The sender leaves.
    #[prost(message, tag = "12")]
    Disconnect(DisconnectRecord),
    /// The sender came on line over a Unix domain socket (since 1.3).
    #[prost(message, tag = "13")]
    UdsConnect(UdsConnectRecord),
}

/// One whole message.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NoSessionContextRecord {
    /// An encoded [`Msg`](super::Msg); required [E2E.26].
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
}

/// A part of a session of numbered records.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionContextRecord {
    /// Which session, chosen by its starter.
    #[prost(uint64, tag = "1")]
    pub session_id: u64,
    /// Which record of the session, from 1.
    #[prost(uint64, tag = "2")]
    pub sequence_id: u64,
    /// The record that the sender wants next; all before it have arrived.
    #[prost(uint64, tag = "3")]
    pub expected_id: u64,
    /// A record that the sender wants again; 0 for none.
    #[prost(uint64, tag = "4")]
    pub retransmit_id: u64,
    /// A [`PayloadSarState`]: which part of a message this is.
    #[prost(enumeration = "PayloadSarState", tag = "5")]
    pub payload_sar_state: i32,
    /// A [`PayloadSarState`]: which part of a TLS record this is.
    #[prost(enumeration = "PayloadSarState", tag = "6")]
    pub payloadrec_sar_state: i32,
    /// A message or a part of one.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub payload: Vec<Vec<u8>>,
}

/// Which part of a whole something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum PayloadSarState {
    /// All of it.
    None = 0,
    /// The first.
    Begin = 1,
    /// One between.
    Inprocess = 2,
    /// The last.
    Complete = 3,
}

/// The sender came on line over a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct WebSocketConnectRecord {}

/// The sender came on line over MQTT.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct MqttConnectRecord {
    /// A [`MqttVersion`].
    #[prost(enumeration = "MqttVersion", tag = "1")]
    pub version: i32,
    /// Where it listens.
    #[prost(string, tag = "2")]
    pub subscribed_topic: String,
}

/// The versions of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum MqttVersion {
    /// 3.1.1
    V311 = 0,
    /// 5.0
    V5 = 1,
}

/// The sender came on line over STOMP.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct StompConnectRecord {
    /// A [`StompVersion`].
    #[prost(enumeration = "StompVersion", tag = "1")]
    pub version: i32,
    /// Where it listens.
    #[prost(string, tag = "2")]
    pub subscribed_destination: String,
}

/// The versions of STOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum StompVersion {
    /// 1.2
    V12 = 0,
}

/// The sender came on line over a Unix domain socket.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct UdsConnectRecord {}

/// The sender leaves, or ends a session.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DisconnectRecord {
    /// For a person.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// 0, or one of [`crate::fault::code`].
    #[prost(fixed32, tag = "2")]
    pub reason_code: u32,
}
