//! What a report costs: `cargo bench -p line3-controller --bench store`. Prints microseconds a report appended, bytes a report kept
//! and the time to read a week, for the store and, in the same run, for one row a report in one wide table with one column a parameter.
//!
//! The generator makes what a box would: counters that grow, levels that wander, states that seldom change.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::time::Instant;

use line3_controller::report::{Reading, Report};
use line3_controller::store::sqlite::SqliteStore;
use line3_controller::store::{Arrived, Store};
use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, params_from_iter};

const BOXES: u32 = 200;
const A_DAY: u32 = 288;
const DAYS: u32 = 7;
const COUNTERS: u32 = 12;
const LEVELS: u32 = 12;
const STATES: u32 = 6;

fn noise(a: u32, b: u32, c: u32) -> u32 {
    let mut x = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ c.wrapping_mul(0xc2b2_ae3d);
    x = (x ^ (x >> 15)).wrapping_mul(0x2c1b_3c6d);
    x = (x ^ (x >> 12)).wrapping_mul(0x297a_2d39);
    x ^ (x >> 15)
}

fn id(n: u32) -> EndpointId {
    EndpointId::parse(&format!("os::00256D-{n:010}")).unwrap()
}

fn arrived(n: u32, step: u32) -> Arrived {
    let mut values = Vec::new();
    for i in 0..COUNTERS {
        let number = f64::from(step) * 1e5 * f64::from(i + 1) + f64::from(noise(n, step, i) % 50_000);
        values.push((format!("Device.Ethernet.Interface.1.Stats.Counter{i:02}Received"), Reading::Number(number)));
    }
    for i in 0..LEVELS {
        let level = f64::from(noise(n, step / 12, i) % 40 * 10 + noise(n, step, 50 + i) % 20) / 10.0;
        values.push((format!("Device.WiFi.Radio.1.Stats.X_Level{i:02}"), Reading::Number(level)));
    }
    for i in 0..STATES {
        let state = ["Up", "Down", "Dormant"][noise(n, step / 100, 90 + i) as usize % 3];
        values.push((format!("Device.STBService.1.Components.State{i:02}"), Reading::Text(state.into())));
    }
    values.sort_by(|a, b| a.0.cmp(&b.0));
    let report = Report {
        run_id: format!("run{:08x}", noise(n, 0, 1)),
        boot_id: format!("{:08x}-0000-4000-8000-{:012x}", noise(n, 0, 2), noise(n, 0, 3)),
        profile: 1,
        sequence: u64::from(step) + 1,
        up_time: Some(u64::from(step) * 300),
        clock: Some(Wall(i64::from(step) * 300_000)),
        values,
    };
    Arrived { box_id: id(n), received: Wall(i64::from(step) * 300_000 + i64::from(noise(n, step, 4) % 100)), report }
}

fn median(mut micros: Vec<f64>) -> f64 {
    micros.sort_by(f64::total_cmp);
    micros[micros.len() / 2]
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// Microseconds a report, appended in batches of `size`.
fn appended(directory: &Path, size: u32) -> f64 {
    let mut store = SqliteStore::open(&directory.join(format!("append{size}.db"))).unwrap();
    let batches = (4000 / size).clamp(4, 300);
    let batches: Vec<Vec<_>> =
        (0..batches).map(|b| (0..size).map(|i| arrived((b * size + i) % 1000, (b * size + i) / 1000)).collect()).collect();
    let start = Instant::now();
    for batch in &batches {
        store.append(batch).unwrap();
    }
    micros(start) / f64::from(size) / batches.len() as f64
}

fn wide_table(path: &Path, synchronous: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", synchronous).unwrap();
    let columns: Vec<_> = (0..COUNTERS + LEVELS + STATES).map(|i| format!("c{i}")).collect();
    let columns = columns.join(", ");
    db.execute_batch(&format!("CREATE TABLE wide(box INTEGER, at INTEGER, {columns}, PRIMARY KEY(box, at)) WITHOUT ROWID")).unwrap();
    db
}

fn insert_wide(db: &Connection, n: u32, arrived: &Arrived) {
    let mut row: Vec<rusqlite::types::Value> = vec![i64::from(n).into(), arrived.received.0.into()];
    row.extend(arrived.report.values.iter().map(|(_, reading)| match reading {
        Reading::Number(number) => (*number).into(),
        Reading::Bool(flag) => (*flag).into(),
        Reading::Text(text) => text.clone().into(),
    }));
    let marks = vec!["?"; row.len()].join(",");
    db.prepare_cached(&format!("INSERT INTO wide VALUES ({marks})")).unwrap().execute(params_from_iter(row)).unwrap();
}

/// The same for the wide table.
fn appended_wide(directory: &Path, size: u32, synchronous: &str) -> f64 {
    let db = wide_table(&directory.join(format!("wide{size}{synchronous}.db")), synchronous);
    let batches = (4000 / size).clamp(4, 300);
    let made: Vec<Vec<_>> =
        (0..batches).map(|b| (0..size).map(|i| (b * size + i, arrived((b * size + i) % 1000, (b * size + i) / 1000))).collect()).collect();
    let start = Instant::now();
    for batch in &made {
        db.execute_batch("BEGIN").unwrap();
        for (i, arrived) in batch {
            insert_wide(&db, i % 1000, arrived);
        }
        db.execute_batch("COMMIT").unwrap();
    }
    micros(start) / f64::from(size) / f64::from(batches)
}

fn file_size(db: &Path) -> f64 {
    let db = Connection::open(db).unwrap();
    db.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    let number =
        |name| db.pragma_query_value(None, name, |row| row.get::<_, f64>(0).or_else(|_| row.get::<_, i64>(0).map(|n| n as f64))).unwrap();
    (number("page_count") - number("freelist_count")) * number("page_size")
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    println!("{} values a report; us a report appended, one fsync a batch:", COUNTERS + LEVELS + STATES);
    println!("{:>8} {:>10} {:>12} {:>14}", "batch", "store", "wide, FULL", "wide, NORMAL");
    for size in [1, 100, 1000] {
        let (store, full, normal) =
            (appended(directory, size), appended_wide(directory, size, "FULL"), appended_wide(directory, size, "NORMAL"));
        println!("{size:>8} {store:>10.1} {full:>12.1} {normal:>14.1}");
    }

    let (path, wide) = (directory.join("week.db"), directory.join("week-wide.db"));
    let reports = f64::from(BOXES * A_DAY * DAYS);
    let mut store = SqliteStore::open(&path).unwrap();
    let db = wide_table(&wide, "FULL");
    let (mut appending, mut compacting, mut widening) = (0.0, 0.0, 0.0);
    for step in 0..A_DAY * DAYS {
        let batch: Vec<_> = (0..BOXES).map(|n| arrived(n, step)).collect();
        let start = Instant::now();
        store.append(&batch).unwrap();
        appending += micros(start);
        let start = Instant::now();
        while store.compact(Wall(i64::from(step) * 300_000 + 60_000)).unwrap().more {}
        compacting += micros(start);
        let start = Instant::now();
        db.execute_batch("BEGIN").unwrap();
        (0..BOXES).zip(&batch).for_each(|(n, arrived)| insert_wide(&db, n, arrived));
        db.execute_batch("COMMIT").unwrap();
        widening += micros(start);
    }
    while store.compact(Wall(i64::MAX / 2)).unwrap().more {}
    println!("a week of {BOXES} boxes, {A_DAY} reports a day, us a report:");
    println!("  store {:.1} appending + {:.1} compacting; wide {:.1}", appending / reports, compacting / reports, widening / reports);

    let to = Wall(i64::MAX);
    let read: Vec<_> = (0..BOXES)
        .map(|n| {
            let start = Instant::now();
            let points = store.series(&id(n), "Device.WiFi.Radio.1.Stats.X_Level03", Wall(0), to).unwrap();
            assert_eq!(points.len(), (A_DAY * DAYS) as usize);
            micros(start)
        })
        .collect();
    let column = COUNTERS + STATES + 3;
    let read_wide: Vec<_> = (0..BOXES)
        .map(|n| {
            let start = Instant::now();
            let mut select = db.prepare_cached(&format!("SELECT at, c{column} FROM wide WHERE box = ?1 ORDER BY at")).unwrap();
            let points = select.query_map([n], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))).unwrap();
            assert_eq!(points.filter_map(Result::ok).count(), (A_DAY * DAYS) as usize);
            micros(start)
        })
        .collect();
    println!("one parameter of one box over the week, median ms: store {:.2}, wide {:.2}", median(read) / 1e3, median(read_wide) / 1e3);
    let start = Instant::now();
    drop(store);
    drop(SqliteStore::open(&path).unwrap());
    println!("closing and opening again: {:.1} ms", micros(start) / 1e3);
    drop(db);
    let blocks: i64 = Connection::open(&path).unwrap().query_row("SELECT sum(length(bytes)) FROM block", [], |row| row.get(0)).unwrap();
    println!(
        "bytes a report: store {:.1} ({:.1} before rounding up to pages), wide {:.1}",
        file_size(&path) / reports,
        blocks as f64 / reports,
        file_size(&wide) / reports
    );
}
