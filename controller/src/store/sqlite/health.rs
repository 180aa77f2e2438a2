//! The journal: reports as they come, one transaction a batch, one sequential write. Nothing else is written on the way in: what is
//! known of duplicates, gaps and unmoved rows is in memory, and comes back at start from `history` (as of the last compaction) and the
//! journal (since).

use std::collections::HashMap;

use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::{Trouble, boxes};
use crate::report::{Reading, Report};
use crate::store::place::Seen;
use crate::store::stream::Streams;
use crate::store::{Arrived, DAY_BYTES, Day, Gap, MIN_COST, Outcome};

/// What is known of all boxes' reports; some hundred bytes a box.
#[derive(Debug, Default)]
pub(super) struct History {
    numbers: HashMap<EndpointId, i64>,
    pub(super) states: HashMap<i64, State>,
}

/// What is known of one box's reports.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) streams: Streams,
    /// Its rows in the journal that are in no block yet, in the order they came. Bounded by [`DAY_BYTES`].
    pub(super) pending: Vec<Pending>,
    /// When compaction is to look at it again, if it found an unfinished burst.
    pub(super) look_again: Option<Wall>,
    spent: Spent,
}

/// A row of the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) id: i64,
    pub(super) received: Wall,
}

/// What a box has stored today.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    day: Option<Day>,
    bytes: usize,
}

impl Spent {
    fn add(&mut self, received: Wall, body: usize) -> bool {
        let day = Day::of(received);
        if self.day != Some(day) {
            *self = Self { day: Some(day), bytes: 0 };
        }
        let bytes = self.bytes + body.max(MIN_COST);
        let fits = bytes <= DAY_BYTES;
        if fits {
            self.bytes = bytes;
        }
        fits
    }
}

/// The first part of a journal row's body; the values follow.
#[derive(Serialize, Deserialize)]
struct Header {
    run_id: String,
    boot_id: String,
    profile: u32,
    sequence: u64,
    up_time: Option<u64>,
    clock: Option<i64>,
}

fn to_body(report: &Report) -> Result<Vec<u8>, Trouble> {
    let header = Header {
        run_id: report.run_id.clone(),
        boot_id: report.boot_id.clone(),
        profile: report.profile,
        sequence: report.sequence,
        up_time: report.up_time,
        clock: report.clock.map(|clock| clock.0),
    };
    Ok(postcard::to_allocvec(&(header, &report.values))?)
}

fn from_body(body: &[u8]) -> Result<Report, Trouble> {
    let (header, values): (Header, Vec<(String, Reading)>) = postcard::from_bytes(body)?;
    Ok(Report {
        run_id: header.run_id,
        boot_id: header.boot_id,
        profile: header.profile,
        sequence: header.sequence,
        up_time: header.up_time,
        clock: header.clock.map(Wall),
        values,
    })
}

impl History {
    /// Reads what was known when the file was last open.
    pub(super) fn load(db: &Connection) -> Result<Self, Trouble> {
        let mut history = Self::default();
        let mut select = db.prepare("SELECT id, no FROM box")?;
        for row in select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
            let (id, no) = row?;
            history.numbers.insert(EndpointId::parse(&id).map_err(|error| Trouble::Damaged(error.to_string()))?, no);
        }
        let mut compacted = HashMap::new();
        let mut select = db.prepare("SELECT box, compacted_to, streams FROM history")?;
        for row in select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))? {
            let (no, compacted_to, streams) = row?;
            compacted.insert(no, compacted_to);
            history.states.entry(no).or_default().streams = postcard::from_bytes(&streams)?;
        }
        let mut select = db.prepare("SELECT id, box, received, body FROM journal ORDER BY id")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (id, no) = (row.get(0)?, row.get(1)?);
            if compacted.get(&no).is_some_and(|compacted_to| id <= *compacted_to) {
                continue;
            }
            let received = Wall(row.get(2)?);
            let body = row.get_ref(3)?.as_blob().map_err(|error| Trouble::Damaged(error.to_string()))?;
            let (header, _): (Header, _) = postcard::take_from_bytes(body)?;
            let state = history.states.entry(no).or_default();
            // Noting a number twice changes nothing: `streams` may already know of rows after `compacted_to`.
            state.streams.note(&header.run_id, header.profile, header.sequence);
            state.spent.add(received, body.len());
            state.pending.push(Pending { id, received });
        }
        Ok(history)
    }

    /// Notes the number of a box.
    pub(super) fn know(&mut self, id: &EndpointId, no: i64) {
        if !self.numbers.contains_key(id) {
            self.numbers.insert(id.clone(), no);
        }
    }

    /// The number of a box and what is known of it; `None` for a box never heard of.
    pub(super) fn of(&self, id: &EndpointId) -> Option<(i64, Option<&State>)> {
        let no = *self.numbers.get(id)?;
        Some((no, self.states.get(&no)))
    }

    pub(super) fn gaps(&self, id: &EndpointId) -> Vec<Gap> {
        self.of(id).and_then(|(_, state)| Some(state?.streams.gaps())).unwrap_or_default()
    }
}

/// What a batch changes in a [`State`]: applied when its transaction is durable, forgotten when it fails.
struct Change {
    streams: Streams,
    spent: Spent,
    pending: Vec<Pending>,
}

pub(super) fn append(db: &mut Connection, history: &mut History, batch: &[Arrived]) -> Result<Vec<Outcome>, Trouble> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut newcomers: HashMap<&EndpointId, i64> = HashMap::new();
    let mut changes: HashMap<i64, Change> = HashMap::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    {
        let mut insert = tx.prepare_cached("INSERT INTO journal(box, received, body) VALUES (?1, ?2, ?3)")?;
        for Arrived { box_id, received, report } in batch {
            let no = match history.numbers.get(box_id).or_else(|| newcomers.get(box_id)) {
                Some(no) => *no,
                None => {
                    let no = boxes::add(&tx, box_id, *received)?;
                    newcomers.insert(box_id, no);
                    no
                }
            };
            let change = changes.entry(no).or_insert_with(|| {
                let state = history.states.get(&no);
                Change {
                    streams: state.map(|state| state.streams.clone()).unwrap_or_default(),
                    spent: state.map(|state| state.spent).unwrap_or_default(),
                    pending: Vec::new(),
                }
            });
            let body = to_body(report)?;
            if !change.spent.add(*received, body.len()) {
                outcomes.push(Outcome::Flooded);
                continue;
            }
            let outcome = change.streams.note(&report.run_id, report.profile, report.sequence);
            if outcome == Outcome::Stored {
                insert.execute(params![no, received.0, body])?;
                change.pending.push(Pending { id: tx.last_insert_rowid(), received: *received });
            }
            outcomes.push(outcome);
        }
    }
    tx.commit()?;
    for (id, no) in newcomers {
        history.know(id, no);
    }
    for (no, change) in changes {
        let state = history.states.entry(no).or_default();
        state.streams = change.streams;
        state.spent = change.spent;
        state.pending.extend(change.pending);
    }
    Ok(outcomes)
}

/// Reads rows of the journal.
pub(super) fn rows(db: &Connection, pending: &[Pending]) -> Result<Vec<(Wall, Report)>, Trouble> {
    let mut select = db.prepare_cached("SELECT body FROM journal WHERE id = ?1")?;
    let read = |row: &Pending| {
        let body: Vec<u8> = select.query_row([row.id], |row| row.get(0))?;
        Ok((row.received, from_body(&body)?))
    };
    pending.iter().map(read).collect()
}

/// What the place of rows depends on.
pub(super) fn seen(rows: &[(Wall, Report)]) -> Vec<Seen<'_>> {
    rows.iter().map(|(received, report)| Seen { received: *received, boot_id: &report.boot_id, up_time: report.up_time }).collect()
}
