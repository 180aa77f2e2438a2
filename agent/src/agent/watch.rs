//! ValueChange, ObjectCreation and ObjectDeletion: what subscriptions are about is compared with what it was: after each edit,
//! command and change of the link, and every second while there is such a subscription. No history is kept: of a value its
//! hash, of a row its path.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::path::{Path, Segment, Target};
use line3_proto::row::Args;
use line3_proto::sorted::{Map, Set};
use line3_proto::{Fault, Mono, Now};

use super::Agent;
use super::get::unique_keys;
use super::look::{Look, Place, Row, rows_below};
use super::notify::Happening;
use super::rights::Rights;
use crate::settings::Settings;
use crate::settings::subscription::{TABLE, references};

/// How often what can change by itself is looked at: after this time, and so many of it more as the last comparison took work of
/// [`EASY`]. So subscriptions cost a slow box about as much as one Get each second, however many they are and whatever they name.
const PERIOD: Duration = Duration::from_secs(1);

/// The work of a comparison that a box can do each second, counted as [`Look::spend`] does.
const EASY: usize = 10_000;

/// The work of reading one path of a subscription.
const READING: usize = 8;

/// The most values or rows that one subscription watches; one that names more is refused with 7005. What comes to exceed it later
/// is not watched, and said so in the log.
const MAX_EACH: usize = 2048;

/// The most that all subscriptions watch together: some 200 KB. Beyond it as with [`MAX_EACH`].
const MAX_ALL: usize = 4096;

/// The most that one subscription tells at one comparison, where there are more than four its share of four times as much; the rest
/// is told at the following ones, as it then is.
const MAX_TOLD: usize = 64;

/// What is watched, and when it is compared again.
#[derive(Default)]
pub(super) struct Watch {
    /// By the path of the subscription.
    seen: Map<String, Seen>,
    due: Option<Mono>,
    /// Something may be other than it was.
    stale: bool,
}

impl Watch {
    /// When to compare next; never while nobody wants it.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// Something may be other than it was: it is compared before the next input.
    pub(super) fn stir(&mut self) {
        self.stale = true;
    }
}

type ByObject<T> = Map<&'static str, T>;

/// What one subscription last saw.
#[derive(Default)]
struct Seen {
    /// By object of the supported data model: parameters by the hash of their path, and the hash of the value; `None`: it is
    /// absent.
    values: ByObject<BTreeMap<u64, Option<u64>>>,
    /// By table: rows by path.
    rows: ByObject<Set<String>>,
    /// Whether it has been compared before.
    begun: bool,
    /// Whether the log says that it does not watch all that it names.
    cut: bool,
}

impl Seen {
    fn size(&self) -> usize {
        self.values.values().map(BTreeMap::len).chain(self.rows.values().map(Set::len)).sum()
    }
}

/// What a subscription wants to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Creation,
    Deletion,
}

/// A subscription that is watched for.
struct Wanted {
    path: String,
    /// The path of the Controller row.
    recipient: String,
    kind: Kind,
    references: Vec<Path>,
}

impl Wanted {
    fn of(path: &str, args: &Args) -> Option<Self> {
        let value = |name: &str| args.get(name).map_or("", String::as_str);
        let kind = match value("NotifType") {
            "ValueChange" => Kind::Value,
            "ObjectCreation" => Kind::Creation,
            "ObjectDeletion" => Kind::Deletion,
            _ => return None,
        };
        if value("Enable") != "true" {
            return None;
        }
        let references = references(args).ok()?.into_iter().map(instantiated).collect();
        Some(Self { path: path.to_owned(), recipient: format!("{}.", value("Recipient").trim_end_matches('.')), kind, references })
    }

    fn all(settings: &Settings) -> Vec<Self> {
        settings.rows(TABLE).filter_map(|(path, args)| Self::of(path, args)).collect()
    }
}

/// A path with `*` for `{i}`.
fn instantiated(mut path: Path) -> Path {
    path.segments.iter_mut().filter(|segment| **segment == Segment::Template).for_each(|segment| *segment = Segment::Wildcard);
    path
}

/// Something that changed.
enum Change {
    Value { path: String, value: String },
    Created { path: String, keys: Args },
    Deleted { path: String },
}

impl Change {
    fn happening(&self) -> Happening<'_> {
        match self {
            Self::Value { path, value } => Happening::Changed { path, value },
            Self::Created { path, keys } => Happening::Created { path, keys },
            Self::Deleted { path } => Happening::Deleted { path },
        }
    }
}

impl Agent {
    /// Compares if something may have changed, or it is time to.
    pub(super) fn mind_changes(&mut self, now: Now) {
        if self.watch.stale || self.watch.due.is_some_and(|due| due <= now.mono) {
            self.compare(now);
            self.watch.stale = false;
        }
    }

    fn compare(&mut self, now: Now) {
        let wanted = Wanted::all(&self.settings);
        let mut seen = std::mem::take(&mut self.watch.seen);
        seen.retain(|path, _| wanted.iter().any(|wanted| wanted.path == *path));
        let most_told = (4 * MAX_TOLD / wanted.len().max(1)).clamp(1, MAX_TOLD);
        let mut work: usize = wanted.iter().map(|wanted| READING * wanted.references.len()).sum();
        let (mut changes, mut cut) = (Vec::new(), Vec::new());
        let recipients: Set<&str> = wanted.iter().map(|wanted| wanted.recipient.as_str()).collect();
        for recipient in recipients {
            let rights = self.rights_of(recipient);
            self.look_as(now, &rights, |look| {
                for wanted in wanted.iter().filter(|wanted| wanted.recipient == recipient) {
                    let all: usize = seen.values().map(Seen::size).sum();
                    let seen = seen.or_default(wanted.path.clone());
                    let room = MAX_EACH.min(MAX_ALL.saturating_sub(all - seen.size()));
                    let (was_cut, mut watcher) = (seen.cut, Watcher::of(seen, wanted.kind, room, most_told));
                    watcher.visit(look, &wanted.references);
                    let told;
                    (told, *seen) = watcher.finish();
                    changes.extend(told.into_iter().map(|change| (wanted.path.clone(), change)));
                    cut.extend((seen.cut && !was_cut).then(|| wanted.path.clone()));
                }
                work += look.spent();
            });
        }
        self.watch.seen = seen;
        let periods = u32::try_from(work / EASY).unwrap_or(u32::MAX).saturating_add(1);
        self.watch.due = (!wanted.is_empty()).then(|| now.mono + PERIOD * periods);
        for path in cut {
            self.log(format!(
                "{path} names more than can be watched ({MAX_EACH} values or rows each, {MAX_ALL} in all): it does not tell of the rest"
            ));
        }
        for (subscription, change) in changes {
            self.fire(now, &subscription, &change.happening());
        }
    }

    /// Whether the subscriptions that these settings begin can be watched for. The fault names the row. `looked`: how much those
    /// watch that an earlier call has found to fit; it is added to.
    pub(super) fn can_watch(&mut self, now: Now, settings: &Settings, looked: &mut Map<String, usize>) -> Result<(), (String, Fault)> {
        let wanted = Wanted::all(settings);
        let stays = |path: &String| wanted.iter().any(|wanted| wanted.path == *path);
        let mut all: usize = self.watch.seen.iter().filter(|(path, _)| stays(path)).map(|(_, seen)| seen.size()).sum();
        all += looked.values().sum::<usize>();
        for wanted in &wanted {
            if self.watch.seen.contains_key(&wanted.path) || looked.contains_key(&wanted.path) {
                continue;
            }
            let rights = self.rights_of(&wanted.recipient);
            let mut watcher = Watcher::of(&mut Seen::default(), wanted.kind, MAX_EACH.min(MAX_ALL.saturating_sub(all)), MAX_TOLD);
            self.look_as(now, &rights, |look| watcher.visit(look, &wanted.references));
            let (_, seen) = watcher.finish();
            all += seen.size();
            if seen.cut {
                let text = format!(
                    "the ReferenceList names more than can be watched: {MAX_EACH} values or rows each, and {MAX_ALL} of all subscriptions; name less"
                );
                return Err((wanted.path.clone(), Fault::new(code::RESOURCES_EXCEEDED, text)));
            }
            looked.insert(wanted.path.clone(), seen.size());
        }
        Ok(())
    }
}

/// One comparison of one subscription.
struct Watcher {
    kind: Kind,
    room: usize,
    most_told: usize,
    old: Seen,
    new: Seen,
    told: Vec<Change>,
}

impl Watcher {
    fn of(seen: &mut Seen, kind: Kind, room: usize, most_told: usize) -> Self {
        let old = std::mem::take(seen);
        Self { kind, room, most_told, old, new: Seen { begun: true, ..Seen::default() }, told: Vec::new() }
    }

    fn visit(&mut self, look: &mut Look<'_>, references: &[Path]) {
        for reference in references {
            match look.resolve(reference) {
                Ok(places) => places.iter().for_each(|place| self.place(look, reference, place)),
                // What is not there, or not yet, is nothing.
                Err(fault) if [code::OBJECT_DOES_NOT_EXIST, code::INVALID_PATH].contains(&fault.code) => {}
                Err(_) => {
                    let template = reference.template();
                    self.unread(template.split("{i}").next().unwrap_or_default());
                }
            }
        }
    }

    fn place(&mut self, look: &mut Look<'_>, reference: &Path, place: &Place) {
        let is_table = look.model.nodes.contains_key(format!("{}{{i}}.", place.template).as_str());
        let is_row = place.template.ends_with("{i}.");
        let only: Option<&str> = match &reference.target {
            Target::Parameter(name) if self.kind == Kind::Value => Some(name),
            Target::Object => None,
            _ => return,
        };
        let wanted = |template: &str| match self.kind {
            Kind::Value => only.is_none() || template == place.template,
            _ if is_table => template.strip_suffix("{i}.") == Some(place.template),
            _ if is_row => template == place.template,
            _ => template.ends_with("{i}."),
        };
        let templates: Vec<&'static str> = look.model.below(place.template).map(|(path, _)| path).filter(|path| wanted(path)).collect();
        for template in templates {
            let Some(node) = look.model.nodes.get(template) else { continue };
            let (fields, keys) = (node.fields(), node.keys());
            let tells = |name: &str| only.is_none_or(|only| only == name) && fields.iter().any(|field| field.name == name && !field.ticks);
            if self.kind == Kind::Value && !fields.iter().any(|field| tells(field.name)) {
                continue;
            }
            match &*look.rows(template) {
                Err(_) => self.unread(template),
                Ok(rows) => {
                    let rows = rows_below(rows, place);
                    let each = if self.kind == Kind::Value && only.is_none() { fields.len() } else { 1 };
                    if look.spend(rows.len().saturating_mul(each).saturating_add(1)).is_err() {
                        self.unread(template);
                        continue;
                    }
                    rows.iter().for_each(|row| match self.kind {
                        Kind::Value => self.values_of(template, row, &tells),
                        _ => self.found(template, row, keys, look.rights),
                    });
                }
            }
        }
    }

    /// Whether there is room for one more; from then on not all is watched.
    fn has_room(&mut self) -> bool {
        self.new.cut |= self.new.size() >= self.room;
        !self.new.cut
    }

    /// What begins so could not be read just now: it is kept as it was.
    fn unread(&mut self, template: &str) {
        let moved = |path: &&'static str| path.starts_with(template);
        for path in self.old.values.keys().copied().filter(moved).collect::<Vec<_>>() {
            let values = self.old.values.remove(path).unwrap_or_default();
            if self.new.size() + values.len() <= self.room {
                self.new.values.or_insert_with(path, || values);
            }
        }
        for path in self.old.rows.keys().copied().filter(moved).collect::<Vec<_>>() {
            let rows = self.old.rows.remove(path).unwrap_or_default();
            if self.new.size() + rows.len() <= self.room {
                self.new.rows.or_insert_with(path, || rows);
            }
        }
    }

    fn values_of(&mut self, template: &'static str, row: &Row, wanted: &dyn Fn(&str) -> bool) {
        for (name, value) in row.values.iter().filter(|(name, _)| wanted(name)) {
            let key = hash(&(&row.path, name));
            if self.new.values.get(template).is_some_and(|values| values.contains_key(&key)) {
                continue;
            }
            if !self.has_room() {
                return;
            }
            let old = self.old.values.get(template).and_then(|values| values.get(&key)).copied();
            let keep = match (old, value) {
                // A parameter that was not there before has not changed.
                (None, value) => value.as_ref().ok().map(hash),
                // What has no value just now is what it was until it has one again.
                (Some(old), Err(_)) => old,
                (Some(old), Ok(value)) if old == Some(hash(value)) || self.told.len() >= self.most_told => old,
                (Some(_), Ok(value)) => {
                    self.told.push(Change::Value { path: format!("{}{name}", row.path), value: value.clone() });
                    Some(hash(value))
                }
            };
            self.new.values.or_default(template).insert(key, keep);
        }
    }

    fn found(&mut self, template: &'static str, row: &Row, keys: &[&[&str]], rights: &Rights) {
        let has = |seen: &Seen| seen.rows.get(template).is_some_and(|rows| rows.contains(&row.path));
        if has(&self.new) || !self.has_room() {
            return;
        }
        if self.kind == Kind::Creation && self.old.begun && !has(&self.old) {
            if self.told.len() >= self.most_told {
                return;
            }
            self.told.push(Change::Created { path: row.path.clone(), keys: unique_keys(row, keys, rights) });
        }
        self.new.rows.or_default(template).insert(row.path.clone());
    }

    /// What is to be told, and what there is now.
    fn finish(mut self) -> (Vec<Change>, Seen) {
        // Of what is cut nobody can tell whether it is gone.
        if self.kind == Kind::Deletion && !self.new.cut {
            for (template, rows) in std::mem::take(&mut self.old.rows) {
                for path in rows {
                    let stays = self.new.rows.or_default(template);
                    if stays.contains(&path) {
                        continue;
                    }
                    if self.told.len() >= self.most_told {
                        stays.insert(path);
                    } else {
                        self.told.push(Change::Deleted { path });
                    }
                }
            }
        }
        (self.told, self.new)
    }
}

fn hash<T: Hash + ?Sized>(what: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
