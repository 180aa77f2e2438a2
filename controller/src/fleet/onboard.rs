//! Getting to know a box: who it is, what its firmware can do (`catalogues.rs`), and that it tells what becomes of commands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use line3_proto::catalogue::digest;
use line3_proto::endpoint::Refusal;
use line3_proto::health::{BOOT_ID, RUN_ID};
use line3_proto::usp::{Get, GetResp, GetSupportedDm, OperateRespOperationResp, Request, Response};
use line3_proto::{Effect, EndpointId, Mono, Now};

use super::presence::is_run;
use super::supported::catalogue_of;
use super::{Call, Edit, Fleet, Order, Output, Purpose, shown};

const DIGEST: &str = "Device.LocalAgent.X_LINE3_CatalogueDigest";
const DEVICE_INFO: &str = "Device.DeviceInfo.";
const SUBSCRIPTIONS: &str = "Device.LocalAgent.Subscription.";
const CONTROLLERS: &str = "Device.LocalAgent.Controller.";

/// What of `Device.DeviceInfo.` says who a box is.
const IDENTITY: [&str; 8] =
    ["Manufacturer", "ManufacturerOUI", "ModelName", "ProductClass", "SerialNumber", "HardwareVersion", "SoftwareVersion", "HostName"];

/// How long a box has for each answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// After an answer that did not come, or was bad, how long until the box is met again; also how long it has to take its
/// subscriptions.
const AGAIN: Duration = Duration::from_secs(60);

/// What the box is to tell: the subscription's id, its type, what it is about, whether it is told until it is answered.
const TELL: [(&str, &str, &str, bool); 3] = [
    ("line3-boot", "Event", "Device.Boot!", true),
    ("line3-complete", "OperationComplete", "Device.", true),
    ("line3-progress", "Event", "Device.LocalAgent.Request.*.X_LINE3_Progress!", false),
];

/// For how long the box goes on telling the end of a command that nobody acknowledges, in seconds.
const TELL_FOR: &str = "86400";

/// How far getting to know a box is.
#[derive(Debug)]
pub(super) enum Lesson {
    /// It was asked who it is.
    Who,
    /// Its catalogue's digest is known; the store or another box of this firmware is asked for the catalogue.
    Waiting { digest: String },
    /// It is asked for its catalogue, page by page, at most until then.
    Pages { digest: String, so_far: String, by: Mono },
    /// A foreign agent: it is asked for its supported data model.
    Supported,
    /// It is made to tell what becomes of commands: calls that have not ended yet.
    Subscribing { calls: BTreeSet<String> },
    /// It did not answer, or badly; it is met again.
    Again,
}

impl Fleet {
    /// Starts to get to know a box.
    pub(super) fn meet(&mut self, now: Now, id: &EndpointId) {
        let paths = [RUN_ID, BOOT_ID, DIGEST, DEVICE_INFO, &format!("{SUBSCRIPTIONS}*."), &format!("{CONTROLLERS}*.")];
        let request = Request::Get(Get { param_paths: paths.map(str::to_owned).to_vec(), max_depth: 1 });
        self.teach(now, id, Lesson::Who, Some(request));
    }

    /// Begins another part of a box's lesson, and asks what belongs to it.
    pub(super) fn teach(&mut self, now: Now, id: &EndpointId, lesson: Lesson, request: Option<Request>) {
        self.leave_for(now, id, Some(lesson));
        if let Some(request) = request {
            self.ask_lesson(now, id, request);
        }
    }

    /// Asks the next thing of a box's lesson.
    pub(super) fn ask_lesson(&mut self, now: Now, id: &EndpointId, request: Request) {
        let tag = self.ask(now, Purpose::Lesson(id.clone()), id, request, PATIENCE);
        if let Some(known) = self.boxes.get_mut(id) {
            known.asked = Some(tag);
        }
    }

    /// Breaks a box's lesson off; whoever waits for the catalogue that it was asked for asks another box.
    pub(super) fn leave(&mut self, now: Now, id: &EndpointId) {
        self.leave_for(now, id, None);
    }

    fn leave_for(&mut self, now: Now, id: &EndpointId, next: Option<Lesson>) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        let due = match next {
            Some(Lesson::Again | Lesson::Subscribing { .. }) => Some(now.mono + AGAIN),
            _ => None,
        };
        // One box asked for pages after another is the same catalogue: only word of the box itself leaves it.
        let lesson = std::mem::replace(&mut known.lesson, next);
        let asked = known.asked.take();
        let was_due = std::mem::replace(&mut known.due, due);
        if let Some(at) = was_due {
            self.lessons.remove(&(at, id.clone()));
        }
        if let Some(at) = due {
            self.lessons.insert((at, id.clone()));
        }
        self.forget(now, asked);
        if let Some(Lesson::Waiting { digest } | Lesson::Pages { digest, .. }) = lesson
            && !self.learns(id, &digest)
        {
            self.wants_no_more(now, id, &digest);
        }
    }

    /// Whether the box is at the catalogue of this digest.
    fn learns(&self, id: &EndpointId, wanted: &str) -> bool {
        let lesson = self.boxes.get(id).and_then(|known| known.lesson.as_ref());
        matches!(lesson, Some(Lesson::Waiting { digest } | Lesson::Pages { digest, .. }) if digest == wanted)
    }

    pub(super) fn tick_lessons(&mut self, now: Now) {
        while let Some((at, id)) = self.lessons.first().cloned()
            && at <= now.mono
        {
            self.meet(now, &id);
        }
    }

    pub(super) fn lesson_unanswered(&mut self, now: Now, id: &EndpointId) {
        self.give_up(now, id, &format!("{id} did not say who it is and what it can do; it is asked again"));
    }

    /// Puts a lesson off.
    pub(super) fn give_up(&mut self, now: Now, id: &EndpointId, words: &str) {
        self.log(words);
        self.teach(now, id, Lesson::Again, None);
    }

    pub(super) fn learnt(&mut self, now: Now, id: &EndpointId, answer: Result<Response, Refusal>) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        known.asked = None;
        match (&known.lesson, answer) {
            (Some(Lesson::Who), Ok(Response::GetResp(response))) => self.who(now, id, response),
            (Some(Lesson::Pages { .. }), Ok(Response::OperateResp(response))) => {
                match response.operation_results.into_iter().next().and_then(|result| result.operation_resp) {
                    Some(OperateRespOperationResp::ReqOutputArgs(outputs)) => self.page(now, id, &outputs.output_args),
                    other => self.give_up(now, id, &shown(&format!("{id} did not give its catalogue: {other:?}"))),
                }
            }
            (Some(Lesson::Supported), Ok(Response::GetSupportedDmResp(response))) => {
                let catalogue = catalogue_of(&response);
                let json = catalogue.to_json();
                let digest = digest(json.as_bytes());
                self.out.push_back(Output::KeepCatalogue { digest: digest.clone(), json });
                self.catalogue_learnt(now, &digest, &Arc::new(catalogue), BTreeSet::from([id.clone()]));
            }
            (_, answer) => {
                let why = answer.err().map_or_else(|| "an answer of another kind".to_owned(), |refusal| shown(&refusal.fault.to_string()));
                self.give_up(now, id, &format!("{id} cannot be got to know: {why}"));
            }
        }
    }

    fn who(&mut self, now: Now, id: &EndpointId, response: GetResp) {
        let mut values = BTreeMap::new();
        for result in response.req_path_results.into_iter().flat_map(|result| result.resolved_path_results) {
            values.extend(result.result_params.into_iter().map(|(name, value)| (format!("{}{name}", result.resolved_path), value)));
        }
        let value = |path: &str| values.get(path).map(|value| shown(value)).filter(|value| !value.is_empty());
        let digest = value(DIGEST).filter(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
        let missing = missing_subscriptions(&values, self.endpoint.id().as_str(), digest.is_some());
        let Some(known) = self.boxes.get_mut(id) else { return };
        for name in IDENTITY {
            let path = format!("{DEVICE_INFO}{name}");
            if let Some(value) = value(&path) {
                known.row.identity.insert(path, value);
            }
        }
        known.line3 = digest.is_some();
        if let Some(run) = value(RUN_ID).filter(|run| is_run(run)) {
            known.row.run_id = Some(run);
        }
        known.row.boot_id = value(BOOT_ID);
        known.to_add = missing;
        self.changed(id);
        match digest {
            None => {
                let request = GetSupportedDm {
                    obj_paths: vec!["Device.".to_owned()],
                    first_level_only: false,
                    return_commands: true,
                    return_events: true,
                    return_params: true,
                    return_unique_key_sets: true,
                };
                self.teach(now, id, Lesson::Supported, Some(Request::GetSupportedDm(request)));
            }
            Some(digest) => self.find_catalogue(now, id, digest),
        }
    }

    /// Makes a box tell what becomes of commands, before the first command is sent.
    pub(super) fn subscribe(&mut self, now: Now, id: &EndpointId, missing: Vec<usize>) {
        if missing.is_empty() {
            return self.box_ready(now, id);
        }
        let mut calls = BTreeSet::new();
        for (name, kind, about, retry) in missing.into_iter().filter_map(|index| TELL.get(index)) {
            let values = [
                ("ID", *name),
                ("Enable", "true"),
                ("NotifType", *kind),
                ("ReferenceList", *about),
                ("Persistent", "true"),
                ("NotifRetry", if *retry { "true" } else { "false" }),
                ("NotifExpiration", TELL_FOR),
            ];
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let row = Edit { path: SUBSCRIPTIONS.to_owned(), values, optional: BTreeSet::new() };
            let call = Call {
                id: format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64()),
                box_id: id.clone(),
                order: Order::Add { objects: vec![row], allow_partial: false },
                effect: Some(Effect::Disrupt),
                deadline: PATIENCE,
                wait: false,
            };
            calls.insert(call.id.clone());
            self.out.push_back(Output::Propose(call));
        }
        self.teach(now, id, Lesson::Subscribing { calls }, None);
    }

    /// Whether a call is one that makes its box tell: it is not counted against the bounds, or a box with many calls that wait for
    /// it would never get ready for them.
    pub(super) fn subscribes(&self, id: &EndpointId, call: &str) -> bool {
        let lesson = self.boxes.get(id).and_then(|known| known.lesson.as_ref());
        matches!(lesson, Some(Lesson::Subscribing { calls }) if calls.contains(call))
    }

    /// A call has ended; perhaps one that made a box tell.
    pub(super) fn subscribed(&mut self, now: Now, id: &EndpointId, call: &str, made: bool) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        let Some(Lesson::Subscribing { calls }) = &mut known.lesson else { return };
        if !calls.remove(call) {
            return;
        }
        let done = calls.is_empty();
        if !made {
            self.give_up(now, id, &format!("{id} cannot be made to tell what becomes of commands; tried again"));
        } else if done {
            self.box_ready(now, id);
        }
    }

    fn box_ready(&mut self, now: Now, id: &EndpointId) {
        self.leave(now, id);
        if let Some(known) = self.boxes.get_mut(id) {
            known.ready = true;
        }
        self.tell_ready(id);
        self.send_queued(now, id);
    }

    /// Says that a box can be ordered to do things.
    pub(super) fn tell_ready(&mut self, id: &EndpointId) {
        let digest = self.boxes.get(id).and_then(|known| known.row.catalogue.as_ref());
        if let Some(catalogue) = digest.and_then(|digest| self.catalogues.known.get(digest)).cloned() {
            self.out.push_back(Output::Knows { box_id: id.clone(), catalogue, ready: true });
        }
    }
}

/// Which of [`TELL`] the box does not tell this controller yet.
fn missing_subscriptions(values: &BTreeMap<String, String>, me: &str, line3: bool) -> Vec<usize> {
    let number_of = |table: &str, path: &str, name: &str| {
        let number = path.strip_prefix(table)?.strip_suffix(name)?.strip_suffix('.')?;
        (!number.contains('.')).then(|| number.to_owned())
    };
    let value = |number: &str, name: &str| values.get(&format!("{SUBSCRIPTIONS}{number}.{name}")).map(|value| value.trim_end_matches('.'));
    let mine = values.iter().find_map(|(path, id)| number_of(CONTROLLERS, path, "EndpointID").filter(|_| id == me));
    let mine = mine.map(|number| format!("{CONTROLLERS}{number}"));
    let told: BTreeSet<&String> = values
        .iter()
        .filter_map(|(path, id)| Some((number_of(SUBSCRIPTIONS, path, "ID")?, id)))
        .filter(|(number, _)| mine.is_none() || value(number, "Recipient") == mine.as_deref())
        .map(|(_, id)| id)
        .collect();
    let wanted = TELL.iter().enumerate().filter(|(_, (_, _, about, _))| line3 || !about.contains("X_LINE3_"));
    wanted.filter(|(_, (name, ..))| !told.iter().any(|id| id == name)).map(|(index, _)| index).collect()
}
