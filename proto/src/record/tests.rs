#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::usp::{Body, Get, Header, MsgBody, PayloadSarState, Request, RequestMessage, Response, ResponseMessage};
use crate::usp::{GetResp, MsgContent, SessionContextRecord, StompConnectRecord, UdsConnectRecord, WebSocketConnectRecord};

fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

fn me() -> EndpointId {
    id("self::line3")
}

fn them() -> EndpointId {
    id("os::00256D-1")
}

fn get() -> Msg {
    Msg::request("17", Request::Get(Get { param_paths: vec!["Device.".into()], max_depth: 0 }))
}

/// A good record, spoilt by `spoil`.
fn spoilt(spoil: impl FnOnce(&mut Record)) -> Vec<u8> {
    let mut record = Record::decode(seal(&them(), &me(), &get()).as_slice()).unwrap();
    spoil(&mut record);
    record.encode_to_vec()
}

/// A record with this payload.
fn holding(payload: Vec<u8>) -> Vec<u8> {
    spoilt(|r| r.record_type = Some(RecordType::NoSessionContext(NoSessionContextRecord { payload })))
}

/// What the log says about an ignored record.
fn ignored(bytes: &[u8]) -> String {
    match open(bytes, &me()) {
        Err(Rejected::Ignored(why)) => why,
        other => panic!("not ignored: {other:?}"),
    }
}

/// The code that a record is answered with, by an Error that repeats the request's id.
fn error_code(bytes: &[u8]) -> u32 {
    let Err(Rejected::Answer { to, fault, record }) = open(bytes, &me()) else { panic!("not answered") };
    assert_eq!(to, them());
    let answer = open(&record, &them()).unwrap();
    assert_eq!(answer.from, me());
    let Content::Message(msg) = answer.content else { panic!("no message") };
    let Some((id, MsgContent::Error(error))) = msg.into_content() else { panic!("no error") };
    assert_eq!(id, "17");
    assert_eq!(Fault::from(&error), fault);
    fault.code
}

#[test]
fn what_is_sealed_can_be_opened() {
    let opened = |content| Ok(Opened { from: them(), version: "1.4".into(), content });
    assert_eq!(open(&seal(&them(), &me(), &get()), &me()), opened(Content::Message(get())));
    let topic = "usp/agent/os::00256D-1";
    let connect = Content::Connect { mqtt: MqttVersion::V5, subscribed_topic: topic.into() };
    assert_eq!(open(&seal_connect(&them(), &me(), topic), &me()), opened(connect));
    let disconnect = Content::Disconnect { reason: "reboot".into(), reason_code: 0 };
    assert_eq!(open(&seal_disconnect(&them(), &me(), "reboot", 0), &me()), opened(disconnect));
}

#[test]
fn who_cannot_or_must_not_be_answered_is_ignored() {
    assert!(ignored(&spoilt(|r| r.to_id = "os::00256D-2".into())).contains("it is for"));
    assert!(ignored(&spoilt(|r| r.to_id.clear())).contains("it is for"));
    assert!(ignored(&spoilt(|r| r.from_id = me().to_string())).contains("this endpoint"));
    assert!(ignored(&spoilt(|r| r.from_id = "nobody".into())).contains("from_id"));
    assert!(ignored(&spoilt(|r| r.from_id.clear())).contains("from_id"));
    assert!(ignored(&spoilt(|r| r.record_type = None)).contains("record type"));
    // Of other transports.
    for other in [
        RecordType::WebsocketConnect(WebSocketConnectRecord {}),
        RecordType::StompConnect(StompConnectRecord::default()),
        RecordType::UdsConnect(UdsConnectRecord {}),
    ] {
        assert!(ignored(&spoilt(|r| r.record_type = Some(other))).contains("another transport"));
    }
    let mqtt_9 = MqttConnectRecord { version: 9, subscribed_topic: "a".into() };
    assert!(ignored(&spoilt(|r| r.record_type = Some(RecordType::MqttConnect(mqtt_9)))).contains("unknown version of MQTT"));
}

#[test]
fn an_ignored_text_is_safe_in_a_log() {
    let why = ignored(&spoilt(|r| r.to_id = "\u{1b}[2J\n".repeat(1000)));
    assert!(why.len() < 1000 && !why.contains(char::is_control), "{why}");
}

#[test]
fn a_bad_field_is_answered_if_there_is_a_request_to_answer() {
    assert_eq!(error_code(&spoilt(|r| r.version.clear())), code::RECORD_VALUE);
    assert_eq!(error_code(&spoilt(|r| r.version = "1.4\u{7}".into())), code::RECORD_VALUE);
    assert_eq!(error_code(&spoilt(|r| r.version = "1".repeat(17))), code::RECORD_VALUE);
    assert_eq!(error_code(&spoilt(|r| r.payload_security = 1)), code::SECURE_SESSION_UNSUPPORTED);
    assert_eq!(error_code(&spoilt(|r| r.payload_security = 2)), code::RECORD_VALUE);

    let response = Msg::response("17", Response::GetResp(GetResp::default())).encode_to_vec();
    let not_a_request = |spoil: fn(&mut Record)| {
        let mut record = Record::decode(holding(response.clone()).as_slice()).unwrap();
        spoil(&mut record);
        ignored(&record.encode_to_vec())
    };
    assert!(not_a_request(|r| r.version.clear()).contains("7104"));
    assert!(not_a_request(|r| r.payload_security = 1).contains("7102"));
    let connect = RecordType::MqttConnect(MqttConnectRecord::default());
    assert!(
        ignored(&spoilt(|r| {
            r.record_type = Some(connect);
            r.payload_security = 7;
        }))
        .contains("7104")
    );
}

#[test]
fn a_session_is_refused_with_a_disconnect() {
    let session = SessionContextRecord {
        session_id: 2,
        sequence_id: 1,
        payload_sar_state: PayloadSarState::Begin.into(),
        payload: vec![get().encode_to_vec()],
        ..Default::default()
    };
    for security in [0, 1] {
        let session = session.clone();
        let bytes = spoilt(|r| {
            r.record_type = Some(RecordType::SessionContext(session));
            r.payload_security = security;
        });
        let Err(Rejected::Answer { to, fault, record }) = open(&bytes, &me()) else { panic!("not answered") };
        assert_eq!((to, fault.code), (them(), code::SESSION_NOT_ALLOWED));
        let answer = open(&record, &them()).unwrap();
        assert_eq!(answer.content, Content::Disconnect { reason: fault.text, reason_code: 7106 });
    }
}

#[test]
fn a_payload_that_is_no_message_is_answered_only_to_a_request() {
    assert!(ignored(&holding(vec![])).contains("no payload"));
    assert!(ignored(&holding(vec![0xff; 9])).contains("7100"));

    let message = |msg_id: &str, msg_body| {
        let header = Some(Header { msg_id: msg_id.into(), msg_type: 1 });
        holding(Msg { header, body: Some(Body { msg_body }) }.encode_to_vec())
    };
    let no_request = Some(MsgBody::Request(RequestMessage::default()));
    assert_eq!(error_code(&message("17", no_request.clone())), code::INVALID_ARGUMENTS);
    assert!(ignored(&message("", no_request)).contains("7004"));
    assert!(ignored(&message("17", None)).contains("7004"));
    assert!(ignored(&message("17", Some(MsgBody::Response(ResponseMessage::default())))).contains("7004"));
    assert!(
        ignored(&message("", Some(MsgBody::Request(RequestMessage { req_type: Some(Request::Get(Get::default())) })))).contains("7004")
    );

    // A Get whose path is no UTF-8: header and body are fine, the request is not.
    let mut bytes = get().encode_to_vec();
    let at = bytes.windows(7).position(|w| w == b"Device.").unwrap();
    bytes[at] = 0xff;
    assert_eq!(error_code(&holding(bytes)), code::RECORD_UNPARSABLE);
}

#[test]
fn an_error_or_a_response_is_never_answered() {
    let notify_resp = crate::usp::NotifyResp { subscription_id: "Device.".into() };
    for msg in [Msg::error("17", &Fault::new(7004, "Device."), vec![]), Msg::response("17", Response::NotifyResp(notify_resp))] {
        let mut bytes = msg.encode_to_vec();
        let at = bytes.windows(7).position(|w| w == b"Device.").unwrap();
        bytes[at] = 0xff;
        assert!(ignored(&holding(bytes.clone())).contains("7100"));
        // Nor is one that pretends to be a request as well.
        assert!(ignored(&holding([get().encode_to_vec(), bytes].concat())).contains("7100"));
    }
}

#[test]
fn a_long_record_is_not_even_read() {
    let pad = |r: &mut Record, n| r.sender_cert = vec![0; n];
    let empty = spoilt(|r| pad(r, 0)).len();
    // A tag and a length of three bytes go before the certificate.
    let room = MAX_RECORD - empty - 4;
    assert!(open(&spoilt(|r| pad(r, room)), &me()).is_ok());
    assert!(ignored(&spoilt(|r| pad(r, room + 1))).contains("1048577 bytes"));
}

#[test]
fn a_truncated_record_is_rejected() {
    let whole = seal(&them(), &me(), &get());
    for n in 0..whole.len() {
        assert!(open(&whole[..n], &me()).is_err(), "the first {n} of {} bytes", whole.len());
    }
    let payload = get().encode_to_vec();
    for n in 0..payload.len() {
        assert!(open(&holding(payload[..n].to_vec()), &me()).is_err(), "payload of the first {n} of {} bytes", payload.len());
    }
}

#[test]
fn nesting_without_end_is_no_record() {
    // Groups inside groups, of a field that the schema does not have.
    let record = [seal(&them(), &me(), &get()), [0xa3, 0x06].repeat(100_000)].concat();
    assert!(ignored(&record).contains("no USP record"));
}
