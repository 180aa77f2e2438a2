//! What is no whole message or record, case by case: what is answered, with which code, and what is ignored. Agents and controllers
//! open records alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use line3_proto::fault::code;
use line3_proto::record::{Content, Rejected, VERSION, open, seal};
use line3_proto::usp::{
    Add, AddResp, AddRespOperationStatus, Body, CreatedObjectResult, Delete, DeleteResp, DeleteRespOperationStatus, DeletedObjectResult,
    Deregister, Error, Event, Get, GetInstances, GetSupportedDm, GetSupportedProtocol, Header, Msg, MsgBody, MsgContent, MsgType,
    NoSessionContextRecord, Notification, Notify, Operate, OperateResp, OperationComplete, OperationResult, PayloadSarState, Record,
    RecordType, Register, Request, RequestMessage, Response, ResponseMessage, SessionContextRecord, Set, SetResp, SetRespOperationStatus,
    UpdatedObjectResult,
};
use line3_proto::{EndpointId, Fault};
use prost::Message;

fn me() -> EndpointId {
    EndpointId::parse("proto::box-1").unwrap()
}

fn them() -> EndpointId {
    EndpointId::parse("self::line3").unwrap()
}

fn record(record_type: Option<RecordType>) -> Record {
    Record { version: VERSION.to_owned(), to_id: me().to_string(), from_id: them().to_string(), record_type, ..Default::default() }
}

fn holding(payload: Vec<u8>) -> Vec<u8> {
    record(Some(RecordType::NoSessionContext(NoSessionContextRecord { payload }))).encode_to_vec()
}

/// What comes of a record, in a word: what it is answered with, or that it is ignored or taken.
fn outcome(bytes: &[u8]) -> String {
    match open(bytes, &me()) {
        Ok(_) => "taken".to_owned(),
        Err(Rejected::Ignored(_)) => "ignored".to_owned(),
        Err(Rejected::Answer { to, fault, record }) => {
            assert_eq!(to, them());
            let answer = open(&record, &them()).unwrap();
            assert_eq!(answer.from, me());
            match answer.content {
                Content::Message(msg) => {
                    let Some((id, MsgContent::Error(error))) = msg.into_content() else { panic!("no Error") };
                    assert_eq!((id.as_str(), Fault::from(&error)), ("7", fault));
                    format!("Error {}", error.err_code)
                }
                Content::Disconnect { reason_code, .. } => {
                    assert_eq!(reason_code, fault.code);
                    format!("Disconnect {reason_code}")
                }
                Content::Connect { .. } => panic!("no answer"),
            }
        }
    }
}

fn message(header: Option<Header>, body: Option<Body>) -> String {
    outcome(&holding(Msg { header, body }.encode_to_vec()))
}

fn header(id: &str, msg_type: i32) -> Option<Header> {
    Some(Header { msg_id: id.to_owned(), msg_type })
}

fn requests() -> Vec<Request> {
    let event = Notify { notification: Some(Notification::Event(Event::default())), ..Notify::default() };
    vec![
        Request::Get(Get::default()),
        Request::GetSupportedDm(GetSupportedDm::default()),
        Request::GetInstances(GetInstances::default()),
        Request::Set(Set::default()),
        Request::Add(Add::default()),
        Request::Delete(Delete::default()),
        Request::Operate(Operate::default()),
        Request::Notify(event),
        Request::GetSupportedProtocol(GetSupportedProtocol::default()),
        Request::Register(Register::default()),
        Request::Deregister(Deregister::default()),
    ]
}

#[test]
fn an_absent_oneof_is_refused_to_a_request_and_ignored_otherwise() {
    // The record's [ENC.4].
    assert_eq!(outcome(&record(None).encode_to_vec()), "ignored");
    // The body's, the request's and the response's [ENC.5].
    let body = |msg_body| Some(Body { msg_body });
    let no_request = || body(Some(MsgBody::Request(RequestMessage { req_type: None })));
    let no_response = body(Some(MsgBody::Response(ResponseMessage { resp_type: None })));
    assert_eq!(message(header("7", 1), None), "ignored");
    assert_eq!(message(header("7", 1), body(None)), "ignored");
    assert_eq!(message(header("7", 1), no_request()), "Error 7004");
    assert_eq!(message(header("7", 2), no_response), "ignored");
    // Without an id there is nothing to answer.
    assert_eq!(message(header("", 1), no_request()), "ignored");
    assert_eq!(message(None, no_request()), "ignored");
    assert_eq!(message(None, body(Some(MsgBody::Error(Error::default())))), "ignored");
    for request in requests() {
        let kind = request.msg_type();
        let whole = |id: &str| (header(id, kind.into()), body(Some(MsgBody::Request(RequestMessage { req_type: Some(request.clone()) }))));
        let (head, whole_body) = whole("7");
        assert_eq!(message(head, whole_body), "taken", "{kind:?}");
        let (head, whole_body) = whole("");
        assert_eq!(message(head, whole_body), "ignored", "{kind:?} without an id");
    }
}

#[test]
fn an_absent_oneof_within_a_request_is_refused() {
    let notify = |notification| Request::Notify(Notify { notification, send_resp: true, ..Notify::default() });
    for nothing in [notify(None), notify(Some(Notification::OperComplete(OperationComplete::default())))] {
        assert_eq!(outcome(&seal(&them(), &me(), &Msg::request("7", nothing))), "Error 7004");
    }
}

#[test]
fn an_absent_oneof_within_a_response_is_for_who_asked() {
    // There is nobody to refuse it to; what was asked is over all the same.
    let responses = [
        Response::AddResp(AddResp { created_obj_results: vec![CreatedObjectResult::default()] }),
        Response::AddResp(AddResp {
            created_obj_results: vec![CreatedObjectResult { oper_status: Some(AddRespOperationStatus::default()), ..Default::default() }],
        }),
        Response::SetResp(SetResp { updated_obj_results: vec![UpdatedObjectResult::default()] }),
        Response::SetResp(SetResp {
            updated_obj_results: vec![UpdatedObjectResult { oper_status: Some(SetRespOperationStatus::default()), ..Default::default() }],
        }),
        Response::DeleteResp(DeleteResp { deleted_obj_results: vec![DeletedObjectResult::default()] }),
        Response::DeleteResp(DeleteResp {
            deleted_obj_results: vec![DeletedObjectResult {
                oper_status: Some(DeleteRespOperationStatus::default()),
                ..Default::default()
            }],
        }),
        Response::OperateResp(OperateResp { operation_results: vec![OperationResult::default()] }),
    ];
    for response in responses {
        assert_eq!(outcome(&seal(&them(), &me(), &Msg::response("7", response))), "taken");
    }
}

#[test]
fn the_body_wins_over_a_wrong_msg_type_and_an_unknown_one_is_refused() {
    for request in requests() {
        let body = || Some(Body { msg_body: Some(MsgBody::Request(RequestMessage { req_type: Some(request.clone()) })) });
        for wrong in [MsgType::Error, MsgType::GetResp, MsgType::Delete, MsgType::DeregisterResp] {
            let msg = Msg { header: header("7", wrong.into()), body: body() };
            let opened = open(&holding(msg.encode_to_vec()), &me()).unwrap();
            let Content::Message(msg) = opened.content else { panic!("no message") };
            assert_eq!(msg.into_content(), Some(("7".to_owned(), MsgContent::Request(request.clone()))));
        }
        // [ENC.2]
        for unknown in [-1, 23, i32::MAX] {
            assert_eq!(message(header("7", unknown), body()), "Error 7100");
        }
    }
    assert_eq!(message(header("7", 23), Some(Body { msg_body: Some(MsgBody::Error(Error::default())) })), "ignored");
}

#[test]
fn a_session_in_whatever_state_is_refused_with_a_disconnect() {
    for (session_id, sequence_id, sar) in
        [(2, 1, PayloadSarState::None), (0, 0, PayloadSarState::Begin), (u64::MAX, 9, PayloadSarState::Complete)]
    {
        for payload in [vec![], vec![vec![]], vec![vec![0xff; 9], vec![1]]] {
            let session = SessionContextRecord {
                session_id,
                sequence_id,
                payload_sar_state: sar.into(),
                payloadrec_sar_state: 99,
                payload,
                ..Default::default()
            };
            assert_eq!(outcome(&record(Some(RecordType::SessionContext(session))).encode_to_vec()), "Disconnect 7106");
        }
    }
}

#[test]
fn a_wrong_envelope() {
    let get = Msg::request("7", Request::Get(Get::default())).encode_to_vec();
    let enveloped = |change: fn(&mut Record)| {
        let mut record = record(Some(RecordType::NoSessionContext(NoSessionContextRecord { payload: get.clone() })));
        change(&mut record);
        outcome(&record.encode_to_vec())
    };
    assert_eq!(enveloped(|_| ()), "taken");
    assert_eq!(enveloped(|record| record.to_id = "proto::box-2".to_owned()), "ignored");
    assert_eq!(enveloped(|record| record.to_id.clear()), "ignored");
    assert_eq!(enveloped(|record| record.from_id = me().to_string()), "ignored");
    assert_eq!(enveloped(|record| record.from_id = "x".to_owned()), "ignored");
    assert_eq!(enveloped(|record| record.from_id = "self::line3/../x".to_owned()), "ignored");
    assert_eq!(enveloped(|record| record.version = "x".to_owned()), "Error 7104");
    assert_eq!(enveloped(|record| record.version.clear()), "Error 7104");
    assert_eq!(enveloped(|record| record.payload_security = 1), "Error 7102");
    assert_eq!(enveloped(|record| record.payload_security = 2), "Error 7104");
    // Neither is checked: the link protects the record.
    assert_eq!(enveloped(|record| record.mac_signature = vec![1]), "taken");
    assert_eq!(enveloped(|record| record.sender_cert = vec![1]), "taken");
    assert_eq!(outcome(&holding(Vec::new())), "ignored");
    assert_eq!(code::meaning(7106), "session context not allowed");
}
