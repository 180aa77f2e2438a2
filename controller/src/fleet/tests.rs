//! The Fleet machine against scripted boxes: real records, counted time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_order;
mod ends;
mod onboarding;
mod presence;
mod restarts;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use line3_proto::Wall;
use line3_proto::catalogue::digest;
use line3_proto::endpoint::{self, Ask, Output as BoxOutput};
use line3_proto::link::Session;
use line3_proto::usp::{
    Event, GetResp, GetRespRequestedPathResult, Notify, NotifyCommandFailure, NotifyOperationResp, NotifyOutputArgs, OperateResp,
    OperateRespCommandFailure, OperateRespOperationResp, OperateRespOutputArgs, OperationComplete, OperationResult, ResolvedPathResult,
};

use super::*;
use crate::audit::{Actor, Reason};
use crate::rights::Role;
use crate::store::CallState;
use line3_proto::Effect;

/// The catalogue that the scripted boxes have.
const CATALOGUE: &str = r#"{"objects":[],"commands":[],"events":[]}"#;

fn id(name: &str) -> EndpointId {
    EndpointId::parse(&format!("os::00005E-{name}")).unwrap()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn operate(command: &str) -> Order {
    Order::Operate { command: command.to_owned(), args: BTreeMap::new() }
}

fn get(path: &str) -> Order {
    Order::Get { paths: vec![path.to_owned()], max_depth: 0 }
}

/// A fleet, its boxes' endpoints, and everything that is said.
struct Bench {
    fleet: Fleet,
    now: Now,
    boxes: BTreeMap<EndpointId, Endpoint>,
    /// Questions to boxes that were not answered, oldest first.
    asked: VecDeque<(EndpointId, Reply, Request)>,
    /// Housekeeping that the fleet wants and nobody has admitted.
    proposed: VecDeque<Call>,
    /// Every step of every call.
    steps: Vec<Step>,
    log: String,
}

impl Bench {
    fn new() -> Self {
        Self::with(Vec::new(), Vec::new())
    }

    fn with(known: Vec<BoxRow>, open: Vec<Reopened>) -> Self {
        let now = Now::default().after(Duration::from_secs(1000));
        let fleet = Fleet::new(now, EndpointId::parse("self::line3").unwrap(), "one", 1, known, open);
        let mut bench = Self {
            fleet,
            now,
            boxes: BTreeMap::new(),
            asked: VecDeque::new(),
            proposed: VecDeque::new(),
            steps: Vec::new(),
            log: String::new(),
        };
        bench.link_up(true);
        bench
    }

    fn link_up(&mut self, present: bool) {
        self.give(Input::Link(LinkEvent::Up(Session { connection: 1, present, ..Session::default() })));
    }

    fn link_down(&mut self) {
        self.give(Input::Link(LinkEvent::Down { reason: "cut".to_owned(), retry_in: Duration::from_secs(5) }));
    }

    fn note(&mut self, line: &str) {
        writeln!(self.log, "{line}").unwrap();
    }

    /// What was said since the last time.
    fn said(&mut self) -> String {
        std::mem::take(&mut self.log)
    }

    fn give(&mut self, input: Input) {
        self.fleet.handle(self.now, input);
        while let Some(output) = self.fleet.poll() {
            self.take(output);
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Publish(_, publication) => self.deliver(publication),
            Output::Step(step) => {
                let Step { call, state, words, result, .. } = &step;
                let result = result.as_ref().map(|result| format!(" {result:?}")).unwrap_or_default();
                let line = format!("{call} {}{result} {words}", state.word());
                self.note(line.trim_end());
                self.steps.push(step);
            }
            Output::Evidence { call, words } => self.note(&format!("{call} ended; {words}")),
            Output::Box(row) => {
                let known = if row.catalogue.is_some() { ", catalogue known" } else { "" };
                let run = row.run_id.as_deref().unwrap_or("?");
                let line = format!("{} {} run {run}{known}", row.id, if row.online { "online" } else { "offline" });
                self.note(&line);
            }
            Output::Knows { box_id, ready, .. } => self.note(&format!("{box_id} {}", if ready { "is ready" } else { "is known" })),
            Output::WantCatalogue(digest) => self.note(&format!("wants {}", &digest[..6])),
            Output::KeepCatalogue { digest, .. } => self.note(&format!("keeps {}", &digest[..6])),
            Output::Propose(call) => {
                self.note(&format!("proposes {}", call.order.words()));
                self.proposed.push_back(call);
            }
            Output::Log(text) => self.note(&format!("log: {text}")),
            Output::Warn(text) => self.note(&format!("warning: {text}")),
        }
    }

    fn box_of(&mut self, id: &EndpointId) -> &mut Endpoint {
        self.boxes.entry(id.clone()).or_insert_with(|| Endpoint::new(id.clone(), Side::Agent, "b", 1))
    }

    fn deliver(&mut self, publication: Publication) {
        let Some(Topic::Agent(to)) = Topic::parse(&publication.topic) else { panic!("not to a box: {}", publication.topic) };
        let now = self.now;
        self.box_of(&to).handle(now, EndpointInput::Received(publication));
        self.pump(&to);
    }

    fn pump(&mut self, who: &EndpointId) {
        while let Some(output) = self.box_of(who).poll() {
            match output {
                BoxOutput::Publish(publication) => self.give(Input::Link(LinkEvent::Received(publication, None))),
                BoxOutput::Asked { reply, request, .. } => {
                    self.note(&format!("> {who} {}", Self::words(&request)));
                    self.asked.push_back((who.clone(), reply, request));
                }
                BoxOutput::Answered { answer, .. } => {
                    let words = answer.map_or_else(|refusal| refusal.fault.to_string(), |response| format!("{response:?}"));
                    self.note(&format!("> {who} {words}"));
                }
                BoxOutput::Unaddressed { .. }
                | BoxOutput::Unanswered { .. }
                | BoxOutput::Connected { .. }
                | BoxOutput::Disconnected { .. } => {}
                BoxOutput::Ignored { why, .. } => self.note(&format!("{who} ignores: {why}")),
            }
        }
    }

    fn words(request: &Request) -> String {
        match request {
            Request::Get(get) => format!("Get {}", get.param_paths.join(" ")),
            Request::Operate(operate) => {
                let args: Vec<String> = operate.input_args.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("Operate {} {}", operate.command, args.join(" ")).trim_end().to_owned()
            }
            Request::Add(_) => "Add".to_owned(),
            Request::GetSupportedDm(_) => "GetSupportedDM".to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Lets time pass, in the steps that the fleet wants.
    fn wait(&mut self, seconds: u64) {
        let end = self.now.after(Duration::from_secs(seconds));
        while let Some(at) = self.fleet.deadline().filter(|at| *at <= end.mono) {
            self.now = self.now.after(at.since(self.now.mono));
            self.give(Input::Tick);
        }
        self.now = self.now.after(end.mono.since(self.now.mono));
    }

    /// A record of a box that says it is there.
    fn connect(&mut self, name: &str, connection: &str) {
        let who = id(name);
        let topic = Topic::Controller { controller: self.controller(), sender: who.clone() }.to_string();
        let controller = self.controller();
        let mut record = self.box_of(&who).connect_record(&controller, &topic, connection);
        if connection.is_empty() {
            record.user_properties.clear();
        }
        self.give(Input::Link(LinkEvent::Received(record, None)));
    }

    /// A Will, or a record that says good-bye.
    fn gone(&mut self, name: &str, connection: &str) {
        let who = id(name);
        let topic = Topic::Controller { controller: self.controller(), sender: who.clone() }.to_string();
        let controller = self.controller();
        let mut record = self.box_of(&who).disconnect_record(&controller, &topic, "power");
        if !connection.is_empty() {
            record.user_properties.push((endpoint::CONNECTION.to_owned(), connection.to_owned()));
        }
        self.give(Input::Link(LinkEvent::Received(record, None)));
    }

    fn controller(&self) -> EndpointId {
        self.fleet.endpoint.id().clone()
    }

    /// The box answers its oldest question.
    fn answer(&mut self, name: &str, answer: Result<Response, Fault>) {
        let who = id(name);
        let index = self.asked.iter().position(|(asked, ..)| *asked == who).expect("a question");
        let (_, reply, _) = self.asked.remove(index).unwrap();
        let now = self.now;
        self.box_of(&who).handle(now, EndpointInput::Answer(reply, answer.map_err(Refusal::from)));
        self.pump(&who);
    }

    /// The box answers its oldest question by these values.
    fn values(&mut self, name: &str, values: &[(&str, &str)]) {
        let result = |(path, value): &(&str, &str)| {
            let (object, param) = path.rsplit_once('.').unwrap();
            let resolved = ResolvedPathResult { resolved_path: format!("{object}."), result_params: map(&[(param, value)]) };
            GetRespRequestedPathResult {
                requested_path: (*path).to_owned(),
                resolved_path_results: vec![resolved],
                ..GetRespRequestedPathResult::default()
            }
        };
        self.answer(name, Ok(Response::GetResp(GetResp { req_path_results: values.iter().map(result).collect() })));
    }

    /// The box answers who it is: in this run and boot, with every subscription or none.
    fn who(&mut self, name: &str, run: &str, boot: &str, subscribed: bool) {
        let digest = digest(CATALOGUE.as_bytes());
        let mut values = vec![
            ("Device.LocalAgent.X_LINE3_RunID", run),
            ("Device.LocalAgent.X_LINE3_BootID", boot),
            ("Device.LocalAgent.X_LINE3_CatalogueDigest", digest.as_str()),
            ("Device.DeviceInfo.SerialNumber", name),
            ("Device.LocalAgent.Controller.1.EndpointID", "self::line3"),
        ];
        if subscribed {
            values.extend([
                ("Device.LocalAgent.Subscription.1.ID", "line3-boot"),
                ("Device.LocalAgent.Subscription.1.Recipient", "Device.LocalAgent.Controller.1"),
                ("Device.LocalAgent.Subscription.2.ID", "line3-complete"),
                ("Device.LocalAgent.Subscription.2.Recipient", "Device.LocalAgent.Controller.1."),
                ("Device.LocalAgent.Subscription.3.ID", "line3-progress"),
                ("Device.LocalAgent.Subscription.3.Recipient", "Device.LocalAgent.Controller.1"),
            ]);
        }
        self.values(name, &values);
    }

    /// The store has the catalogue.
    fn store_has_it(&mut self) {
        self.give(Input::Catalogue { digest: digest(CATALOGUE.as_bytes()), json: Some(CATALOGUE.as_bytes().to_vec()) });
    }

    /// The box comes, and is got to know; nothing of that is kept in the log.
    fn ready(&mut self, name: &str, run: &str, boot: &str) {
        self.connect(name, &format!("{run}.1"));
        self.who(name, run, boot, true);
        self.store_has_it();
        self.said();
    }

    /// The box's answer to its oldest Operate.
    fn operated(&mut self, name: &str, command: &str, result: OperateRespOperationResp) {
        let result = OperationResult { executed_command: command.to_owned(), operation_resp: Some(result) };
        self.answer(name, Ok(Response::OperateResp(OperateResp { operation_results: vec![result] })));
    }

    fn accept(&mut self, name: &str, command: &str) {
        self.operated(name, command, OperateRespOperationResp::ReqObjPath("Device.LocalAgent.Request.7.".to_owned()));
    }

    fn output(&mut self, name: &str, command: &str, outputs: &[(&str, &str)]) {
        self.operated(name, command, OperateRespOperationResp::ReqOutputArgs(OperateRespOutputArgs { output_args: map(outputs) }));
    }

    fn fail(&mut self, name: &str, command: &str, err_code: u32) {
        let failure = OperateRespCommandFailure { err_code, err_msg: "words".to_owned() };
        self.operated(name, command, OperateRespOperationResp::CmdFailure(failure));
    }

    fn tell(&mut self, name: &str, notification: Notification, send_resp: bool) {
        let who = id(name);
        let ask = Ask {
            tag: 0,
            to: self.controller(),
            topic: Topic::Controller { controller: self.controller(), sender: who.clone() }.to_string(),
            request: Request::Notify(Notify { subscription_id: "s".to_owned(), send_resp, notification: Some(notification) }),
            answered: send_resp,
            expires: Some(Duration::from_secs(600)),
            again: None,
        };
        let now = self.now;
        self.box_of(&who).handle(now, EndpointInput::Ask(ask));
        self.pump(&who);
    }

    /// OperationComplete.
    fn complete(&mut self, name: &str, call: &str, command: &str, end: Result<&[(&str, &str)], u32>) {
        let (object, command_name) = command.rsplit_once('.').unwrap();
        let resp = match end {
            Ok(outputs) => NotifyOperationResp::ReqOutputArgs(NotifyOutputArgs { output_args: map(outputs) }),
            Err(err_code) => NotifyOperationResp::CmdFailure(NotifyCommandFailure { err_code, err_msg: "words".to_owned() }),
        };
        let complete = OperationComplete {
            obj_path: format!("{object}."),
            command_name: command_name.to_owned(),
            command_key: call.to_owned(),
            operation_resp: Some(resp),
        };
        self.tell(name, Notification::OperComplete(complete), false);
    }

    fn event(&mut self, name: &str, event: &str, params: &[(&str, &str)], send_resp: bool) {
        let event = Event { obj_path: "Device.".to_owned(), event_name: event.to_owned(), params: map(params) };
        self.tell(name, Notification::Event(event), send_resp);
    }

    fn boot(&mut self, name: &str, call: &str, boot: &str, mode: &str) {
        self.event(name, "Boot!", &[("CommandKey", call), ("X_LINE3_BootID", boot), ("X_LINE3_RebootMode", mode)], false);
    }

    fn admit(&mut self, call: Call) {
        let (actor, reason) = (Actor::new("ann", Role::Lead).unwrap(), Reason::parse("T-1").unwrap());
        self.give(Input::Call(Audited::unwritten(call, actor, reason)));
    }

    /// Makes a call with a deadline of 60 s.
    fn call(&mut self, call: &str, name: &str, order: Order, effect: Option<Effect>, wait: bool) {
        self.admit(Call { id: call.to_owned(), box_id: id(name), order, effect, deadline: Duration::from_secs(60), wait });
    }

    fn look(&mut self, call: &str, name: &str) {
        self.call(call, name, get("Device.X"), None, false);
    }

    fn ping(&mut self, call: &str, name: &str) {
        self.call(call, name, operate("Device.Ping()"), Some(Effect::Read), false);
    }

    fn repair(&mut self, call: &str, name: &str) {
        self.call(call, name, operate("Device.Repair()"), Some(Effect::Disrupt), false);
    }

    fn reboot(&mut self, call: &str, name: &str) {
        self.call(call, name, operate("Device.Reboot()"), Some(Effect::Disrupt), false);
    }

    fn cancel(&mut self, call: &str, name: &str) {
        let (actor, reason) = (Actor::new("ann", Role::Lead).unwrap(), Reason::parse("T-1").unwrap());
        let cancel = Cancel { call: call.to_owned(), box_id: id(name) };
        self.give(Input::Cancel(Audited::unwritten(cancel, actor, reason)));
    }

    /// The last word on a call.
    fn state(&self, call: &str) -> CallState {
        self.steps.iter().rev().find(|step| step.call == call).expect("a step").state
    }

    /// Ends of a call.
    fn ends(&self, call: &str) -> usize {
        self.steps.iter().filter(|step| step.call == call && step.state.is_final()).count()
    }
}
