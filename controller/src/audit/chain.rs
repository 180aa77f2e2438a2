//! Walking the chain.

use super::{Entry, Kind};
use crate::store::{AuditRow, Head, Store, StoreError};

/// How many rows are read at once.
const A_TIME: usize = 1000;

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows it has.
    pub rows: u64,
    /// The newest row; `None` if there is none.
    pub head: Option<Head>,
    /// The rows in which the log itself says that it was found damaged and went on.
    pub troubles: Vec<u64>,
}

/// Where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at row {row}: {why}")]
pub struct Broken {
    /// The first row that does not fit.
    pub row: u64,
    /// What does not fit.
    pub why: String,
}

/// A walk over the chain, row by row.
#[derive(Debug)]
pub struct Chain {
    expected: Option<Head>,
    last: Option<Head>,
    met: bool,
    troubles: Vec<u64>,
}

impl Chain {
    /// Starts a walk. `head` is the newest row as the second place has it: the walk must meet it.
    #[must_use]
    pub const fn new(head: Option<Head>) -> Self {
        Self { expected: head, last: None, met: false, troubles: Vec::new() }
    }

    /// Checks the next row.
    pub fn row(&mut self, row: &AuditRow) -> Result<(), Broken> {
        let (n, prev) = self.last.as_ref().map_or((1, AuditRow::ROOT), |last| (last.n.saturating_add(1), last.hash.as_str()));
        let broken = |row, why: &str| Err(Broken { row, why: why.to_owned() });
        if row.n != n {
            return broken(n, &format!("row {} follows: one was removed, added or moved", row.n));
        }
        if row.prev != prev {
            return broken(n, "it does not follow the row before: one of the two was replaced");
        }
        if row.hash != row.computed() {
            return broken(n, "its hash is not that of its content: it was edited");
        }
        if let Some(head) = self.expected.as_ref().filter(|head| head.n == n) {
            if head.hash != row.hash {
                return broken(n, "the second place has another hash for it: the log was rewritten");
            }
            self.met = true;
        }
        if Entry::of(row).is_some_and(|entry| entry.kind == Kind::Trouble) {
            self.troubles.push(n);
        }
        self.last = Some(row.head());
        Ok(())
    }

    /// Ends the walk: nothing may be missing at the end.
    pub fn finish(self) -> Result<Verified, Broken> {
        let rows = self.last.as_ref().map_or(0, |last| last.n);
        match &self.expected {
            Some(head) if !self.met => {
                Err(Broken { row: rows + 1, why: format!("it is missing: the second place has row {} as the newest", head.n) })
            }
            // A crash may leave one row whose head was never written, not more.
            None if rows > 1 => Err(Broken { row: rows, why: "the second place has no head: rows after this may be missing".to_owned() }),
            _ => Ok(Verified { rows, head: self.last, troubles: self.troubles }),
        }
    }
}

/// Walks the chain of a store against its second place.
pub fn verify(store: &mut dyn Store) -> Result<Result<Verified, Broken>, StoreError> {
    let mut chain = Chain::new(store.audit_head()?);
    let mut next = 1;
    loop {
        let rows = store.audit_rows(next, A_TIME)?;
        for row in &rows {
            if let Err(broken) = chain.row(row) {
                return Ok(Err(broken));
            }
            next = row.n.saturating_add(1);
        }
        if rows.len() < A_TIME {
            return Ok(chain.finish());
        }
    }
}
