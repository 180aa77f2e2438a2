//! Commands that go on after a restart of the agent or the box: what they need to be run again is kept.

use std::io;
use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::row::{self, Args};
use line3_proto::{Fault, Now, Wall, catalogue};
use serde::{Deserialize, Serialize};

use super::Agent;
use super::jobs::{JobId, Order};
use crate::commands::CommandDef;
use crate::host::Host;

/// The name they are kept under.
const NAME: &str = "commands";

/// The most of them at once; one more is refused with 7005. Fewer than there can be commands, so that they never keep others
/// from running.
pub(super) const MAX_LASTING: usize = 8;

/// The most bytes of arguments that are kept of one; with more it is refused.
const MAX_ARGS: usize = 1024;

/// A command that goes on after a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    id: JobId,
    /// Its concrete path.
    command: String,
    command_key: String,
    /// The endpoint id of the controller that asked.
    originator: String,
    args: Args,
    /// When it began, by the box's clock.
    begun: Wall,
}

/// The commands that are to go on. At most [`MAX_LASTING`].
#[derive(Default)]
pub(super) struct Lasting(Vec<Entry>);

impl Lasting {
    /// Whether no other can be started.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_LASTING
    }

    fn load(host: &dyn Host) -> Result<Self, String> {
        match host.load(NAME) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(bytes)) => serde_json::from_slice(&bytes).map(Self).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn save(&self, host: &dyn Host) -> io::Result<()> {
        host.save(NAME, &serde_json::to_vec(&self.0).map_err(io::Error::other)?)
    }
}

impl Agent {
    /// Keeps a command that is about to be put under way.
    pub(super) fn remember(&mut self, now: Now, order: &Order<'_>, args: &Args) -> Result<(), Fault> {
        let known = |name: &String| order.def.input.iter().any(|field| field.name == name);
        let args = row::map(args.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())));
        if args.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_ARGS {
            let text = format!("{} did not run: its arguments have more than {MAX_ARGS} bytes", order.path);
            return Err(Fault::new(code::INVALID_COMMAND_ARGUMENTS, text));
        }
        let by = self.controller_row(order.originator).unwrap_or(order.originator).to_owned();
        if !self.rights_of(&by).is_full() {
            self.wear.count(&by, now.mono)?;
        }
        self.lasting.0.push(Entry {
            id: self.jobs.upcoming_id(),
            command: order.path.to_owned(),
            command_key: order.command_key.to_owned(),
            originator: order.originator.to_owned(),
            args,
            begun: now.wall,
        });
        self.lasting.save(&*self.host).map_err(|error| {
            self.lasting.0.pop();
            let text = format!("{} did not run: it cannot be kept over a restart ({error}); free space on the box first", order.path);
            Fault::new(code::INTERNAL, text)
        })
    }

    /// A command has ended.
    pub(super) fn forget_lasting(&mut self, id: JobId) {
        self.lasting.0.retain(|entry| entry.id != id);
        if let Err(error) = self.lasting.save(&*self.host) {
            self.log(format!("a command ended and could not be taken off the flash ({error}); after a restart it ends once more"));
        }
    }

    /// Puts those under way again that were when the agent stopped.
    pub(super) fn resume(&mut self, now: Now) {
        match Lasting::load(&*self.host) {
            Ok(kept) => self.lasting = kept,
            Err(error) => self.log(format!("the timers of before are lost ({error})")),
        }
        let mut kept = std::mem::take(&mut self.lasting.0);
        kept.truncate(MAX_LASTING);
        kept.sort_unstable_by_key(|entry| entry.id);
        for entry in kept {
            // On a clock that was set back nobody can tell how long ago it was: then it begins anew.
            let passed = Duration::from_millis(u64::try_from(now.wall.0.saturating_sub(entry.begun.0)).unwrap_or(0));
            let def: Option<&'static CommandDef> = self.model.command(&catalogue::template(&entry.command)).filter(|def| def.lasting);
            let Some(def) = def else { continue };
            let Ok(ready) = self.ready(def, &entry.command, &entry.args, passed) else { continue };
            self.jobs.follow(entry.id.saturating_sub(1));
            let Entry { command, command_key, originator, .. } = &entry;
            let order = Order { def, path: command, command_key, originator, call: None, answer: (0, 0) };
            let id = self.start(now, &order, None, def.limit, ready);
            self.lasting.0.push(Entry { id, ..entry });
        }
    }
}
