//! Asking boxes whether they are there: all of them after the controller was deaf (what they said meanwhile is lost, or was more
//! than the broker keeps), and one that is heard of but counts as offline.

use std::collections::VecDeque;
use std::time::Duration;

use line3_proto::endpoint::Refusal;
use line3_proto::health::{RUN_ID, UP_TIME};
use line3_proto::usp::{Get, Request, Response};
use line3_proto::{EndpointId, Now};

use super::presence::is_run;
use super::{Fleet, Purpose};

/// How long a box has to say that it is there.
const PROBE: Duration = Duration::from_secs(30);

/// How many boxes are asked at once; the others wait for their turn, so that a large fleet does not flood its broker.
const AT_ONCE: usize = 256;

/// After an outage of this length not even a session that the broker kept is trusted: its queue is bounded.
const TRUSTED: Duration = Duration::from_secs(30);

/// How often a box that is heard of but counts as offline is asked.
const HEARD_EVERY: Duration = Duration::from_secs(60);

/// Whom to ask whether it is there.
#[derive(Default)]
pub(super) struct Probes {
    /// Who is still to be asked. Bounded by the boxes.
    waiting: VecDeque<EndpointId>,
    /// How many were asked and have not answered: at most [`AT_ONCE`].
    asked: usize,
    /// All were asked since the start.
    begun: bool,
}

impl Fleet {
    /// The controller's own link is up. What it missed meanwhile it finds out.
    pub(super) fn link_up(&mut self, now: Now, session_kept: bool) {
        let deaf = self.deaf.take().map_or(Duration::ZERO, |since| now.mono.since(since));
        if session_kept && self.probes.begun && deaf <= TRUSTED {
            return;
        }
        self.probes.begun = true;
        self.probes.waiting = self.boxes.keys().cloned().collect();
        self.ask_next(now);
    }

    /// The controller's own link is down: nobody's silence means anything now.
    pub(super) fn link_down(&mut self, now: Now) {
        self.deaf = Some(now.mono);
        let asked: Vec<EndpointId> = self.boxes.iter().filter(|(_, known)| known.probe.is_some()).map(|(id, _)| id.clone()).collect();
        // A round that was not through begins again.
        self.probes.begun &= asked.is_empty() && self.probes.waiting.is_empty();
        self.probes.waiting.clear();
        for id in asked {
            self.forget_probe(now, &id);
        }
    }

    /// A health report of this box came.
    pub(super) fn heard(&mut self, now: Now, id: &EndpointId) {
        let Some(known) = self.known(now, id) else { return };
        if known.row.online || known.probe.is_some() || known.probe_after > now.mono {
            return;
        }
        known.probe_after = now.mono + HEARD_EVERY;
        self.probes.waiting.push_back(id.clone());
        self.ask_next(now);
    }

    fn ask_next(&mut self, now: Now) {
        while self.probes.asked < AT_ONCE
            && let Some(id) = self.probes.waiting.pop_front()
        {
            if self.boxes.get(&id).is_none_or(|known| known.probe.is_some()) {
                continue;
            }
            let request = Request::Get(Get { param_paths: vec![RUN_ID.to_owned(), UP_TIME.to_owned()], max_depth: 1 });
            let tag = self.ask(now, Purpose::Probe(id.clone()), &id, request, PROBE);
            self.probes.asked += 1;
            if let Some(known) = self.boxes.get_mut(&id) {
                known.probe = Some(tag);
            }
        }
    }

    fn probe_ended(&mut self, now: Now, id: &EndpointId) {
        if self.boxes.get_mut(id).and_then(|known| known.probe.take()).is_some() {
            self.probes.asked = self.probes.asked.saturating_sub(1);
            self.ask_next(now);
        }
    }

    /// What the box said by itself is newer than what it will answer.
    pub(super) fn forget_probe(&mut self, now: Now, id: &EndpointId) {
        let tag = self.boxes.get(id).and_then(|known| known.probe);
        self.forget(now, tag);
        self.probe_ended(now, id);
    }

    pub(super) fn probed(&mut self, now: Now, id: &EndpointId, answer: Result<Response, Refusal>) {
        self.probe_ended(now, id);
        let run = match answer {
            Ok(Response::GetResp(response)) => {
                let result = response.req_path_results.into_iter().find(|result| result.requested_path == RUN_ID);
                let resolved = result.and_then(|result| result.resolved_path_results.into_iter().next());
                resolved.and_then(|resolved| resolved.result_params.into_values().next()).filter(|run| is_run(run))
            }
            // A refusal, too, comes from a box that is there.
            _ => self.boxes.get(id).and_then(|known| known.row.run_id.clone()),
        };
        self.is_there(now, id, run);
    }

    pub(super) fn probe_failed(&mut self, now: Now, id: &EndpointId) {
        self.probe_ended(now, id);
        self.is_gone(now, id, "it does not answer");
    }
}
