//! Which filters the link asks the broker for: those of its owner and, for a USP endpoint, those that the broker itself names
//! (R-MQTT.15). What the owner wants outlives every connection; what the broker names is of one.

use std::collections::VecDeque;

use super::Ready;
use super::connection::{Change, Connection};
use crate::filter::Filter;
use crate::link::{LinkEvent, QoS, Session};

/// The most `subscribe-topic` properties of one CONNACK that are followed; the rest is passed over.
const MAX_NAMED: usize = 16;

/// The longest filter that a broker may name, in bytes; a longer one is passed over.
const MAX_NAME: usize = 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Subscriptions {
    /// What the owner wants. Bounded by the owner.
    filters: Vec<(String, QoS)>,
    /// Where the owner listens if the broker gives no Response Information.
    inbox: Option<String>,
    /// The owner follows the rules for USP endpoints: the broker's topics count, and without any topic there is no connection.
    of_usp: bool,
    /// What the present connection (or the last one) was asked for.
    asked: Vec<(String, QoS)>,
}

impl Subscriptions {
    /// Whether a connection without a subscription is worth nothing.
    pub(super) const fn must_be_heard(&self) -> bool {
        self.of_usp
    }

    /// Takes the owner's filters as a whole, and gives back those that can never be asked for, with the reason.
    pub(super) fn configure(&mut self, filters: Vec<(String, QoS)>, inbox: Option<String>) -> Vec<(String, String)> {
        self.of_usp = true;
        self.inbox = inbox.filter(|topic| can_be_written(topic));
        self.filters.clear();
        filters.into_iter().filter_map(|(filter, qos)| self.add(&filter, qos).err().map(|reason| (filter, reason))).collect()
    }

    /// # Errors
    /// It is no filter; rumqttc would end the connection over it, or refuse the whole list.
    pub(super) fn add(&mut self, filter: &str, qos: QoS) -> Result<(), String> {
        if !can_be_written(filter) {
            return Err("it is no topic filter".to_owned());
        }
        self.filters.retain(|(known, _)| known != filter);
        self.filters.push((filter.to_owned(), qos));
        Ok(())
    }

    pub(super) fn remove(&mut self, filter: &str) {
        self.filters.retain(|(known, _)| known != filter);
    }

    /// CONNACK has come: asks for everything, in one SUBSCRIBE. What an earlier connection was asked for, and a kept session may
    /// still have, is taken back.
    pub(super) fn begin(&mut self, connection: &mut Connection) {
        let before = if connection.session().present { std::mem::take(&mut self.asked) } else { Vec::new() };
        self.asked.clear();
        for filter in self.ask(connection, before) {
            connection.change(Change::Unsubscribe(filter));
        }
    }

    /// The owner's filters have changed: asks for what is new and takes back what is gone.
    pub(super) fn change(&mut self, connection: &mut Connection, ready: &mut VecDeque<Ready>) {
        let before = self.asked.clone();
        for filter in self.ask(connection, before) {
            connection.change(Change::Unsubscribe(filter.clone()));
            ready.push_back(LinkEvent::Unsubscribed(filter).into());
        }
    }

    /// Asks for what is wanted and was not asked for; gives what was (`before`) and is wanted no more.
    fn ask(&mut self, connection: &mut Connection, before: Vec<(String, QoS)>) -> Vec<String> {
        let wanted = self.wanted(connection.session());
        if self.of_usp && wanted.is_empty() {
            connection.leave(
                "names no topic in CONNACK, and none is configured, so nobody could reach this box: give it a ResponseTopicConfigured \
                 or a Subscription",
                false,
            );
        }
        let fresh: Vec<_> = wanted.iter().filter(|filter| !self.asked.contains(filter)).cloned().collect();
        if !fresh.is_empty() {
            connection.change(Change::Subscribe(fresh));
        }
        let gone = before.into_iter().map(|(filter, _)| filter).filter(|filter| !wanted.iter().any(|(other, _)| other == filter));
        let gone = gone.collect();
        self.asked = wanted;
        gone
    }

    /// Every filter for a connection of this session, each once.
    fn wanted(&self, session: &Session) -> Vec<(String, QoS)> {
        let mut wanted = self.filters.clone();
        if !self.of_usp {
            return wanted;
        }
        let named = session.user_properties.iter().filter(|(name, _)| name == "subscribe-topic").map(|(_, filter)| filter);
        for filter in named.filter(|filter| filter.len() <= MAX_NAME && can_be_written(filter)).take(MAX_NAMED) {
            if !wanted.iter().any(|(known, _)| known == filter) {
                wanted.push((filter.clone(), QoS::AtLeastOnce));
            }
        }
        if let Some(inbox) = session.response_information.as_ref().or(self.inbox.as_ref()) {
            let covered = |(filter, _): &(String, QoS)| Filter::parse(filter).is_ok_and(|filter| filter.covers(inbox));
            if !wanted.iter().any(covered) {
                wanted.push((inbox.clone(), QoS::AtLeastOnce));
            }
        }
        wanted
    }
}

/// Whether a broker may give this as Response Information: a topic, not a filter.
pub(super) fn is_topic(text: &str) -> bool {
    text.len() <= MAX_NAME && !text.contains(['+', '#']) && can_be_written(text)
}

/// Whether this can be put into a SUBSCRIBE at all.
fn can_be_written(filter: &str) -> bool {
    filter.len() <= usize::from(u16::MAX) && !filter.contains('\0') && rumqttc::ValidatedTopicFilter::new(filter).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(rows: &[&str], inbox: Option<&str>, named: &[&str], given: Option<&str>) -> String {
        let mut subscriptions = Subscriptions::default();
        let rows = rows.iter().map(|row| ((*row).to_owned(), QoS::AtMostOnce)).collect();
        subscriptions.configure(rows, inbox.map(str::to_owned));
        let session = Session {
            user_properties: named.iter().map(|name| ("subscribe-topic".to_owned(), (*name).to_owned())).collect(),
            response_information: given.map(str::to_owned),
            ..Session::default()
        };
        subscriptions.wanted(&session).into_iter().map(|(filter, _)| filter).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_rules_of_the_standard() {
        assert_eq!(wanted(&["a", "b"], Some("c"), &["d", "e"], Some("f")), "a b d e f");
        assert_eq!(wanted(&["a"], Some("c"), &["d"], None), "a d c");
        assert_eq!(wanted(&[], None, &[], None), "");
        // What is covered is not asked for again.
        assert_eq!(wanted(&["x/#"], Some("x/y"), &["x/#"], None), "x/#");
        assert_eq!(wanted(&["$share/g/x/y"], Some("x/y"), &[], None), "$share/g/x/y x/y");
        assert_eq!(wanted(&[], Some("c"), &["x/+"], Some("x/y")), "x/+");
        assert_eq!(wanted(&[], Some("c"), &["a#", "", "a\0"], None), "c");
    }

    #[test]
    fn a_broker_may_not_name_without_end() {
        let many: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(wanted(&[], None, &many, None).split(' ').count(), MAX_NAMED);
        let long = "x".repeat(MAX_NAME + 1);
        assert_eq!(wanted(&[], Some("c"), &[&long], None), "c");
        for (text, fine) in [("usp/reply/1", true), ("", false), ("a/+", false), ("a/#", false), ("a\0", false), (&long, false)] {
            assert_eq!(is_topic(text), fine, "{text:?}");
        }
    }
}
