//! The store in one SQLite file: the default for a laptop, a lab or a small operator.
//!
//! Beside `<file>` lie `<file>-wal` (SQLite's), `<file>.lock` (one process at a time) and `<file>.head` (the newest audit link once more).
//! Durability: WAL with `synchronous=FULL`, one fsync a transaction: what was acknowledged survives `kill -9` and power loss. With
//! NORMAL a power loss could take back reports whose PUBACK the box has seen. FULL was measured to cost 0.3 ms a transaction where NORMAL
//! costs 0.1; from batches of 100 on there is no difference (`benches/store.rs`).

mod audit;
mod boxes;
mod calls;
mod compact;
mod health;
mod read;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, ErrorCode};

use super::block::BadBlock;
use super::{Arrived, AuditRow, BoxRow, CallRow, CallState, Day, Gap, Head, Outcome, Progress, Store, StoreError};
use crate::report::Reading;
pub use audit::read_audit;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    db: Connection,
    history: health::History,
    /// Held while this lives; the system lets go of it when the process dies.
    _lock: File,
}

/// What went wrong, before it is told which file it was and what was being done.
#[derive(Debug)]
enum Trouble {
    Sql(rusqlite::Error),
    Damaged(String),
    Io(std::io::Error),
    Foreign,
    Newer { found: i64, known: i64 },
    Told(StoreError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<BadBlock> for Trouble {
    fn from(error: BadBlock) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<postcard::Error> for Trouble {
    fn from(error: postcard::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl Trouble {
    fn tell(self, path: &Path, doing: &'static str) -> StoreError {
        use std::io::ErrorKind;
        let place = path.display().to_string();
        match self {
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::Full { place },
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                    StoreError::ReadOnly { place, why: error.to_string() }
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { place, why: error.to_string() },
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { place },
                _ => StoreError::Failed { place, doing, cause: error.into() },
            },
            Self::Damaged(why) => StoreError::Corrupt { place, why },
            Self::Io(error) => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { place },
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound => {
                    StoreError::ReadOnly { place, why: error.to_string() }
                }
                _ => StoreError::Failed { place, doing, cause: error.into() },
            },
            Self::Foreign => StoreError::Foreign { place },
            Self::Newer { found, known } => StoreError::Newer { place, found, known },
            Self::Told(error) => error,
        }
    }
}

/// `<file><suffix>`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl SqliteStore {
    /// Opens a file or makes a new one, brings its schema up to date and reads the journal. One process at a time: a second one gets
    /// [`StoreError::InUse`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::try_open(path).map_err(|trouble| trouble.tell(path, "opening"))
    }

    fn try_open(path: &Path) -> Result<Self, Trouble> {
        let lock = File::options().create(true).truncate(false).write(true).open(beside(path, ".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { place: path.display().to_string() }.into()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut db = Connection::open(path)?;
        // Only `read_audit` of another process may be at the file beside us, and briefly.
        db.busy_timeout(Duration::from_secs(5))?;
        schema::migrate(&mut db)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // A schema of a stranger's making runs no functions of ours; damaged pages are noticed when read.
        db.pragma_update(None, "trusted_schema", false)?;
        db.pragma_update(None, "cell_size_check", true)?;
        // A WAL that one large transaction has blown up is cut back to 64 MiB.
        db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        db.set_prepared_statement_cache_capacity(64);
        let history = health::History::load(&db)?;
        Ok(Self { path: path.to_owned(), db, history, _lock: lock })
    }

    fn told<T>(&self, doing: &'static str, result: Result<T, Trouble>) -> Result<T, StoreError> {
        result.map_err(|trouble| trouble.tell(&self.path, doing))
    }
}

impl Store for SqliteStore {
    fn put_boxes(&mut self, boxes: &[BoxRow]) -> Result<(), StoreError> {
        let result = boxes::put(&mut self.db, &mut self.history, boxes);
        self.told("storing boxes", result)
    }

    fn find_box(&mut self, id: &EndpointId) -> Result<Option<BoxRow>, StoreError> {
        self.told("reading a box", boxes::find(&self.db, id))
    }

    fn boxes(&mut self, after: Option<&EndpointId>, limit: usize) -> Result<Vec<BoxRow>, StoreError> {
        self.told("reading boxes", boxes::list(&self.db, after, limit))
    }

    fn put_catalogue(&mut self, digest: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let result = boxes::put_catalogue(&mut self.db, digest, bytes);
        self.told("storing a catalogue", result)
    }

    fn catalogue(&mut self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.told("reading a catalogue", boxes::catalogue(&self.db, digest))
    }

    fn append(&mut self, batch: &[Arrived]) -> Result<Vec<Outcome>, StoreError> {
        let result = health::append(&mut self.db, &mut self.history, batch);
        self.told("storing health reports", result)
    }

    fn compact(&mut self, now: Wall) -> Result<Progress, StoreError> {
        let result = compact::step(&mut self.db, &mut self.history, now);
        self.told("compacting health reports", result)
    }

    fn drop_days_before(&mut self, day: Day) -> Result<Progress, StoreError> {
        self.told("dropping old days", compact::drop_days_before(&self.db, day))
    }

    fn series(&mut self, id: &EndpointId, path: &str, from: Wall, to: Wall) -> Result<Vec<(Wall, Reading)>, StoreError> {
        self.told("reading a series", read::series(&self.db, &self.history, id, path, from, to))
    }

    fn paths(&mut self, id: &EndpointId) -> Result<Vec<String>, StoreError> {
        self.told("reading paths", read::paths(&self.db, &self.history, id))
    }

    fn gaps(&mut self, id: &EndpointId) -> Result<Vec<Gap>, StoreError> {
        Ok(self.history.gaps(id))
    }

    fn latest(&mut self, id: &EndpointId) -> Result<Vec<Arrived>, StoreError> {
        self.told("reading the newest reports", read::latest(&self.db, &self.history, id))
    }

    fn put_call(&mut self, call: &CallRow) -> Result<(), StoreError> {
        self.told("storing a call", calls::put(&self.db, call))
    }

    fn update_call(&mut self, id: &str, state: CallState, at: Wall, result: Option<&str>, error: Option<&str>) -> Result<(), StoreError> {
        let done = calls::update(&mut self.db, id, state, at, result, error);
        self.told("storing a call's state", done)
    }

    fn call(&mut self, id: &str) -> Result<Option<CallRow>, StoreError> {
        self.told("reading a call", calls::find(&self.db, id))
    }

    fn open_calls(&mut self) -> Result<Vec<CallRow>, StoreError> {
        self.told("reading open calls", calls::open(&self.db))
    }

    fn calls(&mut self, of: Option<&EndpointId>, limit: usize) -> Result<Vec<CallRow>, StoreError> {
        self.told("reading calls", calls::list(&self.db, of, limit))
    }

    fn append_audit(&mut self, body: &str) -> Result<AuditRow, StoreError> {
        let result = audit::append(&mut self.db, &self.path, body);
        self.told("writing the audit log", result)
    }

    fn audit_rows(&mut self, from: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.told("reading the audit log", audit::rows(&self.db, from, limit))
    }

    fn audit_head(&mut self) -> Result<Option<Head>, StoreError> {
        self.told("reading the head of the audit log", audit::head(&self.path))
    }
}
