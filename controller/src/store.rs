//! What the controller keeps: boxes, catalogues, health history, calls and audit rows, behind one interface.
//!
//! The interface is synchronous and takes `&mut self`: its owner is one dedicated thread, fed by a bounded channel, so that a slow
//! disk pushes back on the door it came through and never blocks the runtime. Every call is short: the long jobs
//! ([`compact`](Store::compact), [`drop_days_before`](Store::drop_days_before)) go in steps, appends come between them.

pub mod block;
mod call;
mod chain;
mod error;
pub mod place;
pub mod sqlite;
pub mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use line3_proto::{EndpointId, Wall};
use serde::{Deserialize, Serialize};

use crate::report::{Reading, Report};
pub use call::{CallRow, CallState, MAX_CALL_JSON};
pub use chain::{AuditRow, Head};
pub use error::StoreError;
pub use stream::Gap;

/// The largest catalogue kept, in bytes; a larger one is refused with [`StoreError::TooLarge`].
pub const MAX_CATALOGUE: usize = 4 * 1024 * 1024;
/// The most catalogues kept. At the bound those that no box uses are dropped; if every one is in use, a further one is refused.
pub const MAX_CATALOGUES: usize = 1000;
/// The most points that [`Store::series`] returns; a longer answer is refused with [`StoreError::TooMany`].
pub const MAX_POINTS: usize = 100_000;
/// How much a box may store on one day (of receipt), in bytes as journalled and each report counted as [`MIN_COST`] at least: some
/// 32 000 reports, one every 3 s. What comes beyond is [`Outcome::Flooded`]. The count restarts with the controller.
pub const DAY_BYTES: usize = 64 * 1024 * 1024;
/// What a report is counted at least against [`DAY_BYTES`].
pub const MIN_COST: usize = 2048;

/// A health report as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    /// Whose it is: from the topic, not from the payload.
    pub box_id: EndpointId,
    /// When it came, on the controller's clock.
    pub received: Wall,
    /// What it says.
    pub report: Report,
}

/// What became of one report of a batch. Every outcome is final: the report is to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, and stays stored through `kill -9` and power loss.
    Stored,
    /// The same box, run, profile and sequence is stored already.
    Duplicate,
    /// It lies in a part of its run so old and full of holes that a duplicate could not be told any more; not stored.
    Stale,
    /// The box has used up its [`DAY_BYTES`]; not stored.
    Flooded,
}

/// A day of UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub const fn of(at: Wall) -> Self {
        Self(at.0.div_euclid(86_400_000))
    }
}

/// How far one step of a long job came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows moved or dropped.
    pub rows: usize,
    /// Whether there is more to do now: call again.
    pub more: bool,
}

/// What is kept of a box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxRow {
    /// Its endpoint id.
    pub id: EndpointId,
    /// When it was first heard of, on the controller's clock; the earliest ever put is kept.
    pub first_seen: Wall,
    /// When it was last heard of, on the controller's clock, as of the last [`Store::put_boxes`].
    pub last_seen: Wall,
    /// What people wrote on it: city, subscriber, …
    pub labels: BTreeMap<String, String>,
    /// What it says it is, by path: manufacturer, model, versions, serial number.
    pub identity: BTreeMap<String, String>,
    /// Whether no real box stands behind it.
    pub simulated: bool,
    /// The digest of its catalogue.
    pub catalogue: Option<String>,
    /// The run of the agent last heard of.
    pub run_id: Option<String>,
    /// The boot last heard of.
    pub boot_id: Option<String>,
    /// The number of its newest connection within that run.
    pub connection: u64,
    /// Whether it was connected.
    pub online: bool,
}

impl BoxRow {
    /// A box of which nothing is known but that it spoke at `seen`.
    #[must_use]
    pub fn new(id: EndpointId, seen: Wall) -> Self {
        Self {
            simulated: id.is_simulated(),
            id,
            first_seen: seen,
            last_seen: seen,
            labels: BTreeMap::new(),
            identity: BTreeMap::new(),
            catalogue: None,
            run_id: None,
            boot_id: None,
            connection: 0,
            online: false,
        }
    }
}

/// What the controller keeps. All implementations pass the same tests.
pub trait Store: Send {
    /// Stores boxes, new or known, in one durable transaction. A known box's row is replaced, but for the earliest `first_seen`.
    fn put_boxes(&mut self, boxes: &[BoxRow]) -> Result<(), StoreError>;

    /// One box.
    fn find_box(&mut self, id: &EndpointId) -> Result<Option<BoxRow>, StoreError>;

    /// At most `limit` boxes in the order of their ids, those after `after`.
    fn boxes(&mut self, after: Option<&EndpointId>, limit: usize) -> Result<Vec<BoxRow>, StoreError>;

    /// Keeps a catalogue (opaque, at most [`MAX_CATALOGUE`] bytes, at most [`MAX_CATALOGUES`] of them) under its digest.
    fn put_catalogue(&mut self, digest: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// The catalogue of a digest.
    fn catalogue(&mut self, digest: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores a batch of reports in one transaction, durable when this returns: then they may be acknowledged. One outcome each, in
    /// order. A box never heard of gets a row. Two equal reports of one batch are stored once, too.
    fn append(&mut self, batch: &[Arrived]) -> Result<Vec<Outcome>, StoreError>;

    /// One step of moving reports from the journal into the blocks of their box and day. Safe to be killed at any moment.
    fn compact(&mut self, now: Wall) -> Result<Progress, StoreError>;

    /// One step of dropping the history of all days before `day`. What is still in the journal is not touched.
    fn drop_days_before(&mut self, day: Day) -> Result<Progress, StoreError>;

    /// What a parameter of a box was from `from` up to, not including, `to`: by time (see [`place`]), at most [`MAX_POINTS`].
    fn series(&mut self, id: &EndpointId, path: &str, from: Wall, to: Wall) -> Result<Vec<(Wall, Reading)>, StoreError>;

    /// Every path that the box reported in the seven days up to its newest report, sorted.
    fn paths(&mut self, id: &EndpointId) -> Result<Vec<String>, StoreError>;

    /// Which reports of a box are missing, run by run.
    fn gaps(&mut self, id: &EndpointId) -> Result<Vec<Gap>, StoreError>;

    /// The newest report of each profile on the last day that the box reported on: its newest state, for a restart.
    fn latest(&mut self, id: &EndpointId) -> Result<Vec<Arrived>, StoreError>;

    /// Keeps a new call.
    fn put_call(&mut self, call: &CallRow) -> Result<(), StoreError>;

    /// Moves a call on; into a final state, that sets when it ended. Refused once it has ended.
    fn update_call(&mut self, id: &str, state: CallState, at: Wall, result: Option<&str>, error: Option<&str>) -> Result<(), StoreError>;

    /// One call.
    fn call(&mut self, id: &str) -> Result<Option<CallRow>, StoreError>;

    /// The calls that have not ended, oldest first: to be taken up again at a restart.
    fn open_calls(&mut self) -> Result<Vec<CallRow>, StoreError>;

    /// The newest `limit` calls, of one box or of all, newest first.
    fn calls(&mut self, of: Option<&EndpointId>, limit: usize) -> Result<Vec<CallRow>, StoreError>;

    /// Adds a link to the audit chain and its head in the second place, both durable when this returns. For `audit.rs` only.
    fn append_audit(&mut self, body: &str) -> Result<AuditRow, StoreError>;

    /// At most `limit` audit rows from number `from` on.
    fn audit_rows(&mut self, from: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// The newest link as the second place has it; `None` if it has none. It may lag one row behind after a crash.
    fn audit_head(&mut self) -> Result<Option<Head>, StoreError>;
}
