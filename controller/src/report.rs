//! Decodes a health report: TR-181 BulkData over MQTT, JSON, `ReportFormat` NameValuePair, `{"Report":[{"<path>":<value>,…}]}`.
//! A box is hostile: everything it sends is bounded here, and what leaves here is safe to store, log and show.

use std::fmt;

use line3_proto::{EndpointId, Wall, health};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest payload taken, in bytes; a larger one is refused unread.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// The most elements of `Report[]`; a payload with more is refused.
pub const MAX_ELEMENTS: usize = 64;
/// The most parameters of one element; a payload with more is refused.
pub const MAX_PARAMETERS: usize = 2000;
/// The longest text kept, in bytes; a longer one is cut.
pub const MAX_TEXT: usize = 1024;
/// The longest path taken, in bytes; a payload with a longer one is refused.
pub const MAX_PATH: usize = 256;
/// The longest run or boot id, in bytes; a payload with a longer one is refused.
pub const MAX_ID: usize = 64;

/// One value of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reading {
    /// Any JSON number; finite. Integers beyond 2^53 lose their last digits.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// A text of at most [`MAX_TEXT`] bytes, without control characters.
    Text(String),
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Bool(flag) => fmt::Display::fmt(flag, f),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// One element of `Report[]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which run of the agent made it ([`health::RUN_ID`]); printable ASCII of at most [`MAX_ID`] bytes.
    pub run_id: String,
    /// Which boot of the box it was made in ([`health::BOOT_ID`]); written as the run id is.
    pub boot_id: String,
    /// The instance number of the BulkData profile, from 1.
    pub profile: u32,
    /// Counts from 1 in each run and profile ([`health::SEQUENCE`]).
    pub sequence: u64,
    /// Seconds since the box booted, if it says so. It stays among the values too: its drops are the reboots.
    pub up_time: Option<u64>,
    /// The box's wall clock, if it sent one that can be read. Shown, never relied on.
    pub clock: Option<Wall>,
    /// Everything else, by path, sorted, each path once.
    pub values: Vec<(String, Reading)>,
}

/// A health report that was refused as a whole: nothing of its payload is stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("health report of {box_id} refused: {why}")]
pub struct BadReport {
    /// Whose payload it was.
    pub box_id: EndpointId,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a payload. `element` counts from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Why {
    /// Longer than [`MAX_PAYLOAD`].
    #[error("payload of {bytes} bytes; at most {MAX_PAYLOAD} are taken: report fewer parameters or more often")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// No JSON, or no `{"Report":[{…}]}`.
    #[error("it is not the JSON of a BulkData report: {0}")]
    NotAReport(String),
    /// More elements than [`MAX_ELEMENTS`].
    #[error("{count} elements in Report[]; at most {MAX_ELEMENTS} are taken")]
    TooManyElements {
        /// How many.
        count: usize,
    },
    /// More parameters than [`MAX_PARAMETERS`].
    #[error("element {element} has {count} parameters; at most {MAX_PARAMETERS} are taken: use narrower references in the profile")]
    TooManyParameters {
        /// In which element.
        element: usize,
        /// How many.
        count: usize,
    },
    /// A name that is no concrete path.
    #[error("element {element}: {path:?} is no concrete path (letters, digits, '_', '-', parted by '.', at most {MAX_PATH} bytes)")]
    BadPath {
        /// In which element.
        element: usize,
        /// The name, cut.
        path: String,
    },
    /// A value that is an object, an array or null.
    #[error("element {element}: the value of {path} is neither number, boolean nor text (ReportFormat must be NameValuePair)")]
    BadValue {
        /// In which element.
        element: usize,
        /// Whose value.
        path: String,
    },
    /// A parameter that every element must carry is missing or of a wrong form.
    #[error("element {element}: {path} must be {expected}; reference it in the profile")]
    Needed {
        /// In which element.
        element: usize,
        /// Which parameter.
        path: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Report")]
    report: Vec<Map<String, Value>>,
}

/// Decodes the payload of one publication of a box. Of a path that is written twice in an element, the last counts. Nesting is
/// bounded by serde_json (128), and refused wherever a value should be.
pub fn decode(box_id: &EndpointId, payload: &[u8]) -> Result<Vec<Report>, BadReport> {
    reports(payload).map_err(|why| BadReport { box_id: box_id.clone(), why })
}

fn reports(payload: &[u8]) -> Result<Vec<Report>, Why> {
    if payload.len() > MAX_PAYLOAD {
        return Err(Why::TooLarge { bytes: payload.len() });
    }
    let envelope: Envelope = serde_json::from_slice(payload).map_err(|e| Why::NotAReport(clean(&e.to_string(), 200)))?;
    if envelope.report.len() > MAX_ELEMENTS {
        return Err(Why::TooManyElements { count: envelope.report.len() });
    }
    envelope.report.into_iter().enumerate().map(|(element, parameters)| report(element, parameters)).collect()
}

fn report(element: usize, mut parameters: Map<String, Value>) -> Result<Report, Why> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(Why::TooManyParameters { element, count: parameters.len() });
    }
    let needed = |path, expected| Why::Needed { element, path, expected };
    let run_id = id(parameters.remove(health::RUN_ID)).ok_or(needed(health::RUN_ID, "a short printable text"))?;
    let boot_id = id(parameters.remove(health::BOOT_ID)).ok_or(needed(health::BOOT_ID, "a short printable text"))?;
    let clock = parameters.remove(health::CLOCK).and_then(|v| v.as_str()?.parse().ok()).filter(|clock| *clock != Wall::UNKNOWN);
    parameters.remove(health::COLLECTION_TIME);
    let up_time = match parameters.get(health::UP_TIME) {
        None => None,
        Some(value) => Some(value.as_u64().ok_or(needed(health::UP_TIME, "a whole number of seconds"))?),
    };

    let mut place = None;
    let mut values = Vec::with_capacity(parameters.len());
    for (path, value) in parameters {
        if let Some(profile) = health::profile_of(&path) {
            let one = needed(health::SEQUENCE, "one whole number, of one profile");
            match (value.as_u64(), place) {
                (Some(sequence), None) => place = Some((profile, sequence)),
                _ => return Err(one),
            }
            continue;
        }
        if !is_path(&path) {
            return Err(Why::BadPath { element, path: clean(&path, 80) });
        }
        let reading = match value {
            Value::Number(number) => number.as_f64().filter(|n| n.is_finite()).map(Reading::Number),
            Value::Bool(flag) => Some(Reading::Bool(flag)),
            Value::String(text) => Some(Reading::Text(clean(&text, MAX_TEXT))),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match reading {
            Some(reading) => values.push((path, reading)),
            None => return Err(Why::BadValue { element, path }),
        }
    }
    let (profile, sequence) = place.ok_or(needed(health::SEQUENCE, "one whole number, of one profile"))?;
    // Sorted here and not by the map: serde_json keeps insertion order if any crate of the build asks it to.
    values.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Report { run_id, boot_id, profile, sequence, up_time, clock, values })
}

/// A run or boot id: short, printable, no spaces.
fn id(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) if (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) => Some(text),
        _ => None,
    }
}

/// Whether a text is a concrete parameter path: letters, digits, `_` and `-`, in non-empty parts parted by `.`.
#[must_use]
pub fn is_path(text: &str) -> bool {
    text.len() <= MAX_PATH
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))
}

/// A text of a stranger, made safe for logs and terminals: control characters and the invisible ones that reorder or break lines
/// are taken out, and it is cut at `max` bytes.
#[must_use]
pub fn clean(text: &str, max: usize) -> String {
    let mut safe = String::new();
    for c in text.chars().filter(|c| !is_unsafe(*c)) {
        if safe.len() + c.len_utf8() > max {
            break;
        }
        safe.push(c);
    }
    safe
}

/// Whether a character moves the cursor, breaks the line or turns the reading direction instead of showing itself.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn whose() -> EndpointId {
        EndpointId::parse("os::00256D-1").unwrap()
    }

    fn why(payload: &str) -> Why {
        decode(&whose(), payload.as_bytes()).unwrap_err().why
    }

    /// An element with what every one carries, and `more`.
    fn element(more: &str) -> String {
        format!(
            r#"{{"CollectionTime":1700000000,"Device.LocalAgent.X_LINE3_RunID":"r1","Device.LocalAgent.X_LINE3_BootID":"b-1",
            "Device.BulkData.Profile.2.X_LINE3_Sequence":7,"Device.DeviceInfo.UpTime":300,
            "Device.Time.CurrentLocalTime":"1970-01-01T00:05:00Z"{more}}}"#
        )
    }

    fn payload(more: &str) -> String {
        format!(r#"{{"Report":[{}]}}"#, element(more))
    }

    #[test]
    fn a_report_is_decoded() {
        let text = payload(r#","Device.WiFi.Radio.1.Noise":-91.5,"Device.X.Enable":true,"Device.X.Status":"U\u001b[31mp\u202e""#);
        let reports = decode(&whose(), text.as_bytes()).unwrap();
        let expected = Report {
            run_id: "r1".into(),
            boot_id: "b-1".into(),
            profile: 2,
            sequence: 7,
            up_time: Some(300),
            clock: Some(Wall(300_000)),
            values: vec![
                ("Device.DeviceInfo.UpTime".into(), Reading::Number(300.0)),
                ("Device.WiFi.Radio.1.Noise".into(), Reading::Number(-91.5)),
                ("Device.X.Enable".into(), Reading::Bool(true)),
                ("Device.X.Status".into(), Reading::Text("U[31mp".into())),
            ],
        };
        assert_eq!(reports, [expected]);
    }

    #[test]
    fn what_the_box_may_leave_out_or_get_wrong_is_no_reason_to_refuse() {
        let text = r#"{"Report":[{"Device.LocalAgent.X_LINE3_RunID":"r","Device.LocalAgent.X_LINE3_BootID":"b",
            "Device.BulkData.Profile.1.X_LINE3_Sequence":1,"Device.Time.CurrentLocalTime":"0001-01-01T00:00:00Z"}]}"#;
        let report = decode(&whose(), text.as_bytes()).unwrap().remove(0);
        assert_eq!((report.up_time, report.clock, report.values.len()), (None, None, 0));
        assert_eq!(decode(&whose(), br#"{"Report":[]}"#), Ok(vec![]));
    }

    #[test]
    fn no_prefix_of_a_report_is_taken_and_none_panics() {
        let text = payload(r#","Device.X.Status":"caf\u00e9 é""#);
        for end in 0..text.len() {
            assert!(matches!(decode(&whose(), &text.as_bytes()[..end]).unwrap_err().why, Why::NotAReport(_)), "{end}");
        }
        assert!(decode(&whose(), text.as_bytes()).is_ok());
    }

    #[test]
    fn bounds_hold() {
        assert!(matches!(why(&" ".repeat(MAX_PAYLOAD + 1)), Why::TooLarge { .. }));
        let many = vec![element(""); MAX_ELEMENTS + 1].join(",");
        assert_eq!(why(&format!(r#"{{"Report":[{many}]}}"#)), Why::TooManyElements { count: MAX_ELEMENTS + 1 });
        let wide: String = (0..MAX_PARAMETERS).map(|i| format!(r#","Device.P{i}":1"#)).collect();
        assert_eq!(why(&payload(&wide)), Why::TooManyParameters { element: 0, count: MAX_PARAMETERS + 6 });
        let deep = format!(r#"{{"Report":{}"#, "[".repeat(100_000));
        assert!(matches!(why(&deep), Why::NotAReport(_)));
        let long = payload(&format!(r#","Device.T":"{}é""#, "x".repeat(MAX_TEXT - 1)));
        let report = decode(&whose(), long.as_bytes()).unwrap().remove(0);
        assert!(report.values.contains(&("Device.T".into(), Reading::Text("x".repeat(MAX_TEXT - 1)))));
    }

    #[test]
    fn paths_and_values_are_checked() {
        let long = "x".repeat(MAX_PATH + 1);
        for path in ["", ".", "Device.", "Device..X", "Device.X Y", "Device.\\u001b[0m", "Device.*.X", "Gerät", &long] {
            assert!(matches!(why(&payload(&format!(r#","{path}":1"#))), Why::BadPath { element: 0, .. }), "{path:?}");
        }
        for value in ["null", "[]", r#"{"1":2}"#] {
            assert_eq!(why(&payload(&format!(r#","Device.X":{value}"#))), Why::BadValue { element: 0, path: "Device.X".into() });
        }
        assert!(matches!(why(&payload(r#","Device.X":1e999"#)), Why::NotAReport(_)));
    }

    #[test]
    fn what_orders_a_report_must_be_there() {
        let full = payload("");
        for (from, to) in [
            ("\"r1\"", "\"\""),
            ("\"r1\"", "\"r 1\""),
            ("\"r1\"", "1"),
            ("X_LINE3_BootID", "X_LINE3_Boot"),
            ("X_LINE3_Sequence\":7", "X_LINE3_Sequence\":-7"),
            ("X_LINE3_Sequence\":7", "X_LINE3_Sequence\":7.5"),
            ("Profile.2.", "Profile.0."),
            ("UpTime\":300", "UpTime\":-1"),
        ] {
            let broken = full.replace(from, to);
            assert_ne!(broken, full);
            assert!(matches!(why(&broken), Why::Needed { element: 0, .. }), "{to}");
        }
        assert!(matches!(why(&payload(r#","Device.BulkData.Profile.3.X_LINE3_Sequence":7"#)), Why::Needed { .. }));
    }

    #[test]
    fn a_refusal_names_the_box() {
        let error = decode(&whose(), b"{}").unwrap_err().to_string();
        assert!(error.starts_with("health report of os::00256D-1 refused: it is not the JSON of a BulkData report"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..300, byte: u8) {
            let _ = decode(&whose(), &bytes);
            let mut text = payload(r#","Device.X.Status":"Up""#).into_bytes();
            let at = at % text.len();
            text[at] = byte;
            let _ = decode(&whose(), &text);
        }
    }
}
