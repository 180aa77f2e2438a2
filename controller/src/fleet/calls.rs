//! A call's life: every call reaches one of the final states by itself, and a final state never changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use line3_proto::endpoint::Tag;
use line3_proto::usp::{Operate, Request};
use line3_proto::{Effect, EndpointId, Fault, Mono, Now};

use super::{Call, CallId, Cancel, Fleet, Order, Outcome, Output, Purpose, Step, shown_map};
use crate::audit::Audited;
use crate::store::CallState;

/// The most calls that have not ended; one more is refused.
pub const MAX_OPEN: usize = 10_000;

/// The most calls of one box that have not ended; one more is refused.
pub const MAX_OPEN_OF_BOX: usize = 32;

/// How many ended calls are remembered, to tell late evidence from nonsense; beyond it the oldest is forgotten.
const MAX_ENDED: usize = 1000;

/// How long after its deadline the box has to say itself how a call ended.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The longest output argument of a box that is kept, in bytes.
pub(super) const MAX_OUTPUT: usize = 64 * 1024;

/// Commands that end by the boot that follows.
pub(super) const REBOOTS: [&str; 2] = ["Device.Reboot()", "Device.FactoryReset()"];

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

/// What commands gave, by argument.
pub(super) type Outputs = BTreeMap<String, String>;

/// A call under way.
pub(super) struct Open {
    pub(super) call: Call,
    pub(super) state: CallState,
    /// Who asked and why, for the box's own log.
    pub(super) actor: String,
    pub(super) reason: String,
    /// When its time is up.
    pub(super) deadline: Mono,
    /// When it ends at the latest: [`GRACE`] after that, once it was sent.
    pub(super) ends: Mono,
    /// It was sent, by this run of the controller or an earlier one: it may have run.
    pub(super) sent: bool,
    /// The question to the box.
    pub(super) tag: Option<Tag>,
    /// What is to be found out: what became of it before the box, or the controller, started anew.
    pub(super) ask_again: bool,
    /// The question that asks for that.
    pub(super) again: Option<Tag>,
    /// The box has said that it restarts.
    pub(super) restarting: bool,
    /// The agent's run has changed since it said so.
    pub(super) restarted: bool,
    /// The kernel's boot when it was sent.
    pub(super) boot_before: Option<String>,
    /// The commands of it that have not ended, by path, with their rows of `Device.LocalAgent.Request.`.
    pub(super) expected: BTreeMap<String, Option<String>>,
    /// What commands gave.
    pub(super) outputs: BTreeMap<String, Outputs>,
    /// What went wrong with which.
    pub(super) faults: BTreeMap<String, Fault>,
    /// Ends that came before the answer to the Operate. At most [`super::ends::MAX_EARLY`].
    pub(super) early: BTreeMap<String, Result<Outputs, Fault>>,
    /// Somebody wants it stopped.
    pub(super) cancelled: bool,
    /// Its next word on how far it is counts from then on.
    pub(super) next_word: Mono,
}

/// A call that has ended.
pub(super) struct Ended {
    pub(super) box_id: EndpointId,
    /// How it ended, or what was said of that since.
    pub(super) said: CallState,
    /// How often something more came to light.
    pub(super) evidence: u32,
}

/// Calls.
#[derive(Default)]
pub(super) struct Calls {
    /// At most [`MAX_OPEN`], and what makes boxes tell.
    pub(super) open: BTreeMap<CallId, Open>,
    /// Those of each box, in the order they were made.
    pub(super) of_box: BTreeMap<EndpointId, Vec<CallId>>,
    agenda: BTreeSet<(Mono, CallId)>,
    /// At most [`MAX_ENDED`].
    pub(super) ended: HashMap<CallId, Ended>,
    /// Their ids, oldest first.
    in_order: VecDeque<CallId>,
}

impl Calls {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.agenda.first().map(|(at, _)| *at)
    }

    fn insert(&mut self, open: Open) {
        let id = open.call.id.clone();
        self.of_box.entry(open.call.box_id.clone()).or_default().push(id.clone());
        self.agenda.insert((open.ends, id.clone()));
        self.open.insert(id, open);
    }

    fn remove(&mut self, id: &str) -> Option<Open> {
        let open = self.open.remove(id)?;
        self.agenda.remove(&(open.ends, id.to_owned()));
        if let Some(ids) = self.of_box.get_mut(&open.call.box_id) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.of_box.remove(&open.call.box_id);
            }
        }
        Some(open)
    }

    pub(super) fn remember(&mut self, id: &str, box_id: EndpointId, state: CallState) {
        if self.in_order.len() >= MAX_ENDED
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.in_order.push_back(id.to_owned());
        self.ended.insert(id.to_owned(), Ended { box_id, said: state, evidence: 0 });
    }

    /// The open calls of a box, in the order they were made.
    pub(super) fn of(&self, box_id: &EndpointId) -> Vec<CallId> {
        self.of_box.get(box_id).cloned().unwrap_or_default()
    }

    /// An open call of this box.
    pub(super) fn get_mut(&mut self, id: &str, box_id: &EndpointId) -> Option<&mut Open> {
        self.open.get_mut(id).filter(|open| open.call.box_id == *box_id)
    }
}

fn secs(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

impl Fleet {
    /// Takes up the calls that had not ended when the controller stopped. What only looks is sent again; what acts is not, the box
    /// is asked what became of it.
    pub(super) fn reopen(&mut self, now: Now, calls: Vec<Reopened>) {
        for Reopened { call, state, left } in calls {
            let mut open = Open::new(call, now.mono + left, String::new(), String::new());
            open.sent = state != CallState::Queued;
            open.state = if open.call.effect.is_none() { CallState::Queued } else { state };
            if open.sent && open.call.effect.is_some() {
                open.ends = open.deadline + GRACE;
                let line3 = self.boxes.get(&open.call.box_id).is_some_and(|known| known.line3);
                open.ask_again = line3 && open.acts();
                if let Order::Operate { command, .. } = &open.call.order {
                    open.expected.insert(command.clone(), None);
                    open.restarting = open.reboots() && state == CallState::Running;
                }
            }
            self.calls.insert(open);
        }
    }

    pub(super) fn start(&mut self, now: Now, audited: Audited<Call>) {
        let (actor, reason) = (audited.actor().name().to_owned(), audited.reason().to_string());
        let call = audited.into_act();
        let (id, box_id) = (call.id.clone(), call.box_id.clone());
        if self.calls.open.contains_key(&id) || self.calls.ended.contains_key(&id) {
            return self.log(format!("call {id} came twice; the second is passed over"));
        }
        let of_box = self.calls.of_box.get(&box_id).map_or(0, Vec::len);
        let bound = if self.subscribes(&box_id, &id) {
            None
        } else if self.calls.open.len() >= MAX_OPEN {
            Some(format!("{MAX_OPEN} calls are under way; try again later"))
        } else if of_box >= MAX_OPEN_OF_BOX {
            Some(format!("{MAX_OPEN_OF_BOX} calls of this box are under way; cancel one or try again later"))
        } else {
            None
        };
        let deadline = now.mono + call.deadline;
        self.calls.insert(Open::new(call, deadline, actor, reason));
        if let Some(words) = bound {
            return self.end(now, &id, CallState::Refused, None, &words);
        }
        let Some(open) = self.calls.open.get(&id) else { return };
        match self.boxes.get(&box_id) {
            None => self.end(now, &id, CallState::Refused, None, "no box of this id was ever heard of"),
            Some(known) if !known.row.online => {
                if open.call.wait {
                    self.step(&id, CallState::Queued, "the box is offline; held until it is back or the deadline passes");
                } else {
                    self.end(now, &id, CallState::Expired, None, "the box is offline; nothing was sent. Hold the call with --wait");
                }
            }
            Some(known) if !known.ready && open.is_operate() => {
                self.step(&id, CallState::Queued, "the box is being got to know; it is sent then");
            }
            Some(_) => self.send(now, &id),
        }
    }

    /// Sends what was held for a box that is there: orders once it is ready for them, everything else now.
    pub(super) fn send_queued(&mut self, now: Now, box_id: &EndpointId) {
        let ready = self.boxes.get(box_id).is_some_and(|known| known.ready);
        for id in self.calls.of(box_id) {
            let Some(open) = self.calls.open.get(&id) else { continue };
            if !ready && open.is_operate() {
                continue;
            }
            if open.state == CallState::Queued {
                self.send(now, &id);
            } else if open.ask_again {
                self.send_again(now, &id);
            }
        }
    }

    fn send(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get_mut(id) else { return };
        let left = open.deadline.since(now.mono);
        if left.is_zero() {
            return self.time_is_up(now, id);
        }
        let known = self.boxes.get(&open.call.box_id);
        open.boot_before = known.and_then(|known| known.row.boot_id.clone());
        open.sent = true;
        let reserved = if known.is_some_and(|known| known.line3) { open.reserved(left) } else { BTreeMap::new() };
        let (box_id, request) = (open.call.box_id.clone(), open.call.order.request(id, reserved));
        // From now on the box may say itself how it ended, a little after the deadline too.
        self.calls.agenda.remove(&(open.ends, id.to_owned()));
        open.ends = open.deadline + GRACE;
        self.calls.agenda.insert((open.ends, id.to_owned()));
        // Said before it is done: whoever keeps the steps can tell what provably was not sent.
        self.step(id, CallState::Sent, "");
        let tag = self.ask(now, Purpose::Call(id.to_owned()), &box_id, request, left);
        if let Some(open) = self.calls.open.get_mut(id) {
            open.tag = Some(tag);
        }
    }

    /// Moves a call on.
    pub(super) fn step(&mut self, id: &str, state: CallState, words: &str) {
        if let Some(open) = self.calls.open.get_mut(id) {
            open.state = state;
            let step = Step { call: id.to_owned(), box_id: open.call.box_id.clone(), state, result: None, words: words.to_owned() };
            self.out.push_back(Output::Step(step));
        }
    }

    /// Ends a call, for ever.
    pub(super) fn end(&mut self, now: Now, id: &str, state: CallState, result: Option<Outcome>, words: &str) {
        let Some(open) = self.calls.remove(id) else { return };
        self.forget(now, open.tag);
        self.forget(now, open.again);
        let box_id = open.call.box_id;
        self.calls.remember(id, box_id.clone(), state);
        self.out.push_back(Output::Step(Step { call: id.to_owned(), box_id: box_id.clone(), state, result, words: words.to_owned() }));
        self.subscribed(now, &box_id, id, state == CallState::Succeeded);
    }

    pub(super) fn tick_calls(&mut self, now: Now) {
        while let Some((at, id)) = self.calls.agenda.first().cloned()
            && at <= now.mono
        {
            self.time_is_up(now, &id);
        }
    }

    /// Ends a call whose time is up.
    fn time_is_up(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get(id) else { return };
        let time = secs(open.call.deadline);
        let (state, words) = match open.state {
            CallState::Queued if !open.sent => (CallState::Expired, format!("the box was not ready within {time}; nothing was sent")),
            CallState::Queued | CallState::Sent => (CallState::Lost, format!("the box did not answer within {time}; it may have run")),
            _ => (CallState::Lost, format!("the box took the call and did not say how it ended within {time}")),
        };
        self.end(now, id, state, None, &words);
    }

    pub(super) fn cancel(&mut self, now: Now, cancel: &Cancel) {
        let Some(open) = self.calls.get_mut(&cancel.call, &cancel.box_id) else { return };
        open.cancelled = true;
        match open.state {
            CallState::Queued if !open.sent => self.end(now, &cancel.call, CallState::Cancelled, None, "cancelled before it was sent"),
            CallState::Queued => self.end(now, &cancel.call, CallState::Cancelled, None, "cancelled; it only looks"),
            // Before it is answered there is nothing to name: it is cancelled then.
            _ => self.ask_to_cancel(now, &cancel.call),
        }
    }

    /// Asks the box to stop what it has under way of a call.
    pub(super) fn ask_to_cancel(&mut self, now: Now, id: &str) {
        let Some(open) = self.calls.open.get(id) else { return };
        let rows: Vec<String> = open.expected.values().flatten().cloned().collect();
        let (box_id, left) = (open.call.box_id.clone(), open.ends.since(now.mono));
        for row in rows {
            let operate = Operate {
                command: format!("{}.Cancel()", row.trim_end_matches('.')),
                command_key: String::new(),
                send_resp: true,
                input_args: BTreeMap::new(),
            };
            self.ask(now, Purpose::Cancel, &box_id, Request::Operate(operate), left);
        }
    }
}

impl Open {
    fn new(call: Call, deadline: Mono, actor: String, reason: String) -> Self {
        Self {
            call,
            state: CallState::Queued,
            actor,
            reason,
            deadline,
            ends: deadline,
            sent: false,
            tag: None,
            ask_again: false,
            again: None,
            restarting: false,
            restarted: false,
            boot_before: None,
            expected: BTreeMap::new(),
            outputs: BTreeMap::new(),
            faults: BTreeMap::new(),
            early: BTreeMap::new(),
            cancelled: false,
            next_word: Mono::default(),
        }
    }

    pub(super) fn is_operate(&self) -> bool {
        matches!(self.call.order, Order::Operate { .. })
    }

    /// Whether it is a command that does more than look: the box keeps a journal of it.
    pub(super) fn acts(&self) -> bool {
        self.is_operate() && self.call.effect.is_some_and(|effect| effect != Effect::Read)
    }

    pub(super) fn reboots(&self) -> bool {
        matches!(&self.call.order, Order::Operate { command, .. } if REBOOTS.contains(&command.as_str()))
    }

    /// Line3's own arguments of an Operate.
    pub(super) fn reserved(&self, left: Duration) -> BTreeMap<String, String> {
        let values = [
            ("X_LINE3_CallId", self.call.id.clone()),
            ("X_LINE3_Deadline", left.as_millis().to_string()),
            ("X_LINE3_Actor", self.actor.clone()),
            ("X_LINE3_Reason", self.reason.clone()),
        ];
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// One of its commands has ended.
    pub(super) fn ended(&mut self, path: String, end: Result<Outputs, Fault>) {
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
