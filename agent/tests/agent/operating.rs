//! Operate.

use expect_test::{Expect, expect};

use crate::bench::Bench;
use crate::commands::ran;

/// What a box says, its controller having subscribed to the ends of commands and to their progress.
#[track_caller]
fn check(script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe OperationComplete Device. ID=done\n0s subscribe Event Device.LocalAgent.Request. ID=progress");
    expected.assert_eq(&bench.play(script));
}

#[test]
fn a_synchronous_command_is_answered_with_its_result() {
    check(
        "1s < Operate Device.X_LINE3_Test.Wipe() key=k Seconds=3 Size=4 Unknown=ignored
         2s < Get Device.LocalAgent.Request.
         9s < Operate Device.X_LINE3_Test.Wipe() Seconds=0 Fail=true",
        &expect![[r#"
            2s > #4 GetResp Device.LocalAgent.Request.: nothing
            4s > #3 OperateResp Device.X_LINE3_Test.Wipe() done Data=xxxx
            9s > #5 OperateResp Device.X_LINE3_Test.Wipe(): 7022 it was told to fail
        "#]],
    );
}

#[test]
fn an_asynchronous_command_has_a_row_and_tells_its_end() {
    check(
        "1s < Operate Device.X_LINE3_Test.Work() key=k1 Seconds=5
         2s < Get Device.LocalAgent.Request.
         3s < Get Device.LocalAgent.Request.1.CommandKey Device.LocalAgent.RequestNumberOfEntries
         9s < Get Device.LocalAgent.Request.*.CommandKey
         10s < Operate Device.X_LINE3_Test.Work() key=k2 Seconds=0 Fail=true
         11s < Operate Device.IP.Diagnostics.IPPing() key=k3 Host=10.0.0.1 NumberOfRepetitions=2
         15s end",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
            2s > #4 GetResp Device.LocalAgent.Request.1. Command=Device.X_LINE3_Test.Work() CommandKey=k1 Originator=self::line3 Status=Active
            3s > #5 GetResp Device.LocalAgent.Request.1. CommandKey=k1
            3s > #5 GetResp Device.LocalAgent. RequestNumberOfEntries=1
            6s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k1 Data=
            9s > #6 GetResp Device.LocalAgent.Request.*.CommandKey: nothing
            10s > #7 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.2.
            10s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k2 7022 it was told to fail
            11s > #8 OperateResp Device.IP.Diagnostics.IPPing() as Device.LocalAgent.Request.3.
            11.206s > Notify done: OperationComplete Device.IP.Diagnostics.IPPing() key=k3 AverageResponseTime=3 AverageResponseTimeDetailed=3066 FailureCount=0 IPAddressUsed=10.0.0.1 MaximumResponseTime=3 MaximumResponseTimeDetailed=3077 MinimumResponseTime=3 MinimumResponseTimeDetailed=3056 Status=Complete SuccessCount=2
        "#]],
    );
}

#[test]
fn a_row_has_the_number_that_was_told() {
    check(
        "1s < Operate Device.X_LINE3_Test.Wipe() Seconds=0
         2s < Operate Device.X_LINE3_Test.Work() key=a Seconds=9
         3s < Operate Device.X_LINE3_Test.Work() key=b Seconds=9
         4s < Get Device.LocalAgent.Request.2.CommandKey Device.LocalAgent.Request.*.CommandKey
         5s < Operate Device.LocalAgent.Request.*.Cancel()",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Wipe() done Data=
            2s > #4 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.2.
            3s > #5 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.3.
            4s > #6 GetResp Device.LocalAgent.Request.2. CommandKey=a
            4s > #6 GetResp Device.LocalAgent.Request.2. CommandKey=a
            4s > #6 GetResp Device.LocalAgent.Request.3. CommandKey=b
            5s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=a 7023 cancelled by the controller
            5s > #7 OperateResp Device.LocalAgent.Request.2.Cancel() done
            5s > #7 OperateResp Device.LocalAgent.Request.3.Cancel() done
            5s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=b 7023 cancelled by the controller
        "#]],
    );
}

#[test]
fn only_who_subscribed_is_told() {
    let mut bench = Bench::new();
    let said = bench.play("0s up\n1s < Operate Device.X_LINE3_Test.Work() Seconds=1\n9s end");
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
    "#]]
    .assert_eq(&said);
    let said = bench.play(
        "10s subscribe OperationComplete Device.X_LINE3_Test.Mend()
         10s subscribe OperationComplete Device.X_LINE3_Test.Work() Enable=false
         11s < Operate Device.X_LINE3_Test.Work() Seconds=1
         11s < Operate Device.X_LINE3_Test.Mend() Seconds=1
         19s end",
    );
    expect![[r#"
        11s > #4 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.2.
        11s > #5 OperateResp Device.X_LINE3_Test.Mend() as Device.LocalAgent.Request.3.
        12s > Notify cpe-1: OperationComplete Device.X_LINE3_Test.Mend() key= Data=
    "#]]
    .assert_eq(&said);
}

#[test]
fn progress_comes_once_a_second_at_most() {
    check(
        "0s < Operate Device.X_LINE3_Test.Work() key=k Seconds=0 Words=8\n9s end",
        &expect![[r#"
        0s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
        1s > Notify progress: Device.LocalAgent.Request.1.X_LINE3_Progress! CommandKey=k Text=4 of 8
        2s > Notify progress: Device.LocalAgent.Request.1.X_LINE3_Progress! CommandKey=k Text=7 of 8
        2.400s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k Data=
    "#]],
    );
}

#[test]
fn wrong_orders() {
    check(
        "1s < Operate Device.X_LINE3_Test.Work() key=k
         2s < Operate Device.X_LINE3_Test.Work() Seconds=1001
         3s < Operate Device.X_LINE3_Test.Work() Seconds=long
         4s < Operate Device.Nope()
         5s < Operate Device.LocalAgent.EndpointID
         6s < Operate Device.LocalAgent.Request.7.Cancel()
         7s < Operate Device.X_LINE3_Test.Work() Seconds=1 deadline=soon
         8s < Operate Device.X_LINE3_Test.Work() Seconds=1 deadline=0
         9s end",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Work(): 7027 the argument Seconds is missing; it is mandatory
            2s > #4 OperateResp Device.X_LINE3_Test.Work(): 7012 Seconds takes 0 to 1000 seconds, not 1001
            3s > #5 OperateResp Device.X_LINE3_Test.Work(): 7011 Seconds takes unsignedInt, not "long"
            4s > #6 Error 7026 Device.Nope() is no command of this box
            5s > #7 Error 7026 Device.LocalAgent.EndpointID is no command of this box
            6s > #8 Error 7016 Device.LocalAgent.Request.7. does not exist
            7s > #9 Error 7004 X_LINE3_Deadline takes milliseconds from arrival, not "soon"
            8s > #10 OperateResp Device.X_LINE3_Test.Work(): 7801 Device.X_LINE3_Test.Work(): the call's deadline had passed when it came; it did not run
        "#]],
    );
}

#[test]
fn keys_have_a_bound() {
    let long = "k".repeat(257);
    let mut bench = Bench::new();
    let said = bench.play(&format!(
        "0s up
         1s < Operate Device.X_LINE3_Test.Work() Seconds=1 key={long}
         2s < Operate Device.X_LINE3_Test.Work() Seconds=1 id={long}",
    ));
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 Error 7004 command_key takes at most 256 bytes, not 257
        2s > #2 Error 7004 X_LINE3_CallId takes at most 256 bytes, not 257
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_path_may_name_several_commands_or_none() {
    check(
        "1s < Operate Device.LocalAgent.Controller.*.MTP.*.X_LINE3_Poke() Seconds=1
         3s < Operate Device.LocalAgent.Controller.[Alias==\"nobody\"].MTP.*.X_LINE3_Poke() Seconds=1
         4s < Operate Device.BulkData.Profile.1.Controller+.MTP.1.X_LINE3_Poke() Seconds=0",
        &expect![[r#"
            2s > #3 OperateResp Device.LocalAgent.Controller.1.MTP.1.X_LINE3_Poke() done Data=
            3s > #4 OperateResp of nothing
            4s > #5 OperateResp Device.LocalAgent.Controller.1.MTP.1.X_LINE3_Poke() done Data=
        "#]],
    );
    assert_eq!(ran(), 2);
}

#[test]
fn no_answer_where_none_is_wanted_but_errors() {
    check(
        "1s < Operate Device.X_LINE3_Test.Wipe() noresp Seconds=0
         2s < Operate Device.X_LINE3_Test.Work() noresp key=k Seconds=0
         3s < Operate Device.Nope() noresp",
        &expect![[r#"
            2s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k Data=
            3s > #5 Error 7026 Device.Nope() is no command of this box
        "#]],
    );
}

#[test]
fn what_runs_past_its_limit_is_stopped() {
    check(
        "1s < Operate Device.X_LINE3_Test.Work() key=k Seconds=30
         2s < Operate Device.X_LINE3_Test.Wipe() key=w Seconds=30
         3s < Operate Device.X_LINE3_Test.Work() key=d Seconds=30 deadline=4000
         30s < Get Device.LocalAgent.RequestNumberOfEntries
         40s end",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
            3s > #5 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.3.
            7s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=d 7803 Device.X_LINE3_Test.Work() ran past its limit and was stopped
            21s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k 7803 Device.X_LINE3_Test.Work() ran past its limit and was stopped
            22s > #4 OperateResp Device.X_LINE3_Test.Wipe(): 7803 Device.X_LINE3_Test.Wipe() ran past its limit and was stopped
            30s > #6 GetResp Device.LocalAgent. RequestNumberOfEntries=0
        "#]],
    );
}

#[test]
fn the_expiry_of_a_message_does_not_cut_a_command_short() {
    check(
        "1s < expires=2 Operate Device.X_LINE3_Test.Work() key=k Seconds=5\n9s end",
        &expect![[r#"
        1s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
        6s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=k Data=
    "#]],
    );
    check(
        "1s < expires=0 Operate Device.X_LINE3_Test.Work() key=k Seconds=5\n9s end",
        &expect![[r#"
        1s > #3 OperateResp Device.X_LINE3_Test.Work(): 7801 Device.X_LINE3_Test.Work(): the call's deadline had passed when it came; it did not run
    "#]],
    );
}

#[test]
fn cancel() {
    check(
        "1s < Operate Device.X_LINE3_Test.Work() key=a Seconds=15
         1s < Operate Device.X_LINE3_Test.Work() key=b Seconds=15
         2s < Operate Device.LocalAgent.Request.1.Cancel()
         3s < Operate Device.LocalAgent.Request.1.Cancel()
         4s < Operate Device.LocalAgent.Request.[CommandKey==\"b\"].Cancel()
         19s end",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
            1s > #4 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.2.
            2s > #5 OperateResp Device.LocalAgent.Request.1.Cancel() done
            2s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=a 7023 cancelled by the controller
            3s > #6 Error 7016 Device.LocalAgent.Request.1. does not exist
            4s > #7 OperateResp Device.LocalAgent.Request.2.Cancel() done
            4s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=b 7023 cancelled by the controller
        "#]],
    );
}

#[test]
fn a_hung_command_blocks_nothing_and_there_is_a_bound() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 0..16 {
        bench.play("1s < Operate Device.X_LINE3_Test.Work() Seconds=15");
    }
    let said = bench.play(
        "2s < Operate Device.X_LINE3_Test.Wipe() Seconds=0
         3s < Operate Device.X_LINE3_Test.Work() Seconds=15
         4s < Operate Device.LocalAgent.Request.1.Cancel()
         5s < Operate Device.X_LINE3_Test.Work() Seconds=15",
    );
    expect![[r#"
        2s > #17 OperateResp Device.X_LINE3_Test.Wipe() done Data=
        3s > #18 OperateResp Device.X_LINE3_Test.Work(): 7005 16 commands are under way; cancel one or try again later
        4s > #19 OperateResp Device.LocalAgent.Request.1.Cancel() done
        5s > #20 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.19.
    "#]]
    .assert_eq(&said);
    for _ in 0..16 {
        bench.play("6s < Operate Device.X_LINE3_Test.Wipe() Seconds=15");
    }
    expect![[r#"
        7s > #37 OperateResp Device.X_LINE3_Test.Wipe(): 7005 16 commands are under way; cancel one or try again later
    "#]]
    .assert_eq(&bench.play("7s < Operate Device.X_LINE3_Test.Wipe() Seconds=15"));
}

#[test]
fn a_result_has_a_bound() {
    check(
        "1s < Operate Device.X_LINE3_Test.Work() key=fits Seconds=0 Size=262140
         2s < Operate Device.X_LINE3_Test.Work() key=big Seconds=0 Size=262141
         3s < Operate Device.X_LINE3_Test.Wipe() key=big Seconds=0 Size=262141",
        &expect![[r#"
            1s > #3 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.1.
            1s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=fits Data=<262140 bytes>
            2s > #4 OperateResp Device.X_LINE3_Test.Work() as Device.LocalAgent.Request.2.
            2s > Notify done: OperationComplete Device.X_LINE3_Test.Work() key=big 7005 Device.X_LINE3_Test.Work() ran; its result has 262145 bytes, and at most 262144 can be sent
            3s > #5 OperateResp Device.X_LINE3_Test.Wipe(): 7005 Device.X_LINE3_Test.Wipe() ran; its result has 262145 bytes, and at most 262144 can be sent
        "#]],
    );
}

#[test]
fn the_catalogue_comes_in_pages() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         1s < Operate Device.LocalAgent.X_LINE3_GetCatalogue()
         2s < Operate Device.LocalAgent.X_LINE3_GetCatalogue() Offset=1000000",
    );
    let total = bench.agent.catalogue().len();
    assert!(said.contains(&format!("Data=<32768 bytes> Total={total}")) || said.contains("Data=<3276"), "{said}");
    assert!(said.contains(&format!("done Data= Total={total}")), "{said}");
}

#[test]
fn who_is_no_controller_is_refused() {
    check(
        "1s < from=self::evil Operate Device.Reboot()\n2s < from=self::evil Get Device.",
        &expect![[r#"
        1s > to self::evil #3 Error 7006 self::evil is no controller of this box
        2s > to self::evil #4 Error 7006 self::evil is no controller of this box
    "#]],
    );
}

#[test]
fn a_message_that_comes_twice_is_worked_on_once() {
    check(
        "1s < msg=7 Operate Device.X_LINE3_Test.Wipe() Seconds=2
         2s again
         9s again
         19s end",
        &expect![[r#"
            2s log ignored on usp/agent/proto::sim-1: message "7" of self::line3 came twice
            3s > #7 OperateResp Device.X_LINE3_Test.Wipe() done Data=
            11s > #7 OperateResp Device.X_LINE3_Test.Wipe() done Data=
        "#]],
    );
    assert_eq!(ran(), 2, "without a call id, a message whose answer is out is a new one");
}
