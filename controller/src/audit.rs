//! Nothing is done to a box without an audit row, and the compiler holds it: the fleet takes acts only as [`Audited`], and only
//! [`Audit::admit`] makes one, after the row is durable.
//!
//! The rows are a chain: each carries the hash of the one before ([`AuditRow`]). [`Chain`] walks it, over a store or over exported
//! rows, and finds edits, removals and reorderings; against the newest hash kept in a second place it also finds a cut-off tail. Who can
//! rewrite the whole chain *and* the second place leaves no trace here: ship the heads elsewhere if that is a worry.

mod chain;

use std::fmt;

use line3_proto::{Effect, EndpointId, Wall};
use serde::{Deserialize, Serialize};

use crate::report::{clean, is_unsafe};
use crate::rights::{self, Denied, Role};
use crate::store::{AuditRow, CallState, Store, StoreError};
pub use chain::{Broken, Chain, Verified, verify};

/// The longest reason, in characters.
pub const MAX_REASON: usize = 200;
/// The longest name of an actor, in characters.
pub const MAX_NAME: usize = 64;
/// The longest text of an act or detail kept in a row, in bytes; a longer one is cut.
pub const MAX_WORDS: usize = 2000;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    role: Role,
}

/// Why something is done: a ticket reference. Holding one means 1 to [`MAX_REASON`] printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// Why a text is no reason or no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {max} printable characters{hint}")]
pub struct BadText {
    what: &'static str,
    max: usize,
    hint: &'static str,
}

fn printable(text: &str, max: usize) -> Option<String> {
    let text = text.trim();
    ((1..=max).contains(&text.chars().count()) && !text.chars().any(is_unsafe)).then(|| text.to_owned())
}

impl Actor {
    /// An actor; the name is 1 to [`MAX_NAME`] printable characters.
    pub fn new(name: &str, role: Role) -> Result<Self, BadText> {
        let name = printable(name, MAX_NAME).ok_or(BadText { what: "an actor's name", max: MAX_NAME, hint: "" })?;
        Ok(Self { name, role })
    }

    /// Who.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With which role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }
}

impl Reason {
    /// Reads a reason.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let hint = ": say why this is done, e.g. the ticket's number";
        printable(text, MAX_REASON).map(Self).ok_or(BadText { what: "the reason", max: MAX_REASON, hint })
    }

    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// On what an act acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One box.
    Box(EndpointId),
    /// Several boxes at once; said as the actor said it (a city, a firmware, …).
    Fleet(String),
}

/// What an act has to tell of itself to be admitted.
pub trait Describe {
    /// The id of the call, unique for ever: rows about what became of it carry it too.
    fn call_id(&self) -> &str;
    /// What it does to the box; `None`: it only looks, which is free to all.
    fn effect(&self) -> Option<Effect>;
    /// On what.
    fn scope(&self) -> Scope;
    /// What is done, for a person: the command with its arguments; secrets left out. Cut at [`MAX_WORDS`].
    fn words(&self) -> String;
}

/// An act that stands in the audit log. Only [`Audit::admit`] makes one, and it cannot be copied: one row, one act.
#[derive(Debug)]
pub struct Audited<T> {
    act: T,
    actor: Actor,
    reason: Reason,
    row: u64,
}

impl<T> Audited<T> {
    /// What is to be done.
    #[must_use]
    pub const fn act(&self) -> &T {
        &self.act
    }

    /// Who does it.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The number of its audit row.
    #[must_use]
    pub const fn row(&self) -> u64 {
        self.row
    }

    /// An act without its row, for tests of what comes after.
    #[cfg(test)]
    pub(crate) fn unwritten(act: T, actor: Actor, reason: Reason) -> Self {
        Self { act, actor, reason, row: 0 }
    }

    /// The act itself, to be done now.
    #[must_use]
    pub fn into_act(self) -> T {
        self.act
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An act was admitted, and is done after this.
    Admitted,
    /// An act was refused: its actor's role does not allow it.
    Refused,
    /// A call reached its final state.
    Outcome,
    /// Something came to light about a call that had ended.
    Evidence,
    /// The log itself was found damaged; it goes on from here.
    Trouble,
}

/// The body of a row. Its JSON, in the order of these fields, is what is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, on the controller's clock.
    pub at: Wall,
    /// What it is about.
    pub kind: Kind,
    /// Which call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call: Option<String>,
    /// Who acted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actor: Option<String>,
    /// With which role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<Role>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What it does to the box.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effect: Option<Effect>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<Scope>,
    /// How the call ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<CallState>,
    /// What was asked for, or what became of it; safe to show.
    pub words: String,
}

impl Entry {
    fn new(at: Wall, kind: Kind, call: Option<&str>, words: &str) -> Self {
        let call = call.map(|call| clean(call, MAX_WORDS));
        let (actor, role, reason, effect, scope, state) = (None, None, None, None, None, None);
        Self { at, kind, call, actor, role, reason, effect, scope, state, words: clean(words, MAX_WORDS) }
    }

    /// Reads the body of a row; `None` if a newer line3 wrote something else.
    #[must_use]
    pub fn of(row: &AuditRow) -> Option<Self> {
        serde_json::from_str(&row.body).ok()
    }

    fn write(&self, store: &mut dyn Store) -> Result<u64, AuditError> {
        let body = serde_json::to_string(self).map_err(|error| AuditError::Unwritable(error.to_string()))?;
        Ok(store.append_audit(&body)?.n)
    }
}

/// Why an act was not admitted, or a row not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The role does not allow it. The attempt stands in the log.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The log cannot be written, so nothing may be done.
    #[error("nothing is done without an audit row: {0}")]
    Store(#[from] StoreError),
    /// The row cannot be made.
    #[error("nothing is done without an audit row, and this one cannot be written: {0}")]
    Unwritable(String),
}

/// The right to write audit rows: had by opening the log.
#[derive(Debug)]
pub struct Audit(());

impl Audit {
    /// Opens the log. If its end does not fit the head kept in the second place, rows were cut off or the head was lost: that is
    /// written down as a [`Kind::Trouble`] row before anything else, so that going on does not hide it.
    pub fn open(store: &mut dyn Store, at: Wall) -> Result<Self, AuditError> {
        let head = store.audit_head()?;
        let first = store.audit_rows(1, 2)?;
        let trouble = match &head {
            Some(head) => match store.audit_rows(head.n, 1)?.first() {
                Some(row) if row.head() == *head => None,
                Some(_) => Some(format!("row {} is not the one that was written: its hash was {}", head.n, head.hash)),
                None => Some(format!("rows are missing: the newest was {} with hash {}", head.n, head.hash)),
            },
            // A crash before the very first head was written is no trouble.
            None if first.len() < 2 => None,
            None => Some("the head of the log, kept beside it, is gone: rows may be missing at the end".to_owned()),
        };
        if let Some(words) = trouble {
            tracing::error!("audit log: {words}");
            Entry::new(at, Kind::Trouble, None, &words).write(store)?;
        }
        Ok(Self(()))
    }

    /// Admits an act: checks the rights, writes the row, and only then hands out what the fleet takes. A refused attempt is written
    /// down, too. On [`AuditError::Store`] the row may stand in the log without its head; the act is not done.
    pub fn admit<T: Describe>(
        &self,
        store: &mut dyn Store,
        at: Wall,
        actor: &Actor,
        reason: Reason,
        act: T,
    ) -> Result<Audited<T>, AuditError> {
        let (effect, scope) = (act.effect(), act.scope());
        let allowed = rights::check(actor.role, effect, matches!(scope, Scope::Fleet(_)));
        let kind = if allowed.is_ok() { Kind::Admitted } else { Kind::Refused };
        let scope = match scope {
            Scope::Fleet(words) => Scope::Fleet(clean(&words, MAX_WORDS)),
            one @ Scope::Box(_) => one,
        };
        let entry = Entry {
            actor: Some(actor.name.clone()),
            role: Some(actor.role),
            reason: Some(reason.0.clone()),
            effect,
            scope: Some(scope),
            ..Entry::new(at, kind, Some(act.call_id()), &act.words())
        };
        let row = entry.write(store)?;
        allowed?;
        Ok(Audited { act, actor: actor.clone(), reason, row })
    }

    /// Writes down how a call ended; the number of the row.
    pub fn outcome(&self, store: &mut dyn Store, at: Wall, call: &str, state: CallState, words: &str) -> Result<u64, AuditError> {
        Entry { state: Some(state), ..Entry::new(at, Kind::Outcome, Some(call), words) }.write(store)
    }

    /// Writes down what came to light about a call after its end, which itself does not change; the number of the row.
    pub fn evidence(&self, store: &mut dyn Store, at: Wall, call: &str, words: &str) -> Result<u64, AuditError> {
        Entry::new(at, Kind::Evidence, Some(call), words).write(store)
    }
}

#[cfg(test)]
mod tests;
