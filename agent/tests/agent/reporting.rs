//! Health reports.

use expect_test::{Expect, expect};
use line3_agent::config::Config;
use line3_proto::health::{BOOT_ID, CLOCK, RUN_ID, UP_TIME, sequence_path};
use serde_json::Value;

use crate::bench::Bench;

/// A box that reports every ten seconds and keeps ten reports.
fn bench() -> Bench {
    with(|_| ())
}

fn with(change: impl FnOnce(&mut Config)) -> Bench {
    let mut bench = Bench::with(|config| {
        (config.report.interval, config.report.retained) = (10, 10);
        change(config);
    });
    bench.shows_reports = true;
    bench
}

fn sequences(bench: &Bench) -> Vec<u64> {
    bench.reports.iter().map(|element| element[sequence_path(1)].as_u64().unwrap()).collect()
}

#[test]
fn every_element_says_when_and_of_which_run_it_is() {
    let mut bench = bench();
    bench.play("0s up\n35s kill\n36s up\n60s end");
    assert_eq!(sequences(&bench), [1, 2, 3, 4, 1, 2, 3]);
    for element in &bench.reports {
        for name in [RUN_ID, BOOT_ID, CLOCK] {
            assert!(element[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {element}");
        }
        assert!(element[UP_TIME].is_u64() && element["CollectionTime"].is_i64(), "numbers are numbers: {element}");
        assert!(element["Device.DeviceInfo.MemoryStatus.Free"].is_u64());
    }
    let of = |name: &str| bench.reports.iter().map(|element| element[name].clone()).collect::<Vec<Value>>();
    let runs = of(RUN_ID);
    assert!(runs[0] == runs[3] && runs[3] != runs[4]);
    assert_eq!(of(BOOT_ID)[0], of(BOOT_ID)[5]);
    let times = of(UP_TIME);
    assert_eq!(times[1].as_u64().unwrap() - times[0].as_u64().unwrap(), 10);
}

#[test]
fn nothing_is_lost_while_the_link_is_down_or_the_broker_refuses() {
    let mut bench = bench();
    let said = bench.play(
        "0s up
         12s down broken
         58s up
         60s acknowledges no
         75s refuse quota
         80s acknowledges yes
         130s end",
    );
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        2.881s > report 1
        12s log broken
        58s log connected to the broker
        58s > connect RUN.2 usp/agent/proto::sim-1
        58s > report 2 3 4 5 6
        62.881s > report 7
        75s log the broker did not take a health report: quota
        85s > report 7 8 9
        92.881s > report 10
        102.881s > report 11
        112.881s > report 12
        122.881s > report 13
    "#]]
    .assert_eq(&said);
    let mut numbers = sequences(&bench);
    numbers.dedup();
    assert!(numbers.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{numbers:?}");
}

#[test]
fn what_nobody_heard_is_kept_and_said_again() {
    let mut bench = bench();
    let said = bench.play("0s acknowledges no\n0s up\n5s nobody-hears\n6s acknowledges yes\n30s end");
    expect![[r#"
        0s log connected to the broker
        0s > connect RUN.1 usp/agent/proto::sim-1
        2.881s > report 1
        5s log nobody hears health reports just now; they are kept and sent again
        15s > report 1 2
        22.881s > report 3
    "#]]
    .assert_eq(&said);
    assert_eq!(bench.agent.reports_waiting(), 0);
}

#[test]
fn what_is_acknowledged_leaves_the_ring_and_no_sooner() {
    let mut bench = bench();
    bench.play("0s up\n0s acknowledges no\n25s end");
    assert_eq!(bench.agent.reports_waiting(), 3);
    assert_eq!(sequences(&bench), [1], "one publication at a time");
    bench.play("26s acknowledges yes");
    assert_eq!((bench.agent.reports_waiting(), sequences(&bench)), (0, vec![1, 2, 3]));
}

#[test]
fn the_ring_has_a_bound_and_the_hole_shows() {
    let mut bench = bench();
    bench.play("200s end");
    assert_eq!(bench.agent.reports_waiting(), 11, "ten, and the newest");
    bench.play("201s up\n202s end");
    let numbers = sequences(&bench);
    assert_eq!(numbers, (10..=20).collect::<Vec<u64>>());
}

#[test]
fn what_is_on_its_way_is_not_dropped_at_the_bound() {
    let mut bench = bench();
    bench.play("0s up\n0s acknowledges no\n200s end");
    assert_eq!(bench.agent.reports_waiting(), 11);
    bench.play("201s acknowledges yes\n202s end");
    assert_eq!(sequences(&bench), [1, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
}

#[test]
fn sixteen_elements_a_publication() {
    let mut bench = with(|config| config.report.retained = 40);
    let said = bench.play("400s end\n401s up\n402s end");
    expect![[r#"
        401s log connected to the broker
        401s > connect RUN.1 usp/agent/proto::sim-1
        401s > report 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
        401s > report 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        401s > report 33 34 35 36 37 38 39 40
    "#]]
    .assert_eq(&said);
}

#[test]
fn thirty_two_kibibytes_a_publication_and_an_element() {
    let mut bench = with(|config| config.report.parameters = vec!["Device.".to_owned()]);
    bench.play("90s end\n91s up\n92s end");
    assert!(bench.reports.len() == 9, "the bench checks the size of each publication");
    // A model so large that one element would not fit.
    let mut bench = with(|config| config.report.parameters = vec!["Device.".to_owned()]);
    let again = "Add Device.BulkData.Profile.1.Parameter. Reference=Device.";
    bench.play(&format!("0s < {again} Name=a\n0s < {again} Name=b\n0s < {again} Name=c"));
    for number in 0..400 {
        bench.host.set_file(&format!("/sys/class/net/eth{number}/mtu"), "1500");
        bench.host.set_file(&format!("/sys/class/net/eth{number}/type"), "1");
        bench.host.set_file(&format!("/sys/class/net/eth{number}/statistics/rx_bytes"), "1");
    }
    let said = bench.play("0s up\n25s end");
    assert!(said.contains("values are left out"), "{said}");
    assert_eq!(sequences(&bench), [1, 2, 3], "what tells the order comes first, so it is never left out");
}

#[test]
fn the_ring_is_bounded_in_bytes_too() {
    let mut bench = with(|config| {
        config.report.parameters = vec!["Device.".to_owned()];
        config.report.retained = 1440;
    });
    bench.play("3000s end");
    let waiting = bench.agent.reports_waiting();
    bench.play("3001s up\n3002s end");
    let bytes: usize = bench.reports.iter().map(|element| element.to_string().len()).sum();
    assert!(waiting < 300 && bytes <= 256 * 1024 && bytes > 200 * 1024, "{waiting} reports, {bytes} bytes");
}

#[test]
fn a_box_that_slept_reports_once() {
    let mut bench = bench();
    bench.play("0s up\n20s end");
    let before = bench.reports.len();
    bench.clock.advance(std::time::Duration::from_secs(3600));
    bench.play("3621s end");
    assert_eq!(bench.reports.len(), before + 1);
}

#[test]
fn a_report_leaves_out_what_the_box_cannot_tell() {
    let mut bench = with(|config| config.report.parameters = vec!["Device.Nope.".to_owned(), "Device.DeviceInfo.MemoryStatus.".to_owned()]);
    bench.host.remove_file("/proc/meminfo");
    bench.play("0s up\n12s end");
    let element = &bench.reports[0];
    assert!(element.get("Device.DeviceInfo.MemoryStatus.Free").is_none() && element[UP_TIME].is_u64(), "{element}");
}

/// What a box does whose only profile is number 2, which `script` fills.
#[track_caller]
fn check(script: &str, expected: &Expect) {
    let mut bench = bench();
    bench.play("0s up\n0s < Set Device.BulkData.Profile.1. Enable=false");
    expected.assert_eq(&bench.play(script));
}

const ADD: &str = "< Add Device.BulkData.Profile.";
const REFER: &str = "< Add Device.BulkData.Profile.2.Parameter.";

#[test]
fn a_profile_is_added_filled_changed_and_deleted_live() {
    check(
        &format!(
            "1s {ADD} ReportingInterval=10
             1s < Set Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1. PublishQoS=0 PublishRetain=true
             2s {REFER} Name=Up Reference=Device.DeviceInfo.UpTime
             3s < Get Device.BulkData.Profile.2.
             4s < Set Device.BulkData.Profile.2. Enable=true
             20s < Set Device.BulkData.Profile.2. ReportingInterval=100
             60s < Set Device.BulkData.Profile.2.Parameter.1. Exclude=true
             60s < Set Device.BulkData.Profile.2.JSONEncoding. ReportTimestamp=ISO-8601
             60s < Set Device.BulkData.Profile.2.MQTT. PublishRetain=false PublishQoS=1
             60s < Set Device.BulkData.Profile.2. ReportingInterval=20
             80s < Set Device.BulkData.Profile.2. Enable=false
             120s < Set Device.BulkData.Profile.2. Enable=true
             125s < Get Device.BulkData.Profile.2.X_LINE3_Sequence
             130s < Delete Device.BulkData.Profile.2.
             200s < Get Device.BulkData.ProfileNumberOfEntries"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            1s > #3 SetResp Device.BulkData.Profile.2.MQTT. PublishQoS=0 PublishRetain=true PublishTopic=bulk Reference=Device.MQTT.Client.1
            2s > #4 AddResp Device.BulkData.Profile.2.Parameter.1.
            3s > #5 GetResp Device.BulkData.Profile.2. Alias=cpe-2 Controller=Device.LocalAgent.Controller.1 Enable=false EncodingType=JSON Name= NumberOfRetainedFailedReports=0 ParameterNumberOfEntries=1 Protocol=MQTT ReportingInterval=10 TimeReference=0001-01-01T00:00:00Z X_LINE3_Trouble=
            3s > #5 GetResp Device.BulkData.Profile.2.JSONEncoding. ReportFormat=ObjectHierarchy ReportTimestamp=Unix-Epoch
            3s > #5 GetResp Device.BulkData.Profile.2.MQTT. PublishQoS=0 PublishRetain=true PublishTopic=bulk Reference=Device.MQTT.Client.1
            3s > #5 GetResp Device.BulkData.Profile.2.Parameter.1. Exclude=false Name=Up Reference=Device.DeviceInfo.UpTime
            4s > #6 SetResp Device.BulkData.Profile.2. Enable=true
            6.881s > bulk (QoS 0 kept) {"Report":[{"CollectionTime":1767225606,"Up":1479621}]}
            16.881s > bulk (QoS 0 kept) {"Report":[{"CollectionTime":1767225616,"Up":1479631}]}
            20s > #7 SetResp Device.BulkData.Profile.2. ReportingInterval=100
            48.816s > bulk (QoS 0 kept) {"Report":[{"CollectionTime":1767225648,"Up":1479663}]}
            60s > #8 SetResp Device.BulkData.Profile.2.Parameter.1. Exclude=true
            60s > #9 SetResp Device.BulkData.Profile.2.JSONEncoding. ReportTimestamp=ISO-8601
            60s > #10 SetResp Device.BulkData.Profile.2.MQTT. PublishQoS=1 PublishRetain=false
            60s > #11 SetResp Device.BulkData.Profile.2. ReportingInterval=20
            65.763s > bulk (QoS 1) {"Report":[{"CollectionTime":"2026-01-01T00:01:05Z"}]}
            80s > #12 SetResp Device.BulkData.Profile.2. Enable=false
            120s > #13 SetResp Device.BulkData.Profile.2. Enable=true
            125s > #14 GetResp Device.BulkData.Profile.2. X_LINE3_Sequence=4
            125.763s > bulk (QoS 1) {"Report":[{"CollectionTime":"2026-01-01T00:02:05Z"}]}
            130s > #15 DeleteResp Device.BulkData.Profile.2.: gone [Device.BulkData.Profile.2.]
            200s > #16 GetResp Device.BulkData. ProfileNumberOfEntries=1
        "#]],
    );
}

#[test]
fn the_status_says_what_is_wrong() {
    let get = "< Get Device.BulkData.Status Device.BulkData.Profile.2.X_LINE3_Trouble";
    check(
        &format!(
            "1s {ADD} Enable=true
             2s {get}
             3s < Set Device.BulkData.Profile.2.MQTT. PublishTopic=bulk
             3s {get}
             4s < Set Device.BulkData.Profile.2.MQTT. Reference=Device.MQTT.Client.1
             4s {get}
             5s < Set Device.BulkData. Enable=false
             5s {get}
             6s < Get Device.BulkData."
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            2s > #3 GetResp Device.BulkData. Status=Error
            2s > #3 GetResp Device.BulkData.Profile.2. X_LINE3_Trouble=Device.BulkData.Profile.2.MQTT.PublishTopic is empty; set it
            3s > #4 SetResp Device.BulkData.Profile.2.MQTT. PublishTopic=bulk
            3s > #5 GetResp Device.BulkData. Status=Error
            3s > #5 GetResp Device.BulkData.Profile.2. X_LINE3_Trouble=Device.BulkData.Profile.2.MQTT.Reference is ""; the agent has one connection, which is that of Device.MQTT.Client.1
            4s > #6 SetResp Device.BulkData.Profile.2.MQTT. Reference=Device.MQTT.Client.1
            4s > #7 GetResp Device.BulkData. Status=Enabled
            4s > #7 GetResp Device.BulkData.Profile.2. X_LINE3_Trouble=
            5s > #8 SetResp Device.BulkData. Enable=false
            5s > #9 GetResp Device.BulkData. Status=Disabled
            5s > #9 GetResp Device.BulkData.Profile.2. X_LINE3_Trouble=
            6s > #10 GetResp Device.BulkData. Enable=false EncodingTypes=JSON MaxNumberOfParameterReferences=-1 MaxNumberOfProfiles=4 MinReportingInterval=1 ParameterWildCardSupported=true ProfileNumberOfEntries=2 Protocols=MQTT,USPEventNotif Status=Disabled X_LINE3_MaxReportSize=32768
            6s > #10 GetResp Device.BulkData.Profile.1. Alias=cpe-1 Controller=Device.LocalAgent.Controller.1 Enable=false EncodingType=JSON Name=health NumberOfRetainedFailedReports=10 ParameterNumberOfEntries=14 Protocol=MQTT ReportingInterval=10 TimeReference=0001-01-01T00:00:00Z X_LINE3_Trouble=
            6s > #10 GetResp Device.BulkData.Profile.2. Alias=cpe-2 Controller=Device.LocalAgent.Controller.1 Enable=true EncodingType=JSON Name= NumberOfRetainedFailedReports=0 ParameterNumberOfEntries=0 Protocol=MQTT ReportingInterval=86400 TimeReference=0001-01-01T00:00:00Z X_LINE3_Trouble=
            6s > #10 GetResp Device.BulkData.Profile.1.JSONEncoding. ReportFormat=NameValuePair ReportTimestamp=Unix-Epoch
            6s > #10 GetResp Device.BulkData.Profile.2.JSONEncoding. ReportFormat=ObjectHierarchy ReportTimestamp=Unix-Epoch
            6s > #10 GetResp Device.BulkData.Profile.1.MQTT. PublishQoS=1 PublishRetain=false PublishTopic=telemetry/proto::sim-1 Reference=Device.MQTT.Client.1
            6s > #10 GetResp Device.BulkData.Profile.2.MQTT. PublishQoS=1 PublishRetain=false PublishTopic=bulk Reference=Device.MQTT.Client.1
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.1. Exclude=false Name= Reference=Device.LocalAgent.X_LINE3_RunID
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.2. Exclude=false Name= Reference=Device.LocalAgent.X_LINE3_BootID
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.3. Exclude=false Name= Reference=Device.BulkData.Profile.1.X_LINE3_Sequence
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.4. Exclude=false Name= Reference=Device.DeviceInfo.UpTime
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.5. Exclude=false Name= Reference=Device.Time.CurrentLocalTime
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.6. Exclude=false Name= Reference=Device.DeviceInfo.MemoryStatus.
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.7. Exclude=false Name= Reference=Device.DeviceInfo.ProcessStatus.CPUUsage
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.8. Exclude=false Name= Reference=Device.DeviceInfo.TemperatureStatus.TemperatureSensor.*.Value
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.9. Exclude=false Name= Reference=Device.Ethernet.Interface.*.Status
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.10. Exclude=false Name= Reference=Device.Ethernet.Interface.*.Stats.
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.11. Exclude=false Name= Reference=Device.MQTT.Client.1.Stats.BrokerConnectionEstablished
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.12. Exclude=false Name= Reference=Device.MQTT.Client.1.Stats.ConnectionErrors
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.13. Exclude=false Name= Reference=Device.MQTT.Client.1.Stats.PublishErrors
            6s > #10 GetResp Device.BulkData.Profile.1.Parameter.14. Exclude=false Name= Reference=Device.MQTT.Client.1.Stats.X_LINE3_Connections
        "#]],
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check(
        &format!(
            "1s {ADD} Protocol!=HTTP
             2s {ADD} EncodingType!=CSV
             3s {ADD} ReportingInterval!=0
             4s {ADD} NumberOfRetainedFailedReports!=-2
             5s {ADD} Controller=Device.LocalAgent.Controller.9
             6s {ADD} Alias=cpe-7
             7s {ADD}
             8s {REFER} Reference=Device.IP.Interface.[Name==\"eth0\"].Status
             9s {REFER} Reference=Device.DeviceInfo.Nope
             10s < Set Device.BulkData.Profile.2.MQTT. PublishTopic!=a/#
             11s < Set Device.BulkData.Profile.2.MQTT. Reference!=Device.MQTT.Client.9
             12s < Set Device.BulkData.Profile.2.MQTT. PublishQoS!=2
             13s {ADD}
             13s {ADD}
             13s {ADD}"
        ),
        &expect![[r#"
            1s > #2 Error 7021 Protocol: Protocol takes one of MQTT, USPEventNotif, not "HTTP"
            1s > #2   Device.BulkData.Profile.Protocol: 7012 Protocol takes one of MQTT, USPEventNotif, not "HTTP"
            2s > #3 Error 7021 EncodingType: EncodingType takes one of JSON, not "CSV"
            2s > #3   Device.BulkData.Profile.EncodingType: 7012 EncodingType takes one of JSON, not "CSV"
            3s > #4 Error 7021 ReportingInterval: ReportingInterval takes 1 to 4294967295 seconds, not 0
            3s > #4   Device.BulkData.Profile.ReportingInterval: 7012 ReportingInterval takes 1 to 4294967295 seconds, not 0
            4s > #5 Error 7021 NumberOfRetainedFailedReports: NumberOfRetainedFailedReports takes -1 to 2147483647, not -2
            4s > #5   Device.BulkData.Profile.NumberOfRetainedFailedReports: 7012 NumberOfRetainedFailedReports takes -1 to 2147483647, not -2
            5s > #6 AddResp Device.BulkData.Profile.2. Alias=cpe-2 [Controller: 7013 Controller is read-only]
            6s > #7 Error 7021 Alias: Alias "cpe-7": names that begin with cpe- are the agent's to give; leave it out or choose another
            6s > #7   Device.BulkData.Profile.Alias: 7012 Alias "cpe-7": names that begin with cpe- are the agent's to give; leave it out or choose another
            7s > #8 AddResp Device.BulkData.Profile.3. Alias=cpe-3
            8s > #9 AddResp Device.BulkData.Profile.2.Parameter.1. [Reference: 7012 Device.IP.Interface.[Name=="eth0"].Status is no reference of a report: that takes names, instance numbers and * only]
            9s > #10 AddResp Device.BulkData.Profile.2.Parameter.2. [Reference: 7012 Device.DeviceInfo.Nope is neither an object nor a parameter of this box's data model]
            10s > #11 Error 7021 PublishTopic: "a/#": there is no publishing to a topic with # or +
            10s > #11   Device.BulkData.Profile.2.MQTT.PublishTopic: 7012 "a/#": there is no publishing to a topic with # or +
            11s > #12 Error 7021 Reference: Device.MQTT.Client.9 is no row of Device.MQTT.Client.; Reference takes one that is there
            11s > #12   Device.BulkData.Profile.2.MQTT.Reference: 7012 Device.MQTT.Client.9 is no row of Device.MQTT.Client.; Reference takes one that is there
            12s > #13 Error 7021 PublishQoS: PublishQoS takes 0 to 1, not 2
            12s > #13   Device.BulkData.Profile.2.MQTT.PublishQoS: 7012 PublishQoS takes 0 to 1, not 2
            13s > #14 AddResp Device.BulkData.Profile.4. Alias=cpe-4
            13s > #15 Error 7005 Device.BulkData.Profile. has 4 rows, the most there can be; delete one first
            13s > #15   Device.BulkData.Profile.: 7005 Device.BulkData.Profile. has 4 rows, the most there can be; delete one first
            13s > #16 Error 7005 Device.BulkData.Profile. has 4 rows, the most there can be; delete one first
            13s > #16   Device.BulkData.Profile.: 7005 Device.BulkData.Profile. has 4 rows, the most there can be; delete one first
        "#]],
    );
}

#[test]
fn an_add_reaches_into_the_objects_of_the_row() {
    check(
        &format!(
            "1s {ADD} MQTT.Reference=Device.MQTT.Client.1 MQTT.PublishTopic=bulk JSONEncoding.ReportFormat=NameValuePair
             2s < Get Device.BulkData.Profile.2.MQTT. Device.BulkData.Profile.2.JSONEncoding.ReportFormat
             3s {ADD} MQTT.PublishTopic=a/# MQTT.Nope=1 HTTP.URL=x MQTT.PublishQoS=0 Parameter.{{i}}.Name=x
             4s < Get Device.BulkData.Profile.3.MQTT.
             5s {ADD} MQTT.PublishTopic!=a/#
             6s {ADD} HTTP.URL!=x
             7s < Get Device.BulkData.ProfileNumberOfEntries"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            2s > #3 GetResp Device.BulkData.Profile.2.MQTT. PublishQoS=1 PublishRetain=false PublishTopic=bulk Reference=Device.MQTT.Client.1
            2s > #3 GetResp Device.BulkData.Profile.2.JSONEncoding. ReportFormat=NameValuePair
            3s > #4 AddResp Device.BulkData.Profile.3. Alias=cpe-3 [HTTP.URL: 7010 Device.BulkData.Profile.{i}.HTTP. has no parameter URL] [MQTT.Nope: 7010 Device.BulkData.Profile.{i}.MQTT. has no parameter Nope] [MQTT.PublishTopic: 7012 "a/#": there is no publishing to a topic with # or +] [Parameter.{i}.Name: 7010 Device.BulkData.Profile.{i}.Parameter.{i}. has no parameter Name]
            4s > #5 GetResp Device.BulkData.Profile.3.MQTT. PublishQoS=0 PublishRetain=false PublishTopic= Reference=
            5s > #6 Error 7021 PublishTopic: "a/#": there is no publishing to a topic with # or +
            5s > #6   Device.BulkData.Profile.MQTT.PublishTopic: 7012 "a/#": there is no publishing to a topic with # or +
            6s > #7 Error 7021 URL: Device.BulkData.Profile.{i}.HTTP. has no parameter URL
            6s > #7   Device.BulkData.Profile.HTTP.URL: 7010 Device.BulkData.Profile.{i}.HTTP. has no parameter URL
            7s > #8 GetResp Device.BulkData. ProfileNumberOfEntries=3
        "#]],
    );
}

#[test]
fn a_report_can_be_forced_and_the_schedule_stays() {
    check(
        &format!(
            "1s {ADD} ReportingInterval=10
             1s < Set Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
             2s {REFER} Reference=Device.BulkData.Profile.2.X_LINE3_Sequence
             3s < Operate Device.BulkData.Profile.2.ForceCollection()
             4s < Set Device.BulkData.Profile.2. Enable=true
             5s < Operate Device.BulkData.Profile.2.ForceCollection()
             10s < Set Device.BulkData. Enable=false
             11s < Operate Device.BulkData.Profile.2.ForceCollection()
             12s < Operate Device.BulkData.Profile.7.ForceCollection()"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            1s > #3 SetResp Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
            2s > #4 AddResp Device.BulkData.Profile.2.Parameter.1.
            3s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225603,"Device":{"BulkData":{"Profile":{"2":{"X_LINE3_Sequence":1}}}}}]}
            3s > #5 OperateResp Device.BulkData.Profile.2.ForceCollection() done
            4s > #6 SetResp Device.BulkData.Profile.2. Enable=true
            5s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225605,"Device":{"BulkData":{"Profile":{"2":{"X_LINE3_Sequence":2}}}}}]}
            5s > #7 OperateResp Device.BulkData.Profile.2.ForceCollection() done
            6.881s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225606,"Device":{"BulkData":{"Profile":{"2":{"X_LINE3_Sequence":3}}}}}]}
            10s > #8 SetResp Device.BulkData. Enable=false
            11s > #9 OperateResp Device.BulkData.Profile.2.ForceCollection(): 7022 Device.BulkData.Enable is false: no reports are made at all
            12s > #10 Error 7016 Device.BulkData.Profile.7. does not exist
        "#]],
    );
}

#[test]
fn a_report_is_told_as_an_event() {
    check(
        &format!(
            "1s {ADD} Protocol=USPEventNotif ReportingInterval=10 Enable=true
             2s {REFER} Name=On Reference=Device.BulkData.Profile.*.Enable
             3s {REFER} Name=P Reference=Device.BulkData.Profile.2.MQTT.
             4s subscribe Event Device.BulkData.Profile.2.Push! ID=s NotifRetry=true
             5s answers no
             20s answers yes
             30s end"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            2s > #3 AddResp Device.BulkData.Profile.2.Parameter.1.
            3s > #4 AddResp Device.BulkData.Profile.2.Parameter.2.
            13.881s > Notify s answer wanted: Device.BulkData.Profile.2.Push! Data={"Report":[{"CollectionTime":1767225613,"On":{"1":false,"2":true},"P":{"PublishQoS":1,"PublishRetain":false,"PublishTopic":"","Reference":""}}]}
            20.972s > Notify s answer wanted: Device.BulkData.Profile.2.Push! Data={"Report":[{"CollectionTime":1767225613,"On":{"1":false,"2":true},"P":{"PublishQoS":1,"PublishRetain":false,"PublishTopic":"","Reference":""}}]}
            23.881s > Notify s answer wanted: Device.BulkData.Profile.2.Push! Data={"Report":[{"CollectionTime":1767225623,"On":{"1":false,"2":true},"P":{"PublishQoS":1,"PublishRetain":false,"PublishTopic":"","Reference":""}}]}
        "#]],
    );
}

#[test]
fn a_report_is_due_when_the_clock_is_at_the_reference() {
    check(
        &format!(
            "1s {ADD} ReportingInterval=60 TimeReference=2020-06-01T12:00:07Z Enable=true
             1s < Set Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
             100s < Set Device.BulkData.Profile.2. TimeReference=2030-01-01T00:00:20Z
             200s end"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            1s > #3 SetResp Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
            7s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225607}]}
            67s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225667}]}
            100s > #4 SetResp Device.BulkData.Profile.2. TimeReference=2030-01-01T00:00:20Z
            140s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225740}]}
            200s > bulk (QoS 1) {"Report":[{"CollectionTime":1767225800}]}
        "#]],
    );
}

#[test]
fn a_clock_that_jumps_moves_what_is_due() {
    check(
        &format!(
            "1s clock -800000000
             1s {ADD} ReportingInterval=600 TimeReference=2020-06-01T12:00:07Z Enable=true
             1s < Set Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
             110s clock 0
             700s clock 100
             800s clock -2
             1300s end"
        ),
        &expect![[r#"
            1s > #2 AddResp Device.BulkData.Profile.2. Alias=cpe-2
            1s > #3 SetResp Device.BulkData.Profile.2.MQTT. PublishTopic=bulk Reference=Device.MQTT.Client.1
            607s > bulk (QoS 1) {"Report":[{"CollectionTime":1767226207}]}
            1209s > bulk (QoS 1) {"Report":[{"CollectionTime":1767226807}]}
        "#]],
    );
}

#[test]
fn none_is_retained_when_none_shall_be() {
    for (retained, waiting) in [("0", 1), ("2", 3), ("-1", 20)] {
        let mut bench = bench();
        bench.play(&format!("0s < Set Device.BulkData.Profile.1. NumberOfRetainedFailedReports={retained}\n200s end"));
        assert_eq!(bench.agent.reports_waiting(), waiting, "{retained}");
        bench.play("200s up\n202s end");
        assert_eq!(sequences(&bench), (21 - waiting as u64..=20).collect::<Vec<u64>>());
    }
}
