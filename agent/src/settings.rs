//! Settings: tables that the agent owns (Subscription, Controller, MTP, MQTT.Client, BulkData.Profile), declared with the same
//! `row!` as everything else and kept as text by name, so one engine serves Get, Set, Add and Delete for all of them. A setting is one file and
//! one line of [`SETTINGS`].

use line3_proto::fault::code;
use line3_proto::path::{Op, Path, Segment, Target};
use line3_proto::row::{Args, Field, Row};
use line3_proto::sorted::Map;
use line3_proto::value::{Known, Value};
use line3_proto::{Fault, Now};

use crate::agent::Model;
use crate::view::View;

pub(crate) mod bulk_data;
mod controller;
pub mod controller_trust;
pub mod mqtt_client;
mod mtp;
pub mod subscription;
pub(crate) mod trigger;

/// A table, or an object in a table, that the agent owns.
pub trait Setting {
    /// Its path in the supported data model.
    const PATH: &'static str;
    /// What it is.
    const DOC: &'static str;
    /// The sets of parameters that are unique in the table.
    const KEYS: &'static [&'static [&'static str]] = &[];
    /// The most rows there can be; a further Add is refused with 7005. 0: rows are made by the configuration only.
    const MAX_ROWS: usize = 0;
    /// Its parameters.
    type Row: Row;
    /// Fills in what a controller need not give, and refuses what makes no sense together. `values` are those of the row as
    /// they are about to be kept.
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        let _ = (values, edit);
        Ok(())
    }
    /// The instance at this path is gone: takes along what makes no sense without it.
    fn gone(settings: &mut Settings, at: &str) {
        let _ = (settings, at);
    }
    /// Values that are not kept but looked up, for the instance at the concrete path `at`.
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let _ = (view, at);
        Vec::new()
    }
}

/// What there is to know about an edit of one instance.
pub struct Edit<'a> {
    /// The concrete path of the instance.
    pub at: &'a str,
    /// The path of the Controller row that wants it; empty: the agent itself.
    pub by: &'a str,
    /// The time.
    pub now: Now,
    /// Whether the row is being added.
    pub fresh: bool,
    /// All settings as this request has left them so far; a row that is being added is not among them yet.
    pub settings: &'a Settings,
    /// The supported data model.
    pub(crate) model: &'a Model,
}

impl Edit<'_> {
    /// Refuses values that turn off the controller that asks, or its way: nobody cuts off himself by accident, so there is always a
    /// controller that can mend what was done.
    pub(crate) fn not_oneself(&self, values: &Args) -> Result<(), Blame> {
        let off = values.get("Enable").is_some_and(|enable| enable == "false");
        if off && !self.fresh && !self.by.is_empty() && self.at.starts_with(self.by) {
            let text = "a controller does not turn off itself; let another one do it, so that the box stays in somebody's reach";
            return Err(("Enable", Fault::new(code::REQUEST_DENIED, text)));
        }
        Ok(())
    }

    /// Refuses a reference that leads nowhere: it must be empty or name a row of one of this table. One that names its row by a
    /// unique key (R-ARC.11) is kept as its number.
    pub(crate) fn refers(&self, values: &mut Args, name: &'static str, table: &str) -> Result<(), Blame> {
        let Some(value) = values.get_mut(name) else { return Ok(()) };
        // What it refers to may have gone since it was written; that is no reason to refuse other values.
        if !self.fresh && value == self.settings.value(self.at, name) {
            return Ok(());
        }
        let (mut rows, mut by_key) = (Vec::new(), false);
        for path in Vec::<String>::read(value).unwrap_or_default() {
            let Some(row) = self.row(&path, table) else {
                let text = format!("{path} is no row of {table}; {name} takes one that is there");
                return Err((name, Fault::new(code::INVALID_VALUE, text)));
            };
            by_key |= path.trim_end_matches('.') != row;
            rows.push(row);
        }
        if by_key {
            *value = rows.join(",");
        }
        Ok(())
    }

    /// The row of a table that a reference names by its number or by a unique key, without its last dot.
    fn row(&self, reference: &str, table: &str) -> Option<String> {
        let path = Path::parse_reference(reference).ok()?;
        let (last, above) = path.segments.split_last()?;
        if (Path { segments: above.to_vec(), target: Target::Object }).to_string() != table {
            return None;
        }
        let template = path.template();
        let is_it = |at: &str, args: &Args| match last {
            Segment::Instance(number) => at.strip_prefix(table) == Some(&format!("{number}.")),
            Segment::Search(conditions) => conditions.iter().all(|condition| {
                let [Segment::Name(key)] = condition.left.as_slice() else { return false };
                // Only of unique keys: what may not be read is not to be guessed by trying.
                let is_key =
                    self.model.nodes.get(template.as_str()).is_some_and(|node| node.keys().iter().any(|set| set.contains(&key.as_str())));
                let field = self.model.field(&template, key);
                is_key
                    && condition.op == Op::Equal
                    && field.is_some_and(|field| {
                        condition.holds(args.get(key).map_or("", String::as_str), field.shape.ty, field.shape.list).unwrap_or(false)
                    })
            }),
            _ => false,
        };
        let mut rows = self.settings.rows(table).filter(|(at, args)| is_it(at, args));
        let (row, _) = rows.next()?;
        rows.next().is_none().then(|| row.trim_end_matches('.').to_owned())
    }
}

/// What names that the agent makes up begin with.
pub(crate) const MADE_UP: &str = "cpe-";

/// Why values make no sense: the parameter to blame and what is wrong with it.
pub type Blame = (&'static str, Fault);

/// Looks up what is not kept of one instance.
type Live = fn(&View<'_>, &str) -> Vec<(&'static str, Known<String>)>;

/// Fills in and checks one instance.
type Complete = fn(&mut Args, &Edit<'_>) -> Result<(), Blame>;

/// A Setting as the engine handles it.
pub struct SettingDef {
    /// [`Setting::PATH`].
    pub path: &'static str,
    /// [`Setting::DOC`].
    pub doc: &'static str,
    /// [`Setting::KEYS`].
    pub keys: &'static [&'static [&'static str]],
    /// [`Setting::MAX_ROWS`].
    pub max_rows: usize,
    /// Its parameters.
    pub fields: &'static [Field],
    /// [`Setting::complete`].
    pub complete: Complete,
    /// [`Setting::gone`].
    pub gone: fn(&mut Settings, &str),
    /// [`Setting::live`].
    pub live: Live,
}

impl SettingDef {
    /// The definition of a Setting, for [`SETTINGS`].
    #[must_use]
    pub const fn of<S: Setting>() -> Self {
        Self {
            path: S::PATH,
            doc: S::DOC,
            keys: S::KEYS,
            max_rows: S::MAX_ROWS,
            fields: S::Row::FIELDS,
            complete: S::complete,
            gone: S::gone,
            live: S::live,
        }
    }

    /// The values of one instance, in the order of the fields: what is looked up, else what is kept, else the default.
    #[must_use]
    pub fn values(&self, view: &View<'_>, at: &str, kept: &Args) -> Vec<(&'static str, Known<String>)> {
        let live = (self.live)(view, at);
        let value = |field: &Field| {
            if field.secret {
                return Ok(String::new());
            }
            if let Some((_, value)) = live.iter().find(|(name, _)| *name == field.name) {
                return value.clone();
            }
            Ok(kept.get(field.name).cloned().or_else(|| field.default.map(|text| (*text).to_owned())).unwrap_or_default())
        };
        self.fields.iter().map(|field| (field.name, value(field))).collect()
    }
}

/// Every Setting, by path.
pub const SETTINGS: &[SettingDef] = &[
    SettingDef::of::<bulk_data::BulkData>(),
    SettingDef::of::<bulk_data::Profile>(),
    SettingDef::of::<bulk_data::JsonEncoding>(),
    SettingDef::of::<bulk_data::Mqtt>(),
    SettingDef::of::<bulk_data::Parameter>(),
    SettingDef::of::<controller::Controller>(),
    SettingDef::of::<controller::BootParameter>(),
    SettingDef::of::<controller::ControllerMtp>(),
    SettingDef::of::<controller::ControllerMtpMqtt>(),
    SettingDef::of::<controller::TransferCompletePolicy>(),
    SettingDef::of::<controller_trust::Trust>(),
    SettingDef::of::<controller_trust::Role>(),
    SettingDef::of::<controller_trust::Permission>(),
    SettingDef::of::<mtp::Mtp>(),
    SettingDef::of::<mtp::MtpMqtt>(),
    SettingDef::of::<subscription::Subscription>(),
    SettingDef::of::<mqtt_client::Client>(),
    SettingDef::of::<mqtt_client::ClientSubscription>(),
];

/// The agent's settings: every instance by its concrete path (`Device.LocalAgent.Subscription.1.`), every value by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The instances.
    pub instances: Map<String, Args>,
    /// The highest instance number ever given out, by the concrete path of the table: a number is never used again.
    pub highest: Map<String, u32>,
}

impl Settings {
    /// The instances of a table, by the concrete path of the table (`Device.LocalAgent.Subscription.`).
    pub fn rows<'a>(&'a self, table: &str) -> std::vec::IntoIter<(&'a str, &'a Args)> {
        // A list: a chain of iterators would be compiled anew for each of the many that ask.
        let below = self.instances.from(table).take_while(|(path, _)| path.starts_with(table));
        let rows = below.filter(|(path, _)| is_row_of(path, table)).map(|(path, args)| (path.as_str(), args));
        rows.collect::<Vec<_>>().into_iter()
    }

    /// A kept value; empty if there is none.
    #[must_use]
    pub fn value(&self, path: &str, name: &str) -> &str {
        self.instances.get(path).and_then(|args| args.get(name)).map_or("", String::as_str)
    }

    /// The path that the next row of a table gets; `None`: the numbers are used up.
    #[must_use]
    pub fn next(&self, table: &str) -> Option<String> {
        let number = self.highest.get(table).copied().unwrap_or(0).checked_add(1)?;
        Some(format!("{table}{number}."))
    }

    /// Puts a row at this path, with the objects in it that are no tables. Its number counts as given out.
    pub fn insert_row(&mut self, path: &str, values: Args) {
        self.instances.insert(path.to_owned(), values);
        let (table, number) = path.trim_end_matches('.').rsplit_once('.').unwrap_or_default();
        if let Ok(number) = number.parse::<u32>() {
            let highest = self.highest.or_default(format!("{table}."));
            *highest = number.max(*highest);
        }
        self.complete(path);
    }

    /// Puts the objects that are no tables into the row at this path.
    fn complete(&mut self, path: &str) {
        let template = template(path);
        for def in SETTINGS {
            if let Some(inner) = def.path.strip_prefix(&template).filter(|inner| !inner.is_empty() && !inner.contains("{i}")) {
                self.instances.or_default(format!("{path}{inner}"));
            }
        }
    }

    /// Puts the objects that are no tables into every row: what a configuration wrote of them stays.
    pub fn complete_rows(&mut self) {
        let rows: Vec<String> = self.instances.keys().cloned().collect();
        rows.iter().for_each(|path| self.complete(path));
    }

    /// Puts values under a path that is no row of a table of its own (`Device.BulkData.Profile.1.MQTT.`).
    pub fn put(&mut self, path: &str, values: &[(&str, &str)]) {
        let args = self.instances.or_default(path.to_owned());
        args.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// The row at this path is gone: takes it out of a list of references in each of these instances (TR-106, strong references).
    fn unrefer(&mut self, name: &str, row: &str, instances: &[String]) {
        let row = row.trim_end_matches('.');
        for path in instances {
            let Some(values) = self.instances.get_mut(path).and_then(|args| args.get_mut(name)) else { continue };
            let kept: Vec<&str> = values.split(',').filter(|path| path.trim().trim_end_matches('.') != row).collect();
            *values = kept.join(",");
        }
    }

    /// The paths of the rows of a table in which a reference names this row.
    fn referring(&self, table: &str, name: &str, row: &str) -> Vec<String> {
        let row = row.trim_end_matches('.');
        let refers = |args: &Args| args.get(name).is_some_and(|to| to.trim_end_matches('.') == row);
        self.rows(table).filter(|(_, args)| refers(args)).map(|(path, _)| path.to_owned()).collect()
    }

    /// Removes an instance and all below it. Its number is never used again, so neither are those of the tables in it.
    pub fn remove(&mut self, path: &str) {
        self.instances.retain(|key, _| !key.starts_with(path));
        self.highest.retain(|table, _| !table.starts_with(path));
    }
}

/// The path in the supported data model of a concrete one.
fn template(path: &str) -> String {
    let level = |level: &str| {
        if !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()) { "{i}".to_owned() } else { level.to_owned() }
    };
    let levels: Vec<String> = path.split('.').map(level).collect();
    levels.join(".")
}

/// Whether `path` is `table` followed by one instance number and a dot.
fn is_row_of(path: &str, table: &str) -> bool {
    path.strip_prefix(table).and_then(|rest| rest.strip_suffix('.')).is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

/// How many rows a table has, as the value of its `…NumberOfEntries`.
pub fn entries(view: &View<'_>, table: &str) -> Known<String> {
    Ok(view.settings.rows(table).count().to_string())
}
