#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::store::sqlite::{SqliteStore, read_audit};
use crate::store::{AuditRow, Head};

/// An act on one box, or on a city.
#[derive(Debug)]
struct Act(&'static str, Effect, bool);

impl Describe for Act {
    fn call_id(&self) -> &str {
        self.0
    }
    fn effect(&self) -> Option<Effect> {
        Some(self.1)
    }
    fn scope(&self) -> Scope {
        if self.2 { Scope::Fleet("city=Bern".into()) } else { Scope::Box(EndpointId::parse("os::00256D-1").unwrap()) }
    }
    fn words(&self) -> String {
        "Device.Reboot() \u{1b}[31m".into()
    }
}

fn store() -> (TempDir, PathBuf, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("line3.db");
    let store = SqliteStore::open(&path).unwrap();
    (directory, path, store)
}

fn actor(role: Role) -> Actor {
    Actor::new("ann", role).unwrap()
}

fn reason() -> Reason {
    Reason::parse("T-1").unwrap()
}

/// A log of `n` rows, closed.
fn log(n: i64) -> (TempDir, PathBuf) {
    let (directory, path, mut store) = store();
    let audit = Audit::open(&mut store, Wall(0)).unwrap();
    for i in 1..=n {
        audit.evidence(&mut store, Wall(i), "c1", &format!("row {i}")).unwrap();
    }
    drop(store);
    (directory, path)
}

fn tamper(path: &Path, sql: &str) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(&format!("DROP TRIGGER audit_is_final; DROP TRIGGER audit_is_kept; {sql}")).unwrap();
}

fn offline(path: &Path) -> Result<Verified, Broken> {
    let mut rows = Vec::new();
    let head = read_audit(path, &mut |row| rows.push(row)).unwrap();
    let mut chain = Chain::new(head);
    rows.iter().try_for_each(|row| chain.row(row))?;
    chain.finish()
}

#[test]
fn an_act_is_admitted_after_its_row() {
    let (_directory, _, mut store) = store();
    let audit = Audit::open(&mut store, Wall(0)).unwrap();
    let admitted = audit.admit(&mut store, Wall(1), &actor(Role::Repair), reason(), Act("c1", Effect::Disrupt, false)).unwrap();
    assert_eq!((admitted.row(), admitted.reason().as_str(), admitted.actor().name(), admitted.act().0), (1, "T-1", "ann", "c1"));
    audit.outcome(&mut store, Wall(2), "c1", CallState::Lost, "no answer by its deadline").unwrap();
    audit.evidence(&mut store, Wall(3), "c1", "the box came back with another boot id").unwrap();
    let bodies: Vec<_> = store.audit_rows(1, 9).unwrap().into_iter().map(|row| row.body).collect();
    expect_test::expect![[r#"
        {"at":1,"kind":"admitted","call":"c1","actor":"ann","role":"repair","reason":"T-1","effect":"Disrupt","scope":{"box":"os::00256D-1"},"words":"Device.Reboot() [31m"}
        {"at":2,"kind":"outcome","call":"c1","state":"lost","words":"no answer by its deadline"}
        {"at":3,"kind":"evidence","call":"c1","words":"the box came back with another boot id"}"#]]
    .assert_eq(&bodies.join("\n"));
    let verified = verify(&mut store).unwrap().unwrap();
    assert_eq!((verified.rows, verified.troubles), (3, vec![]));
}

#[test]
fn a_refused_attempt_stands_in_the_log() {
    let (_directory, _, mut store) = store();
    let audit = Audit::open(&mut store, Wall(0)).unwrap();
    for (role, act) in [
        (Role::Observer, Act("c1", Effect::Read, false)),
        (Role::Repair, Act("c2", Effect::Destroy, false)),
        (Role::Repair, Act("c3", Effect::Disrupt, true)),
    ] {
        let error = audit.admit(&mut store, Wall(1), &actor(role), reason(), act).unwrap_err();
        assert!(matches!(error, AuditError::Denied(_)), "{error}");
    }
    let kinds: Vec<_> = store.audit_rows(1, 9).unwrap().iter().map(|row| Entry::of(row).unwrap().kind).collect();
    assert_eq!(kinds, [Kind::Refused; 3]);
}

#[test]
fn without_a_row_nothing_is_admitted() {
    let (_directory, path, mut store) = store();
    let audit = Audit::open(&mut store, Wall(0)).unwrap();
    // The second place cannot be written: a directory lies where it goes.
    std::fs::create_dir(path.with_file_name("line3.db.head.new")).unwrap();
    let error = audit.admit(&mut store, Wall(1), &actor(Role::Lead), reason(), Act("c1", Effect::Read, false)).unwrap_err();
    assert!(matches!(error, AuditError::Store(_)), "{error}");
}

#[test]
fn reasons_and_names_are_short_and_printable() {
    assert_eq!(Reason::parse("  INC-4711: no picture ").unwrap().as_str(), "INC-4711: no picture");
    assert!(Reason::parse(&"é".repeat(MAX_REASON)).is_ok());
    for bad in ["", "  ", "a\nb", "\u{1b}[31m", "a\u{202e}b", &"x".repeat(MAX_REASON + 1)] {
        assert!(Reason::parse(bad).is_err(), "{bad:?}");
    }
    assert!(Actor::new("", Role::Lead).is_err());
}

#[test]
fn every_tampering_shows() {
    let cases = [
        ("UPDATE audit SET body = replace(body, 'row 3', 'row X') WHERE n = 3", 3, "edited"),
        ("UPDATE audit SET hash = 'x' || substr(hash, 2) WHERE n = 3", 3, "edited"),
        ("DELETE FROM audit WHERE n = 3", 3, "removed"),
        ("DELETE FROM audit WHERE n = 3; UPDATE audit SET n = n - 1 WHERE n > 3", 3, "replaced"),
        ("DELETE FROM audit WHERE n = 1", 1, "removed"),
        ("UPDATE audit SET n = 99 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 99", 2, "replaced"),
        ("DELETE FROM audit WHERE n > 3", 4, "missing"),
        ("DELETE FROM audit", 1, "missing"),
    ];
    for (sql, row, why) in cases {
        let (_directory, path) = log(5);
        assert_eq!(offline(&path).unwrap().rows, 5);
        tamper(&path, sql);
        let broken = offline(&path).unwrap_err();
        assert!(broken.row == row && broken.why.contains(why), "{sql}: {broken}");
        let mut store = SqliteStore::open(&path).unwrap();
        assert_eq!(verify(&mut store).unwrap(), Err(broken));
    }
}

#[test]
fn a_rewritten_chain_does_not_fit_the_second_place() {
    let (_directory, path) = log(2);
    let mut rows: Vec<AuditRow> = Vec::new();
    let head = read_audit(&path, &mut |row| rows.push(row)).unwrap();
    let first = AuditRow::after(None, "forged");
    let second = AuditRow::after(Some(&first.head()), "forged too");
    let mut chain = Chain::new(head);
    chain.row(&first).unwrap();
    assert!(chain.row(&second).unwrap_err().why.contains("rewritten"));
}

#[test]
fn a_lagging_head_is_a_crash_and_a_lost_one_is_told_for_ever() {
    // Killed between the row and its head.
    let (_directory, path) = log(3);
    let mut rows = Vec::new();
    read_audit(&path, &mut |row| rows.push(row)).unwrap();
    let beside = path.with_file_name("line3.db.head");
    std::fs::write(&beside, serde_json::to_string(&rows[1].head()).unwrap()).unwrap();
    assert_eq!(offline(&path).unwrap().rows, 3);

    // The tail and the head are both gone: opening says so, and the row that says so stays.
    tamper(&path, "DELETE FROM audit WHERE n = 3");
    std::fs::remove_file(&beside).unwrap();
    assert!(offline(&path).unwrap_err().why.contains("no head"));
    let mut store = SqliteStore::open(&path).unwrap();
    let audit = Audit::open(&mut store, Wall(9)).unwrap();
    audit.evidence(&mut store, Wall(10), "c1", "later").unwrap();
    let verified = verify(&mut store).unwrap().unwrap();
    assert_eq!((verified.rows, verified.troubles), (4, vec![3]));
    drop(store);

    // The head leads: rows were cut off.
    let lead = Head { n: 9, hash: AuditRow::ROOT.into() };
    std::fs::write(&beside, serde_json::to_string(&lead).unwrap()).unwrap();
    let mut store = SqliteStore::open(&path).unwrap();
    Audit::open(&mut store, Wall(11)).unwrap();
    assert_eq!(verify(&mut store).unwrap().unwrap().troubles, [3, 5]);
}
