//! The `Fleet` machine: many boxes. It knows which are there, learns what each firmware can do, and sees every call to an honest
//! end. It takes calls only as [`Audited`], so nothing is done to a box without an audit row.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use line3_proto::catalogue::Catalogue;
use line3_proto::endpoint::{Ask, Endpoint, Input as EndpointInput, Output as EndpointOutput, Refusal, Reply, Side, Tag};
use line3_proto::fault::code;
use line3_proto::link::{LinkEvent, Publication, Token};
use line3_proto::rng::Rng;
use line3_proto::usp::{Notification, NotifyResp, Request, Response};
use line3_proto::{EndpointId, Fault, Machine, Mono, Now, Topic};

use crate::audit::Audited;
use crate::report::clean;
use crate::store::BoxRow;

mod again;
mod answers;
mod call;
mod calls;
mod catalogues;
mod ends;
mod onboard;
mod order;
mod presence;
mod probes;
mod supported;
#[cfg(test)]
mod tests;

pub use call::{Call, CallId, Cancel, Change, Done, Outcome, Step, Wrong};
use calls::Calls;
pub use calls::{MAX_OPEN, MAX_OPEN_OF_BOX, Reopened};
use catalogues::Catalogues;
use onboard::Lesson;
pub use order::{Edit, Order, is_secret};
use probes::Probes;

/// The most boxes held; one more is not taken in, and said so in the log. Each has a certificate that somebody issued.
pub const MAX_BOXES: usize = 1_000_000;

/// The longest text of a box that is shown, in bytes.
const MAX_SHOWN: usize = 500;

/// What can happen to a fleet.
#[derive(Debug)]
pub enum Input {
    /// Something on the link.
    Link(LinkEvent),
    /// Somebody wants something of a box.
    Call(Audited<Call>),
    /// Somebody wants a call stopped.
    Cancel(Audited<Cancel>),
    /// A health report of this box came, so it is there. If the fleet does not know that, its connect record was lost: the box is
    /// asked.
    Heard(EndpointId),
    /// What the store has under a digest that was asked for by [`Output::WantCatalogue`].
    Catalogue {
        /// The digest.
        digest: String,
        /// The catalogue's JSON, if the store has it.
        json: Option<Vec<u8>>,
    },
    /// Time has passed.
    Tick,
}

/// What a fleet wants done, or has to tell.
#[derive(Debug)]
pub enum Output {
    /// Carry this to the link.
    Publish(Token, Publication),
    /// A call has moved on.
    Step(Step),
    /// Something came to light about a call that had ended.
    Evidence {
        /// Which call.
        call: CallId,
        /// What.
        words: String,
    },
    /// A box has changed: keep and show it.
    Box(Box<BoxRow>),
    /// What a box can do is known.
    Knows {
        /// Which box.
        box_id: EndpointId,
        /// What it can do.
        catalogue: Arc<Catalogue>,
        /// Whether it can be ordered to do things.
        ready: bool,
    },
    /// Has the store this catalogue? Answer by [`Input::Catalogue`].
    WantCatalogue(String),
    /// Keep this catalogue.
    KeepCatalogue {
        /// Its digest.
        digest: String,
        /// Its JSON.
        json: String,
    },
    /// Housekeeping that changes a box: it goes through the audit like everybody's calls.
    Propose(Call),
    /// Say this in the log.
    Log(String),
    /// Say this where somebody sees it: a person must do something.
    Warn(String),
}

/// What is known of a box, besides what is kept.
struct Known {
    row: BoxRow,
    /// The connection last heard of: its run and its number in it. After word that it ended, the number that the next one has at
    /// least.
    connection: Option<(String, u64)>,
    /// The run before this one, and the number that a connection of it has at least which is not old news.
    run_before: Option<(String, u64)>,
    /// Whether it is one of ours.
    line3: bool,
    /// Whether it can be ordered to do things: its catalogue is known and it tells what becomes of commands.
    ready: bool,
    /// What is being learnt of it.
    lesson: Option<Lesson>,
    /// The question of that lesson.
    asked: Option<Tag>,
    /// When the lesson wants attention.
    due: Option<Mono>,
    /// The question whether it is there, and how often the controller had lost its link when it was asked.
    probe: Option<(Tag, u64)>,
    /// Not asked before this whether it is there, when a report says so.
    probe_after: Mono,
    /// Which subscriptions it lacks: places in the list of `onboard.rs`.
    to_add: Vec<usize>,
}

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    /// A call.
    Call(CallId),
    /// What became of a call that was sent before.
    Repeat(CallId),
    /// Stopping a call; how that ends the call itself tells.
    Cancel,
    /// Getting to know a box.
    Lesson(EndpointId),
    /// Whether a box is still there.
    Probe(EndpointId),
}

/// Many boxes.
pub struct Fleet {
    endpoint: Endpoint,
    rng: Rng,
    boxes: BTreeMap<EndpointId, Known>,
    calls: Calls,
    purposes: HashMap<Tag, Purpose>,
    last_tag: Tag,
    last_token: Token,
    catalogues: Catalogues,
    /// When the lessons of boxes want attention.
    lessons: BTreeSet<(Mono, EndpointId)>,
    probes: Probes,
    /// Since when the controller has no broker; `None`: it has one.
    deaf: Option<Mono>,
    out: VecDeque<Output>,
}

impl Fleet {
    /// The fleet of a controller instance. `known` are the boxes that are kept, `open` the calls that had not ended when the
    /// controller stopped, with the time each has left.
    #[must_use]
    pub fn new(now: Now, id: EndpointId, instance: &str, seed: u64, known: Vec<BoxRow>, open: Vec<Reopened>) -> Self {
        let mut rng = Rng::new(seed);
        let run = format!("{:016x}", rng.next_u64());
        let boxes = known.into_iter().map(|row| (row.id.clone(), Known::of(row))).collect();
        let mut fleet = Self {
            endpoint: Endpoint::new(id, Side::Controller { instance: instance.to_owned() }, &run, rng.next_u64()),
            rng,
            boxes,
            calls: Calls::default(),
            purposes: HashMap::new(),
            last_tag: 0,
            last_token: 0,
            catalogues: Catalogues::default(),
            lessons: BTreeSet::new(),
            probes: Probes::default(),
            deaf: Some(now.mono),
            out: VecDeque::new(),
        };
        fleet.reopen(now, open);
        fleet
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.out.push_back(Output::Warn(text.into()));
    }

    fn log(&mut self, text: impl Into<String>) {
        self.out.push_back(Output::Log(text.into()));
    }

    /// The box of this id, made if it was never heard of. `None` at [`MAX_BOXES`].
    fn known(&mut self, now: Now, id: &EndpointId) -> Option<&mut Known> {
        if !self.boxes.contains_key(id) {
            if self.boxes.len() >= MAX_BOXES {
                self.log(format!("{id} was not taken in: there are {MAX_BOXES} boxes already"));
                return None;
            }
            self.boxes.insert(id.clone(), Known::of(BoxRow::new(id.clone(), now.wall)));
        }
        self.boxes.get_mut(id)
    }

    /// Says that a box has changed.
    fn changed(&mut self, id: &EndpointId) {
        if let Some(known) = self.boxes.get(id) {
            self.out.push_back(Output::Box(Box::new(known.row.clone())));
        }
    }

    /// Asks a box.
    fn ask(&mut self, now: Now, purpose: Purpose, to: &EndpointId, request: Request, limit: Duration) -> Tag {
        self.last_tag += 1;
        self.purposes.insert(self.last_tag, purpose);
        let ask = Ask {
            tag: self.last_tag,
            to: to.clone(),
            topic: Topic::Agent(to.clone()).to_string(),
            request,
            answered: true,
            expires: Some(limit),
            again: None,
        };
        self.endpoint.handle(now, EndpointInput::Ask(ask));
        self.last_tag
    }

    /// The answer to this question does not matter any more.
    fn forget(&mut self, now: Now, tag: Option<Tag>) {
        if let Some(tag) = tag
            && self.purposes.remove(&tag).is_some()
        {
            self.endpoint.handle(now, EndpointInput::Forget(tag));
        }
    }

    fn pump(&mut self, now: Now) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                EndpointOutput::Publish(publication) => {
                    self.last_token += 1;
                    self.out.push_back(Output::Publish(self.last_token, publication));
                }
                EndpointOutput::Asked { from, reply, request, .. } => self.asked(now, &from, reply, request),
                EndpointOutput::Answered { tag, answer, .. } => self.answered(now, tag, answer),
                EndpointOutput::Unanswered { tag, .. } => self.unanswered(now, tag),
                EndpointOutput::Connected { from, connection, .. } => self.connected(now, &from, connection.as_deref()),
                EndpointOutput::Disconnected { from, connection, reason } => {
                    self.disconnected(now, &from, connection.as_deref(), &clean(&reason, MAX_SHOWN));
                }
                EndpointOutput::Unaddressed { to, .. } => self.log(format!("{to} named no Response Topic, so it gets no answer")),
                EndpointOutput::Ignored { topic, why } => {
                    self.log(format!("ignored on {}: {}", clean(&topic, MAX_SHOWN), clean(&why, MAX_SHOWN)))
                }
            }
        }
    }

    fn asked(&mut self, now: Now, from: &EndpointId, reply: Reply, request: Request) {
        let Request::Notify(notify) = request else {
            let fault = Fault::new(code::NOT_SUPPORTED, "a controller takes no message of this kind");
            return self.endpoint.handle(now, EndpointInput::Answer(reply, Err(fault.into())));
        };
        let answer = if notify.send_resp {
            let response = NotifyResp { subscription_id: notify.subscription_id };
            EndpointInput::Answer(reply, Ok(Response::NotifyResp(response)))
        } else {
            EndpointInput::Done(reply)
        };
        self.endpoint.handle(now, answer);
        match notify.notification {
            Some(Notification::OperComplete(complete)) => self.completed(now, from, complete),
            Some(Notification::Event(event)) if event.event_name == "Boot!" => self.booted(now, from, &event.params),
            Some(Notification::Event(event)) if event.event_name == "X_LINE3_Progress!" => self.progressed(now, from, &event.params),
            Some(_) | None => {}
        }
    }

    fn answered(&mut self, now: Now, tag: Tag, answer: Result<Response, Refusal>) {
        match self.purposes.remove(&tag) {
            Some(Purpose::Call(id)) => self.call_answered(now, &id, answer),
            Some(Purpose::Repeat(id)) => self.repeat_answered(now, &id, answer),
            Some(Purpose::Lesson(id)) => self.learnt(now, &id, answer),
            Some(Purpose::Probe(id)) => self.probed(now, &id, answer),
            Some(Purpose::Cancel) | None => {}
        }
    }

    fn unanswered(&mut self, now: Now, tag: Tag) {
        match self.purposes.remove(&tag) {
            Some(Purpose::Call(id)) => self.call_unanswered(now, &id),
            // The call itself ends at its time.
            Some(Purpose::Repeat(_) | Purpose::Cancel) | None => {}
            Some(Purpose::Lesson(id)) => self.lesson_unanswered(now, &id),
            Some(Purpose::Probe(id)) => self.probe_failed(now, &id),
        }
    }
}

impl Known {
    fn of(row: BoxRow) -> Self {
        Self {
            connection: row.run_id.clone().map(|run| (run, row.connection)),
            run_before: None,
            // Only our own agents tell a run.
            line3: row.run_id.is_some(),
            row,
            ready: false,
            lesson: None,
            asked: None,
            due: None,
            probe: None,
            probe_after: Mono::default(),
            to_add: Vec::new(),
        }
    }
}

impl Machine for Fleet {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Link(LinkEvent::Received(publication, _)) => self.endpoint.handle(now, EndpointInput::Received(publication)),
            Input::Link(LinkEvent::Up(session)) => self.link_up(now, session.present),
            Input::Link(LinkEvent::Down { reason, .. }) => {
                if self.deaf.is_none() {
                    self.log(format!("the controller lost its broker: {reason}"));
                    self.link_down(now);
                }
            }
            // A box that has no session is offline: its calls end by their deadline.
            Input::Link(LinkEvent::Sent(_) | LinkEvent::Unheard(_) | LinkEvent::Subscribed(_) | LinkEvent::Unsubscribed(_)) => {}
            Input::Link(LinkEvent::Refused(_, reason)) => self.log(format!("the broker did not take a message to a box: {reason}")),
            Input::Link(LinkEvent::NotSubscribed { filter, reason }) => {
                self.log(format!("the broker refused the subscription to {filter}: {reason}; boxes cannot be heard"));
            }
            Input::Call(call) => self.start(now, call),
            Input::Cancel(cancel) => self.cancel(now, &cancel.into_act()),
            Input::Heard(id) => self.heard(now, &id),
            Input::Catalogue { digest, json } => self.catalogue_found(now, &digest, json),
            Input::Tick => {
                self.endpoint.handle(now, EndpointInput::Tick);
                self.pump(now);
                self.tick_calls(now);
                self.tick_lessons(now);
            }
        }
        self.pump(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        [self.endpoint.deadline(), self.calls.deadline(), self.lessons.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }
}

/// A text of a box, safe to show.
fn shown(text: &str) -> String {
    clean(text, MAX_SHOWN)
}

/// Every text of a map of a box, safe to show.
fn shown_map(map: BTreeMap<String, String>, longest: usize) -> BTreeMap<String, String> {
    map.into_iter().map(|(name, value)| (shown(&name), clean(&value, longest))).collect()
}
