//! What is SQLite's own: the file and what can be wrong with it.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Seek, SeekFrom, Write};

use tempfile::TempDir;

use super::*;
use crate::store::tests::{DAY, MINUTE, T0, a_call, arrived, compact_all, conformance, everything, id, regular, survives_reopening};

fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("line3.db");
    (directory, path)
}

fn refused(path: &Path) -> StoreError {
    let error = SqliteStore::open(path).unwrap_err();
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "names the file: {error}");
    error
}

#[test]
fn it_is_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    conformance(|| {
        count.set(count.get() + 1);
        Box::new(SqliteStore::open(&directory.path().join(format!("{}.db", count.get()))).unwrap())
    });
}

#[test]
fn it_survives_reopening() {
    let (_directory, path) = file();
    survives_reopening(|| Box::new(SqliteStore::open(&path).unwrap()));
}

#[test]
fn it_is_durable_at_every_commit() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).unwrap();
    let pragma = |name: &str| store.db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2.into(), "FULL");
}

#[test]
fn only_one_process_has_it() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).unwrap();
    assert!(matches!(refused(&path), StoreError::InUse { .. }));
    drop(store);
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn a_full_disk_loses_nothing_and_says_so() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.append(&regular(1, 3)).unwrap();
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages).unwrap();
    let error = store.append(&regular(4, 500)).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(everything(&mut store).len(), 3);
    assert_eq!(store.gaps(&id(1)).unwrap(), []);
    // With space again, the same reports are new, not duplicates of what was never stored.
    store.db.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    assert!(store.append(&regular(4, 500)).unwrap().iter().all(|outcome| *outcome == Outcome::Stored));
    assert_eq!(everything(&mut store).len(), 500);
}

#[test]
fn what_cannot_be_written_says_so() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.db.pragma_update(None, "query_only", true).unwrap();
    let error = store.append(&regular(1, 1)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    let nowhere = path.with_file_name("nowhere").join("line3.db");
    assert!(matches!(refused(&nowhere), StoreError::ReadOnly { .. }));
}

#[test]
fn damage_says_so() {
    let (_directory, path) = file();
    std::fs::write(&path, "no database at all, but long enough to have a header. ".repeat(100)).unwrap();
    assert!(matches!(refused(&path), StoreError::Corrupt { .. }));

    let (_directory, path) = file();
    drop(SqliteStore::open(&path).unwrap());
    let length = std::fs::metadata(&path).unwrap().len();
    let mut raw = File::options().write(true).open(&path).unwrap();
    raw.seek(SeekFrom::Start(4096)).unwrap();
    raw.write_all(&vec![0xa5; usize::try_from(length - 4096).unwrap()]).unwrap();
    assert!(matches!(refused(&path), StoreError::Corrupt { .. }));
}

#[test]
fn a_damaged_block_stops_only_its_own_reading() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.append(&regular(0, 20)).unwrap();
    compact_all(&mut store, 110 * MINUTE);
    store.db.execute("UPDATE block SET bytes = x'01ff'", []).unwrap();
    let error = store.series(&id(1), "Device.A", Wall(T0), Wall(T0 + DAY)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    store.append(&regular(21, 400)).unwrap();
    assert_eq!(compact_all(&mut store, 10 * DAY), 380);
    assert_eq!(store.series(&id(1), "Device.A", Wall(T0 + DAY), Wall(T0 + 9 * DAY)).unwrap().len(), 401 - 288);
}

#[test]
fn files_of_others_and_of_the_future_are_left_alone() {
    let (_directory, path) = file();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE theirs(x)").unwrap();
    drop(db);
    assert!(matches!(refused(&path), StoreError::Foreign { .. }));

    let (_directory, path) = file();
    let store = SqliteStore::open(&path).unwrap();
    store.db.pragma_update(None, "user_version", 999).unwrap();
    drop(store);
    assert!(matches!(refused(&path), StoreError::Newer { found: 999, known: 1, .. }));
}

#[test]
fn the_database_itself_keeps_what_is_final() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.put_call(&a_call("c1", CallState::Failed)).unwrap();
    store.append_audit("a").unwrap();
    for act in ["UPDATE call SET state = 'queued'", "DELETE FROM call", "UPDATE audit SET body = 'b'", "DELETE FROM audit"] {
        assert!(store.db.execute(act, []).is_err(), "{act}");
    }
}

#[test]
fn the_journal_is_cut_and_its_ids_are_not_used_again() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    let count = |store: &SqliteStore| store.db.query_row("SELECT count(*) FROM journal", [], |row| row.get::<_, i64>(0)).unwrap();
    store.append(&regular(1, 100)).unwrap();
    assert_eq!(count(&store), 100);
    compact_all(&mut store, DAY);
    assert_eq!(count(&store), 0);
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    store.append(&[arrived(101, 510 * MINUTE)]).unwrap();
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(everything(&mut store).len(), 101, "a row with a used id would count as moved");
}

#[test]
fn the_audit_log_is_read_beside_a_running_store() {
    let (_directory, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    let rows = [store.append_audit("a").unwrap(), store.append_audit("b").unwrap()];
    let mut read = Vec::new();
    let head = read_audit(&path, &mut |row| read.push(row)).unwrap();
    assert_eq!((read.as_slice(), head), (&rows[..], Some(rows[1].head())));
}
