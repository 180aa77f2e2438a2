//! The `Agent` machine: one box. It answers what controllers ask, runs what they order, tells what they subscribed to and reports
//! health; it has no socket and no clock, and touches the box through [`Host`] alone.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use line3_proto::endpoint::{self, Endpoint, Input as EndpointInput, Output as EndpointOutput, Refusal, Reply, Side};
use line3_proto::fault::code;
use line3_proto::link::{LinkEvent, Publication, Session, Token};
use line3_proto::row::Args;
use line3_proto::usp::{GetSupportedProtocolResp, Request, Response};
use line3_proto::{EndpointId, Fault, Machine, Mono, Now};

use crate::commands::{COMMANDS, CommandDef};
use crate::config::Config;
use crate::host::Host;
use crate::objects::{OBJECTS, ObjectDef};
use crate::settings::subscription::TABLE as SUBSCRIPTIONS;
use crate::settings::{SETTINGS, Settings};
use crate::view::{Facts, LinkState, RebootMode, View};
use jobs::Jobs;
use journal::{Entry, Journal, Stage};
use model::{Look, Model, Numbers};
use notify::Happening;
use reports::Reports;

mod edit;
mod get;
mod jobs;
mod journal;
mod model;
mod notify;
mod reports;
mod supported;

pub use jobs::{Job, JobId};

/// The name that the settings are kept under.
const SAVED: &str = "settings";

/// The most publications that wait for the link to come up; beyond it the oldest goes.
const MAX_HELD: usize = 128;

/// How long an answer that precedes a restart has to reach the broker.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What can happen to an agent.
#[derive(Debug)]
pub enum Input {
    /// Something on the link.
    Link(LinkEvent),
    /// A command has ended.
    Done(JobId, Result<Args, Fault>),
    /// The restart that was asked for did not happen.
    NotRestarted(Fault),
    /// Time has passed.
    Tick,
}

/// What an agent wants done.
#[derive(Debug)]
pub enum Output {
    /// Carry this to the link.
    Publish(Token, Publication),
    /// Poll this until it ends or is cancelled.
    Start(Job),
    /// Drop this command.
    Cancel(JobId),
    /// Say good-bye and restart the box or the agent.
    Restart(RebootMode),
    /// Say this in the log.
    Log(String),
}

/// The agent is about to restart.
struct Leaving {
    /// The publication that must be out before.
    last_words: Option<Token>,
    /// It leaves then at the latest.
    by: Mono,
}

/// One box.
pub struct Agent {
    host: Rc<dyn Host>,
    model: Model,
    numbers: Numbers,
    catalogue: Rc<str>,
    facts: Facts,
    settings: Settings,
    /// What of the settings was last kept, so that flash is written only when that changes.
    kept: Settings,
    endpoint: Endpoint,
    jobs: Jobs,
    journal: Journal,
    reports: Reports,
    /// When subscriptions with a `TimeToLive` end.
    subscriptions_end: BTreeMap<String, Mono>,
    last_token: Token,
    /// What waits for the link to come up. At most [`MAX_HELD`].
    held: VecDeque<Publication>,
    leaving: Option<Leaving>,
    out: VecDeque<Output>,
}

impl Agent {
    /// The agent of a box, with the lists of this build.
    #[must_use]
    pub fn new(now: Now, host: Rc<dyn Host>, config: &Config, id: EndpointId) -> Self {
        Self::with_lists(now, host, config, id, OBJECTS, COMMANDS)
    }

    /// The agent of a box with other lists, for tests of the engine.
    #[must_use]
    pub fn with_lists(
        now: Now,
        host: Rc<dyn Host>,
        config: &Config,
        id: EndpointId,
        objects: &'static [ObjectDef],
        commands: &'static [CommandDef],
    ) -> Self {
        let model = Model::new(objects, SETTINGS, commands, notify::EVENTS);
        let catalogue = supported::catalogue(&model).to_json();
        let run_id = format!("{:016x}", host.random());
        let boot_id = host.file("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).map_err(|error| error.to_string());
        let mut out = VecDeque::new();
        let mut log = |trouble: Option<String>| out.extend(trouble.map(Output::Log));
        let (journal, trouble) = Journal::load(&*host);
        log(trouble);
        let (kept, trouble) = load_settings(&*host);
        log(trouble);
        let mut settings = config.factory(&id);
        settings.instances.extend(kept.instances.clone());
        for (table, number) in &kept.highest {
            let highest = settings.highest.entry(table.clone()).or_default();
            *highest = (*highest).max(*number);
        }
        let seed = host.random();
        let facts = Facts {
            id: id.clone(),
            run_id: run_id.clone(),
            boot_id,
            started: now.mono,
            device: config.device.clone(),
            reboot: config.reboot,
            link: LinkState::default(),
            requests: Vec::new(),
            catalogue_digest: line3_proto::catalogue::digest(catalogue.as_bytes()),
            sequences: Vec::new(),
            cpu: crate::view::CpuMeter::default(),
        };
        // A box's place in the interval is its own: the same after each restart, spread over the fleet.
        let phase = line3_proto::rng::fraction(
            id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        );
        let mut agent = Self {
            host,
            model,
            numbers: Numbers::default(),
            catalogue: catalogue.into(),
            facts,
            settings,
            kept,
            endpoint: Endpoint::new(id, Side::Agent, &run_id, seed),
            jobs: Jobs::default(),
            journal,
            reports: Reports::default(),
            subscriptions_end: BTreeMap::new(),
            last_token: 0,
            held: VecDeque::new(),
            leaving: None,
            out,
        };
        agent.start_reports(now, phase);
        agent.boot(now);
        agent.pump(now);
        agent
    }

    /// The agent's run: random at each start.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.facts.run_id
    }

    /// The agent's endpoint id.
    #[must_use]
    pub fn id(&self) -> &EndpointId {
        self.endpoint.id()
    }

    /// The catalogue of this build, as JSON.
    #[must_use]
    pub fn catalogue(&self) -> &str {
        &self.catalogue
    }

    /// What an Object sees now.
    pub fn with_view<T>(&self, now: Now, f: impl FnOnce(&View<'_>) -> T) -> T {
        f(&View { now, host: &*self.host, facts: &self.facts, settings: &self.settings })
    }

    /// How many health reports were made and not acknowledged by the broker.
    #[must_use]
    pub fn reports_waiting(&self) -> usize {
        self.reports.waiting()
    }

    /// The Will for the broker: a disconnect record for the first controller.
    #[must_use]
    pub fn will(&self) -> Option<Publication> {
        let to = self.controllers().into_iter().find_map(|path| self.recipient(&path))?;
        Some(self.endpoint.disconnect_record(&to.id, &to.topic, "the broker lost the connection"))
    }

    /// What to say to the controllers before leaving.
    #[must_use]
    pub fn farewell(&self, reason: &str) -> Vec<Publication> {
        let connection = format!("{}.{}", self.facts.run_id, self.facts.link.connections);
        let recipients = self.controllers().into_iter().filter_map(|path| self.recipient(&path));
        let record = |to: notify::Recipient| {
            let mut record = self.endpoint.disconnect_record(&to.id, &to.topic, reason);
            record.user_properties.push((endpoint::CONNECTION.to_owned(), connection.clone()));
            record
        };
        recipients.map(record).collect()
    }

    fn controllers(&self) -> Vec<String> {
        self.settings.rows("Device.LocalAgent.Controller.").map(|(path, _)| path.to_owned()).collect()
    }

    /// One look at the data model.
    fn look<T>(&mut self, now: Now, f: impl FnOnce(&mut Look<'_>) -> T) -> T {
        let view = View { now, host: &*self.host, facts: &self.facts, settings: &self.settings };
        f(&mut Look::new(&self.model, &view, &mut self.numbers))
    }

    fn trouble(&mut self, text: impl Into<String>) {
        self.out.push_back(Output::Log(text.into()));
    }

    /// Finds out whether this start is a boot, tells it, and ends the call that led to it.
    fn boot(&mut self, now: Now) {
        let boot_id = self.facts.boot_id.clone().unwrap_or_default();
        let version = self.facts.device.software_version.clone();
        let kernel_started = boot_id.is_empty() || boot_id != self.journal.boot_id;
        let rebooted = |entry: &&mut Entry| match &entry.stage {
            // What was asked for has come true if the kernel started anew, or if only the agent was to restart.
            Stage::Rebooting { boot_id: before } => {
                self.facts.reboot == RebootMode::RestartAgent || *before != boot_id || boot_id.is_empty()
            }
            _ => false,
        };
        let mut command_key = None;
        for entry in self.journal.entries.iter_mut().filter(rebooted) {
            entry.stage = Stage::Ended(Ok(Args::new()));
            command_key = Some(entry.command_key.clone());
        }
        let boots = kernel_started || command_key.is_some();
        let updated = !self.journal.software_version.is_empty() && self.journal.software_version != version;
        if !boots && !updated {
            return;
        }
        self.journal.boot_id.clone_from(&boot_id);
        self.journal.software_version = version;
        if let Err(error) = self.journal.save(&*self.host) {
            self.trouble(format!("the journal cannot be written ({error}): repairs will be refused until it can"));
        }
        let cause = if command_key.is_some() { "RemoteReboot" } else { "LocalReboot" };
        let args = [
            ("CommandKey", command_key.unwrap_or_default()),
            ("Cause", cause.to_owned()),
            ("FirmwareUpdated", updated.to_string()),
            ("ParameterMap", "{}".to_owned()),
            ("X_LINE3_RunID", self.facts.run_id.clone()),
            ("X_LINE3_BootID", boot_id),
            ("X_LINE3_RebootMode", self.facts.reboot.as_str().to_owned()),
        ];
        let args = args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.tell(now, &Happening::Event { path: notify::BOOT.path, args });
    }

    fn restart_when_said(&mut self, now: Now) {
        self.leaving = Some(Leaving { last_words: None, by: now.mono + LAST_WORDS });
    }

    /// Keeps new settings: what must outlive a restart is written before they count.
    fn keep(&mut self, settings: Settings) -> Result<(), Fault> {
        let lasting = lasting(&settings);
        if lasting != self.kept {
            let bytes = serde_json::to_vec(&lasting).map_err(|error| Fault::new(code::INTERNAL, error.to_string()))?;
            self.host
                .save(SAVED, &bytes)
                .map_err(|error| Fault::new(code::INTERNAL, format!("the settings cannot be written ({error}); nothing was changed")))?;
            self.kept = lasting;
        }
        self.settings = settings;
        Ok(())
    }

    fn link(&mut self, now: Now, event: LinkEvent) {
        match event {
            LinkEvent::Up(session) => self.link_up(now, session),
            LinkEvent::Down { reason, .. } => {
                let link = &mut self.facts.link;
                (link.up, link.since, link.errors) = (false, None, link.errors.saturating_add(1));
                if link.trouble != reason {
                    link.trouble.clone_from(&reason);
                    self.trouble(reason);
                }
            }
            LinkEvent::Received(publication, _) => {
                self.facts.link.received = self.facts.link.received.saturating_add(1);
                self.endpoint.handle(now, EndpointInput::Received(publication));
            }
            LinkEvent::Sent(token) => {
                self.facts.link.sent = self.facts.link.sent.saturating_add(1);
                self.report_sent(now, token, true);
                if self.leaving.as_ref().is_some_and(|leaving| leaving.last_words == Some(token)) {
                    self.leave();
                }
            }
            LinkEvent::Refused(token, reason) => {
                let what = if self.report_sent(now, token, false) { "a health report" } else { "a message" };
                self.trouble(format!("the broker did not take {what}: {reason}"));
            }
            LinkEvent::NotSubscribed { filter, reason } => {
                self.trouble(format!("the broker refused the subscription to {filter}: {reason}; controllers cannot reach this box"));
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
        // The connect record is the first thing that a controller hears on a new connection (R-MTP.6).
        let connection = format!("{}.{}", self.facts.run_id, session.connection);
        for path in self.controllers() {
            if let Some(to) = self.recipient(&path) {
                let record = self.endpoint.connect_record(&to.id, &to.topic, &connection);
                self.publish(record);
            }
        }
        while let Some(publication) = self.held.pop_front() {
            self.publish(publication);
        }
        self.endpoint.handle(now, EndpointInput::Tick);
        self.send_reports(now);
    }

    fn publish(&mut self, publication: Publication) {
        if self.facts.link.up {
            self.last_token += 1;
            self.out.push_back(Output::Publish(self.last_token, publication));
            return;
        }
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
            self.trouble(format!("{MAX_HELD} messages wait for the broker; the oldest was dropped"));
        }
        self.held.push_back(publication);
    }

    fn leave(&mut self) {
        if self.leaving.take().is_some() {
            self.out.push_back(Output::Restart(self.facts.reboot));
        }
    }

    /// Answers what another endpoint asks.
    fn asked(&mut self, now: Now, from: &EndpointId, reply: Reply, request: Request, remaining: Option<Duration>) {
        let originator = self.controllers().into_iter().find(|path| {
            let settings = &self.settings;
            settings.value(path, "EndpointID") == from.as_str() && settings.value(path, "Enable") == "true"
        });
        let Some(originator) = originator else {
            let fault = Fault::new(code::PERMISSION_DENIED, format!("{from} is no controller of this box"));
            return self.endpoint.handle(now, EndpointInput::Answer(reply, Err(fault.into())));
        };
        let answer = match request {
            Request::Operate(operate) => return self.operate(now, from, &originator, operate, reply, remaining),
            Request::Get(get) => self.look(now, |look| get::get(look, &get)).map(Response::GetResp).map_err(Refusal::from),
            Request::GetInstances(get) => {
                self.look(now, |look| get::get_instances(look, &get)).map(Response::GetInstancesResp).map_err(Refusal::from)
            }
            Request::GetSupportedDm(get) => {
                supported::get_supported_dm(&self.model, &get).map(Response::GetSupportedDmResp).map_err(Refusal::from)
            }
            Request::GetSupportedProtocol(_) => {
                let versions = supported::PROTOCOL_VERSIONS.to_owned();
                Ok(Response::GetSupportedProtocolResp(GetSupportedProtocolResp { agent_supported_protocol_versions: versions }))
            }
            Request::Add(add) => {
                self.edit(now, &originator, |look, draft, editor| Ok(Response::AddResp(edit::add(look, draft, &add, editor)?)))
            }
            Request::Set(set) => {
                self.edit(now, &originator, |look, draft, editor| Ok(Response::SetResp(edit::set(look, draft, &set, editor)?)))
            }
            Request::Delete(delete) => {
                self.edit(now, &originator, |look, draft, _| Ok(Response::DeleteResp(edit::delete(look, draft, &delete)?)))
            }
            Request::Notify(_) | Request::Register(_) | Request::Deregister(_) => {
                Err(Fault::new(code::NOT_SUPPORTED, "an agent does not take this kind of message").into())
            }
        };
        self.endpoint.handle(now, EndpointInput::Answer(reply, answer));
    }

    fn edit(
        &mut self,
        now: Now,
        by: &str,
        f: impl FnOnce(&mut Look<'_>, &mut Settings, &edit::Editor<'_>) -> Result<Response, Refusal>,
    ) -> Result<Response, Refusal> {
        let mut draft = self.settings.clone();
        let response = self.look(now, |look| f(look, &mut draft, &edit::Editor { by, now }))?;
        if draft != self.settings {
            self.keep(draft)?;
            self.mind_time_to_live(now);
        }
        Ok(response)
    }

    /// Carries out what the endpoint wants, until it wants nothing more.
    fn pump(&mut self, now: Now) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                EndpointOutput::Publish(publication) => self.publish(publication),
                EndpointOutput::Asked { from, reply, request, remaining } => self.asked(now, &from, reply, request, remaining),
                EndpointOutput::Ignored { topic, why } => self.trouble(format!("ignored on {topic}: {why}")),
                EndpointOutput::Unanswered { to, .. } => {
                    self.trouble(format!("{to} did not answer a notification in time; it was dropped"))
                }
                EndpointOutput::Answered { .. } | EndpointOutput::Connected { .. } | EndpointOutput::Disconnected { .. } => {}
            }
        }
        // The answer that precedes a restart is the last that was published.
        if let Some(leaving) = &mut self.leaving
            && leaving.last_words.is_none()
        {
            leaving.last_words = Some(self.last_token);
        }
    }

    fn tick(&mut self, now: Now) {
        // Without a link nobody can answer: questions are asked again when it is back.
        if self.facts.link.up {
            self.endpoint.handle(now, EndpointInput::Tick);
        }
        self.tick_jobs(now);
        self.tick_reports(now);
        self.mind_time_to_live(now);
        if self.leaving.as_ref().is_some_and(|leaving| leaving.by <= now.mono) {
            self.leave();
        }
    }

    fn not_restarted(&mut self, fault: &Fault) {
        let boot = |entry: &&mut Entry| matches!(entry.stage, Stage::Rebooting { .. });
        for entry in self.journal.entries.iter_mut().filter(boot) {
            entry.stage = journal::ended(&Err(fault.clone()));
        }
        if let Err(error) = self.journal.save(&*self.host) {
            self.trouble(format!("the journal cannot be written: {error}"));
        }
        self.trouble(format!("the restart did not happen: {fault}"));
    }
}

/// What of the settings outlives a restart: subscriptions that are to.
fn lasting(settings: &Settings) -> Settings {
    let persistent = settings.rows(SUBSCRIPTIONS).filter(|(_, args)| args.get("Persistent").is_some_and(|persistent| persistent == "true"));
    let instances: BTreeMap<String, Args> = persistent.map(|(path, args)| (path.to_owned(), args.clone())).collect();
    let number = |path: &String| path.trim_end_matches('.').rsplit('.').next()?.parse::<u32>().ok();
    let highest = instances.keys().filter_map(number).max();
    Settings { highest: highest.map(|number| (SUBSCRIPTIONS.to_owned(), number)).into_iter().collect(), instances }
}

fn load_settings(host: &dyn Host) -> (Settings, Option<String>) {
    let lost = |error: String| (Settings::default(), Some(format!("the saved settings are lost ({error}); the factory settings rule")));
    match host.load(SAVED) {
        Ok(None) => (Settings::default(), None),
        Ok(Some(bytes)) => match serde_json::from_slice::<Settings>(&bytes) {
            Ok(settings) => (lasting(&settings), None),
            Err(error) => lost(error.to_string()),
        },
        Err(error) => lost(error.to_string()),
    }
}

impl Machine for Agent {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Link(event) => self.link(now, event),
            Input::Done(id, result) => self.job_done(now, id, result),
            Input::NotRestarted(fault) => self.not_restarted(&fault),
            Input::Tick => self.tick(now),
        }
        self.pump(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        let endpoint = self.endpoint.deadline().filter(|_| self.facts.link.up);
        let leaving = self.leaving.as_ref().map(|leaving| leaving.by);
        [endpoint, self.jobs.deadline(), self.reports.deadline(), leaving, self.next_end()].into_iter().flatten().min()
    }
}
