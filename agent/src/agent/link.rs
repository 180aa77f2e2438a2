//! The agent and its link: what comes, what goes, and what waits while there is none.

use std::collections::VecDeque;
use std::time::Duration;

use line3_proto::endpoint::Input as EndpointInput;
use line3_proto::link::{LinkEvent, Publication, Session, Traffic};
use line3_proto::sorted::Set;
use line3_proto::{EndpointId, Machine, Mono, Now};

use super::notify::Recipient;
use super::{Agent, Output};

/// The most filters whose fate is remembered; beyond it one is forgotten. The settings and a broker that plays by the rules name
/// far fewer.
const MAX_FILTERS: usize = 128;

/// The longest client identifier that a broker may assign, in bytes; a longer one counts for this run only.
const MAX_CLIENT_ID: usize = 256;

/// The most publications that wait for the link to come up; beyond it the oldest goes.
const MAX_HELD: usize = 128;

/// The most bytes that they have together; beyond it, too, the oldest goes. The newest is always kept.
const MAX_HELD_BYTES: usize = 512 * 1024;

/// What waits for the link to come up, and since when. At most [`MAX_HELD`], of [`MAX_HELD_BYTES`] together.
#[derive(Default)]
pub(super) struct Held(VecDeque<(Mono, Publication)>);

/// The controllers that a disconnect record came from or went to on this connection: the next record is a connect record again
/// (R-MTP.8). It waits for something to say, so that two endpoints cannot keep greeting and refusing each other. At most all
/// controllers.
#[derive(Default)]
pub(super) struct Parted(Set<EndpointId>);

impl Agent {
    /// What has gone over the link so far.
    pub fn note_traffic(&mut self, traffic: Traffic) {
        self.facts.link.traffic = traffic;
    }

    /// Notes that a disconnect record came from this endpoint, or went to it.
    pub(super) fn parted_from(&mut self, id: EndpointId) {
        if self.topic_of(&id).is_some() {
            self.parted.0.insert(id);
        }
    }

    /// Sends a connect record to those that need one before anything else.
    pub(super) fn greet_parted(&mut self, now: Now) {
        if self.parted.0.is_empty() {
            return;
        }
        let parted = std::mem::take(&mut self.parted.0);
        for to in self.recipients().into_iter().filter(|to| parted.contains(&to.id)) {
            let record = self.connect_record(&to);
            self.publish(now, record);
        }
    }

    pub(super) fn link(&mut self, now: Now, event: LinkEvent) {
        if matches!(event, LinkEvent::Up(_) | LinkEvent::Down { .. }) {
            self.watch.stir();
        }
        match event {
            LinkEvent::Up(session) => self.link_up(now, session),
            LinkEvent::Down { reason, .. } => {
                let link = &mut self.facts.link;
                (link.up, link.since, link.errors) = (false, None, link.errors.saturating_add(1));
                // What the broker refused it will refuse again; the rest is open until the next connection.
                link.filters.retain(|_, granted| !*granted);
                if link.trouble != reason {
                    link.trouble.clone_from(&reason);
                    self.log(reason);
                }
                self.endpoint.handle(now, EndpointInput::Reachable(false));
            }
            LinkEvent::Received(publication, _) => {
                let link = &mut self.facts.link;
                (link.received, link.last_received) = (link.received.saturating_add(1), Some(now.mono));
                self.endpoint.handle(now, EndpointInput::Received(publication));
            }
            LinkEvent::Sent(token) => {
                self.facts.link.has_sent(now.mono);
                self.report_sent(now, token, true);
                self.said(token);
            }
            LinkEvent::Unheard(token) => {
                self.facts.link.has_sent(now.mono);
                // A broker that has forgotten its sessions takes reports before the controller is back, and drops them.
                if self.report_sent(now, token, false) {
                    self.log("nobody hears health reports just now; they are kept and sent again");
                }
                self.said(token);
            }
            LinkEvent::Refused(token, reason) => {
                self.facts.link.refused = self.facts.link.refused.saturating_add(1);
                let what = if self.report_sent(now, token, false) { "a health report" } else { "a message" };
                self.log(format!("the broker did not take {what}: {reason}"));
                self.said(token);
            }
            LinkEvent::NotSubscribed { filter, reason } => {
                if self.facts.link.filters.get(&filter) != Some(&false) {
                    self.log(format!("the broker refused the subscription to {filter}: {reason}"));
                }
                self.subscribed(now, filter, Some(false));
            }
            LinkEvent::Subscribed(filter) => self.subscribed(now, filter, Some(true)),
            LinkEvent::Unsubscribed(filter) => {
                self.facts.link.unsubscribes = self.facts.link.unsubscribes.saturating_add(1);
                self.subscribed(now, filter, None);
            }
        }
    }

    /// The broker has granted or refused a filter, or it was taken back.
    fn subscribed(&mut self, now: Now, filter: String, granted: Option<bool>) {
        let filters = &mut self.facts.link.filters;
        match granted {
            Some(granted) => {
                if filters.len() >= MAX_FILTERS && !filters.contains_key(&filter) {
                    filters.pop_first();
                }
                filters.insert(filter, granted);
            }
            None => {
                filters.remove(&filter);
            }
        }
        if self.listen() && self.facts.link.up {
            // The controllers are to know where to ask from now on.
            for record in self.connect_records() {
                self.publish(now, record);
            }
        }
    }

    fn link_up(&mut self, now: Now, session: Session) {
        let link = &mut self.facts.link;
        link.up = true;
        link.connections = session.connection;
        link.since = Some(now.mono);
        link.trouble.clear();
        // Whatever the link asks for on a new connection, it asks for in one SUBSCRIBE.
        link.subscribes = link.subscribes.saturating_add(1);
        link.named = session.response_information.is_some() || session.user_properties.iter().any(|(name, _)| name == "subscribe-topic");
        link.response_information = session.response_information.unwrap_or_default();
        link.filters.extend(session.subscribed.into_iter().take(MAX_FILTERS).map(|filter| (filter, true)));
        self.log("connected to the broker");
        self.keep_client_id(now, session.assigned_client_id);
        self.listen();
        self.parted.0.clear();
        // The connect record is the first thing that a controller hears on a new connection (R-MTP.6).
        for mut record in self.connect_records() {
            record.qos = self.way.qos;
            self.last_token += 1;
            self.out.push_back(Output::Greet(self.last_token, record));
        }
        for (since, mut publication) in std::mem::take(&mut self.held.0) {
            publication.expiry = publication.expiry.map(|expiry| expiry.saturating_sub(now.mono.since(since)));
            if publication.expiry != Some(Duration::ZERO) {
                // It was written before it was known where the agent listens.
                publication.response_topic = publication.response_topic.and_then(|_| self.inbox());
                self.publish(now, publication);
            }
        }
        self.endpoint.handle(now, EndpointInput::Reachable(true));
        self.send_reports(now);
    }

    /// A connect record for each controller.
    fn connect_records(&self) -> Vec<Publication> {
        self.recipients().iter().map(|to| self.connect_record(to)).collect()
    }

    fn connect_record(&self, to: &Recipient) -> Publication {
        let connection = format!("{}.{}", self.facts.run_id, self.facts.link.connections);
        self.endpoint.connect_record(&to.id, &to.topic, &connection)
    }

    /// Has answers come to where the agent listens now. Whether that is news.
    fn listen(&mut self) -> bool {
        let Some(topic) = self.inbox() else { return false };
        let news = self.endpoint.listens_on() != topic;
        if news {
            self.endpoint.listen_on(&topic);
            // The Will names it, too.
            self.configure_link();
        }
        news
    }

    /// The broker has given this client a name, which is its own from now on (R-MQTT.9).
    fn keep_client_id(&mut self, now: Now, assigned: Option<String>) {
        // Who had a name was given none (MQTT 5 3.2.2.3.7); a broker that gives one all the same does not wear out the flash.
        let has_one = !self.settings.value(&self.facts.link.client, "ClientID").is_empty();
        let Some(id) = assigned.filter(|id| !id.is_empty() && !has_one) else { return };
        if id.len() > MAX_CLIENT_ID {
            return self.log(format!("the broker assigned a client identifier of {} bytes; it is not kept", id.len()));
        }
        let before = self.settings.clone();
        self.settings.put(&self.facts.link.client, &[("ClientID", &id)]);
        if let Err(fault) = self.keep(&self.settings.clone(), None) {
            self.log(format!("the client identifier that the broker assigned could not be kept: {}", fault.text));
        }
        self.settings_changed(now, &before);
    }

    /// The settings of the client, its subscriptions or the MTP may have changed.
    pub(super) fn link_changed(&mut self, now: Now) {
        self.configure_link();
        if self.listen() && self.facts.link.up {
            for record in self.connect_records() {
                self.publish(now, record);
            }
        }
    }

    /// The client with this number is to connect anew.
    pub(super) fn reconnect(&mut self, number: u32) {
        if self.facts.link.client == format!("Device.MQTT.Client.{number}.") {
            self.log("connecting anew, as a controller ordered");
            self.out.push_back(Output::Reconnect);
        }
    }

    /// Answers somebody who named no Response Topic: where its settings say that it listens.
    pub(super) fn publish_to(&mut self, now: Now, to: &EndpointId, publication: Publication) {
        match self.topic_of(to) {
            Some(topic) => self.publish(now, Publication { topic, ..publication }),
            None => self.log(format!("{to} named no Response Topic and is no controller of this box, so it gets no answer")),
        }
    }

    /// Hands a publication to the link, or keeps it until there is one.
    pub(super) fn publish(&mut self, now: Now, mut publication: Publication) {
        publication.qos = self.way.qos;
        if self.facts.link.up {
            self.last_token += 1;
            self.out.push_back(Output::Publish(self.last_token, publication));
            return;
        }
        let mut bytes = publication.payload.len() + self.held.0.iter().map(|(_, held)| held.payload.len()).sum::<usize>();
        while (self.held.0.len() >= MAX_HELD || bytes > MAX_HELD_BYTES)
            && let Some((_, oldest)) = self.held.0.pop_front()
        {
            bytes -= oldest.payload.len();
            self.log(format!("{MAX_HELD} messages, or {MAX_HELD_BYTES} bytes of them, wait for the broker; the oldest was dropped"));
        }
        self.held.0.push_back((now.mono, publication));
    }
}

#[cfg(test)]
mod tests;
