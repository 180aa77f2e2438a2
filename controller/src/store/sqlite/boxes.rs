//! Boxes and catalogues.

use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::Trouble;
use super::health::History;
use crate::store::{BoxRow, MAX_CATALOGUE, MAX_CATALOGUES, StoreError};

const COLUMNS: &str = "id, first_seen, last_seen, labels, identity, simulated, catalogue, run_id, boot_id, connection, online";

pub(super) fn put(db: &mut Connection, history: &mut History, boxes: &[BoxRow]) -> Result<(), Trouble> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut numbers = Vec::with_capacity(boxes.len());
    {
        let mut upsert = tx.prepare_cached(&format!(
            "INSERT INTO box({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT(id) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen), last_seen = excluded.last_seen,
                labels = excluded.labels, identity = excluded.identity, simulated = excluded.simulated, catalogue = excluded.catalogue,
                run_id = excluded.run_id, boot_id = excluded.boot_id, connection = excluded.connection, online = excluded.online
             RETURNING no"
        ))?;
        for row in boxes {
            let fields = params![
                row.id.as_str(),
                row.first_seen.0,
                row.last_seen.0,
                serde_json::to_string(&row.labels)?,
                serde_json::to_string(&row.identity)?,
                row.simulated,
                row.catalogue,
                row.run_id,
                row.boot_id,
                row.connection.cast_signed(),
                row.online,
            ];
            numbers.push(upsert.query_row(fields, |found| found.get::<_, i64>(0))?);
        }
    }
    tx.commit()?;
    for (row, no) in boxes.iter().zip(numbers) {
        history.know(&row.id, no);
    }
    Ok(())
}

/// A row for a box that speaks for the first time; its number.
pub(super) fn add(tx: &Connection, id: &EndpointId, seen: Wall) -> Result<i64, Trouble> {
    tx.prepare_cached(
        "INSERT INTO box(id, first_seen, last_seen, labels, identity, simulated, connection, online)
         VALUES (?1, ?2, ?2, '{}', '{}', ?3, 0, 0)",
    )?
    .execute(params![id.as_str(), seen.0, id.is_simulated()])?;
    Ok(tx.last_insert_rowid())
}

pub(super) fn find(db: &Connection, id: &EndpointId) -> Result<Option<BoxRow>, Trouble> {
    let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM box WHERE id = ?1"))?;
    select.query_row([id.as_str()], |row| Ok(read(row))).optional()?.transpose()
}

pub(super) fn list(db: &Connection, after: Option<&EndpointId>, limit: usize) -> Result<Vec<BoxRow>, Trouble> {
    let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM box WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
    let after = after.map_or("", EndpointId::as_str);
    let rows = select.query_map(params![after, i64::try_from(limit).unwrap_or(i64::MAX)], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<BoxRow, Trouble> {
    let id: String = row.get(0)?;
    Ok(BoxRow {
        id: EndpointId::parse(&id).map_err(|error| Trouble::Damaged(error.to_string()))?,
        first_seen: Wall(row.get(1)?),
        last_seen: Wall(row.get(2)?),
        labels: serde_json::from_str(&row.get::<_, String>(3)?)?,
        identity: serde_json::from_str(&row.get::<_, String>(4)?)?,
        simulated: row.get(5)?,
        catalogue: row.get(6)?,
        run_id: row.get(7)?,
        boot_id: row.get(8)?,
        connection: row.get::<_, i64>(9)?.cast_unsigned(),
        online: row.get(10)?,
    })
}

pub(super) fn put_catalogue(db: &mut Connection, digest: &str, bytes: &[u8]) -> Result<(), Trouble> {
    if bytes.len() > MAX_CATALOGUE {
        let what = format!("the catalogue {}", digest.escape_debug());
        return Err(StoreError::TooLarge { what, size: bytes.len(), max: MAX_CATALOGUE }.into());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let full = |tx: &Connection| -> Result<bool, Trouble> {
        let count: i64 = tx.query_row("SELECT count(*) FROM catalogue WHERE digest <> ?1", [digest], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX) >= MAX_CATALOGUES)
    };
    if full(&tx)? {
        tx.execute("DELETE FROM catalogue WHERE digest NOT IN (SELECT catalogue FROM box WHERE catalogue IS NOT NULL)", [])?;
        if full(&tx)? {
            let todo = "boxes of so many firmwares are more than one line3 takes: look for boxes that change their digest at every start";
            return Err(StoreError::TooMany { what: "catalogues", max: MAX_CATALOGUES, todo }.into());
        }
    }
    tx.execute("INSERT OR REPLACE INTO catalogue(digest, bytes) VALUES (?1, ?2)", params![digest, bytes])?;
    Ok(tx.commit()?)
}

pub(super) fn catalogue(db: &Connection, digest: &str) -> Result<Option<Vec<u8>>, Trouble> {
    Ok(db.query_row("SELECT bytes FROM catalogue WHERE digest = ?1", [digest], |row| row.get(0)).optional()?)
}
