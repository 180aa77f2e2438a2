use expect_test::expect;

use super::*;

#[test]
fn a_call_on_a_box_that_is_away() {
    let mut bench = Bench::new();
    bench.look("never", "A");
    bench.ready("A", "r1", "b1");
    bench.gone("A", "r1.1");
    bench.said();
    bench.look("now", "A");
    bench.call("held", "A", operate("Device.Ping()"), Some(Effect::Read), true);
    bench.call("late", "A", get("Device.X"), None, true);
    bench.wait(60);
    expect![[r#"
        now expired the box is offline; nothing was sent. Hold the call with --wait
        held queued the box is offline; held until it is back or the deadline passes
        late queued the box is offline; held until it is back or the deadline passes
        held expired the box was not ready within 60 s; nothing was sent
        late expired the box was not ready within 60 s; nothing was sent
    "#]]
    .assert_eq(&bench.said());
    bench.call("first", "A", operate("Device.Ping()"), Some(Effect::Read), true);
    bench.call("second", "A", get("Device.X"), None, true);
    bench.wait(30);
    bench.connect("A", "r1.2");
    expect![[r#"
        first queued the box is offline; held until it is back or the deadline passes
        second queued the box is offline; held until it is back or the deadline passes
        os::00005E-A online run r1, catalogue known
        os::00005E-A is ready
        first sent
        second sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=first X_LINE3_Deadline=30000 X_LINE3_Reason=T-1
        > os::00005E-A Get Device.X
    "#]]
    .assert_eq(&bench.said());
    assert_eq!(bench.state("never"), CallState::Refused);
}

#[test]
fn what_is_never_answered_is_lost() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.look("get", "A");
    bench.ping("ping", "A");
    bench.ping("taken", "A");
    bench.asked.rotate_left(2);
    bench.accept("A", "Device.Ping()");
    bench.said();
    bench.wait(64);
    assert_eq!(bench.said(), "");
    bench.wait(1);
    expect![[r#"
        get lost the box did not answer within 60 s; it may have run
        ping lost the box did not answer within 60 s; it may have run
        taken lost the box took the call and did not say how it ended within 60 s
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn an_answer_at_the_last_moment_counts() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.look("get", "A");
    bench.wait(62);
    bench.values("A", &[("Device.X", "1")]);
    assert_eq!(bench.state("get"), CallState::Succeeded);
}

#[test]
fn looks_succeed_and_fail() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.look("a", "A");
    bench.values("A", &[("Device.X", "v\u{1b}[2J\u{202e}")]);
    bench.look("b", "A");
    bench.answer("A", Err(Fault::new(code::INVALID_PATH, "no\u{7}thing")));
    bench.look("c", "A");
    bench.answer("A", Err(Fault::new(code::INTERNAL, "broken")));
    bench.look("d", "A");
    let result = GetRespRequestedPathResult {
        requested_path: "Device.X".to_owned(),
        err_code: 7026,
        err_msg: "none".to_owned(),
        ..Default::default()
    };
    bench.answer("A", Ok(Response::GetResp(GetResp { req_path_results: vec![result] })));
    bench.look("e", "A");
    bench.output("A", "Device.Ping()", &[]);
    expect![[r#"
        a sent
        > os::00005E-A Get Device.X
        a succeeded Values { values: {"Device.X": "v[2J"}, faults: [] }
        b sent
        > os::00005E-A Get Device.X
        b refused 7026 (path is not in the supported data model): nothing
        c sent
        > os::00005E-A Get Device.X
        c failed 7003 (internal error): broken
        d sent
        > os::00005E-A Get Device.X
        d refused Values { values: {}, faults: [Wrong { path: "Device.X", code: 7026, meaning: "path is not in the supported data model", text: "none" }] } 7026 (path is not in the supported data model): none
        e sent
        > os::00005E-A Get Device.X
        e failed 7003 (internal error): the box answered something that was not asked
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn commands_end_now_or_later() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.ping("sync", "A");
    bench.output("A", "Device.Ping()", &[("Avg", "3")]);
    bench.ping("async", "A");
    bench.accept("A", "Device.Ping()");
    bench.event("A", "X_LINE3_Progress!", &[("CommandKey", "async"), ("Text", "1 of\u{1b} 3")], false);
    bench.event("A", "X_LINE3_Progress!", &[("CommandKey", "async"), ("Text", "too soon")], false);
    bench.complete("A", "async", "Device.Ping()", Ok(&[("Avg", "4")]));
    bench.complete("A", "async", "Device.Ping()", Ok(&[("Avg", "4")]));
    bench.ping("early", "A");
    bench.complete("A", "early", "Device.Ping()", Ok(&[("Avg", "5")]));
    bench.accept("A", "Device.Ping()");
    bench.ping("none", "A");
    bench.answer("A", Ok(Response::OperateResp(OperateResp::default())));
    expect![[r#"
        sync sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=sync X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        sync succeeded Outputs { outputs: {"Device.Ping()": {"Avg": "3"}}, faults: [] }
        async sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=async X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        async accepted
        async running 1 of 3
        async succeeded Outputs { outputs: {"Device.Ping()": {"Avg": "4"}}, faults: [] }
        early sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=early X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        early succeeded Outputs { outputs: {"Device.Ping()": {"Avg": "5"}}, faults: [] }
        none sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=none X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        none refused the path matches no command of the box: nothing was run
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn a_path_that_matches_several_ends_when_all_have() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.ping("several", "A");
    let row = |n: u32| Some(OperateRespOperationResp::ReqObjPath(format!("Device.LocalAgent.Request.{n}.")));
    let result = |n: u32| OperationResult { executed_command: format!("Device.P.{n}.Ping()"), operation_resp: row(n) };
    bench.answer("A", Ok(Response::OperateResp(OperateResp { operation_results: vec![result(1), result(2), result(3)] })));
    bench.complete("A", "several", "Device.P.2.Ping()", Ok(&[("Avg", "2")]));
    bench.cancel("several", "A");
    bench.complete("A", "several", "Device.P.3.Ping()", Err(code::COMMAND_CANCELLED));
    bench.complete("A", "several", "Device.P.1.Ping()", Err(code::COMMAND_CANCELLED));
    expect![[r#"
        several sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=several X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        several accepted
        > os::00005E-A Operate Device.LocalAgent.Request.1.Cancel()
        > os::00005E-A Operate Device.LocalAgent.Request.3.Cancel()
        several cancelled Outputs { outputs: {"Device.P.2.Ping()": {"Avg": "2"}}, faults: [Wrong { path: "Device.P.1.Ping()", code: 7023, meaning: "command cancelled", text: "words" }, Wrong { path: "Device.P.3.Ping()", code: 7023, meaning: "command cancelled", text: "words" }] } Device.P.1.Ping(): 7023 (command cancelled): words; Device.P.3.Ping(): 7023 (command cancelled): words
    "#]].assert_eq(&bench.said());
}

#[test]
fn the_code_says_how_it_ended() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    let mut table = String::new();
    for err_code in [7000, 7001, 7002, 7003, 7004, 7005, 7006, 7008, 7016, 7022, 7023, 7026, 7027, 7200, 7801, 7802, 7803] {
        let call = format!("c{err_code}");
        bench.ping(&call, "A");
        bench.fail("A", "Device.Ping()", err_code);
        let now = bench.state(&call);
        let call = format!("d{err_code}");
        bench.ping(&call, "A");
        bench.accept("A", "Device.Ping()");
        bench.complete("A", &call, "Device.Ping()", Err(err_code));
        assert_eq!(now, bench.state(&call));
        writeln!(table, "{err_code} {}", now.word()).unwrap();
    }
    expect![[r#"
        7000 failed
        7001 refused
        7002 refused
        7003 failed
        7004 refused
        7005 refused
        7006 refused
        7008 refused
        7016 refused
        7022 failed
        7023 cancelled
        7026 refused
        7027 refused
        7200 failed
        7801 expired
        7802 lost
        7803 timed_out
    "#]]
    .assert_eq(&table);
}

#[test]
fn cancelling() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.gone("A", "r1.1");
    bench.call("held", "A", operate("Device.Ping()"), Some(Effect::Read), true);
    bench.cancel("held", "A");
    bench.connect("A", "r1.2");
    bench.said();
    bench.ping("sent", "A");
    bench.cancel("sent", "A");
    bench.accept("A", "Device.Ping()");
    bench.complete("A", "sent", "Device.Ping()", Err(code::COMMAND_CANCELLED));
    bench.ping("taken", "A");
    bench.asked.clear();
    bench.cancel("taken", "B");
    bench.cancel("nothing", "A");
    expect![[r#"
        sent sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=sent X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        sent accepted
        > os::00005E-A Operate Device.LocalAgent.Request.7.Cancel()
        sent cancelled 7023 (command cancelled): words
        taken sent
        > os::00005E-A Operate Device.Ping() X_LINE3_Actor=ann X_LINE3_CallId=taken X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
    "#]]
    .assert_eq(&bench.said());
    assert_eq!(bench.state("held"), CallState::Cancelled);
    bench.wait(100);
    // A sync command cannot be stopped, and a cancel that comes too late changes nothing.
    bench.cancel("taken", "A");
    assert_eq!(bench.state("taken"), CallState::Lost);
}

#[test]
fn what_comes_after_the_end_is_evidence_and_no_more() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.ready("B", "r1", "b1");
    bench.ping("call", "A");
    bench.accept("A", "Device.Ping()");
    bench.wait(100);
    bench.said();
    bench.complete("B", "call", "Device.Ping()", Ok(&[]));
    assert_eq!(bench.said(), "", "of another box");
    for _ in 0..20 {
        bench.complete("A", "call", "Device.Ping()", Ok(&[("x", "\u{1b}")]));
    }
    bench.complete("A", "unheard of", "Device.Ping()", Ok(&[]));
    expect![[r#"
        call ended; after its end, os::00005E-A said: Device.Ping(): it succeeded
    "#]]
    .assert_eq(&bench.said());
    assert_eq!(bench.ends("call"), 1);
}

#[test]
fn a_box_cannot_end_the_calls_of_another() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.ready("B", "r1", "b1");
    bench.reboot("call", "A");
    bench.complete("B", "call", "Device.Reboot()", Ok(&[]));
    bench.boot("B", "call", "b9", "system");
    bench.event("B", "X_LINE3_Progress!", &[("CommandKey", "call")], false);
    assert_eq!(bench.state("call"), CallState::Sent);
}

#[test]
fn bounds() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    for n in 0..=MAX_OPEN_OF_BOX {
        bench.look(&format!("c{n}"), "A");
    }
    assert_eq!(bench.state("c31"), CallState::Sent);
    assert_eq!(bench.state("c32"), CallState::Refused);
    bench.look("c1", "A");
    assert_eq!(bench.ends("c1"), 0, "an id that came twice is passed over");
    // Ends of things that nobody asked for take no room.
    bench.ping("p", "A");
    for n in 0..1000 {
        bench.complete("A", "c0", &format!("Device.P.{n}.Ping()"), Ok(&[]));
    }
    assert_eq!(bench.fleet.calls.open["c0"].early.len(), 64);
}

#[test]
fn a_thousand_and_more_ends_are_remembered_and_no_more() {
    let mut calls = Calls::default();
    for n in 0..1500 {
        calls.remember(&n.to_string(), id("A"), CallState::Lost);
    }
    assert_eq!(calls.ended.len(), 1000);
    assert!(!calls.ended.contains_key("499") && calls.ended.contains_key("500"));
}
