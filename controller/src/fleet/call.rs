//! A call: what somebody wants of a box, and how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::fault::code::meaning;
use line3_proto::{Effect, EndpointId, Fault};
use serde::{Deserialize, Serialize};

use super::{Order, shown};
use crate::audit::{Describe, Scope};
use crate::store::CallState;

/// The id of a call: unique for ever, and the command key by which the box speaks of it.
pub type CallId = String;

/// A call that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its id: 128 random bits, hexadecimal.
    pub id: CallId,
    /// On which box.
    pub box_id: EndpointId,
    /// What.
    pub order: Order,
    /// What it does to the box; `None`: it only looks.
    pub effect: Option<Effect>,
    /// After this long it is over, one way or another.
    pub deadline: Duration,
    /// Whether it waits for a box that is offline, until its deadline.
    pub wait: bool,
}

impl Describe for Call {
    fn call_id(&self) -> &str {
        &self.id
    }
    fn effect(&self) -> Option<Effect> {
        self.effect
    }
    fn scope(&self) -> Scope {
        Scope::Box(self.box_id.clone())
    }
    fn words(&self) -> String {
        self.order.words()
    }
}

/// A call that is to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The id of the call to stop.
    pub call: CallId,
    /// Of which box.
    pub box_id: EndpointId,
}

impl Describe for Cancel {
    fn call_id(&self) -> &str {
        &self.call
    }
    fn effect(&self) -> Option<Effect> {
        Some(Effect::Read)
    }
    fn scope(&self) -> Scope {
        Scope::Box(self.box_id.clone())
    }
    fn words(&self) -> String {
        "cancel this call".to_owned()
    }
}

/// A step in a call's life.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Which call.
    pub call: CallId,
    /// On which box.
    pub box_id: EndpointId,
    /// Its state now.
    pub state: CallState,
    /// What came of it, or what was wrong with what, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
    /// How far it is, or what went wrong; for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Outcome {
    /// Values, by full path.
    Values {
        /// Values by full path.
        values: BTreeMap<String, String>,
        /// What was wrong with which of the paths asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<Wrong>,
    },
    /// Rows, by path, with their unique keys.
    Instances {
        /// Unique keys by path of the row.
        instances: BTreeMap<String, BTreeMap<String, String>>,
        /// What was wrong with which of the paths asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<Wrong>,
    },
    /// The supported data model, as a catalogue.
    Supported {
        /// The catalogue.
        catalogue: line3_proto::catalogue::Catalogue,
        /// What was wrong with which of the paths asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<Wrong>,
    },
    /// What commands gave, by the path of the command.
    Outputs {
        /// Output arguments by the path of the command.
        outputs: BTreeMap<String, BTreeMap<String, String>>,
        /// What was wrong with which command.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<Wrong>,
    },
    /// Rows that were made, changed or removed.
    Changed {
        /// What became of each path that was asked for, in the box's order.
        changes: Vec<Change>,
    },
    /// The box refused the whole, and named what was to blame.
    Refused {
        /// What was wrong with the whole (its path is empty), then with which parameter or object.
        faults: Vec<Wrong>,
    },
}

/// What became of one path of an Add, Set or Delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The path that was asked for.
    pub requested: String,
    /// The rows that were made, changed or removed, with the unique keys of a new one and the values that were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Done>,
    /// What went wrong: the path itself, a parameter (an optional one, if the row is among those done), or a row that stayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Wrong>,
}

/// A row that was made, changed or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// Its path.
    pub path: String,
    /// The unique keys of a new row; the values that were set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// What is wrong, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wrong {
    /// The path of the parameter, row or command, or the path that was asked for; empty: the whole request.
    pub path: String,
    /// One of [`line3_proto::fault::code`], or of another vendor's.
    pub code: u32,
    /// What the code means; empty for one that the standard does not define.
    pub meaning: String,
    /// What the box says.
    pub text: String,
}

impl Wrong {
    /// What is wrong with `path`, safe to show.
    pub(super) fn new(path: &str, code: u32, text: &str) -> Self {
        Self { path: shown(path), code, meaning: meaning(code).to_owned(), text: shown(text) }
    }

    /// The fault itself.
    pub(super) fn fault(&self) -> Fault {
        Fault::new(self.code, self.text.as_str())
    }
}

impl Outcome {
    /// What went wrong with any of it.
    #[must_use]
    pub fn faults(&self) -> Vec<&Wrong> {
        match self {
            Self::Values { faults, .. }
            | Self::Instances { faults, .. }
            | Self::Supported { faults, .. }
            | Self::Outputs { faults, .. }
            | Self::Refused { faults } => faults.iter().collect(),
            Self::Changed { changes } => changes.iter().flat_map(|change| &change.faults).collect(),
        }
    }

    /// Whether nothing of it was found or done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Values { values, .. } => values.is_empty(),
            Self::Instances { instances, .. } => instances.is_empty(),
            Self::Supported { catalogue, .. } => *catalogue == line3_proto::catalogue::Catalogue::default(),
            Self::Outputs { outputs, .. } => outputs.is_empty(),
            Self::Changed { changes } => changes.iter().all(|change| change.done.is_empty()),
            Self::Refused { .. } => true,
        }
    }

    /// Whether some of it was found or done, and some was not.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.is_empty() && !self.faults().is_empty()
    }
}
