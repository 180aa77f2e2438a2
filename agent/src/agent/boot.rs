//! How a run of the agent begins and ends: Boot!, the restart that was asked for, and what is said before.

use std::time::Duration;

use line3_proto::endpoint;
use line3_proto::link::{Publication, Token};
use line3_proto::path::{Path, Target};
use line3_proto::row::{Args, Row};
use line3_proto::{Fault, Mono, Now, row};

use super::journal::{self, Entry, Stage};
use super::model::EventDef;
use super::notify::{Happening, Recipient};
use super::{Agent, CONTROLLERS, Output, get};
use crate::objects::device_info;
use crate::view::RebootMode;

/// How long an answer that precedes a restart has to reach the broker.
const LAST_WORDS: Duration = Duration::from_secs(3);

row! {
    /// Arguments of `Device.Boot!`.
    struct BootArgs {
        /// The command key of the Reboot() that led to it; empty: none did.
        CommandKey: String,
        /// `LocalReboot` or `RemoteReboot`.
        Cause: String,
        /// Whether the firmware is another one than before.
        FirmwareUpdated: bool,
        /// What the controller's `BootParameter.{i}.` names: a JSON object, values by path.
        ParameterMap: String,
        /// The agent's run.
        X_LINE3_RunID: String,
        /// The kernel's boot id; empty: unknown.
        X_LINE3_BootID: String,
        /// `system`, or `restart-agent` where Reboot() restarts the agent only.
        X_LINE3_RebootMode: String,
    }
}

/// `Device.Boot!`
pub(super) const BOOT: EventDef =
    EventDef { path: "Device.Boot!", doc: "The box (or, where labelled so, only its agent) has started.", fields: BootArgs::FIELDS };

/// The most bytes of the values that Boot! carries for a controller; what does not fit is left out, and said so in the log.
const MAX_MAP: usize = 16 * 1024;

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
        let version = self.with_view(now, device_info::version).unwrap_or_default();
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
        let controllers: Vec<String> = self.settings.rows(CONTROLLERS).map(|(path, _)| path.to_owned()).collect();
        let mut args = [
            ("CommandKey", command_key.unwrap_or_default()),
            ("Cause", cause.to_owned()),
            ("FirmwareUpdated", updated.to_string()),
            ("ParameterMap", String::new()),
            ("X_LINE3_RunID", self.facts.run_id.clone()),
            ("X_LINE3_BootID", boot_id),
            ("X_LINE3_RebootMode", self.facts.reboot.as_str().to_owned()),
        ];
        for controller in controllers {
            args[3].1 = self.parameter_map(now, &controller);
            let args = row::map(args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            self.tell_only(now, Some(&controller), &Happening::Event { path: BOOT.path, args });
        }
    }

    /// What a controller wants to hear with Boot!: a JSON object of values by path. What it may not read, or does not exist, is
    /// left out.
    fn parameter_map(&mut self, now: Now, controller: &str) -> String {
        let table = format!("{controller}BootParameter.");
        let enabled = self.settings.rows(&table).filter(|(_, args)| args.get("Enable").is_some_and(|enable| enable == "true"));
        let names = enabled.filter_map(|(_, args)| Path::parse(args.get("ParameterName")?).ok());
        let names: Vec<Path> = names.filter(|path| matches!(path.target, Target::Parameter(_) | Target::Object)).collect();
        let rights = self.rights_of(controller);
        let (mut map, mut bytes, mut left_out) = (Args::new(), 0, 0);
        self.look_as(now, &rights, |look| {
            // One name after the other: not all that they name is in memory at once.
            for object in names.iter().filter_map(|path| get::values(look, path, 0).ok()).flatten() {
                for (name, value) in object.result_params {
                    let path = format!("{}{name}", object.resolved_path);
                    // Quotes, colon and comma: six.
                    let size = path.len() + value.len() + 6;
                    if bytes + size > MAX_MAP {
                        left_out += 1;
                        continue;
                    }
                    bytes += size;
                    map.insert(path, value);
                }
            }
        });
        if left_out > 0 {
            self.log(format!("{table} names more than Boot! takes, {MAX_MAP} bytes; {left_out} values are left out"));
        }
        serde_json::to_string(&map).unwrap_or_default()
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
