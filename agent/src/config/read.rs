//! Reads the configuration. By a list, because readers derived with serde would take forty times as many bytes on the box.

use std::fmt::Display;
use std::path::PathBuf;

use line3_proto::EndpointId;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError};
use crate::view::RebootMode;

/// Puts the value of a field into its place; else says what the field takes.
type Put = fn(&mut Config, &DeValue<'_>) -> Result<(), String>;

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
    let mut config = Config::default();
    section(&mut config, text, "", DeTable::parse(text)?.get_ref())?;
    Ok(config)
}

/// Reads a section; the top one has no name, the others' ends with a dot.
fn section(config: &mut Config, text: &str, name: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
    for (key, value) in table {
        let path = format!("{name}{}", key.get_ref());
        let done = match (value.get_ref(), FIELDS.iter().find(|(field, _)| *field == path)) {
            (DeValue::Table(table), None) if SECTIONS.contains(&path.as_str()) => {
                section(config, text, &format!("{path}."), table)?;
                continue;
            }
            (value, Some((_, put))) => put(config, value).map_err(|takes| format!("{path} takes {takes}")),
            (_, None) => Err(unknown(name, &path)),
        };
        let line = text.bytes().take(key.span().start).filter(|byte| *byte == b'\n').count() + 1;
        done.map_err(|wrong| ConfigError::Value(format!("line {line}: {wrong}")))?;
    }
    Ok(())
}

fn unknown(section: &str, path: &str) -> String {
    if SECTIONS.contains(&path) {
        return format!("unknown field `{path}`; it is a section: [{path}]");
    }
    let beside = |name: &&str| name.strip_prefix(section).is_some_and(|rest| !rest.contains('.'));
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).filter(beside).collect();
    format!("unknown field `{path}`; there are {}", names.join(", "))
}

fn put<T: Field>(place: &mut T, value: &DeValue<'_>) -> Result<(), String> {
    *place = T::read(value)?;
    Ok(())
}

/// A type that a field can have.
trait Field: Sized {
    /// Reads the value; else says what it takes.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

impl Field for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("a text, not {}", kind(value)))
    }
}

impl Field for PathBuf {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        String::read(value).map(Self::from)
    }
}

impl Field for EndpointId {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::parse(&String::read(value)?).map_err(|error| format!("an endpoint id: {error}"))
    }
}

impl Field for RebootMode {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = String::read(value)?;
        let known = [Self::System, Self::RestartAgent].into_iter().find(|mode| mode.as_str() == text);
        known.ok_or_else(|| format!("\"system\" or \"restart-agent\", not {text:?}"))
    }
}

impl Field for u32 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        number(value, Self::MAX)
    }
}

impl Field for u16 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Ok(Self::try_from(number(value, Self::MAX.into())?).unwrap_or(Self::MAX))
    }
}

fn number(value: &DeValue<'_>, max: u32) -> Result<u32, String> {
    let wrong = |found: &dyn Display| format!("a whole number from 0 to {max}, not {found}");
    let number = value.as_integer().ok_or_else(|| wrong(&kind(value)))?;
    let read = u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| *number <= max);
    read.ok_or_else(|| wrong(&number.as_str()))
}

impl Field for Vec<String> {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let items = value.as_array().ok_or_else(|| format!("a list of texts, not {}", kind(value)))?;
        let text = |item: &toml::Spanned<DeValue<'_>>| {
            let item = item.get_ref();
            item.as_str().map(str::to_owned).ok_or_else(|| format!("a list of texts, not one with {}", kind(item)))
        };
        items.iter().map(text).collect()
    }
}

/// What a value is, with its article.
fn kind(value: &DeValue<'_>) -> String {
    let name = value.type_str();
    format!("{} {name}", if name.starts_with(['a', 'i']) { "an" } else { "a" })
}
