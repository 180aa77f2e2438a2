//! A box, its broker and its controller in counted time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use line3_agent::agent::{Agent, Input, Job, Output};
use line3_agent::config::Config;
use line3_agent::host::Host;
use line3_agent::host::sim::{CountedClock, SimBox, SimClock, SimFlash, SimHost};
use line3_agent::objects::{OBJECTS, ObjectDef};
use line3_agent::view::RebootMode;
use line3_proto::link::{ClientSettings, LinkEvent, Session, Token};
use line3_proto::record::{self, Content};
use line3_proto::usp::{Get, GetInstances, Msg, MsgContent, NotifyResp, Request, Response};
use line3_proto::{EndpointId, Machine, Mono, Now, Publication, Topic, Wall};

use crate::{commands, script, show};

pub(crate) const CONTROLLER: &str = "self::line3";

/// What the agent may not do without time passing: a machine that wants a tick at once, for ever, is a busy loop.
const MAX_STEPS_AT_ONCE: u32 = 2000;

pub(crate) struct Bench {
    pub(crate) clock: CountedClock,
    pub(crate) flash: SimFlash,
    pub(crate) host: Rc<SimHost>,
    pub(crate) agent: Agent,
    /// How the link was last told to connect.
    pub(crate) settings: Option<ClientSettings>,
    pub(crate) config: Config,
    objects: &'static [ObjectDef],
    id: EndpointId,
    running: Vec<Job>,
    connections: u32,
    up: bool,
    /// Whether the broker acknowledges.
    pub(crate) acknowledges: bool,
    unacknowledged: Vec<Token>,
    /// Whether the controller answers notifications.
    pub(crate) answers: bool,
    /// Whether health reports are shown.
    pub(crate) shows_reports: bool,
    /// Whether the kernel restarts when the agent wants it to.
    pub(crate) restarts: bool,
    pub(crate) asked: u32,
    /// Which byte of the next request becomes which.
    pub(crate) tear: Option<(usize, u8)>,
    torn: bool,
    /// How many requests had come when the agent last started: what was not answered then never will be.
    pub(crate) asked_at_start: u32,
    /// How often each request was answered, by its message id.
    pub(crate) answered: BTreeMap<String, u32>,
    /// The last request, to be delivered again.
    last: Option<Publication>,
    /// What the box said, line by line.
    pub(crate) said: Vec<String>,
    /// What is left out of `said`, by its beginning.
    hidden: bool,
    pub(crate) restarted: u32,
    /// Every report, as it went out.
    pub(crate) reports: Vec<serde_json::Value>,
    /// After so many machine steps the power fails.
    pub(crate) power_fails_in: Option<u32>,
    pub(crate) steps: u32,
    /// What the wall clock is ahead, in milliseconds.
    clock_ahead: i64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// A box on which other things can be looked at.
    pub(crate) fn over(objects: &'static [ObjectDef]) -> Self {
        Self::build(|_| (), objects)
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(change, OBJECTS)
    }

    fn build(change: impl FnOnce(&mut Config), objects: &'static [ObjectDef]) -> Self {
        commands::forget();
        let mut config = Config::parse("").unwrap();
        config.device.software_version = "1.0".to_owned();
        change(&mut config);
        let (clock, flash) = (CountedClock::new(), SimFlash::new());
        let id = EndpointId::parse("proto::sim-1").unwrap();
        let (host, agent) = start(&clock, &flash, &config, objects, &id);
        let mut bench = Self {
            clock,
            flash,
            host,
            agent,
            settings: None,
            config,
            objects,
            id,
            running: Vec::new(),
            connections: 0,
            up: false,
            acknowledges: true,
            unacknowledged: Vec::new(),
            answers: true,
            shows_reports: false,
            restarts: true,
            asked: 0,
            tear: None,
            torn: false,
            asked_at_start: 0,
            answered: BTreeMap::new(),
            last: None,
            said: Vec::new(),
            hidden: false,
            restarted: 0,
            reports: Vec::new(),
            power_fails_in: None,
            steps: 0,
            clock_ahead: 0,
        };
        bench.settle();
        bench
    }

    pub(crate) fn now(&self) -> Now {
        let Now { mono, wall } = now(&self.clock);
        Now { mono, wall: Wall(wall.0 + self.clock_ahead) }
    }

    fn say(&mut self, text: &str) {
        if self.hidden {
            return;
        }
        let at = self.clock.now().as_millis();
        let at = if at.is_multiple_of(1000) { format!("{}s", at / 1000) } else { format!("{}.{:03}s", at / 1000, at % 1000) };
        let text = text.replace(self.agent.run_id(), "RUN");
        let boot_id = self.host.file("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        self.said.push(format!("{at} {}\n", text.replace(boot_id.trim(), "BOOT")));
    }

    /// What was said since the last time.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.said).concat()
    }

    /// Plays a script: each line a time and what happens then. Gives what was said.
    pub(crate) fn play(&mut self, text: &str) -> String {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, what) = line.split_once(' ').unwrap();
            self.until(at.strip_suffix('s').and_then(|secs| secs.parse().ok()).unwrap_or_else(|| panic!("no time: {at}")));
            self.happen(what);
            self.settle();
        }
        self.take()
    }

    pub(crate) fn happen(&mut self, what: &str) {
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        match word {
            "up" => self.up(),
            "down" => {
                self.up = false;
                self.handle(Input::Link(LinkEvent::Down { reason: rest.to_owned(), retry_in: Duration::from_secs(5) }));
            }
            "<" => self.ask(rest),
            "again" => {
                let last = self.last.clone().unwrap();
                self.receive(last);
            }
            // A subscription whose answer is not shown: `subscribe OperationComplete Device. NotifRetry=true`.
            "subscribe" => {
                let (kind, rest) = rest.split_once(' ').unwrap();
                let (about, more) = rest.split_once(' ').unwrap_or((rest, ""));
                self.hidden = true;
                self.ask(&format!("Add Device.LocalAgent.Subscription. Enable=true NotifType={kind} ReferenceList={about} {more}"));
                self.settle();
                self.hidden = false;
            }
            "kill" => self.restart(false),
            "boot" => self.restart(true),
            "answers" => self.answers = rest == "yes",
            "acknowledges" => {
                self.acknowledges = rest == "yes";
                if self.acknowledges {
                    for token in std::mem::take(&mut self.unacknowledged) {
                        self.handle(Input::Link(LinkEvent::Sent(token)));
                    }
                }
            }
            "refuse" => {
                for token in std::mem::take(&mut self.unacknowledged) {
                    self.handle(Input::Link(LinkEvent::Refused(token, rest.to_owned())));
                }
            }
            "nobody-hears" => {
                for token in std::mem::take(&mut self.unacknowledged) {
                    self.handle(Input::Link(LinkEvent::Unheard(token)));
                }
            }
            "clock" => self.clock_ahead = rest.parse::<i64>().unwrap() * 1000,
            "full" => self.flash.set_full(rest != "no"),
            "end" => {}
            other => panic!("nothing called {other} can happen"),
        }
    }

    pub(crate) fn up(&mut self) {
        self.connections += 1;
        self.up = true;
        self.handle(Input::Link(LinkEvent::Up(Session { connection: self.connections, ..Session::default() })));
    }

    /// The controller asks; `from=ID` before the request makes it somebody else, `expires=N` gives the message N seconds.
    pub(crate) fn ask(&mut self, text: &str) {
        let (mut text, mut from, mut expiry, mut id) = (text, CONTROLLER, None, None);
        while let Some((name, rest)) = text.split_once('=').filter(|(name, _)| ["from", "expires", "msg"].contains(name)) {
            let (value, rest) = rest.split_once(' ').unwrap();
            match name {
                "from" => from = value,
                "msg" => id = Some(value.to_owned()),
                _ => expiry = Some(Duration::from_secs(value.parse().unwrap())),
            }
            text = rest;
        }
        self.asked += 1;
        let id = id.unwrap_or_else(|| self.asked.to_string());
        self.request(from, &id, script::request(text), expiry);
    }

    /// The controller sends a Get or a GetInstances of these paths, spaces and all.
    pub(crate) fn paths(&mut self, kind: &str, paths: &[&str]) {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = match kind {
            "Get" => Request::Get(Get { param_paths: paths, max_depth: 0 }),
            _ => Request::GetInstances(GetInstances { obj_paths: paths, first_level_only: false }),
        };
        self.asked += 1;
        self.request(CONTROLLER, &self.asked.to_string(), request, None);
        self.settle();
    }

    pub(crate) fn request(&mut self, from: &str, id: &str, request: Request, expiry: Option<Duration>) {
        let mut publication = self.sealed(from, &Msg::request(id, request), expiry);
        if let Some((place, byte)) = self.tear.take() {
            let place = place % publication.payload.len();
            publication.payload[place] = byte;
            self.torn = true;
        }
        self.last = Some(publication.clone());
        self.receive(publication);
    }

    fn sealed(&self, from: &str, msg: &Msg, expiry: Option<Duration>) -> Publication {
        Publication {
            topic: Topic::Agent(self.id.clone()).to_string(),
            payload: record::seal(&EndpointId::parse(from).unwrap(), &self.id, msg),
            response_topic: Some(format!("usp/controller/{from}/{}/reply/1", self.id)),
            content_type: Some("usp.msg".to_owned()),
            expiry,
            ..Publication::default()
        }
    }

    pub(crate) fn receive(&mut self, publication: Publication) {
        self.handle(Input::Link(LinkEvent::Received(publication, None)));
    }

    pub(crate) fn handle(&mut self, input: Input) {
        self.steps += 1;
        let now = self.now();
        self.agent.handle(now, input);
        if let Some(left) = &mut self.power_fails_in {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.power_fails_in = None;
                self.restart(true);
            }
        }
    }

    /// The agent is killed and starts again; with `boots` its box too.
    pub(crate) fn restart(&mut self, boots: bool) {
        self.running.clear();
        self.unacknowledged.clear();
        self.up = false;
        if boots {
            self.flash.boot(self.clock.now());
        }
        (self.host, self.agent) = start(&self.clock, &self.flash, &self.config, self.objects, &self.id);
        self.connections = 0;
        self.asked_at_start = self.asked;
    }

    /// Carries out what the agent wants, and lets commands run, until nothing happens any more without time passing.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MAX_STEPS_AT_ONCE {
            while let Some(output) = self.agent.poll() {
                self.carry_out(output);
            }
            let mut context = Context::from_waker(Waker::noop());
            let done = self.running.iter_mut().enumerate().find_map(|(index, job)| match job.running.as_mut().poll(&mut context) {
                Poll::Ready(result) => Some((index, result)),
                Poll::Pending => None,
            });
            if let Some((index, result)) = done {
                let job = self.running.remove(index);
                self.handle(Input::Done(job.id, result));
            } else if self.agent.deadline().is_some_and(|deadline| deadline <= self.now().mono) {
                self.handle(Input::Tick);
            } else {
                return;
            }
        }
        panic!("the agent never rests at {:?}", self.clock.now());
    }

    /// Time passes until then, in seconds since the start.
    pub(crate) fn until(&mut self, end: f64) {
        let end = Duration::from_secs_f64(end);
        loop {
            self.settle();
            let next = [self.agent.deadline().map(|deadline| deadline.0), self.clock.next_wake()].into_iter().flatten().min();
            match next.filter(|next| *next <= end) {
                Some(next) => self.clock.advance_to(next),
                None => break,
            }
        }
        self.clock.advance_to(end);
        self.settle();
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Configure(settings) => self.settings = Some(*settings),
            Output::Reconnect => self.say("> reconnect"),
            Output::Greet(token, publication) | Output::Publish(token, publication) => self.published(token, publication),
            Output::Start(job) => self.running.push(job),
            Output::Cancel(id) => self.running.retain(|job| job.id != id),
            Output::Log(text) => self.say(&format!("log {text}")),
            Output::Restart(mode) => {
                self.say(&format!("> restart {}", mode.as_str()));
                self.restarted += 1;
                if self.restarts {
                    self.restart(mode == RebootMode::System);
                } else {
                    let fault = line3_proto::Fault::new(line3_proto::fault::code::COMMAND_FAILURE, "no permission");
                    self.handle(Input::NotRestarted(fault));
                    self.restart(false);
                }
            }
        }
    }

    fn published(&mut self, token: Token, publication: Publication) {
        assert!(self.up, "the agent publishes without a link");
        if self.acknowledges {
            self.handle(Input::Link(LinkEvent::Sent(token)));
        } else {
            self.unacknowledged.push(token);
        }
        if publication.topic.starts_with("telemetry/") {
            return self.report(&publication);
        }
        if publication.content_type.as_deref() != Some("usp.msg") {
            assert_eq!(publication.content_type.as_deref(), Some("application/json; charset=UTF-8"));
            let (qos, kept) = (publication.qos as u8, if publication.retain { " kept" } else { "" });
            let text = String::from_utf8(publication.payload).unwrap();
            return self.say(&format!("> {} (QoS {qos}{kept}) {text}", publication.topic));
        }
        assert_eq!(publication.response_topic, Some(Topic::Agent(self.id.clone()).to_string()));
        let to = publication.topic.split('/').nth(2).unwrap().to_owned();
        // The answer to a request whose sender's id was torn is for nobody.
        let Ok(opened) = record::open(&publication.payload, &EndpointId::parse(&to).unwrap()) else {
            return assert!(self.torn, "a record that cannot be opened");
        };
        let expiry = publication.expiry.map_or(String::new(), |expiry| format!(" (for {expiry:?})"));
        match opened.content {
            Content::Connect { subscribed_topic, .. } => {
                let connection = publication.user_property("line3-conn").unwrap_or("none").to_owned();
                self.say(&format!("> connect {connection} {subscribed_topic}"));
            }
            Content::Disconnect { reason, .. } => self.say(&format!("> disconnect {reason}")),
            Content::Message(msg) => {
                let is_answer = matches!(msg.clone().into_content(), Some((_, MsgContent::Response(_) | MsgContent::Error(_))));
                let (reply_topic, topic) = (format!("usp/controller/{to}/{}/reply/1", self.id), publication.topic.clone());
                assert_eq!(topic == reply_topic, is_answer, "answers go to the Response Topic, notifications to the controller's");
                let wanted = match msg.clone().into_content() {
                    Some((id, MsgContent::Request(Request::Notify(notify)))) if notify.send_resp => Some((id, notify.subscription_id)),
                    _ => None,
                };
                let other = if to == CONTROLLER { String::new() } else { format!("to {to} ") };
                if is_answer {
                    *self.answered.entry(msg.id().to_owned()).or_default() += 1;
                }
                let expiry = if is_answer { String::new() } else { expiry };
                for line in show::message(msg) {
                    self.say(&format!("> {other}{line}{expiry}"));
                }
                if let Some((id, subscription_id)) = wanted.filter(|_| self.answers) {
                    let answer = self.sealed(&to, &Msg::response(id, Response::NotifyResp(NotifyResp { subscription_id })), None);
                    self.receive(answer);
                }
            }
        }
    }

    fn report(&mut self, publication: &Publication) {
        assert_eq!(publication.content_type.as_deref(), Some("application/json; charset=UTF-8"));
        let json: serde_json::Value = serde_json::from_slice(&publication.payload).unwrap();
        let elements = json["Report"].as_array().unwrap().clone();
        let numbers: Vec<String> =
            elements.iter().map(|element| element["Device.BulkData.Profile.1.X_LINE3_Sequence"].to_string()).collect();
        assert!(publication.payload.len() <= 33 * 1024, "{} bytes", publication.payload.len());
        self.reports.extend(elements);
        if self.shows_reports {
            self.say(&format!("> report {}", numbers.join(" ")));
        }
    }
}

fn now(clock: &CountedClock) -> Now {
    let since = clock.now();
    Now { mono: Mono(since), wall: Wall(1_767_225_600_000 + i64::try_from(since.as_millis()).unwrap()) }
}

fn start(clock: &CountedClock, flash: &SimFlash, config: &Config, objects: &'static [ObjectDef], id: &EndpointId) -> (Rc<SimHost>, Agent) {
    let simulated: Rc<dyn SimClock> = Rc::new(clock.clone());
    let host = Rc::new(SimHost::restarted(SimBox::of(1), simulated, flash.clone()));
    let door: Rc<dyn Host> = host.clone();
    let agent = Agent::with_lists(now(clock), door, config, id.clone(), objects, commands::all());
    (host, agent)
}
