//! Health reports: `Device.BulkData.Profile.{i}.` by MQTT. A report waits in a bounded ring in memory until the broker has
//! acknowledged it; a number in each shows what was lost at the bound.

use std::collections::VecDeque;
use std::time::Duration;

use line3_proto::link::{Publication, QoS, Token};
use line3_proto::path::Path;
use line3_proto::rng::{self, Rng};
use line3_proto::row::Field;
use line3_proto::value::{Value, ValueType};
use line3_proto::{EndpointId, Mono, Now, catalogue};
use serde_json::{Map, Number, Value as Json};

use super::look::Look;
use super::{Agent, get};
use crate::settings::Settings;

/// The most elements in one publication.
const MAX_ELEMENTS: usize = 16;

/// The most bytes of elements in one publication, and so of one element: what does not fit into it is left out.
const MAX_BYTES: usize = 32 * 1024;

/// The most bytes that the ring of a profile holds; beyond it, and beyond `NumberOfRetainedFailedReports`, the oldest report
/// goes.
const MAX_RING: usize = 256 * 1024;

/// After a publication was refused, or heard by nobody, how long until it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// The path of the table.
const TABLE: &str = "Device.BulkData.Profile.";

/// What is going on with one profile.
struct Profile {
    instance: u32,
    sequence: u64,
    due: Mono,
    /// The elements that were not acknowledged yet, oldest first.
    ring: VecDeque<String>,
    /// The publication on its way, and how many elements of the ring it holds.
    in_flight: Option<(Token, usize)>,
    /// Not before this.
    pause: Option<Mono>,
}

/// All profiles.
#[derive(Default)]
pub(super) struct Reports {
    profiles: Vec<Profile>,
}

impl Reports {
    /// When a report is due, or may be sent again.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.profiles.iter().flat_map(|profile| [Some(profile.due), profile.pause]).flatten().min()
    }

    /// How many reports were made and not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.profiles.iter().map(|profile| profile.ring.len()).sum()
    }
}

/// A box's place in the reporting interval, 0.0 to 1.0: its own, the same after each restart, spread over the fleet.
pub(super) fn phase(id: &EndpointId) -> f64 {
    // FNV-1a alone hardly tells serial numbers apart that follow each other; the generator mixes it.
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step);
    rng::fraction(Rng::new(hash).next_u64())
}

impl Agent {
    /// Starts the profiles that the settings enable. `phase` in `0..1` spreads a fleet: it is where in its interval a box reports.
    pub(super) fn start_reports(&mut self, now: Now, phase: f64) {
        let enabled: Vec<(u32, Duration)> = self
            .settings
            .rows(TABLE)
            .filter(|(_, args)| args.get("Enable").is_some_and(|enable| enable == "true"))
            .filter_map(|(path, _)| Some((path.trim_end_matches('.').rsplit('.').next()?.parse().ok()?, self.interval(path))))
            .collect();
        for (instance, interval) in enabled {
            let (due, ring) = (now.mono + interval.mul_f64(phase.clamp(0.0, 1.0)), VecDeque::new());
            self.reports.profiles.push(Profile { instance, sequence: 0, due, ring, in_flight: None, pause: None });
        }
    }

    fn interval(&self, path: &str) -> Duration {
        Duration::from_secs(u64::read(self.settings.value(path, "ReportingInterval")).unwrap_or(60).max(1))
    }

    /// The profiles may have changed.
    pub(super) fn reports_changed(&mut self, _now: Now, _before: &Settings) {}

    /// Makes the reports that are due, and sends what waits.
    pub(super) fn tick_reports(&mut self, now: Now) {
        let due: Vec<usize> =
            (0..self.reports.profiles.len()).filter(|&i| self.reports.profiles.get(i).is_some_and(|p| p.due <= now.mono)).collect();
        for index in due {
            self.make_report(now, index);
        }
        for profile in &mut self.reports.profiles {
            profile.pause = profile.pause.filter(|pause| *pause > now.mono);
        }
        self.send_reports(now);
    }

    fn make_report(&mut self, now: Now, index: usize) {
        let Some(profile) = self.reports.profiles.get_mut(index) else { return };
        profile.sequence += 1;
        let (instance, sequence) = (profile.instance, profile.sequence);
        let path = format!("{TABLE}{instance}.");
        match self.facts.sequences.iter_mut().find(|(i, _)| *i == instance) {
            Some((_, last)) => *last = sequence,
            None => self.facts.sequences.push((instance, sequence)),
        }
        let interval = self.interval(&path);
        let retained: usize = self.settings.value(&path, "NumberOfRetainedFailedReports").parse().unwrap_or(1);
        let references: Vec<String> =
            self.settings.rows(&format!("{path}Parameter.")).filter_map(|(_, args)| args.get("Reference").cloned()).collect();
        let (element, left_out) = self.look(now, |look| element(look, now, &references));
        if left_out > 0 && sequence == 1 {
            self.log(format!("a health report takes {MAX_BYTES} bytes; {left_out} values are left out: report.parameters names too many"));
        }
        let Some(profile) = self.reports.profiles.get_mut(index) else { return };
        // Missed intervals (the box slept) are not made up for: a report is of its moment.
        while profile.due <= now.mono {
            profile.due = profile.due + interval;
        }
        profile.ring.push_back(element);
        let in_flight = profile.in_flight.map_or(0, |(_, count)| count);
        // What is on its way may be acknowledged any moment, so the oldest after it goes. One report is always kept.
        while profile.ring.len() > in_flight + 1
            && (profile.ring.len() > retained.max(1) || profile.ring.iter().map(String::len).sum::<usize>() > MAX_RING)
        {
            profile.ring.remove(in_flight);
        }
    }

    /// Hands the next publication of each profile to the link, one at a time.
    pub(super) fn send_reports(&mut self, now: Now) {
        if !self.facts.link.up || self.leaving.is_some() {
            return;
        }
        for index in 0..self.reports.profiles.len() {
            let Some(profile) = self.reports.profiles.get_mut(index) else { continue };
            if profile.in_flight.is_some() || profile.ring.is_empty() || profile.pause.is_some_and(|pause| pause > now.mono) {
                continue;
            }
            let (mut count, mut bytes) = (0, 0);
            for element in profile.ring.iter().take(MAX_ELEMENTS) {
                bytes += element.len();
                if count > 0 && bytes > MAX_BYTES {
                    break;
                }
                count += 1;
            }
            let elements: Vec<&str> = profile.ring.iter().take(count).map(String::as_str).collect();
            let payload = format!("{{\"Report\":[{}]}}", elements.join(","));
            let topic = self.settings.value(&format!("{TABLE}{}.MQTT.", profile.instance), "PublishTopic").to_owned();
            self.last_token += 1;
            profile.in_flight = Some((self.last_token, count));
            let publication = Publication {
                topic,
                payload: payload.into_bytes(),
                qos: QoS::AtLeastOnce,
                content_type: Some("application/json; charset=UTF-8".to_owned()),
                ..Publication::default()
            };
            self.out.push_back(super::Output::Publish(self.last_token, publication));
        }
    }

    /// The broker has acknowledged, or refused, a publication. Whether it was one of these.
    pub(super) fn report_sent(&mut self, now: Now, token: Token, sent: bool) -> bool {
        let Some(profile) = self.reports.profiles.iter_mut().find(|profile| profile.in_flight.is_some_and(|(t, _)| t == token)) else {
            return false;
        };
        if let Some((_, count)) = profile.in_flight.take() {
            if sent {
                profile.ring.drain(..count.min(profile.ring.len()));
            } else {
                profile.pause = Some(now.mono + TRY_AGAIN);
            }
        }
        self.send_reports(now);
        true
    }
}

/// One element of a report: full paths, flat (`NameValuePair`), numbers and booleans as such. Also says how many values were left
/// out at [`MAX_BYTES`].
fn element(look: &mut Look<'_>, now: Now, references: &[String]) -> (String, usize) {
    let mut object = Map::new();
    object.insert("CollectionTime".to_owned(), Json::from(now.wall.0.div_euclid(1000)));
    let (mut bytes, mut left_out) = (40, 0);
    for reference in references {
        // A reference that this box cannot serve is left out; Get says why.
        let Ok(results) = Path::parse(reference).and_then(|path| get::values(look, &path, 0)) else { continue };
        for result in results {
            let template = catalogue::template(&result.resolved_path);
            let fields: &[Field] = look.model.nodes.get(template.as_str()).map(|node| node.fields()).unwrap_or_default();
            for (name, value) in result.result_params {
                let field = fields.iter().find(|field| field.name == name);
                let value = json(&value, field.filter(|field| !field.list).map_or(ValueType::String, |field| field.ty));
                let path = format!("{}{name}", result.resolved_path);
                // Quotes, colon and comma: four.
                let size = path.len() + value.to_string().len() + 4;
                if bytes + size > MAX_BYTES {
                    left_out += 1;
                    continue;
                }
                bytes += size;
                object.insert(path, value);
            }
        }
    }
    (Json::Object(object).to_string(), left_out)
}

fn json(value: &str, ty: ValueType) -> Json {
    match ty {
        ValueType::Boolean => bool::read(value).map_or_else(|| Json::from(value), Json::from),
        ty if ty.is_number() => value.parse::<Number>().map_or_else(|_| Json::from(value), Json::Number),
        _ => Json::from(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_with_serial_numbers_in_a_row_is_spread() {
        let mut tenths = [0; 10];
        for number in 0..1000 {
            let id = EndpointId::parse(&format!("os::00256D-{number:010}")).unwrap();
            let tenth = (phase(&id) * 10.0).floor();
            tenths.iter_mut().enumerate().filter(|(index, _)| *index as f64 == tenth).for_each(|(_, count)| *count += 1);
        }
        assert!(tenths.iter().all(|count| (70..130).contains(count)), "{tenths:?}");
    }

    #[test]
    fn numbers_and_booleans_are_written_as_such() {
        assert_eq!(json("7", ValueType::UnsignedLong).to_string(), "7");
        assert_eq!(json("1", ValueType::Boolean).to_string(), "true");
        assert_eq!(json("7", ValueType::String).to_string(), "\"7\"");
        assert_eq!(json("odd", ValueType::Int).to_string(), "\"odd\"");
    }
}
