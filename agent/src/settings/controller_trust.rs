//! `Device.LocalAgent.ControllerTrust.`: roles, what each may do, and who is trusted with what. What an agent without
//! certificates in its model cannot honour (Credential, Challenge, trust on first use) is left out.

use line3_proto::effect::Effect;
use line3_proto::fault::code;
use line3_proto::row;
use line3_proto::row::Args;
use line3_proto::value::{Known, Value};
use line3_proto::{Fault, Path};

use super::{Blame, Edit, Setting, Settings, entries};
use crate::commands::CommandDef;
use crate::view::View;

/// The concrete path of the object.
pub const TRUST: &str = "Device.LocalAgent.ControllerTrust.";
/// The concrete path of the table of roles.
pub const ROLES: &str = "Device.LocalAgent.ControllerTrust.Role.";
/// The role of a controller that has no other; in [`TRUST`].
pub const UNTRUSTED: &str = "UntrustedRole";
/// The role of a controller that is not to be heard; in [`TRUST`].
pub const BANNED: &str = "BannedRole";
/// The roles that read secured parameters; in [`TRUST`].
pub const SECURED: &str = "SecuredRoles";
/// The parameters of a permission that hold letters, in the order of what they are about.
pub const LETTERS: [&str; 4] = ["Param", "Obj", "InstantiatedObj", "CommandEvent"];
/// The built-in role that may do everything.
pub const FULL: &str = "Device.LocalAgent.ControllerTrust.Role.4";

/// The most entries of one `Targets`.
const MAX_TARGETS: usize = 32;

row! {
    /// What roles there are for whom.
    pub struct TrustRow {
        /// The role of a controller that has no other; at most one. Empty: a controller that is not in the table is refused.
        UntrustedRole: Vec<String> [rw, len(256)] = "",
        /// The role of controllers that are neither answered nor told anything.
        BannedRole: String [rw, len(256)] = "",
        /// The roles that read secured parameters; others read them as empty.
        SecuredRoles: Vec<String> [rw, len(256)] = "",
        /// How many roles there are.
        RoleNumberOfEntries: u32,
    }
}

row! {
    /// A role.
    pub struct RoleRow {
        /// A name that never changes; the agent makes one up (`cpe-1`).
        Alias: String [once, len(64)] = "",
        /// Whether it gives any rights.
        Enable: bool [rw] = "false",
        /// Its name; the agent makes one up.
        Name: String [rw, len(64)] = "",
        /// How many permissions it has.
        PermissionNumberOfEntries: u32,
    }
}

row! {
    /// A permission of a role: four letters each, `rwxn`, `-` for what is not allowed.
    pub struct PermissionRow {
        /// A name that never changes; the agent makes one up (`cpe-1`).
        Alias: String [once, len(64)] = "",
        /// Whether it counts.
        Enable: bool [rw] = "false",
        /// Of the permissions of a role that are about a path, the one with the highest rules; of two with the same the younger.
        Order: u32 [rw] = "0",
        /// What it is about, at most 32: objects with all below them, parameters, commands, events; searches too.
        Targets: Vec<String> [rw, len(512)] = "",
        /// Parameters: `r` get, `w` set, `n` be told of changes.
        Param: String [rw, len(4)] = "----",
        /// Objects: `r` see them, `w` add rows to the table, `n` be told of new ones.
        Obj: String [rw, len(4)] = "----",
        /// Rows: `r` see that they are there, `w` delete them, `n` be told that they are gone.
        InstantiatedObj: String [rw, len(4)] = "----",
        /// Commands and events: `r` see them, `x` run them, `n` be told of them.
        CommandEvent: String [rw, len(4)] = "----",
    }
}

/// The four letters as bits, `r` the lowest; `None` if they are not spelled so.
#[must_use]
pub fn letters(text: &str) -> Option<u8> {
    let mut bits = 0;
    let mut given = text.bytes();
    for (place, letter) in b"rwxn".iter().enumerate() {
        match given.next()? {
            b'-' => {}
            byte if byte == *letter => bits |= 1 << place,
            _ => return None,
        }
    }
    given.next().is_none().then_some(bits)
}

/// `Device.LocalAgent.ControllerTrust.`
pub(super) struct Trust;

impl Setting for Trust {
    const PATH: &'static str = TRUST;
    const DOC: &'static str = "What controllers are trusted with.";
    type Row = TrustRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        for name in [UNTRUSTED, BANNED, SECURED] {
            let roles = Vec::<String>::read(values.get(name).map_or("", String::as_str)).unwrap_or_default();
            if name != SECURED && roles.len() > 1 {
                return Err((name, Fault::new(code::INVALID_VALUE, format!("{name} takes one role, not {}", roles.len()))));
            }
            edit.refers(values, name, ROLES)?;
        }
        Ok(())
    }
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("RoleNumberOfEntries", entries(view, ROLES))]
    }
}

/// `Device.LocalAgent.ControllerTrust.Role.{i}.`
pub(super) struct Role;

impl Setting for Role {
    const PATH: &'static str = "Device.LocalAgent.ControllerTrust.Role.{i}.";
    const DOC: &'static str = "A role that controllers can have.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"], &["Alias"]];
    const MAX_ROWS: usize = 16;
    type Row = RoleRow;
    fn gone(settings: &mut Settings, at: &str) {
        let controllers: Vec<String> = settings.rows("Device.LocalAgent.Controller.").map(|(path, _)| path.to_owned()).collect();
        settings.unrefer("AssignedRole", at, &controllers);
        for name in [UNTRUSTED, BANNED, SECURED] {
            settings.unrefer(name, at, &[TRUST.to_owned()]);
        }
    }
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("PermissionNumberOfEntries", entries(view, &format!("{at}Permission.")))]
    }
}

/// `Device.LocalAgent.ControllerTrust.Role.{i}.Permission.{i}.` Its `Order` is no unique key here: the test plan adds two
/// permissions of the same order (TP-469 2.22, 2.23), and what that means is clear all the same.
pub(super) struct Permission;

impl Setting for Permission {
    const PATH: &'static str = "Device.LocalAgent.ControllerTrust.Role.{i}.Permission.{i}.";
    const DOC: &'static str = "What the role may do to what.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    const MAX_ROWS: usize = 64;
    type Row = PermissionRow;
    fn complete(values: &mut Args, _: &Edit<'_>) -> Result<(), Blame> {
        let invalid = |text: String| Fault::new(code::INVALID_VALUE, text);
        for name in LETTERS {
            let value = values.get(name).map_or("", String::as_str);
            if letters(value).is_none() {
                let text = format!("{name} takes four letters, each of rwxn in its place or -, e.g. r--n; not {value:?}");
                return Err((name, invalid(text)));
            }
        }
        let targets = Vec::<String>::read(values.get("Targets").map_or("", String::as_str)).unwrap_or_default();
        if targets.len() > MAX_TARGETS {
            return Err(("Targets", invalid(format!("Targets has {} entries; at most {MAX_TARGETS} are taken", targets.len()))));
        }
        for target in &targets {
            target_path(target).map_err(|fault| ("Targets", invalid(fault.text)))?;
        }
        Ok(())
    }
}

/// Reads an entry of `Targets`. TR-369 leaves out the last dot of an object now and then (`Device`).
///
/// # Errors
/// 7008: it is no path.
pub fn target_path(text: &str) -> Result<Path, Fault> {
    Path::parse(text).or_else(|fault| Path::parse(&format!("{text}.")).map_err(|_| fault))
}

/// The rights to see everything and to be told of it.
const SEE: [&str; 4] = ["r--n"; 4];

/// Takes the values of an instance.
type Put<'a> = dyn FnMut(&str, &[(&str, &str)]) + 'a;

/// Makes the built-in roles: each may do what the one before it may, and more.
pub(crate) fn factory(commands: &[CommandDef], put: &mut Put<'_>) {
    put(TRUST, &[(SECURED, FULL)]);
    let roles = [("Observe", None), ("Diagnose", Some(Effect::Read)), ("Repair", Some(Effect::Disrupt))];
    for (number, (name, most)) in (1..).zip(roles) {
        let mut role = RoleMaker::new(put, number, name);
        role.permission("Device.", SEE);
        // Whoever is told of something says so by a subscription.
        role.permission("Device.LocalAgent.Subscription.", ["rw-n", "rw-n", "rw-n", "r--n"]);
        let allowed = commands.iter().filter(|command| most.is_some_and(|most| command.effect <= most));
        let paths: Vec<String> = allowed.map(|command| command.path.replace("{i}", "*")).collect();
        for some in paths.chunks(MAX_TARGETS) {
            role.permission(&some.join(","), ["r--n", "r--n", "r--n", "r-xn"]);
        }
    }
    RoleMaker::new(put, 4, "Full").permission("Device.", ["rwxn"; 4]);
}

struct RoleMaker<'a, 'b> {
    put: &'a mut Put<'b>,
    path: String,
    permissions: u32,
}

impl<'a, 'b> RoleMaker<'a, 'b> {
    fn new(put: &'a mut Put<'b>, number: u32, name: &str) -> Self {
        let path = format!("{ROLES}{number}.");
        put(&path, &[("Alias", &format!("cpe-{number}")), ("Enable", "true"), ("Name", name)]);
        Self { put, path, permissions: 0 }
    }

    /// Adds a permission that goes before those that were added earlier.
    fn permission(&mut self, targets: &str, [param, obj, instantiated, command]: [&str; 4]) {
        let order = self.permissions.to_string();
        self.permissions += 1;
        let (path, alias) = (format!("{}Permission.{}.", self.path, self.permissions), format!("cpe-{}", self.permissions));
        let values = [
            ("Alias", alias.as_str()),
            ("Enable", "true"),
            ("Order", &order),
            ("Targets", targets),
            ("Param", param),
            ("Obj", obj),
            ("InstantiatedObj", instantiated),
            ("CommandEvent", command),
        ];
        (self.put)(&path, &values);
    }
}
