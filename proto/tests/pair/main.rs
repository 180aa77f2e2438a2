//! Two endpoints and a wire that loses, delays and doubles, in counted time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;

use std::time::Duration;

use expect_test::{Expect, expect};
use line3_proto::backoff::Backoff;
use line3_proto::endpoint::{Ask, CONNECTION, Input, MAX_WORKING, Output};
use line3_proto::fault::code;
use line3_proto::rng::Rng;
use line3_proto::usp::{
    Get, GetResp, GetRespRequestedPathResult, GetSupportedProtocol, Msg, NotifyResp, Record, RecordType, Request, Response,
    SessionContextRecord,
};
use line3_proto::{Fault, Machine, Publication, record};

use bench::{BOX, CONTROLLER, Pair, id, secs};

#[track_caller]
fn check(mut pair: Pair, ask: impl FnOnce(&mut Pair), end: f64, expected: &Expect) {
    ask(&mut pair);
    pair.until(end);
    expected.assert_eq(&pair.take());
}

#[test]
fn a_question_is_answered() {
    check(
        Pair::calm(),
        |pair| pair.ask(1, None, false),
        60.0,
        &expect![[r#"
        0.0s line3 sends
        0.1s box is asked 1
        0.1s box sends
        0.2s line3 hears of 1: yes
    "#]],
    );
}

#[test]
fn a_lost_question_or_answer_is_asked_again_until_answered() {
    let fate = |number| if number <= 3 { vec![] } else { vec![secs(0.1)] };
    check(
        Pair::new(fate),
        |pair| pair.ask(1, None, true),
        200.0,
        &expect![[r#"
        0.0s line3 sends, lost
        6.9s line3 sends, lost
        17.1s line3 sends, lost
        55.1s line3 sends
        55.2s box is asked 1
        55.2s box sends
        55.3s line3 hears of 1: yes
    "#]],
    );
    let fate = |number| if number == 2 { vec![] } else { vec![secs(0.1)] };
    check(
        Pair::new(fate),
        |pair| pair.ask(1, None, true),
        200.0,
        &expect![[r#"
        0.0s line3 sends
        0.1s box is asked 1
        0.1s box sends, lost
        6.9s line3 sends
        7.0s box is asked 1
        7.0s box sends
        7.1s line3 hears of 1: yes
    "#]],
    );
}

#[test]
fn a_question_expires_once_and_a_late_answer_means_nothing() {
    let late = |number| if number == 2 { vec![secs(20.0)] } else { vec![secs(0.1)] };
    check(
        Pair::new(late),
        |pair| pair.ask(1, Some(10.0), false),
        60.0,
        &expect![[r#"
        0.0s line3 sends
        0.1s box is asked 1
        0.1s box sends
        15.0s line3 gives up 1
        20.1s line3 ignores on usp/controller/self::line3/proto::sim-1/reply/1: an answer of proto::sim-1 to "run-1", which was not asked, or is over
    "#]],
    );
    check(
        Pair::new(|_| vec![]),
        |pair| pair.ask(1, Some(12.0), true),
        60.0,
        &expect![[r#"
        0.0s line3 sends, lost
        6.9s line3 sends, lost
        17.0s line3 gives up 1
    "#]],
    );
}

#[test]
fn doubles_are_passed_over() {
    let mut pair = Pair::new(|_| vec![secs(0.1), secs(0.2)]);
    pair.answers = false;
    let answer = |pair: &mut Pair| {
        pair.ask(1, None, false);
        pair.until(1.0);
        let reply = pair.open.pop().unwrap();
        pair.agent(Input::Answer(reply, Ok(Response::GetResp(GetResp::default()))));
    };
    check(
        pair,
        answer,
        9.0,
        &expect![[r#"
        0.0s line3 sends
        0.1s box is asked 1
        0.2s box ignores on usp/agent/proto::sim-1: message "run-1" of self::line3 came twice
        1.0s box sends
        1.1s line3 hears of 1: yes
        1.2s line3 ignores on usp/controller/self::line3/proto::sim-1/reply/1: an answer of proto::sim-1 to "run-1", which was not asked, or is over
    "#]],
    );
}

#[test]
fn so_many_requests_are_worked_on_and_no_more() {
    let mut pair = Pair::calm();
    pair.answers = false;
    (1..=MAX_WORKING as u64 + 1).for_each(|tag| pair.ask(tag, None, false));
    pair.until(1.0);
    assert_eq!(pair.open.len(), MAX_WORKING);
    let said = pair.take();
    let refused: Vec<&str> = said.lines().filter(|line| line.contains("hears")).collect();
    expect!["0.2s line3 hears of 257: 7005 (resources exceeded): 256 requests are being worked on; try again later"]
        .assert_eq(&refused.join("\n"));
    // One is done, by an answer or without: there is room again.
    let (first, second) = (pair.open.remove(0), pair.open.remove(0));
    pair.agent(Input::Answer(first, Ok(Response::GetResp(GetResp::default()))));
    pair.agent(Input::Done(second));
    (1001..=1003).for_each(|tag| pair.ask(tag, None, false));
    pair.until(2.0);
    assert_eq!(pair.open.len(), MAX_WORKING);
}

#[test]
fn an_answer_of_somebody_else_is_none() {
    let mut pair = Pair::new(|_| vec![]);
    pair.ask(1, None, false);
    let forged = |from: &str, topic: &str, msg_id: &str| Publication {
        topic: format!("usp/controller/{CONTROLLER}/{topic}/reply/1"),
        payload: record::seal(&id(from), &id(CONTROLLER), &Msg::response(msg_id, Response::NotifyResp(NotifyResp::default()))),
        ..Publication::default()
    };
    pair.controller(Input::Received(forged("proto::sim-2", "proto::sim-2", "run-1")));
    // A box on its own topic in another one's name, which an ACL cannot see.
    pair.controller(Input::Received(forged(BOX, "proto::sim-2", "run-1")));
    pair.controller(Input::Received(forged(BOX, BOX, "run-2")));
    pair.controller(Input::Received(forged(BOX, BOX, "run-1")));
    pair.controller(Input::Received(forged(BOX, BOX, "run-1")));
    expect![[r#"
        0.0s line3 sends, lost
        0.0s line3 ignores on usp/controller/self::line3/proto::sim-2/reply/1: an answer of proto::sim-2 to "run-1", which was not asked, or is over
        0.0s line3 ignores on usp/controller/self::line3/proto::sim-2/reply/1: a record of proto::sim-1 on the topic of proto::sim-2: one box may not speak for another
        0.0s line3 ignores on usp/controller/self::line3/proto::sim-1/reply/1: an answer of proto::sim-1 to "run-2", which was not asked, or is over
        0.0s line3 hears of 1: yes
        0.0s line3 ignores on usp/controller/self::line3/proto::sim-1/reply/1: an answer of proto::sim-1 to "run-1", which was not asked, or is over
    "#]].assert_eq(&pair.take());
}

#[test]
fn what_is_too_large_is_said_so_instead() {
    let mut pair = Pair::calm();
    pair.answers = false;
    pair.ask(1, None, false);
    pair.until(1.0);
    let text = "x".repeat(record::MAX_RECORD);
    let huge = GetRespRequestedPathResult { requested_path: text.clone(), ..GetRespRequestedPathResult::default() };
    let reply = pair.open.pop().unwrap();
    pair.agent(Input::Answer(reply, Ok(Response::GetResp(GetResp { req_path_results: vec![huge] }))));
    let request = Request::GetSupportedProtocol(GetSupportedProtocol { controller_supported_protocol_versions: text });
    let ask = Ask { tag: 2, to: id(BOX), topic: "usp/agent/x".to_owned(), request, answered: true, expires: None, again: None };
    pair.controller(Input::Ask(ask));
    pair.until(2.0);
    expect![[r#"
        0.0s line3 sends
        0.1s box is asked 1
        1.0s box sends
        1.0s line3 hears of 2: 7005 (resources exceeded): not sent: the request has 1048643 bytes, more than the 1048576 that can be
        1.1s line3 hears of 1: 7005 (resources exceeded): the answer has 1048647 bytes, more than the 1048576 that can be sent; ask for less at a time
    "#]].assert_eq(&pair.take());
}

#[test]
fn an_answer_is_worth_as_long_as_its_question() {
    let mut pair = Pair::calm();
    pair.answers = false;
    let expiry = |pair: &mut Pair| {
        let reply = pair.open.pop().unwrap();
        let now = pair.now();
        pair.agent.handle(now, Input::Answer(reply, Err(Fault::new(code::INTERNAL, "no").into())));
        let Some(Output::Publish(publication)) = pair.agent.poll() else { panic!("no answer") };
        publication.expiry.unwrap()
    };
    pair.fate = Box::new(|_| vec![secs(1.0)]);
    pair.ask(1, Some(10.0), false);
    pair.until(1.0);
    pair.now = secs(5.0);
    assert_eq!(expiry(&mut pair), secs(6.0), "the publication came with ten seconds left, four ago");
    pair.ask(2, Some(10.0), false);
    pair.until(6.0);
    pair.now = secs(90.0);
    assert_eq!(expiry(&mut pair), secs(1.0), "late, but an expiry of 0 could not be written");
    pair.ask(3, None, false);
    pair.until(91.0);
    assert_eq!(expiry(&mut pair), secs(300.0));
}

#[test]
fn without_a_way_back_there_is_no_answer() {
    let mut pair = Pair::calm();
    let request = Msg::request("1", Request::Get(Get { param_paths: vec!["x".to_owned()], max_depth: 0 }));
    let payload = record::seal(&id(CONTROLLER), &id(BOX), &request);
    pair.agent(Input::Received(Publication { topic: format!("usp/agent/{BOX}"), payload, ..Publication::default() }));
    expect![[r#"
        0.0s box is asked x
        0.0s box ignores on : self::line3 named no Response Topic, so it gets no answer
    "#]]
    .assert_eq(&pair.take());
}

#[test]
fn a_record_that_cannot_be_worked_on_is_refused_where_that_can_be_heard() {
    let mut pair = Pair::calm();
    let session = Record {
        version: "1.4".to_owned(),
        to_id: BOX.to_owned(),
        from_id: CONTROLLER.to_owned(),
        record_type: Some(RecordType::SessionContext(SessionContextRecord::default())),
        ..Record::default()
    };
    let payload = prost::Message::encode_to_vec(&session);
    let response_topic = Some(format!("usp/controller/{CONTROLLER}/{BOX}/reply/1"));
    pair.agent(Input::Received(Publication { topic: format!("usp/agent/{BOX}"), payload, response_topic, ..Publication::default() }));
    pair.agent(Input::Received(Publication { topic: format!("usp/agent/{BOX}"), payload: vec![1, 2], ..Publication::default() }));
    pair.until(1.0);
    expect![[r#"
        0.0s box ignores on usp/agent/proto::sim-1: 7106 (session context not allowed): session context is not spoken here; send records without one
        0.0s box sends
        0.0s box: self::line3 goes None session context is not spoken here; send records without one
        0.0s box ignores on usp/agent/proto::sim-1: 2 bytes that are no USP record: failed to decode Protobuf message: invalid tag value: 0
        0.1s line3: proto::sim-1 goes None session context is not spoken here; send records without one
    "#]].assert_eq(&pair.take());
}

#[test]
fn coming_and_going_carry_the_name_of_the_connection() {
    let mut pair = Pair::calm();
    let topic = format!("usp/controller/{CONTROLLER}/{BOX}");
    let connect = pair.agent.connect_record(&id(CONTROLLER), &topic, "r.1");
    let mut disconnect = pair.agent.disconnect_record(&id(CONTROLLER), &topic, "asleep");
    disconnect.user_properties.push((CONNECTION.to_owned(), "r.1".to_owned()));
    pair.controller(Input::Received(connect));
    pair.controller(Input::Received(disconnect));
    expect![[r#"
        0.0s line3: proto::sim-1 is there Some("r.1") Some("usp/agent/proto::sim-1")
        0.0s line3: proto::sim-1 goes Some("r.1") asleep
    "#]]
    .assert_eq(&pair.take());
}

#[test]
fn who_cannot_reach_others_asks_nothing_until_it_can() {
    let mut pair = Pair::calm();
    pair.controller(Input::Reachable(false));
    pair.ask(1, None, true);
    pair.ask(2, Some(5.0), true);
    pair.until(30.0);
    pair.controller(Input::Reachable(true));
    pair.until(31.0);
    // A question that was asked before waits for the link as well.
    pair.fate = Box::new(|_| vec![]);
    pair.ask(3, None, true);
    pair.controller(Input::Reachable(false));
    pair.until(500.0);
    pair.fate = Box::new(|_| vec![secs(0.1)]);
    pair.controller(Input::Reachable(true));
    pair.until(501.0);
    expect![[r#"
        10.0s line3 gives up 2
        30.0s line3 sends
        30.1s box is asked 1
        30.1s box sends
        30.2s line3 hears of 1: yes
        31.0s line3 sends, lost
        500.0s line3 sends
        500.1s box is asked 3
        500.1s box sends
        500.2s line3 hears of 3: yes
    "#]]
    .assert_eq(&pair.take());
}

#[test]
fn what_is_forgotten_is_not_asked_again() {
    let mut pair = Pair::new(|_| vec![]);
    pair.ask(1, Some(20.0), true);
    pair.ask(2, None, true);
    assert_eq!(pair.controller.waiting(), 2);
    pair.controller(Input::Forget(1));
    pair.until(8.0);
    assert_eq!((pair.controller.waiting(), pair.ended.len()), (1, 0));
    pair.controller(Input::Forget(2));
    assert_eq!((pair.controller.waiting(), pair.controller.deadline()), (0, None));
}

/// A backoff of nothing must not become a busy loop.
#[test]
fn questions_are_a_tenth_of_a_second_apart_at_least() {
    let mut pair = Pair::new(|_| vec![]);
    let request = Request::Get(Get::default());
    let again = Some(Backoff { m: Duration::ZERO, k: 1000, cap: Duration::ZERO });
    let ask = Ask { tag: 1, to: id(BOX), topic: "t".to_owned(), request, answered: true, expires: None, again };
    pair.controller(Input::Ask(ask));
    pair.until(1.05);
    assert_eq!(pair.sent, 11);
}

#[test]
fn on_a_bad_wire_every_question_ends_once_and_a_persistent_one_is_answered() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut pair = Pair::new(move |_| {
            let copies = if rng.chance(0.4) { 0 } else { 1 + rng.below(2) };
            (0..copies).map(|_| rng.between(secs(0.0), secs(3.0))).collect()
        });
        for tag in 1..=40 {
            pair.ask(tag, (tag % 2 == 0).then_some(15.0), tag % 4 != 0);
            pair.until(tag as f64);
        }
        pair.until(40_000.0);
        for tag in 1..=40 {
            let ended = pair.ended.get(&tag).map_or(&[][..], Vec::as_slice);
            assert_eq!(ended.len(), 1, "seed {seed}: question {tag} ended {ended:?}");
            assert!(tag % 2 == 0 || ended == ["answered"], "seed {seed}: question {tag}");
        }
        assert_eq!((pair.controller.waiting(), pair.controller.deadline()), (0, None));
    }
}
