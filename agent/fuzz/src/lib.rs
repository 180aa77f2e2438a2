//! A box for the fuzz targets: the whole `Agent` machine over a simulated host in counted time, with a broker that takes
//! everything and a controller that only asks.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use line3_agent::agent::{Agent, Input, Job, Output};
use line3_agent::commands::COMMANDS;
use line3_agent::config::Config;
use line3_agent::host::Host;
use line3_agent::host::sim::{CountedClock, SimBox, SimFlash, SimHost};
use line3_agent::objects::{OBJECTS, ObjectDef};
use line3_agent::settings::Settings;
use line3_proto::link::{LinkEvent, Session};
use line3_proto::record::{self, Content, MAX_RECORD};
use line3_proto::usp::{Msg, MsgContent, Request, Response};
use line3_proto::{EndpointId, Machine, Mono, Now, Publication, Topic, Wall};

/// Things to look at that have every type of value, which the agent's own tests use too.
#[path = "../../tests/agent/rows.rs"]
pub mod rows;

/// The controller that the box obeys.
pub const CONTROLLER: &str = "self::line3";

/// What an agent may do without time passing. More is a loop without end.
const MAX_STEPS_AT_ONCE: u32 = 5000;

/// The most bytes that the box may say to one request of [`Rig::ask`], or to all records of a fresh one.
const MAX_SAID: usize = 64 * MAX_RECORD;

/// The box.
pub struct Rig {
    clock: CountedClock,
    flash: SimFlash,
    config: Config,
    me: EndpointId,
    objects: &'static [ObjectDef],
    agent: Agent,
    running: Vec<Job>,
    asked: u32,
    said: usize,
    /// What was answered, not taken yet.
    answers: Vec<MsgContent>,
}

impl Rig {
    /// A fresh box that is on line.
    #[must_use]
    pub fn new() -> Self {
        Self::with_objects(OBJECTS)
    }

    /// The same, with these things to look at.
    #[must_use]
    pub fn with_objects(objects: &'static [ObjectDef]) -> Self {
        let me = EndpointId::parse("proto::sim-1").expect("an id");
        let (clock, flash, config) = (CountedClock::new(), SimFlash::new(), Config::default());
        let agent = start(&clock, &flash, &config, &me, objects);
        let mut rig = Self { clock, flash, config, me, objects, agent, running: Vec::new(), asked: 0, said: 0, answers: Vec::new() };
        rig.up();
        rig
    }

    /// The agent is killed and starts again, on line.
    pub fn restart(&mut self) {
        self.running.clear();
        self.agent = start(&self.clock, &self.flash, &self.config, &self.me, self.objects);
        self.up();
    }

    /// The flash of the box.
    pub fn flash(&self) -> &SimFlash {
        &self.flash
    }

    /// The agent's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.agent.with_view(self.now(), |view| view.settings.clone())
    }

    fn up(&mut self) {
        self.handle(Input::Link(LinkEvent::Up(Session { connection: 1, ..Session::default() })));
    }

    /// The controller asks; the answer, if the box gave one at once.
    pub fn ask(&mut self, request: Request) -> Option<Result<Response, u32>> {
        self.asked += 1;
        (self.said, self.answers) = (0, Vec::new());
        let msg = Msg::request(self.asked.to_string(), request);
        let from = EndpointId::parse(CONTROLLER).expect("an id");
        self.receive(record::seal(&from, &self.me, &msg));
        self.answers.drain(..).find_map(|content| match content {
            MsgContent::Response(response) => Some(Ok(response)),
            MsgContent::Error(error) => Some(Err(error.err_code)),
            MsgContent::Request(_) => None,
        })
    }

    /// A record comes.
    pub fn receive(&mut self, payload: Vec<u8>) {
        let publication = Publication {
            topic: Topic::Agent(self.me.clone()).to_string(),
            payload,
            response_topic: Some(format!("usp/controller/{CONTROLLER}/{}/reply/1", self.me)),
            content_type: Some("usp.msg".to_owned()),
            ..Publication::default()
        };
        self.handle(Input::Link(LinkEvent::Received(publication, None)));
    }

    /// A record of the controller with this payload comes.
    pub fn receive_payload(&mut self, payload: &[u8]) {
        self.receive(sealed(CONTROLLER, self.me.as_str(), payload));
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        for _ in 0..MAX_STEPS_AT_ONCE {
            let next = [self.agent.deadline().map(|deadline| deadline.0), self.clock.next_wake()].into_iter().flatten().min();
            match next.filter(|next| *next <= end) {
                Some(next) => self.clock.advance_to(next),
                None => break,
            }
            self.settle();
        }
        self.clock.advance_to(end);
        self.settle();
    }

    fn handle(&mut self, input: Input) {
        self.agent.handle(self.now(), input);
        self.settle();
    }

    fn now(&self) -> Now {
        let since = self.clock.now();
        Now { mono: Mono(since), wall: Wall(1_767_225_600_000 + i64::try_from(since.as_millis()).expect("a short run")) }
    }

    /// Carries out what the agent wants, and lets commands run, until nothing happens any more without time passing.
    fn settle(&mut self) {
        for _ in 0..MAX_STEPS_AT_ONCE {
            while let Some(output) = self.agent.poll() {
                self.carry_out(output);
            }
            let mut context = Context::from_waker(Waker::noop());
            let done = self.running.iter_mut().enumerate().find_map(|(index, job)| match job.running.as_mut().poll(&mut context) {
                Poll::Ready(result) => Some((index, result)),
                Poll::Pending => None,
            });
            let now = self.now();
            if let Some((index, result)) = done {
                let job = self.running.remove(index);
                self.agent.handle(now, Input::Done(job.id, result));
            } else if self.agent.deadline().is_some_and(|deadline| deadline <= now.mono) {
                self.agent.handle(now, Input::Tick);
            } else {
                return;
            }
        }
        panic!("the agent never rests");
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Publish(token, publication) => {
                assert!(publication.payload.len() <= MAX_RECORD, "a record of {} bytes", publication.payload.len());
                self.said += publication.payload.len();
                assert!(self.said <= MAX_SAID, "it said {} bytes", self.said);
                if publication.topic.starts_with("usp/")
                    && let Some(to) = publication.topic.split('/').nth(2).and_then(|id| EndpointId::parse(id).ok())
                    && let Ok(opened) = record::open(&publication.payload, &to)
                    && let Content::Message(msg) = opened.content
                {
                    self.answers.extend(msg.into_content().map(|(_, content)| content));
                }
                let now = self.now();
                self.agent.handle(now, Input::Link(LinkEvent::Sent(token)));
            }
            Output::Start(job) => {
                self.running.push(job);
                assert!(self.running.len() <= 64, "{} commands at once", self.running.len());
            }
            Output::Cancel(id) => self.running.retain(|job| job.id != id),
            Output::Restart(_) => self.restart(),
            #[allow(unreachable_patterns, reason = "what else an agent may come to want is no matter here")]
            _ => {}
        }
    }
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

fn start(clock: &CountedClock, flash: &SimFlash, config: &Config, me: &EndpointId, objects: &'static [ObjectDef]) -> Agent {
    let host: Rc<dyn Host> = Rc::new(SimHost::restarted(SimBox::of(1), Rc::new(clock.clone()), flash.clone()));
    let now = Now { mono: Mono(clock.now()), wall: Wall(1_767_225_600_000) };
    Agent::with_lists(now, host, config, me.clone(), objects, COMMANDS)
}

/// A record that carries these bytes as its message: what [`record::seal`] makes, of bytes that may be no message.
#[must_use]
pub fn sealed(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.push(number << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(bytes);
    }
    let mut inner = Vec::new();
    field(&mut inner, 2, payload);
    let mut out = Vec::new();
    field(&mut out, 1, b"1.4");
    field(&mut out, 2, to.as_bytes());
    field(&mut out, 3, from.as_bytes());
    field(&mut out, 7, &inner);
    out
}
