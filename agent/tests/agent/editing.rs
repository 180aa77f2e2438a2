//! Add, Set, Delete, and what of it outlives the agent.

use expect_test::{Expect, expect};

use crate::bench::Bench;

/// What a box with one subscription (Alias `mine`, ID `s1`, Boot!) answers.
#[track_caller]
fn check(script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe Event Device.Boot! ID=s1 Alias=mine");
    expected.assert_eq(&bench.play(script));
}

const ADD: &str = "< Add Device.LocalAgent.Subscription. NotifType=OperationComplete ReferenceList=Device.";

#[test]
fn add_gives_path_and_keys_and_makes_up_what_is_missing() {
    check(
        &format!("1s {ADD} Enable=true\n2s {ADD} ID=x Alias=y\n3s < Get Device.LocalAgent.Subscription.2."),
        &expect![[r#"
            1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=cpe-2 Recipient=Device.LocalAgent.Controller.1
            2s > #3 AddResp Device.LocalAgent.Subscription.3. Alias=y ID=x Recipient=Device.LocalAgent.Controller.1
            3s > #4 GetResp Device.LocalAgent.Subscription.2. Alias=cpe-2 CreationDate=2026-01-01T00:00:01Z Enable=true ID=cpe-2 NotifExpiration=0 NotifRetry=false NotifType=OperationComplete Persistent=false Recipient=Device.LocalAgent.Controller.1 ReferenceList=Device. TimeToLive=0 TriggerAction=Notify TriggerConfigSettings=
        "#]],
    );
}

#[test]
fn a_wrong_parameter_that_is_not_required_is_listed() {
    check(
        &format!("1s {ADD} Enable=perhaps Nope=1 CreationDate=2024-01-01T00:00:00Z ID=a"),
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=a Recipient=Device.LocalAgent.Controller.1 [Enable: 7011 Enable takes boolean, not "perhaps"] [Nope: 7010 Device.LocalAgent.Subscription.{i}. has no parameter Nope] [CreationDate: 7013 CreationDate is read-only]
    "#]],
    );
}

#[test]
fn a_wrong_parameter_that_is_required_or_a_key_refuses_the_row() {
    check(
        &format!("1s {ADD} Enable!=perhaps TimeToLive!=-1"),
        &expect![[r#"
        1s > #2 Error 7021 Enable: Enable takes boolean, not "perhaps"
        1s > #2   Device.LocalAgent.Subscription.Enable: 7011 Enable takes boolean, not "perhaps"
        1s > #2   Device.LocalAgent.Subscription.TimeToLive: 7011 TimeToLive takes unsignedInt, not "-1"
    "#]],
    );
    check(
        &format!("1s {ADD} partial Enable!=perhaps"),
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.: 7021 Enable: Enable takes boolean, not "perhaps"
    "#]],
    );
    check(
        &format!("1s {ADD} Recipient=Device.LocalAgent.Controller.1"),
        &expect![[r#"
        1s > #2 Error 7021 Recipient: Recipient is read-only
        1s > #2   Device.LocalAgent.Subscription.Recipient: 7013 Recipient is read-only
    "#]],
    );
    check(
        &format!("1s {ADD} NotifType!=Gossip"),
        &expect![[r#"
            1s > #2 Error 7021 NotifType: NotifType takes one of ValueChange, ObjectCreation, ObjectDeletion, OperationComplete, Event, not "Gossip"
            1s > #2   Device.LocalAgent.Subscription.NotifType: 7012 NotifType takes one of ValueChange, ObjectCreation, ObjectDeletion, OperationComplete, Event, not "Gossip"
        "#]],
    );
}

#[test]
fn a_key_comes_once() {
    check(
        &format!("1s {ADD} ID=s1\n2s {ADD} Alias=mine\n3s {ADD} ID=cpe-99\n4s < Get Device.LocalAgent.SubscriptionNumberOfEntries"),
        &expect![[r#"
            1s > #2 Error 7025 Device.LocalAgent.Subscription.1. already has Recipient=Device.LocalAgent.Controller.1, ID=s1
            1s > #2   Device.LocalAgent.Subscription.ID: 7025 Device.LocalAgent.Subscription.1. already has Recipient=Device.LocalAgent.Controller.1, ID=s1
            2s > #3 Error 7025 Device.LocalAgent.Subscription.1. already has Alias=mine
            2s > #3   Device.LocalAgent.Subscription.Alias: 7025 Device.LocalAgent.Subscription.1. already has Alias=mine
            3s > #4 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=cpe-99 Recipient=Device.LocalAgent.Controller.1
            4s > #5 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=2
        "#]],
    );
}

#[test]
fn whole_or_not_at_all_and_in_part() {
    let two = "Device.LocalAgent.Subscription. ReferenceList=Device. ID=a + Device.LocalAgent.Subscription. ReferenceList=Device. ID=a";
    let count = "< Get Device.LocalAgent.SubscriptionNumberOfEntries";
    check(
        &format!("1s < Add {two}\n2s {count}\n3s < Add {two} partial\n4s {count}"),
        &expect![[r#"
            1s > #2 Error 7025 Device.LocalAgent.Subscription.2. already has Recipient=Device.LocalAgent.Controller.1, ID=a
            1s > #2   Device.LocalAgent.Subscription.ID: 7025 Device.LocalAgent.Subscription.2. already has Recipient=Device.LocalAgent.Controller.1, ID=a
            2s > #3 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=1
            3s > #4 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=a Recipient=Device.LocalAgent.Controller.1
            3s > #4 AddResp Device.LocalAgent.Subscription.: 7025 Device.LocalAgent.Subscription.2. already has Recipient=Device.LocalAgent.Controller.1, ID=a
            4s > #5 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=2
        "#]],
    );
}

#[test]
fn not_every_table_takes_rows() {
    check(
        "1s < Add Device.LocalAgent.Controller. EndpointID=self::evil
         2s < Add Device.LocalAgent. X=1
         3s < Add Device.Nope. X=1
         4s < Add Device.LocalAgent.Subscription. ID=x
         5s < Add Device.LocalAgent.Subscription. ReferenceList=Device..",
        &expect![[r#"
            1s > #2 AddResp Device.LocalAgent.Controller.2. Alias=cpe-2 EndpointID=self::evil
            2s > #3 Error 7018 Device.LocalAgent. is no table
            2s > #3   Device.LocalAgent.: 7018 Device.LocalAgent. is no table
            3s > #4 Error 7026 Device.Nope. is not in the data model of this box
            3s > #4   Device.Nope.: 7026 Device.Nope. is not in the data model of this box
            4s > #5 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=x Recipient=Device.LocalAgent.Controller.1
            5s > #6 AddResp Device.LocalAgent.Subscription.3. Alias=cpe-3 ID=cpe-3 Recipient=Device.LocalAgent.Controller.1 [ReferenceList: 7008 path "Device..", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path]
        "#]],
    );
}

#[test]
fn a_table_has_its_bound() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 0..64 {
        bench.play("0s subscribe Event Device.Boot!");
    }
    expect![[r#"
        1s > #65 Error 7005 Device.LocalAgent.Subscription. has 64 rows, the most there can be; delete one first
        1s > #65   Device.LocalAgent.Subscription.: 7005 Device.LocalAgent.Subscription. has 64 rows, the most there can be; delete one first
        1s > #66 DeleteResp Device.LocalAgent.Subscription.3.: gone [Device.LocalAgent.Subscription.3.]
        1s > #67 AddResp Device.LocalAgent.Subscription.65. Alias=cpe-65 ID=cpe-65 Recipient=Device.LocalAgent.Controller.1
    "#]]
    .assert_eq(&bench.play(&format!("1s {ADD}\n1s < Delete Device.LocalAgent.Subscription.3.\n1s {ADD}")));
}

#[test]
fn set() {
    check(
        "1s < Set Device.LocalAgent.Subscription.1. NotifRetry=true
         2s < Set Device.LocalAgent.Subscription.[ID==\"s1\"]. Enable=false NotifExpiration=9
         3s < Set Device.LocalAgent.Subscription.*. ID=other
         4s < Set Device.LocalAgent.Subscription.1. partial ID!=other Enable!=perhaps
         5s < Set Device.LocalAgent.Subscription.1. CreationDate!=x
         6s < Set Device.LocalAgent.EndpointID x=1
         7s < Set Device.LocalAgent. EndpointID=evil
         8s < Set Device.LocalAgent.Subscription.9. Enable=true
         9s < Set Device.LocalAgent.Subscription.[ID==\"nobody\"]. partial Enable=true
         10s < Get Device.LocalAgent.Subscription.1.",
        &expect![[r#"
            1s > #2 SetResp Device.LocalAgent.Subscription.1. NotifRetry=true
            2s > #3 SetResp Device.LocalAgent.Subscription.1. Enable=false NotifExpiration=9
            3s > #4 SetResp Device.LocalAgent.Subscription.1. [ID: 7013 ID was set once and stays so]
            4s > #5 SetResp Device.LocalAgent.Subscription.1.: 7021 ID: ID was set once and stays so
            4s > #5 SetResp   Device.LocalAgent.Subscription.1. [ID: 7013 ID was set once and stays so] [Enable: 7011 Enable takes boolean, not "perhaps"]
            5s > #6 Error 7021 CreationDate: CreationDate is read-only
            5s > #6   Device.LocalAgent.Subscription.1.CreationDate: 7013 CreationDate is read-only
            6s > #7 Error 7008 Device.LocalAgent.EndpointID is no object path; it must end in a dot
            6s > #7   Device.LocalAgent.EndpointID: 7008 Device.LocalAgent.EndpointID is no object path; it must end in a dot
            7s > #8 SetResp Device.LocalAgent. [EndpointID: 7013 EndpointID is read-only]
            8s > #9 Error 7016 Device.LocalAgent.Subscription.9. does not exist
            8s > #9   Device.LocalAgent.Subscription.9.: 7016 Device.LocalAgent.Subscription.9. does not exist
            10s > #11 GetResp Device.LocalAgent.Subscription.1. Alias=mine CreationDate=2026-01-01T00:00:00Z Enable=false ID=s1 NotifExpiration=9 NotifRetry=true NotifType=Event Persistent=false Recipient=Device.LocalAgent.Controller.1 ReferenceList=Device.Boot! TimeToLive=0 TriggerAction=Notify TriggerConfigSettings=
        "#]],
    );
}

#[test]
fn a_search_is_set_whole_or_not_at_all() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe Event Device.Boot! ID=a\n0s subscribe Event Device.Boot!");
    // Both would get the same ID; the second already has one, so neither is changed.
    let said = bench.play(
        "1s < Set Device.LocalAgent.Subscription.*. partial ID!=a NotifRetry=true
         2s < Get Device.LocalAgent.Subscription.*.NotifRetry",
    );
    expect![[r#"
        1s > #3 SetResp Device.LocalAgent.Subscription.*.: 7021 ID: ID was set once and stays so
        1s > #3 SetResp   Device.LocalAgent.Subscription.2. [ID: 7013 ID was set once and stays so]
        2s > #4 GetResp Device.LocalAgent.Subscription.1. NotifRetry=false
        2s > #4 GetResp Device.LocalAgent.Subscription.2. NotifRetry=false
    "#]]
    .assert_eq(&said);
}

#[test]
fn delete() {
    check(
        "1s < Delete Device.LocalAgent.Subscription.9.
         2s < Delete partial Device.LocalAgent.Subscription.9. Device.LocalAgent.Controller.1. Device.LocalAgent.Subscription.1.
         3s < Delete Device.LocalAgent.Subscription.
         4s < Delete Device.LocalAgent.Subscription.*.
         5s < Delete Device.LocalAgent.Controller.1.MTP.1.
         6s < Get Device.LocalAgent.SubscriptionNumberOfEntries",
        &expect![[r#"
            1s > #2 DeleteResp Device.LocalAgent.Subscription.9.: gone []
            2s > #3 DeleteResp Device.LocalAgent.Subscription.9.: gone []
            2s > #3 DeleteResp Device.LocalAgent.Controller.1.: 7024 Device.LocalAgent.Controller.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach
            2s > #3 DeleteResp Device.LocalAgent.Subscription.1.: gone [Device.LocalAgent.Subscription.1.]
            3s > #4 Error 7008 Device.LocalAgent.Subscription. is a table or object; name the rows to delete, e.g. with * or a number
            3s > #4   Device.LocalAgent.Subscription.: 7008 Device.LocalAgent.Subscription. is a table or object; name the rows to delete, e.g. with * or a number
            4s > #5 DeleteResp Device.LocalAgent.Subscription.*.: gone []
            5s > #6 Error 7024 Device.LocalAgent.Controller.1.MTP.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach
            5s > #6   Device.LocalAgent.Controller.1.MTP.1.: 7024 Device.LocalAgent.Controller.1.MTP.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach
            6s > #7 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
        "#]],
    );
}

#[test]
fn a_failed_delete_changes_nothing() {
    check(
        "1s < Delete Device.LocalAgent.Subscription.1. Device.LocalAgent.Controller.1.
         2s < Get Device.LocalAgent.SubscriptionNumberOfEntries",
        &expect![[r#"
            1s > #2 Error 7024 Device.LocalAgent.Controller.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach
            1s > #2   Device.LocalAgent.Controller.1.: 7024 Device.LocalAgent.Controller.1. is you, or your way: let another controller delete it, so that the box stays in somebody's reach
            2s > #3 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=1
        "#]],
    );
}

#[test]
fn only_what_is_persistent_outlives_the_agent_and_numbers_are_never_used_again() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         0s subscribe Event Device.Boot! ID=one Persistent=true
         0s subscribe Event Device.Boot! ID=two
         0s subscribe Event Device.Boot! ID=three Persistent=true
         1s < Delete Device.LocalAgent.Subscription.3.
         2s kill
         3s up
         4s < Get Device.LocalAgent.Subscription.*.ID
         5s < Add Device.LocalAgent.Subscription. ReferenceList=Device.",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #4 DeleteResp Device.LocalAgent.Subscription.3.: gone [Device.LocalAgent.Subscription.3.]
        3s log connected to the broker
        3s > connect RUN.1 usp/agent/proto::sim-1
        4s > #5 GetResp Device.LocalAgent.Subscription.1. ID=one
        5s > #6 AddResp Device.LocalAgent.Subscription.4. Alias=cpe-4 ID=cpe-4 Recipient=Device.LocalAgent.Controller.1
    "#]]
    .assert_eq(&said);
}

#[test]
fn flash_is_written_only_for_what_lasts() {
    let mut bench = Bench::new();
    bench.play("0s up");
    let writes = |bench: &mut Bench, script: &str| {
        let before = bench.flash.saves();
        bench.play(script);
        bench.flash.saves() - before
    };
    assert_eq!(writes(&mut bench, "1s < Get Device."), 0);
    assert_eq!(writes(&mut bench, "1s subscribe Event Device.Boot!"), 0);
    assert_eq!(writes(&mut bench, "1s subscribe Event Device.Boot! Persistent=true"), 1);
    assert_eq!(writes(&mut bench, "1s < Set Device.LocalAgent.Subscription.1. Enable=false"), 0);
    assert_eq!(writes(&mut bench, "1s < Set Device.LocalAgent.Subscription.2. Enable=true"), 0, "it was true");
    assert_eq!(writes(&mut bench, "1s < Set Device.LocalAgent.Subscription.2. Enable=false"), 1);
    assert_eq!(writes(&mut bench, "1s < Delete Device.LocalAgent.Subscription.1."), 0);
    assert_eq!(writes(&mut bench, "1s < Operate Device.X_LINE3_Test.Work() Seconds=1\n700s end"), 0, "a look, and ten reports");
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let mut bench = Bench::new();
    let said = bench.play(
        "0s up
         0s full
         1s < Add Device.LocalAgent.Subscription. ReferenceList=Device. Persistent=true
         2s < Get Device.LocalAgent.SubscriptionNumberOfEntries
         3s < Add Device.LocalAgent.Subscription. ReferenceList=Device.
         4s full no
         5s < Add Device.LocalAgent.Subscription. ReferenceList=Device. Persistent=true",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        1s > #1 Error 7003 the settings cannot be written (no space left on device); what was kept before stays; nothing was changed
        2s > #2 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
        3s > #3 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=cpe-1 Recipient=Device.LocalAgent.Controller.1
        5s > #4 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=cpe-2 Recipient=Device.LocalAgent.Controller.1
    "#]]
    .assert_eq(&said);
}

#[test]
fn damaged_settings_are_set_aside_and_said_so() {
    let mut bench = Bench::new();
    bench.play("0s up\n0s subscribe Event Device.Boot! Persistent=true");
    bench.flash.corrupt("settings");
    bench.flash.corrupt("journal");
    let said = bench.play("1s kill\n2s up\n3s < Get Device.LocalAgent.SubscriptionNumberOfEntries");
    expect![[r#"
        1s log the journal is lost (journal was damaged; it is kept as journal.bad); a repair of before may run again
        1s log the saved settings are lost (settings was damaged; it is kept as settings.bad); the factory settings rule
        2s log connected to the broker
        2s > connect RUN.1 usp/agent/proto::sim-1
        3s > #2 GetResp Device.LocalAgent. SubscriptionNumberOfEntries=0
    "#]]
    .assert_eq(&said);
    assert!(bench.flash.names().contains(&"settings.bad".to_owned()), "{:?}", bench.flash.names());
}

#[test]
fn references_have_a_bound() {
    let list = |count: usize| vec!["Device."; count].join(",");
    let add = |count: usize| format!("1s < Add Device.LocalAgent.Subscription. ID=many ReferenceList={}", list(count));
    check(
        &add(33),
        &expect![[r#"
            1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=many Recipient=Device.LocalAgent.Controller.1 [ReferenceList: 7012 ReferenceList has 33 paths; at most 32 are taken]
        "#]],
    );
    check(
        &add(32),
        &expect![[r#"
        1s > #2 AddResp Device.LocalAgent.Subscription.2. Alias=cpe-2 ID=many Recipient=Device.LocalAgent.Controller.1
    "#]],
    );
}
