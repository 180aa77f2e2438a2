//! Commands under way, each a task of its own, so that one that hangs blocks nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::row::{Args, Row};
use line3_proto::{Fault, Mono, Now, row};

use super::journal::{CallKey, Stage, ended};
use super::model::EventDef;
use super::notify::Happening;
use super::operate::{Waiting, outcome};
use super::{Agent, Output};
use crate::commands::{Afterwards, CommandDef, Progress, Running};
use crate::view::Request;

/// The most asynchronous commands under way at once, and the most synchronous ones; one more is refused with 7005. So a command
/// can be cancelled however many are under way.
pub(super) const MAX_JOBS: usize = 16;

/// How often progress is passed on, at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The most bytes of a command's output arguments; with more it has failed with 7005.
const MAX_RESULT: usize = 256 * 1024;

row! {
    /// Arguments of the progress event.
    struct ProgressArgs {
        /// The command key of the call.
        CommandKey: String,
        /// How far it is.
        Text: String,
    }
}

/// How far a command is.
pub(super) const PROGRESS: EventDef = EventDef {
    path: "Device.LocalAgent.Request.{i}.X_LINE3_Progress!",
    doc: "How far a command is; at most once a second.",
    fields: ProgressArgs::FIELDS,
};

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

/// One command of an Operate.
pub(super) struct Order<'a> {
    pub(super) def: &'static CommandDef,
    /// The command's concrete path.
    pub(super) path: &'a str,
    pub(super) command_key: &'a str,
    /// The endpoint id of the controller that asks.
    pub(super) originator: &'a str,
    pub(super) call: Option<CallKey>,
    /// Which answer its result is to stand in, and where.
    pub(super) answer: (u64, usize),
}

/// A command that is about to be put under way.
pub(super) struct Ready {
    pub(super) running: Running,
    pub(super) progress: Progress,
    pub(super) afterwards: Rc<Cell<Afterwards>>,
}

/// What the machine knows of a command under way.
struct Task {
    id: JobId,
    def: &'static CommandDef,
    path: String,
    command_key: String,
    /// Its entry in the journal, if it has one.
    journaled: Option<u64>,
    answer: (u64, usize),
    progress: Progress,
    next_progress: Mono,
    afterwards: Rc<Cell<Afterwards>>,
    ends: Mono,
}

/// Commands under way.
#[derive(Default)]
pub(super) struct Jobs {
    /// At most [`MAX_JOBS`] of each kind.
    tasks: Vec<Task>,
    /// Answers that wait for a command under way, so at most as many.
    pub(super) waiting: Vec<Waiting>,
    last_id: JobId,
    pub(super) last_answer: u64,
}

impl Jobs {
    /// When a command is to be stopped, or asked for its progress.
    pub(super) fn deadline(&self) -> Option<Mono> {
        // What outlives restarts says nothing on the way, so nobody wakes up for it.
        let next = |task: &Task| if task.def.asynchronous && !task.def.lasting { task.ends.min(task.next_progress) } else { task.ends };
        self.tasks.iter().map(next).min()
    }

    /// Whether no other command like this one can be started.
    pub(super) fn is_full(&self, def: &CommandDef) -> bool {
        self.tasks.iter().filter(|task| task.def.asynchronous == def.asynchronous).count() >= MAX_JOBS
    }

    /// The names that follow are greater than this one.
    pub(super) fn follow(&mut self, id: JobId) {
        self.last_id = self.last_id.max(id);
    }

    /// The name that [`Self::next_id`] gives next.
    pub(super) fn upcoming_id(&self) -> JobId {
        self.last_id.saturating_add(1)
    }

    /// A fresh name.
    pub(super) fn next_id(&mut self) -> JobId {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    /// The command under way that has this entry in the journal.
    pub(super) fn of_entry(&self, serial: u64) -> Option<JobId> {
        self.tasks.iter().find(|task| task.journaled == Some(serial)).map(|task| task.id)
    }
}

impl Agent {
    /// Puts a command under way.
    pub(super) fn start(
        &mut self,
        now: Now,
        order: &Order<'_>,
        journaled: Option<u64>,
        limit: Duration,
        Ready { running, progress, afterwards }: Ready,
    ) -> JobId {
        self.watch.stir();
        let Order { def, path, command_key, .. } = *order;
        let id = self.jobs.next_id();
        if def.asynchronous {
            self.facts.requests.push(Request {
                instance: id,
                originator: order.originator.to_owned(),
                command: path.to_owned(),
                command_key: command_key.to_owned(),
                status: "Active",
            });
        }
        self.jobs.tasks.push(Task {
            id,
            def,
            path: path.to_owned(),
            command_key: command_key.to_owned(),
            journaled,
            answer: order.answer,
            progress,
            next_progress: now.mono + PROGRESS_EVERY,
            afterwards,
            ends: now.mono + limit,
        });
        self.out.push_back(Output::Start(Job { id, running }));
        id
    }

    /// A command has ended by itself.
    pub(super) fn job_done(&mut self, now: Now, id: JobId, result: Result<Args, Fault>) {
        if let Some(index) = self.jobs.tasks.iter().position(|task| task.id == id) {
            let task = self.jobs.tasks.swap_remove(index);
            let size = |args: &Args| args.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            let result = result.and_then(|args| match size(&args) {
                0..=MAX_RESULT => Ok(args),
                size => {
                    let text = format!("{} ran; its result has {size} bytes, and at most {MAX_RESULT} can be sent", task.path);
                    Err(Fault::new(code::RESOURCES_EXCEEDED, text))
                }
            });
            self.finish(now, task, result);
        }
    }

    fn finish(&mut self, now: Now, task: Task, mut result: Result<Args, Fault>) {
        if let (Ok(_), Afterwards::Report(profile)) = (&result, task.afterwards.get())
            && let Err(fault) = self.force_report(now, profile)
        {
            result = Err(fault);
        }
        self.watch.stir();
        if let (true, Afterwards::OnBoard(number)) = (result.is_ok(), task.afterwards.get())
            && let Err(fault) = self.begin_on_boarding(now, number)
        {
            result = Err(fault);
        }
        if task.def.lasting {
            self.forget_lasting(task.id);
        }
        let mut reboots = result.is_ok() && task.afterwards.get() == Afterwards::Reboot;
        if let Some(serial) = task.journaled {
            let boot_id = self.facts.boot_id.clone().unwrap_or_default();
            self.journal.advance(serial, if reboots { Stage::Rebooting { boot_id } } else { ended(&result) });
            if let Err(error) = self.journal.save(&*self.host) {
                if reboots {
                    // Nothing has happened yet, and after the restart this box could not tell why it restarted.
                    let text = format!("{} did not run: the journal cannot be written ({error}); free space on the box first", task.path);
                    (reboots, result) = (false, Err(Fault::new(code::INTERNAL, text)));
                    self.journal.advance(serial, ended(&result));
                } else {
                    // It has run: saying so is right. A repeat after a restart will hear that the box cannot tell.
                    self.log(format!("the end of {} could not be written to the journal: {error}", task.path));
                }
            }
        }
        self.facts.requests.retain(|request| request.instance != task.id);
        if task.def.asynchronous {
            self.tell(now, &Happening::Completed { command: &task.path, command_key: &task.command_key, result: &result });
        } else {
            let (answer, slot) = task.answer;
            self.fill(answer, slot, outcome(&task.path, result));
            self.settle(now, answer);
        }
        match task.afterwards.get() {
            Afterwards::Reboot if reboots => self.restart_when_said(now),
            Afterwards::Cancel(id) => self.stop(now, id, Fault::new(code::COMMAND_CANCELLED, "cancelled by the controller")),
            Afterwards::Reconnect(number) => self.reconnect(number),
            Afterwards::Nothing | Afterwards::Reboot | Afterwards::Report(_) | Afterwards::OnBoard(_) => {}
        }
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
        for task in self.jobs.tasks.iter_mut().filter(|task| task.def.asynchronous && task.next_progress <= now.mono) {
            task.next_progress = now.mono + PROGRESS_EVERY;
            said.extend(task.progress.take().map(|text| (task.id, task.command_key.clone(), text)));
        }
        for (id, command_key, text) in said {
            let path = PROGRESS.path.replace("{i}", &id.to_string());
            let args = row::map([("CommandKey".to_owned(), command_key), ("Text".to_owned(), text)]);
            self.tell(now, &Happening::Event { path: &path, args });
        }
    }
}
