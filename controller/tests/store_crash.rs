//! A process that stores, compacts and drops reports is killed with SIGKILL at random moments: whatever it had acknowledged is there,
//! once, and what it had not can be sent again. (That it also holds when the power fails rests on `synchronous=FULL`, which a unit
//! test checks; a test cannot cut the power.)
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use line3_controller::report::{Reading, Report};
use line3_controller::store::sqlite::SqliteStore;
use line3_controller::store::{Arrived, Outcome, Store};
use line3_proto::{EndpointId, Wall};

const ROUNDS: u64 = 20;
const BOXES: u64 = 5;
/// In the child's environment: where the store is, and which round this is.
const PLACE: &str = "LINE3_STORE_CRASH";
const ROUND: &str = "LINE3_STORE_CRASH_ROUND";

fn id(n: u64) -> EndpointId {
    EndpointId::parse(&format!("os::00256D-{n}")).unwrap()
}

/// A number that is told apart from every other.
fn value(round: u64, sequence: u64) -> f64 {
    f64::from(u32::try_from(round * 1_000_000 + sequence).unwrap())
}

fn arrived(n: u64, round: u64, sequence: u64) -> Arrived {
    // A report a minute and an hour a round: days and blocks fill quickly.
    let received = i64::try_from((round * 10_000 + sequence) * 60_000).unwrap();
    let report = Report {
        run_id: format!("run-{round}"),
        boot_id: "b".into(),
        profile: 1,
        sequence,
        up_time: None,
        clock: None,
        values: vec![("Device.Value".into(), Reading::Number(value(round, sequence)))],
    };
    Arrived { box_id: id(n), received: Wall(received), report }
}

/// The child: stores until it is killed. A line `<box> <sequence>` says that a report is acknowledged.
#[test]
fn child() {
    let (Ok(place), Ok(round)) = (std::env::var(PLACE), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let mut store = SqliteStore::open(Path::new(&place)).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nopen").unwrap();
    for first in (1..).step_by(3) {
        let batch: Vec<_> = (first..first + 3).flat_map(|sequence| (1..=BOXES).map(move |n| arrived(n, round, sequence))).collect();
        assert!(store.append(&batch).unwrap().iter().all(|outcome| *outcome == Outcome::Stored));
        let lines: String =
            batch.iter().map(|a| format!("{} {}\n", a.box_id.as_str().rsplit('-').next().unwrap(), a.report.sequence)).collect();
        out.write_all(lines.as_bytes()).unwrap();
        out.flush().unwrap();
        store.compact(Wall(batch[0].received.0 + 120_000)).unwrap();
    }
}

/// A small generator (SplitMix64): the same kills in every run, as far as the machine's timing allows.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Runs a child, kills it, and returns the newest acknowledged sequence of each box.
fn round_of(place: &PathBuf, round: u64, alive: Duration) -> BTreeMap<u64, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line == "open")).expect("the child did not open the store").unwrap();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = BTreeMap::new();
        // A line cut short by the kill is no acknowledgement: only whole batches are written, and the store may be ahead of them.
        for line in lines.map_while(Result::ok) {
            if let Some((n, sequence)) = line.split_once(' ').and_then(|(n, s)| Some((n.parse().ok()?, s.parse().ok()?))) {
                acknowledged.insert(n, sequence);
            }
        }
        acknowledged
    });
    std::thread::sleep(alive);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child ended before it was killed: {status}");
    reader.join().unwrap()
}

/// How often each value of a box is stored.
fn counts(store: &mut SqliteStore, n: u64) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for (_, reading) in store.series(&id(n), "Device.Value", Wall(0), Wall(i64::MAX)).unwrap() {
        let Reading::Number(number) = reading else { panic!("{reading:?}") };
        *counts.entry(number as u64).or_insert(0) += 1;
    }
    counts
}

#[test]
fn kill_9_loses_nothing_acknowledged_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("line3.db");
    let mut seed = 3;
    let mut expected: BTreeMap<u64, BTreeMap<u64, usize>> = BTreeMap::new();
    let (mut acknowledged_in_all, mut unacknowledged_in_all) = (0, 0);
    for round in 1..=ROUNDS {
        let alive = Duration::from_micros(500 + random(&mut seed) % 150_000);
        let acknowledged = round_of(&place, round, alive);
        let mut store = SqliteStore::open(&place).unwrap();
        for n in 1..=BOXES {
            let newest = acknowledged.get(&n).copied().unwrap_or(0);
            acknowledged_in_all += newest;
            // The box sends again what it has no acknowledgement for, and one it has.
            let again: Vec<_> = (newest.max(1)..=newest + 6).map(|sequence| arrived(n, round, sequence)).collect();
            let outcomes = store.append(&again).unwrap();
            unacknowledged_in_all += outcomes.iter().skip(1).filter(|outcome| **outcome == Outcome::Duplicate).count();
            if newest > 0 {
                assert_eq!(outcomes[0], Outcome::Duplicate, "round {round}: acknowledged {newest} of box {n} is unknown");
            }
            let expected = expected.entry(n).or_default();
            expected.extend((1..=newest + 6).map(|sequence| (value(round, sequence) as u64, 1)));
            assert_eq!(&counts(&mut store, n), expected, "round {round}, box {n}");
            assert_eq!(store.gaps(&id(n)).unwrap(), [], "round {round}, box {n}");
        }
    }
    let mut store = SqliteStore::open(&place).unwrap();
    while store.compact(Wall(i64::MAX / 2)).unwrap().more {}
    for (n, expected) in &expected {
        assert_eq!(&counts(&mut store, *n), expected, "after compaction, box {n}");
    }
    println!("{acknowledged_in_all} acknowledged, {unacknowledged_in_all} stored but not yet acknowledged when killed");
    assert!(acknowledged_in_all > ROUNDS, "the children were killed before they did anything");
}
