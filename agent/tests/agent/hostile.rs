//! Attacks: by a controller that may do little and wants more, by one that wears the box out, by settings that are valid and mean
//! harm.

use std::cell::Cell;
use std::time::Duration;

use expect_test::{Expect, expect};
use line3_agent::objects::{Found, Object, ObjectDef};
use line3_agent::view::View;
use line3_proto::{Fault, Machine, row};

use crate::bench::Bench;

/// The built-in role of those who may look and ping.
const DIAGNOSE: &str = "Device.LocalAgent.ControllerTrust.Role.2";

thread_local! {
    static READS: Cell<u32> = const { Cell::new(0) };
}

row! {
    /// A row of a large table.
    struct ManyRow {
        /// Text.
        Name: String,
    }
}

/// A large table that is costly to read.
struct Many;

impl Object for Many {
    const PATH: &'static str = "Device.X_LINE3_Many.{i}.";
    const DOC: &'static str = "A large table that is costly to read.";
    type Row = ManyRow;
    fn read(_: &View<'_>) -> Result<Vec<Found<ManyRow>>, Fault> {
        READS.set(READS.get() + 1);
        Ok((1..=800).map(|number: u32| Found::keyed([number.to_string()], ManyRow { Name: number.to_string() })).collect())
    }
}

const MANY: &[ObjectDef] = &[ObjectDef::of::<Many>()];

/// Lets a second controller in, with this role.
fn second(bench: &mut Bench, role: &str) {
    bench.play("0s up");
    bench.ask(&format!(
        "Add Device.LocalAgent.Controller. Enable!=true OnBoardingComplete!=true EndpointID=self::second AssignedRole!={role}"
    ));
    bench.ask("Add Device.LocalAgent.Controller.2.MTP. Enable=true Protocol=MQTT");
    bench.ask("Set Device.LocalAgent.Controller.2.MTP.1.MQTT. Topic!=usp/controller/self::second/box");
    bench.settle();
    let made = bench.take();
    assert!(!made.contains("Error"), "{made}");
    bench.asked = 0;
}

#[track_caller]
fn check(role: &str, script: &str, expected: &Expect) {
    let mut bench = Bench::new();
    second(&mut bench, role);
    expected.assert_eq(&bench.play(&script.replace("2<", "< from=self::second")));
}

#[test]
fn what_others_subscribed_to_is_theirs() {
    check(
        DIAGNOSE,
        "1s subscribe Event Device.Boot! ID=theirs Alias=theirs
         2s 2< Set Device.LocalAgent.Subscription.1. Enable!=false
         3s 2< Delete Device.LocalAgent.Subscription.1.
         4s 2< Add Device.LocalAgent.Subscription. ID=own Alias=own Enable=true NotifType=Event ReferenceList=Device.Boot!
         5s 2< Set Device.LocalAgent.Subscription.*. Enable!=false
         6s 2< Set Device.LocalAgent.Subscription.2. Enable!=false
         7s < Set Device.LocalAgent.Subscription.2. Enable!=true
         8s 2< Delete Device.LocalAgent.Subscription.2.
         9s < Get Device.LocalAgent.Subscription.*.Enable",
        &expect![[r#"
            2s > to self::second #2 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            2s > to self::second #2   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            3s > to self::second #3 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            3s > to self::second #3   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            4s > to self::second #4 AddResp Device.LocalAgent.Subscription.2. Alias=own ID=own Recipient=Device.LocalAgent.Controller.2
            5s > to self::second #5 Error 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            5s > to self::second #5   Device.LocalAgent.Subscription.1.: 7006 Device.LocalAgent.Subscription.1. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
            6s > to self::second #6 SetResp Device.LocalAgent.Subscription.2. Enable=false
            7s > #7 SetResp Device.LocalAgent.Subscription.2. Enable=true
            8s > to self::second #8 DeleteResp Device.LocalAgent.Subscription.2.: gone [Device.LocalAgent.Subscription.2.]
            9s > #9 GetResp Device.LocalAgent.Subscription.1. Enable=true
        "#]],
    );
}

#[test]
fn a_report_of_another_controller_is_no_eye() {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.ask("Add Device.LocalAgent.ControllerTrust.Role. Enable=true Name=mine Alias=mine");
    for (order, (targets, param)) in [("Device.BulkData.", "rw-n"), ("Device.LocalAgent.Subscription.", "rw-n")].iter().enumerate() {
        bench.ask(&format!(
            "Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Enable!=true Order={order} Targets!={targets} Param!={param} Obj!=rw-n \
             InstantiatedObj!=rw-n CommandEvent!=r-xn"
        ));
    }
    second(&mut bench, "Device.LocalAgent.ControllerTrust.Role.5");
    expect![[r#"
        1s > to self::second #1 Error 7006 Device.BulkData.Profile.1.Parameter. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
        1s > to self::second #1   Device.BulkData.Profile.1.Parameter.: 7006 Device.BulkData.Profile.1.Parameter. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
        2s > to self::second #2 Error 7006 Device.BulkData.Profile.1.MQTT. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
        2s > to self::second #2   Device.BulkData.Profile.1.MQTT.: 7006 Device.BulkData.Profile.1.MQTT. belongs to Device.LocalAgent.Controller.1: only it, or who may do everything, may change that
        3s > #3 AddResp Device.BulkData.Profile.2. Alias=cpe-2
        4s > #4 AddResp Device.BulkData.Profile.2.Parameter.1.
        5s > to self::second #5 AddResp Device.LocalAgent.Subscription.1. Alias=cpe-1 ID=s Recipient=Device.LocalAgent.Controller.2
        6s > #6 OperateResp Device.BulkData.Profile.2.ForceCollection() done
        8s > Notify t: Device.BulkData.Profile.2.Push! Data={"Report":[{"CollectionTime":1767225608,"Device":{"MQTT":{"Client":{"1":{"ClientID":"proto::sim-1"}}}}}]}
        8s > #8 OperateResp Device.BulkData.Profile.2.ForceCollection() done
    "#]].assert_eq(&bench.play(
        &"1s 2< Add Device.BulkData.Profile.1.Parameter. Reference=Device.MQTT.Client.1.Username
          2s 2< Set Device.BulkData.Profile.1.MQTT. PublishTopic!=mine
          3s < Add Device.BulkData.Profile. Protocol=USPEventNotif
          4s < Add Device.BulkData.Profile.2.Parameter. Reference=Device.MQTT.Client.1.ClientID
          5s 2< Add Device.LocalAgent.Subscription. ID=s Enable=true NotifType=Event ReferenceList=Device.BulkData.Profile.*.Push!
          6s < Operate Device.BulkData.Profile.2.ForceCollection()
          7s subscribe Event Device.BulkData.Profile.2.Push! ID=t
          8s < Operate Device.BulkData.Profile.2.ForceCollection()"
            .replace("2<", "< from=self::second"),
    ));
}

/// A loop in somebody's program.
#[test]
fn who_may_do_little_wears_out_no_flash() {
    let mut bench = Bench::new();
    second(&mut bench, DIAGNOSE);
    bench.play(
        "1s < from=self::second Add Device.LocalAgent.Subscription. Enable=true Persistent=true NotifType=Event ReferenceList=Device.Boot!",
    );
    let before = bench.flash.saves();
    for number in 1..=500 {
        bench.play(&format!("2s < from=self::second Set Device.LocalAgent.Subscription.1. TimeToLive={}", 1000 + number));
    }
    assert!(bench.flash.saves() - before <= 64, "{} writes", bench.flash.saves() - before);
    let refused = bench.play("3s < from=self::second Set Device.LocalAgent.Subscription.1. TimeToLive=7");
    assert!(refused.contains("Error 7005") && refused.contains("flash"), "{refused}");
    let before = bench.flash.saves();
    for _ in 1..=50 {
        bench.play("4s < from=self::second Operate Device.ScheduleTimer() DelaySeconds=1\n4s < from=self::second Operate Device.LocalAgent.Request.*.Cancel()");
    }
    assert_eq!(bench.flash.saves(), before);
    // Others are not kept from their work, and it comes back.
    assert!(!bench.play("5s < Set Device.LocalAgent.Controller.1. ProvisioningCode=x").contains("Error"));
    assert_eq!(bench.flash.saves(), before + 1);
    assert!(!bench.play("60s < from=self::second Set Device.LocalAgent.Subscription.1. TimeToLive=8").contains("Error"));
}

/// A subscription that sets something to and fro, every second.
#[test]
fn settings_that_set_themselves_wear_out_no_flash() {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.play("0s < Set Device.LocalAgent.Controller.1. PeriodicNotifInterval=1");
    let code = "Device.LocalAgent.Controller.1.ProvisioningCode";
    let added = bench.play(&format!(
        "0s < Add Device.LocalAgent.Subscription. Enable=true NotifType=Event TriggerAction=Config ReferenceList=Device.LocalAgent.Periodic! TriggerConfigSettings={code}=1,{code}=2"
    ));
    assert!(added.contains("AddResp Device.LocalAgent.Subscription.1."), "{added}");
    let before = bench.flash.saves();
    bench.play("1201s end");
    let written = bench.flash.saves() - before;
    assert!((65..=64 + 121).contains(&written), "{written} writes in 20 minutes");
}

/// What a controller that was never introduced made does not wait for whoever gets its number.
#[test]
fn a_guest_leaves_no_report_behind() {
    let mut bench = Bench::new();
    bench.play("0s up");
    bench.ask("Add Device.LocalAgent.ControllerTrust.Role. Enable=true Name=mine Alias=mine");
    bench.ask("Add Device.LocalAgent.ControllerTrust.Role.5.Permission. Enable=true Targets=Device.BulkData. Param=rw-n Obj=rw-n InstantiatedObj=rw-n");
    bench.ask("Set Device.LocalAgent.ControllerTrust. UntrustedRole=Device.LocalAgent.ControllerTrust.Role.5");
    bench.play("1s < from=self::guest Add Device.BulkData.Profile. Name=g\n1s < from=self::guest Add Device.BulkData.Profile.2.Parameter. Reference=Device.");
    bench.play("2s < Set Device.LocalAgent.Controller.1. ProvisioningCode=x\n3s kill\n4s up");
    let left = bench.play("5s < Get Device.BulkData.Profile.*.Name Device.LocalAgent.Controller.1.ProvisioningCode");
    assert!(left.contains("ProvisioningCode=x") && !left.contains("Profile.2."), "{left}");
}

/// What another firmware wrote is set aside once, however often the agent starts.
#[test]
fn what_cannot_be_read_is_set_aside_once() {
    let mut bench = Bench::new();
    bench.flash.put("settings", br#"{"version":2}"#);
    bench.restart(false);
    let before = bench.flash.saves();
    (0..5).for_each(|_| bench.restart(false));
    assert_eq!(bench.flash.saves(), before);
}

#[test]
fn a_happening_is_looked_up_once_for_each_controller() {
    let mut bench = Bench::over(MANY);
    second(&mut bench, DIAGNOSE);
    for _ in 0..30 {
        bench.play("0s < from=self::second Add Device.LocalAgent.Subscription. Enable=true NotifType=Event ReferenceList=Device.X_LINE3_Many.[Name!=\"x\"].");
        bench.play("0s < from=self::second Add Device.LocalAgent.Subscription. Enable=true NotifType=Event ReferenceList=Device.X_LINE3_Many.[Name!=\"x\"].Name#1+.");
    }
    let before = READS.get();
    bench.play("1s < Operate Device.X_LINE3_Test.Work() Seconds=1 Words=20\n30s end");
    let reads = READS.get() - before;
    assert!((5..=8).contains(&reads), "{reads} times");
}

/// The same large table, many times over, in many subscriptions: what that costs is spread over more time.
#[test]
fn what_takes_long_to_compare_is_compared_less_often() {
    let mut bench = Bench::over(MANY);
    second(&mut bench, DIAGNOSE);
    let once = "Device.X_LINE3_Many.*.";
    let often = [once; 32].join(",");
    bench.play(&format!(
        "0s < from=self::second Add Device.LocalAgent.Subscription. Enable=true NotifType=ValueChange ReferenceList={once}"
    ));
    READS.set(0);
    bench.play("100s end");
    assert!((95..=105).contains(&READS.get()), "{} times in 100 s", READS.get());
    for kind in ["ObjectCreation", "ObjectDeletion", "ValueChange"] {
        bench.play(&format!(
            "100s < from=self::second Add Device.LocalAgent.Subscription. Enable=true NotifType={kind} ReferenceList={often}"
        ));
    }
    READS.set(0);
    bench.play("200s end");
    assert!((5..=15).contains(&READS.get()), "{} times in 100 s", READS.get());
}

#[test]
fn many_subscriptions_share_what_is_told_at_once() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 1..=60 {
        bench.play("0s < Add Device.LocalAgent.Subscription. Enable=true NotifType=ValueChange ReferenceList=Device.LocalAgent.Subscription.*.TimeToLive");
    }
    let told = bench.play("1s < Set Device.LocalAgent.Subscription.*. TimeToLive=1000\n1.5s end").matches("ValueChange").count();
    assert!((1..=256).contains(&told), "{told}");
    assert_eq!(told + bench.play("100s end").matches("ValueChange").count(), 60 * 60);
}

#[test]
fn rows_of_which_nothing_is_set_count_too() {
    let mut bench = Bench::new();
    bench.play("0s up");
    for _ in 1..=64 {
        bench.play("0s < Add Device.LocalAgent.Subscription. NotifType=Event ReferenceList=Device.Boot!");
    }
    let nothing = ["Device.LocalAgent.Subscription.*."; 256].join(" + ");
    let said = bench.play(&format!("1s < Set {nothing}"));
    assert!(said.contains("Error 7005"), "{}", said.chars().take(500).collect::<String>());
}

#[test]
fn nobody_sends_a_box_away_for_years() {
    check(
        DIAGNOSE,
        "1s < Set Device.MQTT.Client.1. ConnectRetryMaxInterval!=4294967295
         2s < Set Device.MQTT.Client.1. ConnectRetryMaxInterval!=86400 ConnectRetryTime!=65535",
        &expect![[r#"
            1s > #1 Error 7021 ConnectRetryMaxInterval: ConnectRetryMaxInterval takes 1 to 86400 seconds, not 4294967295
            1s > #1   Device.MQTT.Client.1.ConnectRetryMaxInterval: 7012 ConnectRetryMaxInterval takes 1 to 86400 seconds, not 4294967295
            2s > #2 SetResp Device.MQTT.Client.1. ConnectRetryMaxInterval=86400 ConnectRetryTime=65535
        "#]],
    );
}

/// What is kept is valid, and means harm: the box starts, rests and answers all the same.
#[test]
fn hostile_settings_on_the_flash() {
    let huge = u64::MAX;
    let mut added = serde_json::Map::new();
    let mut add = |path: String, values: &[(&str, &str)]| {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(*value))).collect();
        added.insert(path, serde_json::Value::Object(values));
    };
    let huge = huge.to_string();
    for number in 2..=400 {
        let row = format!("Device.LocalAgent.Controller.{number}.");
        let id = format!("self::c{number}");
        let values = [("EndpointID", id.as_str()), ("Enable", "true"), ("AssignedRole", "Device.LocalAgent.ControllerTrust.Role.4")];
        add(
            row.clone(),
            &[
                &values[..],
                &[
                    ("PeriodicNotifInterval", huge.as_str()),
                    ("PeriodicNotifTime", "2026-01-01T00:00:00Z"),
                    ("OnBoardingRestartTime", &huge),
                    ("USPNotifRetryMinimumWaitInterval", "4294967295"),
                    ("USPNotifRetryIntervalMultiplier", "4294967295"),
                ],
            ]
            .concat(),
        );
        add(format!("{row}MTP.1."), &[("Enable", "true")]);
        add(format!("{row}MTP.1.MQTT."), &[("Topic", &format!("usp/controller/{id}/box"))]);
    }
    for number in 1..=600 {
        let recipient = format!("Device.LocalAgent.Controller.{}", number % 9 + 1);
        let kind = ["ValueChange", "Event", "ObjectDeletion"][number % 3];
        add(
            format!("Device.LocalAgent.Subscription.{number}."),
            &[
                ("Recipient", &recipient),
                ("Enable", "true"),
                ("Persistent", "true"),
                ("NotifType", kind),
                ("ReferenceList", "Device."),
                ("TimeToLive", &huge),
                ("NotifExpiration", &huge),
                ("NotifRetry", "true"),
            ],
        );
    }
    add(
        "Device.BulkData.Profile.4294967295.".to_owned(),
        &[
            ("Enable", "true"),
            ("ReportingInterval", "4294967295"),
            ("TimeReference", "9999-12-31T23:59:59Z"),
            ("NumberOfRetainedFailedReports", "2147483647"),
        ],
    );
    add("Device.Nonsense..1.".to_owned(), &[("", "")]);
    add(String::new(), &[]);
    let saved = serde_json::json!({
        "version": 1, "added": added, "removed": ["Device.LocalAgent.Controller.1.MTP.", "x"],
        "changed": {
            "Device.MQTT.Client.1.": {"ConnectRetryTime": "4294967295", "ConnectRetryIntervalMultiplier": "4294967295", "ConnectRetryMaxInterval": "4294967295", "KeepAliveTime": "4294967295", "BrokerPort": "99999"},
            "Device.BulkData.Profile.1.": {"ReportingInterval": "0"},
        },
        "highest": {"Device.LocalAgent.Subscription.": u32::MAX, "": 0},
    });
    let mut bench = Bench::new();
    bench.flash.put("settings", saved.to_string().as_bytes());
    bench.restart(true);
    bench.settle();
    let settings = bench.settings.clone().unwrap();
    assert!(settings.backoff.cap <= Duration::from_secs(86_400), "{:?}", settings.backoff);
    assert!(bench.agent.deadline().is_some());
    bench.happen("up");
    bench.settle();
    bench.take();
    let said = bench.play("1s < Get Device.LocalAgent.EndpointID\n20s end");
    assert!(said.contains("GetResp Device.LocalAgent. EndpointID=proto::sim-1"), "{}", said.chars().take(2000).collect::<String>());
}

/// Whatever is in the log, its lines have an end.
#[test]
fn a_line_of_the_log_has_an_end() {
    let mut bench = Bench::new();
    bench.play("0s up");
    let said = bench.play(&format!("1s < msg={} Operate Device.X_LINE3_Test.Wipe() Seconds=9\n2s again\n9s end", "\u{e9}".repeat(30_000)));
    let line = said.lines().find(|line| line.starts_with("2s log ignored on")).unwrap();
    assert!(line.chars().count() < 600, "{}", line.len());
}
