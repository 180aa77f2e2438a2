//! How a run of the agent begins and ends: Boot!, the restart that was asked for, and what is said before.

use std::time::Duration;

use line3_proto::endpoint;
use line3_proto::link::{Publication, Token};
use line3_proto::row::{self, Args};
use line3_proto::{Fault, Mono, Now};

use super::journal::{self, Entry, Stage};
use super::notify::{BOOT, Happening, Recipient};
use super::{Agent, Output};
use crate::view::RebootMode;

/// How long an answer that precedes a restart has to reach the broker.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The agent is about to restart.
pub(super) struct Leaving {
    /// The publication that must be out before.
    pub(super) last_words: Option<Token>,
    /// It leaves then at the latest.
    pub(super) by: Mono,
}

impl Agent {
    /// Finds out whether this start is a boot, tells it, and ends the calls that led to it.
    pub(super) fn boot(&mut self, now: Now) {
        let boot_id = self.facts.boot_id.clone().unwrap_or_default();
        let version = self.facts.device.software_version.clone();
        let before = self.journal.clone();
        // Where the kernel has no boot id, every start of the agent counts as a boot.
        let has_booted = |before: &str| boot_id.is_empty() || *before != boot_id;
        let mut command_key = None;
        for entry in &mut self.journal.entries {
            let Stage::Rebooting { boot_id: before } = &entry.stage else { continue };
            // What was asked for has come true if the kernel started anew, or if only the agent was to restart.
            entry.stage = if self.facts.reboot == RebootMode::RestartAgent || has_booted(before) {
                command_key = Some(entry.command_key.clone());
                Stage::Ended(Ok(Args::new()))
            } else {
                journal::lost_call(&entry.command, "the agent was stopped before the restart; the box has not restarted since")
            };
        }
        let boots = has_booted(&self.journal.boot_id) || command_key.is_some();
        let updated = boots && !self.journal.software_version.is_empty() && self.journal.software_version != version;
        if boots {
            self.journal.boot_id.clone_from(&boot_id);
            self.journal.software_version = version;
        }
        if self.journal != before
            && let Err(error) = self.journal.save(&*self.host)
        {
            self.log(format!("the journal cannot be written ({error}): repairs will be refused until it can"));
        }
        if !boots {
            return;
        }
        let cause = if command_key.is_some() { "RemoteReboot" } else { "LocalReboot" };
        let args = [
            ("CommandKey", command_key.unwrap_or_default()),
            ("Cause", cause.to_owned()),
            ("FirmwareUpdated", updated.to_string()),
            ("ParameterMap", "{}".to_owned()),
            ("X_LINE3_RunID", self.facts.run_id.clone()),
            ("X_LINE3_BootID", boot_id),
            ("X_LINE3_RebootMode", self.facts.reboot.as_str().to_owned()),
        ];
        let args = row::map(args.map(|(name, value)| (name.to_owned(), value)));
        self.tell(now, &Happening::Event { path: BOOT.path, args });
    }

    /// The box, or the agent, restarts once the answer is out.
    pub(super) fn restart_when_said(&mut self, now: Now) {
        self.leaving = Some(Leaving { last_words: None, by: now.mono + LAST_WORDS });
    }

    /// A publication is out, or never will be.
    pub(super) fn said(&mut self, token: Token) {
        if self.leaving.as_ref().is_some_and(|leaving| leaving.last_words == Some(token)) {
            self.leave();
        }
    }

    pub(super) fn leave(&mut self) {
        if self.leaving.take().is_some() {
            self.out.push_back(Output::Restart(self.facts.reboot));
        }
    }

    /// The restart did not happen: whoever asks for that call again hears why.
    pub(super) fn not_restarted(&mut self, fault: &Fault) {
        let boot = |entry: &&mut Entry| matches!(entry.stage, Stage::Rebooting { .. });
        for entry in self.journal.entries.iter_mut().filter(boot) {
            entry.stage = journal::ended(&Err(fault.clone()));
        }
        if let Err(error) = self.journal.save(&*self.host) {
            self.log(format!("the journal cannot be written: {error}"));
        }
        self.log(format!("the restart did not happen: {fault}"));
    }

    /// What to say to the controllers before leaving.
    #[must_use]
    pub fn farewell(&self, reason: &str) -> Vec<Publication> {
        let connection = format!("{}.{}", self.facts.run_id, self.facts.link.connections);
        let record = |to: Recipient| {
            let mut record = self.endpoint.disconnect_record(&to.id, &to.topic, reason);
            record.user_properties.push((endpoint::CONNECTION.to_owned(), connection.clone()));
            record
        };
        self.recipients().into_iter().map(record).collect()
    }
}
