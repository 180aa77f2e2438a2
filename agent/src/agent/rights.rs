//! What a controller may do, by path and by right (TR-369 "Role Based Access Control"): the roles of
//! `Device.LocalAgent.ControllerTrust.` made ready for a quick answer.
//!
//! In one role the permission with the highest `Order` that is about a path rules, alone; of two with the same the younger.
//! Of several roles the rights add up. What no permission is about is not allowed.

use std::rc::Rc;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::Path;
use line3_proto::row::Args;
use line3_proto::sorted::Set;
use line3_proto::value::Value;

use super::look::Look;
use crate::settings::Settings;
use crate::settings::controller_trust::{BANNED, LETTERS, ROLES, SECURED, TRUST, UNTRUSTED, letters};
use target::{Cover, Entry, Target, entry};

mod target;
#[cfg(test)]
mod tests;

/// The most places that a search in `Targets` may find; a wider one denies all that it could have found.
const MAX_FOUND: usize = 1000;

/// What a right is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A parameter, by its full path.
    Param,
    /// An object or a table, by its path.
    Obj,
    /// A row of a table, by its path.
    InstantiatedObj,
    /// A command or an event, by its path.
    CommandEvent,
}

/// What may be done to it, in the order of the letters `rwxn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Getting it, and seeing that it is supported; of a row: seeing that it is there.
    Read,
    /// Setting it; of a table: adding to it; of a row: deleting it.
    Write,
    /// Running it.
    Execute,
    /// Being told of it.
    Notify,
}

/// Rights of each kind: four bits a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Grants(u16);

impl Grants {
    const ALL: Self = Self(u16::MAX);

    /// Those of a row of the Permission table. What is not spelled as it should be grants nothing.
    fn of(permission: &Args) -> Self {
        let text = |name: &str| permission.get(name).map_or("", String::as_str);
        let bits = |(shift, name): (usize, &&str)| u16::from(letters(text(name)).unwrap_or(0)) << (4 * shift);
        Self(LETTERS.iter().enumerate().map(bits).sum())
    }

    fn has(self, kind: Kind, right: Right) -> bool {
        self.0 >> (4 * kind as u16 + right as u16) & 1 == 1
    }
}

/// A permission of a role.
#[derive(Clone, Debug)]
struct Permission {
    targets: Vec<Target>,
    /// Targets that have to be looked up, and where they led when these rights were made.
    searches: Vec<Path>,
    found: Set<String>,
    grants: Grants,
    /// It stands for searches that could not be looked up, until they are the next time.
    stopgap: bool,
}

impl Permission {
    fn of(row: &Args) -> Self {
        let mut permission = Self { targets: Vec::new(), searches: Vec::new(), found: Set::new(), grants: Grants::of(row), stopgap: false };
        let list = Vec::<String>::read(row.get("Targets").map_or("", String::as_str)).unwrap_or_default();
        for text in list {
            match entry(&text) {
                Ok(Entry::Fixed(targets)) => permission.targets.extend(targets),
                Ok(Entry::Search(path)) => permission.searches.push(path),
                // It was checked when it was set; of a file that somebody else wrote it covers nothing.
                Err(_) => {}
            }
        }
        permission
    }

    fn cover(&self, path: &str) -> Cover {
        let mut covers = Cover::No;
        for target in &self.targets {
            match target.cover(path) {
                Cover::All => return Cover::All,
                Cover::Some => covers = Cover::Some,
                Cover::No => {}
            }
        }
        if self.searches.is_empty() {
            return covers;
        }
        if path.contains("{i}") {
            let could = self.searches.iter().any(|search| !search.follows() && Target::widest(search).cover(path) != Cover::No);
            return if could { Cover::Some } else { covers };
        }
        // An object that was found covers all that is below it.
        let mut above = path.match_indices('.').filter_map(|(dot, _)| path.get(..=dot));
        if self.found.contains(path) || above.any(|object| self.found.contains(object)) { Cover::All } else { covers }
    }

    /// Whether something in the object at `path` is treated apart from the rest.
    fn names_in(&self, path: &str) -> bool {
        let next = || self.found.from(path).find(|found| *found != path);
        let found = || next().is_some_and(|found| found.starts_with(path) && !found.ends_with('.'));
        self.targets.iter().any(|target| target.names_in(path)) || found()
    }

    /// Looks its searches up, anew. What cannot be looked up is denied: the second permission goes before the first.
    fn looked_up(&self, look: &mut Look<'_>) -> (Self, Option<Self>) {
        let (mut done, mut denied) = (Self { found: Set::new(), ..self.clone() }, Vec::new());
        for search in &self.searches {
            match places(look, search) {
                Ok(found) => done.found.extend(found),
                Err(fault) if [code::INVALID_PATH, code::OBJECT_DOES_NOT_EXIST].contains(&fault.code) => {}
                Err(_) => denied.push(Target::widest(search)),
            }
        }
        let deny = Self { targets: denied, searches: Vec::new(), found: Set::new(), grants: Grants::default(), stopgap: true };
        (done, Some(deny).filter(|deny| !deny.targets.is_empty()))
    }
}

/// Where a search leads: concrete paths.
fn places(look: &mut Look<'_>, search: &Path) -> Result<Vec<String>, Fault> {
    let found = look.resolve(search)?;
    if found.len() > MAX_FOUND {
        return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{search} finds more than {MAX_FOUND} places")));
    }
    let text = search.to_string();
    let name = text.rsplit('.').next().unwrap_or("");
    Ok(found.into_iter().map(|place| format!("{}{name}", place.path)).collect())
}

/// The permissions of a role, the highest first.
#[derive(Clone, Debug)]
struct Role(Vec<Permission>);

impl Role {
    /// The role at `path`; none if there is none, or it is not enabled.
    fn of(settings: &Settings, path: &str) -> Option<Self> {
        let is_on = |args: &Args| args.get("Enable").is_some_and(|enable| enable == "true");
        let known = settings.rows(ROLES).any(|(row, args)| row == path && is_on(args));
        let table = format!("{path}Permission.");
        let number = |path: &str| path.trim_end_matches('.').rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
        let order = |args: &Args| args.get("Order").and_then(|order| order.parse::<u32>().ok()).unwrap_or(0);
        let mut rows: Vec<_> =
            settings.rows(&table).filter(|(_, args)| is_on(args)).map(|(path, args)| ((order(args), number(path)), args)).collect();
        rows.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
        known.then(|| Self(rows.into_iter().map(|(_, args)| Permission::of(args)).collect()))
    }

    fn is_full(&self) -> bool {
        self.0.first().is_some_and(|first| first.grants == Grants::ALL && first.targets.iter().any(Target::is_everything))
    }

    fn grants(&self, path: &str) -> Grants {
        let mut grants = Grants::default();
        for permission in &self.0 {
            match permission.cover(path) {
                Cover::No => {}
                // Of the supported data model counts what is allowed for some instance.
                Cover::Some => grants.0 |= permission.grants.0,
                Cover::All => return Grants(grants.0 | permission.grants.0),
            }
        }
        grants
    }
}

/// The rights of one controller. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    /// Everything is allowed, so nothing needs to be asked.
    full: bool,
    secured: bool,
    banned: bool,
    roles: Rc<[Role]>,
}

impl Rights {
    /// Everything: the agent's own.
    pub(crate) fn full() -> Self {
        Self { full: true, secured: true, ..Self::default() }
    }

    /// What the settings allow the controller of a Controller row: its `AssignedRole`, else the `UntrustedRole`.
    pub(super) fn of(settings: &Settings, controller: &str) -> Self {
        if is_banned(settings, controller) {
            return Self { banned: true, ..Self::default() };
        }
        let (assigned, secured) = (assigned(settings, controller), list(settings, TRUST, SECURED));
        // However often a role is listed: there are as many as the table has rows.
        let assigned: Set<&str> = assigned.iter().map(|path| path.trim_end_matches('.')).collect();
        let roles: Vec<(&str, Role)> =
            assigned.into_iter().filter_map(|path| Some((path, Role::of(settings, &format!("{path}."))?))).collect();
        Self {
            full: roles.iter().any(|(_, role)| role.is_full()),
            secured: roles.iter().any(|(path, _)| secured.iter().any(|secured| same(path, secured))),
            banned: false,
            roles: roles.into_iter().map(|(_, role)| role).collect(),
        }
    }

    /// Whether some of it has to be looked up before it can be asked.
    pub(super) fn has_searches(&self) -> bool {
        !self.full && self.roles.iter().flat_map(|role| &role.0).any(|permission| !permission.searches.is_empty())
    }

    /// The same, its searches looked up.
    pub(super) fn looked_up(&self, look: &mut Look<'_>) -> Self {
        let mut role = |role: &Role| {
            let mut permissions = Vec::with_capacity(role.0.len());
            for permission in role.0.iter().filter(|permission| !permission.stopgap) {
                let (done, denied) = permission.looked_up(look);
                permissions.extend(denied);
                permissions.push(done);
            }
            Role(permissions)
        };
        Self { roles: self.roles.iter().map(&mut role).collect(), ..self.clone() }
    }

    /// Whether everything is allowed.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether it has a role of `SecuredRoles`: others read secured parameters as empty.
    pub(crate) fn sees_secured(&self) -> bool {
        self.secured
    }

    /// Whether one of its roles is the `BannedRole`.
    pub(crate) fn is_banned(&self) -> bool {
        self.banned
    }

    /// Whether this may be done to what is at `path`: concrete, or of the supported data model (then: for some instance).
    pub(crate) fn allows(&self, kind: Kind, right: Right, path: &str) -> bool {
        self.full || self.grants(path).has(kind, right)
    }

    /// What is allowed with the parameters of the object at `path`.
    pub(crate) fn within<'a>(&'a self, path: &'a str) -> Within<'a> {
        let alike = self.full || !self.roles.iter().flat_map(|role| &role.0).any(|permission| permission.names_in(path));
        Within { rights: self, path, grants: alike.then(|| self.grants(path)) }
    }

    fn grants(&self, path: &str) -> Grants {
        if self.full {
            return Grants::ALL;
        }
        Grants(self.roles.iter().fold(0, |grants, role| grants | role.grants(path).0))
    }
}

fn list(settings: &Settings, path: &str, name: &str) -> Vec<String> {
    Vec::<String>::read(settings.value(path, name)).unwrap_or_default()
}

/// The roles of a controller.
fn assigned(settings: &Settings, controller: &str) -> Vec<String> {
    let assigned = list(settings, controller, "AssignedRole");
    if assigned.is_empty() { list(settings, TRUST, UNTRUSTED) } else { assigned }
}

/// Whether the controller of this Controller row has the `BannedRole`: it is refused, and told nothing.
pub(super) fn is_banned(settings: &Settings, controller: &str) -> bool {
    let banned = settings.value(TRUST, BANNED);
    !banned.is_empty() && assigned(settings, controller).iter().any(|role| same(role, banned))
}

/// Whether two references name the same row, with their last dot or without.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.') == other.trim_end_matches('.')
}

/// The rights to what is in one object.
pub(crate) struct Within<'a> {
    rights: &'a Rights,
    path: &'a str,
    /// Where nothing in it is treated apart: the same for all.
    grants: Option<Grants>,
}

impl Within<'_> {
    /// Whether this may be done to the parameter of this name.
    pub(crate) fn allows(&self, right: Right, name: &str) -> bool {
        match self.grants {
            Some(grants) => grants.has(Kind::Param, right),
            None => self.rights.allows(Kind::Param, right, &format!("{}{name}", self.path)),
        }
    }

    /// Whether this may be done to every one of these.
    pub(crate) fn allows_all<'n>(&self, right: Right, names: impl IntoIterator<Item = &'n &'n str>) -> bool {
        names.into_iter().all(|name| self.allows(right, name))
    }
}
