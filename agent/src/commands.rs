//! Things to do. A Command is one file: path, documentation, effect, limit, typed arguments, how it runs, and its test.
//! Adding one touches that file and one line of [`COMMANDS`]; one that not every box carries is under a feature of `Cargo.toml` in both.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use line3_proto::Fault;
use line3_proto::effect::Effect;
use line3_proto::row::{Args, Field, Row};

use crate::host::Host;

mod cancel;
mod force_collection;
mod force_reconnect;
mod get_catalogue;
#[cfg(feature = "ip-ping")]
mod ip_ping;
#[cfg(feature = "ns-lookup")]
mod ns_lookup;
#[cfg(feature = "reboot")]
mod reboot;
mod schedule_timer;
mod send_on_board_request;
#[cfg(test)]
mod tests;

/// A thing to do. `Effect::Read` makes it a diagnostic; `Disrupt` and `Destroy` a repair.
pub trait Command {
    /// Its path in the supported data model, ending in `()`.
    const PATH: &'static str;
    /// What it does.
    const DOC: &'static str;
    /// What it does to the viewer.
    const EFFECT: Effect;
    /// After this long it is stopped.
    const LIMIT: Duration;
    /// Whether its result comes later, by OperationComplete; else the OperateResp waits for it.
    const ASYNC: bool = true;
    /// Whether it goes on after a restart of the agent or the box: it is then run again with the same arguments and told in
    /// [`Ctx::passed`] since when it runs. Only for what may be done twice.
    const LASTING: bool = false;
    /// Its input arguments.
    type Input: Row;
    /// Its output arguments.
    type Output: Row;
    /// Does it. It waits only through `ctx.host`, so the simulator can drive it in counted time; dropping the future stops it.
    fn run(input: Self::Input, ctx: Ctx) -> impl Future<Output = Result<Self::Output, Fault>> + 'static;
}

/// What a running command has in hand.
#[derive(Clone)]
pub struct Ctx {
    /// The box.
    pub host: Rc<dyn Host>,
    /// The path it was called by, e.g. `Device.LocalAgent.Request.3.Cancel()`.
    pub path: String,
    /// Where it says how far it is.
    pub progress: Progress,
    /// What happens once its answer is out.
    pub afterwards: Rc<Cell<Afterwards>>,
    /// Writes the catalogue of this firmware, as JSON: 50 KB that a box does not hold while nobody asks.
    pub catalogue: Rc<dyn Fn() -> String>,
    /// How long ago it began, by the box's clock: not zero only of a [`Command::LASTING`] one that goes on after a restart.
    pub passed: Duration,
}

/// What happens once a command's answer is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Afterwards {
    /// Nothing.
    #[default]
    Nothing,
    /// The box (or the agent, by configuration) restarts.
    Reboot,
    /// The command with this instance number of `Device.LocalAgent.Request.{i}.` is stopped.
    Cancel(u32),
    /// The client with this instance number of `Device.MQTT.Client.{i}.` connects anew.
    Reconnect(u32),
    /// The profile with this instance number of `Device.BulkData.Profile.{i}.` makes a report. That comes before the answer, as it may fail.
    Report(u32),
    /// The controller with this instance number of `Device.LocalAgent.Controller.{i}.` is sent an OnBoardRequest.
    OnBoard(u32),
}

/// How far a command is. Only the newest word is kept; the agent passes it on at most once a second.
#[derive(Clone, Default)]
pub struct Progress(Rc<RefCell<Option<String>>>);

impl Progress {
    /// Says how far the command is, in a few words, e.g. `3 of 10 answered`.
    pub fn say(&self, text: impl Into<String>) {
        *self.0.borrow_mut() = Some(text.into());
    }

    /// Takes the newest word, if one was said since the last time.
    #[must_use]
    pub fn take(&self) -> Option<String> {
        self.0.borrow_mut().take()
    }
}

/// A command under way: its output arguments, or why it failed.
pub type Running = Pin<Box<dyn Future<Output = Result<Args, Fault>>>>;

/// A Command as the engine handles it.
#[derive(Clone, Copy)]
pub struct CommandDef {
    /// [`Command::PATH`].
    pub path: &'static str,
    /// [`Command::DOC`].
    pub doc: &'static str,
    /// [`Command::EFFECT`].
    pub effect: Effect,
    /// [`Command::LIMIT`].
    pub limit: Duration,
    /// [`Command::ASYNC`].
    pub asynchronous: bool,
    /// [`Command::LASTING`].
    pub lasting: bool,
    /// Its input arguments.
    pub input: &'static [Field],
    /// Its output arguments.
    pub output: &'static [Field],
    /// Checks the arguments (a fault: 7027 and the like, nothing was done) and makes it ready to run.
    pub start: fn(&Args, Ctx) -> Result<Running, Fault>,
}

impl CommandDef {
    /// The definition of a Command, for [`COMMANDS`].
    #[must_use]
    pub const fn of<C: Command>() -> Self {
        Self {
            path: C::PATH,
            doc: C::DOC,
            effect: C::EFFECT,
            limit: C::LIMIT,
            asynchronous: C::ASYNC,
            lasting: C::LASTING,
            input: C::Input::FIELDS,
            output: C::Output::FIELDS,
            start: start_any::<C>,
        }
    }
}

fn start_any<C: Command>(args: &Args, ctx: Ctx) -> Result<Running, Fault> {
    let running = C::run(C::Input::take(args)?, ctx);
    Ok(Box::pin(async move { Ok(running.await?.to_args()) }))
}

/// Every Command, by path.
pub const COMMANDS: &[CommandDef] = &[
    CommandDef::of::<force_collection::ForceCollection>(),
    #[cfg(feature = "ns-lookup")]
    CommandDef::of::<ns_lookup::NsLookup>(),
    #[cfg(feature = "ip-ping")]
    CommandDef::of::<ip_ping::IpPing>(),
    CommandDef::of::<send_on_board_request::SendOnBoardRequest>(),
    CommandDef::of::<cancel::Cancel>(),
    CommandDef::of::<get_catalogue::GetCatalogue>(),
    CommandDef::of::<force_reconnect::ForceReconnect>(),
    #[cfg(feature = "reboot")]
    CommandDef::of::<reboot::Reboot>(),
    CommandDef::of::<schedule_timer::ScheduleTimer>(),
];
