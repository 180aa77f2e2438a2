//! A call's life: every call reaches one of the final states by itself, and a final state never changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use line3_proto::endpoint::{Input as EndpointInput, Refusal, Tag};
use line3_proto::fault::{Fault, code};
use line3_proto::usp::{NotifyOperationResp, Operate, OperateResp, OperateRespOperationResp, OperationComplete, Request, Response};
use line3_proto::{Effect, EndpointId, Machine, Mono, Now};

use super::answers::outcome;
use super::{Call, CallId, Cancel, Fleet, Order, Outcome, Output, Purpose, Step, shown, shown_map};
use crate::audit::Audited;
use crate::store::CallState;

/// The most calls that have not ended; one more is refused.
pub const MAX_OPEN: usize = 10_000;

/// The most calls of one box that have not ended; one more is refused.
pub const MAX_OPEN_OF_BOX: usize = 32;

/// How many ended calls are remembered, to tell late evidence from nonsense.
const MAX_ENDED: usize = 1000;

/// How long after its deadline the box has to say itself how a call ended.
const GRACE: Duration = Duration::from_secs(5);

/// The longest output argument of a box that is kept, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// Commands that end by the boot that follows.
const REBOOTS: [&str; 2] = ["Device.Reboot()", "Device.FactoryReset()"];

/// A call that had not ended when the controller stopped.
#[derive(Clone, Debug)]
pub struct Reopened {
    /// The call.
    pub call: Call,
    /// How far it was.
    pub state: CallState,
    /// How much of its deadline is left.
    pub left: Duration,
}

/// A call under way.
struct Open {
    call: Call,
    state: CallState,
    /// Who asked and why, for the box's own log.
    actor: String,
    reason: String,
    /// When its time is up.
    ends: Mono,
    tag: Option<Tag>,
    /// The row of `Device.LocalAgent.Request.` that it has on the box.
    request: Option<String>,
    /// The commands of it that have not ended, by path.
    expected: BTreeSet<String>,
    /// What commands gave.
    outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// What went wrong with which.
    faults: BTreeMap<String, Fault>,
    /// Ends that came before the answer to the Operate.
    early: BTreeMap<String, Result<BTreeMap<String, String>, Fault>>,
    /// Somebody wants it stopped.
    cancelled: bool,
    /// It was sent again after the box's agent started anew.
    repeated: bool,
}

/// Calls under way.
#[derive(Default)]
pub(super) struct Calls {
    open: BTreeMap<CallId, Open>,
    agenda: BTreeSet<(Mono, CallId)>,
    ended: VecDeque<CallId>,
}

impl Calls {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.agenda.first().map(|(at, _)| *at)
    }
}

/// How a call ends by this fault.
fn state_of(fault: &Fault) -> CallState {
    match fault.code {
        code::CALL_EXPIRED => CallState::Expired,
        code::CALL_LOST => CallState::Lost,
        code::CALL_TIMED_OUT => CallState::TimedOut,
        code::COMMAND_CANCELLED => CallState::Cancelled,
        code::NOT_SUPPORTED
        | code::REQUEST_DENIED
        | code::INVALID_ARGUMENTS
        | code::RESOURCES_EXCEEDED
        | code::PERMISSION_DENIED
        | code::INVALID_PATH_SYNTAX
        | code::OBJECT_DOES_NOT_EXIST
        | code::INVALID_PATH
        | code::INVALID_COMMAND_ARGUMENTS => CallState::Refused,
        _ => CallState::Failed,
    }
}

fn secs(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

impl Fleet {
    /// Takes up the calls that had not ended when the controller stopped. What was sent may have run: only what becomes of it is
    /// waited for.
    pub(super) fn reopen(&mut self, now: Now, calls: Vec<Reopened>) {
        for Reopened { call, state, left } in calls {
            let (id, mut open) = (call.id.clone(), Open::new(call, now.mono + left, String::new(), String::new()));
            open.state = state;
            if let Order::Operate { command, .. } = &open.call.order {
                open.expected.insert(command.clone());
            }
            open.ends = open.ends + if state == CallState::Queued { Duration::ZERO } else { GRACE };
            self.calls.agenda.insert((open.ends, id.clone()));
            self.calls.open.insert(id, open);
        }
    }

    pub(super) fn start(&mut self, now: Now, audited: Audited<Call>) {
        let (actor, reason) = (audited.actor().name().to_owned(), audited.reason().to_string());
        let call = audited.into_act();
        let (id, box_id) = (call.id.clone(), call.box_id.clone());
        let of_box = self.calls.open.values().filter(|open| open.call.box_id == box_id).count();
        let bound = if self.calls.open.len() >= MAX_OPEN {
            Some(format!("{MAX_OPEN} calls are under way; try again later"))
        } else if of_box >= MAX_OPEN_OF_BOX {
            Some(format!("{MAX_OPEN_OF_BOX} calls of this box are under way; cancel one or try again later"))
        } else {
            None
        };
        let open = Open::new(call, now.mono, actor, reason);
        let ends = now.mono + open.call.deadline;
        self.calls.open.insert(id.clone(), Open { ends, ..open });
        self.calls.agenda.insert((ends, id.clone()));
        if let Some(words) = bound {
            return self.end(now, &id, CallState::Refused, None, &words);
        }
        match self.boxes.get(&box_id) {
            None => self.end(now, &id, CallState::Refused, None, "no box of this id was ever heard of"),
            Some(known) if !known.row.online => {
                if self.waits(&id) {
                    self.step(&id, CallState::Queued, "the box is offline; held until it is back or the deadline passes");
                } else {
                    self.end(now, &id, CallState::Expired, None, "the box is offline; nothing was sent. Hold the call with --wait");
                }
            }
            Some(known) if !known.ready && self.is_operate(&id) => {
                self.step(&id, CallState::Queued, "the box is being got to know; it is sent then");
            }
            Some(_) => self.send(now, &id),
        }
    }

    fn waits(&self, id: &str) -> bool {
        self.calls.open.get(id).is_some_and(|open| open.call.wait)
    }

    fn is_operate(&self, id: &str) -> bool {
        self.calls.open.get(id).is_some_and(|open| matches!(open.call.order, Order::Operate { .. }))
    }

    /// Sends what was held for a box.
    pub(super) fn send_queued(&mut self, now: Now, box_id: &EndpointId) {
        let ready = self.boxes.get(box_id).is_some_and(|known| known.ready);
        let held = |open: &&Open| open.state == CallState::Queued && open.call.box_id == *box_id;
        let ids: Vec<CallId> = self.calls.open.values().filter(held).map(|open| open.call.id.clone()).collect();
        for id in ids {
            if ready || !self.is_operate(&id) {
                self.send(now, &id);
            }
        }
    }

    fn send(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        let left = open.ends.since(now.mono);
        let line3 = self.boxes.get(&open.call.box_id).is_some_and(|known| known.line3);
        let mut reserved = BTreeMap::new();
        if line3 {
            reserved.insert("X_LINE3_CallId".to_owned(), id.to_owned());
            reserved.insert("X_LINE3_Deadline".to_owned(), left.as_millis().to_string());
            reserved.insert("X_LINE3_Actor".to_owned(), open.actor.clone());
            reserved.insert("X_LINE3_Reason".to_owned(), open.reason.clone());
        }
        let (box_id, request) = (open.call.box_id.clone(), open.call.order.request(id, reserved));
        let tag = self.ask(now, Purpose::Call(id.to_owned()), &box_id, request, left);
        if let Some(open) = self.calls.open.get_mut(id) {
            open.tag = Some(tag);
            if open.repeated {
                return;
            }
            // From now on the box may say itself how it ended, a little after the deadline too.
            self.calls.agenda.remove(&(open.ends, id.to_owned()));
            open.ends = open.ends + GRACE;
            self.calls.agenda.insert((open.ends, id.to_owned()));
        }
        self.step(id, CallState::Sent, "");
    }

    /// Moves a call on.
    fn step(&mut self, id: &str, state: CallState, words: &str) {
        if let Some(open) = self.calls.open.get_mut(id) {
            open.state = state;
            let step = Step { call: id.to_owned(), box_id: open.call.box_id.clone(), state, result: None, words: words.to_owned() };
            self.out.push_back(Output::Step(step));
        }
    }

    /// Ends a call, for ever.
    fn end(&mut self, now: Now, id: &str, state: CallState, result: Option<Outcome>, words: &str) {
        let Some(open) = self.calls.open.remove(id) else { return };
        self.calls.agenda.remove(&(open.ends, id.to_owned()));
        if let Some(tag) = open.tag
            && self.purposes.remove(&tag).is_some()
        {
            self.endpoint.handle(now, EndpointInput::Forget(tag));
        }
        if self.calls.ended.len() >= MAX_ENDED {
            self.calls.ended.pop_front();
        }
        self.calls.ended.push_back(id.to_owned());
        let box_id = open.call.box_id;
        self.out.push_back(Output::Step(Step { call: id.to_owned(), box_id: box_id.clone(), state, result, words: words.to_owned() }));
        self.subscribed(now, &box_id, id, state == CallState::Succeeded);
    }

    pub(super) fn call_answered(&mut self, now: Now, id: &str, answer: Result<Response, Refusal>) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.tag = None;
        match answer {
            Err(refusal) => {
                let mut words = shown(&refusal.fault.to_string());
                for param in &refusal.params {
                    words = format!("{words}; {}: {} {}", shown(&param.param_path), param.err_code, shown(&param.err_msg));
                }
                let state = state_of(&refusal.fault);
                self.end(now, id, state, None, &words);
            }
            Ok(Response::OperateResp(response)) => self.operated(now, id, response),
            Ok(response) => match outcome(response) {
                Ok((result, words)) => self.end(now, id, CallState::Succeeded, Some(result), &words),
                Err(fault) => self.end(now, id, state_of(&fault), None, &shown(&fault.to_string())),
            },
        }
    }

    fn operated(&mut self, now: Now, id: &str, response: OperateResp) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.expected.clear();
        let mut request = None;
        let results = response.operation_results;
        if results.is_empty() {
            return self.end(now, id, CallState::Refused, None, "the path matches no command of the box: nothing was run");
        }
        let mut reboots = false;
        for result in results {
            let path = shown(&result.executed_command);
            match result.operation_resp {
                Some(OperateRespOperationResp::ReqObjPath(row)) => {
                    request = Some(row);
                    match open.early.remove(&path) {
                        Some(end) => open.ended(path, end),
                        None => {
                            open.expected.insert(path);
                        }
                    }
                }
                Some(OperateRespOperationResp::ReqOutputArgs(outputs)) => {
                    reboots |= REBOOTS.contains(&path.as_str());
                    open.ended(path, Ok(outputs.output_args));
                }
                Some(OperateRespOperationResp::CmdFailure(failure)) => open.ended(path, Err(Fault::new(failure.err_code, failure.err_msg))),
                None => open.ended(path, Err(Fault::new(code::INTERNAL, "the box gave no result"))),
            }
        }
        open.request = request.or(open.request.take());
        let cancel = open.cancelled;
        if reboots && open.faults.is_empty() {
            return self.step(id, CallState::Running, "the box restarts; the call ends when it is back");
        }
        if !self.settle(now, id) {
            self.step(id, CallState::Accepted, "");
            if cancel {
                self.ask_to_cancel(now, id);
            }
        }
    }

    /// Ends a call whose commands have all ended.
    fn settle(&mut self, now: Now, id: &str) -> bool {
        let Some(open) = self.calls.open.get_mut(id).filter(|open| open.expected.is_empty()) else { return false };
        let outputs = std::mem::take(&mut open.outputs);
        let faults = std::mem::take(&mut open.faults);
        let words: Vec<String> = if faults.len() == 1 && outputs.is_empty() {
            faults.values().map(|fault| shown(&fault.to_string())).collect()
        } else {
            faults.iter().map(|(path, fault)| format!("{path}: {}", shown(&fault.to_string()))).collect()
        };
        let state = faults.values().next().map_or(CallState::Succeeded, state_of);
        let result = (!outputs.is_empty()).then_some(Outcome::Outputs { outputs });
        self.end(now, id, state, result, &words.join("; "));
        true
    }

    /// An asynchronous command has ended on the box.
    pub(super) fn completed(&mut self, now: Now, from: &EndpointId, complete: OperationComplete) {
        let path = shown(&format!("{}{}", complete.obj_path, complete.command_name));
        let end = match complete.operation_resp {
            Some(NotifyOperationResp::ReqOutputArgs(outputs)) => Ok(outputs.output_args),
            Some(NotifyOperationResp::CmdFailure(failure)) => Err(Fault::new(failure.err_code, failure.err_msg)),
            None => Err(Fault::new(code::INTERNAL, "the box gave no result")),
        };
        let id = complete.command_key;
        let Some(open) = self.calls.open.get_mut(&id).filter(|open| open.call.box_id == *from) else {
            let said = end.map_or_else(|fault| fault.to_string(), |_| "it succeeded".to_owned());
            return self.evidence(from, &id, &format!("{path} on the box: {said}"));
        };
        if open.expected.remove(&path) || (open.state != CallState::Sent && open.expected.is_empty()) {
            open.ended(path, end);
            self.settle(now, &id);
        } else if open.state == CallState::Sent {
            open.early.insert(path, end);
        }
    }

    /// Something was said of a call that has ended.
    fn evidence(&mut self, from: &EndpointId, id: &str, words: &str) {
        if self.calls.ended.iter().any(|ended| ended == id) {
            self.out.push_back(Output::Evidence { call: id.to_owned(), words: shown(&format!("after its end, {from} said: {words}")) });
        }
    }

    /// A box has started.
    pub(super) fn booted(&mut self, now: Now, from: &EndpointId, params: &BTreeMap<String, String>) {
        let value = |name: &str| params.get(name).map_or("", String::as_str);
        let id = value("CommandKey").to_owned();
        let before = self.boxes.get(from).and_then(|known| known.row.boot_id.clone());
        let anew = before.is_none() || before.as_deref() != Some(value("X_LINE3_BootID")) || value("X_LINE3_RebootMode") == "restart-agent";
        let of_this = |open: &&mut Open| open.call.box_id == *from;
        let reboots = |open: &Open| matches!(&open.call.order, Order::Operate { command, .. } if REBOOTS.contains(&command.as_str()));
        match self.calls.open.get_mut(&id).filter(of_this) {
            Some(open) if reboots(open) && anew => {
                let Order::Operate { command, .. } = &open.call.order else { return };
                let words = if value("X_LINE3_RebootMode") == "restart-agent" {
                    "the agent was restarted, not the box (restart-agent)"
                } else {
                    ""
                };
                let outputs = BTreeMap::from([(command.clone(), shown_map(params.clone(), MAX_OUTPUT))]);
                self.end(now, &id, CallState::Succeeded, Some(Outcome::Outputs { outputs }), words);
            }
            Some(open) if reboots(open) => {
                self.end(now, &id, CallState::Failed, None, "the agent started again, but the kernel had not restarted");
            }
            _ if !id.is_empty() => self.evidence(from, &id, "the box has started again"),
            _ => {}
        }
        if let Some(known) = self.boxes.get_mut(from)
            && !value("X_LINE3_BootID").is_empty()
        {
            known.row.boot_id = Some(shown(value("X_LINE3_BootID")));
        }
    }

    /// A command says how far it is.
    pub(super) fn progressed(&mut self, from: &EndpointId, params: &BTreeMap<String, String>) {
        let value = |name: &str| params.get(name).map_or("", String::as_str);
        let id = value("CommandKey");
        if self.calls.open.get(id).is_some_and(|open| open.call.box_id == *from) {
            self.step(&id.to_owned(), CallState::Running, &shown(value("Text")));
        }
    }

    /// The agent of a box has started anew: what it was doing is over. What acts it is asked for again, which its journal answers
    /// without acting.
    pub(super) fn run_ended(&mut self, now: Now, box_id: &EndpointId) {
        let line3 = self.boxes.get(box_id).is_some_and(|known| known.line3);
        let under_way = |open: &&Open| open.call.box_id == *box_id && matches!(open.state, CallState::Accepted | CallState::Running);
        let ids: Vec<(CallId, bool)> =
            self.calls.open.values().filter(under_way).map(|open| (open.call.id.clone(), open.call.effect != Some(Effect::Read))).collect();
        for (id, acts) in ids {
            if acts && line3 {
                if let Some(open) = self.calls.open.get_mut(&id) {
                    open.repeated = true;
                }
                self.step(&id, CallState::Running, "the box's agent has started anew; it is asked what became of the call");
                self.send(now, &id);
            } else {
                self.end(now, &id, CallState::Lost, None, "the box's agent started anew while the command ran; its result is lost");
            }
        }
    }

    pub(super) fn call_unanswered(&mut self, now: Now, id: &str) {
        if let Some(open) = self.calls.open.get_mut(id) {
            open.tag = None;
            let words = format!("the box did not answer within {}; it may have run", secs(open.call.deadline));
            self.end(now, id, CallState::Lost, None, &words);
        }
    }

    pub(super) fn tick_calls(&mut self, now: Now) {
        while let Some((at, id)) = self.calls.agenda.first().cloned()
            && at <= now.mono
        {
            let Some(open) = self.calls.open.get(&id) else {
                self.calls.agenda.remove(&(at, id));
                continue;
            };
            let time = secs(open.call.deadline);
            let (state, words) = match open.state {
                CallState::Queued => (CallState::Expired, format!("the box was not ready within {time}; nothing was sent")),
                CallState::Sent => (CallState::Lost, format!("the box did not answer within {time}; it may have run")),
                _ => (CallState::Lost, format!("the box took the call and did not say how it ended within {time}")),
            };
            self.end(now, &id, state, None, &words);
        }
    }

    pub(super) fn cancel(&mut self, now: Now, cancel: &Cancel) {
        let Some(open) = self.calls.open.get_mut(&cancel.call).filter(|open| open.call.box_id == cancel.box_id) else { return };
        open.cancelled = true;
        match open.state {
            CallState::Queued => self.end(now, &cancel.call, CallState::Cancelled, None, "cancelled before it was sent"),
            CallState::Accepted | CallState::Running => self.ask_to_cancel(now, &cancel.call),
            // Not answered yet: it is cancelled when it is.
            _ => {}
        }
    }

    fn ask_to_cancel(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get(id) else { return };
        let Some(row) = open.request.clone() else { return };
        let (box_id, left) = (open.call.box_id.clone(), open.ends.since(now.mono));
        let operate = Operate {
            command: format!("{}.Cancel()", row.trim_end_matches('.')),
            command_key: String::new(),
            send_resp: true,
            input_args: BTreeMap::new(),
        };
        self.ask(now, Purpose::Cancel(id.to_owned()), &box_id, Request::Operate(operate), left);
    }
}

impl Open {
    fn new(call: Call, ends: Mono, actor: String, reason: String) -> Self {
        Self {
            call,
            state: CallState::Queued,
            actor,
            reason,
            ends,
            tag: None,
            request: None,
            expected: BTreeSet::new(),
            outputs: BTreeMap::new(),
            faults: BTreeMap::new(),
            early: BTreeMap::new(),
            cancelled: false,
            repeated: false,
        }
    }

    fn ended(&mut self, path: String, end: Result<BTreeMap<String, String>, Fault>) {
        match end {
            Ok(outputs) => {
                self.outputs.insert(path, shown_map(outputs, MAX_OUTPUT));
            }
            Err(fault) => {
                self.faults.insert(path, fault);
            }
        }
    }
}
