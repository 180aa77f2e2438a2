//! Operate: what a controller orders, answered now or when its synchronous commands have ended.

use std::rc::Rc;
use std::time::Duration;

use line3_proto::effect::Effect;
use line3_proto::endpoint::{Input as EndpointInput, Refusal, Reply};
use line3_proto::fault::code;
use line3_proto::path::{Path, Target};
use line3_proto::row::Args;
use line3_proto::usp::{
    Operate, OperateResp, OperateRespCommandFailure, OperateRespOperationResp, OperateRespOutputArgs, OperationResult, Response,
};
use line3_proto::{EndpointId, Fault, Machine, Now};

use super::Agent;
use super::jobs::{JobId, MAX_JOBS, Order, Ready};
use super::journal::{CallKey, Entry, Stage};
use super::lasting::MAX_LASTING;
use super::look::Place;
use super::notify::Happening;
use super::rights::{Kind, Right, Rights};
use super::supported;
use crate::commands::{CommandDef, Ctx, Progress};

/// What leads the reserved input arguments, which only Line3's own controller sends.
const RESERVED: &str = "X_LINE3_";

/// The longest command key and call id that are taken, in bytes: they are kept in the journal.
const MAX_KEY: usize = 256;

/// What Line3's controller says along with the arguments of a command.
struct Reserved {
    call_id: Option<String>,
    /// How long the call has from its arrival.
    deadline: Option<Duration>,
}

impl Reserved {
    /// Takes the reserved arguments off.
    fn take(args: &mut Args) -> Result<Self, Fault> {
        let call_id = args.get("X_LINE3_CallId").filter(|id| !id.is_empty()).cloned();
        within_bounds("X_LINE3_CallId", call_id.as_deref().unwrap_or(""))?;
        let deadline = match args.get("X_LINE3_Deadline").map(|millis| (millis, millis.parse().ok())) {
            None => None,
            Some((_, Some(millis))) => Some(Duration::from_millis(millis)),
            Some((text, None)) => {
                let shown: String = text.chars().take(60).collect();
                let text = format!("X_LINE3_Deadline takes milliseconds from arrival, not {shown:?}");
                return Err(Fault::new(code::INVALID_ARGUMENTS, text));
            }
        };
        args.retain(|name, _| !name.starts_with(RESERVED));
        Ok(Self { call_id, deadline })
    }
}

fn within_bounds(name: &str, key: &str) -> Result<(), Fault> {
    if key.len() > MAX_KEY {
        return Err(Fault::new(code::INVALID_ARGUMENTS, format!("{name} takes at most {MAX_KEY} bytes, not {}", key.len())));
    }
    Ok(())
}

/// An OperateResp that waits for synchronous commands.
pub(super) struct Waiting {
    id: u64,
    reply: Option<Reply>,
    results: Vec<Option<OperationResult>>,
}

/// What is to be done, once the order itself is found to make sense.
struct Plan {
    def: &'static CommandDef,
    places: Vec<Place>,
    args: Args,
    reserved: Reserved,
}

impl Plan {
    /// The command's name, with its `()`.
    fn name(&self) -> &'static str {
        self.def.path.rsplit('.').next().unwrap_or("")
    }
}

/// The end of a call that came before, to be told again.
struct Replay {
    path: String,
    command_key: String,
    result: Result<Args, Fault>,
}

fn failure(path: &str, fault: Fault) -> OperationResult {
    let failure = OperateRespCommandFailure { err_code: fault.code, err_msg: fault.text };
    OperationResult { executed_command: path.to_owned(), operation_resp: Some(OperateRespOperationResp::CmdFailure(failure)) }
}

pub(super) fn outcome(path: &str, result: Result<Args, Fault>) -> OperationResult {
    match result {
        Ok(output_args) => OperationResult {
            executed_command: path.to_owned(),
            operation_resp: Some(OperateRespOperationResp::ReqOutputArgs(OperateRespOutputArgs { output_args })),
        },
        Err(fault) => failure(path, fault),
    }
}

fn accepted(path: &str, id: JobId) -> OperationResult {
    let request = format!("Device.LocalAgent.Request.{id}.");
    OperationResult { executed_command: path.to_owned(), operation_resp: Some(OperateRespOperationResp::ReqObjPath(request)) }
}

impl Agent {
    /// Answers an Operate, now or when its synchronous commands have ended. `remaining` is what was left of the message's expiry.
    pub(super) fn operate(
        &mut self,
        now: Now,
        from: &EndpointId,
        rights: &Rights,
        mut request: Operate,
        reply: Reply,
        remaining: Option<Duration>,
    ) {
        let plan = self.plan(now, rights, &mut request);
        let may_run = |plan: &Plan, place: &Place| {
            let path = format!("{}{}", place.path, plan.name());
            rights.allows(Kind::CommandEvent, Right::Execute, &path)
        };
        // A refusal is told to who did not ask for an answer too, as an Error is (R-OPR.4).
        let denied = plan.as_ref().is_ok_and(|plan| !plan.places.is_empty() && !plan.places.iter().any(|place| may_run(plan, place)));
        let reply = if request.send_resp || denied {
            Some(reply)
        } else {
            self.endpoint.handle(now, EndpointInput::Done(reply.clone()));
            // An error may be told all the same (R-OPR.4).
            plan.is_err().then_some(reply)
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(fault) => return self.answer(now, reply, Err(fault.into())),
        };
        let allowed: Vec<bool> = plan.places.iter().map(|place| may_run(&plan, place)).collect();
        let name = plan.name();
        let Plan { def, places, args, reserved } = plan;
        self.jobs.last_answer += 1;
        let answer = self.jobs.last_answer;
        self.jobs.waiting.push(Waiting { id: answer, reply, results: vec![None; places.len()] });
        let mut replays = Vec::new();
        for (slot, (place, allowed)) in places.iter().zip(allowed).enumerate() {
            let path = format!("{}{name}", place.path);
            if !allowed {
                let fault = Fault::new(code::PERMISSION_DENIED, format!("{path} did not run: the roles of {from} do not allow it"));
                self.fill(answer, slot, failure(&path, fault));
                continue;
            }
            let call = reserved.call_id.clone().map(|call_id| CallKey { originator: from.to_string(), call_id });
            let order =
                Order { def, path: &path, command_key: &request.command_key, originator: from.as_str(), call, answer: (answer, slot) };
            let result = self.run(now, &order, &args, reserved.deadline, remaining, &mut replays);
            match result {
                Ok(Some(result)) => self.fill(answer, slot, result),
                Ok(None) => {}
                Err(fault) => self.fill(answer, slot, failure(&path, fault)),
            }
        }
        self.settle(now, answer);
        // A controller hears first that its call was taken, then how it ended.
        for Replay { path, command_key, result } in replays {
            self.tell(now, &Happening::Completed { command: &path, command_key: &command_key, result: &result });
        }
    }

    /// Finds out what an order means. A fault says that the message as a whole makes no sense.
    fn plan(&mut self, now: Now, rights: &Rights, request: &mut Operate) -> Result<Plan, Fault> {
        let mut args = std::mem::take(&mut request.input_args);
        let reserved = Reserved::take(&mut args)?;
        within_bounds("command_key", &request.command_key)?;
        let path = Path::parse(&request.command)?;
        let unsupported = || Fault::new(code::INVALID_PATH, format!("{path} is no command of this box"));
        if !matches!(path.target, Target::Command(_)) {
            return Err(unsupported());
        }
        let places = self.look_as(now, rights, |look| look.resolve(&path))?;
        let template = match places.first() {
            // A reference may have led elsewhere than the path is spelled.
            Some(place) => format!("{}{}", place.template, path.template().rsplit('.').next().unwrap_or("")),
            None => path.template(),
        };
        let def = self.model.command(&template).ok_or_else(unsupported)?;
        if places.len() > MAX_JOBS {
            let text = format!("{path} names {} commands; at most {MAX_JOBS} can be under way", places.len());
            return Err(Fault::new(code::RESOURCES_EXCEEDED, text));
        }
        Ok(Plan { def, places, args, reserved })
    }

    /// Starts one command. What it gives is its result, if that is known already.
    fn run(
        &mut self,
        now: Now,
        order: &Order<'_>,
        args: &Args,
        deadline: Option<Duration>,
        remaining: Option<Duration>,
        replays: &mut Vec<Replay>,
    ) -> Result<Option<OperationResult>, Fault> {
        let Order { def, path, .. } = *order;
        if let Some(call) = &order.call
            && let Some(known) = self.journal.find(call, path)?.cloned()
        {
            return Ok(Some(self.repeat(def, known, replays)));
        }
        if [deadline, remaining].into_iter().flatten().any(|time| time.is_zero()) {
            return Err(Fault::new(code::CALL_EXPIRED, format!("{path}: the call's deadline had passed when it came; it did not run")));
        }
        if self.leaving.is_some() {
            return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{path} did not run: the box is about to restart")));
        }
        if def.lasting && self.lasting.is_full() {
            let text = format!("{path} did not run: {MAX_LASTING} commands that outlive a restart are under way; cancel one first");
            return Err(Fault::new(code::RESOURCES_EXCEEDED, text));
        }
        if self.jobs.is_full(def) {
            return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{MAX_JOBS} commands are under way; cancel one or try again later")));
        }
        let ready = self.ready(def, path, args, Duration::ZERO)?;
        let journaled = if def.effect == Effect::Read {
            None
        } else {
            // Written before acting: after a power failure this box says that it cannot tell, and does not act again.
            let begun = self.journal.begin(&*self.host, order.call.clone(), path, order.command_key);
            Some(begun.map_err(|error| {
                let text = format!("{path} did not run: the journal cannot be written ({error}); free space on the box first");
                Fault::new(code::INTERNAL, text)
            })?)
        };
        let limit = deadline.map_or(def.limit, |deadline| deadline.min(def.limit));
        if def.lasting {
            self.remember(now, order, args)?;
        }
        let id = self.start(now, order, journaled, limit, ready);
        Ok(def.asynchronous.then(|| accepted(path, id)))
    }

    /// Checks the arguments of a command and makes it ready to run.
    pub(super) fn ready(&self, def: &CommandDef, path: &str, args: &Args, passed: Duration) -> Result<Ready, Fault> {
        let (progress, afterwards) = (Progress::default(), Rc::default());
        let model = Rc::clone(&self.model);
        let ctx = Ctx {
            host: Rc::clone(&self.host),
            path: path.to_owned(),
            progress: progress.clone(),
            afterwards: Rc::clone(&afterwards),
            catalogue: Rc::new(move || supported::catalogue(&model)),
            passed,
        };
        Ok(Ready { running: (def.start)(args, ctx)?, progress, afterwards })
    }

    /// Answers a call that came before: by what was recorded, without acting.
    fn repeat(&mut self, def: &CommandDef, known: Entry, replays: &mut Vec<Replay>) -> OperationResult {
        let Entry { serial, command: path, command_key, stage, .. } = known;
        let result = match stage {
            Stage::Begun => {
                return match self.jobs.of_entry(serial) {
                    Some(id) if def.asynchronous => accepted(&path, id),
                    _ => failure(&path, Fault::new(code::RESOURCES_EXCEEDED, format!("{path}: this very call is under way"))),
                };
            }
            Stage::Rebooting { .. } => Ok(Args::new()),
            Stage::Ended(result) => result.map_err(|(code, text)| Fault::new(code, text)),
        };
        if !def.asynchronous {
            return outcome(&path, result);
        }
        let request = accepted(&path, self.jobs.next_id());
        replays.push(Replay { path, command_key, result });
        request
    }

    /// Puts a result into its place in an answer.
    pub(super) fn fill(&mut self, answer: u64, slot: usize, result: OperationResult) {
        let waiting = self.jobs.waiting.iter_mut().find(|waiting| waiting.id == answer);
        if let Some(place) = waiting.and_then(|waiting| waiting.results.get_mut(slot)) {
            *place = Some(result);
        }
    }

    /// Sends an OperateResp once all its results are there.
    pub(super) fn settle(&mut self, now: Now, answer: u64) {
        let done = |waiting: &Waiting| waiting.id == answer && waiting.results.iter().all(Option::is_some);
        if let Some(index) = self.jobs.waiting.iter().position(done) {
            let Waiting { reply, results, .. } = self.jobs.waiting.swap_remove(index);
            let response = OperateResp { operation_results: results.into_iter().flatten().collect() };
            self.answer(now, reply, Ok(Response::OperateResp(response)));
        }
    }

    fn answer(&mut self, now: Now, reply: Option<Reply>, answer: Result<Response, Refusal>) {
        if let Some(reply) = reply {
            self.endpoint.handle(now, EndpointInput::Answer(reply, answer));
        }
    }
}
