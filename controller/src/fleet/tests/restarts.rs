use expect_test::expect;

use super::*;

/// The box's agent starts anew, and is met.
fn restart(bench: &mut Bench, name: &str, run: &str, boot: &str) {
    bench.asked.retain(|(who, ..)| *who != id(name));
    bench.connect(name, &format!("{run}.1"));
    bench.who(name, run, boot, true);
}

/// A repair and a ping are under way, the power goes.
fn under_way() -> Bench {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.repair("repair", "A");
    bench.accept("A", "Device.Repair()");
    bench.ping("ping", "A");
    bench.accept("A", "Device.Ping()");
    bench.wait(10);
    bench.said();
    restart(&mut bench, "A", "r2", "b2");
    bench
}

#[test]
fn what_only_looks_is_lost_and_what_acts_is_asked_for() {
    let mut bench = under_way();
    expect![[r#"
        os::00005E-A online run r2, catalogue known
        repair accepted the box's agent has started anew; it is asked what became of the call
        ping lost the box's agent started anew while the command ran; its result is lost
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-A online run r2, catalogue known
        os::00005E-A is known
        os::00005E-A is ready
        > os::00005E-A Operate Device.Repair() X_LINE3_Actor=ann X_LINE3_CallId=repair X_LINE3_Deadline=0 X_LINE3_Reason=T-1
    "#]].assert_eq(&bench.said());
    // It ended before, and says so: taken, then OperationComplete once more.
    bench.accept("A", "Device.Repair()");
    bench.complete("A", "repair", "Device.Repair()", Ok(&[("Done", "1")]));
    expect![[r#"
        repair accepted
        repair succeeded Outputs { outputs: {"Device.Repair()": {"Done": "1"}}, faults: [] }
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn what_the_box_says_of_the_first_time() {
    // The other way round: OperationComplete overtakes the answer.
    let mut bench = under_way();
    bench.complete("A", "repair", "Device.Repair()", Ok(&[]));
    assert_eq!(bench.state("repair"), CallState::Succeeded);
    // A synchronous command: the result.
    let mut bench = under_way();
    bench.output("A", "Device.Repair()", &[]);
    assert_eq!(bench.state("repair"), CallState::Succeeded);
    // Its journal has an end that went wrong; it cannot tell; it does not know the call; it has no such command any more.
    let ends =
        [(7022, CallState::Failed), (7802, CallState::Lost), (7801, CallState::Lost), (7026, CallState::Lost), (7803, CallState::TimedOut)];
    for (err_code, expected) in ends {
        let mut bench = under_way();
        bench.fail("A", "Device.Repair()", err_code);
        assert_eq!(bench.state("repair"), expected, "{err_code}");
        let mut bench = under_way();
        bench.answer("A", Err(Fault::new(err_code, "words")));
        assert_eq!(bench.state("repair"), expected, "{err_code}");
    }
    // It is at it: its own end tells.
    let mut bench = under_way();
    bench.fail("A", "Device.Repair()", 7005);
    assert!(!bench.state("repair").is_final());
    bench.complete("A", "repair", "Device.Repair()", Ok(&[]));
    assert_eq!(bench.state("repair"), CallState::Succeeded);
}

#[test]
fn a_repeat_that_is_not_answered_ends_at_its_time_once() {
    let mut bench = under_way();
    // And the agent starts once more meanwhile: the first repeat is forgotten.
    bench.wait(20);
    restart(&mut bench, "A", "r3", "b3");
    assert_eq!(bench.asked.len(), 1);
    bench.wait(100);
    assert_eq!((bench.state("repair"), bench.ends("repair")), (CallState::Lost, 1));
    assert!(bench.fleet.purposes.is_empty());
}

#[test]
fn a_command_sent_and_not_answered_before_the_restart() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.repair("repair", "A");
    let first = bench.asked.pop_front().unwrap();
    restart(&mut bench, "A", "r2", "b2");
    bench.said();
    // The first Operate was on its way all the time: the box gets it now, and is at it when the repeat comes.
    bench.fail("A", "Device.Repair()", 7005);
    bench.asked.push_front(first);
    bench.output("A", "Device.Repair()", &[("Done", "1")]);
    expect![[r#"
        repair accepted
        repair succeeded Outputs { outputs: {"Device.Repair()": {"Done": "1"}}, faults: [] }
    "#]]
    .assert_eq(&bench.said());
}

#[test]
fn a_reboot_ends_by_the_boot() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.reboot("reboot", "A");
    bench.output("A", "Device.Reboot()", &[]);
    bench.boot("A", "reboot", "b2", "system");
    expect![[r#"
        reboot sent
        > os::00005E-A Operate Device.Reboot() X_LINE3_Actor=ann X_LINE3_CallId=reboot X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        reboot running the box restarts; the call ends when it is back
        reboot succeeded Outputs { outputs: {"Device.Reboot()": {"CommandKey": "reboot", "X_LINE3_BootID": "b2", "X_LINE3_RebootMode": "system"}}, faults: [] }
        os::00005E-A online run r1, catalogue known
    "#]].assert_eq(&bench.said());
    // Before the answer to the Operate; later the answer comes.
    bench.reboot("early", "A");
    bench.boot("A", "early", "b3", "system");
    bench.output("A", "Device.Reboot()", &[]);
    expect![[r#"
        early sent
        > os::00005E-A Operate Device.Reboot() X_LINE3_Actor=ann X_LINE3_CallId=early X_LINE3_Deadline=60000 X_LINE3_Reason=T-1
        early succeeded Outputs { outputs: {"Device.Reboot()": {"CommandKey": "early", "X_LINE3_BootID": "b3", "X_LINE3_RebootMode": "system"}}, faults: [] }
        os::00005E-A online run r1, catalogue known
        log: ignored on usp/controller/self::line3/os::00005E-A/reply/one: an answer of os::00005E-A to "910a2dec89025cc1-3", which was not asked, or is over
    "#]].assert_eq(&bench.said());
    // The kernel did not restart.
    bench.reboot("same", "A");
    bench.boot("A", "same", "b3", "system");
    // Only the agent did, and is meant to.
    bench.reboot("agent", "A");
    bench.boot("A", "agent", "b3", "restart-agent");
    assert_eq!([bench.state("same"), bench.state("agent")], [CallState::Failed, CallState::Succeeded]);
    assert_eq!(bench.fleet.boxes[&id("A")].row.boot_id.as_deref(), Some("b3"));
}

#[test]
fn a_boot_that_is_told_after_the_box_was_met_again_counts() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.reboot("reboot", "A");
    bench.output("A", "Device.Reboot()", &[]);
    restart(&mut bench, "A", "r2", "b2");
    bench.boot("A", "reboot", "b2", "system");
    assert_eq!(bench.state("reboot"), CallState::Succeeded);
}

#[test]
fn a_boot_that_is_never_told_is_asked_for() {
    for (answer, expected) in [(None, CallState::Succeeded), (Some(7802), CallState::Lost)] {
        let mut bench = Bench::new();
        bench.ready("A", "r1", "b1");
        bench.reboot("reboot", "A");
        bench.output("A", "Device.Reboot()", &[]);
        restart(&mut bench, "A", "r2", "b2");
        match answer {
            None => bench.output("A", "Device.Reboot()", &[]),
            Some(err_code) => bench.fail("A", "Device.Reboot()", err_code),
        }
        assert_eq!(bench.state("reboot"), expected);
    }
}

#[test]
fn a_box_that_does_not_come_back_from_a_reboot() {
    let mut bench = Bench::new();
    bench.ready("A", "r1", "b1");
    bench.reboot("reboot", "A");
    bench.output("A", "Device.Reboot()", &[]);
    bench.gone("A", "r1.1");
    bench.complete("A", "reboot", "Device.Reboot()", Ok(&[]));
    bench.wait(65);
    assert_eq!(bench.state("reboot"), CallState::Lost);
}

#[test]
fn a_reconnect_of_a_foreign_agent_is_no_restart_and_its_boot_is() {
    let mut bench = Bench::new();
    bench.connect("A", "");
    bench.values("A", &[]);
    bench.answer("A", Ok(Response::GetSupportedDmResp(line3_proto::usp::GetSupportedDmResp::default())));
    let calls: Vec<Call> = bench.proposed.drain(..).collect();
    for call in calls {
        bench.fleet.subscribed(bench.now, &id("A"), &call.id, true);
    }
    bench.repair("repair", "A");
    bench.accept("A", "Device.Repair()");
    bench.said();
    bench.connect("A", "");
    assert_eq!(bench.state("repair"), CallState::Accepted);
    bench.boot("A", "", "", "");
    assert_eq!(bench.state("repair"), CallState::Lost);
    let sent = "> os::00005E-A Operate Device.Repair()";
    assert!(!bench.said().contains(sent), "it has no journal: it is never asked again");
}

/// What the store has of a call and its box.
fn kept(call: &str, order: Order, effect: Option<Effect>, state: CallState) -> Bench {
    let row = BoxRow {
        online: true,
        run_id: Some("r1".to_owned()),
        connection: 1,
        boot_id: Some("b1".to_owned()),
        ..BoxRow::new(id("A"), Wall(0))
    };
    let call = Call { id: call.to_owned(), box_id: id("A"), order, effect, deadline: Duration::from_secs(60), wait: true };
    Bench::with(vec![row], vec![Reopened { call, state, left: Duration::from_secs(30) }])
}

/// The controller comes back, and meets the box.
fn met(bench: &mut Bench, run: &str) {
    bench.values("A", &[("Device.LocalAgent.X_LINE3_RunID", run)]);
    bench.who("A", run, "b1", true);
    bench.store_has_it();
}

#[test]
fn after_a_restart_of_the_controller_what_acts_is_asked_for() {
    let mut bench = kept("repair", operate("Device.Repair()"), Some(Effect::Disrupt), CallState::Accepted);
    met(&mut bench, "r1");
    expect![[r#"
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.DeviceInfo.UpTime
        os::00005E-A online run r1
        > os::00005E-A Get Device.LocalAgent.X_LINE3_RunID Device.LocalAgent.X_LINE3_BootID Device.LocalAgent.X_LINE3_CatalogueDigest Device.DeviceInfo. Device.LocalAgent.Subscription.*. Device.LocalAgent.Controller.*.
        os::00005E-A online run r1
        wants 77a76d
        os::00005E-A is known
        os::00005E-A online run r1, catalogue known
        os::00005E-A is ready
        > os::00005E-A Operate Device.Repair() X_LINE3_Actor= X_LINE3_CallId=repair X_LINE3_Deadline=0 X_LINE3_Reason=
    "#]].assert_eq(&bench.said());
    bench.accept("A", "Device.Repair()");
    bench.complete("A", "repair", "Device.Repair()", Ok(&[]));
    assert_eq!(bench.state("repair"), CallState::Succeeded);
}

#[test]
fn after_a_restart_of_the_controller_the_rest() {
    // What was queued is sent; what looks is sent again; what measures is waited for.
    let mut bench = kept("ping", operate("Device.Ping()"), Some(Effect::Read), CallState::Queued);
    met(&mut bench, "r1");
    assert_eq!(bench.state("ping"), CallState::Sent);
    let mut bench = kept("get", get("Device.X"), None, CallState::Sent);
    met(&mut bench, "r1");
    bench.values("A", &[("Device.X", "1")]);
    assert_eq!(bench.state("get"), CallState::Succeeded);
    let mut bench = kept("ping", operate("Device.Ping()"), Some(Effect::Read), CallState::Sent);
    met(&mut bench, "r1");
    assert!(bench.asked.is_empty());
    bench.complete("A", "ping", "Device.Ping()", Ok(&[]));
    assert_eq!(bench.state("ping"), CallState::Succeeded);
    // Time runs out: what was queued never ran, of the rest nobody knows.
    let mut bench = kept("ping", operate("Device.Ping()"), Some(Effect::Read), CallState::Queued);
    bench.wait(31);
    assert_eq!(bench.state("ping"), CallState::Expired);
    for (order, effect) in [(get("Device.X"), None), (operate("Device.Ping()"), Some(Effect::Read))] {
        let mut bench = kept("call", order, effect, CallState::Sent);
        bench.wait(36);
        assert_eq!(bench.state("call"), CallState::Lost);
    }
}

#[test]
fn a_reboot_outlives_a_restart_of_the_controller() {
    for run in ["r1", "r2"] {
        let mut bench = kept("reboot", operate("Device.Reboot()"), Some(Effect::Disrupt), CallState::Running);
        met(&mut bench, run);
        // In the same run it has not restarted yet; in the next its journal tells that it has.
        bench.output("A", "Device.Reboot()", &[]);
        assert_eq!(bench.steps.last().unwrap().state.is_final(), run == "r2");
        bench.boot("A", "reboot", "b2", "system");
        assert_eq!((bench.state("reboot"), bench.ends("reboot")), (CallState::Succeeded, 1));
    }
}
