//! The tables, and how an older file becomes a current one: `PRAGMA user_version` counts the steps taken.

use rusqlite::{Connection, TransactionBehavior};

use super::Trouble;

/// "Ln3S": tells our files from those of other programs (`PRAGMA application_id`).
const APPLICATION: i64 = 0x4c6e_3353;

/// One step a version. A step that was released is never edited: the next change is the next step.
const STEPS: [&str; 1] = [
    // A journal id is never used twice (AUTOINCREMENT), so that `history.compacted_to` stays true when the journal runs empty.
    "CREATE TABLE box(
        no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
        labels TEXT NOT NULL, identity TEXT NOT NULL, simulated INTEGER NOT NULL, catalogue TEXT, run_id TEXT, boot_id TEXT,
        connection INTEGER NOT NULL, online INTEGER NOT NULL) STRICT;
     CREATE INDEX box_by_catalogue ON box(catalogue);
     CREATE TABLE catalogue(digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

     CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, box INTEGER NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
     CREATE TABLE history(box INTEGER PRIMARY KEY, compacted_to INTEGER NOT NULL, streams BLOB NOT NULL) STRICT;
     CREATE TABLE block(
        id INTEGER PRIMARY KEY, box INTEGER NOT NULL, day INTEGER NOT NULL, part INTEGER NOT NULL,
        reports INTEGER NOT NULL, raw INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE(box, day, part)) STRICT;
     CREATE INDEX block_by_day ON block(day);

     CREATE TABLE call(
        no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, box TEXT NOT NULL, command TEXT NOT NULL, args TEXT NOT NULL,
        actor TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER,
        result TEXT, error TEXT) STRICT;
     CREATE INDEX call_by_box ON call(box);
     CREATE INDEX call_open ON call(no) WHERE ended IS NULL;
     CREATE TRIGGER call_is_final BEFORE UPDATE ON call WHEN OLD.ended IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a call that has ended does not change'); END;
     CREATE TRIGGER call_is_kept BEFORE DELETE ON call BEGIN SELECT RAISE(ABORT, 'calls are kept'); END;

     CREATE TABLE audit(n INTEGER PRIMARY KEY, prev TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
     CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows do not change'); END;
     CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are kept'); END;",
];

/// Brings the file up to date; a new one gets all tables. All or nothing.
pub(super) fn migrate(db: &mut Connection) -> Result<(), Trouble> {
    let number = |db: &Connection, name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number(db, "application_id")?, number(db, "user_version")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables != 0) {
        return Err(Trouble::Foreign);
    }
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(Trouble::Newer { found: version, known });
    }
    if version == known {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", known)?;
    Ok(tx.commit()?)
}
