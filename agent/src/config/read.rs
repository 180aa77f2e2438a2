//! Reads the configuration. By a list, because readers derived with serde would take forty times as many bytes on the box; and
//! from the events of the TOML parser, because a tree of all values would take 28 KB more (x86_64).

use std::fmt::Display;
use std::mem::take;
use std::path::PathBuf;

use line3_proto::EndpointId;
use toml_parser::decoder::ScalarKind;
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{Expected, ParseError, Source};

use super::{Config, ConfigError};
use crate::view::RebootMode;

/// Puts the value of a field into its place; else says what the field takes.
type Put = fn(&mut Config, &Value) -> Result<(), String>;

/// A value, as far as fields tell them apart.
enum Value {
    Text(String),
    /// The digits, perhaps with a sign, and their base.
    Number(String, u32),
    List(Vec<Value>),
    Table,
    /// One that no field takes, by the name of its kind.
    Other(&'static str),
}

/// How deep lists and tables may lie in each other; no field takes more than 2.
const MAX_DEPTH: u32 = 8;

/// The sections.
const SECTIONS: [&str; 3] = ["broker", "report", "device"];

/// Every field, by its path.
const FIELDS: &[(&str, Put)] = &[
    ("endpoint-id", |config, value| put(&mut config.endpoint_id, value)),
    ("controller", |config, value| put(&mut config.controller, value)),
    ("user", |config, value| put(&mut config.user, value)),
    ("state-dir", |config, value| put(&mut config.state_dir, value)),
    ("root", |config, value| put(&mut config.root, value)),
    ("reboot", |config, value| put(&mut config.reboot, value)),
    ("broker.host", |config, value| put(&mut config.broker.host, value)),
    ("broker.port", |config, value| put(&mut config.broker.port, value)),
    ("broker.ca", |config, value| put(&mut config.broker.ca, value)),
    ("broker.certificate", |config, value| put(&mut config.broker.certificate, value)),
    ("broker.key", |config, value| put(&mut config.broker.key, value)),
    ("broker.keep-alive", |config, value| put(&mut config.broker.keep_alive, value)),
    ("broker.session-expiry", |config, value| put(&mut config.broker.session_expiry, value)),
    ("report.interval", |config, value| put(&mut config.report.interval, value)),
    ("report.retained", |config, value| put(&mut config.report.retained, value)),
    ("report.parameters", |config, value| put(&mut config.report.parameters, value)),
    ("device.manufacturer", |config, value| put(&mut config.device.manufacturer, value)),
    ("device.oui", |config, value| put(&mut config.device.oui, value)),
    ("device.model", |config, value| put(&mut config.device.model, value)),
    ("device.product-class", |config, value| put(&mut config.device.product_class, value)),
    ("device.serial-number", |config, value| put(&mut config.device.serial_number, value)),
    ("device.hardware-version", |config, value| put(&mut config.device.hardware_version, value)),
    ("device.software-version", |config, value| put(&mut config.device.software_version, value)),
];

/// The names of all fields.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// A configuration as it is written; what it leaves out has its default.
pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let source = Source::new(text);
    let (mut events, mut wrong) = (Vec::new(), None);
    let mut checked = ValidateWhitespace::new(&mut events, source);
    parse_document(&source.lex().into_vec(), &mut RecursionGuard::new(&mut checked, MAX_DEPTH), &mut wrong);
    sound(text, wrong)?;
    let mut reader = Reader { text, config: Config::default(), seen: Vec::new() };
    // The section that is open, the keys of the value to come, and its items while it is a list.
    let (mut section, mut keys, mut list) = (String::new(), Vec::new(), None);
    for event in &events {
        let value = match (event.kind(), &mut list) {
            (EventKind::StdTableOpen | EventKind::ArrayTableOpen, _) => {
                section.clear();
                continue;
            }
            (EventKind::SimpleKey, _) => {
                keys.push((key(source, event)?, event.span().start()));
                continue;
            }
            (EventKind::StdTableClose | EventKind::InlineTableOpen, None) => Value::Table,
            // A section in braces is at the top, for no section has one in it.
            (EventKind::InlineTableClose, _) => {
                section.clear();
                continue;
            }
            (EventKind::ArrayTableClose, _) => Value::List(vec![Value::Table]),
            (EventKind::ArrayOpen, None) => {
                list = Some(Vec::new());
                continue;
            }
            (EventKind::Scalar, Some(items)) => {
                items.push(scalar(source, event)?);
                continue;
            }
            (EventKind::Scalar, None) => scalar(source, event)?,
            // No field takes such a list.
            (EventKind::InlineTableOpen, Some(_)) => Value::List(vec![Value::Table]),
            (EventKind::ArrayOpen, Some(_)) => Value::List(vec![Value::List(Vec::new())]),
            (EventKind::ArrayClose, _) => Value::List(list.take().unwrap_or_default()),
            _ => continue,
        };
        if let Some(opened) = reader.put(&section, &take(&mut keys), &value)? {
            section = opened;
        }
    }
    Ok(reader.config)
}

/// Refuses a text with a mistake in its TOML.
fn sound(text: &str, wrong: Option<ParseError>) -> Result<(), ConfigError> {
    let Some(wrong) = wrong else { return Ok(()) };
    let start = wrong.unexpected().or(wrong.context()).map_or(0, |span| span.start());
    let before = text.get(..start).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let expected = wrong.expected().unwrap_or_default().iter().map(|expected| match expected {
        Expected::Literal(text) => format!("`{}`", text.replace('\n', "\\n")),
        Expected::Description(text) => (*text).to_owned(),
        _ => "more".to_owned(),
    });
    let expected: Vec<String> = expected.collect();
    let expected = if expected.is_empty() { String::new() } else { format!(", expected {}", expected.join(" or ")) };
    Err(ConfigError::Toml(format!("line {}, column {column}: {}{expected}", line(text, start), wrong.description())))
}

/// The line that a byte is in; the first is 1.
fn line(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

fn key(source: Source<'_>, event: &Event) -> Result<String, ConfigError> {
    let (mut text, mut wrong) = (String::new(), None);
    if let Some(raw) = source.get(event) {
        raw.decode_key(&mut text, &mut wrong);
    }
    sound(source.input(), wrong).map(|()| text)
}

fn scalar(source: Source<'_>, event: &Event) -> Result<Value, ConfigError> {
    let (mut text, mut wrong) = (String::new(), None);
    let kind = source.get(event).map_or(ScalarKind::String, |raw| raw.decode_scalar(&mut text, &mut wrong));
    sound(source.input(), wrong)?;
    Ok(match kind {
        ScalarKind::String => Value::Text(text),
        ScalarKind::Integer(radix) => Value::Number(text, radix.value()),
        other => Value::Other(other.description()),
    })
}

/// What was read so far.
struct Reader<'t> {
    text: &'t str,
    config: Config,
    /// The fields that were there and the sections that were opened; a section's name ends with a dot.
    seen: Vec<String>,
}

impl Reader<'_> {
    /// Puts a value where its keys lead from a section; each key with the byte that it starts at. Gives the section that a table opens.
    fn put(&mut self, section: &str, keys: &[(String, usize)], value: &Value) -> Result<Option<String>, ConfigError> {
        let (mut inside, mut opened) = (section.to_owned(), None);
        for (index, (key, start)) in keys.iter().enumerate() {
            let path = format!("{inside}{key}");
            let last = index + 1 == keys.len();
            let value = if last { value } else { &Value::Table };
            let done = match (value, FIELDS.iter().find(|(field, _)| *field == path)) {
                (Value::Table, None) if SECTIONS.contains(&path.as_str()) => {
                    inside = format!("{path}.");
                    opened = last.then(|| inside.clone());
                    Ok(())
                }
                (_, None) => Err(unknown(&inside, &path)),
                (value, Some((_, put))) => put(&mut self.config, value).map_err(|takes| format!("{path} takes {takes}")),
            };
            // A section is opened once, and not after fields of it; and once it was opened, dotted keys add none.
            let taken = |seen: &String| match &opened {
                Some(section) => seen.starts_with(section),
                None => *seen == path || (index > 0 && *seen == inside),
            };
            let twice = last && self.seen.iter().any(taken);
            let done = done.and_then(|()| if twice { Err(format!("duplicate key `{path}`")) } else { Ok(()) });
            done.map_err(|wrong| ConfigError::Value(format!("line {}: {wrong}", line(self.text, *start))))?;
            if last {
                self.seen.push(opened.clone().unwrap_or(path));
            }
        }
        Ok(opened)
    }
}

fn unknown(section: &str, path: &str) -> String {
    if SECTIONS.contains(&path) {
        return format!("unknown field `{path}`; it is a section: [{path}]");
    }
    let beside = |name: &&str| name.strip_prefix(section).is_some_and(|rest| !rest.contains('.'));
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).filter(beside).collect();
    format!("unknown field `{path}`; there are {}", names.join(", "))
}

fn put<T: Field>(place: &mut T, value: &Value) -> Result<(), String> {
    *place = T::read(value)?;
    Ok(())
}

/// A type that a field can have.
trait Field: Sized {
    /// Reads the value; else says what it takes.
    fn read(value: &Value) -> Result<Self, String>;
}

impl Field for String {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err(format!("a text, not {}", kind(other))),
        }
    }
}

impl Field for PathBuf {
    fn read(value: &Value) -> Result<Self, String> {
        String::read(value).map(Self::from)
    }
}

impl Field for EndpointId {
    fn read(value: &Value) -> Result<Self, String> {
        Self::parse(&String::read(value)?).map_err(|error| format!("an endpoint id: {error}"))
    }
}

impl Field for RebootMode {
    fn read(value: &Value) -> Result<Self, String> {
        let text = String::read(value)?;
        let known = [Self::System, Self::RestartAgent].into_iter().find(|mode| mode.as_str() == text);
        known.ok_or_else(|| format!("\"system\" or \"restart-agent\", not {text:?}"))
    }
}

impl Field for u32 {
    fn read(value: &Value) -> Result<Self, String> {
        number(value, Self::MAX)
    }
}

impl Field for u16 {
    fn read(value: &Value) -> Result<Self, String> {
        Ok(Self::try_from(number(value, Self::MAX.into())?).unwrap_or(Self::MAX))
    }
}

fn number(value: &Value, max: u32) -> Result<u32, String> {
    let wrong = |found: &dyn Display| format!("a whole number from 0 to {max}, not {found}");
    let Value::Number(digits, base) = value else { return Err(wrong(&kind(value))) };
    let read = u32::from_str_radix(digits, *base).ok().filter(|number| *number <= max);
    read.ok_or_else(|| wrong(digits))
}

impl Field for Vec<String> {
    fn read(value: &Value) -> Result<Self, String> {
        let Value::List(items) = value else { return Err(format!("a list of texts, not {}", kind(value))) };
        let text = |item: &Value| match item {
            Value::Text(text) => Ok(text.clone()),
            other => Err(format!("a list of texts, not one with {}", kind(other))),
        };
        items.iter().map(text).collect()
    }
}

/// What a value is, with its article.
fn kind(value: &Value) -> String {
    match value {
        Value::Text(_) => "a string".to_owned(),
        Value::Number(..) => "an integer".to_owned(),
        Value::List(_) => "an array".to_owned(),
        Value::Table => "a table".to_owned(),
        Value::Other(kind) => format!("a {kind}"),
    }
}
