//! The agent and its link: what comes, what goes, and what waits while there is none.

use std::collections::VecDeque;
use std::time::Duration;

use line3_proto::endpoint::Input as EndpointInput;
use line3_proto::link::{LinkEvent, Publication, Session};
use line3_proto::{Machine, Mono, Now};

use super::{Agent, Output};
use crate::settings::Settings;

/// The most publications that wait for the link to come up; beyond it the oldest goes.
const MAX_HELD: usize = 128;

/// What waits for the link to come up, and since when. At most [`MAX_HELD`].
#[derive(Default)]
pub(super) struct Held(VecDeque<(Mono, Publication)>);

impl Agent {
    pub(super) fn link(&mut self, now: Now, event: LinkEvent) {
        if matches!(event, LinkEvent::Up(_) | LinkEvent::Down { .. }) {
            self.watch.stir();
        }
        match event {
            LinkEvent::Up(session) => self.link_up(now, session),
            LinkEvent::Down { reason, .. } => {
                let link = &mut self.facts.link;
                (link.up, link.since, link.errors) = (false, None, link.errors.saturating_add(1));
                if link.trouble != reason {
                    link.trouble.clone_from(&reason);
                    self.log(reason);
                }
                self.endpoint.handle(now, EndpointInput::Reachable(false));
            }
            LinkEvent::Received(publication, _) => {
                self.facts.link.received = self.facts.link.received.saturating_add(1);
                self.endpoint.handle(now, EndpointInput::Received(publication));
            }
            LinkEvent::Sent(token) => {
                self.facts.link.sent = self.facts.link.sent.saturating_add(1);
                self.report_sent(now, token, true);
                self.said(token);
            }
            LinkEvent::Unheard(token) => {
                self.facts.link.sent = self.facts.link.sent.saturating_add(1);
                // A broker that has forgotten its sessions takes reports before the controller is back, and drops them.
                if self.report_sent(now, token, false) {
                    self.log("nobody hears health reports just now; they are kept and sent again");
                }
                self.said(token);
            }
            LinkEvent::Refused(token, reason) => {
                let what = if self.report_sent(now, token, false) { "a health report" } else { "a message" };
                self.log(format!("the broker did not take {what}: {reason}"));
                self.said(token);
            }
            LinkEvent::NotSubscribed { filter, reason } => {
                self.log(format!("the broker refused the subscription to {filter}: {reason}; controllers cannot reach this box"));
            }
        }
    }

    fn link_up(&mut self, now: Now, session: Session) {
        let link = &mut self.facts.link;
        link.up = true;
        link.connections = session.connection;
        link.since = Some(now.mono);
        link.trouble.clear();
        link.response_information = session.response_information.unwrap_or_default();
        self.log("connected to the broker");
        // The connect record is the first thing that a controller hears on a new connection (R-MTP.6).
        let connection = format!("{}.{}", self.facts.run_id, session.connection);
        for to in self.recipients() {
            let record = self.endpoint.connect_record(&to.id, &to.topic, &connection);
            self.publish(now, record);
        }
        for (since, mut publication) in std::mem::take(&mut self.held.0) {
            publication.expiry = publication.expiry.map(|expiry| expiry.saturating_sub(now.mono.since(since)));
            if publication.expiry != Some(Duration::ZERO) {
                self.publish(now, publication);
            }
        }
        self.endpoint.handle(now, EndpointInput::Reachable(true));
        self.send_reports(now);
    }

    /// The settings of the client, its subscriptions or the MTP may have changed.
    pub(super) fn link_changed(&mut self, _now: Now, _before: &Settings) {}

    /// Hands a publication to the link, or keeps it until there is one.
    pub(super) fn publish(&mut self, now: Now, publication: Publication) {
        if self.facts.link.up {
            self.last_token += 1;
            self.out.push_back(Output::Publish(self.last_token, publication));
            return;
        }
        if self.held.0.len() >= MAX_HELD {
            self.held.0.pop_front();
            self.log(format!("{MAX_HELD} messages wait for the broker; the oldest was dropped"));
        }
        self.held.0.push_back((now.mono, publication));
    }
}
