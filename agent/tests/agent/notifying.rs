//! Notifications: told again until answered, for a time, to whom they are for.

use expect_test::{Expect, expect};

use crate::bench::Bench;

/// A controller that does not answer, and a box that is told to work.
#[track_caller]
fn check(subscription: &str, script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play(&format!("0s up\n0s subscribe OperationComplete Device. ID=s {subscription}"));
    bench.answers = false;
    expected.assert_eq(&bench.play(script));
}

const WORK: &str = "< Operate Device.X_LINE3_Test.Work() noresp Seconds=0";

#[test]
fn without_retry_it_is_told_once() {
    check(
        "",
        &format!("1s {WORK}\n1000s end"),
        &expect![[r#"
        1s > Notify s: OperationComplete Device.X_LINE3_Test.Work() key= Data=
    "#]],
    );
}

/// The ranges of TR-369 [NOT.1-4]: 5 to 10 s, 10 to 20, 20 to 40, 40 to 80, 80 to 160.
#[test]
fn with_retry_it_is_told_in_growing_ranges_until_it_is_answered() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe OperationComplete Device. ID=s NotifRetry=true");
    bench.answers = false;
    let said = bench.play(&format!("0s {WORK}\n310s end"));
    let times: Vec<f64> = said.lines().map(|line| line.split_once("s ").unwrap().0.parse().unwrap()).collect();
    assert!(times.len() >= 5, "{said}");
    for (retry, wait) in times.windows(2).map(|pair| pair[1] - pair[0]).enumerate() {
        let low = 5.0 * f64::from(1 << retry);
        assert!((low..=2.0 * low).contains(&wait), "retry {retry} after {wait} s");
    }
    bench.answers = true;
    let said = bench.play("700s end");
    assert_eq!(said.lines().count(), 1, "the one that is answered is the last:\n{said}");
}

#[test]
fn the_controllers_own_settings_rule_the_ranges() {
    check(
        "NotifRetry=true NotifExpiration=30",
        &format!("1s {WORK}\n100s end"),
        &expect![[r#"
            1s > Notify s answer wanted: OperationComplete Device.X_LINE3_Test.Work() key= Data= (for 30s)
            8.090s > Notify s answer wanted: OperationComplete Device.X_LINE3_Test.Work() key= Data= (for 22.909433562s)
            21.423s > Notify s answer wanted: OperationComplete Device.X_LINE3_Test.Work() key= Data= (for 9.576201728s)
            36s log self::line3 did not answer a notification in time; it was dropped
        "#]],
    );
}

#[test]
fn while_the_link_is_down_nothing_is_told_and_then_at_once() {
    check(
        "NotifRetry=true",
        &format!("0s down broken\n1s {WORK}\n500s up\n500s answers yes\n501s down broken\n900s up\n999s end"),
        &expect![[r#"
            0s log broken
            500s log connected to the broker
            500s > connect RUN.2 usp/agent/proto::sim-1
            500s > Notify s answer wanted: OperationComplete Device.X_LINE3_Test.Work() key= Data=
            501s log broken
            900s log connected to the broker
            900s > connect RUN.3 usp/agent/proto::sim-1
            900s > Notify s answer wanted: OperationComplete Device.X_LINE3_Test.Work() key= Data=
        "#]],
    );
}

#[test]
fn it_expires_while_the_link_is_down_too() {
    check(
        "NotifRetry=true NotifExpiration=30",
        &format!("0s down broken\n1s {WORK}\n500s up\n501s end"),
        &expect![[r#"
            0s log broken
            36s log self::line3 did not answer a notification in time; it was dropped
            500s log connected to the broker
            500s > connect RUN.2 usp/agent/proto::sim-1
        "#]],
    );
    // Of what is told once it is ignored.
    check(
        "NotifExpiration=30",
        &format!("0s down broken\n1s {WORK}\n40s up\n41s end"),
        &expect![[r#"
        0s log broken
        40s log connected to the broker
        40s > connect RUN.2 usp/agent/proto::sim-1
        40s > Notify s: OperationComplete Device.X_LINE3_Test.Work() key= Data=
    "#]],
    );
}

#[test]
fn a_subscription_ends_by_itself() {
    check(
        "TimeToLive=10",
        &format!(
            "9s {WORK}
             9.5s < Get Device.LocalAgent.SubscriptionNumberOfEntries
             10s < Get Device.LocalAgent.SubscriptionNumberOfEntries
             11s {WORK}"
        ),
        &expect![[r#"
            9s > Notify s: OperationComplete Device.X_LINE3_Test.Work() key= Data=
            9.500s > #3 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=1
            10s > #4 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
        "#]],
    );
}

#[test]
fn a_time_to_live_that_is_set_anew_counts_from_the_creation() {
    check(
        "TimeToLive=10",
        "5s < Set Device.LocalAgent.Subscription.1. TimeToLive=20
         19s < Get Device.LocalAgent.SubscriptionNumberOfEntries
         20s < Get Device.LocalAgent.SubscriptionNumberOfEntries",
        &expect![[r#"
            5s > #2 SetResp Device.LocalAgent.Subscription.1. TimeToLive=20
            19s > #3 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=1
            20s > #4 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
        "#]],
    );
}

#[test]
fn a_lasting_subscription_ends_on_a_full_disk_too() {
    check(
        "TimeToLive=10 Persistent=true",
        "5s full\n11s < Get Device.LocalAgent.SubscriptionNumberOfEntries\n12s full no\n13s kill\n14s up
         15s < Get Device.LocalAgent.SubscriptionNumberOfEntries",
        &expect![[r#"
            10s log a subscription ended and could not be taken off the flash: the settings cannot be written (no space left on device); what was kept before stays
            11s > #2 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
            14s log connected to the broker
            14s > connect RUN.1 usp/agent/proto::sim-1
            15s > #3 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
        "#]],
    );
}

#[test]
fn a_restart_does_not_lengthen_a_life() {
    let left = |clock: i64, later: i64, at: u32| {
        let mut bench = Bench::new();
        bench.play("0s up");
        bench.play(&format!(
            "0s clock {clock}\n1s subscribe Event Device.Boot! Persistent=true TimeToLive=100\n10s clock {later}\n10s kill\n20s up"
        ));
        bench.play("30s clock 0");
        bench.play(&format!("{at}s < Get Device.LocalAgent.SubscriptionNumberOfEntries")).contains("Entries=1")
    };
    assert!(left(0, 0, 100) && !left(0, 0, 101), "it counts from the creation");
    let unset = -1_767_225_600;
    assert!(!left(unset, unset, 31), "nobody knows when it was made");
    assert!(left(0, unset, 100) && !left(0, unset, 101), "once the clock is right, it is known");
}

#[test]
fn a_reference_names_one_command_or_all_below() {
    let mut bench = Bench::new();
    let told = |bench: &mut Bench, about: &str| {
        bench.play(&format!("0s subscribe OperationComplete {about} ID=x"));
        let said = bench.play(&format!("1s {WORK}"));
        bench.play("1s < Delete Device.LocalAgent.Subscription.*.");
        said.contains("Notify x")
    };
    bench.play("0s up");
    assert!(told(&mut bench, "Device."));
    assert!(told(&mut bench, "Device.X_LINE3_Test."));
    assert!(told(&mut bench, "Device.IP.Diagnostics.IPPing(),Device.X_LINE3_Test.Work()"));
    assert!(!told(&mut bench, "Device.IP."));
    assert!(!told(&mut bench, "Device.X_LINE3_Test.Wipe()"));
}

#[test]
fn what_waits_for_an_answer_has_a_bound() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe OperationComplete Device. ID=s NotifRetry=true");
    bench.answers = false;
    let said: String = (0..257).map(|_| bench.play(&format!("0s {WORK}"))).collect();
    assert_eq!(said.lines().filter(|line| line.contains("Notify")).count(), 257);
    let log: Vec<&str> = said.lines().filter(|line| line.contains("log")).collect();
    expect!["0s log 256 notifications wait for an answer; the oldest of Device.LocalAgent.Subscription.1. was dropped"]
        .assert_eq(&log.join("\n"));
}

#[test]
fn what_waits_for_the_link_has_a_bound() {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.play("0s down broken");
    let said: String = (0..130).map(|_| bench.play("0s < GetSupportedProtocol")).collect();
    assert_eq!(said.lines().count(), 2, "two more than there is room for: {said}");
    expect!["0s log 128 messages, or 524288 bytes of them, wait for the broker; the oldest was dropped"]
        .assert_eq(said.lines().next().unwrap());
    let said = bench.play("1s up");
    let said: Vec<&str> = said.lines().filter(|line| line.contains(" > ")).collect();
    assert_eq!(said.len(), 129);
    assert!(said[0].contains("connect"), "the connect record is first");
    assert!(said[1].contains("#3 "), "the oldest two are gone");
}
