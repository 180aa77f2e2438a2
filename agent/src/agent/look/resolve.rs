//! Where paths lead: names, instance numbers, wildcards, searches and references, resolved to what is there.

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Condition, Item, Path, Segment, Target};
use line3_proto::row::Field;
use line3_proto::value::Value;

use super::{Look, Place, Row, is_object, row_at, rows_below};
use crate::agent::rights::{Kind, Right};

/// The most places that one path may resolve to; a wider one is refused with 7005.
const MAX_PLACES: usize = 10_000;

/// The work of following a reference, which has to be read as a path first.
const FOLLOWING: usize = 8;

/// The way that a path leads.
#[derive(Clone, Copy)]
struct Way<'p> {
    whole: &'p Path,
    /// Whether it passes over what is not there.
    searches: bool,
    /// By which right rows are seen.
    kind: Kind,
}

impl Look<'_> {
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
                _ => condition.holds("", field.shape.ty, field.shape.list).map(|_| ()),
            };
        }
        Ok(())
    }
}

/// Whether a condition holds for a parameter of a row.
fn fits(condition: &Condition, field: Option<&Field>, row: Option<&Row>, name: &str) -> Result<bool, Fault> {
    match (field, row.and_then(|row| row.value(name))) {
        (Some(field), Some(Ok(value))) => condition.holds(value, field.shape.ty, field.shape.list),
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
