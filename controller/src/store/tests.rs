//! What every store must do. An implementation runs [`conformance`] with empty stores and [`survives_reopening`] with one that
//! `open` opens again and again.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 86_400_000;
/// A moment at the start of a day.
pub(super) const T0: i64 = 20_000 * DAY;

pub(super) fn id(n: u32) -> EndpointId {
    EndpointId::parse(&format!("os::00256D-{n}")).unwrap()
}

/// A report of box 1 and run "r", received so long after [`T0`] as it was made.
pub(super) fn arrived(sequence: u64, after: i64) -> Arrived {
    let values = vec![
        ("Device.A".to_owned(), Reading::Number(f64::from(u32::try_from(sequence).unwrap()))),
        ("Device.B".to_owned(), Reading::Text(if sequence.is_multiple_of(2) { "Up" } else { "Down" }.into())),
    ];
    let report = Report {
        run_id: "r".into(),
        boot_id: "b".into(),
        profile: 1,
        sequence,
        up_time: u64::try_from(after / 1000).ok(),
        clock: Some(Wall(after)),
        values,
    };
    Arrived { box_id: id(1), received: Wall(T0 + after), report }
}

/// A number every five minutes, `from` to `to`.
pub(super) fn regular(from: u64, to: u64) -> Vec<Arrived> {
    (from..=to).map(|n| arrived(n, i64::try_from(n).unwrap() * 5 * MINUTE)).collect()
}

pub(super) fn compact_all(store: &mut dyn Store, now: i64) -> usize {
    let mut rows = 0;
    loop {
        let progress = store.compact(Wall(T0 + now)).unwrap();
        rows += progress.rows;
        if !progress.more {
            return rows;
        }
    }
}

/// Everything of `Device.A` of box 1, as (milliseconds after [`T0`], value).
pub(super) fn everything(store: &mut dyn Store) -> Vec<(i64, f64)> {
    let points = store.series(&id(1), "Device.A", Wall(T0 - 40 * DAY), Wall(T0 + 40 * DAY)).unwrap();
    let number = |reading| if let Reading::Number(number) = reading { number } else { panic!("{reading:?}") };
    points.into_iter().map(|(at, reading)| (at.0 - T0, number(reading))).collect()
}

pub(super) fn a_call(id_: &str, state: CallState) -> CallRow {
    CallRow {
        id: id_.into(),
        box_id: id(1),
        command: "Device.Reboot()".into(),
        args: "{}".into(),
        actor: "ann".into(),
        reason: "T-1".into(),
        state,
        created: Wall(T0),
        ended: None,
        result: None,
        error: None,
    }
}

pub(super) fn conformance(make: impl Fn() -> Box<dyn Store>) {
    boxes(&mut *make());
    catalogues(&mut *make());
    stored_once(&mut *make());
    series_before_and_after_compaction(&mut *make());
    late_reports(&mut *make());
    compaction_waits(&mut *make());
    days_are_dropped(&mut *make());
    floods_end(&mut *make());
    newest_state(&mut *make());
    calls(&mut *make());
    audit_rows(&mut *make());
}

fn boxes(store: &mut dyn Store) {
    assert_eq!(store.find_box(&id(1)).unwrap(), None);
    let mut row = BoxRow::new(id(1), Wall(5));
    row.labels.insert("city".into(), "Bern".into());
    row.identity.insert("Device.DeviceInfo.ModelName".into(), "X".into());
    (row.catalogue, row.run_id, row.boot_id) = (Some("d".into()), Some("r".into()), Some("b".into()));
    (row.connection, row.online) = (u64::MAX, true);
    store.put_boxes(&[row.clone(), BoxRow::new(id(3), Wall(1)), BoxRow::new(id(2), Wall(1))]).unwrap();
    assert_eq!(store.find_box(&id(1)).unwrap(), Some(row.clone()));

    (row.first_seen, row.last_seen, row.online) = (Wall(7), Wall(9), false);
    row.labels.clear();
    store.put_boxes(&[row.clone()]).unwrap();
    row.first_seen = Wall(5);
    assert_eq!(store.find_box(&id(1)).unwrap(), Some(row));

    let ids = |rows: Vec<BoxRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(store.boxes(None, 2).unwrap()), [id(1), id(2)]);
    assert_eq!(ids(store.boxes(Some(&id(2)), 2).unwrap()), [id(3)]);

    // A box that reports before anybody put it is known from then on.
    let mut report = arrived(1, 0);
    report.box_id = EndpointId::parse("proto::sim-1").unwrap();
    store.append(&[report.clone()]).unwrap();
    let row = store.find_box(&report.box_id).unwrap().unwrap();
    assert_eq!(row, BoxRow::new(report.box_id, Wall(T0)));
    assert!(row.simulated);
}

fn catalogues(store: &mut dyn Store) {
    assert_eq!(store.catalogue("d").unwrap(), None);
    store.put_catalogue("d", b"[1]").unwrap();
    store.put_catalogue("d", b"[2]").unwrap();
    assert_eq!(store.catalogue("d").unwrap().as_deref(), Some(&b"[2]"[..]));
    let error = store.put_catalogue("d", &vec![0; MAX_CATALOGUE + 1]).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");

    // At the bound those that no box uses make room.
    let mut row = BoxRow::new(id(1), Wall(0));
    row.catalogue = Some("used".into());
    store.put_boxes(&[row]).unwrap();
    store.put_catalogue("used", b"u").unwrap();
    for n in 2..MAX_CATALOGUES {
        store.put_catalogue(&n.to_string(), b"x").unwrap();
    }
    assert!(store.catalogue("d").unwrap().is_some());
    store.put_catalogue("one more", b"x").unwrap();
    assert_eq!(store.catalogue("d").unwrap(), None);
    assert!(store.catalogue("used").unwrap().is_some());
}

fn stored_once(store: &mut dyn Store) {
    use Outcome::{Duplicate, Stored};
    let (one, two, four) = (arrived(1, 0), arrived(2, MINUTE), arrived(4, 2 * MINUTE));
    let mut other_box = one.clone();
    other_box.box_id = id(2);
    let mut other_run = one.clone();
    other_run.report.run_id = "r2".into();
    assert_eq!(store.append(&[]).unwrap(), []);
    assert_eq!(store.append(&[one.clone(), one.clone(), other_box, other_run]).unwrap(), [Stored, Duplicate, Stored, Stored]);
    assert_eq!(store.append(&[one.clone(), four, two]).unwrap(), [Duplicate, Stored, Stored]);
    assert_eq!(store.gaps(&id(1)).unwrap(), [Gap { run_id: "r".into(), profile: 1, from: 3, to: 3 }]);
    assert_eq!(store.gaps(&id(2)).unwrap(), []);
    assert_eq!(store.gaps(&id(9)).unwrap(), []);
    compact_all(store, 2 * DAY);
    assert_eq!(store.append(&[one]).unwrap(), [Duplicate], "in a block by now");
    assert_eq!(everything(store).len(), 4);
}

fn series_before_and_after_compaction(store: &mut dyn Store) {
    let reports = regular(1, 1000);
    for batch in reports.chunks(90) {
        assert!(store.append(batch).unwrap().iter().all(|outcome| *outcome == Outcome::Stored));
        if batch[0].report.sequence % 4 == 3 {
            // Compacted now and then, at the time of the newest report and a minute.
            compact_all(store, batch[batch.len() - 1].received.0 - T0 + MINUTE);
        }
        let count = batch[batch.len() - 1].report.sequence;
        let expected: Vec<_> = regular(1, count).iter().map(|a| (a.received.0 - T0, a.report.sequence as f64)).collect();
        assert_eq!(everything(store), expected, "after {count}");
    }
    compact_all(store, 30 * DAY);
    let week = store.series(&id(1), "Device.B", Wall(T0 + DAY), Wall(T0 + 2 * DAY)).unwrap();
    assert_eq!(week.len(), 288);
    assert_eq!(week[0], (Wall(T0 + DAY), Reading::Text("Up".into())), "from is in");
    assert_eq!(week[287].0, Wall(T0 + 2 * DAY - 5 * MINUTE), "to is out");
    assert_eq!(store.series(&id(1), "Device.C", Wall(T0), Wall(T0 + DAY)).unwrap(), []);
    assert_eq!(store.series(&id(9), "Device.A", Wall(T0), Wall(T0 + DAY)).unwrap(), []);
    assert_eq!(store.series(&id(1), "Device.A", Wall(i64::MIN), Wall(i64::MAX)).unwrap().len(), 1000);
    assert_eq!(store.paths(&id(1)).unwrap(), ["Device.A", "Device.B"]);
    assert_eq!(store.paths(&id(9)).unwrap(), [""; 0]);
    assert_eq!(store.gaps(&id(1)).unwrap(), []);
}

fn late_reports(store: &mut dyn Store) {
    // Over midnight offline: reports 1 to 30 were made every five minutes and came a second apart, five hours later.
    let mut burst = regular(1, 30);
    for (n, report) in burst.iter_mut().enumerate() {
        report.received = Wall(T0 - 90 * MINUTE + 30 * 5 * MINUTE + i64::try_from(n).unwrap() * 1000 - 29_000);
    }
    for report in burst {
        store.append(&[report]).unwrap();
    }
    let expected: Vec<_> = (1..=30_u32).map(|n| (i64::from(n) * 5 * MINUTE - 90 * MINUTE, f64::from(n))).collect();
    assert_eq!(everything(store), expected);
    assert_eq!(compact_all(store, 30 * 5 * MINUTE), 30);
    assert_eq!(everything(store), expected, "compaction moves nothing on the axis");
}

fn compaction_waits(store: &mut dyn Store) {
    store.append(&regular(1, 5)).unwrap();
    assert_eq!(compact_all(store, 30 * MINUTE), 0, "few and young");
    assert_eq!(compact_all(store, 66 * MINUTE), 5, "few and old");
    store.append(&regular(6, 20)).unwrap();
    assert_eq!(compact_all(store, 100 * MINUTE), 14, "the newest may be the first of a burst");
    assert_eq!(compact_all(store, 101 * MINUTE), 0);
    assert_eq!(everything(store).len(), 20);
}

fn days_are_dropped(store: &mut dyn Store) {
    store.append(&regular(0, 999)).unwrap();
    compact_all(store, 10 * DAY);
    let drop_before = |store: &mut dyn Store, day: i64| {
        while store.drop_days_before(Day(20_000 + day)).unwrap().more {}
    };
    drop_before(store, 0);
    assert_eq!(everything(store).len(), 1000);
    drop_before(store, 2);
    assert_eq!(everything(store)[0], (2 * DAY, 576.0));
    assert_eq!(everything(store).len(), 1000 - 576);
    assert_eq!(store.append(&regular(5, 5)).unwrap(), [Outcome::Duplicate], "dropped, not forgotten");
}

fn floods_end(store: &mut dyn Store) {
    // Large reports, each of other paths: the worst a box can do to a block.
    let long = "x".repeat(1000);
    let flood = |n: u64| {
        let mut report = arrived(n, i64::try_from(n).unwrap() * 100);
        report.report.values = (0..200).map(|i| (format!("Device.P{n}-{i:03}"), Reading::Text(long.clone()))).collect();
        report
    };
    let mut stored = 0;
    for first in (1..=400).step_by(50) {
        let batch: Vec<_> = (first..first + 50).map(flood).collect();
        stored += store.append(&batch).unwrap().iter().filter(|outcome| **outcome == Outcome::Stored).count();
        compact_all(store, 10 * MINUTE);
    }
    assert!((250..350).contains(&stored), "{stored}");
    let mut other = arrived(1, 0);
    other.box_id = id(2);
    assert_eq!(store.append(&[other, arrived(1000, DAY)]).unwrap(), [Outcome::Stored; 2], "other boxes and days are free");
    compact_all(store, 2 * DAY);
    assert!(store.paths(&id(1)).unwrap().len() >= stored * 200);
}

fn newest_state(store: &mut dyn Store) {
    assert_eq!(store.latest(&id(1)).unwrap(), []);
    let mut other_profile = arrived(1, MINUTE);
    other_profile.report.profile = 2;
    store.append(&[other_profile.clone()]).unwrap();
    store.append(&regular(1, 20)).unwrap();
    let expected = [regular(20, 20).remove(0), other_profile];
    assert_eq!(store.latest(&id(1)).unwrap(), expected);
    compact_all(store, DAY);
    assert_eq!(store.latest(&id(1)).unwrap(), expected);
}

fn calls(store: &mut dyn Store) {
    use CallState::{Queued, Refused, Running, Succeeded, TimedOut};
    for (name, state) in [("c1", Queued), ("c2", Queued), ("c3", Refused)] {
        store.put_call(&a_call(name, state)).unwrap();
    }
    assert!(matches!(store.put_call(&a_call("c1", Queued)).unwrap_err(), StoreError::CallExists { call } if call == "c1"));
    let names = |calls: Vec<CallRow>| calls.into_iter().map(|call| call.id).collect::<Vec<_>>();
    assert_eq!(names(store.open_calls().unwrap()), ["c1", "c2"]);
    assert_eq!(names(store.calls(None, 2).unwrap()), ["c3", "c2"]);
    assert_eq!(names(store.calls(Some(&id(1)), 9).unwrap()), ["c3", "c2", "c1"]);
    assert_eq!(names(store.calls(Some(&id(2)), 9).unwrap()), [""; 0]);
    assert_eq!(store.call("c3").unwrap().unwrap().ended, Some(Wall(T0)), "refused at birth");

    store.update_call("c1", Running, Wall(T0 + 1), None, None).unwrap();
    assert_eq!(store.call("c1").unwrap().unwrap().ended, None);
    store.update_call("c1", Succeeded, Wall(T0 + 2), Some("{\"a\":1}"), None).unwrap();
    let ended = store.call("c1").unwrap().unwrap();
    let expected = CallRow { state: Succeeded, ended: Some(Wall(T0 + 2)), result: Some("{\"a\":1}".into()), ..a_call("c1", Queued) };
    assert_eq!(ended, expected);
    for state in CallState::ALL {
        let error = store.update_call("c1", state, Wall(T0 + 3), None, None).unwrap_err();
        assert!(matches!(error, StoreError::Ended { state: Succeeded, .. }), "{error}");
    }
    assert_eq!(store.call("c1").unwrap(), Some(ended));
    assert!(matches!(store.update_call("c9", TimedOut, Wall(0), None, None).unwrap_err(), StoreError::NoCall { .. }));
    let large = "x".repeat(MAX_CALL_JSON + 1);
    let error = store.update_call("c2", Succeeded, Wall(0), Some(&large), None).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    assert_eq!(names(store.open_calls().unwrap()), ["c2"]);
}

fn audit_rows(store: &mut dyn Store) {
    assert_eq!((store.audit_head().unwrap(), store.audit_rows(1, 9).unwrap()), (None, vec![]));
    let rows: Vec<_> = ["a", "b", "c"].iter().map(|body| store.append_audit(body).unwrap()).collect();
    assert_eq!(store.audit_rows(1, 9).unwrap(), rows);
    assert_eq!(store.audit_rows(2, 1).unwrap(), rows[1..2]);
    assert_eq!(store.audit_head().unwrap(), Some(rows[2].head()));
    assert_eq!((rows[0].n, rows[0].prev.as_str()), (1, AuditRow::ROOT));
    assert_eq!((rows[2].n, &rows[2].prev, rows[2].computed()), (3, &rows[1].hash, rows[2].hash.clone()));
}

/// `open` opens the same store each time, new at the first.
pub(super) fn survives_reopening(open: impl Fn() -> Box<dyn Store>) {
    let all = regular(1, 40);
    let skipped = [&all[..9], &all[10..]].concat();
    for batch in skipped.chunks(7) {
        let mut store = open();
        assert!(store.append(batch).unwrap().iter().all(|outcome| *outcome == Outcome::Stored));
    }
    for step in 0..3 {
        let mut store = open();
        let again = store.append(&skipped).unwrap();
        assert!(again.iter().all(|outcome| *outcome == Outcome::Duplicate), "{step}: {again:?}");
        assert_eq!(store.gaps(&id(1)).unwrap(), [Gap { run_id: "r".into(), profile: 1, from: 10, to: 10 }]);
        assert_eq!(everything(&mut *store).len(), 39);
        // First a part is moved, then all, so that the journal runs empty.
        compact_all(&mut *store, if step == 0 { 200 * MINUTE } else { DAY });
    }
    let mut store = open();
    assert_eq!(store.append(&all[9..10]).unwrap(), [Outcome::Stored]);
    drop(store);
    let mut store = open();
    assert_eq!(store.append(&all).unwrap(), [Outcome::Duplicate; 40]);
    assert_eq!(everything(&mut *store).len(), 40);
    store.put_call(&a_call("c1", CallState::Sent)).unwrap();
    store.append_audit("a").unwrap();
    drop(store);
    let mut store = open();
    assert_eq!(store.open_calls().unwrap(), [a_call("c1", CallState::Sent)]);
    assert_eq!(store.append_audit("b").unwrap().n, 2);
}
