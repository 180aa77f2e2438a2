//! One look at the data model, for one request: it reads each object once and resolves paths, wildcards and searches to what is
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Condition, Item, Path, Segment, Target};
use line3_proto::row::Field;
use line3_proto::value::{Known, Value};

use super::model::{ABSENT, Model, Source};
use super::numbers::{Numbers, numbers_in};
use super::rights::{Kind, Right, Rights};
use crate::objects::AnyRow;
use crate::settings::SettingDef;
use crate::view::View;

/// The most places that one path may resolve to; a wider one is refused with 7005.
const MAX_PLACES: usize = 10_000;

/// The most work for one request, counted in rows looked at, conditions tried and values given; what takes more is refused with
/// 7005. A whole Get of a large box takes some 10 000.
const MAX_WORK: usize = 100_000;

/// The work of following a reference, which has to be read as a path first.
const FOLLOWING: usize = 8;

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

/// The way that a path leads.
#[derive(Clone, Copy)]
struct Way<'p> {
    whole: &'p Path,
    /// Whether it passes over what is not there.
    searches: bool,
    /// By which right rows are seen.
    kind: Kind,
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
    /// The only parameter that will be looked at, of whatever object; `None`: any.
    only: Option<String>,
    /// What is left of [`MAX_WORK`].
    left: usize,
}

impl<'a> Look<'a> {
    /// A fresh look.
    pub(crate) fn new(model: &'a Model, view: &'a View<'a>, numbers: &'a mut Numbers, rights: &'a Rights) -> Self {
        Self { model, view, numbers, rights, read: BTreeMap::new(), only: None, left: MAX_WORK }
    }

    /// From now on only parameters of this name will be looked at, so objects may leave out the others.
    pub(crate) fn only(&mut self, name: &str) {
        self.only = Some(name.to_owned());
    }

    /// All instances of an object of the supported data model, in the order of their numbers.
    pub(crate) fn rows(&mut self, template: &str) -> Rows {
        let Some((&path, node)) = self.model.nodes.get_key_value(template) else { return Rc::new(Ok(Vec::new())) };
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

    /// Where the object part of a path leads. A path that is not in the supported data model is 7026; an instance that is named
    /// by its number, or referred to, and is not there 7016. A search that matches nothing is no fault (R-MSG.4a). Rows that may not
    /// be seen are found by no search or wildcard; one that is named is found, and what may be done with it is for the caller to ask.
    pub(crate) fn resolve(&mut self, path: &Path) -> Result<Vec<Place>, Fault> {
        self.resolve_by(path, Kind::Obj)
    }

    /// The same, by the right to read rows as this kind: [`Kind::InstantiatedObj`] where instances are asked for (R-GIN.0).
    pub(crate) fn resolve_by(&mut self, path: &Path, kind: Kind) -> Result<Vec<Place>, Fault> {
        let way = Way { whole: path, searches: path.is_search(), kind };
        if way.searches {
            // Also where there is no row to try it on, a search must make sense.
            self.check(path)?;
        }
        let mut places = vec![Place { path: String::new(), template: "", numbers: Vec::new() }];
        for segment in &path.segments {
            places = self.step(way, &places, segment)?;
        }
        Ok(places)
    }

    /// One step down from all of these places. A search passes over what is not there; any other path names it.
    fn step(&mut self, way: Way<'_>, places: &[Place], segment: &Segment) -> Result<Vec<Place>, Fault> {
        let whole = way.whole;
        let mut next = Vec::new();
        // What references lead to need not be all alike: those are taken that have what is named.
        let mut unsupported = None;
        for place in places {
            let supported = match segment {
                Segment::Name(name) => self.model.prefix(&format!("{}{name}.", place.template)).map(|template| {
                    next.push(Place { path: format!("{}{name}.", place.path), template, numbers: place.numbers.clone() });
                }),
                Segment::Follow { name, item } => self.follow(way, place, (name, *item), &mut next)?,
                Segment::Instance(_) | Segment::Wildcard | Segment::Search(_) => self.pick(way, place, segment, &mut next)?,
                Segment::Template => return Err(template_in(whole)),
            };
            if supported.is_none() {
                unsupported = Some(Fault::new(code::INVALID_PATH, format!("{whole} is not in the data model of this box")));
            }
            if next.len() > MAX_PLACES {
                return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{whole} names more than {MAX_PLACES} places; ask for less")));
            }
            self.spend(1)?;
        }
        match unsupported {
            Some(fault) if next.is_empty() => Err(fault),
            _ => Ok(next),
        }
    }

    /// The rows of a table that a number, a wildcard or a search picks; `None`: there is no such table.
    fn pick(&mut self, way: Way<'_>, place: &Place, segment: &Segment, next: &mut Vec<Place>) -> Result<Option<()>, Fault> {
        let Some(template) = self.model.prefix(&format!("{}{{i}}.", place.template)) else { return Ok(None) };
        let rows = self.rows(template);
        let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
        if let Segment::Instance(number) = segment {
            let named = place.row(template, *number);
            let hidden = way.kind == Kind::InstantiatedObj && !self.rights.allows(way.kind, Right::Read, &named.path);
            if !hidden && row_at(rows, &named).is_some() {
                next.push(named);
            } else if !way.searches {
                return Err(Fault::new(code::OBJECT_DOES_NOT_EXIST, format!("{} does not exist", named.path)));
            }
            return Ok(Some(()));
        }
        let rows = rows_below(rows, place);
        self.spend(rows.len())?;
        for row in rows {
            let held = match segment {
                _ if !self.rights.allows(way.kind, Right::Read, &row.path) => false,
                Segment::Search(conditions) => self.all_hold(way, conditions, row, template)?,
                _ => true,
            };
            if held {
                next.push(row.place(template));
            }
        }
        Ok(Some(()))
    }

    /// Where a reference leads. It may name its object by a unique key (R-ARC.11), but be no search for several objects, nor
    /// follow another reference, which could lead back here without end. `None`: there is no such parameter.
    fn follow(&mut self, way: Way<'_>, place: &Place, (name, item): (&str, Item), next: &mut Vec<Place>) -> Result<Option<()>, Fault> {
        let Way { whole, searches, kind } = way;
        if self.model.field(place.template, name).is_none() || !self.rights.within(&place.path).allows(Right::Read, name) {
            return Ok(None);
        }
        let before = next.len();
        for reference in self.references(place, name, item)? {
            self.spend(FOLLOWING)?;
            match self.referred(&reference, kind) {
                Ok(target) => next.push(target),
                Err(fault) if fault.code == code::RESOURCES_EXCEEDED => return Err(fault),
                Err(_) if searches => {}
                Err(fault) => {
                    let text = format!("{whole}: {}{name} is {:?}: {}", place.path, shown(&reference), fault.text);
                    let code = if fault.code == code::OBJECT_DOES_NOT_EXIST { fault.code } else { code::INVALID_PATH };
                    return Err(Fault { code, text });
                }
            }
        }
        if next.len() == before && !searches {
            let text = format!("{whole}: {}{name} refers to nothing there", place.path);
            return Err(Fault::new(code::OBJECT_DOES_NOT_EXIST, text));
        }
        Ok(Some(()))
    }

    /// The object that a reference names.
    fn referred(&mut self, reference: &str, kind: Kind) -> Result<Place, Fault> {
        let target = Path::parse_reference(reference)?;
        let names_one = target.segments.iter().all(|segment| match segment {
            Segment::Name(_) | Segment::Instance(_) => true,
            Segment::Search(conditions) => conditions.iter().all(|condition| condition.left.len() == 1),
            Segment::Wildcard | Segment::Template | Segment::Follow { .. } => false,
        });
        let mut places = if names_one && is_object(&target) { self.resolve_by(&target, kind)? } else { Vec::new() };
        match places.pop() {
            Some(place) if places.is_empty() => Ok(place),
            _ => Err(Fault::new(code::INVALID_PATH, "it names no single object")),
        }
    }

    /// The items of a reference; none if it has no value.
    fn references(&mut self, place: &Place, name: &str, item: Item) -> Result<Vec<String>, Fault> {
        let rows = self.rows(place.template);
        let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
        let Some(Ok(value)) = row_at(rows, place).and_then(|row| row.value(name)) else { return Ok(Vec::new()) };
        let list = Vec::<String>::read(value).unwrap_or_default();
        Ok(match item {
            Item::Only => list.into_iter().take(1).collect(),
            Item::At(number) => list.into_iter().skip(number.saturating_sub(1) as usize).take(1).collect(),
            Item::All => list,
        })
    }

    fn all_hold(&mut self, way: Way<'_>, conditions: &[Condition], row: &Row, template: &'static str) -> Result<bool, Fault> {
        for condition in conditions {
            self.spend(1)?;
            if !self.holds(way, condition, row, template)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a condition holds for a row; of a value that is absent none does, of several that references lead to one must.
    fn holds(&mut self, way: Way<'_>, condition: &Condition, row: &Row, template: &'static str) -> Result<bool, Fault> {
        let Some((Segment::Name(name), objects)) = condition.left.split_last() else { return Ok(false) };
        // A search must not tell what may not be read.
        let rights = self.rights;
        let readable = |path: &str| rights.within(path).allows(Right::Read, name);
        if objects.is_empty() {
            return Ok(readable(&row.path) && fits(condition, self.model.field(template, name), Some(row), name)?);
        }
        let mut places = vec![row.place(template)];
        for segment in objects {
            places = match self.step(way, &places, segment) {
                // A reference may lead to what has no such parameter.
                Err(fault) if fault.code == code::INVALID_PATH => return Ok(false),
                stepped => stepped?,
            };
        }
        for place in places {
            let field = self.model.field(place.template, name);
            let rows = self.rows(place.template);
            let found = rows.as_ref().as_ref().ok().and_then(|rows| row_at(rows, &place));
            if readable(&place.path) && fits(condition, field, found, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a search can be made at all: it is of the supported data model, and its conditions of the type of what they are
    /// about. Only values can tell what a reference leads to, so this sees no farther than to the first.
    fn check(&self, path: &Path) -> Result<(), Fault> {
        let unsupported = || Fault::new(code::INVALID_PATH, format!("{path} is not in the data model of this box"));
        let mut template = String::new();
        for segment in &path.segments {
            match segment {
                Segment::Template => return Err(template_in(path)),
                Segment::Follow { name, .. } => return self.model.field(&template, name).map(|_| ()).ok_or_else(unsupported),
                Segment::Name(name) => template.extend([name.as_str(), "."]),
                Segment::Instance(_) | Segment::Wildcard | Segment::Search(_) => template.push_str("{i}."),
            }
            if self.model.prefix(&template).is_none() {
                return Err(unsupported());
            }
            if let Segment::Search(conditions) = segment {
                conditions.iter().try_for_each(|condition| self.check_condition(condition, &template))?;
            }
        }
        match &path.target {
            Target::Parameter(name) => self.model.field(&template, name).map(|_| ()).ok_or_else(unsupported),
            _ => Ok(()),
        }
    }

    fn check_condition(&self, condition: &Condition, template: &str) -> Result<(), Fault> {
        let mut object = template.to_owned();
        let unknown = || {
            let text = format!("the search names {}, which {template} does not have", condition.left_path());
            Fault::new(code::INVALID_PATH, text)
        };
        for (index, segment) in condition.left.iter().enumerate() {
            let (Segment::Name(name) | Segment::Follow { name, .. }) = segment else { continue };
            let is_object = matches!(segment, Segment::Name(_)) && index + 1 < condition.left.len();
            let field = self.model.field(&object, name);
            if is_object {
                object.extend([name.as_str(), "."]);
                continue;
            }
            let Some(field) = field else {
                return Err(unknown());
            };
            if !self.rights.allows(Kind::Param, Right::Read, &format!("{object}{name}")) {
                return Err(unknown());
            }
            return match segment {
                Segment::Follow { .. } => Ok(()),
                _ => condition.holds("", field.ty, field.list).map(|_| ()),
            };
        }
        Ok(())
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

/// Whether a condition holds for a parameter of a row.
fn fits(condition: &Condition, field: Option<&Field>, row: Option<&Row>, name: &str) -> Result<bool, Fault> {
    match (field, row.and_then(|row| row.value(name))) {
        (Some(field), Some(Ok(value))) => condition.holds(value, field.ty, field.list),
        _ => Ok(false),
    }
}

fn template_in(whole: &Path) -> Fault {
    Fault::new(code::INVALID_PATH_SYNTAX, format!("{whole}: {{i}} stands for no instance; use * or a number"))
}

/// The beginning of a value, for a person.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
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
