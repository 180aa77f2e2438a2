//! Changing the settings, and keeping what of them outlives the agent: in what they differ from those of the factory.
//!
//! Only the difference is kept, so that a firmware whose configuration has another value takes effect wherever nobody has chosen
//! one, and flash is written only when somebody has.

use std::io::ErrorKind;

use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::row::{self, Args};
use line3_proto::sorted::Map;
use line3_proto::usp::{ParamError, Response};
use line3_proto::{Fault, Mono, Now};
use serde::{Deserialize, Serialize};

use super::Agent;
use super::edit::Editor;
use super::look::Look;
use super::rights::Rights;
use crate::host::Host;
use crate::settings::Settings;
use crate::settings::subscription::TABLE;

/// The name that the difference is kept under.
const SAVED: &str = "settings";

/// The name that a difference which this agent cannot read is set aside under.
const UNREAD: &str = "settings.bad";

/// The version of what is kept.
const VERSION: u32 = 1;

/// The settings of the factory, and what was last kept of how they differ.
pub(super) struct Kept {
    factory: Settings,
    difference: Difference,
}

/// In what settings differ from those of the factory. Its size is bounded by [`crate::saved::MAX_SAVED`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    version: u32,
    /// Values of instances that the factory has.
    changed: Map<String, Args>,
    /// Instances that the factory does not have.
    added: Map<String, Args>,
    /// Instances that only the factory has; what is below them is gone too.
    removed: Vec<String>,
    /// The highest numbers, where they are higher than the factory's.
    highest: Map<String, u32>,
}

impl Difference {
    /// In what `settings` differ, as far as it lasts: a subscription does not that is not `Persistent`.
    fn of(settings: &Settings, factory: &Settings) -> Self {
        let mut made = Self { version: VERSION, ..Self::default() };
        for (path, args) in settings.instances.iter().filter(|(path, args)| lasts(path, args)) {
            let Some(old) = factory.instances.get(path) else {
                made.added.insert(path.clone(), args.clone());
                continue;
            };
            let new = args.iter().filter(|(name, value)| old.get(*name) != Some(value));
            let new = row::map(new.map(|(name, value)| (name.clone(), value.clone())));
            if !new.is_empty() {
                made.changed.insert(path.clone(), new);
            }
        }
        for path in factory.instances.keys().filter(|path| !settings.instances.contains_key(*path)) {
            // They come in order, so what is below a removed one comes right after it.
            if !made.removed.last().is_some_and(|removed| path.starts_with(removed)) {
                made.removed.push(path.clone());
            }
        }
        let higher = settings.highest.iter().filter(|(table, number)| factory.highest.get(*table).is_none_or(|old| old < number));
        made.highest = higher.map(|(table, number)| (table.clone(), *number)).collect();
        made
    }

    /// The settings of the factory with this difference. What it changes and the factory no longer has is left out.
    fn over(&self, factory: &Settings) -> Settings {
        let mut settings = factory.clone();
        self.removed.iter().for_each(|path| settings.remove(path));
        for (path, args) in self.changed.iter() {
            if let Some(kept) = settings.instances.get_mut(path) {
                kept.extend(args.clone());
            }
        }
        settings.instances.extend(self.added.clone());
        for (table, number) in self.highest.iter() {
            let highest = settings.highest.or_default(table.clone());
            *highest = (*highest).max(*number);
        }
        settings
    }

    /// Whether the same is said of the instances. Numbers that were given to rows which do not last need no write of their own.
    fn same_instances(&self, other: &Self) -> bool {
        self.changed == other.changed && self.added == other.added && self.removed == other.removed
    }
}

/// Whether an instance outlives the agent.
fn lasts(path: &str, args: &Args) -> bool {
    !path.starts_with(TABLE) || args.get("Persistent").is_some_and(|persistent| persistent == "true")
}

impl Kept {
    /// The settings of the factory with what was kept, and what was wrong with that, if anything was.
    pub(super) fn load(host: &dyn Host, factory: Settings) -> (Self, Settings, Option<String>) {
        let (difference, trouble) = read(host);
        let settings = difference.over(&factory);
        (Self { factory, difference }, settings, trouble)
    }
}

/// Does what a request says on a draft of the settings.
type Edit<'a> = &'a dyn Fn(&mut Look<'_>, &mut Settings, &Editor<'_>) -> Result<Response, Refusal>;

impl Agent {
    /// Does an edit on a draft of the settings, which then counts as a whole, or not at all. `objects`: how many objects the request
    /// has, if it may be done in part; then those that leave the box as nobody may leave it are refused one by one. `sparing`: what is
    /// written counts as wear of the editor's.
    pub(super) fn edit(
        &mut self,
        now: Now,
        by: &str,
        rights: &Rights,
        sparing: bool,
        objects: Option<usize>,
        edit: Edit<'_>,
    ) -> Result<Response, Refusal> {
        let mut draft = self.settings.clone();
        let mut response = self.look_as(now, rights, |look| edit(look, &mut draft, &Editor::new(by, now)))?;
        if draft == self.settings {
            return Ok(response);
        }
        if let Err(refusal) = self.may_become(now, by, rights, &draft, &mut Map::new()) {
            let objects = objects.ok_or(refusal)?;
            (response, draft) = self.edit_each(now, by, rights, objects, edit)?;
        }
        let worn_by = sparing.then_some((by, now.mono));
        self.keep(&draft, worn_by).map_err(|fault| Fault { text: format!("{}; nothing was changed", fault.text), ..fault })?;
        let before = std::mem::replace(&mut self.settings, draft);
        self.settings_changed(now, &before);
        Ok(response)
    }

    /// Does an edit object by object, as each may be done or not for itself.
    fn edit_each(&mut self, now: Now, by: &str, rights: &Rights, objects: usize, edit: Edit<'_>) -> Result<(Response, Settings), Refusal> {
        let (mut draft, mut looked) = (self.settings.clone(), Map::new());
        let (mut editor, mut all) = (Editor::new(by, now), None);
        for index in 0..objects {
            (editor.only, editor.refused) = (Some(index), None);
            let mut next = draft.clone();
            let mut response = self.look_as(now, rights, |look| edit(look, &mut next, &editor))?;
            match if next == draft { Ok(()) } else { self.may_become(now, by, rights, &next, &mut looked) } {
                Ok(()) => draft = next,
                Err(refusal) => {
                    editor.refused = Some(refusal);
                    response = self.look_as(now, rights, |look| edit(look, &mut draft, &editor))?;
                }
            }
            all = Some(match all {
                Some(all) => joined(all, response),
                None => response,
            });
        }
        let all = all.ok_or_else(|| Fault::new(code::INVALID_ARGUMENTS, "the request names nothing"))?;
        Ok((all, draft))
    }

    /// Whether the settings may become these, which are sound by themselves. `looked`: see [`Agent::can_watch`].
    fn may_become(
        &mut self,
        now: Now,
        by: &str,
        rights: &Rights,
        draft: &Settings,
        looked: &mut Map<String, usize>,
    ) -> Result<(), Refusal> {
        self.stays_reachable(draft)?;
        self.stays_in_charge(now, by, rights, draft)?;
        self.can_watch(now, draft, looked).map_err(|(row, fault)| Refusal {
            params: vec![ParamError { param_path: format!("{row}ReferenceList"), err_code: fault.code, err_msg: fault.text.clone() }],
            fault,
        })
    }

    /// Writes what of these settings must outlive a restart, if that is not what is written already. 7005 if it is too much, 7003 if
    /// it cannot be written; then what was kept before stays. `worn_by`: whose wear of the flash that is, and when.
    pub(super) fn keep(&mut self, settings: &Settings, worn_by: Option<(&str, Mono)>) -> Result<(), Fault> {
        let mut difference = Difference::of(settings, &self.kept.factory);
        difference.added.retain(|path, _| !self.trusted.is_of_guest(settings, path));
        if difference.same_instances(&self.kept.difference) {
            return Ok(());
        }
        worn_by.map_or(Ok(()), |(by, now)| self.wear.count(by, now))?;
        let failed =
            |code: u32, error: String| Fault::new(code, format!("the settings cannot be written ({error}); what was kept before stays"));
        let bytes = serde_json::to_vec(&difference).map_err(|error| failed(code::INTERNAL, error.to_string()))?;
        self.host.save(SAVED, &bytes).map_err(|error| {
            let code = if error.kind() == ErrorKind::FileTooLarge { code::RESOURCES_EXCEEDED } else { code::INTERNAL };
            failed(code, error.to_string())
        })?;
        self.kept.difference = difference;
        Ok(())
    }
}

/// One answer of two.
fn joined(mut all: Response, more: Response) -> Response {
    match (&mut all, more) {
        (Response::AddResp(all), Response::AddResp(more)) => all.created_obj_results.extend(more.created_obj_results),
        (Response::SetResp(all), Response::SetResp(more)) => all.updated_obj_results.extend(more.updated_obj_results),
        (Response::DeleteResp(all), Response::DeleteResp(more)) => all.deleted_obj_results.extend(more.deleted_obj_results),
        _ => {}
    }
    all
}

/// What was kept, or nothing with what is wrong with it.
fn read(host: &dyn Host) -> (Difference, Option<String>) {
    let lost = |error: String| (Difference::default(), Some(format!("the saved settings are lost ({error}); the factory settings rule")));
    let bytes = match host.load(SAVED) {
        Ok(None) => return (Difference::default(), None),
        Ok(Some(bytes)) => bytes,
        Err(error) => return lost(error.to_string()),
    };
    let error = match serde_json::from_slice::<Difference>(&bytes) {
        Ok(difference) if difference.version == VERSION => return (difference, None),
        Ok(difference) => format!("they are of version {}, not {VERSION}", difference.version),
        Err(error) => error.to_string(),
    };
    // Once is enough: it lies there until the settings are written the next time, however often the agent starts.
    let is_aside = host.load(UNREAD).is_ok_and(|aside| aside.as_ref() == Some(&bytes));
    let aside = match if is_aside { Ok(()) } else { host.save(UNREAD, &bytes) } {
        Ok(()) => format!("they are kept as {UNREAD}"),
        Err(error) => format!("they could not be kept as {UNREAD}: {error}"),
    };
    lost(format!("{error}; {aside}"))
}

#[cfg(test)]
mod tests;
