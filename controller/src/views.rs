//! What the HTTP API says and takes: the same types for the server and for the command line.

use std::collections::BTreeMap;

use line3_proto::{EndpointId, Wall};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fleet::{Order, Outcome};
use crate::store::CallState;

/// A box. Every text in it that the box said is safe to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoxView {
    /// Its endpoint id.
    #[schema(value_type = String)]
    pub id: EndpointId,
    /// No real box stands behind it.
    pub simulated: bool,
    /// It is connected.
    pub online: bool,
    /// It is connected, its firmware's catalogue is known, and it can be ordered to do things.
    pub ready: bool,
    /// When it was first heard of: milliseconds since 1970, the controller's clock.
    #[schema(value_type = i64)]
    pub first_seen: Wall,
    /// When it was last heard of (record or report).
    #[schema(value_type = i64)]
    pub last_seen: Wall,
    /// What people wrote on it: `city`, …
    pub labels: BTreeMap<String, String>,
    /// What it says it is, by the last word of the parameter: `Manufacturer`, `ModelName`, `SoftwareVersion`, `SerialNumber`, …
    pub identity: BTreeMap<String, String>,
    /// The digest of its catalogue.
    pub catalogue: Option<String>,
    /// The run of its agent.
    pub run_id: Option<String>,
    /// The kernel's boot.
    pub boot_id: Option<String>,
    /// The newest values of its health reports, by path; empty: none came since the controller started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub health: BTreeMap<String, serde_json::Value>,
    /// When the newest report came.
    #[schema(value_type = Option<i64>)]
    pub reported: Option<Wall>,
}

/// What is wanted of a box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    /// Which box: its endpoint id, or what names one box only: its serial number, or the end of its id.
    #[serde(rename = "box")]
    pub box_name: String,
    /// What: `kind` is `get`, `getInstances`, `getSupported`, `operate`, `add`, `set` or `delete`, the rest as the kind needs:
    /// `{"kind": "get", "paths": ["Device.DeviceInfo."], "maxDepth": 0}`,
    /// `{"kind": "getInstances", "paths": ["Device.IP.Interface."], "firstLevelOnly": true}`,
    /// `{"kind": "getSupported", "paths": ["Device."]}`,
    /// `{"kind": "operate", "command": "IPPing()", "args": {"Host": "192.0.2.1"}}`,
    /// `{"kind": "add", "objects": [{"path": "Device.X.", "values": {"Name": "a", "Level": "3"}, "optional": ["Level"]}]}`,
    /// `{"kind": "set", "objects": [{"path": "Device.X.1.", "values": {"Enable": "true"}}], "allowPartial": true}`,
    /// `{"kind": "delete", "paths": ["Device.X.1."]}`. What changes is all or nothing without `allowPartial`.
    #[schema(value_type = Object, example = json!({"kind": "get", "paths": ["Device.DeviceInfo."]}))]
    pub order: Order,
    /// Why: a ticket's number. Looking (Get, GetInstances, GetSupported) needs none.
    #[serde(default)]
    pub reason: String,
    /// After how many milliseconds it is over, 1000 to 86,400,000; absent: 30 s, or what the command needs.
    #[serde(default)]
    pub deadline: Option<u64>,
    /// Whether it waits for a box that is offline, until its deadline.
    #[serde(default)]
    pub wait: bool,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// Its id.
    pub id: String,
    /// On which box.
    #[serde(rename = "box")]
    #[schema(value_type = String)]
    pub box_id: EndpointId,
    /// The command's path, or `Get`, `Set` and so on.
    pub command: String,
    /// What was asked for.
    #[schema(value_type = Object)]
    pub order: serde_json::Value,
    /// Who asked.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Where it is in its life: `queued`, `sent`, `accepted`, `running`; or, for ever, `succeeded`, `failed`, `refused`, `cancelled`,
    /// `expired`, `timed_out`, `lost`.
    #[schema(value_type = String)]
    pub state: CallState,
    /// When it was made: milliseconds since 1970, the controller's clock.
    #[schema(value_type = i64)]
    pub created: Wall,
    /// When it ended.
    #[schema(value_type = Option<i64>)]
    pub ended: Option<Wall>,
    /// What came of it, by `kind`: `values`, `instances`, `supported`, `outputs`, `changed`, or `refused`; with the `faults` of what
    /// did not go well, each `{"path", "code", "meaning", "text"}`. A call of which a part went well has succeeded, with faults.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Outcome>,
    /// How far it is, or what went wrong; for a person.
    pub words: String,
}

/// Something that a call is stopped for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why: a ticket's number.
    pub reason: String,
}

/// New labels of a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRequest {
    /// The labels to set; an empty value removes one. At most 16 labels of 64 bytes.
    pub labels: BTreeMap<String, String>,
    /// Why: a ticket's number.
    pub reason: String,
}

/// A firmware's catalogue, to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogueRequest {
    /// The text that `line3-agent --catalogue` prints: its digest is made of these very bytes.
    pub catalogue: String,
    /// Why: a ticket's number.
    pub reason: String,
}

/// A catalogue that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogueView {
    /// Its digest, which the boxes of this firmware tell.
    pub digest: String,
    /// How many objects it has.
    pub objects: usize,
    /// How many commands it has.
    pub commands: usize,
    /// How many events it has.
    pub events: usize,
}

/// What a parameter was over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesView {
    /// Of which box.
    #[serde(rename = "box")]
    #[schema(value_type = String)]
    pub box_id: EndpointId,
    /// The parameter's path.
    pub path: String,
    /// Its unit; empty: none, or unknown.
    pub unit: String,
    /// The points, oldest first.
    pub points: Vec<PointView>,
    /// Reports that are missing, run by run: from and to (sequence numbers, both missing).
    pub gaps: Vec<GapView>,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PointView {
    /// When: milliseconds since 1970, the controller's clock.
    #[schema(value_type = i64)]
    pub at: Wall,
    /// The value: a number, a boolean or a text.
    #[schema(value_type = Object)]
    pub value: serde_json::Value,
}

/// Reports that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapView {
    /// Of which run of the agent.
    pub run: String,
    /// The first that is missing.
    pub from: u64,
    /// The last that is missing.
    pub to: u64,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Its number.
    pub n: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// What it says.
    #[schema(value_type = Object)]
    pub entry: serde_json::Value,
}

/// Whether the audit log is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyView {
    /// It is.
    pub whole: bool,
    /// How many rows were walked.
    pub rows: u64,
    /// The newest hash.
    pub head: String,
    /// What is wrong, and where; and places where the log itself noted that it was found damaged.
    pub troubles: Vec<String>,
}

/// Something that happened just now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum Event {
    /// A box has changed.
    Box {
        /// The box.
        #[serde(rename = "box")]
        view: Box<BoxView>,
    },
    /// A call has moved on.
    Call {
        /// The call.
        call: Box<CallView>,
    },
    /// A health report came.
    #[serde(rename_all = "camelCase")]
    Report {
        /// Of which box.
        #[serde(rename = "box")]
        #[schema(value_type = String)]
        box_id: EndpointId,
        /// When it came.
        #[schema(value_type = i64)]
        received: Wall,
        /// The run of the agent.
        run_id: String,
        /// Its number in that run.
        sequence: u64,
        /// What it says, by path.
        #[schema(value_type = Object)]
        values: BTreeMap<String, serde_json::Value>,
    },
}

/// Who the server takes you for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    /// Your name, as it stands in the audit log.
    pub name: String,
    /// Your role: `observer`, `diagnose`, `repair` or `lead`.
    pub role: String,
    /// The server's version.
    pub version: String,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// A word for programs: `no-such-box`, `ambiguous-box`, `bad-request`, `denied`, `not-found`, `unauthorized`, `ended`, `busy`,
    /// `stopping`, `internal`.
    pub error: String,
    /// What happened, to what, and what to do; for a person.
    pub message: String,
}
