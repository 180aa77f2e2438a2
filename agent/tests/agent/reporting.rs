//! Health reports.

use expect_test::expect;
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
    assert_eq!(bench.agent.reports_waiting(), 10);
    bench.play("201s up\n202s end");
    let numbers = sequences(&bench);
    assert_eq!(numbers, (11..=20).collect::<Vec<u64>>());
}

#[test]
fn what_is_on_its_way_is_not_dropped_at_the_bound() {
    let mut bench = bench();
    bench.play("0s up\n0s acknowledges no\n200s end");
    assert_eq!(bench.agent.reports_waiting(), 10);
    bench.play("201s acknowledges yes\n202s end");
    assert_eq!(sequences(&bench), [1, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
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
    let mut bench = with(|config| config.report.parameters = vec!["Device.".to_owned(); 3]);
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
