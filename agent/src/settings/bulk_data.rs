//! `Device.BulkData.Profile.{i}.`: which health reports the agent makes, of what, and how often.

use line3_proto::row;
use line3_proto::value::{Absent, Known};
use line3_proto::{Wall, values};

use super::{Setting, entries};
use crate::view::View;

values! {
    /// `Protocol`.
    pub enum Protocol {
        /// By MQTT, on a topic of its own.
        MQTT,
    }
}

values! {
    /// `EncodingType`.
    pub enum Encoding {
        /// As JSON.
        JSON,
    }
}

row! {
    /// A profile.
    pub struct ProfileRow {
        /// A name that never changes.
        Alias: String,
        /// Its name.
        Name: String,
        /// Whether it reports.
        Enable: bool,
        /// The path of the Controller row that it belongs to.
        Controller: String,
        /// How many reports wait in memory while there is no broker; the oldest goes first.
        NumberOfRetainedFailedReports: i32 [range(0, 1440)] = "120",
        /// How reports travel.
        Protocol: Protocol = "MQTT",
        /// How reports are written.
        EncodingType: Encoding = "JSON",
        /// How often a report is made.
        ReportingInterval: u32 [s, range(1, 86400)] = "60",
        /// A moment at which a report is due; unknown: each box has a phase of its own, so a fleet does not report at once.
        TimeReference: Wall = "0001-01-01T00:00:00Z",
        /// How many references it has.
        ParameterNumberOfEntries: u32,
        /// The number of the newest report of this run, from 1; a hole shows a lost report.
        X_LINE3_Sequence: u64 [ticks],
    }
}

row! {
    /// What a profile reports.
    pub struct ParameterRow {
        /// The name it is reported by; empty: its path.
        Name: String,
        /// A parameter path, an object path or a path with wildcards.
        Reference: String,
        /// Whether it is left out after all.
        Exclude: bool = "false",
    }
}

row! {
    /// How a report is written.
    pub struct JsonEncodingRow {
        /// `NameValuePair`: full paths, flat.
        ReportFormat: String = "NameValuePair",
        /// `Unix-Epoch`: `CollectionTime` in seconds, by the box's clock.
        ReportTimestamp: String = "Unix-Epoch",
    }
}

row! {
    /// Where reports go.
    pub struct MqttRow {
        /// The path of the MQTT client.
        Reference: String,
        /// The topic.
        PublishTopic: String,
        /// The quality of service: 1, so no report is lost on the way.
        PublishQoS: u32 [range(0, 1)] = "1",
        /// Whether the broker keeps the newest.
        PublishRetain: bool = "false",
    }
}

/// `Device.BulkData.Profile.{i}.`
pub(super) struct Profile;

impl Setting for Profile {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.";
    const DOC: &'static str = "A kind of health report.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    type Row = ProfileRow;
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let number = at.trim_end_matches('.').rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
        let sequence = view.facts.sequences.iter().find(|(instance, _)| Some(*instance) == number);
        let sequence = sequence.map(|(_, sequence)| sequence.to_string()).ok_or(Absent::because("no report was made yet"));
        vec![("ParameterNumberOfEntries", entries(view, &format!("{at}Parameter."))), ("X_LINE3_Sequence", sequence)]
    }
}

/// `Device.BulkData.Profile.{i}.Parameter.{i}.`
pub(super) struct Parameter;

impl Setting for Parameter {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.Parameter.{i}.";
    const DOC: &'static str = "What the profile reports.";
    type Row = ParameterRow;
}

/// `Device.BulkData.Profile.{i}.JSONEncoding.`
pub(super) struct JsonEncoding;

impl Setting for JsonEncoding {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.JSONEncoding.";
    const DOC: &'static str = "How reports are written.";
    type Row = JsonEncodingRow;
}

/// `Device.BulkData.Profile.{i}.MQTT.`
pub(super) struct Mqtt;

impl Setting for Mqtt {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.MQTT.";
    const DOC: &'static str = "Where reports go.";
    type Row = MqttRow;
}
