//! The `Endpoint` machine, the same on both sides: it opens and seals records, matches answers to what was asked, asks again
//! where that is wanted, ends what nobody answers, and passes over what was received twice.
//!
//! Whoever owns it carries its publications to the link and decides what a request means.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::fault::{Fault, code};
use crate::link::{Publication, QoS};
use crate::machine::{Machine, Mono, Now};
use crate::record::{self, Content, Rejected};
use crate::rng::Rng;
use crate::sorted::{Map, Set};
use crate::topic::{EndpointId, Topic, reply_topic};
use crate::usp::{Msg, MsgContent, Request, Response};

mod questions;
mod types;

use questions::Question;
pub use types::{Ask, Input, Output, Refusal, Reply, Tag};

/// The content type of a USP record in MQTT (R-MQTT.27).
pub const CONTENT_TYPE: &str = "usp.msg";

/// The user property that names a connection, `<run>.<n>`: on the connect record and on the Will, so that a Will that comes late
/// cannot end a newer connection.
pub const CONNECTION: &str = "line3-conn";

/// The most requests of others that are worked on at once; one more is refused with 7005.
pub const MAX_WORKING: usize = 256;

/// An answer is worth delivering this long, where the request did not say.
const ANSWER_EXPIRY: Duration = Duration::from_secs(300);

/// On which side of the wire an endpoint stands: where it can be answered.
#[derive(Clone, Debug)]
pub enum Side {
    /// A box: answers come to its own topic, or to where it says that it [listens](Endpoint::listen_on).
    Agent,
    /// One instance of a controller: answers come to its reply topic.
    Controller {
        /// Which instance: letters, digits and `-`.
        instance: String,
    },
}

/// One USP endpoint.
pub struct Endpoint {
    me: EndpointId,
    side: Side,
    /// A box's own topic.
    listens_on: String,
    /// Leads every message id, so that ids of an earlier run are not taken for ours.
    run: String,
    asked: u64,
    rng: Rng,
    /// By message id. Bounded by who asks: [`Endpoint::waiting`] says how many there are.
    questions: BTreeMap<String, Question>,
    /// When each question wants attention.
    agenda: BTreeSet<(Mono, String)>,
    /// Requests of others that were not answered yet, to pass over their duplicates (MSG.4). At most [`MAX_WORKING`].
    working: Set<(EndpointId, String)>,
    reachable: bool,
    out: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint of this id. `run` is random for each start, `seed` feeds the jitter of its retries.
    #[must_use]
    pub fn new(me: EndpointId, side: Side, run: &str, seed: u64) -> Self {
        Self {
            listens_on: Topic::Agent(me.clone()).to_string(),
            me,
            side,
            run: run.to_owned(),
            asked: 0,
            rng: Rng::new(seed),
            questions: BTreeMap::new(),
            agenda: BTreeSet::new(),
            working: Set::new(),
            reachable: true,
            out: VecDeque::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &EndpointId {
        &self.me
    }

    /// How many questions wait for an answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.questions.len()
    }

    /// A box listens on another topic from now on (R-MQTT.21).
    pub fn listen_on(&mut self, topic: &str) {
        topic.clone_into(&mut self.listens_on);
    }

    /// The topic on which a box listens.
    #[must_use]
    pub fn listens_on(&self) -> &str {
        &self.listens_on
    }

    /// How many bytes the questions have that wait for an answer.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.questions.values().map(|question| question.publication.payload.len()).sum()
    }

    /// Of which tag the most questions wait for an answer, or with `bytes` the most bytes of questions.
    #[must_use]
    pub fn most_waiting(&self, bytes: bool) -> Option<Tag> {
        let mut sums: Map<Tag, usize> = Map::new();
        for question in self.questions.values() {
            *sums.or_default(question.tag) += if bytes { question.publication.payload.len() } else { 1 };
        }
        sums.into_iter().max_by_key(|(_, sum)| *sum).map(|(tag, _)| tag)
    }

    /// Where `to` is to send its answers.
    #[must_use]
    pub fn response_topic(&self, to: &EndpointId) -> String {
        match &self.side {
            Side::Agent => self.listens_on.clone(),
            Side::Controller { instance } => reply_topic(&self.me, instance, to),
        }
    }

    /// The connect record that says to `to`, listening on `topic`, that this endpoint is there (R-MTP.6).
    #[must_use]
    pub fn connect_record(&self, to: &EndpointId, topic: &str, connection: &str) -> Publication {
        let mut publication = self.publication(topic, to, record::seal_connect(&self.me, to, &self.response_topic(to)));
        publication.user_properties.push((CONNECTION.to_owned(), connection.to_owned()));
        publication
    }

    /// The disconnect record for `to`: sent before leaving (R-MTP.7), and left with the broker as the Will. Its [`CONNECTION`]
    /// property is the link's to add.
    #[must_use]
    pub fn disconnect_record(&self, to: &EndpointId, topic: &str, reason: &str) -> Publication {
        self.publication(topic, to, record::seal_disconnect(&self.me, to, reason, 0))
    }

    fn publication(&self, topic: &str, to: &EndpointId, payload: Vec<u8>) -> Publication {
        Publication {
            topic: topic.to_owned(),
            payload,
            qos: QoS::AtLeastOnce,
            response_topic: Some(self.response_topic(to)),
            content_type: Some(CONTENT_TYPE.to_owned()),
            ..Publication::default()
        }
    }

    fn received(&mut self, now: Now, publication: Publication) {
        let Publication { topic, payload, response_topic, expiry, .. } = &publication;
        let ignored = |why: String| Output::Ignored { topic: topic.clone(), why };
        let opened = match record::open(payload, &self.me) {
            Ok(opened) => opened,
            Err(Rejected::Ignored(why)) => return self.out.push_back(ignored(why)),
            Err(Rejected::Answer { to, fault, record }) => {
                self.out.push_back(ignored(fault.to_string()));
                let mut publication = self.publication(response_topic.as_deref().unwrap_or(""), &to, record);
                publication.expiry = Some(ANSWER_EXPIRY);
                self.out.push_back(addressed(to.clone(), publication));
                // To a session the answer was a disconnect record.
                if fault.code == code::SESSION_NOT_ALLOWED && matches!(self.side, Side::Agent) {
                    self.out.push_back(Output::Disconnected { from: to, connection: None, reason: fault.text });
                }
                return;
            }
        };
        // A broker's ACL keeps boxes to their own topics; this holds even where the ACL does not.
        if let Some(sender) = Topic::parse(topic).as_ref().and_then(Topic::sender)
            && *sender != opened.from
        {
            let why = format!("a record of {} on the topic of {sender}: one box may not speak for another", opened.from);
            return self.out.push_back(ignored(why));
        }
        let from = opened.from;
        let connection = publication.user_property(CONNECTION).map(str::to_owned);
        match opened.content {
            Content::Connect { subscribed_topic, .. } => {
                self.out.push_back(Output::Connected { from, connection, topic: Some(subscribed_topic).filter(|topic| !topic.is_empty()) });
            }
            Content::Disconnect { reason, .. } => self.out.push_back(Output::Disconnected { from, connection, reason }),
            Content::Message(msg) => {
                let Some((msg_id, content)) = msg.into_content() else {
                    return self.out.push_back(ignored("an empty message".to_owned()));
                };
                match content {
                    MsgContent::Request(request) => {
                        self.asked_by(now, from, msg_id, request, *expiry, response_topic.clone(), topic);
                    }
                    MsgContent::Response(response) => self.answered(from, &msg_id, Ok(response), topic),
                    MsgContent::Error(error) => {
                        let refusal = Refusal { fault: Fault::from(&error), params: error.param_errs };
                        self.answered(from, &msg_id, Err(refusal), topic);
                    }
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn asked_by(
        &mut self,
        now: Now,
        from: EndpointId,
        msg_id: String,
        request: Request,
        remaining: Option<Duration>,
        response_topic: Option<String>,
        topic: &str,
    ) {
        let key = (from.clone(), msg_id.clone());
        if self.working.contains(&key) {
            let why = format!("message {msg_id:?} of {from} came twice");
            return self.out.push_back(Output::Ignored { topic: topic.to_owned(), why });
        }
        let expires = remaining.map(|left| now.mono + left);
        let reply = Reply { to: from.clone(), topic: response_topic.unwrap_or_default(), msg_id, expires };
        if self.working.len() >= MAX_WORKING {
            let fault = Fault::new(code::RESOURCES_EXCEEDED, format!("{MAX_WORKING} requests are being worked on; try again later"));
            return self.answer(now, &reply, Err(fault.into()));
        }
        self.working.insert(key);
        self.out.push_back(Output::Asked { from, reply, request, remaining });
    }

    fn answered(&mut self, from: EndpointId, msg_id: &str, answer: Result<Response, Refusal>, topic: &str) {
        let expected = self.questions.get(msg_id).is_some_and(|question| question.to == from);
        if !expected {
            let why = format!("an answer of {from} to {msg_id:?}, which was not asked, or is over");
            return self.out.push_back(Output::Ignored { topic: topic.to_owned(), why });
        }
        if let Some(question) = self.questions.remove(msg_id) {
            if let Some(due) = question.due {
                self.agenda.remove(&(due, msg_id.to_owned()));
            }
            self.out.push_back(Output::Answered { tag: question.tag, from, answer });
        }
    }

    fn answer(&mut self, now: Now, reply: &Reply, answer: Result<Response, Refusal>) {
        self.working.remove(&(reply.to.clone(), reply.msg_id.clone()));
        let msg = match answer {
            Ok(response) => Msg::response(&reply.msg_id, response),
            Err(refusal) => Msg::error(&reply.msg_id, &refusal.fault, refusal.params),
        };
        let mut payload = record::seal(&self.me, &reply.to, &msg);
        if payload.len() > record::MAX_RECORD {
            let text = format!(
                "the answer has {} bytes, more than the {} that can be sent; ask for less at a time",
                payload.len(),
                record::MAX_RECORD
            );
            let fault = Fault::new(code::RESOURCES_EXCEEDED, text);
            payload = record::seal(&self.me, &reply.to, &Msg::error(&reply.msg_id, &fault, Vec::new()));
        }
        let mut publication = self.publication(&reply.topic, &reply.to, payload);
        publication.expiry = Some(reply.expires.map_or(ANSWER_EXPIRY, |expires| expires.since(now.mono).max(Duration::from_secs(1))));
        self.out.push_back(addressed(reply.to.clone(), publication));
    }
}

/// An answer goes to the Response Topic of what is answered (R-MQTT.26); without one, who carries it must know where to.
fn addressed(to: EndpointId, publication: Publication) -> Output {
    if publication.topic.is_empty() { Output::Unaddressed { to, publication } } else { Output::Publish(publication) }
}

impl Machine for Endpoint {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Received(publication) => self.received(now, publication),
            Input::Ask(ask) => self.ask(now, ask),
            Input::Answer(reply, answer) => self.answer(now, &reply, answer),
            Input::Done(reply) => {
                self.working.remove(&(reply.to, reply.msg_id));
            }
            Input::Forget(tag) => {
                let questions = &mut self.questions;
                questions.retain(|_, question| question.tag != tag);
                self.agenda.retain(|(_, id)| questions.contains_key(id));
            }
            Input::ForgetOldest(tag) => {
                let mine = self.questions.iter().filter(|(_, question)| question.tag == tag);
                if let Some(id) = mine.min_by_key(|(_, question)| question.number).map(|(id, _)| id.clone()) {
                    self.questions.remove(&id);
                    self.agenda.retain(|(_, other)| *other != id);
                }
            }
            Input::Reachable(reachable) => {
                self.reachable = reachable;
                self.tick(now);
            }
            Input::Tick => self.tick(now),
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        if self.reachable {
            return self.agenda.first().map(|(due, _)| *due);
        }
        self.questions.values().filter_map(Question::over).min()
    }
}
