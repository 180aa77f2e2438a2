//! The data model as the engine sees it: the lists of Objects, Settings and Commands as one tree, and for one request a [`Look`]
//! at it, which reads each object once and resolves paths, wildcards and searches to what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use line3_proto::fault::code;
use line3_proto::path::{Condition, Item, Path, Segment, Target};
use line3_proto::row::Field;
use line3_proto::value::{Known, Value};
use line3_proto::{Fault, row};

use crate::commands::CommandDef;
use crate::objects::ObjectDef;
use crate::settings::SettingDef;
use crate::view::View;

/// The table of what this box cannot tell. The engine makes it from all other objects.
pub(crate) const ABSENT: &str = "Device.X_LINE3_Absent.{i}.";

/// The most places that one path may resolve to; a wider one is refused with 7005.
const MAX_PLACES: usize = 10_000;

row! {
    /// A row of [`ABSENT`].
    pub(crate) struct AbsentRow {
        /// The path of the parameter, or of the object, that has no value.
        Path: String,
        /// Why.
        Reason: String,
    }
}

/// Where an object's values come from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// From the box.
    Object(&'static ObjectDef),
    /// From the agent's settings.
    Setting(&'static SettingDef),
    /// From all the others.
    Absent,
    /// It has none; something below it has.
    Bare,
}

/// An event that the agent can tell.
pub(crate) struct EventDef {
    /// Its path in the supported data model, ending in `!`.
    pub(crate) path: &'static str,
    /// When it happens.
    pub(crate) doc: &'static str,
    /// Its arguments.
    pub(crate) fields: &'static [Field],
}

/// An object of the supported data model.
pub(crate) struct Node {
    pub(crate) source: Source,
    pub(crate) commands: Vec<&'static CommandDef>,
    pub(crate) events: Vec<&'static EventDef>,
}

impl Node {
    fn new(source: Source) -> Self {
        Self { source, commands: Vec::new(), events: Vec::new() }
    }

    /// What it is.
    pub(crate) fn doc(&self) -> &'static str {
        match self.source {
            Source::Object(def) => def.doc,
            Source::Setting(def) => def.doc,
            Source::Absent => "What this box cannot tell, and why.",
            Source::Bare => "",
        }
    }

    /// Its parameters.
    pub(crate) fn fields(&self) -> &'static [Field] {
        match self.source {
            Source::Object(def) => def.fields,
            Source::Setting(def) => def.fields,
            Source::Absent => <AbsentRow as row::Row>::FIELDS,
            Source::Bare => &[],
        }
    }

    /// Its unique keys.
    pub(crate) fn keys(&self) -> &'static [&'static [&'static str]] {
        match self.source {
            Source::Object(def) => def.keys,
            Source::Setting(def) => def.keys,
            Source::Absent => &[&["Path"]],
            Source::Bare => &[],
        }
    }
}

/// The supported data model: every object by its path with `{i}`.
pub(crate) struct Model {
    pub(crate) nodes: BTreeMap<&'static str, Node>,
}

impl Model {
    /// The tree of these lists.
    pub(crate) fn new(
        objects: &'static [ObjectDef],
        settings: &'static [SettingDef],
        commands: impl IntoIterator<Item = &'static CommandDef>,
        events: &'static [EventDef],
    ) -> Self {
        let mut nodes = BTreeMap::new();
        nodes.insert(ABSENT, Node::new(Source::Absent));
        nodes.extend(objects.iter().map(|def| (def.path, Node::new(Source::Object(def)))));
        nodes.extend(settings.iter().map(|def| (def.path, Node::new(Source::Setting(def)))));
        for command in commands {
            nodes.entry(parent(command.path)).or_insert(Node::new(Source::Bare)).commands.push(command);
        }
        for event in events {
            nodes.entry(parent(event.path)).or_insert(Node::new(Source::Bare)).events.push(event);
        }
        // Every level above something that is there is there too, tables without their `{i}` excepted.
        let paths: Vec<&'static str> = nodes.keys().copied().collect();
        for path in paths {
            let mut above = path;
            while let Some((rest, last)) = above.trim_end_matches('.').rsplit_once('.') {
                above = above.get(..=rest.len()).unwrap_or("");
                if last != "{i}" {
                    nodes.entry(above).or_insert(Node::new(Source::Bare));
                }
            }
        }
        Self { nodes }
    }

    fn from(&self, template: &str) -> std::collections::btree_map::Range<'_, &'static str, Node> {
        self.nodes.range::<str, _>((Bound::Included(template), Bound::Unbounded))
    }

    /// Whether an object of this template, or anything below it, is supported. A table without its `{i}` counts.
    pub(crate) fn knows(&self, template: &str) -> bool {
        self.from(template).next().is_some_and(|(path, _)| path.starts_with(template))
    }

    /// All objects at and below a template.
    pub(crate) fn below<'a>(&'a self, template: &'a str) -> impl Iterator<Item = (&'static str, &'a Node)> {
        self.from(template).take_while(move |(path, _)| path.starts_with(template)).map(|(path, node)| (*path, node))
    }

    /// The command of this template.
    pub(crate) fn command(&self, template: &str) -> Option<&'static CommandDef> {
        self.nodes.get(parent(template))?.commands.iter().find(|command| command.path == template).copied()
    }
}

/// The object that a parameter, command or event is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rfind('.').and_then(|dot| path.get(..=dot)).unwrap_or("")
}

/// Instance numbers, by what names a row: stable while the row lives, never used again in this run.
#[derive(Default)]
pub(crate) struct Numbers {
    /// By the concrete path of the table. Bounded by the rows that the box has: a row that is gone leaves.
    tables: BTreeMap<String, Numbered>,
}

#[derive(Default)]
struct Numbered {
    highest: u32,
    by_key: BTreeMap<String, u32>,
}

impl Numbers {
    fn number(&mut self, table: &str, key: &str) -> u32 {
        if !self.tables.contains_key(table) {
            self.tables.insert(table.to_owned(), Numbered::default());
        }
        let Some(numbered) = self.tables.get_mut(table) else { return 0 };
        if let Some(number) = numbered.by_key.get(key) {
            return *number;
        }
        numbered.highest = numbered.highest.saturating_add(1);
        numbered.by_key.insert(key.to_owned(), numbered.highest);
        numbered.highest
    }

    /// Forgets the rows of a table that are not among these numbers.
    fn keep(&mut self, table: &str, numbers: &BTreeSet<u32>) {
        if let Some(numbered) = self.tables.get_mut(table) {
            numbered.by_key.retain(|_, number| numbers.contains(number));
        }
    }
}

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
    read: BTreeMap<&'static str, Rows>,
}

impl<'a> Look<'a> {
    /// A fresh look.
    pub(crate) fn new(model: &'a Model, view: &'a View<'a>, numbers: &'a mut Numbers) -> Self {
        Self { model, view, numbers, read: BTreeMap::new() }
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
            rows.sort_by(|a, b| a.numbers.cmp(&b.numbers));
        }
        let rows = Rc::new(rows);
        self.read.insert(path, Rc::clone(&rows));
        rows
    }

    fn numbered(&mut self, template: &'static str, found: Vec<crate::objects::AnyRow>) -> Vec<Row> {
        let mut seen: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
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
                // The rows of a setting have their own numbers; what hangs on them names them by number.
                let table = template.get(..so_far).unwrap_or("");
                let own = matches!(self.model.nodes.get(table).map(|node| node.source), Some(Source::Setting(_)));
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
        rows
    }

    /// Where the object part of a path leads. A path that is not in the supported data model is 7026; an instance that is named
    /// by its number and is not there 7016; a search or wildcard that matches nothing is no fault.
    pub(crate) fn resolve(&mut self, path: &Path) -> Result<Vec<Place>, Fault> {
        let mut places = vec![Place { path: String::new(), template: String::new() }];
        for segment in &path.segments {
            let mut next = Vec::new();
            for place in places {
                self.step(path, place, segment, &mut next)?;
                if next.len() > MAX_PLACES {
                    return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{path} names more than {MAX_PLACES} places; ask for less")));
                }
            }
            places = next;
        }
        Ok(places)
    }

    fn step(&mut self, whole: &Path, place: Place, segment: &Segment, next: &mut Vec<Place>) -> Result<(), Fault> {
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
                    next.extend(self.resolve(&target)?);
                }
            }
            Segment::Instance(_) | Segment::Wildcard | Segment::Search(_) => {
                let template = table();
                if !self.model.knows(&template) {
                    return Err(unsupported());
                }
                let rows = self.rows(&template);
                let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
                let rows = rows.iter().filter(|row| row.path.starts_with(&place.path));
                match segment {
                    Segment::Instance(number) => {
                        let path = format!("{}{number}.", place.path);
                        if !rows.into_iter().any(|row| row.path == path) {
                            return Err(Fault::new(code::OBJECT_DOES_NOT_EXIST, format!("{path} does not exist")));
                        }
                        next.push(Place { path, template });
                    }
                    Segment::Search(conditions) => {
                        for row in rows {
                            if self.all_hold(conditions, row, &template)? {
                                next.push(Place { path: row.path.clone(), template: template.clone() });
                            }
                        }
                    }
                    _ => next.extend(rows.map(|row| Place { path: row.path.clone(), template: template.clone() })),
                }
            }
        }
        Ok(())
    }

    fn references(&mut self, whole: &Path, place: &Place, name: &str, item: Item) -> Result<Vec<String>, Fault> {
        let rows = self.rows(&place.template);
        let rows = rows.as_ref().as_ref().map_err(Fault::clone)?;
        let value = rows.iter().find(|row| row.path == place.path).and_then(|row| row.value(name));
        let Some(Ok(value)) = value else {
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
            let Some(field) = field else {
                return Err(Fault::new(code::INVALID_PATH, format!("the search names {left}, which {template} does not have")));
            };
            let held = if object.is_empty() {
                holds(condition, row.value(name), field)?
            } else {
                let path = format!("{}{object}", row.path);
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

/// The instance numbers in a concrete path, if it is one of this template.
fn numbers_in(template: &str, path: &str) -> Option<Vec<u32>> {
    let (mut levels, mut numbers) = (path.split('.'), Vec::new());
    for expected in template.split('.') {
        let level = levels.next()?;
        if expected == "{i}" {
            numbers.push(level.parse().ok()?);
        } else if expected != level {
            return None;
        }
    }
    levels.next().is_none().then_some(numbers)
}

/// Whether a path names an object (or table), not something in it.
pub(crate) fn is_object(path: &Path) -> bool {
    path.target == Target::Object
}
