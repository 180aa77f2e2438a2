//! Our encoding of USP against an independent one (`rusp-lib`), both ways, and hostile input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "usp_wire/twin.rs"]
mod twin;

use std::collections::BTreeSet;

use line3_proto::EndpointId;
use line3_proto::record::{Content, open, seal, seal_connect, seal_disconnect};
use line3_proto::usp::{Error, Msg, MsgType, Record, RecordType, Request, Response};
use line3_proto::{Fault, usp};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use rusp_lib::usp_decoder::{try_decode_msg, try_decode_record};
use twin::{Draw, Source, Twin};

/// How many sorts of records there are.
const RECORD_KINDS: usize = 7;

fn all_kinds() -> Vec<MsgType> {
    (0..).map_while(|n| MsgType::try_from(n).ok()).collect()
}

/// A message of this kind, with random content. A kind that is missing here does not compile.
fn msg_of(kind: MsgType, from: &mut Source<'_>) -> Msg {
    let id = String::draw(from);
    macro_rules! request {
        ($variant:ident) => {
            Msg::request(id, Request::$variant(Draw::draw(from)))
        };
    }
    macro_rules! response {
        ($variant:ident) => {
            Msg::response(id, Response::$variant(Draw::draw(from)))
        };
    }
    match kind {
        MsgType::Error => {
            let error = Error::draw(from);
            Msg::error(id, &Fault::from(&error), error.param_errs)
        }
        MsgType::Get => request!(Get),
        MsgType::GetResp => response!(GetResp),
        MsgType::Notify => request!(Notify),
        MsgType::NotifyResp => response!(NotifyResp),
        MsgType::Set => request!(Set),
        MsgType::SetResp => response!(SetResp),
        MsgType::Operate => request!(Operate),
        MsgType::OperateResp => response!(OperateResp),
        MsgType::Add => request!(Add),
        MsgType::AddResp => response!(AddResp),
        MsgType::Delete => request!(Delete),
        MsgType::DeleteResp => response!(DeleteResp),
        MsgType::GetSupportedDm => request!(GetSupportedDm),
        MsgType::GetSupportedDmResp => response!(GetSupportedDmResp),
        MsgType::GetInstances => request!(GetInstances),
        MsgType::GetInstancesResp => response!(GetInstancesResp),
        MsgType::GetSupportedProto => request!(GetSupportedProtocol),
        MsgType::GetSupportedProtoResp => response!(GetSupportedProtocolResp),
        MsgType::Register => request!(Register),
        MsgType::RegisterResp => response!(RegisterResp),
        MsgType::Deregister => request!(Deregister),
        MsgType::DeregisterResp => response!(DeregisterResp),
    }
}

/// A record of the sort `kind` (below [`RECORD_KINDS`]), with random content.
fn record_of(kind: usize, from: &mut Source<'_>) -> Record {
    let kinds: [fn(&mut Source<'_>) -> RecordType; RECORD_KINDS] = [
        |from| RecordType::NoSessionContext(Draw::draw(from)),
        |from| RecordType::SessionContext(Draw::draw(from)),
        |from| RecordType::WebsocketConnect(Draw::draw(from)),
        |from| RecordType::MqttConnect(Draw::draw(from)),
        |from| RecordType::StompConnect(Draw::draw(from)),
        |from| RecordType::Disconnect(Draw::draw(from)),
        |from| RecordType::UdsConnect(Draw::draw(from)),
    ];
    let record_type = Some(kinds[kind](from));
    Record { record_type, ..Draw::draw(from) }
}

/// Both sides write what the other one reads as the same message.
fn check_msg(msg: &Msg) {
    let twin: rusp_lib::usp::Msg = msg.clone().twin();
    assert_eq!(try_decode_msg(&msg.encode_to_vec()).unwrap(), twin);
    assert_eq!(Msg::decode(twin.to_vec().unwrap().as_slice()).unwrap(), *msg);
}

/// Both sides write what the other one reads as the same record.
fn check_record(record: &Record) {
    let twin: rusp_lib::usp_record::Record = record.clone().twin();
    assert_eq!(try_decode_record(&record.encode_to_vec()).unwrap(), twin);
    assert_eq!(Record::decode(twin.to_vec().unwrap().as_slice()).unwrap(), *record);
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn me() -> EndpointId {
    EndpointId::parse("self::line3").unwrap()
}

fn them() -> EndpointId {
    EndpointId::parse("os::00256D-1").unwrap()
}

/// Opens what may be anything, and checks what `open` promises.
fn open_anything(bytes: &[u8]) {
    match open(bytes, &me()) {
        Ok(opened) => {
            assert_ne!(opened.from, me());
            assert!((1..=16).contains(&opened.version.len()) && opened.version.is_ascii());
            if let Content::Message(msg) = opened.content {
                assert!(!msg.id().is_empty());
                assert!(msg.into_content().is_some());
            }
        }
        Err(rejected) => {
            let text = rejected.to_string();
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
        }
    }
}

#[test]
fn every_kind_of_message_is_covered() {
    let kinds = all_kinds();
    // Eleven requests, their responses, and the error.
    assert_eq!(kinds.len(), 23);
    for kind in kinds {
        let msg = msg_of(kind, &mut Source(&[]));
        assert_eq!(msg.kind(), Some(kind));
        assert_eq!(msg.header.as_ref().unwrap().msg_type(), kind);
    }
}

#[test]
fn every_kind_of_record_is_covered() {
    let tags = (0..RECORD_KINDS).map(|kind| match record_of(kind, &mut Source(&[])).record_type.unwrap() {
        RecordType::NoSessionContext(_) => 7,
        RecordType::SessionContext(_) => 8,
        RecordType::WebsocketConnect(_) => 9,
        RecordType::MqttConnect(_) => 10,
        RecordType::StompConnect(_) => 11,
        RecordType::Disconnect(_) => 12,
        RecordType::UdsConnect(_) => 13,
    });
    assert!(tags.collect::<BTreeSet<_>>().into_iter().eq(7..=13));
}

#[test]
fn enums_have_the_same_numbers_and_names() {
    let all = twin::enums();
    assert_eq!(all.len(), 23 + 3 + 4 + 11 + 3 + 3 + 2 + 4 + 2 + 1);
    for (number, ours, theirs) in all {
        assert_eq!(ours, theirs, "number {number}");
    }
}

#[test]
fn one_message_has_one_encoding() {
    let args = |order: [&str; 3]| order.map(|key| (key.to_owned(), "1".to_owned())).into();
    let operate = |input_args| Msg::request("1", Request::Operate(usp::Operate { input_args, ..Default::default() }));
    let (a, b) = (operate(args(["c", "a", "b"])), operate(args(["b", "c", "a"])));
    assert_eq!(a.encode_to_vec(), b.encode_to_vec());
}

#[test]
fn a_sealed_record_is_read_by_the_other_side() {
    let msg = msg_of(MsgType::Get, &mut Source(&[1, 1, 1, 1, 1, 1]));
    let record = try_decode_record(&seal(&them(), &me(), &msg)).unwrap();
    assert_eq!((record.version.as_str(), record.to_id.as_str(), record.from_id.as_str()), ("1.4", "self::line3", "os::00256D-1"));
    for bytes in [seal_connect(&them(), &me(), "a/b"), seal_disconnect(&them(), &me(), "bye", 0)] {
        check_record(&Record::decode(bytes.as_slice()).unwrap());
    }
}

#[test]
fn no_part_of_a_record_is_taken_for_the_whole() {
    // Of every kind, with something in every field.
    let bytes: Vec<u8> = (0..2000).map(|n: u32| (n * 7 % 251) as u8 | 1).collect();
    for kind in all_kinds() {
        let msg = msg_of(kind, &mut Source(&bytes));
        let (whole, payload) = (seal(&them(), &me(), &msg), msg.encode_to_vec());
        for end in 0..whole.len() {
            assert!(open(&whole[..end], &me()).is_err(), "{kind:?}, the first {end} of {} bytes", whole.len());
        }
        for end in 0..payload.len() {
            let part = usp::NoSessionContextRecord { payload: payload[..end].to_vec() };
            let record = Record {
                version: "1.4".into(),
                to_id: me().to_string(),
                from_id: them().to_string(),
                record_type: Some(RecordType::NoSessionContext(part)),
                ..Default::default()
            };
            open_anything(&record.encode_to_vec());
            assert!(open(&record.encode_to_vec(), &me()).is_err(), "{kind:?}, payload of the first {end} of {} bytes", payload.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn messages_are_the_same_on_both_sides(bytes in bytes(600)) {
        for kind in all_kinds() {
            check_msg(&msg_of(kind, &mut Source(&bytes)));
        }
        // Also with parts missing and the header wrong.
        check_msg(&Msg::draw(&mut Source(&bytes)));
    }

    #[test]
    fn records_are_the_same_on_both_sides(bytes in bytes(200)) {
        for kind in 0..RECORD_KINDS {
            check_record(&record_of(kind, &mut Source(&bytes)));
        }
        check_record(&Record::draw(&mut Source(&bytes)));
    }

    #[test]
    fn noise_is_survived(noise in bytes(300)) {
        open_anything(&noise);
        let payload = usp::NoSessionContextRecord { payload: noise };
        let record = Record {
            version: "1.4".into(),
            to_id: me().to_string(),
            from_id: them().to_string(),
            record_type: Some(RecordType::NoSessionContext(payload)),
            ..Default::default()
        };
        open_anything(&record.encode_to_vec());
    }

    #[test]
    fn damage_is_survived(
        content in bytes(300),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for kind in all_kinds() {
            let mut record = seal(&them(), &me(), &msg_of(kind, &mut Source(&content)));
            for (at, byte, how) in &changes {
                let at = at.index(record.len());
                match how {
                    0 => record[at] = *byte,
                    1 => record.insert(at, *byte),
                    _ => record[at] ^= 1 << (byte % 8),
                }
            }
            open_anything(&record);
            open_anything(&record[..cut.index(record.len())]);
        }
    }
}
