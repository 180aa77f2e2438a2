//! One look at the data model, for one request: it reads each object once.

use std::rc::Rc;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Path, Target};
use line3_proto::sorted::{Map, Set};
use line3_proto::value::Known;

use super::model::{ABSENT, Model, Source};
use super::numbers::{Numbers, numbers_in};
use super::rights::{Kind, Right, Rights};
use crate::objects::AnyRow;
use crate::settings::SettingDef;
use crate::view::View;

mod resolve;

/// The most work for one request, counted in rows looked at, conditions tried and values given; what takes more is refused with
/// 7005. A whole Get of a large box takes some 10 000.
const MAX_WORK: usize = 100_000;

/// An object instance and its values.
pub(crate) struct Row {
    /// Its concrete path.
    pub(crate) path: String,
    /// Its values, in the order of its fields.
    pub(crate) values: Vec<(&'static str, Known<String>)>,
    /// Its instance numbers, for the order.
    numbers: Vec<u32>,
}

impl Row {
    /// A value by name.
    pub(crate) fn value(&self, name: &str) -> Option<&Known<String>> {
        self.values.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn hide(&mut self, name: &str) {
        let values = self.values.iter_mut().filter(|(field, _)| *field == name);
        values.for_each(|(_, value)| *value = Ok(String::new()));
    }

    fn place(&self, template: &'static str) -> Place {
        Place { path: self.path.clone(), template, numbers: self.numbers.clone() }
    }
}

/// Where a path leads: an object instance, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its concrete path.
    pub(crate) path: String,
    /// Its path in the supported data model.
    pub(crate) template: &'static str,
    /// The instance numbers in its path.
    numbers: Vec<u32>,
}

impl Place {
    /// The row with this number of the table that this is.
    fn row(&self, template: &'static str, number: u32) -> Self {
        let numbers = self.numbers.iter().copied().chain([number]).collect();
        Self { path: format!("{}{number}.", self.path), template, numbers }
    }
}

/// What was read of one object.
pub(crate) type Rows = Rc<Result<Vec<Row>, Fault>>;

/// One look at the data model, for one request: every object is read at most once, so the answer is of one moment.
pub(crate) struct Look<'a> {
    pub(crate) model: &'a Model,
    pub(crate) view: &'a View<'a>,
    numbers: &'a mut Numbers,
    /// The rights of whoever looks.
    pub(crate) rights: &'a Rights,
    read: Map<&'static str, Rows>,
    /// The only parameter that will be looked at, of whatever object; `None`: any.
    only: Option<String>,
    /// What is left of [`MAX_WORK`].
    left: usize,
}

impl<'a> Look<'a> {
    /// A fresh look.
    pub(crate) fn new(model: &'a Model, view: &'a View<'a>, numbers: &'a mut Numbers, rights: &'a Rights) -> Self {
        Self { model, view, numbers, rights, read: Map::new(), only: None, left: MAX_WORK }
    }

    /// From now on only parameters of this name will be looked at, so objects may leave out the others.
    pub(crate) fn only(&mut self, name: &str) {
        self.only = Some(name.to_owned());
    }

    /// All instances of an object of the supported data model, in the order of their numbers.
    pub(crate) fn rows(&mut self, template: &str) -> Rows {
        let Some((&path, node)) = self.model.nodes.from(template).next().filter(|(path, _)| **path == template) else {
            return Rc::new(Ok(Vec::new()));
        };
        if let Some(rows) = self.read.get(path) {
            return Rc::clone(rows);
        }
        let mut rows = match node.source {
            Source::Object(def) => {
                let found = (def.read)(&View { only: self.only.as_deref(), ..*self.view });
                found.map(|found| self.numbered(path, found))
            }
            Source::Setting(def) => Ok(self.kept(path, def)),
            Source::Absent => Ok(self.absent()),
            Source::Bare => Ok(Vec::new()),
        };
        if let Ok(rows) = &mut rows {
            rows.sort_unstable_by(|a, b| a.numbers.cmp(&b.numbers));
            if !self.rights.sees_secured() {
                let secured = node.fields().iter().filter(|field| field.secured).map(|field| field.name);
                secured.for_each(|name| rows.iter_mut().for_each(|row| row.hide(name)));
            }
        }
        let rows = Rc::new(rows);
        self.read.insert(path, Rc::clone(&rows));
        rows
    }

    fn numbered(&mut self, template: &'static str, found: Vec<AnyRow>) -> Vec<Row> {
        let mut seen: Map<String, Set<u32>> = Map::new();
        // A table that is in no other is seen even without rows.
        if let Some(table) = template.strip_suffix("{i}.").filter(|table| !table.contains("{i}")) {
            seen.insert(table.to_owned(), Set::new());
        }
        let mut rows = Vec::with_capacity(found.len());
        for any in found {
            let mut keys = any.keys.iter();
            let (mut path, mut so_far, mut numbers) = (String::with_capacity(template.len() + 8), 0, Vec::new());
            for level in template.split_inclusive('.') {
                so_far += level.len();
                if level != "{i}." {
                    path.push_str(level);
                    continue;
                }
                let key = keys.next().map_or("", String::as_str);
                // The rows of a setting, and some of the agent's own, have numbers of their own: the key is the number.
                let table = template.get(..so_far).unwrap_or("");
                let own = match self.model.nodes.get(table).map(|node| node.source) {
                    Some(Source::Setting(_)) => true,
                    Some(Source::Object(def)) => def.numbered,
                    _ => false,
                };
                let number = if own { key.parse().unwrap_or(0) } else { self.numbers.number(&path, key) };
                if so_far == template.len() {
                    seen.or_default(path.clone()).insert(number);
                }
                path.push_str(&number.to_string());
                path.push('.');
                numbers.push(number);
            }
            rows.push(Row { path, values: any.values, numbers });
        }
        for (table, numbers) in seen {
            self.numbers.keep(&table, &numbers);
        }
        rows
    }

    fn kept(&self, template: &'static str, def: &SettingDef) -> Vec<Row> {
        let fixed = template.split("{i}").next().unwrap_or("");
        let below = self.view.settings.instances.from(fixed).take_while(|(path, _)| path.starts_with(fixed));
        below
            .filter_map(|(path, args)| {
                let numbers = numbers_in(template, path)?;
                Some(Row { path: path.clone(), values: def.values(self.view, path, args), numbers })
            })
            .collect()
    }

    fn absent(&mut self) -> Vec<Row> {
        // It looks at everything.
        self.only = None;
        let mut missing: Vec<(String, String)> = Vec::new();
        for (path, _) in self.model.below("Device.").filter(|(path, _)| *path != ABSENT) {
            match &*self.rows(path) {
                Err(fault) => missing.push((path.to_owned(), fault.text.clone())),
                Ok(rows) => {
                    let values = rows.iter().flat_map(|row| row.values.iter().map(|(name, value)| (&row.path, name, value)));
                    missing.extend(values.filter_map(|(path, name, value)| {
                        let reason = value.as_ref().err()?;
                        Some((format!("{path}{name}"), reason.0.to_string()))
                    }));
                }
            }
        }
        let table = ABSENT.trim_end_matches("{i}.");
        let mut rows = Vec::with_capacity(missing.len());
        for (path, reason) in missing {
            let number = self.numbers.number(table, &path);
            rows.push(Row {
                path: format!("{table}{number}."),
                values: vec![("Path", Ok(path)), ("Reason", Ok(reason))],
                numbers: vec![number],
            });
        }
        self.numbers.keep(table, &rows.iter().flat_map(|row| row.numbers.clone()).collect());
        // Numbered for everybody, shown to whom may see what is missing.
        if !self.rights.is_full() {
            rows.retain(|row| match row.value("Path") {
                Some(Ok(path)) if path.ends_with('.') => self.rights.allows(Kind::Obj, Right::Read, path),
                Some(Ok(path)) => self.rights.allows(Kind::Param, Right::Read, path),
                _ => false,
            });
        }
        rows
    }

    /// How much was looked at so far.
    pub(crate) fn spent(&self) -> usize {
        MAX_WORK - self.left
    }

    /// Counts what was looked at for this request.
    pub(crate) fn spend(&mut self, work: usize) -> Result<(), Fault> {
        match self.left.checked_sub(work) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Fault::new(code::RESOURCES_EXCEEDED, "the request is too much work for this box; ask for less at a time"))
            }
        }
    }
}

/// Of all rows of an object, which are in the order of their numbers: the one at a place.
pub(crate) fn row_at<'r>(rows: &'r [Row], place: &Place) -> Option<&'r Row> {
    rows.binary_search_by(|row| row.numbers.cmp(&place.numbers)).ok().and_then(|index| rows.get(index))
}

/// Of all rows of an object at or below a place, which are in the order of their numbers: those at or below it.
pub(crate) fn rows_below<'r>(rows: &'r [Row], place: &Place) -> &'r [Row] {
    let leading = |row: &Row| row.numbers.iter().take(place.numbers.len()).cmp(&place.numbers);
    let rest = rows.get(rows.partition_point(|row| leading(row).is_lt())..).unwrap_or_default();
    rest.get(..rest.partition_point(|row| leading(row).is_eq())).unwrap_or_default()
}

/// Whether a path names an object (or table), not something in it.
pub(crate) fn is_object(path: &Path) -> bool {
    path.target == Target::Object
}
