//! Operate: commands under way, each a task of its own, so that one that hangs blocks nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use line3_proto::endpoint::{Input as EndpointInput, Refusal, Reply};
use line3_proto::fault::code;
use line3_proto::path::{Path, Target};
use line3_proto::row::Args;
use line3_proto::usp::{
    Operate, OperateResp, OperateRespCommandFailure, OperateRespOperationResp, OperateRespOutputArgs, OperationResult, Response,
};
use line3_proto::{EndpointId, Fault, Machine, Mono, Now};

use super::journal::{CallKey, Entry, Stage, ended};
use super::model::Place;
use super::notify::{Happening, PROGRESS};
use super::{Agent, Output};
use crate::commands::{Afterwards, CommandDef, Ctx, Progress, Running};
use crate::view::Request;
use line3_proto::effect::Effect;

/// The most commands under way at once; one more is refused with 7005.
const MAX_JOBS: usize = 16;

/// How often progress is passed on, at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What leads the reserved input arguments, which only Line3's own controller sends.
const RESERVED: &str = "X_LINE3_";

/// Names a command under way: the instance number of its Request row.
pub type JobId = u32;

/// A command to be polled until it ends, or is cancelled.
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The command.
    pub running: Running,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the machine knows of a command under way.
pub(super) struct Task {
    id: JobId,
    def: &'static CommandDef,
    path: String,
    command_key: String,
    call: Option<CallKey>,
    /// Whether it stands in the journal.
    journaled: bool,
    /// The answer that waits for it (synchronous commands): which, and its place in it.
    answer: Option<(u64, usize)>,
    progress: Progress,
    next_progress: Mono,
    afterwards: Rc<Cell<Afterwards>>,
    ends: Mono,
}

/// An OperateResp that waits for synchronous commands.
struct Waiting {
    id: u64,
    reply: Option<Reply>,
    results: Vec<Option<OperationResult>>,
}

/// Commands under way.
#[derive(Default)]
pub(super) struct Jobs {
    tasks: Vec<Task>,
    waiting: Vec<Waiting>,
    last_id: JobId,
    last_answer: u64,
}

impl Jobs {
    /// When a command is to be stopped, or asked for its progress.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.tasks.iter().map(|task| task.ends.min(task.next_progress)).min()
    }
}

/// What Line3's controller says along with the arguments of a command.
struct Reserved {
    call_id: Option<String>,
    /// How long the call has from its arrival, in milliseconds.
    deadline: Option<Duration>,
}

impl Reserved {
    /// Takes the reserved arguments off.
    fn take(args: &mut Args) -> Self {
        let call_id = args.get("X_LINE3_CallId").filter(|id| !id.is_empty()).cloned();
        let deadline = args.get("X_LINE3_Deadline").and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        args.retain(|name, _| !name.starts_with(RESERVED));
        Self { call_id, deadline }
    }
}

fn failure(path: &str, fault: Fault) -> OperationResult {
    let failure = OperateRespCommandFailure { err_code: fault.code, err_msg: fault.text };
    OperationResult { executed_command: path.to_owned(), operation_resp: Some(OperateRespOperationResp::CmdFailure(failure)) }
}

fn outcome(path: &str, result: Result<Args, Fault>) -> OperationResult {
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

/// One Operate: who asks for what.
struct Order<'a> {
    from: &'a EndpointId,
    originator: &'a str,
    command_key: &'a str,
    args: Args,
    reserved: Reserved,
    remaining: Option<Duration>,
}

impl Agent {
    /// Answers an Operate, now or when its synchronous commands have ended.
    pub(super) fn operate(
        &mut self,
        now: Now,
        from: &EndpointId,
        originator: &str,
        request: Operate,
        reply: Reply,
        remaining: Option<Duration>,
    ) {
        let mut args = request.input_args;
        let reserved = Reserved::take(&mut args);
        let order = Order { from, originator, command_key: &request.command_key, args, reserved, remaining };
        let found = Path::parse(&request.command).and_then(|path| self.commands_at(now, &path));
        let reply = if request.send_resp {
            Some(reply)
        } else {
            self.endpoint.handle(now, EndpointInput::Done(reply.clone()));
            // Errors may come all the same (R-OPR.4).
            found.is_err().then_some(reply)
        };
        let (def, places) = match found {
            Ok(found) => found,
            Err(fault) => return self.answer(now, reply, Err(fault.into())),
        };
        self.jobs.last_answer += 1;
        let answer = self.jobs.last_answer;
        let name = def.path.rsplit('.').next().unwrap_or("");
        self.jobs.waiting.push(Waiting { id: answer, reply, results: vec![None; places.len()] });
        for (slot, place) in places.iter().enumerate() {
            let path = format!("{}{name}", place.path);
            match self.run(now, def, &path, &order, (answer, slot)) {
                Ok(Some(result)) => self.fill(now, answer, slot, result),
                Ok(None) => {}
                Err(fault) => self.fill(now, answer, slot, failure(&path, fault)),
            }
        }
        if places.is_empty() {
            self.settle(now, answer);
        }
    }

    fn commands_at(&mut self, now: Now, path: &Path) -> Result<(&'static CommandDef, Vec<Place>), Fault> {
        let unsupported = || Fault::new(code::INVALID_PATH, format!("{path} is no command of this box"));
        if !matches!(path.target, Target::Command(_)) {
            return Err(unsupported());
        }
        let def = self.model.command(&path.template()).ok_or_else(unsupported)?;
        let places = self.look(now, |look| look.resolve(path))?;
        Ok((def, places))
    }

    /// Starts one command. What it gives is its result, if that is known already.
    fn run(
        &mut self,
        now: Now,
        def: &'static CommandDef,
        path: &str,
        order: &Order<'_>,
        answer: (u64, usize),
    ) -> Result<Option<OperationResult>, Fault> {
        let call = order.reserved.call_id.as_ref().map(|call_id| CallKey { originator: order.from.to_string(), call_id: call_id.clone() });
        if let Some(known) = call.as_ref().and_then(|call| self.journal.find(call)).cloned() {
            return Ok(Some(self.repeat(now, def, path, &known)));
        }
        let time = [order.reserved.deadline, order.remaining].into_iter().flatten().min();
        if time.is_some_and(|time| time.is_zero()) {
            return Err(Fault::new(code::CALL_EXPIRED, format!("{path}: the call's deadline had passed when it came; it did not run")));
        }
        if self.jobs.tasks.len() >= MAX_JOBS {
            return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{MAX_JOBS} commands are under way; cancel one or try again later")));
        }
        let (progress, afterwards) = (Progress::default(), Rc::default());
        let ctx = Ctx {
            host: Rc::clone(&self.host),
            path: path.to_owned(),
            progress: progress.clone(),
            afterwards: Rc::clone(&afterwards),
            catalogue: Rc::clone(&self.catalogue),
        };
        let running = (def.start)(&order.args, ctx)?;
        let acts = def.effect != Effect::Read;
        if acts {
            // Written before acting: after a power failure this box says that it cannot tell, and does not act again.
            let stage = Stage::Begun { run: self.facts.run_id.clone() };
            let entry = Entry { key: call.clone(), command: path.to_owned(), command_key: order.command_key.to_owned(), stage };
            self.journal.begin(entry);
            if let Err(error) = self.journal.save(&*self.host) {
                self.journal.entries.pop_back();
                let text = format!("{path} did not run: the journal cannot be written ({error}); free space on the box first");
                return Err(Fault::new(code::INTERNAL, text));
            }
        }
        self.jobs.last_id = self.jobs.last_id.saturating_add(1);
        let id = self.jobs.last_id;
        if def.asynchronous {
            self.facts.requests.push(Request {
                instance: id,
                originator: order.originator.to_owned(),
                command: path.to_owned(),
                command_key: order.command_key.to_owned(),
                status: "Active",
            });
        }
        self.jobs.tasks.push(Task {
            id,
            def,
            path: path.to_owned(),
            command_key: order.command_key.to_owned(),
            call,
            journaled: acts,
            answer: (!def.asynchronous).then_some(answer),
            progress,
            next_progress: now.mono + PROGRESS_EVERY,
            afterwards,
            ends: now.mono + time.map_or(def.limit, |time| time.min(def.limit)),
        });
        self.out.push_back(Output::Start(Job { id, running }));
        Ok(def.asynchronous.then(|| accepted(path, id)))
    }

    /// Answers a call that came before: by what was recorded, without acting.
    fn repeat(&mut self, now: Now, def: &CommandDef, path: &str, known: &Entry) -> OperationResult {
        let result = match &known.stage {
            Stage::Begun { run } if *run == self.facts.run_id => {
                let task = self.jobs.tasks.iter().find(|task| task.call.is_some() && task.call == known.key);
                return match task {
                    Some(task) if def.asynchronous => accepted(path, task.id),
                    _ => failure(path, Fault::new(code::RESOURCES_EXCEEDED, format!("{path}: this very call is under way"))),
                };
            }
            Stage::Begun { .. } => {
                let text = format!("{path}: the agent was stopped while this call ran, and cannot tell how far it came");
                Err(Fault::new(code::CALL_LOST, text))
            }
            Stage::Rebooting { .. } => Ok(Args::new()),
            Stage::Ended(result) => result.clone().map_err(|(code, text)| Fault::new(code, text)),
        };
        if !def.asynchronous {
            return outcome(path, result);
        }
        self.jobs.last_id = self.jobs.last_id.saturating_add(1);
        self.tell(now, &Happening::Completed { command: path, command_key: &known.command_key, result: &result });
        accepted(path, self.jobs.last_id)
    }

    fn fill(&mut self, now: Now, answer: u64, slot: usize, result: OperationResult) {
        if let Some(waiting) = self.jobs.waiting.iter_mut().find(|waiting| waiting.id == answer)
            && let Some(place) = waiting.results.get_mut(slot)
        {
            *place = Some(result);
        }
        self.settle(now, answer);
    }

    /// Sends an OperateResp once all its results are there.
    fn settle(&mut self, now: Now, answer: u64) {
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

    /// A command has ended by itself.
    pub(super) fn job_done(&mut self, now: Now, id: JobId, result: Result<Args, Fault>) {
        if let Some(index) = self.jobs.tasks.iter().position(|task| task.id == id) {
            let task = self.jobs.tasks.swap_remove(index);
            self.finish(now, task, result);
        }
    }

    fn finish(&mut self, now: Now, task: Task, result: Result<Args, Fault>) {
        let reboots = result.is_ok() && task.afterwards.get() == Afterwards::Reboot;
        if task.journaled {
            let boot_id = self.facts.boot_id.clone().unwrap_or_default();
            let stage = if reboots { Stage::Rebooting { boot_id } } else { ended(&result) };
            self.journal.advance(&task.command_key, task.call.as_ref(), stage);
            if let Err(error) = self.journal.save(&*self.host) {
                // It has run: saying so is right. A repeat after a restart will hear that the box cannot tell.
                self.trouble(format!("the end of {} could not be written to the journal: {error}", task.path));
            }
        }
        self.facts.requests.retain(|request| request.instance != task.id);
        match task.answer {
            Some((answer, slot)) => self.fill(now, answer, slot, outcome(&task.path, result)),
            None => self.tell(now, &Happening::Completed { command: &task.path, command_key: &task.command_key, result: &result }),
        }
        match task.afterwards.get() {
            Afterwards::Nothing => {}
            Afterwards::Reboot if reboots => self.restart_when_said(now),
            Afterwards::Reboot => {}
            Afterwards::Cancel(id) => self.cancel(now, id),
        }
    }

    fn cancel(&mut self, now: Now, id: JobId) {
        let fault = Fault::new(code::COMMAND_CANCELLED, "cancelled by the controller");
        self.stop(now, id, fault);
    }

    fn stop(&mut self, now: Now, id: JobId, fault: Fault) {
        if let Some(index) = self.jobs.tasks.iter().position(|task| task.id == id) {
            let task = self.jobs.tasks.swap_remove(index);
            self.out.push_back(Output::Cancel(id));
            self.finish(now, task, Err(fault));
        }
    }

    /// Stops what ran past its limit, and passes progress on.
    pub(super) fn tick_jobs(&mut self, now: Now) {
        let late: Vec<(JobId, String)> =
            self.jobs.tasks.iter().filter(|task| task.ends <= now.mono).map(|task| (task.id, task.path.clone())).collect();
        for (id, path) in late {
            self.stop(now, id, Fault::new(code::CALL_TIMED_OUT, format!("{path} ran past its limit and was stopped")));
        }
        let mut said = Vec::new();
        for task in self.jobs.tasks.iter_mut().filter(|task| task.next_progress <= now.mono) {
            task.next_progress = now.mono + PROGRESS_EVERY;
            if task.def.asynchronous
                && let Some(text) = task.progress.take()
            {
                said.push((task.id, task.command_key.clone(), text));
            }
        }
        for (id, command_key, text) in said {
            let path = PROGRESS.path.replace("{i}", &id.to_string());
            let args = Args::from([("CommandKey".to_owned(), command_key), ("Text".to_owned(), text)]);
            self.tell(now, &Happening::Event { path: &path, args });
        }
    }
}
