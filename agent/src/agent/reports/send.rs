//! How reports leave: by MQTT, several in one publication where they had to wait, or each as the event `Push!`.

use std::time::Duration;

use line3_proto::link::{Publication, QoS, Token};
use line3_proto::row::Row;
use line3_proto::{Now, row};

use super::{MAX_BYTES, path_of};
use crate::agent::model::EventDef;
use crate::agent::notify::Happening;
use crate::agent::{Agent, CONTROLLERS, Output};
use crate::settings::bulk_data::{self, MqttRow};

/// The most reports in one publication.
const MAX_REPORTS: usize = 16;

/// After a publication was refused, or heard by nobody, how long until it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

row! {
    /// Arguments of the push event.
    struct PushArgs {
        /// The whole report, as JSON.
        Data: String,
    }
}

/// A report by itself.
pub(crate) const PUSH: EventDef = EventDef {
    path: "Device.BulkData.Profile.{i}.Push!",
    doc: "A report, of a profile whose Protocol is USPEventNotif.",
    fields: PushArgs::FIELDS,
};

/// The whole text: `{"Report":[…]}`.
fn whole<'a>(reports: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut text = b"{\"Report\":[".to_vec();
    for (index, report) in reports.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(report);
    }
    text.extend_from_slice(b"]}");
    text
}

impl Agent {
    /// Tells a report to whoever subscribed to it: the controller that it belongs to, and those that may read everything, as it
    /// holds what that controller may read. It is sent again as their subscriptions say.
    pub(super) fn push(&mut self, now: Now, profile: &str, owner: &str, report: &[u8]) {
        let data = String::from_utf8(whole([report].into_iter())).unwrap_or_default();
        let (path, args) = (format!("{profile}Push!"), PushArgs { Data: data }.to_args());
        let may_hear = |row: &str| row.trim_end_matches('.') == owner.trim_end_matches('.') || self.rights_of(row).is_full();
        let rows: Vec<String> = self.settings.rows(CONTROLLERS).map(|(row, _)| row.to_owned()).filter(|row| may_hear(row)).collect();
        for row in rows {
            self.tell_only(now, Some(&row), &Happening::Event { path: &path, args: args.clone() });
        }
    }

    /// Hands the next publication of each profile to the link, one at a time.
    pub(in crate::agent) fn send_reports(&mut self, now: Now) {
        if !self.facts.link.up || self.leaving.is_some() {
            return;
        }
        for profile in &mut self.reports.profiles {
            let path = path_of(profile.instance);
            let idle = profile.in_flight.is_none() && profile.pause.is_none_or(|pause| pause <= now.mono);
            if !idle || profile.ring.is_empty() || bulk_data::trouble(&self.settings, &path, &self.facts.link.client).is_some() {
                continue;
            }
            let Some(mqtt) = bulk_data::read::<MqttRow>(&self.settings, &format!("{path}MQTT.")) else { continue };
            let (mut count, mut bytes) = (0, 0);
            for report in profile.ring.iter().take(MAX_REPORTS) {
                bytes += report.len();
                if count > 0 && bytes > MAX_BYTES {
                    break;
                }
                count += 1;
            }
            self.last_token += 1;
            profile.in_flight = Some((self.last_token, count));
            let publication = Publication {
                topic: mqtt.PublishTopic,
                payload: whole(profile.ring.iter().take(count).map(Vec::as_slice)),
                qos: if mqtt.PublishQoS == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
                retain: mqtt.PublishRetain,
                content_type: Some("application/json; charset=UTF-8".to_owned()),
                ..Publication::default()
            };
            self.out.push_back(Output::Publish(self.last_token, publication));
        }
    }

    /// The broker has acknowledged, or refused, a publication. Whether it was one of these.
    pub(in crate::agent) fn report_sent(&mut self, now: Now, token: Token, sent: bool) -> bool {
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
