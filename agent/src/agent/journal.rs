//! The journal: what the agent must still know after `kill -9`, a reboot or a power failure, so that a repair runs exactly once.
//! It is written and synced before acting, and completed after.

use std::collections::VecDeque;
use std::io;

use line3_proto::fault::code;
use line3_proto::row::{self, Args};
use line3_proto::{Fault, catalogue};
use serde::{Deserialize, Serialize};

use crate::host::Host;

/// The name it is kept under.
const NAME: &str = "journal";

/// The most calls remembered; beyond it the oldest ended one is forgotten. At a few repairs a day that is weeks. More than can
/// be under way at once, so there always is an ended one.
const MAX_ENTRIES: usize = 64;

/// The most bytes kept; beyond it the oldest ended calls are forgotten.
const MAX_BYTES: usize = 128 * 1024;

/// The most bytes kept of a call's output arguments; of a longer result those are kept that fit.
const MAX_RESULT: usize = 2048;

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
    /// It was about to run.
    Begun,
    /// Its answer is on its way, and then the box restarts.
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
    /// Its name in the journal.
    pub(crate) serial: u64,
    /// Its key; `None`: another USP controller's, which names none.
    pub(crate) key: Option<CallKey>,
    /// The command's concrete path.
    pub(crate) command: String,
    /// The controller's command key.
    pub(crate) command_key: String,
    /// How far it is.
    pub(crate) stage: Stage,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// The kernel's boot id at the last boot that was told.
    pub(crate) boot_id: String,
    /// The firmware at that boot.
    pub(crate) software_version: String,
    /// The calls, oldest first. At most [`MAX_ENTRIES`].
    pub(crate) entries: VecDeque<Entry>,
}

impl Journal {
    /// What was kept, or an empty journal with what is wrong with the one that was. What had begun then has ended: nobody can
    /// tell how far it came.
    pub(crate) fn load(host: &dyn Host) -> (Self, Option<String>) {
        let lost = |error: String| (Self::default(), Some(format!("the journal is lost ({error}); a repair of before may run again")));
        let mut journal = match host.load(NAME) {
            Ok(None) => Self::default(),
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(journal) => journal,
                Err(error) => return lost(error.to_string()),
            },
            Err(error) => return lost(error.to_string()),
        };
        for entry in journal.entries.iter_mut().filter(|entry| entry.stage == Stage::Begun) {
            entry.stage = lost_call(&entry.command, "the agent was stopped while this call ran, and cannot tell how far it came");
        }
        (journal, None)
    }

    /// Keeps it. A failure means that nothing may be done that must not be done twice.
    pub(crate) fn save(&mut self, host: &dyn Host) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        while bytes.len() > MAX_BYTES && self.forget() {
            bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        }
        host.save(NAME, &bytes)
    }

    /// Forgets the oldest call that has ended, if any has.
    fn forget(&mut self) -> bool {
        let ended = self.entries.iter().position(|entry| matches!(entry.stage, Stage::Ended(_)));
        ended.and_then(|index| self.entries.remove(index)).is_some()
    }

    /// This very call of this very command instance, if it came before. A key that names another command is refused.
    pub(crate) fn find(&self, key: &CallKey, command: &str) -> Result<Option<&Entry>, Fault> {
        let mut same = self.entries.iter().filter(|entry| entry.key.as_ref() == Some(key));
        let template = catalogue::template(command);
        if let Some(other) = same.clone().find(|entry| catalogue::template(&entry.command) != template) {
            let text = format!("{command}: the call id {:?} was used before, for {}", key.call_id, other.command);
            return Err(Fault::new(code::INVALID_ARGUMENTS, text));
        }
        Ok(same.find(|entry| entry.command == command))
    }

    /// Writes down a call that is about to run, and gives its name. If that fails nothing has changed.
    pub(crate) fn begin(&mut self, host: &dyn Host, key: Option<CallKey>, command: &str, command_key: &str) -> io::Result<u64> {
        let before = self.clone();
        while self.entries.len() >= MAX_ENTRIES && self.forget() {}
        let serial = self.entries.back().map_or(1, |entry| entry.serial.saturating_add(1));
        let (command, command_key) = (command.to_owned(), command_key.to_owned());
        self.entries.push_back(Entry { serial, key, command, command_key, stage: Stage::Begun });
        self.save(host).inspect_err(|_| *self = before)?;
        Ok(serial)
    }

    /// Says how far a call is.
    pub(crate) fn advance(&mut self, serial: u64, stage: Stage) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.serial == serial) {
            entry.stage = stage;
        }
    }
}

/// The end of a call as it is kept.
pub(crate) fn ended(result: &Result<Args, Fault>) -> Stage {
    let mut room = MAX_RESULT;
    let mut fits = |name: &str, value: &str| {
        let left = room.checked_sub(name.len() + value.len());
        room = left.unwrap_or(room);
        left.is_some()
    };
    Stage::Ended(match result {
        Ok(args) => Ok(row::map(args.iter().filter(|(name, value)| fits(name, value)).map(|(n, v)| (n.clone(), v.clone())))),
        Err(fault) => Err((fault.code, fault.text.chars().take(MAX_RESULT / 4).collect())),
    })
}

/// The end of a call of which nobody can tell whether it ran.
pub(crate) fn lost_call(command: &str, why: &str) -> Stage {
    Stage::Ended(Err((code::CALL_LOST, format!("{command}: {why}"))))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::host::sim::{CountedClock, SimHost};

    #[test]
    fn of_a_long_result_that_is_kept_which_fits() {
        let args =
            |sizes: &[usize]| -> Args { sizes.iter().enumerate().map(|(index, size)| (format!("A{index}"), "x".repeat(*size))).collect() };
        let kept = |sizes: &[usize]| match ended(&Ok(args(sizes))) {
            Stage::Ended(Ok(args)) => args.into_keys().collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(kept(&[MAX_RESULT - 2]), "A0");
        assert_eq!(kept(&[MAX_RESULT - 1]), "");
        assert_eq!(kept(&[1000, 2000, 1000]), "A0 A2");
        let Stage::Ended(Err((7022, text))) = ended(&Err(Fault::new(7022, "x".repeat(9999)))) else { panic!("no fault") };
        assert_eq!(text.len(), MAX_RESULT / 4);
    }

    #[test]
    fn at_its_bound_in_bytes_the_oldest_ended_calls_are_forgotten() {
        let host = SimHost::empty(Rc::new(CountedClock::new()));
        let mut journal = Journal::default();
        let begin = |journal: &mut Journal| journal.begin(&host, None, "Device.X()", "k").unwrap();
        let under_way = begin(&mut journal);
        for _ in 0..20 {
            let serial = begin(&mut journal);
            // A control character takes six bytes.
            journal.advance(serial, ended(&Ok(Args::from([("A".to_owned(), "\u{1}".repeat(MAX_RESULT - 1))]))));
        }
        journal.save(&host).unwrap();
        assert!(journal.entries.len() < 12, "{}", journal.entries.len());
        assert_eq!(journal.entries.front().map(|entry| entry.serial), Some(under_way), "what is under way stays");
        assert_eq!(journal.entries.back().map(|entry| entry.serial), Some(21));
        assert!(host.load(NAME).unwrap().unwrap().len() <= MAX_BYTES);
        assert_eq!(begin(&mut journal), 22);
    }
}
