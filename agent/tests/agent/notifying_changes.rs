//! ValueChange, ObjectCreation and ObjectDeletion: told when something changed, once for each change, within a second.

use expect_test::{Expect, expect};

use crate::bench::Bench;

#[track_caller]
fn check(kind: &str, about: &str, more: &str, script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play(&format!("0s up\n0s subscribe {kind} {about} ID=s {more}"));
    expected.assert_eq(&bench.play(script));
}

#[test]
fn a_change_is_told_after_the_answer_and_once() {
    check(
        "ValueChange",
        "Device.LocalAgent.Controller.1.ProvisioningCode",
        "",
        "1s < Set Device.LocalAgent.Controller.1. ProvisioningCode=a
         2s < Set Device.LocalAgent.Controller.1. ProvisioningCode=a
         3s < Set Device.LocalAgent.Controller.1. ProvisioningCode=b ControllerCode=c
         20s end",
        &expect![[r#"
            1s > #2 SetResp Device.LocalAgent.Controller.1. ProvisioningCode=a
            1s > Notify s: ValueChange Device.LocalAgent.Controller.1.ProvisioningCode=a
            2s > #3 SetResp Device.LocalAgent.Controller.1. ProvisioningCode=a
            3s > #4 SetResp Device.LocalAgent.Controller.1. ControllerCode=c ProvisioningCode=b
            3s > Notify s: ValueChange Device.LocalAgent.Controller.1.ProvisioningCode=b
        "#]],
    );
}

#[test]
fn rows_that_come_later_match_too() {
    check(
        "ValueChange",
        "Device.LocalAgent.Controller.1.BootParameter.*.Enable,Device.LocalAgent.Subscription.[ID==\"x\"].Persistent",
        "",
        "1s < Add Device.LocalAgent.Controller.1.BootParameter. Enable=true ParameterName=Device.DeviceInfo.UpTime
         2s < Set Device.LocalAgent.Controller.1.BootParameter.1. Enable=false
         3s < Add Device.LocalAgent.Subscription. ID=x
         4s < Set Device.LocalAgent.Subscription.*. Persistent=true
         9s end",
        &expect![[r#"
            1s > #2 AddResp Device.LocalAgent.Controller.1.BootParameter.1. Alias=cpe-1 ParameterName=Device.DeviceInfo.UpTime
            2s > #3 SetResp Device.LocalAgent.Controller.1.BootParameter.1. Enable=false
            2s > Notify s: ValueChange Device.LocalAgent.Controller.1.BootParameter.1.Enable=false
            3s > #4 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=x Recipient=Device.LocalAgent.Controller.1
            4s > #5 SetResp Device.LocalAgent.Subscription.1. Persistent=true
            4s > #5 SetResp Device.LocalAgent.Subscription.2. Persistent=true
            4s > Notify s: ValueChange Device.LocalAgent.Subscription.2.Persistent=true
        "#]],
    );
}

#[test]
fn an_object_stands_for_all_below_but_not_for_what_ticks() {
    check(
        "ValueChange",
        "Device.LocalAgent.",
        "",
        "5s < Set Device.LocalAgent.Subscription.1. NotifRetry=true
         6s < Add Device.LocalAgent.Controller.1.BootParameter.
         7s end",
        &expect![[r#"
            5s > #2 SetResp Device.LocalAgent.Subscription.1. NotifRetry=true
            5s > Notify s answer wanted: ValueChange Device.LocalAgent.Subscription.1.NotifRetry=true
            6s > #3 AddResp Device.LocalAgent.Controller.1.BootParameter.1. Alias=cpe-1 ParameterName=cpe-1
            6s > Notify s answer wanted: ValueChange Device.LocalAgent.Controller.1.BootParameterNumberOfEntries=1
        "#]],
    );
}

#[test]
fn what_changes_by_itself_is_told_within_a_second() {
    check(
        "ValueChange",
        "Device.MQTT.Client.1.Status,Device.LocalAgent.MTP.1.Status",
        "NotifRetry=true",
        "5s down broken\n9s up\n10s end",
        &expect![[r#"
            5s log broken
            9s log connected to the broker
            9s > connect RUN.2 usp/agent/proto::sim-1
            9s > Notify s answer wanted: ValueChange Device.MQTT.Client.1.Status=Error_BrokerUnreachable
            9s > Notify s answer wanted: ValueChange Device.LocalAgent.MTP.1.Status=Down
            9s > Notify s answer wanted: ValueChange Device.MQTT.Client.1.Status=Connected
            9s > Notify s answer wanted: ValueChange Device.LocalAgent.MTP.1.Status=Up
        "#]],
    );
    check(
        "ValueChange",
        "Device.LocalAgent.RequestNumberOfEntries",
        "",
        "5s < Operate Device.X_LINE3_Test.Work() noresp Seconds=2\n9s end",
        &expect![[r#"
            5s > Notify s: ValueChange Device.LocalAgent.RequestNumberOfEntries=1
            7s > Notify s: ValueChange Device.LocalAgent.RequestNumberOfEntries=0
        "#]],
    );
}

#[test]
fn rows_are_told_as_they_come_and_go() {
    let script = "1s < Add Device.LocalAgent.Subscription. ID=t NotifType=Event ReferenceList=Device.Boot!
         2s < Delete Device.LocalAgent.Subscription.2.
         3s < Operate Device.X_LINE3_Test.Work() noresp Seconds=2
         9s end";
    let about = "Device.LocalAgent.Subscription.,Device.LocalAgent.Request.";
    check(
        "ObjectCreation",
        about,
        "",
        script,
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        1s > Notify s: ObjectCreation Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        2s > #3 DeleteResp Device.LocalAgent.Subscription.2.: gone [Device.LocalAgent.Subscription.2.]
        3s > Notify s: ObjectCreation Device.LocalAgent.Request.1. Command=Device.X_LINE3_Test.Work() CommandKey= Originator=self::line3
    "#]],
    );
    check(
        "ObjectDeletion",
        about,
        "",
        script,
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        2s > #3 DeleteResp Device.LocalAgent.Subscription.2.: gone [Device.LocalAgent.Subscription.2.]
        2s > Notify s: ObjectDeletion Device.LocalAgent.Subscription.2.
        5s > Notify s: ObjectDeletion Device.LocalAgent.Request.1.
    "#]],
    );
    check(
        "ObjectDeletion",
        "Device.LocalAgent.Subscription.2.",
        "",
        script,
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        2s > #3 DeleteResp Device.LocalAgent.Subscription.2.: gone [Device.LocalAgent.Subscription.2.]
        2s > Notify s: ObjectDeletion Device.LocalAgent.Subscription.2.
    "#]],
    );
    check(
        "ObjectCreation",
        "Device.",
        "",
        script,
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        1s > Notify s: ObjectCreation Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=t Recipient=Device.LocalAgent.Controller.1
        2s > #3 DeleteResp Device.LocalAgent.Subscription.2.: gone [Device.LocalAgent.Subscription.2.]
        3s > Notify s: ObjectCreation Device.LocalAgent.Request.1. Command=Device.X_LINE3_Test.Work() CommandKey= Originator=self::line3
    "#]],
    );
}

#[test]
fn a_subscription_that_ends_itself_is_told_of_by_others() {
    check(
        "ObjectDeletion",
        "Device.LocalAgent.Subscription.",
        "",
        "1s subscribe Event Device.Boot! TimeToLive=5\n9s end",
        &expect![[r#"
            6s > Notify s: ObjectDeletion Device.LocalAgent.Subscription.2.
        "#]],
    );
}

#[test]
fn nothing_is_told_once_it_is_disabled_deleted_or_restarted() {
    let change = |at: u32| format!("{at}s < Set Device.LocalAgent.Controller.1. ProvisioningCode=v{at}");
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode NotifRetry=true");
    let told = |bench: &mut Bench, script: &str| bench.play(script).matches("ValueChange").count();
    assert_eq!(told(&mut bench, &change(1)), 1);
    assert_eq!(told(&mut bench, "2s < Set Device.LocalAgent.Subscription.1. Enable=false"), 0);
    assert_eq!(told(&mut bench, &change(3)), 0);
    assert_eq!(told(&mut bench, "4s < Set Device.LocalAgent.Subscription.1. Enable=true"), 0, "it is compared with what it was then");
    assert_eq!(told(&mut bench, &change(5)), 1);
    bench.answers = false;
    assert_eq!(told(&mut bench, &change(6)), 1);
    assert_eq!(told(&mut bench, "7s < Delete Device.LocalAgent.Subscription.1.\n600s end"), 0, "it is not told again");
    assert_eq!(told(&mut bench, &change(601)), 0);
    bench.play("602s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode NotifRetry=true");
    assert_eq!(told(&mut bench, "603s kill\n604s up"), 0);
    assert_eq!(told(&mut bench, &change(605)), 0);
}

#[test]
fn what_is_told_again_stops_with_the_subscription() {
    for stop in ["Set Device.LocalAgent.Subscription.1. Enable=false", "Delete Device.LocalAgent.Subscription.1."] {
        let mut bench = Bench::new();
        bench.play("0s up\n0s subscribe ValueChange Device.LocalAgent.Controller.1.ProvisioningCode NotifRetry=true");
        bench.answers = false;
        let said = bench.play("1s < Set Device.LocalAgent.Controller.1. ProvisioningCode=x\n12s end");
        assert!(said.matches("ValueChange").count() >= 2, "{said}");
        assert_eq!(bench.play(&format!("13s < {stop}\n500s end")).matches("ValueChange").count(), 0);
    }
}

#[test]
fn nobody_is_woken_up_for_nothing() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe Event Device.Boot!");
    let steps = bench.steps;
    bench.play("3600s end");
    // The health reports: one a minute, with its acknowledgement.
    assert!(bench.steps - steps <= 130, "{} steps in an hour", bench.steps - steps);
}

/// Many parameters at once: told in portions, none is lost, none twice.
#[test]
fn a_storm_is_told_in_portions() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for number in 1..=63 {
        bench.play(&format!("0s < Add Device.LocalAgent.Subscription. ID=x{number} NotifType=Event ReferenceList=Device.Boot!"));
    }
    bench.play("0s subscribe ValueChange Device.LocalAgent.Subscription. ID=s");
    let at_once = bench.play("1s < Set Device.LocalAgent.Subscription.*. TimeToLive=100 NotifExpiration=5");
    assert_eq!(at_once.matches("ValueChange").count(), 64);
    let later = bench.play("2s end");
    assert_eq!(later.matches("ValueChange").count(), 64, "{later}");
    assert_eq!(bench.play("9s end"), "");
}

#[test]
fn more_than_can_be_watched_is_refused() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for number in 1..=60 {
        bench.play(&format!("0s < Add Device.LocalAgent.Subscription. ID=x{number} NotifType=Event ReferenceList=Device.Boot!"));
    }
    // 60 rows of 14 parameters are watched twice; a third time is too much.
    let add = "< Add Device.LocalAgent.Subscription. Enable=true NotifType=ValueChange ReferenceList=Device.,Device.LocalAgent.";
    let said: Vec<String> = (1..=5).map(|at| bench.play(&format!("{at}s {add}"))).collect();
    expect![[r#"
        1s > #61 AddResp Device.LocalAgent.Subscription.61. Alias=cpe-61 ID=cpe-61 Recipient=Device.LocalAgent.Controller.1
        2s > #62 AddResp Device.LocalAgent.Subscription.62. Alias=cpe-62 ID=cpe-62 Recipient=Device.LocalAgent.Controller.1
        2s > Notify cpe-61: ValueChange Device.LocalAgent.SubscriptionNumberOfEntries=62
        3s > #63 AddResp Device.LocalAgent.Subscription.63. Alias=cpe-63 ID=cpe-63 Recipient=Device.LocalAgent.Controller.1
        3s > Notify cpe-61: ValueChange Device.LocalAgent.SubscriptionNumberOfEntries=63
        3s > Notify cpe-62: ValueChange Device.LocalAgent.SubscriptionNumberOfEntries=63
        4s > #64 Error 7005 the ReferenceList names more than can be watched: 2048 values or rows each, and 4096 of all subscriptions; name less
        4s > #64   Device.LocalAgent.Subscription.64.ReferenceList: 7005 the ReferenceList names more than can be watched: 2048 values or rows each, and 4096 of all subscriptions; name less
        5s > #65 Error 7005 the ReferenceList names more than can be watched: 2048 values or rows each, and 4096 of all subscriptions; name less
        5s > #65   Device.LocalAgent.Subscription.64.ReferenceList: 7005 the ReferenceList names more than can be watched: 2048 values or rows each, and 4096 of all subscriptions; name less
    "#]].assert_eq(&said.concat());
}
