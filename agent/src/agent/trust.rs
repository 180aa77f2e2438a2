//! Who may do what now: the rights of each controller, and controllers that nobody has introduced.

use line3_proto::fault::code;
use line3_proto::row::{Args, map};
use line3_proto::sorted::Map;
use line3_proto::{EndpointId, Fault, Now};

use super::look::Look;
use super::rights::{Kind, Right, Rights};
use super::{Agent, CONTROLLERS};
use crate::settings::controller_trust::{ROLES, TRUST, UNTRUSTED};
use crate::settings::subscription::TABLE;
use crate::settings::{MADE_UP, Settings, bulk_data};
use crate::view::View;

/// The most controllers that are let in without having been introduced; a further one is refused with 7006 until a row is
/// deleted or the agent restarts.
const MAX_GUESTS: usize = 4;

/// The rights of the controllers, and whom the agent let in by itself.
#[derive(Default)]
pub(super) struct Trusted {
    /// By the path of the Controller row, bounded by that table. Made anew whenever the settings change.
    rights: Map<String, Rights>,
    /// Whether some of them have searches in their `Targets`.
    searches: bool,
    /// The Controller rows that the agent made for unknown controllers, as it made them. At most [`MAX_GUESTS`].
    guests: Map<String, Args>,
}

impl Trusted {
    /// Whether this Controller row was made by the agent and is still as it made it.
    fn is_guest(&self, settings: &Settings, row: &str) -> bool {
        self.guests.get(row).is_some_and(|made| settings.instances.get(row) == Some(made))
    }

    /// Whether an instance is of a guest, so that it does not outlive the agent: the row, what is below it, its subscriptions, its
    /// profiles. In the next run another controller may get the row's number.
    pub(super) fn is_of_guest(&self, settings: &Settings, path: &str) -> bool {
        if self.guests.is_empty() {
            return false;
        }
        let recipient = || format!("{}.", settings.value(path, "Recipient"));
        let profile = path.strip_prefix(bulk_data::TABLE).and_then(|rest| rest.split('.').next());
        let owner = profile.map(|profile| format!("{}.", settings.value(&format!("{}{profile}.", bulk_data::TABLE), "Controller")));
        let guest = |row: &String| {
            path.starts_with(row.as_str()) || (path.starts_with(TABLE) && recipient() == *row) || owner.as_ref() == Some(row)
        };
        self.guests.keys().any(|row| guest(row) && self.is_guest(settings, row))
    }
}

impl Agent {
    /// The row of the enabled controller with this endpoint id.
    pub(super) fn controller_row(&self, id: &str) -> Option<&str> {
        let is_it = |args: &Args| {
            let is = |name: &str, value: &str| args.get(name).is_some_and(|kept| kept == value);
            is("EndpointID", id) && is("Enable", "true")
        };
        self.settings.rows(CONTROLLERS).find(|(_, args)| is_it(args)).map(|(path, _)| path)
    }

    /// The rights of the controller of this Controller row (`Device.LocalAgent.Controller.1.`); of a row that is not there: none.
    pub(super) fn rights_of(&self, controller: &str) -> Rights {
        self.trusted.rights.get(controller).cloned().unwrap_or_default()
    }

    /// Roles, or who has them, may have changed: what comes next is judged by what they are now.
    pub(super) fn trust_changed(&mut self, now: Now) {
        let settings = &self.settings;
        self.trusted.guests.retain(|row, made| settings.instances.get(row) == Some(made));
        self.trusted.rights = settings.rows(CONTROLLERS).map(|(path, _)| (path.to_owned(), Rights::of(settings, path))).collect();
        self.trusted.searches = self.trusted.rights.values().any(Rights::has_searches);
        self.look_up_targets(now);
    }

    /// Refuses an edit after which who made it could no longer make roles and give them to himself, if he could before: so
    /// nobody locks himself out by accident, and there is always a controller that can mend what was done.
    pub(super) fn stays_in_charge(&mut self, now: Now, by: &str, rights: &Rights, draft: &Settings) -> Result<(), Fault> {
        let assign = format!("{by}AssignedRole");
        let in_charge = |rights: &Rights| {
            rights.allows(Kind::Param, Right::Write, &assign) && rights.allows(Kind::Obj, Right::Write, ROLES) && !rights.is_banned()
        };
        if by.is_empty() || !in_charge(rights) {
            return Ok(());
        }
        let mut after = Rights::of(draft, by);
        if after.has_searches() {
            after = self.look(now, |look| after.looked_up(look));
        }
        if in_charge(&after) {
            return Ok(());
        }
        let text = "you could not undo this: you would no longer have a role that lets you change roles; let another controller do it";
        Err(Fault::new(code::REQUEST_DENIED, text))
    }

    /// Looks up what the searches in `Targets` find now. It is done before each thing that happens, so that permissions follow the
    /// values; without searches it costs nothing.
    pub(super) fn look_up_targets(&mut self, now: Now) {
        if !self.trusted.searches {
            return;
        }
        let mut rights = std::mem::take(&mut self.trusted.rights);
        for rights in rights.values_mut().filter(|rights| rights.has_searches()) {
            *rights = self.look(now, |look| rights.looked_up(look));
        }
        self.trusted.rights = rights;
    }

    /// Lets in a controller that nobody has introduced, if there is an `UntrustedRole` for it: gives the path of its new row.
    pub(super) fn let_in(&mut self, now: Now, from: &EndpointId) -> Option<String> {
        let role = self.settings.value(TRUST, UNTRUSTED).to_owned();
        let is_known = self.settings.rows(CONTROLLERS).any(|(_, args)| args.get("EndpointID").is_some_and(|id| id == from.as_str()));
        if role.is_empty() || is_known || self.trusted.guests.len() >= MAX_GUESTS {
            return None;
        }
        let before = self.settings.clone();
        let row = self.settings.next(CONTROLLERS)?;
        let alias = format!("{MADE_UP}{}", row.trim_end_matches('.').rsplit('.').next().unwrap_or(""));
        // There is no way to tell it anything, so it is not asked to take the box on board either.
        let values = [
            ("Alias", alias.as_str()),
            ("EndpointID", from.as_str()),
            ("Enable", "true"),
            ("AssignedRole", &role),
            ("OnBoardingComplete", "true"),
        ];
        let made: Args = map(values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.settings.insert_row(&row, made.clone());
        self.trusted.guests.insert(row.clone(), made);
        self.log(format!("{from} is unknown; it has the role {role} until the agent restarts"));
        self.settings_changed(now, &before);
        Some(row)
    }

    /// One look at the data model, of somebody with these rights.
    pub(super) fn look_as<T>(&mut self, now: Now, rights: &Rights, f: impl FnOnce(&mut Look<'_>) -> T) -> T {
        let view = View { now, host: &*self.host, facts: &self.facts, settings: &self.settings, only: None };
        f(&mut Look::new(&self.model, &view, &mut self.numbers, rights))
    }
}
