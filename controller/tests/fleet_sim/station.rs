//! A box of the simulated fleet: a real agent on a simulated host, its power and its flash.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use line3_agent::agent::{Agent, Input, Output};
use line3_agent::commands::{COMMANDS, Command, CommandDef, Ctx};
use line3_agent::config::Config;
use line3_agent::driver::Running;
use line3_agent::host::Host;
use line3_agent::host::sim::{CountedClock, SimBox, SimFlash, SimHost};
use line3_agent::objects::OBJECTS;
use line3_agent::view::RebootMode;
use line3_controller::report::decode;
use line3_proto::rng::Rng;
use line3_proto::sim::{ClientConfig, Role, SimNet};
use line3_proto::{Effect, EndpointId, Fault, LinkEvent, Machine, Mono, Now, Publication, QoS, Topic, row};

thread_local! {
    /// How often each call has acted, by its id.
    static ACTED: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// How often each call has acted since the last time this was asked.
pub fn acted() -> BTreeMap<String, u32> {
    ACTED.take()
}

row! {
    /// What a strike is told.
    pub struct StrikeInput {
        /// The call, to count how often it acts.
        Key: String,
        /// How long it takes before it acts, and after.
        Takes: u32 [ms] = "1000",
    }
}

row! {
    /// What a strike gives.
    pub struct StrikeOutput {
        /// The call.
        Key: String,
    }
}

async fn strike(input: StrikeInput, ctx: Ctx) -> Result<StrikeOutput, Fault> {
    let takes = Duration::from_millis(input.Takes.into());
    ctx.host.sleep(takes).await;
    ACTED.with_borrow_mut(|acted| *acted.entry(input.Key.clone()).or_default() += 1);
    ctx.progress.say("struck");
    ctx.host.sleep(takes).await;
    Ok(StrikeOutput { Key: input.Key })
}

/// A repair whose result comes later.
struct Strike;

impl Command for Strike {
    const PATH: &'static str = "Device.X_LINE3_Strike()";
    const DOC: &'static str = "Counts that it acted.";
    const EFFECT: Effect = Effect::Disrupt;
    const LIMIT: Duration = Duration::from_secs(20);
    type Input = StrikeInput;
    type Output = StrikeOutput;
    async fn run(input: StrikeInput, ctx: Ctx) -> Result<StrikeOutput, Fault> {
        strike(input, ctx).await
    }
}

/// A repair that is answered when it is done.
struct StrikeNow;

impl Command for StrikeNow {
    const PATH: &'static str = "Device.X_LINE3_StrikeNow()";
    const DOC: &'static str = "Counts that it acted.";
    const EFFECT: Effect = Effect::Disrupt;
    const LIMIT: Duration = Duration::from_secs(20);
    const ASYNC: bool = false;
    type Input = StrikeInput;
    type Output = StrikeOutput;
    async fn run(input: StrikeInput, ctx: Ctx) -> Result<StrikeOutput, Fault> {
        strike(input, ctx).await
    }
}

/// The commands of the real firmware, and two that count.
pub fn commands() -> &'static [CommandDef] {
    let copy = |def: &CommandDef| CommandDef { ..*def };
    let mut all: Vec<CommandDef> = COMMANDS.iter().map(copy).collect();
    all.extend([CommandDef::of::<Strike>(), CommandDef::of::<StrikeNow>()]);
    Vec::leak(all)
}

/// Which report: the run of the agent, and its number in it.
pub type ReportKey = (String, u64);

/// A box.
pub struct Station {
    pub id: EndpointId,
    sim: SimBox,
    config: Config,
    commands: &'static [CommandDef],
    clock: CountedClock,
    flash: SimFlash,
    agent: Option<Agent>,
    running: Running,
    under_way: usize,
    /// When it starts again, and whether its kernel does.
    starts: Option<(Mono, bool)>,
    /// Reports on their way, by token.
    reports: BTreeMap<u64, Vec<ReportKey>>,
    /// Reports that the broker has acknowledged.
    pub acknowledged: BTreeSet<ReportKey>,
    /// How often its agent asked for a restart.
    pub restarts: u32,
    /// Messages that the broker will deliver again, also to the agent's next run: QoS 1 allows it at any time until they expire.
    again: BTreeMap<Mono, Publication>,
    rng: Rng,
}

impl Station {
    pub fn new(number: u64, clock: &CountedClock, commands: &'static [CommandDef]) -> Self {
        let sim = SimBox::of(number);
        let reboot = if number.is_multiple_of(2) { RebootMode::System } else { RebootMode::RestartAgent };
        let mut config = Config { reboot, device: sim.device(), ..Config::default() };
        config.report.interval = 90;
        config.report.retained = 1440;
        config.report.parameters = vec!["Device.DeviceInfo.MemoryStatus.Free".to_owned()];
        Self {
            id: EndpointId::parse(&format!("proto::sim-{number}")).unwrap(),
            sim,
            config,
            commands,
            clock: clock.clone(),
            flash: SimFlash::new(),
            agent: None,
            running: Running::default(),
            under_way: 0,
            starts: Some((Mono(Duration::from_millis(37 * number)), false)),
            reports: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            restarts: 0,
            again: BTreeMap::new(),
            rng: Rng::new(number),
        }
    }

    pub fn is_on(&self) -> bool {
        self.agent.is_some()
    }

    /// When it wants to be told that time has passed.
    pub fn deadline(&self) -> Option<Mono> {
        let own = self.starts.map(|(at, _)| at).or_else(|| self.agent.as_ref()?.deadline());
        let again = self.again.keys().next().copied().filter(|_| self.agent.is_some());
        own.into_iter().chain(again).min()
    }

    /// The power fails, or (without `kernel`) the agent is killed; it starts again at `again`.
    pub fn cut(&mut self, now: Now, net: &mut SimNet, again: Mono, kernel: bool) {
        if self.agent.take().is_some() {
            net.drop_client(now.mono, self.id.as_str());
            self.stopped(again, kernel);
        }
    }

    fn stopped(&mut self, again: Mono, kernel: bool) {
        self.running = Running::default();
        self.under_way = 0;
        self.reports.clear();
        self.starts = Some((again, kernel));
    }

    fn start(&mut self, now: Now, net: &mut SimNet, kernel: bool) {
        if kernel {
            self.flash.boot(now.mono.0);
        }
        let host: Rc<dyn Host> = Rc::new(SimHost::restarted(self.sim.clone(), Rc::new(self.clock.clone()), self.flash.clone()));
        let agent = Agent::with_lists(now, host, &self.config, self.id.clone(), OBJECTS, self.commands);
        let config = ClientConfig {
            role: Role::Box,
            will: agent.will(),
            will_run: agent.run_id().to_owned(),
            subscriptions: vec![(Topic::Agent(self.id.clone()).to_string(), QoS::AtLeastOnce)],
            ..ClientConfig::default()
        };
        self.agent = Some(agent);
        net.connect(now.mono, self.id.as_str(), config);
    }

    pub fn tick(&mut self, now: Now, net: &mut SimNet) {
        if let Some((at, kernel)) = self.starts {
            if at <= now.mono {
                self.starts = None;
                self.start(now, net, kernel);
                self.carry_out(now, net);
            }
        } else {
            self.give(now, net, Input::Tick);
        }
        while self.agent.is_some()
            && let Some((at, publication)) = self.again.pop_first()
        {
            if at > now.mono {
                self.again.insert(at, publication);
                break;
            }
            self.give(now, net, Input::Link(LinkEvent::Received(publication, None)));
        }
    }

    pub fn link(&mut self, now: Now, net: &mut SimNet, event: LinkEvent) {
        match &event {
            LinkEvent::Sent(token) => self.acknowledged.extend(self.reports.remove(token).into_iter().flatten()),
            LinkEvent::Refused(token, _) => drop(self.reports.remove(token)),
            LinkEvent::Received(publication, _) if self.rng.chance(0.1) => {
                let later = self.rng.between(Duration::ZERO, Duration::from_secs(20));
                let left = publication.expiry.map_or(Duration::ZERO, |expiry| expiry.saturating_sub(later));
                if !left.is_zero() {
                    self.again.insert(now.mono + later, Publication { expiry: Some(left), ..publication.clone() });
                }
            }
            _ => {}
        }
        self.give(now, net, Input::Link(event));
    }

    /// Polls its commands.
    pub fn poll(&mut self, now: Now, net: &mut SimNet) {
        while self.under_way > 0 {
            let Poll::Ready((id, result)) = pin!(self.running.next()).poll(&mut Context::from_waker(Waker::noop())) else { return };
            self.under_way -= 1;
            self.give(now, net, Input::Done(id, result));
        }
    }

    fn give(&mut self, now: Now, net: &mut SimNet, input: Input) {
        if let Some(agent) = &mut self.agent {
            agent.handle(now, input);
            self.carry_out(now, net);
        }
    }

    fn carry_out(&mut self, now: Now, net: &mut SimNet) {
        while let Some(output) = self.agent.as_mut().and_then(Machine::poll) {
            match output {
                // The net subscribes by its own settings and greets like anything else: its first message after a connection may be
                // an older one, which must harm nobody.
                Output::Configure(_) => {}
                Output::Reconnect => {}
                Output::Greet(token, publication) | Output::Publish(token, publication) => {
                    if matches!(Topic::parse(&publication.topic), Some(Topic::Telemetry(_))) {
                        let reports = decode(&self.id, &publication.payload).unwrap();
                        self.reports.insert(token, reports.into_iter().map(|report| (report.run_id, report.sequence)).collect());
                    }
                    net.publish(now.mono, self.id.as_str(), token, publication).unwrap();
                }
                Output::Start(job) => {
                    self.running.start(job);
                    self.under_way += 1;
                    self.poll(now, net);
                }
                Output::Cancel(id) => {
                    self.running.cancel(id);
                    self.under_way -= 1;
                }
                Output::Restart(mode) => {
                    self.restarts += 1;
                    let farewell = self.agent.take().map(|agent| agent.farewell("the box restarts")).unwrap_or_default();
                    for publication in farewell {
                        net.publish(now.mono, self.id.as_str(), u64::MAX, publication).unwrap();
                    }
                    net.disconnect(now.mono, self.id.as_str());
                    self.stopped(now.mono + Duration::from_secs(8), mode == RebootMode::System);
                }
                Output::Log(_) => {}
            }
        }
    }
}
