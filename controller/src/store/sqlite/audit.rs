//! The audit chain in its table, and its head once more in a file beside the database.
#![allow(clippy::disallowed_methods, reason = "the second place of the audit head is a file")]

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use super::{Trouble, beside};
use crate::store::{AuditRow, Head, StoreError};

/// The row first, its head second: a crash between leaves a head that lags, never one that leads.
pub(super) fn append(db: &mut Connection, path: &Path, body: &str) -> Result<AuditRow, Trouble> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last = tx
        .query_row("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1", [], |row| {
            Ok(Head { n: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? })
        })
        .optional()?;
    let row = AuditRow::after(last.as_ref(), body);
    tx.execute(
        "INSERT INTO audit(n, prev, body, hash) VALUES (?1, ?2, ?3, ?4)",
        params![row.n.cast_signed(), row.prev, row.body, row.hash],
    )?;
    tx.commit()?;
    write_head(path, &row.head())?;
    Ok(row)
}

pub(super) fn rows(db: &Connection, from: u64, limit: usize) -> Result<Vec<AuditRow>, Trouble> {
    let mut select = db.prepare_cached("SELECT n, prev, body, hash FROM audit WHERE n >= ?1 ORDER BY n LIMIT ?2")?;
    let (from, limit) = (i64::try_from(from).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(select.query_map(params![from, limit], read)?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> Result<AuditRow, rusqlite::Error> {
    Ok(AuditRow { n: row.get::<_, i64>(0)?.cast_unsigned(), prev: row.get(1)?, body: row.get(2)?, hash: row.get(3)? })
}

/// Written aside, synced and renamed: a reader finds the old head or the new one.
fn write_head(path: &Path, head: &Head) -> Result<(), Trouble> {
    let (aside, place) = (beside(path, ".head.new"), beside(path, ".head"));
    let mut file = File::create(&aside)?;
    file.write_all(serde_json::to_string(head)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, &place)?;
    // The rename is durable when the directory is.
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(directory)?.sync_all()?)
}

pub(super) fn head(path: &Path) -> Result<Option<Head>, Trouble> {
    match fs::read(beside(path, ".head")) {
        Ok(bytes) => {
            // What cannot be read is no head: the chain is then as suspect as if it were gone.
            Ok(serde_json::from_slice(&bytes).ok())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the audit chain of a file without opening the store, also while another process has it open: every row in order to `each`,
/// and returns the head as the second place has it.
pub fn read_audit(path: &Path, each: &mut dyn FnMut(AuditRow)) -> Result<Option<Head>, StoreError> {
    let mut read_all = || {
        // The head first: rows written meanwhile then lie beyond it.
        let head = head(path)?;
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut select = db.prepare("SELECT n, prev, body, hash FROM audit ORDER BY n")?;
        for row in select.query_map([], read)? {
            each(row?);
        }
        Ok(head)
    };
    let result: Result<_, Trouble> = read_all();
    result.map_err(|trouble| trouble.tell(path, "reading the audit log"))
}
