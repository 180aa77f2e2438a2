//! Getting to know a box: who it is, what its firmware can do (its catalogue, learnt once for each firmware), and that it tells what
//! becomes of commands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::catalogue::{Catalogue, CommandEntry, EventEntry, FieldEntry, ObjectEntry, digest};
use line3_proto::endpoint::{Input as EndpointInput, Refusal};
use line3_proto::health::{BOOT_ID, RUN_ID};
use line3_proto::usp::{
    CmdType, Get, GetResp, GetSupportedDm, GetSupportedDmResp, ObjAccessType, Operate, OperateRespOperationResp, ParamAccessType, Request,
    Response,
};
use line3_proto::value::ValueType;
use line3_proto::{Effect, EndpointId, Machine, Mono, Now};

use super::{Call, Fleet, Order, Output, Purpose, shown};
use crate::store::MAX_CATALOGUE;

const DIGEST: &str = "Device.LocalAgent.X_LINE3_CatalogueDigest";
const REBOOT_MODE: &str = "Device.LocalAgent.X_LINE3_RebootMode";
const DEVICE_INFO: &str = "Device.DeviceInfo.";
const SUBSCRIPTIONS: &str = "Device.LocalAgent.Subscription.";
const CONTROLLERS: &str = "Device.LocalAgent.Controller.";

/// What of `Device.DeviceInfo.` says who a box is.
const IDENTITY: [&str; 8] =
    ["Manufacturer", "ManufacturerOUI", "ModelName", "ProductClass", "SerialNumber", "HardwareVersion", "SoftwareVersion", "HostName"];

/// How long a box has for each answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// After an answer that did not come, how long until it is asked again; also how long one box may take for a catalogue that
/// others wait for.
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
    Waiting,
    /// It is asked for its catalogue, page by page.
    Pages { digest: String, so_far: String },
    /// A foreign agent: it is asked for its supported data model.
    Supported,
    /// It is made to tell what becomes of commands: calls that have not ended yet.
    Subscribing { calls: Vec<String> },
    /// It did not answer, or badly; it is asked again at this time.
    Again(Mono),
}

impl Fleet {
    /// Starts to get to know a box.
    pub(super) fn meet(&mut self, now: Now, id: &EndpointId) {
        let paths = [RUN_ID, BOOT_ID, DIGEST, REBOOT_MODE, DEVICE_INFO, SUBSCRIPTIONS, CONTROLLERS];
        let request = Request::Get(Get { param_paths: paths.map(str::to_owned).to_vec(), max_depth: 1 });
        self.teach(now, id, Lesson::Who, Some(request));
    }

    /// Moves a lesson on, and asks what belongs to it.
    fn teach(&mut self, now: Now, id: &EndpointId, lesson: Lesson, request: Option<Request>) {
        let old: Vec<u64> =
            self.purposes.iter().filter(|(_, purpose)| **purpose == Purpose::Lesson(id.clone())).map(|(tag, _)| *tag).collect();
        for tag in old {
            self.purposes.remove(&tag);
            self.endpoint.handle(now, EndpointInput::Forget(tag));
        }
        let Some(known) = self.boxes.get_mut(id) else { return };
        known.lesson = Some(lesson);
        if let Some(request) = request {
            self.ask(now, Purpose::Lesson(id.clone()), id, request, PATIENCE);
        }
    }

    pub(super) fn next_lesson(&self) -> Option<Mono> {
        let again = |lesson: &Lesson| if let Lesson::Again(at) = lesson { Some(*at) } else { None };
        self.boxes.values().filter_map(|known| again(known.lesson.as_ref()?)).min()
    }

    pub(super) fn tick_lessons(&mut self, now: Now) {
        let due = super::ids(&self.boxes, |known| matches!(known.lesson, Some(Lesson::Again(at)) if at <= now.mono));
        for id in due {
            self.meet(now, &id);
        }
    }

    pub(super) fn lesson_unanswered(&mut self, now: Now, id: &EndpointId) {
        let words = format!("{id} did not say who it is and what it can do; it is asked again");
        self.give_up(now, id, &words);
    }

    /// Puts a lesson off; whoever waits for its catalogue asks another box.
    fn give_up(&mut self, now: Now, id: &EndpointId, words: &str) {
        self.log(words);
        let lesson = self.boxes.get_mut(id).and_then(|known| known.lesson.replace(Lesson::Again(now.mono + AGAIN)));
        if let Some(Lesson::Pages { digest, .. }) = lesson
            && let Some(waiting) = self.wanted.get_mut(&digest)
        {
            waiting.retain(|other| other != id);
            match waiting.front().cloned() {
                Some(next) => self.ask_page(now, &next, digest, String::new()),
                None => {
                    self.wanted.remove(&digest);
                }
            }
        }
    }

    pub(super) fn learnt(&mut self, now: Now, id: &EndpointId, answer: Result<Response, Refusal>) {
        let Some(lesson) = self.boxes.get_mut(id).and_then(|known| known.lesson.take()) else { return };
        match (lesson, answer) {
            (Lesson::Who, Ok(Response::GetResp(response))) => self.who(now, id, response),
            (Lesson::Pages { digest, so_far }, Ok(Response::OperateResp(response))) => {
                let outputs = response.operation_results.into_iter().next().and_then(|result| result.operation_resp);
                match outputs {
                    Some(OperateRespOperationResp::ReqOutputArgs(outputs)) => self.page(now, id, digest, so_far, outputs.output_args),
                    other => {
                        self.resume(id, Lesson::Pages { digest, so_far });
                        self.give_up(now, id, &format!("{id} did not give its catalogue: {other:?}"));
                    }
                }
            }
            (Lesson::Supported, Ok(Response::GetSupportedDmResp(response))) => {
                let catalogue = catalogue_of(&response);
                let json = catalogue.to_json();
                let digest = digest(json.as_bytes());
                self.out.push_back(Output::KeepCatalogue { digest: digest.clone(), json });
                self.catalogue_learnt(now, &digest, Arc::new(catalogue), &[id.clone()]);
            }
            (lesson, answer) => {
                self.resume(id, lesson);
                let why = answer.err().map_or_else(|| "an answer of another kind".to_owned(), |refusal| shown(&refusal.fault.to_string()));
                self.give_up(now, id, &format!("{id} cannot be got to know: {why}"));
            }
        }
    }

    fn resume(&mut self, id: &EndpointId, lesson: Lesson) {
        if let Some(known) = self.boxes.get_mut(id) {
            known.lesson = Some(lesson);
        }
    }

    fn who(&mut self, now: Now, id: &EndpointId, response: GetResp) {
        let mut values = BTreeMap::new();
        for result in response.req_path_results.into_iter().flat_map(|result| result.resolved_path_results) {
            values.extend(result.result_params.into_iter().map(|(name, value)| (format!("{}{name}", result.resolved_path), value)));
        }
        let value = |path: &str| values.get(path).map(|value| shown(value)).filter(|value| !value.is_empty());
        let digest = value(DIGEST).filter(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
        let missing = missing_subscriptions(&values, self.endpoint.id(), digest.is_some());
        let Some(known) = self.boxes.get_mut(id) else { return };
        for name in IDENTITY {
            let path = format!("{DEVICE_INFO}{name}");
            if let Some(value) = value(&path) {
                known.row.identity.insert(path, value);
            }
        }
        known.line3 = digest.is_some();
        if let Some(run) = value(RUN_ID) {
            known.row.run_id = Some(run);
        }
        known.row.boot_id = value(BOOT_ID);
        known.reboot_mode = value(REBOOT_MODE).unwrap_or_default();
        known.to_add = missing;
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
            Some(digest) => match self.catalogues.get(&digest).cloned() {
                Some(catalogue) => self.catalogue_learnt(now, &digest, catalogue, &[id.clone()]),
                None => {
                    self.teach(now, id, Lesson::Waiting, None);
                    let waiting = self.wanted.entry(digest.clone()).or_default();
                    waiting.push_back(id.clone());
                    if waiting.len() == 1 {
                        self.out.push_back(Output::WantCatalogue(digest));
                    }
                }
            },
        }
        self.changed(id);
    }

    /// The store has answered whether it has a catalogue.
    pub(super) fn catalogue_found(&mut self, now: Now, digest: &str, json: Option<Vec<u8>>) {
        let found = json.as_deref().and_then(|json| serde_json::from_slice(json).ok());
        if let Some(catalogue) = found {
            let waiting: Vec<EndpointId> = self.wanted.remove(digest).unwrap_or_default().into_iter().collect();
            return self.catalogue_learnt(now, digest, Arc::new(catalogue), &waiting);
        }
        if let Some(first) = self.wanted.get(digest).and_then(|waiting| waiting.front().cloned()) {
            self.ask_page(now, &first, digest.to_owned(), String::new());
        }
    }

    fn ask_page(&mut self, now: Now, id: &EndpointId, digest: String, so_far: String) {
        let operate = Operate {
            command: "Device.LocalAgent.X_LINE3_GetCatalogue()".to_owned(),
            command_key: String::new(),
            send_resp: true,
            input_args: BTreeMap::from([("Offset".to_owned(), so_far.len().to_string())]),
        };
        self.teach(now, id, Lesson::Pages { digest, so_far }, Some(Request::Operate(operate)));
    }

    fn page(&mut self, now: Now, id: &EndpointId, digest_told: String, mut so_far: String, outputs: BTreeMap<String, String>) {
        let total = outputs.get("Total").and_then(|total| total.parse::<usize>().ok()).unwrap_or(0);
        let data = outputs.get("Data").map_or("", String::as_str);
        so_far.push_str(data);
        if data.is_empty() || total > MAX_CATALOGUE || so_far.len() > total {
            self.resume(id, Lesson::Pages { digest: digest_told, so_far: String::new() });
            return self.give_up(
                now,
                id,
                &format!("{id} gives a catalogue that is not of the size it says, or larger than {MAX_CATALOGUE} bytes"),
            );
        }
        if so_far.len() < total {
            return self.ask_page(now, id, digest_told, so_far);
        }
        // Others trust this catalogue by its digest, so the digest must be right: boxes are hostile.
        let catalogue = serde_json::from_str::<Catalogue>(&so_far).ok().filter(|_| digest(so_far.as_bytes()) == digest_told);
        let Some(catalogue) = catalogue else {
            self.resume(id, Lesson::Pages { digest: digest_told, so_far: String::new() });
            return self.give_up(now, id, &format!("{id} gives a catalogue that is not the one of its digest"));
        };
        self.out.push_back(Output::KeepCatalogue { digest: digest_told.clone(), json: so_far });
        let waiting: Vec<EndpointId> = self.wanted.remove(&digest_told).unwrap_or_default().into_iter().collect();
        self.catalogue_learnt(now, &digest_told, Arc::new(catalogue), &waiting);
    }

    fn catalogue_learnt(&mut self, now: Now, digest: &str, catalogue: Arc<Catalogue>, boxes: &[EndpointId]) {
        self.catalogues.insert(digest.to_owned(), Arc::clone(&catalogue));
        for id in boxes {
            let Some(known) = self.boxes.get_mut(id) else { continue };
            known.catalogue = Some(Arc::clone(&catalogue));
            known.row.catalogue = Some(digest.to_owned());
            known.lesson = None;
            let missing = std::mem::take(&mut known.to_add);
            self.out.push_back(Output::Knows { box_id: id.clone(), catalogue: Arc::clone(&catalogue), ready: false });
            self.changed(id);
            self.subscribe(now, id, missing);
        }
    }

    /// Makes a box tell what becomes of commands, before the first command is sent.
    fn subscribe(&mut self, now: Now, id: &EndpointId, missing: Vec<usize>) {
        if missing.is_empty() {
            return self.box_ready(now, id);
        }
        let mut calls = Vec::new();
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
            let call = Call {
                id: format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64()),
                box_id: id.clone(),
                order: Order::Add { table: SUBSCRIPTIONS.to_owned(), values },
                effect: Some(Effect::Disrupt),
                deadline: PATIENCE,
                wait: false,
            };
            calls.push(call.id.clone());
            self.out.push_back(Output::Propose(call));
        }
        self.resume(id, Lesson::Subscribing { calls });
    }

    /// A call has ended; perhaps one that made a box tell.
    pub(super) fn subscribed(&mut self, now: Now, id: &EndpointId, call: &str, made: bool) {
        let Some(known) = self.boxes.get_mut(id) else { return };
        let Some(Lesson::Subscribing { calls }) = &mut known.lesson else { return };
        if !calls.iter().any(|id| id == call) {
            return;
        }
        calls.retain(|id| id != call);
        let done = calls.is_empty();
        if !made {
            self.give_up(now, id, &format!("{id} cannot be made to tell what becomes of commands; tried again"));
        } else if done {
            self.box_ready(now, id);
        }
    }

    fn box_ready(&mut self, now: Now, id: &EndpointId) {
        if let Some(known) = self.boxes.get_mut(id) {
            known.ready = true;
            known.lesson = None;
            if let Some(catalogue) = known.catalogue.clone() {
                self.out.push_back(Output::Knows { box_id: id.clone(), catalogue, ready: true });
            }
        }
        self.send_queued(now, id);
    }
}

/// Which of [`TELL`] the box does not tell this controller yet.
fn missing_subscriptions(values: &BTreeMap<String, String>, me: &EndpointId, line3: bool) -> Vec<usize> {
    let rows = |table: &str, name: &str| {
        let (table, name) = (table.to_owned(), format!(".{name}"));
        values.iter().filter_map(move |(path, value)| Some((path.strip_prefix(&table)?.strip_suffix(&name)?.to_owned(), value.clone())))
    };
    let mine = rows(CONTROLLERS, "EndpointID").find(|(_, id)| id == me.as_str()).map(|(number, _)| format!("{CONTROLLERS}{number}"));
    let is_mine = |number: &str| {
        let recipient = values.get(&format!("{SUBSCRIPTIONS}{number}.Recipient")).map(|path| path.trim_end_matches('.'));
        mine.is_none() || recipient == mine.as_deref()
    };
    let told: Vec<String> = rows(SUBSCRIPTIONS, "ID").filter(|(number, _)| is_mine(number)).map(|(_, id)| id).collect();
    let wanted = TELL.iter().enumerate().filter(|(_, (_, _, about, _))| line3 || !about.contains("X_LINE3_"));
    wanted.filter(|(_, (name, ..))| !told.iter().any(|id| id == name)).map(|(index, _)| index).collect()
}

/// What a GetSupportedDM told, as a catalogue: names and types, without documentation, units and effects.
pub(super) fn catalogue_of(response: &GetSupportedDmResp) -> Catalogue {
    let field = |name: &str, ty: ValueType, writable: bool| FieldEntry {
        name: shown(name),
        doc: String::new(),
        ty,
        list: false,
        unit: String::new(),
        min: None,
        max: None,
        values: Vec::new(),
        writable,
        mandatory: false,
        default: None,
    };
    let arguments = |names: &[String]| names.iter().map(|name| field(name, ValueType::String, false)).collect();
    let mut made = Catalogue::default();
    for object in response.req_obj_results.iter().flat_map(|result| &result.supported_objs) {
        let path = shown(&object.supported_obj_path);
        made.commands.extend(object.supported_commands.iter().map(|command| CommandEntry {
            path: format!("{path}{}", shown(&command.command_name)),
            doc: String::new(),
            effect: None,
            asynchronous: command.command_type() == CmdType::CmdAsync,
            limit: None,
            input: arguments(&command.input_arg_names),
            output: arguments(&command.output_arg_names),
        }));
        made.events.extend(object.supported_events.iter().map(|event| EventEntry {
            path: format!("{path}{}", shown(&event.event_name)),
            doc: String::new(),
            arguments: arguments(&event.arg_names),
        }));
        made.objects.push(ObjectEntry {
            doc: String::new(),
            creatable: matches!(object.access(), ObjAccessType::ObjAddDelete | ObjAccessType::ObjAddOnly),
            unique_keys: object.unique_key_sets.iter().map(|set| set.key_names.iter().map(|name| shown(name)).collect()).collect(),
            parameters: object
                .supported_params
                .iter()
                .map(|param| {
                    field(&param.param_name, ValueType::from_number(param.value_type), param.access() != ParamAccessType::ParamReadOnly)
                })
                .collect(),
            path,
        });
    }
    made
}
