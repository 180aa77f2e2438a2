//! A call: what somebody wants of a box, and how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::{Effect, EndpointId};
use serde::{Deserialize, Serialize};

use super::Order;
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
    /// What came of it, once it has succeeded.
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
    /// Values, by full path; and what was wrong with which of the paths asked for.
    Values {
        /// Values by full path.
        values: BTreeMap<String, String>,
        /// Code and text by the path that was asked for.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        faults: BTreeMap<String, String>,
    },
    /// Rows, by path, with their unique keys.
    Instances {
        /// Unique keys by path of the row.
        instances: BTreeMap<String, BTreeMap<String, String>>,
        /// Code and text by the path that was asked for.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        faults: BTreeMap<String, String>,
    },
    /// The supported data model, as a catalogue.
    Supported {
        /// The catalogue.
        catalogue: line3_proto::catalogue::Catalogue,
    },
    /// What commands gave, by the path of the command.
    Outputs {
        /// Output arguments by the path of the command.
        outputs: BTreeMap<String, BTreeMap<String, String>>,
    },
    /// Paths that were made, changed or removed.
    Changed {
        /// The paths.
        paths: Vec<String>,
    },
}
