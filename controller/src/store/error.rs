//! Why the store did not do what it was asked: what happened, to which file, and what to do.

use std::error::Error;

use super::CallState;

/// Why the store did not do what it was asked. Nothing of a failed call is stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space left.
    #[error("{place}: the disk is full, nothing was stored; free space there or keep fewer days of history")]
    Full {
        /// Which file or database.
        place: String,
    },
    /// It cannot be written or opened.
    #[error("{place} cannot be written ({why}); check its owner, its mode and that its directory exists and is not mounted read-only")]
    ReadOnly {
        /// Which file or database.
        place: String,
        /// What the system said.
        why: String,
    },
    /// What is in it cannot be what was written.
    #[error("{place} is damaged ({why}); stop line3, move the file and its -wal aside and restore a backup")]
    Corrupt {
        /// Which file or database.
        place: String,
        /// What does not fit.
        why: String,
    },
    /// It was written by a newer line3.
    #[error("{place} has schema version {found}, this line3 knows up to {known}; run the newer line3 that wrote it or restore a backup")]
    Newer {
        /// Which file or database.
        place: String,
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// It belongs to some other program.
    #[error("{place} is a database of another program; name another file")]
    Foreign {
        /// Which file or database.
        place: String,
    },
    /// Another process has it.
    #[error("{place} is in use by another line3; stop that one or name another file")]
    InUse {
        /// Which file or database.
        place: String,
    },
    /// Anything else that the database said.
    #[error("{place}: {doing} failed: {cause}")]
    Failed {
        /// Which file or database.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A final state never changes.
    #[error("call {call} has ended as {}; its state cannot change any more, write late evidence to the audit log", .state.word())]
    Ended {
        /// Which call.
        call: String,
        /// How it ended.
        state: CallState,
    },
    /// There is no such call.
    #[error("there is no call {call}")]
    NoCall {
        /// The id asked for.
        call: String,
    },
    /// A call's id is used once.
    #[error("there is a call {call} already")]
    CallExists {
        /// The id.
        call: String,
    },
    /// Something is larger than its bound.
    #[error("{what} has {size} bytes; at most {max} are kept")]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// There is more of something than its bound.
    #[error("more than {max} {what}; {todo}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
        /// What to do.
        todo: &'static str,
    },
}
