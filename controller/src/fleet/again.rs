//! What becomes of calls when a box's agent, or the controller, starts anew in between. The box keeps a journal of what acts: it is
//! asked again by the same call id, with no time left, so that it tells what it wrote down and never acts.

use std::time::Duration;

use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::usp::Response;
use line3_proto::{EndpointId, Fault, Now};

use super::ends::state_of;
use super::{Fleet, Purpose};
use crate::store::CallState;

/// The fault by which a call ends that was asked for again. That the box does not know it, or refuses it now, says nothing of the
/// first time.
pub(super) fn of_repeat(fault: Fault) -> Fault {
    match state_of(&fault) {
        CallState::Expired | CallState::Refused => {
            Fault::new(code::CALL_LOST, format!("asked what became of the call, the box said {fault}; it may have run before"))
        }
        _ => fault,
    }
}

impl Fleet {
    /// The agent of a box has started anew: what it was doing is over. What acts the box is asked for again.
    pub(super) fn run_ended(&mut self, now: Now, box_id: &EndpointId) {
        let line3 = self.boxes.get(box_id).is_some_and(|known| known.line3);
        for id in self.calls.of(box_id) {
            let Some(open) = self.calls.open.get_mut(&id) else { continue };
            let (taken, acts) = (matches!(open.state, CallState::Accepted | CallState::Running), open.acts());
            if !open.sent || open.state == CallState::Queued {
                continue;
            }
            // Numbers of requests begin anew: a cancel would stop another one.
            open.expected.values_mut().for_each(|row| *row = None);
            open.restarted = open.restarting;
            if acts && line3 {
                open.ask_again = true;
                let state = open.state;
                self.step(&id, state, "the box's agent has started anew; it is asked what became of the call");
            } else if taken && !open.restarting {
                self.end(now, &id, CallState::Lost, None, "the box's agent started anew while the command ran; its result is lost");
            }
        }
    }

    /// Asks what became of a call.
    pub(super) fn send_again(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.ask_again = false;
        let earlier = open.again.take();
        let left = open.ends.since(now.mono);
        let (box_id, request) = (open.call.box_id.clone(), open.call.order.request(id, open.reserved(Duration::ZERO)));
        self.forget(now, earlier);
        let tag = self.ask(now, Purpose::Repeat(id.to_owned()), &box_id, request, left);
        if let Some(open) = self.calls.open.get_mut(id) {
            open.again = Some(tag);
        }
    }

    pub(super) fn repeat_answered(&mut self, now: Now, id: &str, answer: Result<Response, Refusal>) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        open.again = None;
        match answer {
            Ok(Response::OperateResp(response)) if !response.operation_results.is_empty() => self.operated(now, id, response, true),
            Ok(_) => self.end(now, id, CallState::Lost, None, "asked what became of the call, the box did not say"),
            Err(refusal) => {
                let fault = of_repeat(refusal.fault);
                self.end(now, id, state_of(&fault), None, &super::shown(&fault.to_string()));
            }
        }
    }
}
