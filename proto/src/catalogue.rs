//! The catalogue: what one firmware can show and do, with everything a person needs to ask for it. The agent makes it from its
//! lists, the controller learns it once for each firmware and keeps it by its digest.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::effect::Effect;
use crate::row::{Access, Field};
use crate::value::ValueType;

/// Everything that a firmware can show and do, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalogue {
    /// Things to look at.
    pub objects: Vec<ObjectEntry>,
    /// Things to do.
    pub commands: Vec<CommandEntry>,
    /// Things that happen.
    pub events: Vec<EventEntry>,
}

/// An object of the supported data model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectEntry {
    /// Its path with `{i}`, ending in a dot.
    pub path: String,
    /// What it is; empty where the agent does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Rows can be added from outside.
    #[serde(default, skip_serializing_if = "is_false")]
    pub creatable: bool,
    /// The sets of parameters that are unique in the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique_keys: Vec<Vec<String>>,
    /// Its parameters.
    pub parameters: Vec<FieldEntry>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandEntry {
    /// Its path with `{i}`, ending in `()`.
    pub path: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What it does to the viewer; `None` where the agent does not say (foreign agents): then it counts as the worst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Whether its result comes later, by OperationComplete.
    pub asynchronous: bool,
    /// After how many seconds the box stops it; `None` where the agent does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Its input arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<FieldEntry>,
    /// Its output arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<FieldEntry>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventEntry {
    /// Its path with `{i}`, ending in `!`.
    pub path: String,
    /// When it happens.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<FieldEntry>,
}

/// A parameter or an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldEntry {
    /// Its name; in nested rows `Result.{i}.Status`.
    pub name: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Its base type.
    #[serde(rename = "type")]
    pub ty: ValueType,
    /// A comma-separated list.
    #[serde(default, skip_serializing_if = "is_false")]
    pub list: bool,
    /// Its unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The greatest value, or the greatest length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The values of an enumeration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// It can be set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub writable: bool,
    /// It can be set once only: when its row is made, or by the first Set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub once: bool,
    /// It changes by itself all the time: no ValueChange is told of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ticks: bool,
    /// It must be given (arguments).
    #[serde(default, skip_serializing_if = "is_false")]
    pub mandatory: bool,
    /// What stands for it when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl FieldEntry {
    /// The entries of these fields, nested rows flattened.
    #[must_use]
    pub fn list(fields: &[Field]) -> Vec<Self> {
        let mut entries = Vec::new();
        for field in fields {
            if field.shape.rows.is_empty() {
                entries.push(Self::of(field));
            }
            for mut inner in Self::list(field.shape.rows) {
                inner.name = format!("{}.{{i}}.{}", field.name, inner.name);
                entries.push(inner);
            }
        }
        entries
    }

    fn of(field: &Field) -> Self {
        Self {
            name: field.name.to_owned(),
            doc: field.doc.trim().to_owned(),
            ty: field.shape.ty,
            list: field.shape.list,
            unit: field.unit.text().to_owned(),
            min: field.bounds.min,
            max: field.bounds.max,
            values: field.shape.values.iter().map(|value| (*value).to_owned()).collect(),
            writable: field.access != Access::ReadOnly,
            once: field.access == Access::WriteOnce,
            ticks: field.ticks,
            mandatory: field.is_mandatory(),
            default: field.default.map(|text| (*text).to_owned()),
        }
    }
}

impl Catalogue {
    /// Its JSON: one spelling for one catalogue.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain structs with text keys: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The digest of its JSON: SHA-256, hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(self.to_json().as_bytes())
    }

    /// The command of this path, instances in it taken as `{i}`.
    #[must_use]
    pub fn command(&self, path: &str) -> Option<&CommandEntry> {
        let template = template(path);
        self.commands.iter().find(|command| command.path == template)
    }

    /// The parameter of this concrete or template path, and the object it is in.
    #[must_use]
    pub fn parameter(&self, path: &str) -> Option<(&ObjectEntry, &FieldEntry)> {
        let template = template(path);
        let (object, name) = template.rsplit_once('.')?;
        let object = self.objects.iter().find(|entry| entry.path.strip_suffix('.') == Some(object))?;
        Some((object, object.parameters.iter().find(|field| field.name == name)?))
    }
}

/// The digest by which a catalogue's JSON is known. Whoever keeps a catalogue by a digest that a box named must compute it
/// again: boxes are hostile.
#[must_use]
pub fn digest(json: &[u8]) -> String {
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path with every instance number, wildcard and search replaced by `{i}`.
#[must_use]
pub fn template(path: &str) -> String {
    let is_instance =
        |level: &str| level == "*" || level.starts_with('[') || (!level.is_empty() && level.bytes().all(|b| b.is_ascii_digit()));
    path.split('.').map(|level| if is_instance(level) { "{i}" } else { level }).collect::<Vec<_>>().join(".")
}
