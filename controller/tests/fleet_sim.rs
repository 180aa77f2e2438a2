//! A simulated fleet: 200 real agents on simulated hosts, a simulated broker and network that lose, repeat and part, and the real
//! Fleet machine with its store and audit log; in counted time, from a seed. Every call ends, none runs twice, no report is lost
//! or counted twice, every act stands in the audit log.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "fleet_sim/office.rs"]
mod office;
#[path = "fleet_sim/station.rs"]
mod station;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use line3_agent::host::sim::CountedClock;
use line3_controller::audit::{self, Entry, Kind};
use line3_controller::fleet::{Call, Order};
use line3_controller::store::{CallState, Store};
use line3_proto::health::UP_TIME;
use line3_proto::rng::Rng;
use line3_proto::sim::{NetConfig, SimNet};
use line3_proto::{Effect, Machine, Mono, Now, Wall};
use office::{CALLS, Office, REPORTS};
use station::Station;

const BOXES: usize = 200;

/// How long things go wrong, and how long the fleet then has to settle.
const CHAOS: Duration = Duration::from_secs(480);
const CALM: Duration = Duration::from_secs(300);

/// What is planned from outside.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Something on a random box.
    Any,
    RestartBroker,
    KillController,
    StartController,
}

struct World {
    rng: Rng,
    clock: CountedClock,
    net: SimNet,
    stations: Vec<Station>,
    numbers: BTreeMap<String, usize>,
    /// When each station wants to be told that time has passed.
    due: BTreeSet<(Mono, usize)>,
    due_of: Vec<Option<Mono>>,
    plan: BTreeSet<(Mono, u64)>,
    acts: Vec<Act>,
    office: Office,
    controller_runs: bool,
    made: u64,
    /// Whether the broker keeps its sessions when it restarts.
    keeps: bool,
}

impl World {
    fn new(seed: u64, keeps: bool) -> Self {
        let config = NetConfig {
            loss: 0.0005,
            duplicate: 0.002,
            keep_alive: Duration::from_secs(20),
            notice: Duration::from_secs(30),
            queue_bound: 20_000,
            outbox_bound: 20_000,
            retry: Duration::from_secs(1),
            retry_cap: Duration::from_secs(20),
            ..NetConfig::default()
        };
        let mut rng = Rng::new(seed);
        let clock = CountedClock::new();
        let mut net = SimNet::new(rng.next_u64(), config);
        let commands = station::commands();
        let stations: Vec<Station> = (0..BOXES as u64).map(|number| Station::new(number, &clock, commands)).collect();
        let numbers = stations.iter().enumerate().map(|(index, station)| (station.id.to_string(), index)).collect();
        let office = Office::new(Now::default(), &mut net);
        let mut world = Self {
            rng,
            clock,
            net,
            due: BTreeSet::new(),
            due_of: vec![None; stations.len()],
            stations,
            numbers,
            plan: BTreeSet::new(),
            acts: Vec::new(),
            office,
            controller_runs: true,
            made: 0,
            keeps,
        };
        (0..BOXES).for_each(|index| world.note_due(index));
        let mut at = Duration::from_secs(20);
        while at < CHAOS {
            world.plan(at, Act::Any);
            at += world.rng.between(Duration::from_millis(200), Duration::from_millis(1800));
        }
        world.plan(Duration::from_secs(120), Act::RestartBroker);
        world.plan(Duration::from_secs(240), Act::KillController);
        world.plan(Duration::from_secs(265), Act::StartController);
        world.plan(Duration::from_secs(360), Act::RestartBroker);
        world
    }

    fn plan(&mut self, at: Duration, act: Act) {
        self.plan.insert((Mono(at), self.acts.len() as u64));
        self.acts.push(act);
    }

    fn now(&self) -> Now {
        Now { mono: Mono::default(), wall: Wall(1_700_000_000_000) }.after(self.clock.now())
    }

    fn note_due(&mut self, index: usize) {
        let deadline = self.stations[index].deadline();
        if let Some(old) = std::mem::replace(&mut self.due_of[index], deadline) {
            self.due.remove(&(old, index));
        }
        if let Some(at) = deadline {
            self.due.insert((at, index));
        }
    }

    /// Moves on to the next thing that happens; false if that is after `end`.
    fn step(&mut self, end: Duration) -> bool {
        let fleet = self.office.fleet.deadline().filter(|_| self.controller_runs);
        let next = [
            self.net.deadline(),
            fleet,
            self.due.first().map(|(at, _)| *at),
            self.clock.next_wake().map(Mono),
            self.plan.first().map(|(at, _)| *at),
            self.office.store_at,
        ];
        let Some(next) = next.into_iter().flatten().min().filter(|at| at.0 <= end) else { return false };
        let woken = self.clock.next_wake().is_some_and(|at| at <= next.0);
        self.clock.advance_to(next.0);
        let now = self.now();
        while let Some((client, event)) = self.net.poll(now.mono) {
            match client.as_str() {
                CALLS => self.office.link(now, &mut self.net, event),
                REPORTS => self.office.report(now, event),
                name => {
                    let index = self.numbers[name];
                    self.stations[index].link(now, &mut self.net, event);
                    self.note_due(index);
                }
            }
        }
        while let Some((at, index)) = self.due.first().copied()
            && at <= now.mono
        {
            self.stations[index].tick(now, &mut self.net);
            self.note_due(index);
        }
        if woken {
            for index in 0..self.stations.len() {
                self.stations[index].poll(now, &mut self.net);
                self.note_due(index);
            }
        }
        if self.office.store_at.is_some_and(|at| at <= now.mono) {
            self.office.store_batch(now, &mut self.net);
        }
        while let Some((at, number)) = self.plan.first().copied()
            && at <= now.mono
        {
            self.plan.pop_first();
            self.act(now, self.acts[usize::try_from(number).unwrap()]);
        }
        if self.controller_runs && self.office.fleet.deadline().is_some_and(|at| at <= now.mono) {
            self.office.tick(now, &mut self.net);
        }
        true
    }

    fn act(&mut self, now: Now, act: Act) {
        match act {
            Act::Any => self.any(now),
            Act::RestartBroker => self.net.restart_broker(now.mono, Duration::from_secs(12), self.keeps),
            Act::KillController => {
                self.controller_runs = false;
                self.office.kill(now, &mut self.net);
            }
            Act::StartController => {
                self.controller_runs = true;
                self.office.restart(now, &mut self.net);
            }
        }
    }

    fn any(&mut self, now: Now) {
        // Few boxes get most of the calls, so that calls meet each other and the power cuts.
        let among = if self.rng.chance(0.5) { 20 } else { BOXES as u64 };
        let index = usize::try_from(self.rng.below(among)).unwrap();
        match self.rng.below(20) {
            0..=2 => {
                let again = now.mono + self.rng.between(Duration::from_secs(3), Duration::from_secs(60));
                let kernel = self.rng.chance(0.7);
                self.stations[index].cut(now, &mut self.net, again, kernel);
                self.note_due(index);
            }
            3 => {
                let until = now.mono + self.rng.between(Duration::from_secs(2), Duration::from_secs(90));
                let client = self.stations[index].id.clone();
                self.net.partition(now.mono, client.as_str(), until);
            }
            4 if self.controller_runs => {
                let open: Vec<String> = self
                    .office
                    .calls
                    .iter()
                    .filter(|(_, made)| made.steps.last().is_some_and(|step| !step.state.is_final()))
                    .map(|(id, _)| id.clone())
                    .collect();
                if let Some(id) = open.get(usize::try_from(self.rng.below(open.len() as u64)).unwrap()) {
                    self.office.cancel(now, &mut self.net, id);
                }
            }
            _ if self.controller_runs => self.call(now, index),
            _ => {}
        }
    }

    fn call(&mut self, now: Now, index: usize) {
        self.made += 1;
        let id = format!("call-{}", self.made);
        let args = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let operate = |command: &str, pairs: &[(&str, &str)]| Order::Operate { command: command.to_owned(), args: args(pairs) };
        let takes = self.rng.below(8000).to_string();
        let (order, effect) = match self.rng.below(12) {
            0 | 1 => (Order::Get { paths: vec!["Device.DeviceInfo.".to_owned()], max_depth: 1 }, None),
            2 => (operate("Device.IP.Diagnostics.IPPing()", &[("Host", "127.0.0.1"), ("NumberOfRepetitions", "2")]), Some(Effect::Read)),
            3 => (operate("Device.DNS.Diagnostics.NSLookupDiagnostics()", &[("HostName", "broker.example")]), Some(Effect::Read)),
            4 => (operate("Device.NoSuch()", &[]), Some(Effect::Destroy)),
            5 | 6 => (operate("Device.Reboot()", &[]), Some(Effect::Disrupt)),
            7 => (operate("Device.X_LINE3_StrikeNow()", &[("Key", &id), ("Takes", &takes)]), Some(Effect::Disrupt)),
            8 => (operate("Device.X_LINE3_StrikeNow()", &[]), Some(Effect::Disrupt)),
            _ => (operate("Device.X_LINE3_Strike()", &[("Key", &id), ("Takes", &takes)]), Some(Effect::Disrupt)),
        };
        let deadline = self.rng.between(Duration::from_secs(2), Duration::from_secs(120));
        let wait = self.rng.chance(0.6);
        let box_id = self.stations[index].id.clone();
        self.office.make(now, &mut self.net, "ann", Call { id, box_id, order, effect, deadline, wait });
    }

    /// Whether the controller knows of every box that it is there, and no report that the broker has taken is on its way.
    fn is_settled(&self) -> bool {
        let online = |station: &Station| self.office.rows.get(&station.id).is_some_and(|row| row.online);
        let stored = |station: &Station| {
            let stored = self.office.stored.get(&station.id);
            !self.keeps || stored.is_some_and(|stored| station.acknowledged.is_subset(stored))
        };
        self.stations.iter().all(|station| station.is_on() && online(station) && stored(station))
    }

    fn run(seed: u64, keeps: bool) -> Self {
        let mut world = Self::new(seed, keeps);
        while world.step(CHAOS + CALM) {}
        // A connection can break at any moment, so the fleet is looked at when it is whole.
        let last = CHAOS + CALM + CALM;
        while !world.is_settled() && world.step(last) {}
        world
    }

    fn check(&mut self, seed: u64) -> BTreeMap<&'static str, usize> {
        let away = self.stations.iter().filter(|station| !self.office.rows.get(&station.id).is_some_and(|row| row.online));
        let away: Vec<&str> = away.map(|station| station.id.as_str()).collect();
        assert_eq!(away, Vec::<&str>::new(), "seed {seed}: not known to be there");
        let ends = self.check_calls(seed);
        self.check_audit(seed);
        ends
    }

    fn check_calls(&self, seed: u64) -> BTreeMap<&'static str, usize> {
        let acted = station::acted();
        let mut ends = BTreeMap::new();
        let mut reboots = BTreeMap::new();
        for (id, made) in &self.office.calls {
            let states: Vec<CallState> = made.steps.iter().map(|step| step.state).collect();
            assert_eq!(states.iter().filter(|state| state.is_final()).count(), 1, "seed {seed}: {id} {:?}: {states:?}", made.call);
            let end = *states.last().unwrap();
            assert!(end.is_final(), "seed {seed}: {id}: {states:?}");
            *ends.entry(end.word()).or_default() += 1;
            let ran = acted.get(id).copied().unwrap_or(0);
            assert!(ran <= 1, "seed {seed}: {id} ran {ran} times: {states:?}");
            let words = &made.steps.last().unwrap().words;
            match &made.call.order {
                Order::Operate { command, args } if command.contains("Strike") && args.contains_key("Key") => match end {
                    CallState::Succeeded => assert_eq!(ran, 1, "seed {seed}: {id} succeeded without running"),
                    CallState::Expired | CallState::Refused => assert_eq!(ran, 0, "seed {seed}: {id} is {end:?} ({words}) and ran"),
                    CallState::Failed => panic!("seed {seed}: {id} failed: {words}"),
                    _ => {}
                },
                Order::Operate { command, .. } if command == "Device.NoSuch()" || command.contains("Strike") => {
                    assert_ne!(end, CallState::Succeeded, "seed {seed}: {id}");
                }
                Order::Operate { command, .. } if command == "Device.Reboot()" => {
                    let possible: &mut u32 = reboots.entry(made.call.box_id.clone()).or_default();
                    *possible += u32::from(states.contains(&CallState::Sent) && !matches!(end, CallState::Refused | CallState::Expired));
                }
                _ => {}
            }
        }
        assert!(acted.keys().all(|id| self.office.calls.contains_key(id)), "seed {seed}: something ran that nobody called");
        for station in &self.stations {
            let possible = reboots.get(&station.id).copied().unwrap_or(0);
            assert!(station.restarts <= possible, "seed {seed}: {} restarted {} times for {possible} calls", station.id, station.restarts);
        }
        ends
    }

    fn check_reports(&mut self, seed: u64) {
        let none = BTreeSet::new();
        for station in &self.stations {
            let id = &station.id;
            let stored = self.office.stored.get(id).unwrap_or(&none);
            let lost: Vec<_> = station.acknowledged.difference(stored).collect();
            assert!(lost.is_empty(), "seed {seed}: {id}: acknowledged and not stored: {lost:?}");
            // Of each run all that came is there from the first number on: what power took was the newest.
            assert_eq!(self.office.store.gaps(id).unwrap(), [], "seed {seed}: {id}");
            let points = self.office.store.series(id, UP_TIME, Wall(0), Wall(i64::MAX)).unwrap();
            assert_eq!(points.len(), stored.len(), "seed {seed}: {id}");
            assert!(stored.len() > 3, "seed {seed}: {id} has reported {} times", stored.len());
        }
    }

    fn check_audit(&mut self, seed: u64) {
        let verified = audit::verify(&mut self.office.store).unwrap().unwrap();
        assert!(verified.troubles.is_empty(), "seed {seed}");
        let mut rows = BTreeMap::<String, (usize, usize)>::new();
        let mut from = 1;
        loop {
            let page = self.office.store.audit_rows(from, 1000).unwrap();
            let Some(last) = page.last() else { break };
            from = last.n + 1;
            for entry in page.iter().map(|row| Entry::of(row).unwrap()) {
                let (admitted, ended) = rows.entry(entry.call.unwrap()).or_default();
                *admitted += usize::from(entry.kind == Kind::Admitted && !entry.words.starts_with("cancel"));
                *ended += usize::from(entry.kind == Kind::Outcome);
            }
        }
        for id in self.office.calls.keys() {
            assert_eq!(rows.get(id), Some(&(1, 1)), "seed {seed}: {id} in the audit log");
        }
        assert_eq!(rows.len(), self.office.calls.len(), "seed {seed}");
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.office.trace.hash(&mut hasher);
        self.office.stored.hash(&mut hasher);
        hasher.finish()
    }
}

/// Runs a seed, checks it, and gives what it was like.
fn check(seed: u64) -> (u64, BTreeMap<&'static str, usize>) {
    let mut world = World::run(seed, true);
    let ends = world.check(seed);
    world.check_reports(seed);
    let (counts, office) = (world.net.counts(), &world.office);
    let line = format!("seed {seed}: {} calls {ends:?}, {} reports again, {counts:?}", office.calls.len(), office.duplicates);
    // A test in which nothing went wrong would prove nothing.
    assert!(counts.cuts > 20 && counts.wills > 50 && office.duplicates > 5, "{line}");
    (world.hash(), ends)
}

#[test]
fn every_call_ends_and_no_report_is_lost() {
    let (hash, mut ends) = check(1);
    assert_eq!(check(1).0, hash, "the same seed gives the same run");
    ends.extend(check(2).1);
    for end in ["succeeded", "refused", "expired", "lost", "cancelled", "timed_out"] {
        assert!(ends.contains_key(end), "no call was {end}: {ends:?}");
    }
}

/// A broker that forgets what it held loses messages, reports among them that it had acknowledged. No call runs twice for that, and
/// every box is found again.
#[test]
fn a_broker_that_forgets_leaves_no_call_and_no_box_behind() {
    let mut world = World::run(3, false);
    let ends = world.check(3);
    assert!(ends.contains_key("lost"), "{ends:?}");
}
