//! A repair runs exactly once, whatever fails; and a restart that was asked for is told from one that was not.

use std::time::Duration;

use expect_test::{Expect, expect};
use line3_agent::config::Config;
use line3_agent::view::RebootMode;

use crate::bench::Bench;
use crate::commands::ran;

const SUBSCRIBED: &str = "0s up
     0s subscribe OperationComplete Device. ID=done Persistent=true
     0s subscribe Event Device.Boot! ID=boot Persistent=true";

fn subscribed(change: impl FnOnce(&mut Config)) -> Bench {
    let mut bench = Bench::with(change);
    bench.play(SUBSCRIBED);
    bench
}

/// A box whose Reboot() restarts the kernel.
fn system() -> Bench {
    subscribed(|config| config.reboot = RebootMode::System)
}

#[track_caller]
fn check(mut bench: Bench, script: &str, expected: &Expect) {
    expected.assert_eq(&bench.play(script));
}

#[test]
fn a_reboot_is_answered_then_done_and_closed_by_boot() {
    check(
        system(),
        "1s < Operate Device.Reboot() key=k id=c1\n9s up",
        &expect![[r#"
            1s > #3 OperateResp Device.Reboot() done
            1s > restart system
            9s log connected to the broker
            9s > connect RUN.1 usp/agent/proto::sim-1
            9s > Notify boot: Device.Boot! Cause=RemoteReboot CommandKey=k FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        "#]],
    );
}

#[test]
fn where_only_the_agent_restarts_it_says_so() {
    check(
        subscribed(|_| ()),
        "1s < Operate Device.Reboot() key=k id=c1\n9s up",
        &expect![[r#"
            1s > #3 OperateResp Device.Reboot() done
            1s > restart restart-agent
            9s log connected to the broker
            9s > connect RUN.1 usp/agent/proto::sim-1
            9s > Notify boot: Device.Boot! Cause=RemoteReboot CommandKey=k FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=restart-agent X_LINE3_RunID=RUN
        "#]],
    );
}

#[test]
fn the_answer_has_three_seconds_to_get_out() {
    check(
        system(),
        "1s acknowledges no\n1s < Operate Device.Reboot() key=k\n2s acknowledges yes\n9s end",
        &expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        2s > restart system
    "#]],
    );
    check(
        system(),
        "1s acknowledges no\n1s < Operate Device.Reboot() key=k\n9s end",
        &expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        4s > restart system
    "#]],
    );
    check(
        system(),
        "1s acknowledges no\n1s < Operate Device.Reboot() key=k\n2s refuse no right\n9s end",
        &expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        2s log the broker did not take a message: no right
        2s > restart system
    "#]],
    );
}

#[test]
fn a_reboot_that_comes_twice_is_done_once() {
    let twice = "1s < Operate Device.Reboot() key=k id=c1";
    let mut bench = system();
    expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        1s > #4 OperateResp Device.Reboot() done
        4s > restart system
        9s log connected to the broker
        9s > connect RUN.1 usp/agent/proto::sim-1
        9s > Notify boot: Device.Boot! Cause=RemoteReboot CommandKey=k FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        10s > #4 OperateResp Device.Reboot() done
    "#]].assert_eq(&bench.play(&format!("1s acknowledges no\n{twice}\n{twice}\n9s acknowledges yes\n9s up\n10s again")));
    assert_eq!(bench.restarted, 1);
}

#[test]
fn without_a_call_id_each_order_counts() {
    let mut bench = system();
    bench.play("1s < Operate Device.Reboot()\n9s up\n10s again\n19s up");
    assert_eq!(bench.restarted, 2);
}

#[test]
fn a_box_about_to_restart_begins_nothing_new() {
    check(
        system(),
        "1s acknowledges no
         1s < Operate Device.Reboot() key=k
         2s < Operate Device.X_LINE3_Test.Work() Seconds=1
         2s < Operate Device.Reboot() key=other
         9s up",
        &expect![[r#"
            1s > #3 OperateResp Device.Reboot() done
            2s > #4 OperateResp Device.X_LINE3_Test.Work(): 7005 Device.X_LINE3_Test.Work() did not run: the box is about to restart
            2s > #5 OperateResp Device.Reboot(): 7005 Device.Reboot() did not run: the box is about to restart
            4s > restart system
            9s log connected to the broker
            9s > connect RUN.1 usp/agent/proto::sim-1
            9s > Notify boot: Device.Boot! Cause=RemoteReboot CommandKey=k FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        "#]],
    );
}

#[test]
fn a_restart_of_the_agent_alone_is_no_boot() {
    check(
        system(),
        "1s kill\n2s up\n3s end",
        &expect![[r#"
            2s log connected to the broker
            2s > connect RUN.1 usp/agent/proto::sim-1
        "#]],
    );
    check(
        system(),
        "1s boot\n2s up\n3s end",
        &expect![[r#"
            2s log connected to the broker
            2s > connect RUN.1 usp/agent/proto::sim-1
            2s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        "#]],
    );
}

#[test]
fn firmware_that_names_its_own_version_is_known_by_it() {
    let mut bench = system();
    bench.config.device.software_version = String::new();
    bench.play("1s boot\n2s up");
    bench.config.device.software_version = "2.0".to_owned();
    let said = bench.play("3s boot\n4s up");
    assert!(said.contains("FirmwareUpdated=true"), "{said}");
}

#[test]
fn a_boot_into_other_firmware_says_so_once() {
    let mut bench = system();
    bench.config.device.software_version = "2.0".to_owned();
    expect![[r#"
        2s log connected to the broker
        2s > connect RUN.1 usp/agent/proto::sim-1
        4s log connected to the broker
        4s > connect RUN.1 usp/agent/proto::sim-1
        4s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=true ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        6s log connected to the broker
        6s > connect RUN.1 usp/agent/proto::sim-1
        6s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
    "#]].assert_eq(&bench.play("1s kill\n2s up\n3s boot\n4s up\n5s boot\n6s up"));
}

#[test]
fn a_restart_that_fails_is_told_to_who_asks_again() {
    let mut bench = system();
    bench.restarts = false;
    expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        1s > restart system
        9s log connected to the broker
        9s > connect RUN.1 usp/agent/proto::sim-1
        10s > #3 OperateResp Device.Reboot(): 7022 no permission
        12s log connected to the broker
        12s > connect RUN.1 usp/agent/proto::sim-1
        12s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
    "#]].assert_eq(&bench.play("1s < Operate Device.Reboot() key=k id=c1\n9s up\n10s again\n11s boot\n12s up"));
}

#[test]
fn a_repair_that_comes_again_is_not_done_again() {
    let mend = "< Operate Device.X_LINE3_Test.Mend() key=k id=c1 Seconds=3 Size=5";
    let mut bench = system();
    expect![[r#"
        1s > #3 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        2s > #4 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        4s > Notify done: OperationComplete Device.X_LINE3_Test.Mend() key=k Data=xxxxx
        9s > #5 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.2.
        9s > Notify done: OperationComplete Device.X_LINE3_Test.Mend() key=k Data=xxxxx
        11s log connected to the broker
        11s > connect RUN.1 usp/agent/proto::sim-1
        12s > #6 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        12s > Notify done: OperationComplete Device.X_LINE3_Test.Mend() key=k Data=xxxxx
    "#]]
    .assert_eq(&bench.play(&format!("1s {mend}\n2s {mend}\n9s {mend}\n10s kill\n11s up\n12s {mend}")));
    assert_eq!(ran(), 1);
    let wipe = "< Operate Device.X_LINE3_Test.Wipe() key=k id=c2 Seconds=3 Fail=true";
    expect![[r#"
        22s > #8 OperateResp Device.X_LINE3_Test.Wipe(): 7005 Device.X_LINE3_Test.Wipe(): this very call is under way
        24s > #7 OperateResp Device.X_LINE3_Test.Wipe(): 7022 it was told to fail
        29s > #9 OperateResp Device.X_LINE3_Test.Wipe(): 7022 it was told to fail
        31s log connected to the broker
        31s > connect RUN.1 usp/agent/proto::sim-1
        31s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        32s > #10 OperateResp Device.X_LINE3_Test.Wipe(): 7022 it was told to fail
    "#]].assert_eq(&bench.play(&format!("21s {wipe}\n22s {wipe}\n29s {wipe}\n30s boot\n31s up\n32s {wipe}")));
    assert_eq!(ran(), 2);
}

#[test]
fn another_controller_or_another_id_is_another_call() {
    let mut bench = system();
    bench.play(
        "1s < Operate Device.X_LINE3_Test.Wipe() id=c1 Seconds=0
         2s < Operate Device.X_LINE3_Test.Wipe() id=c2 Seconds=0
         3s < Operate Device.X_LINE3_Test.Wipe() Seconds=0
         4s < Operate Device.X_LINE3_Test.Wipe() Seconds=0",
    );
    assert_eq!(ran(), 4);
    expect![[r#"
        5s > #7 OperateResp Device.X_LINE3_Test.Mend(): 7004 Device.X_LINE3_Test.Mend(): the call id "c1" was used before, for Device.X_LINE3_Test.Wipe()
    "#]].assert_eq(&bench.play("5s < Operate Device.X_LINE3_Test.Mend() id=c1 Seconds=0"));
}

#[test]
fn what_was_under_way_when_the_agent_was_killed_is_lost_and_said_so() {
    let mend = "< Operate Device.X_LINE3_Test.Mend() key=k id=c1 Seconds=5";
    let mut bench = system();
    expect![[r#"
        1s > #3 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        3s log connected to the broker
        3s > connect RUN.1 usp/agent/proto::sim-1
        4s > #4 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        4s > Notify done: OperationComplete Device.X_LINE3_Test.Mend() key=k 7802 Device.X_LINE3_Test.Mend(): the agent was stopped while this call ran, and cannot tell how far it came
        6s log connected to the broker
        6s > connect RUN.1 usp/agent/proto::sim-1
        6s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
        7s > #5 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.1.
        7s > Notify done: OperationComplete Device.X_LINE3_Test.Mend() key=k 7802 Device.X_LINE3_Test.Mend(): the agent was stopped while this call ran, and cannot tell how far it came
    "#]].assert_eq(&bench.play(&format!("1s {mend}\n2s kill\n3s up\n4s {mend}\n5s boot\n6s up\n7s {mend}")));
    assert_eq!(ran(), 1);
}

#[test]
fn who_cannot_write_the_journal_does_not_act() {
    let mut bench = system();
    let said = bench.play(
        "1s full
         2s < Operate Device.X_LINE3_Test.Wipe() key=k id=c1 Seconds=0
         3s < Operate Device.X_LINE3_Test.Mend() key=k id=c2 Seconds=0
         4s < Operate Device.Reboot() key=k id=c3
         5s < Operate Device.X_LINE3_Test.Work() key=k Seconds=0
         6s full no
         7s < Operate Device.X_LINE3_Test.Wipe() key=k id=c1 Seconds=0",
    );
    expect![[r#"
        2s > #3 OperateResp Device.X_LINE3_Test.Wipe(): 7003 Device.X_LINE3_Test.Wipe() did not run: the journal cannot be written (no space left on device); free space on the box first
        3s > #4 OperateResp Device.X_LINE3_Test.Mend(): 7003 Device.X_LINE3_Test.Mend() did not run: the journal cannot be written (no space left on device); free space on the box first
        4s > #5 OperateResp Device.Reboot(): 7003 Device.Reboot() did not run: the journal cannot be written (no space left on device); free space on the box first
        5s > #6 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
        5s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k Data=
        7s > #7 OperateResp Device.X_LINE3_Test.Wipe() done Data=
    "#]].assert_eq(&said);
    assert_eq!((ran(), bench.restarted), (1, 0));
}

#[test]
fn the_end_that_cannot_be_written_is_told_all_the_same() {
    let wipe = "< Operate Device.X_LINE3_Test.Wipe() key=k id=c1 Seconds=2";
    let mut bench = system();
    expect![[r#"
        3s log the end of Device.X_LINE3_Test.Wipe() could not be written to the journal: no space left on device
        3s > #3 OperateResp Device.X_LINE3_Test.Wipe() done Data=
        4s > #4 OperateResp Device.X_LINE3_Test.Wipe() done Data=
        7s log connected to the broker
        7s > connect RUN.1 usp/agent/proto::sim-1
        8s > #5 OperateResp Device.X_LINE3_Test.Wipe(): 7802 Device.X_LINE3_Test.Wipe(): the agent was stopped while this call ran, and cannot tell how far it came
    "#]].assert_eq(&bench.play(&format!("1s {wipe}\n2s full\n4s {wipe}\n5s full no\n6s kill\n7s up\n8s {wipe}")));
    assert_eq!(ran(), 1);
}

/// A reboot whose intention cannot be kept would come back as a boot that nobody asked for.
#[test]
fn a_reboot_that_cannot_be_kept_does_not_happen() {
    let mut bench = system();
    bench.ask("Operate Device.Reboot() key=k id=c1");
    bench.flash.fail_next_save();
    bench.settle();
    expect![[r#"
        0s > #3 OperateResp Device.Reboot(): 7003 Device.Reboot() did not run: the journal cannot be written (the simulated flash failed); free space on the box first
        9s > #3 OperateResp Device.Reboot(): 7003 Device.Reboot() did not run: the journal cannot be written (the simulated flash failed); free space on the box first
    "#]].assert_eq(&bench.play("9s again"));
    assert_eq!(bench.restarted, 0);
}

#[test]
fn an_expired_call_does_not_run() {
    let mut bench = system();
    expect![[r#"
        1s > #3 OperateResp Device.X_LINE3_Test.Wipe(): 7801 Device.X_LINE3_Test.Wipe(): the call's deadline had passed when it came; it did not run
    "#]].assert_eq(&bench.play("1s < Operate Device.X_LINE3_Test.Wipe() id=c1 deadline=0 Seconds=0"));
    assert_eq!(ran(), 0);
}

#[test]
fn the_journal_remembers_the_last_sixty_four() {
    let mut bench = system();
    let wipe = |id: u32| format!("1s < Operate Device.X_LINE3_Test.Wipe() id=c{id} Seconds=0 Size=3000");
    (1..=65).for_each(|id| drop(bench.play(&wipe(id))));
    assert_eq!(ran(), 65);
    bench.play("1s kill\n1s up");
    (2..=65).for_each(|id| drop(bench.play(&wipe(id))));
    assert_eq!(ran(), 65);
    bench.play(&wipe(1));
    assert_eq!(ran(), 66, "the oldest is forgotten");
    assert!(bench.flash.written() / bench.flash.saves() < 128 * 1024);
}

/// The power fails at every single step of the machine between the order and what follows from it. Then the controller orders the
/// same again, as it does when it hears nothing.
#[track_caller]
fn power_fails(order: &str, acted: impl Fn(&Bench) -> u32) {
    let (mut lost, mut replayed, mut fresh) = (0, 0, 0);
    for step in 1.. {
        let mut bench = system();
        let before = bench.steps;
        bench.power_fails_in = Some(step);
        bench.play(&format!("1s < {order}\n30s end"));
        let done = bench.power_fails_in.take().is_some();
        let ran_before = acted(&bench);
        assert!(ran_before <= 1, "step {step}: it ran {ran_before} times");
        let said = bench.play(&format!("31s up\n32s < {order}\n60s up\n61s end"));
        let times = acted(&bench);
        assert!(times <= 1, "step {step}: it ran {times} times\n{said}");
        if said.contains("7802") {
            lost += 1;
        } else if ran_before == 1 {
            replayed += 1;
            assert!(said.contains("done") || said.contains("OperationComplete"), "step {step}:\n{said}");
        } else {
            fresh += 1;
            // The failure of the power is a restart too, if one was about to come.
            assert!(times == 1 || said.contains("CommandKey=k"), "step {step}: it neither ran nor was said to be lost\n{said}");
        }
        if done {
            assert!(bench.steps - before > 3, "the scenario has steps");
            break;
        }
    }
    assert!(replayed > 0 && lost + fresh > 0, "lost {lost}, replayed {replayed}, fresh {fresh}");
}

#[test]
fn the_power_fails_at_every_step_of_a_reboot() {
    power_fails("Operate Device.Reboot() key=k id=c1", |bench| bench.restarted);
}

#[test]
fn the_power_fails_at_every_step_of_a_repair() {
    power_fails("Operate Device.X_LINE3_Test.Wipe() key=k id=c1 Seconds=2", |_| ran());
    power_fails("Operate Device.X_LINE3_Test.Mend() key=k id=c1 Seconds=2", |_| ran());
}

/// The agent dies, and the kernel does not: a reboot that was on its way has then provably not come.
#[test]
fn a_reboot_that_the_agent_did_not_live_to_see_is_lost() {
    let mut bench = system();
    let said = bench.play(
        "1s acknowledges no
         1s < Operate Device.Reboot() key=k id=c1
         2s kill
         3s acknowledges yes
         3s up
         4s again
         5s boot
         6s up",
    );
    expect![[r#"
        1s > #3 OperateResp Device.Reboot() done
        3s log connected to the broker
        3s > connect RUN.1 usp/agent/proto::sim-1
        4s > #3 OperateResp Device.Reboot(): 7802 Device.Reboot(): the agent was stopped before the restart; the box has not restarted since
        6s log connected to the broker
        6s > connect RUN.1 usp/agent/proto::sim-1
        6s > Notify boot: Device.Boot! Cause=LocalReboot CommandKey= FirmwareUpdated=false ParameterMap={} X_LINE3_BootID=BOOT X_LINE3_RebootMode=system X_LINE3_RunID=RUN
    "#]].assert_eq(&said);
    assert_eq!(bench.restarted, 0);
    assert!(bench.clock.now() >= Duration::from_secs(6));
}
