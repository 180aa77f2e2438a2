//! Calls. That a final state never changes is held twice: here, for the message, and by a trigger, for everybody else.

use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row, TransactionBehavior, params};

use super::Trouble;
use crate::store::{CallRow, CallState, MAX_CALL_JSON, StoreError};

const COLUMNS: &str = "id, box, command, args, actor, reason, state, created, ended, result, error";

pub(super) fn put(db: &Connection, call: &CallRow) -> Result<(), Trouble> {
    bounded(&call.id, "arguments", Some(&call.args))?;
    bounded(&call.id, "result", call.result.as_deref())?;
    let mut insert = db.prepare_cached(&format!("INSERT INTO call({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"))?;
    let fields = params![
        call.id,
        call.box_id.as_str(),
        call.command,
        call.args,
        call.actor,
        call.reason,
        call.state.word(),
        call.created.0,
        // A call may be refused at birth.
        call.state.is_final().then(|| call.ended.unwrap_or(call.created).0),
        call.result,
        call.error,
    ];
    match insert.execute(fields) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::CallExists { call: call.id.clone() }.into())
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn update(
    db: &mut Connection,
    id: &str,
    state: CallState,
    at: Wall,
    result: Option<&str>,
    error: Option<&str>,
) -> Result<(), Trouble> {
    bounded(id, "result", result)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let call = find(&tx, id)?.ok_or_else(|| StoreError::NoCall { call: id.to_owned() })?;
    if call.state.is_final() {
        return Err(StoreError::Ended { call: id.to_owned(), state: call.state }.into());
    }
    let ended = state.is_final().then_some(at.0);
    tx.prepare_cached("UPDATE call SET state = ?2, ended = ?3, result = ?4, error = ?5 WHERE id = ?1")?.execute(params![
        id,
        state.word(),
        ended,
        result,
        error
    ])?;
    Ok(tx.commit()?)
}

fn bounded(id: &str, what: &str, json: Option<&str>) -> Result<(), StoreError> {
    match json {
        Some(json) if json.len() > MAX_CALL_JSON => {
            Err(StoreError::TooLarge { what: format!("the {what} of call {id}"), size: json.len(), max: MAX_CALL_JSON })
        }
        _ => Ok(()),
    }
}

pub(super) fn find(db: &Connection, id: &str) -> Result<Option<CallRow>, Trouble> {
    let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM call WHERE id = ?1"))?;
    select.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

pub(super) fn open(db: &Connection) -> Result<Vec<CallRow>, Trouble> {
    many(db, "WHERE ended IS NULL ORDER BY no", [])
}

pub(super) fn list(db: &Connection, of: Option<&EndpointId>, limit: usize) -> Result<Vec<CallRow>, Trouble> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match of {
        Some(id) => many(db, "WHERE box = ?1 ORDER BY no DESC LIMIT ?2", params![id.as_str(), limit]),
        None => many(db, "ORDER BY no DESC LIMIT ?1", [limit]),
    }
}

fn many(db: &Connection, which: &str, params: impl Params) -> Result<Vec<CallRow>, Trouble> {
    let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM call {which}"))?;
    let rows = select.query_map(params, |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn read(row: &Row<'_>) -> Result<CallRow, Trouble> {
    let (box_id, state): (String, String) = (row.get(1)?, row.get(6)?);
    Ok(CallRow {
        id: row.get(0)?,
        box_id: EndpointId::parse(&box_id).map_err(|error| Trouble::Damaged(error.to_string()))?,
        command: row.get(2)?,
        args: row.get(3)?,
        actor: row.get(4)?,
        reason: row.get(5)?,
        state: CallState::from_word(&state).ok_or_else(|| Trouble::Damaged(format!("{state:?} is no state of a call")))?,
        created: Wall(row.get(7)?),
        ended: row.get::<_, Option<i64>>(8)?.map(Wall),
        result: row.get(9)?,
        error: row.get(10)?,
    })
}
