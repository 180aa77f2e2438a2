//! `Device.BulkData.`: which reports the agent makes, of what, how often, and where they go.

use line3_proto::fault::code;
use line3_proto::path::Segment;
use line3_proto::row::{Args, Row};
use line3_proto::value::{Absent, Known, Value};
use line3_proto::{Fault, Path, Wall, row, values};

use super::{Blame, Edit, SETTINGS, Setting, Settings, entries};
use crate::agent::{ABSENT, MAX_REPORT};
use crate::objects::OBJECTS;
use crate::view::View;

/// The path of the object.
pub(crate) const ROOT: &str = "Device.BulkData.";

/// The concrete path of the table of profiles.
pub(crate) const TABLE: &str = "Device.BulkData.Profile.";

/// The most profiles. Each may keep 256 KiB of reports that are not acknowledged yet, so all together 1 MiB.
const MAX_PROFILES: usize = 4;

/// The most references of one profile.
const MAX_PARAMETERS: usize = 64;

/// The shortest time between two reports of a profile, in seconds.
const MIN_REPORTING_INTERVAL: u32 = 1;

values! {
    /// Whether reports are made.
    enum Status {
        /// They are, by every profile that is enabled.
        Enabled,
        /// They are not.
        Disabled,
        /// A profile that is enabled cannot send its reports; it says why.
        Error,
    }
}

values! {
    /// How reports travel.
    pub(crate) enum Protocol {
        /// By MQTT, on a topic of their own.
        MQTT,
        /// As the event `Push!`, to whoever subscribed to it.
        USPEventNotif,
    }
}

values! {
    /// How reports are written.
    pub(crate) enum Encoding {
        /// As JSON.
        JSON,
    }
}

values! {
    /// How a report is laid out.
    pub(crate) enum ReportFormat {
        /// Objects within objects.
        ObjectHierarchy,
        /// Full paths, flat.
        NameValuePair,
    }
}

values! {
    /// How a report says when it was made, by the box's clock.
    pub(crate) enum Timestamp {
        /// As seconds since 1970.
        Epoch = "Unix-Epoch",
        /// As a date and time in UTC.
        Iso = "ISO-8601",
        /// Not at all.
        None,
    }
}

row! {
    /// All of it.
    pub(crate) struct BulkDataRow {
        /// Whether reports are made at all.
        Enable: bool [rw] = "true",
        /// Whether that works.
        Status: Status = "Enabled",
        /// The shortest time between two reports of a profile.
        MinReportingInterval: u32 [s] = "1",
        /// How reports can travel.
        Protocols: Vec<Protocol> = "MQTT,USPEventNotif",
        /// How reports can be written.
        EncodingTypes: Vec<Encoding> = "JSON",
        /// Whether `*` stands for any row in a reference.
        ParameterWildCardSupported: bool = "true",
        /// The most profiles.
        MaxNumberOfProfiles: i32 = "0",
        /// The most parameters that can be reported; -1: it is the size of a report that is bounded, not their number.
        MaxNumberOfParameterReferences: i32 = "-1",
        /// The most bytes of one report; values that do not fit any more are left out.
        X_LINE3_MaxReportSize: u32 [bytes] = "0",
        /// How many profiles there are.
        ProfileNumberOfEntries: u32 = "0",
    }
}

row! {
    /// A profile.
    pub(crate) struct ProfileRow {
        /// Whether it reports.
        Enable: bool [rw] = "false",
        /// A name that never changes.
        Alias: String [once, len(64)] = "",
        /// Its name.
        Name: String [rw, len(255)] = "",
        /// The path of the Controller row that made it: the agent's to fill in. It reports what that controller may read.
        Controller: String = "",
        /// By MQTT: how many reports that could not be sent wait in memory besides the newest; the oldest goes first. -1: as many as
        /// fit into 256 KiB, which is the most in any case.
        NumberOfRetainedFailedReports: i32 [rw, range(-1, 2147483647)] = "0",
        /// How its reports travel.
        Protocol: Protocol [rw] = "MQTT",
        /// How its reports are written.
        EncodingType: Encoding [rw] = "JSON",
        /// How often a report is made.
        ReportingInterval: u32 [s, rw, range(1, 4294967295)] = "86400",
        /// A moment at which a report is due; unknown: each box has a phase of its own, so a fleet does not report at once.
        TimeReference: Wall [rw] = "0001-01-01T00:00:00Z",
        /// How many references it has.
        ParameterNumberOfEntries: u32 = "0",
        /// The number of the newest report of this run, from 1; a hole shows a lost report.
        X_LINE3_Sequence: u64 [ticks] = "0",
        /// Why its reports cannot be sent, for a person; empty: they can.
        X_LINE3_Trouble: String = "",
    }
}

row! {
    /// What a profile reports.
    pub(crate) struct ParameterRow {
        /// The name it is reported by; empty: its path. The numbers of rows that `*` picked, and the rest of the path below an object,
        /// are appended to it.
        Name: String [rw, len(64)] = "",
        /// A parameter path or an object path, `*` standing for any row.
        Reference: String [rw, len(256)] = "",
        /// Whether it is left out of what other references name.
        Exclude: bool [rw] = "false",
    }
}

row! {
    /// How a report is written.
    pub(crate) struct JsonEncodingRow {
        /// Objects within objects, or full paths.
        ReportFormat: ReportFormat [rw] = "ObjectHierarchy",
        /// How `CollectionTime` is written.
        ReportTimestamp: Timestamp [rw] = "Unix-Epoch",
    }
}

row! {
    /// Where reports go by MQTT.
    pub(crate) struct MqttRow {
        /// The path of the MQTT client that sends them: the one that the agent talks to its controllers by.
        Reference: String [rw, len(256)] = "",
        /// The topic.
        PublishTopic: String [rw, len(1024)] = "",
        /// The quality of service; 1: no report is lost on the way.
        PublishQoS: u32 [rw, range(0, 1)] = "1",
        /// Whether the broker keeps the newest.
        PublishRetain: bool [rw] = "false",
    }
}

/// `Device.BulkData.`
pub(super) struct BulkData;

impl Setting for BulkData {
    const PATH: &'static str = ROOT;
    const DOC: &'static str = "The reports that the agent sends by itself.";
    type Row = BulkDataRow;
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        let mut profiles = view.settings.rows(TABLE).filter(|(path, _)| is_enabled(view.settings, path));
        let status = if !is_on(view.settings) {
            Status::Disabled
        } else if profiles.any(|(path, _)| trouble(view.settings, path, &view.facts.link.client).is_some()) {
            Status::Error
        } else {
            Status::Enabled
        };
        vec![
            ("Status", Ok(status.write())),
            ("MinReportingInterval", Ok(MIN_REPORTING_INTERVAL.to_string())),
            ("MaxNumberOfProfiles", Ok(MAX_PROFILES.to_string())),
            ("X_LINE3_MaxReportSize", Ok(MAX_REPORT.to_string())),
            ("ProfileNumberOfEntries", entries(view, TABLE)),
        ]
    }
}

/// `Device.BulkData.Profile.{i}.`
pub(super) struct Profile;

impl Setting for Profile {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.";
    const DOC: &'static str = "A kind of report.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    const MAX_ROWS: usize = MAX_PROFILES;
    type Row = ProfileRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        values.entry("Controller".to_owned()).or_insert_with(|| edit.by.trim_end_matches('.').to_owned());
        Ok(())
    }
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let number = at.trim_end_matches('.').rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
        let sequence = view.facts.sequences.iter().find(|(instance, _)| Some(*instance) == number);
        let sequence = sequence.map(|(_, sequence)| sequence.to_string()).ok_or(Absent::because("no report was made yet"));
        vec![
            ("ParameterNumberOfEntries", entries(view, &format!("{at}Parameter."))),
            ("X_LINE3_Sequence", sequence),
            ("X_LINE3_Trouble", Ok(trouble(view.settings, at, &view.facts.link.client).unwrap_or_default())),
        ]
    }
}

/// `Device.BulkData.Profile.{i}.Parameter.{i}.`
pub(super) struct Parameter;

impl Setting for Parameter {
    const PATH: &'static str = "Device.BulkData.Profile.{i}.Parameter.{i}.";
    const DOC: &'static str = "What the profile reports.";
    const MAX_ROWS: usize = MAX_PARAMETERS;
    type Row = ParameterRow;
    fn complete(values: &mut Args, _: &Edit<'_>) -> Result<(), Blame> {
        let reference = values.get("Reference").map_or("", String::as_str);
        if reference.is_empty() { Ok(()) } else { check_reference(reference).map_err(|fault| ("Reference", fault)) }
    }
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
    const DOC: &'static str = "Where reports go by MQTT.";
    type Row = MqttRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        if let Some(reference) = values.get_mut("Reference") {
            // As the value of a parameter the path of a row has no dot behind it (TR-106).
            reference.truncate(reference.trim_end_matches('.').len());
        }
        edit.refers(values, "Reference", "Device.MQTT.Client.")?;
        let topic = values.get("PublishTopic").map_or("", String::as_str);
        if topic.contains(['#', '+', '\0']) {
            let text = format!("{topic:?}: there is no publishing to a topic with # or +");
            return Err(("PublishTopic", Fault::new(code::INVALID_VALUE, text)));
        }
        Ok(())
    }
}

/// Refuses what no report could ever hold: it must be an object or a parameter of the supported data model, by names, numbers and
/// `*` alone.
pub(crate) fn check_reference(text: &str) -> Result<(), Fault> {
    let invalid = |why: &str| Fault::new(code::INVALID_VALUE, format!("{text} {why}"));
    let path = Path::parse(text).map_err(|fault| Fault::new(code::INVALID_VALUE, fault.text))?;
    let plain = |segment: &Segment| matches!(segment, Segment::Name(_) | Segment::Instance(_) | Segment::Wildcard);
    if !path.segments.iter().all(plain) {
        return Err(invalid("is no reference of a report: that takes names, instance numbers and * only"));
    }
    let template = path.template();
    let (object, name) = template.rsplit_once('.').unwrap_or_default();
    let mut defs = OBJECTS.iter().map(|def| (def.path, def.fields)).chain(SETTINGS.iter().map(|def| (def.path, def.fields)));
    let known = if name.is_empty() {
        defs.any(|(path, _)| path.starts_with(&template)) || ABSENT.starts_with(&template)
    } else {
        defs.any(|(path, fields)| path.strip_suffix('.') == Some(object) && fields.iter().any(|field| field.name == name))
            || ABSENT.strip_suffix('.') == Some(object)
    };
    if known { Ok(()) } else { Err(invalid("is neither an object nor a parameter of this box's data model")) }
}

/// Whether reports are made at all.
pub(crate) fn is_on(settings: &Settings) -> bool {
    bool::read(settings.value(ROOT, "Enable")).unwrap_or(true)
}

/// Whether the profile at this path is enabled.
pub(crate) fn is_enabled(settings: &Settings, profile: &str) -> bool {
    bool::read(settings.value(profile, "Enable")).unwrap_or(false)
}

/// The kept values of an instance, or the defaults; `None`: they are not of their types.
pub(crate) fn read<R: Row>(settings: &Settings, path: &str) -> Option<R> {
    static NONE: Args = Args::new();
    R::take(settings.instances.get(path).unwrap_or(&NONE)).ok()
}

/// Why the profile at this path cannot send its reports. `client` is the concrete path of the MQTT client that the agent talks to its
/// controllers by.
pub(crate) fn trouble(settings: &Settings, profile: &str, client: &str) -> Option<String> {
    if settings.value(profile, "Protocol") == Protocol::USPEventNotif.write() {
        return None;
    }
    let mqtt = format!("{profile}MQTT.");
    if settings.value(&mqtt, "PublishTopic").is_empty() {
        return Some(format!("{mqtt}PublishTopic is empty; set it"));
    }
    let (reference, own) = (settings.value(&mqtt, "Reference"), client.trim_end_matches('.'));
    (reference != own).then(|| format!("{mqtt}Reference is {reference:?}; the agent has one connection, which is that of {own}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_of_the_data_model() {
        for text in [
            "Device.",
            "Device.IP.Interface.",
            "Device.IP.Interface.*.Stats.BytesSent",
            "Device.IP.Interface.3.IPv4Address.*.",
            "Device.BulkData.Profile.1.X_LINE3_Sequence",
            "Device.X_LINE3_Absent.",
        ] {
            assert_eq!(check_reference(text), Ok(()), "{text}");
        }
        for (text, why) in [
            ("Device.IP.Interface.[Name==\"eth0\"].Status", "names, instance numbers and * only"),
            ("Device.LocalAgent.Controller.1.Credential+.Alias", "names, instance numbers and * only"),
            ("Device.IP.Interface.{i}.Status", "names, instance numbers and * only"),
            ("Device.IP.Interface.*.Nope", "neither an object nor a parameter"),
            ("Device.Nope.", "neither an object nor a parameter"),
            ("Device.Reboot()", "neither an object nor a parameter"),
            ("Device.Boot!", "neither an object nor a parameter"),
            ("Device..", "expected"),
        ] {
            let fault = check_reference(text).unwrap_err();
            assert!(fault.code == code::INVALID_VALUE && fault.text.contains(why), "{text}: {fault}");
        }
    }
}
