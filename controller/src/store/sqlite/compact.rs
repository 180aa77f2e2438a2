//! From the journal into blocks, and out again when they are old.
//!
//! One transaction writes the blocks of some boxes together with how far into the journal they reach (`history.compacted_to`). A row
//! of the journal counts only beyond that mark, so at every moment a report is in exactly one place, whatever kills the process. Rows
//! that no longer count are cut off the journal's front later, many neighbours at a time: deleting them box by box would touch every
//! page of it.

use std::collections::BTreeMap;

use line3_proto::Wall;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::Trouble;
use super::health::{History, State, rows, seen};
use crate::report::Reading;
use crate::store::block::{self, Set};
use crate::store::{Day, Progress, place};

/// A box with so many rows in the journal is moved,
const ENOUGH: usize = 12;
/// and one whose oldest row has waited so long, in milliseconds.
const LONGEST_WAIT: i64 = 3_600_000;
/// One step moves at most so many boxes,
const BOXES_A_STEP: usize = 64;
/// stops after so many rows,
const ROWS_A_STEP: usize = 2000;
/// and cuts or drops at most so many.
const CUT_A_STEP: i64 = 5000;
/// A part is closed at so many bytes of reports with every path spelled out: with [`block::MAX_BYTES`] it always fits.
const MOST_SPELLED: usize = 8 * 1024 * 1024;

pub(super) fn step(db: &mut Connection, history: &mut History, now: Wall) -> Result<Progress, Trouble> {
    let due: Vec<i64> = history.states.iter().filter(|(_, state)| state.is_due(now)).map(|(no, _)| *no).take(BOXES_A_STEP).collect();
    let mut moved = Vec::with_capacity(due.len());
    let mut count = 0;
    if !due.is_empty() {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for no in &due {
            let Some(state) = history.states.get(no).filter(|_| count < ROWS_A_STEP) else { break };
            let rows = move_box(&tx, *no, state, now)?;
            moved.push((*no, rows));
            count += rows;
        }
        tx.commit()?;
    }
    for &(no, rows) in &moved {
        if let Some(state) = history.states.get_mut(&no) {
            state.pending.drain(..rows);
            state.look_again = (rows == 0).then_some(Wall(now.0.saturating_add(place::QUIET)));
        }
    }
    let more = moved.len() < due.len() || due.len() == BOXES_A_STEP;
    let cut = if more { 0 } else { cut(db, history)? };
    Ok(Progress { rows: count, more: more || cut == CUT_A_STEP })
}

impl State {
    fn is_due(&self, now: Wall) -> bool {
        let (Some(first), Some(last)) = (self.pending.first(), self.pending.last()) else { return false };
        let quiet = now.0.saturating_sub(last.received.0) > place::QUIET;
        let waited = now.0.saturating_sub(first.received.0) >= LONGEST_WAIT;
        let rested = self.look_again.is_none_or(|then| then <= now);
        // However the clock was set: the journal of a box does not grow beyond a few bursts.
        self.pending.len() > place::MOST || (rested && (waited || (quiet && self.pending.len() >= ENOUGH)))
    }
}

/// Moves the settled rows of one box; how many.
fn move_box(tx: &Connection, no: i64, state: &State, now: Wall) -> Result<usize, Trouble> {
    let mut rows = rows(tx, &state.pending)?;
    let settled = place::settled(&seen(&rows), now);
    rows.truncate(settled);
    let Some(last) = settled.checked_sub(1).and_then(|last| state.pending.get(last)) else { return Ok(0) };
    let places = place::place(&seen(&rows));
    let mut days: BTreeMap<Day, Vec<Set>> = BTreeMap::new();
    for (at, (received, report)) in places.into_iter().zip(rows) {
        days.entry(Day::of(at)).or_default().push(Set { at, received, report });
    }
    for (day, sets) in days {
        merge(tx, no, day, sets)?;
    }
    tx.prepare_cached(
        "INSERT INTO history(box, compacted_to, streams) VALUES (?1, ?2, ?3)
         ON CONFLICT(box) DO UPDATE SET compacted_to = excluded.compacted_to, streams = excluded.streams",
    )?
    .execute(params![no, last.id, postcard::to_allocvec(&state.streams)?])?;
    Ok(settled)
}

/// Adds reports to the open part of a box's day; opens further parts as they fill.
fn merge(tx: &Connection, no: i64, day: Day, new: Vec<Set>) -> Result<(), Trouble> {
    let last: Option<(i64, i64, i64, Vec<u8>)> = tx
        .prepare_cached("SELECT part, reports, raw, bytes FROM block WHERE box = ?1 AND day = ?2 ORDER BY part DESC LIMIT 1")?
        .query_row(params![no, day.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let (mut part, mut sets) = match last {
        None => (0, Vec::new()),
        Some((part, reports, raw, _)) if reports >= int(block::FULL_REPORTS) || raw >= int(block::FULL_BYTES) => (part + 1, Vec::new()),
        Some((part, _, _, bytes)) => match block::decode(&bytes) {
            Ok(sets) => (part, sets),
            Err(error) => {
                // Left as it is, for whoever repairs it: one damaged block must not stop the moving of all others.
                tracing::error!("the block of box number {no} on day {} part {part} is damaged: {error}; opening another part", day.0);
                (part + 1, Vec::new())
            }
        },
    };
    let mut size: usize = sets.iter().map(spelled).sum();
    for set in new {
        size += spelled(&set);
        sets.push(set);
        if sets.len() >= block::FULL_REPORTS || size >= MOST_SPELLED {
            put(tx, no, day, part, &sets)?;
            (part, size) = (part + 1, 0);
            sets.clear();
        }
    }
    if sets.is_empty() { Ok(()) } else { put(tx, no, day, part, &sets) }
}

/// How long a report is with every path spelled out, in bytes: a box that never repeats a path gains nothing by columns.
fn spelled(set: &Set) -> usize {
    let size = |reading: &Reading| match reading {
        Reading::Number(_) | Reading::Bool(_) => 8,
        Reading::Text(text) => text.len(),
    };
    set.report.values.iter().map(|(path, reading)| path.len() + size(reading)).sum()
}

fn int(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn put(tx: &Connection, no: i64, day: Day, part: i64, sets: &[Set]) -> Result<(), Trouble> {
    let encoded = block::encode(sets)?;
    tx.prepare_cached(
        "INSERT INTO block(box, day, part, reports, raw, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(box, day, part) DO UPDATE SET reports = excluded.reports, raw = excluded.raw, bytes = excluded.bytes",
    )?
    .execute(params![no, day.0, part, int(sets.len()), int(encoded.raw), encoded.bytes])?;
    Ok(())
}

/// Deletes rows at the front of the journal that are all in blocks; how many.
fn cut(db: &Connection, history: &History) -> Result<i64, Trouble> {
    let first = history.states.values().filter_map(|state| Some(state.pending.first()?.id)).min().unwrap_or(i64::MAX);
    let cut =
        db.prepare_cached("DELETE FROM journal WHERE id < ?1 AND id < (SELECT min(id) FROM journal) + ?2")?.execute([first, CUT_A_STEP])?;
    Ok(int(cut))
}

pub(super) fn drop_days_before(db: &Connection, day: Day) -> Result<Progress, Trouble> {
    let rows =
        db.prepare_cached("DELETE FROM block WHERE id IN (SELECT id FROM block WHERE day < ?1 LIMIT ?2)")?.execute([day.0, CUT_A_STEP])?;
    Ok(Progress { rows, more: int(rows) == CUT_A_STEP })
}
