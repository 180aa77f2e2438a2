//! The `Fleet` machine: many boxes. It knows which are there, learns what each firmware can do, and sees every call to an honest
//! end. It takes calls only as [`Audited`], so nothing is done to a box without an audit row.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

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

mod answers;
mod call;
mod calls;
mod onboard;
mod presence;

pub use call::{Call, CallId, Cancel, Order, Outcome, Step, is_secret};
use calls::Calls;
pub use calls::{MAX_OPEN, MAX_OPEN_OF_BOX, Reopened};
use onboard::Lesson;

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
}

/// What is known of a box, besides what is kept.
struct Known {
    row: BoxRow,
    /// The connection last heard of: its run and its number in it.
    connection: Option<(String, u64)>,
    /// What it can do.
    catalogue: Option<Arc<Catalogue>>,
    /// Whether it is one of ours.
    line3: bool,
    /// Whether it can be ordered to do things: its catalogue is known and it tells what becomes of commands.
    ready: bool,
    /// What is being learnt of it.
    lesson: Option<Lesson>,
    /// What its Reboot() restarts: `system` or `restart-agent`; empty: unknown.
    reboot_mode: String,
    /// Which subscriptions it lacks: places in the list of `onboard.rs`.
    to_add: Vec<usize>,
}

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    /// A call.
    Call(CallId),
    /// Stopping a call.
    Cancel(CallId),
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
    catalogues: HashMap<String, Arc<Catalogue>>,
    /// Which boxes wait for a catalogue that one of them is asked for, by its digest; the first is asked.
    wanted: BTreeMap<String, VecDeque<EndpointId>>,
    /// The controller's own link.
    up: bool,
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
            catalogues: HashMap::new(),
            wanted: BTreeMap::new(),
            up: false,
            out: VecDeque::new(),
        };
        fleet.reopen(now, open);
        fleet
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
    fn ask(&mut self, now: Now, purpose: Purpose, to: &EndpointId, request: Request, limit: std::time::Duration) -> Tag {
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

    fn pump(&mut self, now: Now) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                EndpointOutput::Publish(publication) => {
                    self.last_token += 1;
                    self.out.push_back(Output::Publish(self.last_token, publication));
                }
                EndpointOutput::Asked { from, reply, request, .. } => self.asked(now, &from, reply, request),
                EndpointOutput::Answered { tag, from, answer } => self.answered(now, tag, &from, answer),
                EndpointOutput::Unanswered { tag, .. } => self.unanswered(now, tag),
                EndpointOutput::Connected { from, connection, .. } => self.connected(now, &from, connection.as_deref()),
                EndpointOutput::Disconnected { from, connection, reason } => {
                    self.disconnected(now, &from, connection.as_deref(), &clean(&reason, MAX_SHOWN));
                }
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
        // A box that tells something is there, whatever its connect record became of.
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
            Some(Notification::Event(event)) if event.event_name == "X_LINE3_Progress!" => self.progressed(from, &event.params),
            Some(_) | None => {}
        }
    }

    fn answered(&mut self, now: Now, tag: Tag, from: &EndpointId, answer: Result<Response, Refusal>) {
        match self.purposes.remove(&tag) {
            Some(Purpose::Call(id)) => self.call_answered(now, &id, answer),
            Some(Purpose::Lesson(_)) => self.learnt(now, from, answer),
            Some(Purpose::Cancel(_)) | None => {}
            Some(Purpose::Probe(_)) => self.probed(now, from),
        }
    }

    fn unanswered(&mut self, now: Now, tag: Tag) {
        match self.purposes.remove(&tag) {
            Some(Purpose::Call(id)) => self.call_unanswered(now, &id),
            Some(Purpose::Lesson(id)) => self.lesson_unanswered(now, &id),
            Some(Purpose::Probe(id)) => self.probe_failed(now, &id),
            Some(Purpose::Cancel(_)) | None => {}
        }
    }
}

impl Known {
    fn of(row: BoxRow) -> Self {
        Self {
            row,
            connection: None,
            catalogue: None,
            line3: false,
            ready: false,
            lesson: None,
            reboot_mode: String::new(),
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
                if self.up {
                    self.log(format!("the controller lost its broker: {reason}"));
                }
                self.up = false;
            }
            Input::Link(LinkEvent::Sent(_)) => {}
            Input::Link(LinkEvent::Refused(_, reason)) => self.log(format!("the broker did not take a message to a box: {reason}")),
            Input::Link(LinkEvent::NotSubscribed { filter, reason }) => {
                self.log(format!("the broker refused the subscription to {filter}: {reason}; boxes cannot be heard"));
            }
            Input::Call(call) => self.start(now, call),
            Input::Cancel(cancel) => self.cancel(now, &cancel.into_act()),
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
        [self.endpoint.deadline(), self.calls.deadline(), self.next_lesson()].into_iter().flatten().min()
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

/// Ids of boxes for which something holds.
fn ids<'a>(boxes: &'a BTreeMap<EndpointId, Known>, holds: impl Fn(&Known) -> bool + 'a) -> BTreeSet<EndpointId> {
    boxes.iter().filter(|(_, known)| holds(known)).map(|(id, _)| id.clone()).collect()
}
