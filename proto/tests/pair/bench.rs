//! Two endpoints, a box's and a controller's, and the wire between them.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::backoff::Backoff;
use line3_proto::endpoint::{Ask, Endpoint, Input, Output, Reply, Side};
use line3_proto::usp::{Get, GetResp, Request, Response};
use line3_proto::{EndpointId, Machine, Mono, Now, Publication};

pub(crate) const BOX: &str = "proto::sim-1";
pub(crate) const CONTROLLER: &str = "self::line3";

pub(crate) fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

pub(crate) fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// What becomes of a publication: it arrives after each of these times.
pub(crate) type Fate = Vec<Duration>;

pub(crate) struct Pair {
    pub(crate) now: Duration,
    pub(crate) controller: Endpoint,
    pub(crate) agent: Endpoint,
    /// By arrival.
    pub(crate) wire: BTreeMap<(Duration, u64), Publication>,
    pub(crate) sent: u64,
    /// Decides by the number of a publication.
    pub(crate) fate: Box<dyn FnMut(u64) -> Fate>,
    /// Whether the box answers at once.
    pub(crate) answers: bool,
    /// Requests that the box has not answered.
    pub(crate) open: Vec<Reply>,
    pub(crate) said: Vec<String>,
    /// How often the box was asked, by what it was asked, and how the questions ended.
    pub(crate) asked: BTreeMap<String, u32>,
    pub(crate) ended: BTreeMap<u64, Vec<&'static str>>,
}

impl Pair {
    pub(crate) fn new(fate: impl FnMut(u64) -> Fate + 'static) -> Self {
        Self {
            now: Duration::ZERO,
            controller: Endpoint::new(id(CONTROLLER), Side::Controller { instance: "1".to_owned() }, "run", 7),
            agent: Endpoint::new(id(BOX), Side::Agent, "box", 8),
            wire: BTreeMap::new(),
            sent: 0,
            fate: Box::new(fate),
            answers: true,
            open: Vec::new(),
            said: Vec::new(),
            asked: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    pub(crate) fn calm() -> Self {
        Self::new(|_| vec![secs(0.1)])
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono: Mono(self.now), ..Now::default() }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.said.push(format!("{:.1}s {text}\n", self.now.as_secs_f64()));
    }

    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.said).concat()
    }

    /// The controller asks, again and again if `again`.
    pub(crate) fn ask(&mut self, tag: u64, expires: Option<f64>, again: bool) {
        let ask = Ask {
            tag,
            to: id(BOX),
            topic: format!("usp/agent/{BOX}"),
            request: Request::Get(Get { param_paths: vec![tag.to_string()], max_depth: 0 }),
            answered: true,
            expires: expires.map(secs),
            again: again.then_some(Backoff::NOTIFY),
        };
        self.controller(Input::Ask(ask));
    }

    pub(crate) fn controller(&mut self, input: Input) {
        let now = self.now();
        self.controller.handle(now, input);
        self.settle();
    }

    pub(crate) fn agent(&mut self, input: Input) {
        let now = self.now();
        self.agent.handle(now, input);
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        loop {
            if let Some(output) = self.controller.poll() {
                self.carry_out("line3", output);
            } else if let Some(output) = self.agent.poll() {
                self.carry_out("box", output);
            } else {
                return;
            }
        }
    }

    pub(crate) fn carry_out(&mut self, who: &'static str, output: Output) {
        match output {
            Output::Publish(publication) => {
                self.sent += 1;
                let fate = (self.fate)(self.sent);
                self.say(&format!("{who} sends{}", if fate.is_empty() { ", lost" } else { "" }));
                for (copy, delay) in fate.into_iter().enumerate() {
                    self.wire.insert((self.now + delay, self.sent * 10 + copy as u64), publication.clone());
                }
            }
            Output::Asked { reply, request, .. } => {
                let Request::Get(get) = request else { panic!("{request:?}") };
                self.say(&format!("{who} is asked {}", get.param_paths[0]));
                *self.asked.entry(get.param_paths[0].clone()).or_default() += 1;
                if self.answers {
                    let now = self.now();
                    self.agent.handle(now, Input::Answer(reply, Ok(Response::GetResp(GetResp::default()))));
                } else {
                    self.open.push(reply);
                }
            }
            Output::Answered { tag, answer, .. } => {
                self.ended.entry(tag).or_default().push("answered");
                let text = answer.map_or_else(|refusal| refusal.fault.to_string(), |_| "yes".to_owned());
                self.say(&format!("{who} hears of {tag}: {text}"));
            }
            Output::Unanswered { tag, .. } => {
                self.ended.entry(tag).or_default().push("unanswered");
                self.say(&format!("{who} gives up {tag}"));
            }
            Output::Connected { from, connection, topic } => self.say(&format!("{who}: {from} is there {connection:?} {topic:?}")),
            Output::Disconnected { from, connection, reason } => self.say(&format!("{who}: {from} goes {connection:?} {reason}")),
            Output::Unaddressed { to, .. } => {
                self.say(&format!("{who} ignores on : {to} named no Response Topic, so it gets no answer"));
            }
            Output::Ignored { topic, why } => self.say(&format!("{who} ignores on {topic}: {why}")),
        }
    }

    pub(crate) fn until(&mut self, end: f64) {
        self.settle();
        loop {
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let deadlines = [self.controller.deadline(), self.agent.deadline()].into_iter().flatten().map(|deadline| deadline.0);
            let Some(next) = deadlines.chain(arrival).min().filter(|next| *next <= secs(end)) else { break };
            self.now = self.now.max(next);
            let now = self.now();
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let publication = entry.remove();
                let to = if publication.topic.starts_with("usp/agent/") { &mut self.agent } else { &mut self.controller };
                to.handle(now, Input::Received(publication));
                self.settle();
            }
            self.controller.handle(now, Input::Tick);
            self.agent.handle(now, Input::Tick);
            self.settle();
        }
        self.now = secs(end);
    }
}
