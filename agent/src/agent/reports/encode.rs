//! One report as JSON text. What a profile reports is written as it is found: there is no tree of values in between.

use std::ops::Range;

use line3_proto::Wall;
use line3_proto::value::{Value, ValueType};

use crate::settings::bulk_data::{ReportFormat, Timestamp};

/// The most bytes of one report; a value that does not fit any more is left out.
pub(crate) const MAX_BYTES: usize = 32 * 1024;

/// The name of the time of collection.
const COLLECTION_TIME: &str = line3_proto::health::COLLECTION_TIME;

/// A `"name":value` in the text.
struct Pair {
    /// The name, without its quotes.
    name: Range<usize>,
    /// The value.
    value: Range<usize>,
}

/// A report that is being written. Bounded by [`MAX_BYTES`].
pub(super) struct Report {
    format: ReportFormat,
    /// `{"name":value,"name":value`
    text: Vec<u8>,
    /// The pairs in the order of their names, so that a name that comes twice is found.
    pairs: Vec<Pair>,
    /// What quotes and braces of a hierarchy can take beyond the flat text.
    braces: usize,
    /// How many values did not fit.
    pub(super) left_out: usize,
}

impl Report {
    /// A report that was begun at this time.
    pub(super) fn new(format: ReportFormat, timestamp: Timestamp, at: Wall) -> Self {
        let mut report = Self { format, text: vec![b'{'], pairs: Vec::new(), braces: 0, left_out: 0 };
        let seconds = at.0.div_euclid(1000);
        match timestamp {
            Timestamp::Epoch => report.add(COLLECTION_TIME, &seconds.to_string(), ValueType::Long),
            Timestamp::Iso => report.add(COLLECTION_TIME, &Wall(seconds * 1000).to_string(), ValueType::DateTime),
            Timestamp::None => {}
        }
        report
    }

    /// Puts in a value. Of two with the same name the first stays.
    pub(super) fn add(&mut self, name: &str, value: &str, ty: ValueType) {
        let before = self.text.len();
        if before > 1 {
            self.text.push(b',');
        }
        let start = self.text.len() + 1;
        text(&mut self.text, name);
        let name = start..self.text.len() - 1;
        self.text.push(b':');
        let start = self.text.len();
        json(&mut self.text, value, ty);
        let pair = Pair { name, value: start..self.text.len() };
        let braces = match self.format {
            ReportFormat::NameValuePair => 0,
            // A dot becomes `":{"` and a `}` behind: four more.
            ReportFormat::ObjectHierarchy => 4 * self.bytes(&pair.name).iter().filter(|byte| **byte == b'.').count(),
        };
        let found = self.find(self.bytes(&pair.name));
        let fits = self.text.len() + self.braces + braces < MAX_BYTES;
        match found {
            Err(place) if fits => {
                self.pairs.insert(place, pair);
                self.braces += braces;
            }
            _ => {
                self.left_out += usize::from(found.is_err());
                self.text.truncate(before);
            }
        }
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// Which pair has this name, or where it would stand.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| self.bytes(&pair.name).cmp(name))
    }

    /// The JSON object.
    pub(super) fn finish(mut self) -> Vec<u8> {
        match self.format {
            ReportFormat::NameValuePair => {
                self.text.push(b'}');
                self.text
            }
            ReportFormat::ObjectHierarchy => self.hierarchy(),
        }
    }

    /// Objects within objects, for each `.` in a name. Names that begin with the same objects stand together in their order.
    fn hierarchy(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 16);
        out.push(b'{');
        let mut open: Vec<&[u8]> = Vec::new();
        let mut first = true;
        for pair in &self.pairs {
            let name = self.bytes(&pair.name);
            // What has a value is no object too: below it there is nothing.
            let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.');
            if dots.into_iter().any(|(dot, _)| name.get(..dot).is_some_and(|above| self.find(above).is_ok())) {
                continue;
            }
            let mut objects: Vec<&[u8]> = name.split(|byte| *byte == b'.').collect();
            let leaf = objects.pop().unwrap_or_default();
            let shared = open.iter().zip(&objects).take_while(|(open, object)| open == object).count();
            while open.len() > shared {
                open.pop();
                out.push(b'}');
                first = false;
            }
            for object in objects.into_iter().skip(shared) {
                key(&mut out, object, first);
                out.push(b'{');
                open.push(object);
                first = true;
            }
            key(&mut out, leaf, first);
            out.extend_from_slice(self.bytes(&pair.value));
            first = false;
        }
        out.resize(out.len() + open.len() + 1, b'}');
        out
    }
}

/// Writes `"name":`, with a comma before it unless it is the first.
fn key(out: &mut Vec<u8>, name: &[u8], first: bool) {
    if !first {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
}

/// Writes a text in quotes.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Whether a text is a number in JSON, too: it knows no plus, no leading zero and no NaN.
fn is_number(text: &str) -> bool {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(places) && (whole == "0" || !whole.starts_with('0'))
}

/// Writes a value: numbers and booleans as such, all else as text.
fn json(out: &mut Vec<u8>, value: &str, ty: ValueType) {
    match ty {
        ValueType::Boolean if bool::read(value).is_some() => {
            out.extend_from_slice(if bool::read(value) == Some(true) { b"true" } else { b"false" });
        }
        ty if ty.is_number() && is_number(value) => out.extend_from_slice(value.as_bytes()),
        _ => text(out, value),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const AT: Wall = Wall(1_767_225_600_999);

    #[track_caller]
    fn check(format: ReportFormat, timestamp: Timestamp, pairs: &[(&str, &str, ValueType)], expected: &Expect) {
        let mut report = Report::new(format, timestamp, AT);
        pairs.iter().for_each(|(name, value, ty)| report.add(name, value, *ty));
        let text = String::from_utf8(report.finish()).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        expected.assert_eq(&text);
    }

    const SOME: &[(&str, &str, ValueType)] = &[
        ("Device.IP.Interface.10.Status", "Up", ValueType::String),
        ("Device.IP.Interface.1.Enable", "1", ValueType::Boolean),
        ("Device.IP.Interface.1.Status", "Down", ValueType::String),
        ("Device.IP.Interface.1.Stats.BytesSent", "18446744073709551615", ValueType::UnsignedLong),
        ("Up-Time", "7", ValueType::UnsignedInt),
        ("Up", "-3", ValueType::Int),
        ("Device.IP.Interface.1.Status", "Again", ValueType::String),
    ];

    #[test]
    fn flat_in_the_order_of_coming() {
        check(
            ReportFormat::NameValuePair,
            Timestamp::Epoch,
            SOME,
            &expect![[
                r#"{"CollectionTime":1767225600,"Device.IP.Interface.10.Status":"Up","Device.IP.Interface.1.Enable":true,"Device.IP.Interface.1.Status":"Down","Device.IP.Interface.1.Stats.BytesSent":18446744073709551615,"Up-Time":7,"Up":-3}"#
            ]],
        );
    }

    #[test]
    fn as_a_hierarchy_of_objects() {
        check(
            ReportFormat::ObjectHierarchy,
            Timestamp::Iso,
            SOME,
            &expect![[
                r#"{"CollectionTime":"2026-01-01T00:00:00Z","Device":{"IP":{"Interface":{"1":{"Enable":true,"Stats":{"BytesSent":18446744073709551615},"Status":"Down"},"10":{"Status":"Up"}}}},"Up":-3,"Up-Time":7}"#
            ]],
        );
    }

    #[test]
    fn nothing_is_an_object_too() {
        check(ReportFormat::NameValuePair, Timestamp::None, &[], &expect!["{}"]);
        check(ReportFormat::ObjectHierarchy, Timestamp::None, &[], &expect!["{}"]);
    }

    #[test]
    fn odd_names_and_values_stay_json() {
        let odd = &[
            ("a\"b\\.c\nd", "\u{1}\u{7f}\"é\\", ValueType::String),
            ("a..b.", "007", ValueType::UnsignedInt),
            ("", "NaN", ValueType::Decimal),
            ("CollectionTime", "x", ValueType::String),
            ("n", "-0.25", ValueType::Decimal),
            ("o", "perhaps", ValueType::Boolean),
        ];
        check(
            ReportFormat::NameValuePair,
            Timestamp::Epoch,
            odd,
            &expect![[r#"{"CollectionTime":1767225600,"a\"b\\.c\u000ad":"\u0001\"é\\","a..b.":"007","":"NaN","n":-0.25,"o":"perhaps"}"#]],
        );
        check(
            ReportFormat::ObjectHierarchy,
            Timestamp::None,
            odd,
            &expect![[
                r#"{"":"NaN","CollectionTime":"x","a":{"":{"b":{"":"007"}}},"a\"b\\":{"c\u000ad":"\u0001\"é\\"},"n":-0.25,"o":"perhaps"}"#
            ]],
        );
    }

    #[test]
    fn below_a_value_there_is_nothing() {
        check(
            ReportFormat::ObjectHierarchy,
            Timestamp::None,
            &[("A.B.C", "1", ValueType::Int), ("A", "2", ValueType::Int), ("A-x", "3", ValueType::Int), ("B.C", "4", ValueType::Int)],
            &expect![[r#"{"A":2,"A-x":3,"B":{"C":4}}"#]],
        );
    }

    #[test]
    fn neither_format_is_longer_than_the_bound() {
        for format in [ReportFormat::NameValuePair, ReportFormat::ObjectHierarchy] {
            let mut report = Report::new(format, Timestamp::Epoch, AT);
            (0..3000).for_each(|number| report.add(&format!("{number}.a.b.c.d.e"), "x", ValueType::String));
            let left_out = report.left_out;
            let text = report.finish();
            assert!(text.len() <= MAX_BYTES && text.len() > MAX_BYTES - 64, "{} bytes", text.len());
            let found: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(found.len() - 1 + left_out, 3000);
        }
    }
}
