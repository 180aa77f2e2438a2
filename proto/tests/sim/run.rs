//! A net in a test: who is in it, and what was heard.

use std::time::Duration;

use line3_proto::sim::{ClientConfig, NetConfig, Role, SimNet};
use line3_proto::{LinkEvent, Mono, Publication, QoS};

pub(crate) const CONTROLLER: &str = "self::line3";

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn at(seconds: u64) -> Mono {
    Mono(secs(seconds))
}

pub(crate) fn box_id(number: usize) -> String {
    format!("proto::sim-{number}")
}

pub(crate) fn message(topic: &str, text: &str) -> Publication {
    Publication { topic: topic.to_owned(), payload: text.as_bytes().to_vec(), ..Publication::default() }
}

pub(crate) fn to_controller(from: &str, text: &str) -> Publication {
    message(&format!("usp/controller/{CONTROLLER}/{from}"), text)
}

pub(crate) fn a_box(id: &str) -> ClientConfig {
    ClientConfig {
        will: Some(to_controller(id, "gone")),
        will_run: "run".to_owned(),
        subscriptions: vec![(format!("usp/agent/{id}"), QoS::AtLeastOnce)],
        ..ClientConfig::default()
    }
}

pub(crate) fn a_controller() -> ClientConfig {
    let filters = [format!("usp/controller/{CONTROLLER}/+"), "telemetry/+".to_owned()];
    let subscriptions = filters.into_iter().map(|filter| (filter, QoS::AtLeastOnce)).collect();
    ClientConfig { role: Role::Controller, subscriptions, ..ClientConfig::default() }
}

/// A net, and what was heard in it.
pub(crate) struct Run {
    pub(crate) net: SimNet,
    pub(crate) heard: Vec<(Mono, String, LinkEvent)>,
}

impl Run {
    pub(crate) fn new(seed: u64, config: NetConfig) -> Self {
        Self { net: SimNet::new(seed, config), heard: Vec::new() }
    }

    /// A net with a controller and one box, both up at 1 s.
    pub(crate) fn pair(config: NetConfig) -> (Self, String) {
        let (mut run, id) = (Self::new(1, config), box_id(1));
        run.net.connect(at(0), CONTROLLER, a_controller());
        run.net.connect(at(0), &id, a_box(&id));
        run.until(at(1));
        assert!(run.net.is_up(CONTROLLER) && run.net.is_up(&id));
        run.heard.clear();
        (run, id)
    }

    pub(crate) fn until(&mut self, end: Mono) {
        while let Some(now) = self.net.deadline().filter(|now| *now <= end) {
            while let Some((client, event)) = self.net.poll(now) {
                self.heard.push((now, client, event));
            }
        }
    }

    /// What a client received, as text.
    pub(crate) fn received(&self, by: &str) -> Vec<String> {
        self.publications(by).into_iter().map(|(_, p)| String::from_utf8(p.payload).unwrap()).collect()
    }

    pub(crate) fn publications(&self, by: &str) -> Vec<(Mono, Publication)> {
        let to_me = self.heard.iter().filter(|(_, client, _)| client == by);
        to_me.filter_map(|(at, _, event)| if let LinkEvent::Received(p, _) = event { Some((*at, p.clone())) } else { None }).collect()
    }

    pub(crate) fn count(&self, of: &str, wanted: impl Fn(&LinkEvent) -> bool) -> usize {
        self.heard.iter().filter(|(_, client, event)| client == of && wanted(event)).count()
    }
}
