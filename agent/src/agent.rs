//! The `Agent` machine: one box. It answers what controllers ask, runs what they order, tells what they subscribed to and reports
//! health; it has no socket and no clock, and touches the box through [`Host`] alone.

use std::collections::VecDeque;
use std::rc::Rc;

use line3_proto::endpoint::{Endpoint, Input as EndpointInput, Output as EndpointOutput, Side};
use line3_proto::link::{ClientSettings, LinkEvent, Publication, Token};
use line3_proto::row::Args;
use line3_proto::{EndpointId, Fault, Machine, Mono, Now};

use crate::commands::{COMMANDS, CommandDef};
use crate::config::Config;
use crate::host::Host;
use crate::objects::{OBJECTS, ObjectDef, device_info};
use crate::settings::{SETTINGS, Settings};
use crate::view::{CpuMeter, Facts, LinkState, RebootMode, View};
use boot::Leaving;
use endings::Endings;
use jobs::Jobs;
use journal::Journal;
use keep::Kept;
use lasting::Lasting;
use link::{Held, Parted};
use look::Look;
use notify::Recipient;
use numbers::Numbers;
use onboard::OnBoarding;
use periodic::Periodic;
use reports::Reports;
use rights::Rights;
use trigger::Triggers;
use trust::Trusted;
use watch::Watch;
use way::Way;
use wear::Wear;

mod asked;
mod boot;
mod edit;
mod endings;
mod get;
mod jobs;
mod journal;
mod keep;
mod lasting;
mod link;
mod look;
mod model;
mod notify;
mod numbers;
mod onboard;
mod operate;
mod periodic;
mod reports;
mod rights;
mod supported;
mod trigger;
mod trust;
mod watch;
mod way;
mod wear;

pub use jobs::{Job, JobId};
pub(crate) use model::{ABSENT, Model};
pub(crate) use reports::MAX_BYTES as MAX_REPORT;

/// The longest line for the log, in characters: it may quote what others sent. The rest is cut off.
const MAX_LOG: usize = 500;

/// The table of controllers.
const CONTROLLERS: &str = "Device.LocalAgent.Controller.";

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
    /// Connect and subscribe like this. Comes once before anything else, and whenever the settings change.
    Configure(Box<ClientSettings>),
    /// Carry this to the link, ahead of all that waits there.
    Greet(Token, Publication),
    /// Carry this to the link.
    Publish(Token, Publication),
    /// Connect anew, with what was last configured.
    Reconnect,
    /// Poll this until it ends or is cancelled.
    Start(Job),
    /// Drop this command.
    Cancel(JobId),
    /// Say good-bye and restart the box or the agent.
    Restart(RebootMode),
    /// Say this in the log.
    Log(String),
}

/// One box.
pub struct Agent {
    host: Rc<dyn Host>,
    model: Rc<Model>,
    numbers: Numbers,
    facts: Facts,
    settings: Settings,
    /// What of the settings was last kept, so that flash is written only when that changes.
    kept: Kept,
    endpoint: Endpoint,
    jobs: Jobs,
    journal: Journal,
    reports: Reports,
    endings: Endings,
    watch: Watch,
    triggers: Triggers,
    periodic: Periodic,
    on_boarding: OnBoarding,
    lasting: Lasting,
    last_token: Token,
    held: Held,
    parted: Parted,
    trusted: Trusted,
    way: Way,
    wear: Wear,
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
        let model = Rc::new(Model::new(objects, SETTINGS, commands, notify::EVENTS));
        let mut out: VecDeque<Output> = config.remarks().map(Output::Log).collect();
        let mut log = |trouble: Option<String>| out.extend(trouble.map(Output::Log));
        let (journal, trouble) = Journal::load(&*host);
        log(trouble);
        let (kept, settings, trouble) = Kept::load(&*host, config.factory(&id));
        log(trouble);
        let seed = host.random();
        let facts = facts(now, &*host, config, &id, &supported::catalogue(&model));
        let endpoint = Endpoint::new(id, Side::Agent, &facts.run_id, seed);
        let mut agent = Self {
            host,
            model,
            numbers: Numbers::default(),
            facts,
            settings,
            kept,
            endpoint,
            jobs: Jobs::default(),
            journal,
            reports: Reports::default(),
            endings: Endings::default(),
            watch: Watch::default(),
            triggers: Triggers::default(),
            periodic: Periodic::default(),
            on_boarding: OnBoarding::default(),
            lasting: Lasting::default(),
            last_token: 0,
            held: Held::default(),
            parted: Parted::default(),
            trusted: Trusted::default(),
            way: Way::new(!config.broker.ca.as_os_str().is_empty()),
            wear: Wear::default(),
            leaving: None,
            out,
        };
        agent.configure_link();
        agent.endpoint.handle(now, EndpointInput::Reachable(false));
        agent.trust_changed(now);
        agent.reports_changed(now, &Settings::default());
        agent.mind_time_to_live(now);
        agent.boot(now);
        agent.resume(now);
        agent.subscribers_changed();
        agent.follow_up(now);
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
    pub fn catalogue(&self) -> String {
        supported::catalogue(&self.model)
    }

    /// What an Object sees now.
    pub fn with_view<T>(&self, now: Now, f: impl FnOnce(&View<'_>) -> T) -> T {
        f(&View { now, host: &*self.host, facts: &self.facts, settings: &self.settings, only: None })
    }

    /// How many health reports were made and not acknowledged by the broker.
    #[must_use]
    pub fn reports_waiting(&self) -> usize {
        self.reports.waiting()
    }

    /// The controllers that are enabled and can be reached.
    fn recipients(&self) -> Vec<Recipient> {
        self.settings.rows(CONTROLLERS).filter_map(|(path, _)| self.recipient(path)).filter(|to| way::is_topic(&to.topic)).collect()
    }

    /// One look at the data model, with the agent's own rights.
    fn look<T>(&mut self, now: Now, f: impl FnOnce(&mut Look<'_>) -> T) -> T {
        self.look_as(now, &Rights::full(), f)
    }

    /// The settings are others than they were: what runs by them is started, stopped or changed.
    fn settings_changed(&mut self, now: Now, before: &Settings) {
        self.trust_changed(now);
        self.link_changed(now);
        self.reports_changed(now, before);
        self.subscriptions_changed(now, before);
        self.mind_time_to_live(now);
    }

    /// What follows from what was just done: who is to be told is, and what that sets is set.
    fn follow_up(&mut self, now: Now) {
        self.pump(now);
        self.mind_changes(now);
        self.mind_periods(now);
        self.mind_on_boarding(now);
        self.mind_triggers(now);
        self.pump(now);
    }

    fn log(&mut self, text: impl Into<String>) {
        let mut text = text.into();
        if let Some((end, _)) = text.char_indices().nth(MAX_LOG) {
            text.truncate(end);
            text.push('…');
        }
        self.out.push_back(Output::Log(text));
    }

    /// Carries out what the endpoint wants, until it wants nothing more.
    fn pump(&mut self, now: Now) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                EndpointOutput::Publish(publication) => {
                    self.greet_parted(now);
                    self.publish(now, publication);
                }
                EndpointOutput::Unaddressed { to, publication } => {
                    self.greet_parted(now);
                    self.publish_to(now, &to, publication);
                }
                EndpointOutput::Asked { from, reply, request, remaining } => self.asked(now, &from, reply, request, remaining),
                EndpointOutput::Ignored { topic, why } => self.log(format!("ignored on {topic}: {why}")),
                EndpointOutput::Unanswered { to, .. } => self.log(format!("{to} did not answer a notification in time; it was dropped")),
                EndpointOutput::Answered { tag, answer, .. } => self.notification_answered(now, tag, &answer),
                EndpointOutput::Disconnected { from, .. } => self.parted_from(from),
                EndpointOutput::Connected { .. } => {}
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
        self.endpoint.handle(now, EndpointInput::Tick);
        self.tick_jobs(now);
        self.tick_reports(now);
        self.mind_time_to_live(now);
        if self.leaving.as_ref().is_some_and(|leaving| leaving.by <= now.mono) {
            self.leave();
        }
    }
}

/// What an agent that starts now knows about itself. `catalogue` is the JSON of its catalogue.
pub(crate) fn facts(now: Now, host: &dyn Host, config: &Config, id: &EndpointId, catalogue: &str) -> Facts {
    Facts {
        id: id.clone(),
        run_id: format!("{:016x}", host.random()),
        boot_id: host.file("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).map_err(|error| error.to_string()),
        started: now.mono,
        device: device_info::introduced(host, &config.device),
        reboot: config.reboot,
        link: LinkState::default(),
        requests: Vec::new(),
        catalogue_digest: line3_proto::catalogue::digest(catalogue.as_bytes()),
        sequences: Vec::new(),
        cpu: CpuMeter::default(),
    }
}

/// The catalogue of this build, as JSON: what it can show and do.
#[must_use]
pub fn catalogue() -> String {
    supported::catalogue(&Model::new(OBJECTS, SETTINGS, COMMANDS, notify::EVENTS))
}

impl Machine for Agent {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Now, input: Input) {
        if matches!(input, Input::Link(LinkEvent::Received(..)) | Input::Done(..) | Input::Tick) {
            self.look_up_targets(now);
        }
        match input {
            Input::Link(event) => self.link(now, event),
            Input::Done(id, result) => self.job_done(now, id, result),
            Input::NotRestarted(fault) => self.not_restarted(&fault),
            Input::Tick => self.tick(now),
        }
        self.follow_up(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Mono> {
        let leaving = self.leaving.as_ref().map(|leaving| leaving.by);
        let told = [self.watch.deadline(), self.periodic.deadline(), self.on_boarding_deadline(), self.triggers.deadline()];
        let others = [self.endpoint.deadline(), self.jobs.deadline(), self.reports.deadline(), leaving, self.endings.next()];
        told.into_iter().chain(others).flatten().min()
    }
}
