//! Changing the settings, and keeping those that outlive the agent.

use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::row;
use line3_proto::usp::Response;
use line3_proto::{Fault, Now};

use super::Agent;
use super::edit::Editor;
use super::look::Look;
use super::rights::Rights;
use crate::host::Host;
use crate::settings::Settings;
use crate::settings::subscription::TABLE;

/// The name that the settings are kept under.
const SAVED: &str = "settings";

impl Agent {
    /// Does an edit on a draft of the settings, which then counts as a whole, or not at all.
    pub(super) fn edit(
        &mut self,
        now: Now,
        by: &str,
        rights: &Rights,
        edit: impl FnOnce(&mut Look<'_>, &mut Settings, &Editor<'_>) -> Result<Response, Refusal>,
    ) -> Result<Response, Refusal> {
        let mut draft = self.settings.clone();
        let response = self.look_as(now, rights, |look| edit(look, &mut draft, &Editor { by, now }))?;
        if draft != self.settings {
            self.keep(&draft).map_err(|fault| Fault { text: format!("{}; nothing was changed", fault.text), ..fault })?;
            let before = std::mem::replace(&mut self.settings, draft);
            self.settings_changed(now, &before);
        }
        Ok(response)
    }

    /// Writes what of these settings must outlive a restart, if that is not what is written already.
    pub(super) fn keep(&mut self, settings: &Settings) -> Result<(), Fault> {
        let mut lasting = lasting(settings, &self.kept);
        lasting.instances.retain(|path, _| !self.trusted.is_of_guest(settings, path));
        if lasting != self.kept {
            let failed =
                |error: String| Fault::new(code::INTERNAL, format!("the settings cannot be written ({error}); what was kept before stays"));
            let bytes = serde_json::to_vec(&lasting).map_err(|error| failed(error.to_string()))?;
            self.host.save(SAVED, &bytes).map_err(|error| failed(error.to_string()))?;
            self.kept = lasting;
        }
        Ok(())
    }
}

/// What of the settings outlives a restart: subscriptions that are to, and the highest number that one of them ever had.
fn lasting(settings: &Settings, kept: &Settings) -> Settings {
    let persistent = settings.rows(TABLE).filter(|(_, args)| args.get("Persistent").is_some_and(|persistent| persistent == "true"));
    let instances = row::map(persistent.map(|(path, args)| (path.to_owned(), args.clone())));
    let number = |path: &String| path.trim_end_matches('.').rsplit('.').next()?.parse::<u32>().ok();
    let highest = instances.keys().filter_map(number).chain(kept.highest.get(TABLE).copied()).max();
    Settings { highest: row::map(highest.map(|number| (TABLE.to_owned(), number))), instances }
}

/// What was kept, or nothing with what is wrong with it.
pub(super) fn load(host: &dyn Host) -> (Settings, Option<String>) {
    let lost = |error: String| (Settings::default(), Some(format!("the saved settings are lost ({error}); the factory settings rule")));
    match host.load(SAVED) {
        Ok(None) => (Settings::default(), None),
        Ok(Some(bytes)) => match serde_json::from_slice::<Settings>(&bytes) {
            Ok(settings) => (lasting(&settings, &settings), None),
            Err(error) => lost(error.to_string()),
        },
        Err(error) => lost(error.to_string()),
    }
}
