//! The journal: what the agent must still know after `kill -9`, a reboot or a power failure, so that a repair runs exactly once.
//! It is written and synced before acting, and completed after.

use std::collections::VecDeque;
use std::io;

use line3_proto::Fault;
use line3_proto::row::Args;
use serde::{Deserialize, Serialize};

use crate::host::Host;

/// The name it is kept under.
const NAME: &str = "journal";

/// The most calls remembered; beyond it the oldest ended one is forgotten. At a few repairs a day that is weeks.
const MAX_ENTRIES: usize = 64;

/// Who called, and the caller's name for the call: a key that never comes twice but for a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallKey {
    /// The endpoint id of the controller.
    pub(crate) originator: String,
    /// Its `X_LINE3_CallId`.
    pub(crate) call_id: String,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// It was about to run. Found after a restart: nobody can tell how far it came.
    Begun {
        /// In which run of the agent.
        run: String,
    },
    /// Its answer is out, and the box restarts.
    Rebooting {
        /// The kernel's boot id before; empty: unknown.
        boot_id: String,
    },
    /// It ended: its output arguments, or code and text of its fault.
    Ended(Result<Args, (u32, String)>),
}

/// A call that acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its key; `None`: another USP controller's, which names none.
    pub(crate) key: Option<CallKey>,
    /// The command's path.
    pub(crate) command: String,
    /// The controller's command key.
    pub(crate) command_key: String,
    /// How far it is.
    pub(crate) stage: Stage,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// The kernel's boot id at the last start of the agent.
    pub(crate) boot_id: String,
    /// The firmware at the last start of the agent.
    pub(crate) software_version: String,
    /// The calls, oldest first.
    pub(crate) entries: VecDeque<Entry>,
}

impl Journal {
    /// What was kept, or an empty journal with what is wrong with the one that was.
    pub(crate) fn load(host: &dyn Host) -> (Self, Option<String>) {
        match host.load(NAME) {
            Ok(None) => (Self::default(), None),
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(journal) => (journal, None),
                Err(error) => (Self::default(), Some(format!("the journal is not readable ({error}); a repair of before may run again"))),
            },
            Err(error) => (Self::default(), Some(format!("the journal is lost ({error}); a repair of before may run again"))),
        }
    }

    /// Keeps it. A failure means that nothing may be done that must not be done twice.
    pub(crate) fn save(&self, host: &dyn Host) -> io::Result<()> {
        host.save(NAME, &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// The call of this key.
    pub(crate) fn find(&self, key: &CallKey) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.as_ref() == Some(key))
    }

    /// Adds a call that is about to run.
    pub(crate) fn begin(&mut self, entry: Entry) {
        while self.entries.len() >= MAX_ENTRIES {
            let ended = self.entries.iter().position(|entry| matches!(entry.stage, Stage::Ended(_)));
            self.entries.remove(ended.unwrap_or(0));
        }
        self.entries.push_back(entry);
    }

    /// Says how far a call is.
    pub(crate) fn advance(&mut self, command_key: &str, key: Option<&CallKey>, stage: Stage) {
        let entry = self.entries.iter_mut().rev().find(|entry| entry.key.as_ref() == key && entry.command_key == command_key);
        if let Some(entry) = entry {
            entry.stage = stage;
        }
    }
}

/// The end of a call as it is kept.
pub(crate) fn ended(result: &Result<Args, Fault>) -> Stage {
    Stage::Ended(result.clone().map_err(|fault| (fault.code, fault.text)))
}
