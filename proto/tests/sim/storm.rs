//! Many boxes in bad weather.

use std::collections::BTreeMap;

use line3_proto::LinkEvent;
use line3_proto::sim::NetConfig;

use crate::run::{CONTROLLER, Run, a_box, a_controller, at, box_id, message, secs};

fn stormy() -> NetConfig {
    NetConfig { loss: 0.005, duplicate: 0.005, queue_bound: 10_000, ..NetConfig::default() }
}

/// Twenty boxes send ten-second reports for an hour through loss, partitions and two restarts, to a controller.
fn storm(seed: u64) -> Run {
    let mut run = Run::new(seed, stormy());
    run.net.connect(at(0), CONTROLLER, a_controller());
    (0..20).for_each(|n| run.net.connect(at(0), &box_id(n), a_box(&box_id(n))));
    run.until(at(1));
    for tick in 0..360_u64 {
        let now = at(10 + tick * 10);
        for n in 0..20 {
            let id = box_id(n);
            run.net.publish(now, &id, tick, message(&format!("telemetry/{id}"), &format!("{n} {tick}"))).unwrap();
            if tick % 60 == n as u64 {
                run.net.partition(now, &id, now + secs(40 * n as u64));
            }
        }
        match tick {
            100 => run.net.partition(now, CONTROLLER, now + secs(400)),
            150 | 250 => run.net.restart_broker(now, secs(120), true),
            _ => {}
        }
        run.until(now + secs(10));
    }
    run.until(at(4 * 3600));
    run
}

#[test]
fn nothing_of_qos_1_is_lost_in_a_storm_and_each_clients_order_is_kept() {
    for seed in 1..=5 {
        let run = storm(seed);
        let counts = run.net.counts();
        assert!(counts.cuts > 100 && counts.dropped == 0 && counts.expired == 0, "seed {seed}: {counts:?}");
        let mut first: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut copies = 0;
        for text in run.received(CONTROLLER).iter().filter(|text| *text != "gone") {
            let (from, tick) = text.split_once(' ').unwrap();
            let seen = first.entry(from.to_owned()).or_default();
            let tick = tick.parse().unwrap();
            if seen.contains(&tick) { copies += 1 } else { seen.push(tick) }
        }
        let all: Vec<u64> = (0..360).collect();
        assert!(
            first.len() == 20 && first.values().all(|seen| *seen == all),
            "seed {seed}: something was lost, or first copies out of order"
        );
        assert!(copies > 0, "seed {seed}: a storm that doubles nothing tests nothing");
        for n in 0..20 {
            let sent = |event: &LinkEvent| matches!(event, LinkEvent::Sent(_));
            assert_eq!(run.count(&box_id(n), sent), 360, "seed {seed}: each publication is told sent once");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (one, same, other) = (storm(7), storm(7), storm(8));
    assert_eq!(one.heard, same.heard);
    assert_ne!(one.heard, other.heard);
}

#[test]
fn two_hundred_boxes_live_through_six_hours() {
    let mut run = Run::new(11, NetConfig { loss: 0.0005, duplicate: 0.0005, ..NetConfig::default() });
    run.net.connect(at(0), CONTROLLER, a_controller());
    (0..200).for_each(|n| run.net.connect(at(0), &box_id(n), a_box(&box_id(n))));
    let mut received = 0;
    for minute in 1..=360_u64 {
        for n in 0..200 {
            let id = box_id(n);
            run.net.publish(at(minute * 60), &id, minute, message(&format!("telemetry/{id}"), "report")).unwrap();
        }
        run.until(at(minute * 60 + 59));
        received += run.received(CONTROLLER).iter().filter(|text| *text == "report").count();
        run.heard.clear();
    }
    run.until(at(8 * 3600));
    received += run.received(CONTROLLER).iter().filter(|text| *text == "report").count();
    assert!(received >= 200 * 360, "{received}");
    assert!(run.net.counts().cuts > 50);
}
