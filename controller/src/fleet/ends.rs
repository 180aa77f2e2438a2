//! What a box says of a call: its answer, how far it is, how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::endpoint::Refusal;
use line3_proto::fault::{Fault, code};
use line3_proto::usp::{NotifyOperationResp, OperateResp, OperateRespOperationResp, OperationComplete, Response};
use line3_proto::{EndpointId, Now};

use super::answers::{Answered, outcome, refused};
use super::call::Wrong;
use super::calls::{MAX_OUTPUT, REBOOTS};
use super::{Fleet, Order, Outcome, Output, shown, shown_map};
use crate::audit::MAX_WORDS;
use crate::report::clean;
use crate::store::CallState;

/// The most commands of one call that may end before the Operate is answered; what comes beyond is passed over.
pub(super) const MAX_EARLY: usize = 64;

/// How often a word on how far a call is counts; what comes sooner is passed over.
const WORD_EVERY: Duration = Duration::from_millis(500);

/// The most that is written down of a call after its end.
const MAX_EVIDENCE: u32 = 4;

/// How a call ends by this fault.
pub(super) fn state_of(fault: &Fault) -> CallState {
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

impl Fleet {
    pub(super) fn call_answered(&mut self, now: Now, id: &str, answer: Result<Response, Refusal>) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.tag = None;
        match answer {
            Err(refusal) => self.end_by(now, id, refused(&refusal)),
            Ok(Response::OperateResp(response)) if open.is_operate() => self.operated(now, id, response, false),
            Ok(response) => self.end_by(now, id, outcome(response)),
        }
    }

    fn end_by(&mut self, now: Now, id: &str, answered: Answered) {
        self.end(now, id, answered.state, answered.result, &clean(&answered.words, MAX_WORDS));
    }

    pub(super) fn call_unanswered(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.tag = None;
        if open.state == CallState::Sent {
            let words = format!("the box did not answer within {} s; it may have run", open.call.deadline.as_secs());
            self.end(now, id, CallState::Lost, None, &words);
        }
    }

    /// The box has answered an Operate, or (`repeated`) what became of one that was sent before.
    pub(super) fn operated(&mut self, now: Now, id: &str, response: OperateResp, repeated: bool) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        if response.operation_results.is_empty() {
            return self.end(now, id, CallState::Refused, None, "the path matches no command of the box: nothing was run");
        }
        open.expected.clear();
        let mut restarts = false;
        for result in response.operation_results {
            let path = shown(&result.executed_command);
            match result.operation_resp {
                Some(OperateRespOperationResp::ReqObjPath(row)) => match open.early.remove(&path) {
                    Some(end) => open.ended(path, end),
                    None => {
                        open.expected.insert(path, Some(shown(&row)));
                    }
                },
                Some(OperateRespOperationResp::ReqOutputArgs(outputs)) => {
                    restarts |= REBOOTS.contains(&path.as_str());
                    open.ended(path, Ok(outputs.output_args));
                }
                // The first one of this call is at it: its own answer, or OperationComplete, tells.
                Some(OperateRespOperationResp::CmdFailure(failure)) if repeated && failure.err_code == code::RESOURCES_EXCEEDED => {
                    open.expected.insert(path, None);
                }
                Some(OperateRespOperationResp::CmdFailure(failure)) => {
                    let fault = Fault::new(failure.err_code, failure.err_msg);
                    open.ended(path, Err(if repeated { super::again::of_repeat(fault) } else { fault }));
                }
                None => open.ended(path, Err(Fault::new(code::INTERNAL, "the box gave no result"))),
            }
        }
        let cancelled = open.cancelled;
        if restarts && open.faults.is_empty() && !(repeated && open.restarted) {
            open.restarting = true;
            open.expected = open.outputs.keys().map(|path| (path.clone(), None)).collect();
            open.outputs.clear();
            return self.step(id, CallState::Running, "the box restarts; the call ends when it is back");
        }
        if !self.settle(now, id) {
            self.step(id, CallState::Accepted, "");
            if cancelled {
                self.ask_to_cancel(now, id);
            }
        }
    }

    /// Ends a call whose commands have all ended.
    fn settle(&mut self, now: Now, id: &str) -> bool {
        let Some(open) = self.calls.open.get_mut(id).filter(|open| open.expected.is_empty()) else { return false };
        let outputs = std::mem::take(&mut open.outputs);
        let faults = std::mem::take(&mut open.faults);
        let alone = faults.len() == 1 && outputs.is_empty();
        let word = |(path, fault): (&String, &Fault)| if alone { fault.to_string() } else { format!("{path}: {fault}") };
        let words: Vec<String> = faults.iter().map(word).collect();
        let state = faults.values().next().map_or(CallState::Succeeded, state_of);
        // One command that failed by itself is told by the words.
        let faults = faults.iter().filter(|_| !alone).map(|(path, fault)| Wrong::new(path, fault.code, &fault.text)).collect();
        let result = Outcome::Outputs { outputs, faults };
        let result = (!result.is_empty() || !result.faults().is_empty()).then_some(result);
        self.end(now, id, state, result, &clean(&words.join("; "), MAX_WORDS));
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
        let Some(open) = self.calls.get_mut(&id, from) else {
            let state = end.as_ref().err().map_or(CallState::Succeeded, state_of);
            let said = end.map_or_else(|fault| fault.to_string(), |_| "it succeeded".to_owned());
            return self.evidence(from, &id, state, &format!("{path}: {said}"));
        };
        if open.restarting {
            // A command that restarts the box ends by the boot, whatever it says before.
        } else if open.expected.remove(&path).is_some() {
            open.ended(path, end);
            self.settle(now, &id);
        } else if open.sent && open.early.len() < MAX_EARLY {
            open.early.insert(path, end);
        }
    }

    /// Something was said of a call that has ended. What was said before is no news.
    fn evidence(&mut self, from: &EndpointId, id: &str, state: CallState, words: &str) {
        let Some(ended) = self.calls.ended.get_mut(id) else { return };
        if ended.box_id == *from && ended.said != state && ended.evidence < MAX_EVIDENCE {
            ended.said = state;
            ended.evidence += 1;
            let words = clean(&format!("after its end, {from} said: {words}"), MAX_WORDS);
            self.out.push_back(Output::Evidence { call: id.to_owned(), words });
        }
    }

    /// A box has started.
    pub(super) fn booted(&mut self, now: Now, from: &EndpointId, params: &BTreeMap<String, String>) {
        let value = |name: &str| params.get(name).map_or("", String::as_str);
        let (id, boot_id) = (value("CommandKey").to_owned(), value("X_LINE3_BootID"));
        let agent_only = value("X_LINE3_RebootMode") == "restart-agent";
        match self.calls.get_mut(&id, from) {
            Some(open) if open.reboots() && open.sent => {
                let anew = agent_only || open.boot_before.as_deref().is_none_or(|before| before != boot_id);
                if let (Order::Operate { command, .. }, true) = (&open.call.order, anew) {
                    let words = if agent_only { "the agent was restarted, not the box (restart-agent)" } else { "" };
                    let outputs = BTreeMap::from([(command.clone(), shown_map(params.clone(), MAX_OUTPUT))]);
                    self.end(now, &id, CallState::Succeeded, Some(Outcome::Outputs { outputs, faults: Vec::new() }), words);
                } else {
                    self.end(now, &id, CallState::Failed, None, "the agent started again, but the kernel had not restarted");
                }
            }
            Some(_) => {}
            None => self.evidence(from, &id, CallState::Succeeded, "it has started again"),
        }
        let Some(known) = self.boxes.get_mut(from) else { return };
        let (foreign, boot_id) = (!known.line3, shown(boot_id));
        if !boot_id.is_empty() && known.row.boot_id.as_ref() != Some(&boot_id) {
            known.row.boot_id = Some(boot_id);
            self.changed(from);
        }
        if foreign {
            // Our own agents tell it by the run of their connection.
            self.run_ended(now, from);
        }
    }

    /// A command says how far it is.
    pub(super) fn progressed(&mut self, now: Now, from: &EndpointId, params: &BTreeMap<String, String>) {
        let value = |name: &str| params.get(name).map_or("", String::as_str);
        let id = value("CommandKey");
        if let Some(open) = self.calls.get_mut(id, from)
            && open.state != CallState::Queued
            && !open.restarting
            && open.next_word <= now.mono
        {
            open.next_word = now.mono + WORD_EVERY;
            self.step(id, CallState::Running, &shown(value("Text")));
        }
    }
}
