//! Why something could not be done, in the words of the desk.

use crate::audit::{AuditError, BadText};
use crate::keeper::Stopping;
use crate::orders::BadOrder;
use crate::store::StoreError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No box has this name.
    #[error("no box {name:?}{hint}")]
    NoSuchBox {
        /// The name.
        name: String,
        /// What to do.
        hint: String,
    },
    /// Several boxes have this name.
    #[error("{name:?} names {count} boxes, {examples} among them; give the whole id")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// The order makes no sense on this box.
    #[error(transparent)]
    Order(#[from] BadOrder),
    /// A reason, name or label is not as it should be.
    #[error("{0}")]
    Text(String),
    /// The role does not allow it.
    #[error("{0}")]
    Denied(String),
    /// There is no such call.
    #[error("no call {0:?}; `line3 calls` lists the newest")]
    NoSuchCall(String),
    /// The call has ended.
    #[error("call {0} has ended: it is {1}")]
    Ended(String, &'static str),
    /// More was asked for than is given at once.
    #[error("{0}")]
    TooMuch(String),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// The server is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooMany { .. } => Self::TooMuch(error.to_string()),
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<AuditError> for DeskError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Denied(denied) => Self::Denied(denied.to_string()),
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<BadText> for DeskError {
    fn from(error: BadText) -> Self {
        Self::Text(error.to_string())
    }
}
