//! The controller of the simulated fleet: the real Fleet machine, the real store, audit log and decoding of reports; a driver in
//! counted time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use line3_controller::audit::{Actor, Audit, Reason};
use line3_controller::fleet::{Call, Cancel, Fleet, Input, Output, Reopened, Step};
use line3_controller::report::decode;
use line3_controller::rights::Role as Right;
use line3_controller::store::sqlite::SqliteStore;
use line3_controller::store::{Arrived, BoxRow, CallState, Outcome, Store};
use line3_proto::link::{LinkError, Receipt};
use line3_proto::sim::{ClientConfig, Role, SimNet};
use line3_proto::topic::{TELEMETRY_FILTER, controller_filter, reply_filter};
use line3_proto::{EndpointId, LinkEvent, Machine, Mono, Now, QoS, Topic};
use tempfile::TempDir;

use super::station::ReportKey;

/// The controller's clients at the broker.
pub const CALLS: &str = "self::line3";
pub const REPORTS: &str = "line3-reports";

/// How often reports that have come are stored.
const BATCH: Duration = Duration::from_secs(2);

/// A call that was made, and everything that was said of it.
pub struct Made {
    pub call: Call,
    pub until: Mono,
    pub steps: Vec<Step>,
}

/// The controller.
pub struct Office {
    pub fleet: Fleet,
    pub store: SqliteStore,
    pub audit: Audit,
    _directory: TempDir,
    pub rows: BTreeMap<EndpointId, BoxRow>,
    pub calls: BTreeMap<String, Made>,
    /// What the machine wants of the driver.
    inputs: VecDeque<Input>,
    /// Reports that have come and are not stored, with what acknowledges them.
    batch: Vec<Arrived>,
    receipts: Vec<Receipt>,
    pub store_at: Option<Mono>,
    pub stored: BTreeMap<EndpointId, BTreeSet<ReportKey>>,
    /// Reports that came again and were not counted again.
    pub duplicates: usize,
    /// One line for everything that a person could notice.
    pub trace: Vec<String>,
    starts: u64,
}

/// A directory in memory where there is one: this test is not about the disk.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn machine(now: Now, starts: u64, rows: Vec<BoxRow>, open: Vec<Reopened>) -> Fleet {
    Fleet::new(now, EndpointId::parse(CALLS).unwrap(), &format!("i{starts}"), 77 + starts, rows, open)
}

impl Office {
    pub fn new(now: Now, net: &mut SimNet) -> Self {
        let directory = directory();
        let mut store = SqliteStore::open(&directory.path().join("line3.db")).unwrap();
        let audit = Audit::open(&mut store, now.wall).unwrap();
        let office = Self {
            fleet: machine(now, 0, Vec::new(), Vec::new()),
            store,
            audit,
            _directory: directory,
            rows: BTreeMap::new(),
            calls: BTreeMap::new(),
            inputs: VecDeque::new(),
            batch: Vec::new(),
            receipts: Vec::new(),
            store_at: None,
            stored: BTreeMap::new(),
            duplicates: 0,
            trace: Vec::new(),
            starts: 0,
        };
        office.connect(now, net);
        office
    }

    fn connect(&self, now: Now, net: &mut SimNet) {
        let me = EndpointId::parse(CALLS).unwrap();
        let filters = [controller_filter(&me), reply_filter(&me, &format!("i{}", self.starts))];
        let subscriptions = filters.map(|filter| (filter, QoS::AtLeastOnce)).to_vec();
        net.connect(now.mono, CALLS, ClientConfig { role: Role::Controller, subscriptions, ..ClientConfig::default() });
        let subscriptions = vec![(TELEMETRY_FILTER.to_owned(), QoS::AtLeastOnce)];
        let config = ClientConfig { role: Role::Controller, manual_acknowledge: true, subscriptions, ..ClientConfig::default() };
        net.connect(now.mono, REPORTS, config);
    }

    /// The controller is killed: what it had in memory is gone.
    pub fn kill(&mut self, now: Now, net: &mut SimNet) {
        net.drop_client(now.mono, CALLS);
        net.drop_client(now.mono, REPORTS);
        self.batch.clear();
        self.receipts.clear();
        self.inputs.clear();
        self.store_at = None;
        // Until it starts again nothing drives it.
        self.fleet = machine(now, 1000, Vec::new(), Vec::new());
        self.trace.push(format!("{:?} the controller is killed", now.mono.0));
    }

    /// It starts again with what it has kept.
    pub fn restart(&mut self, now: Now, net: &mut SimNet) {
        self.starts += 1;
        let open = self.calls.values().filter_map(|made| {
            let state = made.steps.last().map_or(CallState::Queued, |step| step.state);
            (!state.is_final()).then(|| Reopened { call: made.call.clone(), state, left: made.until.since(now.mono) })
        });
        self.fleet = machine(now, self.starts, self.rows.values().cloned().collect(), open.collect());
        self.connect(now, net);
        self.carry_out(now, net);
    }

    pub fn make(&mut self, now: Now, net: &mut SimNet, actor: &str, call: Call) {
        let (actor, reason) = (Actor::new(actor, Right::Lead).unwrap(), Reason::parse("T-1").unwrap());
        let audited = self.audit.admit(&mut self.store, now.wall, &actor, reason, call.clone()).unwrap();
        let made = Made { until: now.mono + call.deadline, call, steps: Vec::new() };
        assert!(self.calls.insert(made.call.id.clone(), made).is_none());
        self.give(now, net, Input::Call(audited));
    }

    pub fn cancel(&mut self, now: Now, net: &mut SimNet, call: &str) {
        let Some(made) = self.calls.get(call) else { return };
        let (actor, reason) = (Actor::new("ann", Right::Lead).unwrap(), Reason::parse("T-1").unwrap());
        let cancel = Cancel { call: call.to_owned(), box_id: made.call.box_id.clone() };
        let audited = self.audit.admit(&mut self.store, now.wall, &actor, reason, cancel).unwrap();
        self.give(now, net, Input::Cancel(audited));
    }

    pub fn tick(&mut self, now: Now, net: &mut SimNet) {
        self.give(now, net, Input::Tick);
    }

    pub fn link(&mut self, now: Now, net: &mut SimNet, event: LinkEvent) {
        self.give(now, net, Input::Link(event));
    }

    fn give(&mut self, now: Now, net: &mut SimNet, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.fleet.handle(now, input);
            self.carry_out(now, net);
        }
    }

    fn carry_out(&mut self, now: Now, net: &mut SimNet) {
        let mut proposed = Vec::new();
        while let Some(output) = self.fleet.poll() {
            match output {
                Output::Publish(token, publication) => {
                    if let Err(LinkError::Full(_)) = net.publish(now.mono, CALLS, token, publication) {
                        self.inputs.push_back(Input::Link(LinkEvent::Refused(token, "full".to_owned())));
                    }
                }
                Output::Step(step) => self.step(now, step),
                Output::Evidence { call, words } => {
                    self.trace.push(format!("{:?} {call} {words}", now.mono.0));
                    self.audit.evidence(&mut self.store, now.wall, &call, &words).unwrap();
                }
                Output::Box(row) => {
                    self.trace.push(format!("{:?} {} {} {:?}", now.mono.0, row.id, row.online, row.run_id));
                    self.rows.insert(row.id.clone(), *row);
                }
                Output::WantCatalogue(digest) => {
                    let json = self.store.catalogue(&digest).unwrap();
                    self.inputs.push_back(Input::Catalogue { digest, json });
                }
                Output::KeepCatalogue { digest, json } => self.store.put_catalogue(&digest, json.as_bytes()).unwrap(),
                Output::Propose(call) => proposed.push(call),
                Output::Knows { .. } => {}
                Output::Log(text) | Output::Warn(text) => self.trace.push(format!("{:?} {text}", now.mono.0)),
            }
        }
        for call in proposed {
            self.make(now, net, "line3", call);
        }
    }

    fn step(&mut self, now: Now, step: Step) {
        self.trace.push(format!("{:?} {} {} {}", now.mono.0, step.call, step.state.word(), step.words));
        if step.state.is_final() {
            self.audit.outcome(&mut self.store, now.wall, &step.call, step.state, &step.words).unwrap();
        }
        self.calls.get_mut(&step.call).unwrap().steps.push(step);
    }

    /// Something happened on the link for reports.
    pub fn report(&mut self, now: Now, event: LinkEvent) {
        let LinkEvent::Received(publication, receipt) = event else { return };
        let Some(Topic::Telemetry(from)) = Topic::parse(&publication.topic) else { panic!("{}", publication.topic) };
        let reports = decode(&from, &publication.payload).unwrap();
        self.batch.extend(reports.into_iter().map(|report| Arrived { box_id: from.clone(), received: now.wall, report }));
        self.receipts.extend(receipt);
        self.store_at.get_or_insert(now.mono + BATCH);
    }

    /// Stores what has come, and only then acknowledges it.
    pub fn store_batch(&mut self, now: Now, net: &mut SimNet) {
        self.store_at = None;
        let batch = std::mem::take(&mut self.batch);
        let outcomes = self.store.append(&batch).unwrap();
        for (Arrived { box_id, report, .. }, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Stored => {
                    let new = self.stored.entry(box_id.clone()).or_default().insert((report.run_id.clone(), report.sequence));
                    assert!(new, "{box_id} run {} number {} was counted twice", report.run_id, report.sequence);
                }
                Outcome::Duplicate => self.duplicates += 1,
                other => panic!("{box_id}: {other:?}"),
            }
        }
        for receipt in self.receipts.drain(..) {
            net.acknowledge(now.mono, REPORTS, &receipt);
        }
    }
}
