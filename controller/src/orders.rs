//! Checks an order against the box's catalogue before anything is sent, so that a typing error is told at once and by name.

mod names;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::catalogue::{Catalogue, CommandEntry, FieldEntry, ObjectEntry, template};
use line3_proto::path::{Path, Segment, Target};
use line3_proto::{Effect, Fault};

use crate::fleet::{Edit, Order};
use crate::report::clean;

/// The most paths in one order; one with more is refused.
pub const MAX_PATHS: usize = 64;
/// The most arguments or values in one order; one with more is refused.
pub const MAX_ARGS: usize = 64;
/// The most bytes of all names and values of one order together; one with more is refused.
pub const MAX_VALUES: usize = 64 * 1024;
/// The longest text of a refusal, in bytes; a longer one is cut.
const MAX_WORDS: usize = 1200;
/// How much of what was typed a refusal repeats, in bytes.
const SHOWN: usize = 120;
/// Arguments of this beginning are Line3's own: only the controller writes them.
const RESERVED: &str = "X_LINE3_";

/// Why an order makes no sense on this box: what is wrong, and what would be right. Safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOrder(pub String);

/// An order that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The order; a command in its short form (`IPPing`) has been given its full path.
    pub order: Order,
    /// What it does to the box; `None`: it only looks.
    pub effect: Option<Effect>,
    /// How long the box lets the command run; `None`: it is no command, or the agent does not say.
    pub limit: Option<Duration>,
}

/// Values as an order carries them.
type Values = BTreeMap<String, String>;

/// Checks an order. Without a catalogue (the box was never met) only the syntax can be told; a command counts as the worst then.
///
/// # Errors
/// What is wrong first, in the order: bounds, paths, names, values.
pub fn check(order: Order, catalogue: Option<&Catalogue>) -> Result<Checked, BadOrder> {
    within_bounds(&order)?;
    let mut entry: Option<&CommandEntry> = None;
    let order = match order {
        Order::Get { paths, max_depth } => {
            paths.iter().try_for_each(|path| look(path, false, catalogue))?;
            Order::Get { paths, max_depth }
        }
        Order::GetInstances { paths, first_level_only } => {
            paths.iter().try_for_each(|path| look(path, true, catalogue))?;
            Order::GetInstances { paths, first_level_only }
        }
        Order::GetSupported { paths } => {
            // What the data model can hold is just what is asked for here: the catalogue must not stand in the way.
            paths.iter().try_for_each(|path| Path::parse(path).map(drop).map_err(|Fault { text, .. }| bad(text)))?;
            Order::GetSupported { paths }
        }
        Order::Operate { command, args } => {
            if let Some(name) = args.keys().find(|name| name.to_ascii_uppercase().starts_with(RESERVED)) {
                return Err(bad(format!("{} is an argument that Line3 itself writes; leave it out", typed(name))));
            }
            let (command, found) = find_command(command, catalogue)?;
            if let Some(found) = found {
                arguments(found, &args)?;
            }
            entry = found;
            Order::Operate { command, args }
        }
        Order::Add { objects, allow_partial } => {
            objects.iter().try_for_each(|edit| addable(edit, catalogue))?;
            Order::Add { objects, allow_partial }
        }
        Order::Set { objects, allow_partial } => {
            objects.iter().try_for_each(|edit| settable(edit, catalogue))?;
            Order::Set { objects, allow_partial }
        }
        Order::Delete { paths, allow_partial } => {
            paths.iter().try_for_each(|path| removable(path, catalogue))?;
            Order::Delete { paths, allow_partial }
        }
    };
    let effect = order.effect(entry.and_then(|entry| entry.effect).unwrap_or(Effect::Destroy));
    let limit = entry.and_then(|entry| entry.limit).map(Duration::from_secs);
    Ok(Checked { order, effect, limit })
}

/// A refusal. What is in it was typed by a person or said by a box: neither may reach into a terminal.
fn bad(text: impl AsRef<str>) -> BadOrder {
    BadOrder(clean(text.as_ref(), MAX_WORDS))
}

/// What was typed, as a refusal repeats it.
fn typed(text: &str) -> String {
    let shown = clean(text, SHOWN);
    if shown.len() < text.len() && text.len() > SHOWN { format!("{shown}…") } else { shown }
}

fn within_bounds(order: &Order) -> Result<(), BadOrder> {
    let (paths, values): (usize, Vec<&Values>) = match order {
        Order::Get { paths, .. } | Order::GetInstances { paths, .. } | Order::GetSupported { paths } | Order::Delete { paths, .. } => {
            (paths.len(), Vec::new())
        }
        Order::Operate { args, .. } => (1, vec![args]),
        Order::Add { objects, .. } | Order::Set { objects, .. } => (objects.len(), objects.iter().map(|edit| &edit.values).collect()),
    };
    if paths == 0 {
        return Err(bad("no path is given: give at least one, e.g. Device.DeviceInfo."));
    }
    if paths > MAX_PATHS {
        return Err(bad(format!("{paths} paths in one order; at most {MAX_PATHS} are taken: split it")));
    }
    let count: usize = values.iter().map(|values| values.len()).sum();
    if count > MAX_ARGS {
        return Err(bad(format!("{count} arguments or values in one order; at most {MAX_ARGS} are taken: split it")));
    }
    let bytes: usize = values.iter().flat_map(|values| values.iter()).map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_VALUES {
        return Err(bad(format!("the values of one order have {bytes} bytes; at most {MAX_VALUES} are taken")));
    }
    Ok(())
}

/// A path without `{i}`, which stands for no row.
fn parse(text: &str) -> Result<Path, BadOrder> {
    let path = Path::parse(text).map_err(|Fault { text, .. }| bad(text))?;
    if path.segments.contains(&Segment::Template) {
        return Err(bad(format!("{}: {{i}} stands for no row; give its number, or * for every row", typed(text))));
    }
    Ok(path)
}

/// A path of an object, `{i}` in it or not.
fn object(text: &str) -> Result<Path, BadOrder> {
    let path = Path::parse(text).map_err(|Fault { text, .. }| bad(text))?;
    if path.target == Target::Object { Ok(path) } else { Err(bad(format!("{} is no object: its path ends in a dot", typed(text)))) }
}

/// A path of an object without `{i}`.
fn concrete(text: &str) -> Result<Path, BadOrder> {
    object(text).and_then(|_| parse(text))
}

/// Checks a path of Get or, for `tables`, of GetInstances.
fn look(text: &str, tables: bool, catalogue: Option<&Catalogue>) -> Result<(), BadOrder> {
    let path = if tables { concrete(text)? } else { parse(text)? };
    match &path.target {
        Target::Command(_) => return Err(bad(format!("{} is a command: it has no value, it is run by Operate", typed(text)))),
        Target::Event(_) => return Err(bad(format!("{} is an event: it has no value, it comes by itself", typed(text)))),
        Target::Object | Target::Parameter(_) => {}
    }
    // Only the box can tell where a reference leads.
    let Some(catalogue) = catalogue.filter(|_| !path.follows()) else { return Ok(()) };
    let of = path.template();
    let known = match &path.target {
        Target::Parameter(name) => {
            let object = path.object().template();
            catalogue.objects.iter().any(|entry| entry.path == object && entry.parameters.iter().any(|field| field.name == *name))
        }
        // An object that has nothing but objects in it may have no entry of its own.
        _ => catalogue.objects.iter().any(|entry| entry.path.starts_with(&of)),
    };
    if known {
        return Ok(());
    }
    let objects = catalogue.objects.iter().map(|entry| entry.path.clone());
    let parameters = catalogue
        .objects
        .iter()
        .filter(|_| !tables)
        .flat_map(|entry| entry.parameters.iter().map(|field| format!("{}{}", entry.path, field.name)));
    let near = names::nearest(&of, objects.chain(parameters));
    Err(bad(format!("{} is not in the data model of this box's firmware{}", typed(text), names::hint(&near))))
}

fn unknown_object(text: &str, kind: &str, catalogue: &Catalogue) -> BadOrder {
    let objects = catalogue.objects.iter().map(|entry| &entry.path);
    let paths: Vec<String> = match kind {
        // The path of a table ends before the row.
        "table" => objects.filter_map(|path| path.strip_suffix("{i}.")).map(str::to_owned).collect(),
        _ => objects.cloned().collect(),
    };
    let near = names::nearest(&template(text), paths);
    bad(format!("{} is no {kind} of this box's firmware{}", typed(text), names::hint(&near)))
}

/// Checks a new row of Add.
fn addable(edit: &Edit, catalogue: Option<&Catalogue>) -> Result<(), BadOrder> {
    let path = concrete(&edit.path)?;
    optional_are_given(edit)?;
    let Some(catalogue) = catalogue.filter(|_| !path.follows()) else { return Ok(()) };
    let row = format!("{}{{i}}.", path.template());
    let entry = catalogue.objects.iter().find(|entry| entry.path == row);
    let entry = entry.ok_or_else(|| unknown_object(&edit.path, "table", catalogue))?;
    if !entry.creatable {
        return Err(bad(format!("{} takes no rows from outside: the box makes them itself", typed(&edit.path))));
    }
    parameters(entry, &edit.values, catalogue)
}

/// Checks an object of Set.
fn settable(edit: &Edit, catalogue: Option<&Catalogue>) -> Result<(), BadOrder> {
    let path = concrete(&edit.path)?;
    if edit.values.is_empty() {
        return Err(bad(format!("nothing is to be set in {}: give at least one value", typed(&edit.path))));
    }
    optional_are_given(edit)?;
    let Some(catalogue) = catalogue.filter(|_| !path.follows()) else { return Ok(()) };
    let of = path.template();
    let entry = catalogue.objects.iter().find(|entry| entry.path == of);
    parameters(entry.ok_or_else(|| unknown_object(&edit.path, "object", catalogue))?, &edit.values, catalogue)
}

/// A name among the optional ones that has no value is a typing error, and would make another one required.
fn optional_are_given(edit: &Edit) -> Result<(), BadOrder> {
    match edit.optional.iter().find(|name| !edit.values.contains_key(*name)) {
        Some(name) => Err(bad(format!("{} is optional in {} and has no value there: give it one", typed(name), typed(&edit.path)))),
        None => Ok(()),
    }
}

/// Checks a path of Delete.
fn removable(text: &str, catalogue: Option<&Catalogue>) -> Result<(), BadOrder> {
    let path = concrete(text)?;
    if matches!(path.segments.last(), Some(Segment::Name(_))) {
        return Err(bad(format!("{} is no row: its path ends in its number and a dot", typed(text))));
    }
    let Some(catalogue) = catalogue.filter(|_| !path.follows()) else { return Ok(()) };
    let of = path.template();
    let entry = catalogue.objects.iter().find(|entry| entry.path == of);
    if !entry.ok_or_else(|| unknown_object(text, "row", catalogue))?.creatable {
        return Err(bad(format!("{} cannot be removed from outside: the box makes these rows itself", typed(text))));
    }
    Ok(())
}

/// The command's full path, and what the catalogue says of it.
fn find_command(command: String, catalogue: Option<&Catalogue>) -> Result<(String, Option<&CommandEntry>), BadOrder> {
    if command.is_empty() {
        return Err(bad("no command is given"));
    }
    let Some(catalogue) = catalogue else {
        let hint = if command.contains('.') { "" } else { "; the box was never met, so the whole path is needed" };
        let path = parse(&command).map_err(|BadOrder(text)| bad(format!("{text}{hint}")))?;
        return is_command(&command, &path).map(|()| (command, None));
    };
    if !command.contains('.') {
        return short_form(&command, catalogue).map(|entry| (entry.path.clone(), Some(entry)));
    }
    let path = parse(&command)?;
    is_command(&command, &path)?;
    let of = path.template();
    match catalogue.commands.iter().find(|entry| entry.path == of) {
        Some(entry) => Ok((command, Some(entry))),
        None if path.follows() => Ok((command, None)),
        None => Err(unknown_command(&command, &of, catalogue)),
    }
}

fn is_command(text: &str, path: &Path) -> Result<(), BadOrder> {
    if matches!(path.target, Target::Command(_)) { Ok(()) } else { Err(bad(format!("{} is no command: its path ends in ()", typed(text)))) }
}

fn unknown_command(text: &str, template: &str, catalogue: &Catalogue) -> BadOrder {
    let near = names::nearest(template, catalogue.commands.iter().map(|entry| entry.path.clone()));
    bad(format!("{} is no command of this box's firmware{}", typed(text), names::hint(&near)))
}

/// The one command with this last word.
fn short_form<'a>(word: &str, catalogue: &'a Catalogue) -> Result<&'a CommandEntry, BadOrder> {
    let word = word.strip_suffix("()").unwrap_or(word);
    let found: Vec<&CommandEntry> = catalogue.commands.iter().filter(|entry| names::last_word(&entry.path) == word).collect();
    match found.as_slice() {
        [] => Err(unknown_command(word, word, catalogue)),
        [one] if one.path.contains("{i}") => Err(bad(format!(
            "{} is {}: it belongs to a row, so give the whole path with the row's number for {{i}}",
            typed(word),
            one.path
        ))),
        [one] => Ok(one),
        several => {
            let paths: Vec<&str> = several.iter().map(|entry| entry.path.as_str()).take(names::MOST).collect();
            Err(bad(format!("{} names {} commands, {} among them; give the whole path", typed(word), several.len(), paths.join(", "))))
        }
    }
}

/// Checks the input arguments of a command.
fn arguments(command: &CommandEntry, args: &Values) -> Result<(), BadOrder> {
    for (name, value) in args {
        values::check(find_field(&command.input, name, &command.path, "argument")?, name, value)?;
    }
    // What is in a row is needed only if there is a row.
    let missing = command.input.iter().find(|field| field.mandatory && !field.name.contains('.') && !args.contains_key(&field.name));
    let Some(field) = missing else { return Ok(()) };
    let doc = if field.doc.is_empty() { String::new() } else { format!(": {}", field.doc) };
    Err(bad(format!("{} needs {} ({}){doc}", command.path, field.name, values::takes(field))))
}

/// Checks new values of a row or object.
fn parameters(object: &ObjectEntry, new: &Values, catalogue: &Catalogue) -> Result<(), BadOrder> {
    for (name, value) in new {
        // A value may stand in an object within, as long as that is no table: `MQTT.PublishTopic` of a row of `BulkData.Profile.`.
        let (within, last) = match name.rsplit_once('.') {
            Some((path, last)) => {
                let path = format!("{}{path}.", object.path);
                let found = catalogue.objects.iter().find(|entry| entry.path == path);
                found.map_or((object, name.as_str()), |entry| (entry, last))
            }
            None => (object, name.as_str()),
        };
        let field = find_field(&within.parameters, last, &within.path, "parameter")?;
        if !field.writable {
            return Err(bad(format!("{last} of {} is read-only", within.path)));
        }
        values::check(field, name, value)?;
    }
    Ok(())
}

fn find_field<'a>(fields: &'a [FieldEntry], name: &str, of: &str, kind: &str) -> Result<&'a FieldEntry, BadOrder> {
    let wanted = template(name);
    fields.iter().find(|field| field.name == wanted).ok_or_else(|| {
        let near = names::nearest(&wanted, fields.iter().map(|field| field.name.clone()));
        let hint = match near.as_slice() {
            [] if fields.is_empty() => "; it has none".to_owned(),
            [] => format!("; it has {}", names::listed(fields.iter().map(|field| field.name.as_str()))),
            near => names::hint(near),
        };
        bad(format!("{of} has no {kind} {}{hint}", typed(name)))
    })
}
