//! One look at the data model, for one request: it reads each object once and resolves paths, wildcards and searches to what is
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Condition, Item, Path, Segment, Target};
use line3_proto::row::Field;
use line3_proto::value::{Known, Value};

use super::model::{ABSENT, Model, Source, parent};
use super::numbers::{Numbers, numbers_in};
use super::rights::{Kind, Right, Rights};
use crate::objects::AnyRow;
use crate::settings::SettingDef;
use crate::view::View;

/// The most places that one path may resolve to; a wider one is refused with 7005.
const MAX_PLACES: usize = 10_000;

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
}

/// Where a path leads: an object instance, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its concrete path.
    pub(crate) path: String,
    /// Its path in the supported data model.
    pub(crate) template: String,
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
    read: BTreeMap<&'static str, Rows>,
}

impl<'a> Look<'a> {
    /// A fresh look.
    pub(crate) fn new(model: &'a Model, view: &'a View<'a>, numbers: &'a mut Numbers, rights: &'a Rights) -> Self {
        Self { model, view, numbers, rights, read: BTreeMap::new() }
    }

    /// All instances of an object of the supported data model, in the order of their numbers.
    pub(crate) fn rows(&mut self, template: &str) -> Rows {
        let Some((&path, node)) = self.model.nodes.get_key_value(template) else { return Rc::new(Ok(Vec::new())) };
        if let Some(rows) = self.read.get(path) {
            return Rc::clone(rows);
        }
        let mut rows = match node.source {
            Source::Object(def) => (def.read)(self.view).map(|found| self.numbered(path, found)),
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
        let mut seen: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        // A table that is in no other is seen even without rows.
        if let Some(table) = template.strip_suffix("{i}.").filter(|table| !table.contains("{i}")) {
            seen.insert(table.to_owned(), BTreeSet::new());
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
                    seen.entry(path.clone()).or_default().insert(number);
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
        let below = self.view.settings.instances.range(fixed.to_owned()..).take_while(|(path, _)| path.starts_with(fixed));
        below
            .filter_map(|(path, args)| {
                let numbers = numbers_in(template, path)?;
                Some(Row { path: path.clone(), values: def.values(self.view, path, args), numbers })
            })
            .collect()
    }

    fn absent(&mut self) -> Vec<Row> {
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

    /// Where the object part of a path leads. A path that is not in the supported data model is 7026; an instance that is named
    /// by its number and is not there 7016; a search or wildcard that matches nothing is no fault. Rows that may not be seen are
    /// found by no search or wildcard; one that is named is found, and what may be done with it is for the caller to ask.
    pub(crate) fn resolve(&mut self, path: &Path) -> Result<Vec<Place>, Fault> {
        self.resolve_by(path, Kind::Obj)
    }

    /// The same, by the right to read rows as this kind: [`Kind::InstantiatedObj`] where instances are asked for (R-GIN.0).
    pub(crate) fn resolve_by(&mut self, path: &Path, kind: Kind) -> Result<Vec<Place>, Fault> {
        let mut places = vec![Place { path: String::new(), template: String::new() }];
        for segment in &path.segments {
            let mut next = Vec::new();
            for place in places {
                self.step(path, place, segment, kind, &mut next)?;
                if next.len() > MAX_PLACES {
                    return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{path} names more than {MAX_PLACES} places; ask for less")));
                }
            }
            places = next;
        }
        Ok(places)
    }

    fn step(&mut self, whole: &Path, place: Place, segment: &Segment, kind: Kind, next: &mut Vec<Place>) -> Result<(), Fault> {
        let unsupported = || Fault::new(code::INVALID_PATH, format!("{whole} is not in the data model of this box"));
        let table = || format!("{}{{i}}.", place.template);
        match segment {
            Segment::Name(name) => {
                let template = format!("{}{name}.", place.template);
                if !self.model.knows(&template) {
                    return Err(unsupported());
                }
                next.push(Place { path: format!("{}{name}.", place.path), template });
            }
            Segment::Template => {
                return Err(Fault::new(code::INVALID_PATH_SYNTAX, format!("{whole}: {{i}} stands for no instance; use * or a number")));
            }
            Segment::Follow { name, item } => {
                for reference in self.references(whole, &place, name, *item)? {
                    let target = Path::parse_reference(&reference)?;
                    // A reference that is a search or follows another could lead back here, without end.
                    if !target.is_concrete() {
                        return Err(Fault::new(code::INVALID_PATH, format!("{whole}: {name} is {target}, which names no single object")));
                    }
                    next.extend(self.resolve_by(&target, kind)?);
                }
            }
            Segment::Instance(_) | Segment::Wildcard | Segment::Search(_) => {
                let template = table();
                if !self.model.knows(&template) {
                    return Err(unsupported());
                }
                let rows = self.rows(&template);
                let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
                let rights = self.rights;
                let rows = rows.iter().filter(|row| row.path.starts_with(&place.path));
                let seen = |row: &&Row| rights.allows(kind, Right::Read, &row.path);
                match segment {
                    Segment::Instance(number) => {
                        let path = format!("{}{number}.", place.path);
                        let hidden = kind == Kind::InstantiatedObj && !rights.allows(kind, Right::Read, &path);
                        if hidden || !rows.into_iter().any(|row| row.path == path) {
                            return Err(Fault::new(code::OBJECT_DOES_NOT_EXIST, format!("{path} does not exist")));
                        }
                        next.push(Place { path, template });
                    }
                    Segment::Search(conditions) => {
                        for row in rows.filter(seen) {
                            if self.all_hold(conditions, row, &template)? {
                                next.push(Place { path: row.path.clone(), template: template.clone() });
                            }
                        }
                    }
                    _ => next.extend(rows.filter(seen).map(|row| Place { path: row.path.clone(), template: template.clone() })),
                }
            }
        }
        Ok(())
    }

    fn references(&mut self, whole: &Path, place: &Place, name: &str, item: Item) -> Result<Vec<String>, Fault> {
        let rows = self.rows(&place.template);
        let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
        let value = rows.iter().find(|row| row.path == place.path).and_then(|row| row.value(name));
        let readable = self.rights.within(&place.path).allows(Right::Read, name);
        let Some(Ok(value)) = value.filter(|_| readable) else {
            return Err(Fault::new(code::INVALID_PATH, format!("{whole}: {}{name} is no parameter with a value", place.path)));
        };
        let list = Vec::<String>::read(value).unwrap_or_default();
        Ok(match item {
            Item::Only => list.into_iter().take(1).collect(),
            Item::At(number) => list.into_iter().skip(number.saturating_sub(1) as usize).take(1).collect(),
            Item::All => list,
        })
    }

    fn all_hold(&mut self, conditions: &[Condition], row: &Row, template: &str) -> Result<bool, Fault> {
        for condition in conditions {
            let left = condition.left_path();
            let (object, name) = (parent(&left), left.rsplit('.').next().unwrap_or(""));
            let inner = format!("{template}{object}");
            let field = self.model.nodes.get(inner.as_str()).and_then(|node| node.fields().iter().find(|field| field.name == name));
            let readable = self.rights.is_full() || self.rights.allows(Kind::Param, Right::Read, &format!("{inner}{name}"));
            let Some(field) = field.filter(|_| readable) else {
                return Err(Fault::new(code::INVALID_PATH, format!("the search names {left}, which {template} does not have")));
            };
            let path = format!("{}{object}", row.path);
            // A search must not tell what may not be read.
            let held = if !self.rights.within(&path).allows(Right::Read, name) {
                false
            } else if object.is_empty() {
                holds(condition, row.value(name), field)?
            } else {
                let rows = self.rows(&inner);
                let found = rows.as_ref().as_ref().ok().and_then(|rows| rows.iter().find(|row| row.path == path));
                holds(condition, found.and_then(|row| row.value(name)), field)?
            };
            if !held {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a condition holds; of a value that is absent none does.
fn holds(condition: &Condition, value: Option<&Known<String>>, field: &Field) -> Result<bool, Fault> {
    match value {
        Some(Ok(value)) => condition.holds(value, field.ty),
        _ => Ok(false),
    }
}

/// Whether a path names an object (or table), not something in it.
pub(crate) fn is_object(path: &Path) -> bool {
    path.target == Target::Object
}
