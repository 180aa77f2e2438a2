//! Sealing what we say into records, and opening the records of others, who may be hostile.
//!
//! Line3 speaks records without a session context and in plain text: MQTT over TLS protects them [E2E.28-30]. So `mac_signature`
//! and `sender_cert` are neither made nor checked; who speaks is known from the topic, which the broker guards. The `from_id`
//! here is what the sender claims: compare it with the topic before believing it.

use prost::Message as _;

use crate::fault::code;
use crate::usp::{
    DisconnectRecord, MqttConnectRecord, MqttVersion, Msg, MsgBody, MsgType, NoSessionContextRecord, Notification, PayloadSecurity, Record,
    RecordType, Request, RequestMessage,
};
use crate::{EndpointId, Fault};

/// The version of USP that we speak.
pub const VERSION: &str = "1.4";

/// The longest record that is opened, in bytes (1 MiB); a longer one is ignored before anything of it is read. A whole
/// GetSupportedDM of a large box takes some 100 KiB.
///
/// A record can take more memory than it has bytes: at worst some 80 times as much while it is open (two bytes make one empty
/// object of a GetSupportedDMResp). A box that must not afford that has its MQTT link announce a smaller Maximum Packet Size.
pub const MAX_RECORD: usize = 1 << 20;

/// The record that carries a message. Its length is not checked: what exceeds the receiver's limit ([`MAX_RECORD`], if it is
/// one of us) is better answered with 7005 than sent.
#[must_use]
pub fn seal(from: &EndpointId, to: &EndpointId, msg: &Msg) -> Vec<u8> {
    let payload = msg.encode_to_vec();
    seal_as(from, to, RecordType::NoSessionContext(NoSessionContextRecord { payload }))
}

/// The record that says "I am on line": the first one after each connection [MTP.6]. `subscribed_topic` is where the sender
/// listens.
#[must_use]
pub fn seal_connect(from: &EndpointId, to: &EndpointId, subscribed_topic: &str) -> Vec<u8> {
    let connect = MqttConnectRecord { version: MqttVersion::V5.into(), subscribed_topic: subscribed_topic.to_owned() };
    seal_as(from, to, RecordType::MqttConnect(connect))
}

/// The record that says "I leave" [MTP.7]. `reason_code` is one of [`code`], or 0 if nothing is wrong.
#[must_use]
pub fn seal_disconnect(from: &EndpointId, to: &EndpointId, reason: &str, reason_code: u32) -> Vec<u8> {
    seal_as(from, to, RecordType::Disconnect(DisconnectRecord { reason: reason.to_owned(), reason_code }))
}

fn seal_as(from: &EndpointId, to: &EndpointId, record_type: RecordType) -> Vec<u8> {
    Record {
        version: VERSION.to_owned(),
        to_id: to.to_string(),
        from_id: from.to_string(),
        payload_security: PayloadSecurity::Plaintext.into(),
        mac_signature: Vec::new(),
        sender_cert: Vec::new(),
        record_type: Some(record_type),
    }
    .encode_to_vec()
}

/// A record that can be worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// Who claims to speak; never ourselves.
    pub from: EndpointId,
    /// The version of USP that the sender speaks: digits and dots, at most 16.
    pub version: String,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A message with an id and a content ([`Msg::into_content`] is not `None`). Its texts are the sender's: any length, any
    /// character.
    Message(Msg),
    /// The sender is on line.
    Connect {
        /// What it says to speak; we speak version 5 only [MQTT.26a].
        mqtt: MqttVersion,
        /// Where it says to listen; any text.
        subscribed_topic: String,
    },
    /// The sender leaves.
    Disconnect {
        /// For a person; any text.
        reason: String,
        /// One of [`code`], or any other number; 0 if nothing is wrong.
        reason_code: u32,
    },
}

/// A record that cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Nothing may be answered; the text is for the log and safe to show.
    #[error("record ignored: {0}")]
    Ignored(String),
    /// The sender is to be told, if it can be reached [MTP.5].
    #[error("record from {to} refused: {fault}")]
    Answer {
        /// Who sent it.
        to: EndpointId,
        /// What is wrong with it.
        fault: Fault,
        /// The sealed answer: an Error for a request, a DisconnectRecord for a session.
        record: Vec<u8>,
    },
}

/// Opens a record that reached the endpoint `me`.
///
/// # Errors
/// [`Rejected`] says whether to answer. Nothing is answered to what is no request, so two endpoints cannot keep refusing each
/// other's refusals.
pub fn open(bytes: &[u8], me: &EndpointId) -> Result<Opened, Rejected> {
    let ignored = |why: String| Err(Rejected::Ignored(why));
    if bytes.len() > MAX_RECORD {
        return ignored(format!("{} bytes, more than the {MAX_RECORD} taken; ask for less at a time", bytes.len()));
    }
    let record = match Record::decode(bytes) {
        Ok(record) => record,
        Err(e) => return ignored(format!("{} bytes that are no USP record: {e}", bytes.len())),
    };
    // [E2E.1]
    if record.to_id != me.as_str() {
        return ignored(format!("it is for {}, this is {me}", shown(&record.to_id)));
    }
    let from = match EndpointId::parse(&record.from_id) {
        Ok(from) => from,
        Err(e) => return ignored(format!("from_id: {e}")),
    };
    if from == *me {
        return ignored(format!("it claims to be from {me}, which is this endpoint; another one may have the same id"));
    }
    let refused = check(&record).err();
    let content = match (record.record_type, refused) {
        (None, _) => return ignored(format!("from {from}, without a record type that this version of USP knows")),
        (Some(RecordType::SessionContext(_)), _) => return Err(refuse_session(from, me)),
        (Some(RecordType::NoSessionContext(NoSessionContextRecord { payload })), refused) => {
            let msg = refused.map_or_else(|| read(&payload), Err);
            Content::Message(msg.map_err(|fault| refuse(from.clone(), me, &payload, fault))?)
        }
        (Some(_), Some(fault)) => return ignored(format!("from {from}: {fault}")),
        (Some(RecordType::MqttConnect(connect)), None) => match MqttVersion::try_from(connect.version) {
            Ok(mqtt) => Content::Connect { mqtt, subscribed_topic: connect.subscribed_topic },
            Err(_) => return ignored(format!("{from} connected with an unknown version of MQTT, number {}", connect.version)),
        },
        (Some(RecordType::Disconnect(DisconnectRecord { reason, reason_code })), None) => Content::Disconnect { reason, reason_code },
        (Some(RecordType::WebsocketConnect(_) | RecordType::StompConnect(_) | RecordType::UdsConnect(_)), None) => {
            return ignored(format!("{from} sent the connect record of another transport than MQTT"));
        }
    };
    Ok(Opened { from, version: record.version, content })
}

/// Checks the fields that every sort of record has.
fn check(record: &Record) -> Result<(), Fault> {
    let version = &record.version;
    if !(1..=16).contains(&version.len()) || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Fault::new(code::RECORD_VALUE, format!("record version {} is none; send e.g. {VERSION}", shown(version))));
    }
    match PayloadSecurity::try_from(record.payload_security) {
        Ok(PayloadSecurity::Plaintext) => Ok(()),
        Ok(PayloadSecurity::Tls12) => Err(Fault::new(
            code::SECURE_SESSION_UNSUPPORTED,
            "payload_security TLS12 is not spoken here; send PLAINTEXT, the MQTT link is protected by TLS",
        )),
        Err(_) => {
            Err(Fault::new(code::RECORD_VALUE, format!("payload_security {} is unknown; send PLAINTEXT (0)", record.payload_security)))
        }
    }
}

/// Reads the message in a record.
fn read(payload: &[u8]) -> Result<Msg, Fault> {
    if payload.is_empty() {
        return Err(Fault::new(code::RECORD_VALUE, "the record has no payload; send a message in it")); // [E2E.26]
    }
    let msg = Msg::decode(payload)
        .map_err(|e| Fault::new(code::RECORD_UNPARSABLE, format!("the payload, {} bytes, is no USP message: {e}", payload.len())))?;
    // [ENC.2]; a known type that is not the body's is no fault [MSG.10].
    let msg_type = msg.header.as_ref().map_or(0, |header| header.msg_type);
    if MsgType::try_from(msg_type).is_err() {
        return Err(Fault::new(code::RECORD_UNPARSABLE, format!("msg_type {msg_type} is unknown to USP 1.4")));
    }
    // [ENC.3-5]
    if msg.kind().is_none() {
        return Err(Fault::new(code::INVALID_ARGUMENTS, "the message's body holds no request or answer known to USP 1.4"));
    }
    if cfg!(feature = "controller") && tells_nothing(&msg) {
        return Err(Fault::new(code::INVALID_ARGUMENTS, "the Notify holds no notification known to USP 1.4"));
    }
    if msg.id().is_empty() {
        return Err(Fault::new(code::INVALID_ARGUMENTS, "the message has no msg_id"));
    }
    Ok(msg)
}

/// Whether this is a Notify without what it is about: the only request that has a choice in it. A box reads none.
fn tells_nothing(msg: &Msg) -> bool {
    let Some(MsgBody::Request(RequestMessage { req_type: Some(Request::Notify(notify)) })) =
        msg.body.as_ref().and_then(|body| body.msg_body.as_ref())
    else {
        return false;
    };
    match &notify.notification {
        None => true,
        Some(Notification::OperComplete(done)) => done.operation_resp.is_none(),
        Some(_) => false,
    }
}

/// The rejection of a record that carries a message. Only a request whose msg_id can be read is answered [MTP.5].
fn refuse(from: EndpointId, me: &EndpointId, payload: &[u8], fault: Fault) -> Rejected {
    match request_id(payload) {
        Some(id) => {
            let record = seal(me, &from, &Msg::error(id, &fault, Vec::new()));
            Rejected::Answer { to: from, fault, record }
        }
        None => Rejected::Ignored(format!("from {from}: {fault}")),
    }
}

/// The rejection of a session, which needs no readable message [E2E.6a].
fn refuse_session(from: EndpointId, me: &EndpointId) -> Rejected {
    let fault = Fault::new(code::SESSION_NOT_ALLOWED, "session context is not spoken here; send records without one");
    let record = seal_disconnect(me, &from, &fault.text, fault.code);
    Rejected::Answer { to: from, fault, record }
}

/// The id of a message that is a request, even if the request itself cannot be read.
fn request_id(payload: &[u8]) -> Option<String> {
    /// A message whose body is not looked into.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Outline {
        #[prost(message, optional, tag = "1")]
        header: Option<crate::usp::Header>,
        #[prost(message, optional, tag = "2")]
        body: Option<OutlineBody>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct OutlineBody {
        #[prost(bytes = "vec", optional, tag = "1")]
        request: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "2")]
        response: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "3")]
        error: Option<Vec<u8>>,
    }
    let outline = Outline::decode(payload).ok()?;
    let id = outline.header?.msg_id;
    let body = outline.body?;
    (!id.is_empty() && body.request.is_some() && body.response.is_none() && body.error.is_none()).then_some(id)
}

/// A sender's text for the log: its beginning, quoted, without control characters.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests;
