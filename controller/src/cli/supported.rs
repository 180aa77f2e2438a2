//! What a box can show and do.

use std::io;

use line3_proto::Effect;
use line3_proto::catalogue::{Catalogue, CommandEntry, FieldEntry, ObjectEntry, template};

use super::args::SupportedArgs;
use super::screen::{Cell, Screen, Table, Tone};
use super::session::{Failure, Session};
use super::{Exit, text};

pub(super) fn show(session: &mut Session<'_>, args: &SupportedArgs) -> Result<Exit, Failure> {
    let Some(known) = session.ask_box::<Catalogue>(&args.name, "/catalogue", &[])? else { return Ok(Exit::Done) };
    if catalogue(session.screen, &known, args.path.as_deref(), args.commands)? {
        return Ok(Exit::Done);
    }
    session.screen.note("nothing of that is in the catalogue of this box; without a path `line3 supported` shows all that is")?;
    Ok(Exit::NotFound)
}

/// Shows a catalogue, or what of it lies below `part` or has it in its path; and says whether anything was.
pub(super) fn catalogue(screen: &mut Screen, catalogue: &Catalogue, part: Option<&str>, commands_only: bool) -> io::Result<bool> {
    let part = part.map(|part| template(part).to_lowercase());
    let wanted = |path: &str| part.as_ref().is_none_or(|part| path.to_lowercase().contains(part.as_str()));
    let mut shown = false;
    if !commands_only {
        for entry in &catalogue.objects {
            // A parameter named by its path shows its object with it alone.
            let whole = wanted(&entry.path);
            let fields: Vec<&FieldEntry> =
                entry.parameters.iter().filter(|field| whole || wanted(&format!("{}{}", entry.path, field.name))).collect();
            if whole || !fields.is_empty() {
                object(screen, entry, &fields)?;
                shown = true;
            }
        }
    }
    for entry in catalogue.commands.iter().filter(|entry| wanted(&entry.path)) {
        command(screen, entry)?;
        shown = true;
    }
    if !commands_only {
        for entry in catalogue.events.iter().filter(|entry| wanted(&entry.path)) {
            heading(screen, &entry.path, "event", &entry.doc)?;
            fields(screen, entry.arguments.iter().map(|field| ("", field)))?;
            shown = true;
        }
    }
    Ok(shown)
}

fn object(screen: &mut Screen, entry: &ObjectEntry, of_it: &[&FieldEntry]) -> io::Result<()> {
    let keys: Vec<String> = entry.unique_keys.iter().map(|key| key.join("+")).collect();
    let mut kind = if entry.path.ends_with("{i}.") { "table".to_owned() } else { "object".to_owned() };
    if entry.creatable {
        kind.push_str(", rows can be added");
    }
    if !keys.is_empty() {
        kind = format!("{kind}, unique by {}", keys.join(" or "));
    }
    heading(screen, &entry.path, &kind, &entry.doc)?;
    fields(screen, of_it.iter().map(|field| ("", *field)))
}

fn command(screen: &mut Screen, entry: &CommandEntry) -> io::Result<()> {
    let effect = match entry.effect {
        Some(effect) => format!("effect {effect} ({})", meaning(effect)),
        None => "effect unknown: counts as Destroy".to_owned(),
    };
    let limit = entry.limit.map_or(String::new(), |limit| format!(", at most {limit} s"));
    let when = if entry.asynchronous { "asynchronous" } else { "synchronous" };
    heading(screen, &entry.path, &format!("command, {when}, {effect}{limit}"), &entry.doc)?;
    let (input, output) = (entry.input.iter().map(|field| ("in", field)), entry.output.iter().map(|field| ("out", field)));
    fields(screen, input.chain(output))
}

fn meaning(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "it looks and measures",
        Effect::Disrupt => "the viewer notices",
        Effect::Destroy => "data is lost",
    }
}

fn heading(screen: &mut Screen, path: &str, kind: &str, doc: &str) -> io::Result<()> {
    screen.line("")?;
    screen.toned(Tone::Bold, path)?;
    screen.toned(Tone::Dim, &format!("  {kind}"))?;
    if doc.is_empty() { Ok(()) } else { screen.line(&format!("  {doc}")) }
}

/// Parameters or arguments, each with the way it goes; those that must be given have a star.
fn fields<'a>(screen: &mut Screen, fields: impl Iterator<Item = (&'static str, &'a FieldEntry)>) -> io::Result<()> {
    let mut table = Table::new(&["", "", "", "", ""]).whole(&[0, 1]);
    for (way, field) in fields {
        let name = format!("{}{}", field.name, if field.mandatory && way == "in" { " *" } else { "" });
        table.row([
            format!("  {way}").into(),
            name.into(),
            Cell::toned(Tone::Dim, kind(field)),
            range(field).into(),
            field.doc.as_str().into(),
        ]);
    }
    screen.table(&table)
}

fn kind(field: &FieldEntry) -> String {
    let mut kind = if field.values.is_empty() { field.ty.to_string() } else { field.values.join("|") };
    if field.list {
        kind = format!("list of {kind}");
    }
    if field.writable {
        kind.push_str(if field.once { ", writable once" } else { ", writable" });
    }
    if field.ticks {
        kind.push_str(", no ValueChange");
    }
    kind
}

/// The unit, the range and the default, in few words.
fn range(field: &FieldEntry) -> String {
    let bounds = match (field.min, field.max) {
        (Some(min), Some(max)) => format!("{min}..{max}"),
        (Some(min), None) => format!("{min}.."),
        (None, Some(max)) if field.ty.is_number() => format!("..{max}"),
        (None, Some(max)) => format!("length ..{max}"),
        (None, None) => String::new(),
    };
    let default = field.default.as_ref().map_or(String::new(), |default| format!("default {default:?}"));
    [bounds.as_str(), text::unit(&field.unit), &default].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
