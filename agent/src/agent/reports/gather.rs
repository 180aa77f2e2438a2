//! What a profile reports: its references, looked up, each value under the name that the standard's rules give it.

use line3_proto::path::{Path, Segment, Target};
use line3_proto::row::Field;
use line3_proto::value::ValueType;

use super::encode::Report;
use crate::agent::look::{Look, Place, Row, rows_below};
use crate::agent::rights::{Kind, Right};
use crate::settings::Settings;

/// The references of a profile.
pub(super) struct References {
    /// What is reported: the path, and the name that stands for it; empty: the path's own.
    wanted: Vec<(Path, String)>,
    /// What is left out of that, as text.
    excluded: Vec<String>,
}

impl References {
    /// Those of the profile at this path.
    pub(super) fn of(settings: &Settings, profile: &str) -> Self {
        let mut references = Self { wanted: Vec::new(), excluded: Vec::new() };
        for (path, args) in settings.rows(&format!("{profile}Parameter.")) {
            let reference = args.get("Reference").map_or("", String::as_str);
            if matches!(settings.value(path, "Exclude"), "true" | "1") {
                references.excluded.push(reference.to_owned());
            } else if let Ok(reference) = Path::parse(reference) {
                references.wanted.push((reference, settings.value(path, "Name").to_owned()));
            }
        }
        references
    }

    /// Looks all of it up and puts it into the report. What this box has not, or the owner of the profile may not read, is left
    /// out without a word: that is how the standard wants it.
    pub(super) fn gather(&self, look: &mut Look<'_>, report: &mut Report) {
        let mut buffers = (String::new(), String::new());
        for (reference, name) in &self.wanted {
            // Get says why a reference leads nowhere.
            for place in look.resolve(reference).unwrap_or_default() {
                let stem = stem(reference, name, &place);
                let mut put = |row: &Row, field: &Field, value: &str| {
                    let (path, other) = (&mut buffers.0, &mut buffers.1);
                    path.clear();
                    path.push_str(&row.path);
                    path.push_str(field.name);
                    if self.excluded.iter().any(|excluded| matches(excluded, path)) {
                        return;
                    }
                    let shown = match &stem {
                        None => &*path,
                        Some(stem) => {
                            other.clear();
                            other.push_str(stem);
                            if reference.target == Target::Object {
                                other.push('.');
                                other.push_str(path.get(place.path.len()..).unwrap_or(""));
                            }
                            &*other
                        }
                    };
                    report.add(shown, value, if field.shape.list { ValueType::String } else { field.shape.ty });
                };
                match &reference.target {
                    Target::Parameter(only) => each(look, place.template, &place, Some(only), &mut put),
                    Target::Object => {
                        let templates: Vec<&'static str> = look.model.below(place.template).map(|(template, _)| template).collect();
                        for template in templates {
                            each(look, template, &place, None, &mut put);
                        }
                    }
                    Target::Command(_) | Target::Event(_) => {}
                }
            }
        }
    }
}

/// Visits the values, or the one value, of the rows of an object at and below a place, where they may be read.
fn each(look: &mut Look<'_>, template: &str, place: &Place, only: Option<&str>, put: &mut dyn FnMut(&Row, &Field, &str)) {
    let fields: &[Field] = look.model.nodes.get(template).map(|node| node.fields()).unwrap_or_default();
    let rows = look.rows(template);
    let Ok(rows) = &*rows else { return };
    let (rights, rows) = (look.rights, rows_below(rows, place));
    // References that name the same over and over are no way to keep the box busy.
    if look.spend(rows.len().saturating_mul(only.map_or(fields.len(), |_| 1))).is_err() {
        return;
    }
    for row in rows.iter().filter(|row| rights.allows(Kind::Obj, Right::Read, &row.path)) {
        let within = rights.within(&row.path);
        for (name, value) in row.values.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
            if let (Ok(value), Some(field)) = (value, fields.iter().find(|field| field.name == *name))
                && within.allows(Right::Read, name)
            {
                put(row, field, value);
            }
        }
    }
}

/// What the names of the values at a place begin with, where the profile has a name of its own: the name and the number of each
/// row that a wildcard picked, from left to right (R-BULK.9).
fn stem(reference: &Path, name: &str, place: &Place) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    let mut stem = name.to_owned();
    for (segment, level) in reference.segments.iter().zip(place.path.split('.')) {
        if matches!(segment, Segment::Wildcard | Segment::Search(_)) {
            stem.push('.');
            stem.push_str(level);
        }
    }
    Some(stem)
}

/// Whether a reference, `*` standing for any row, names this value or an object that it is in.
fn matches(reference: &str, path: &str) -> bool {
    let mut levels = path.split('.');
    let same = |mine: &str, its: &str| mine == its || (mine == "*" && its.bytes().all(|byte| byte.is_ascii_digit()));
    reference.split_terminator('.').all(|mine| levels.next().is_some_and(|its| same(mine, its)))
        && (reference.ends_with('.') || levels.next().is_none())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use line3_proto::Wall;

    use super::*;
    use crate::agent::model::Model;
    use crate::agent::numbers::Numbers;
    use crate::agent::rights::Rights;
    use crate::objects::OBJECTS;
    use crate::objects::bench::Bench;
    use crate::settings::SETTINGS;
    use crate::settings::bulk_data::{ReportFormat, TABLE, Timestamp};

    /// Reports these parameters: `NAME=REFERENCE`, `!REFERENCE` for what is excluded.
    fn report(parameters: &[&str]) -> String {
        let mut bench = Bench::of(1);
        let settings = &mut bench.settings;
        for number in [1, 3] {
            let path = format!("{TABLE}{number}.");
            settings.put(&path, &[("Alias", "a\"b"), ("Name", "c"), ("Enable", "1")]);
            settings.put(&format!("{path}MQTT."), &[("PublishTopic", "d")]);
        }
        settings.put(&format!("{TABLE}3.Parameter.2."), &[("Reference", "Device.")]);
        for (index, text) in parameters.iter().enumerate() {
            let (exclude, text) = text.strip_prefix('!').map_or(("false", *text), |text| ("true", text));
            let (name, reference) = text.split_once('=').unwrap_or(("", text));
            let path = format!("Device.BulkData.Profile.9.Parameter.{}.", index + 1);
            settings.put(&path, &[("Name", name), ("Reference", reference), ("Exclude", exclude)]);
        }
        let references = References::of(&bench.settings, "Device.BulkData.Profile.9.");
        let (model, rights, mut numbers) = (Model::new(OBJECTS, SETTINGS, [], &[]), Rights::full(), Numbers::default());
        let view = bench.view();
        let mut report = Report::new(ReportFormat::NameValuePair, Timestamp::None, Wall(0));
        references.gather(&mut Look::new(&model, &view, &mut numbers, &rights), &mut report);
        let text = String::from_utf8(report.finish()).unwrap();
        text.trim_matches(['{', '}']).replace(",\"", "\n\"")
    }

    #[track_caller]
    fn check(parameters: &[&str], expected: &Expect) {
        expected.assert_eq(&report(parameters));
    }

    #[test]
    fn a_parameter_by_its_path_or_by_another_name() {
        check(
            &["Device.BulkData.Profile.1.Alias", "who is it=Device.BulkData.Profile.3.Name", "Device.Nope.X", "a..b"],
            &expect![[r#"
                "Device.BulkData.Profile.1.Alias":"a\"b"
                "who is it":"c""#]],
        );
    }

    #[test]
    fn the_numbers_of_wildcards_follow_the_name() {
        check(
            &["On=Device.BulkData.Profile.*.Enable", "Of=Device.BulkData.Profile.*.Parameter.*.Reference"],
            &expect![[r#"
                "On.1":true
                "On.3":true
                "Of.3.2":"Device.""#]],
        );
        check(
            &["Device.BulkData.Profile.*.Enable", "Of=Device.BulkData.Profile.3.Parameter.*.Reference"],
            &expect![[r#"
                "Device.BulkData.Profile.1.Enable":true
                "Device.BulkData.Profile.3.Enable":true
                "Of.2":"Device.""#]],
        );
    }

    #[test]
    fn the_rest_of_the_path_follows_the_name_of_an_object() {
        check(
            &["M=Device.DeviceInfo.MemoryStatus.", "I=Device.IP.Interface.*.Stats.", "!Device.IP.Interface.*.Stats.PacketsSent"],
            &expect![[r#"
                "M.Total":503808
                "M.Free":118830
                "M.TotalPersistent":245760
                "M.FreePersistent":162201
                "M.X_LINE3_Available":194400
                "I.1.BytesSent":16900353412
                "I.1.BytesReceived":1107975300994
                "I.1.PacketsReceived":815887555
                "I.1.ErrorsSent":0
                "I.1.ErrorsReceived":0
                "I.1.DiscardPacketsSent":0
                "I.1.DiscardPacketsReceived":0
                "I.1.MulticastPacketsReceived":738650200
                "I.2.BytesSent":325515300
                "I.2.BytesReceived":325515300
                "I.2.PacketsReceived":239701
                "I.2.ErrorsSent":0
                "I.2.ErrorsReceived":0
                "I.2.DiscardPacketsSent":0
                "I.2.DiscardPacketsReceived":0
                "I.2.MulticastPacketsReceived":0"#]],
        );
    }

    #[test]
    fn what_is_excluded_is_left_out() {
        check(
            &[
                "C=Device.BulkData.Profile.*.",
                "!Device.BulkData.Profile.*.MQTT.",
                "!Device.BulkData.Profile.1.",
                "!Device.BulkData.Profile.3.Alias",
                "!",
            ],
            &expect![[r#"
                "C.3.Enable":true
                "C.3.Name":"c"
                "C.3.Controller":""
                "C.3.NumberOfRetainedFailedReports":0
                "C.3.Protocol":"MQTT"
                "C.3.EncodingType":"JSON"
                "C.3.ReportingInterval":86400
                "C.3.TimeReference":"0001-01-01T00:00:00Z"
                "C.3.ParameterNumberOfEntries":1
                "C.3.X_LINE3_Trouble":""
                "C.3.Parameter.2.Name":""
                "C.3.Parameter.2.Reference":"Device."
                "C.3.Parameter.2.Exclude":false"#]],
        );
    }

    #[test]
    fn what_matches() {
        for (reference, path) in [("A.*.B", "A.1.B"), ("A.*.B.", "A.1.B.C.2.D"), ("A.", "A.B"), ("A.B", "A.B")] {
            assert!(matches(reference, path), "{reference} {path}");
        }
        for (reference, path) in [("A.*.B", "A.x.B"), ("A.B", "A.B.C"), ("A.B.", "A.BC.D"), ("A.B.C", "A.B"), ("", "A")] {
            assert!(!matches(reference, path), "{reference} {path}");
        }
    }
}
