//! The arguments of each command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use line3_proto::Wall;

use super::text;

/// Which boxes are listed.
#[derive(Debug, Args)]
pub struct BoxesArgs {
    /// Only boxes in whose id, identity or labels this is found
    pub text: Option<String>,
    /// Only this model
    #[arg(long)]
    pub model: Option<String>,
    /// Only boxes that are online
    #[arg(long, conflicts_with = "offline")]
    pub online: bool,
    /// Only boxes that are offline
    #[arg(long)]
    pub offline: bool,
    /// Only boxes in this city
    #[arg(long, conflicts_with = "label")]
    pub city: Option<String>,
    /// Only boxes with this label
    #[arg(long, value_name = "NAME=VALUE", value_parser = text::pair)]
    pub label: Option<(String, String)>,
    /// Only real boxes
    #[arg(long, conflicts_with = "simulated")]
    pub real: bool,
    /// Only simulated boxes
    #[arg(long)]
    pub simulated: bool,
}

/// What is read.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Objects (ending in a dot) or parameters; `*` and `[Name=="x"]` pick rows
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// How many levels deep; 1: the object itself [default: all]
    #[arg(long, value_name = "LEVELS")]
    pub depth: Option<u32>,
}

/// Which tables are read.
#[derive(Debug, Args)]
pub struct InstancesArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Tables, ending in a dot
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Not the tables within the rows
    #[arg(long)]
    pub first_level: bool,
}

/// What part of the catalogue is shown.
#[derive(Debug, Args)]
pub struct SupportedArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Only what lies below this path (an object, parameter, command or event), or has this text in its path
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// Only commands
    #[arg(long)]
    pub commands: bool,
}

/// A command, and under which terms it runs.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// The command's path; `()` at its end may be left out
    pub command: String,
    /// Its arguments: `line3 supported BOX COMMAND` tells which there are
    #[arg(value_name = "ARG=VALUE", value_parser = text::pair)]
    pub args: Vec<(String, String)>,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
    /// If the box is offline, wait this long for it: 90s, 15m, 2h
    #[arg(long, value_name = "DURATION", value_parser = text::duration)]
    pub wait: Option<Duration>,
    /// How long it may take, 1s to 24h [default: what the command needs]
    #[arg(long, value_name = "DURATION", value_parser = text::duration)]
    pub timeout: Option<Duration>,
}

/// A ping.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 if no echo was answered.")]
pub struct PingArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Host name or address
    pub host: String,
    /// How many echoes
    #[arg(short = 'n', long = "count", value_name = "N", default_value_t = 3)]
    pub count: u32,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET", default_value = "ping")]
    pub reason: String,
}

/// Objects or tables, and values.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// The path of the object (set) or of the table (add), ending in a dot
    pub path: String,
    /// Its values; `NAME?=VALUE` is optional: done without it if it fails. Another PATH begins the next object
    #[arg(value_name = "NAME=VALUE")]
    pub words: Vec<String>,
    /// Do what can be done [default: all or nothing]
    #[arg(long)]
    pub partial: bool,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
}

/// What is deleted.
#[derive(Debug, Args)]
pub struct DelArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Rows, ending in a dot
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Delete what can be deleted [default: all or nothing]
    #[arg(long)]
    pub partial: bool,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
}

/// Which parameter, and when.
#[derive(Debug, Args)]
pub struct SeriesArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// A parameter that the box reports
    pub path: String,
    /// The time up to now: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", conflicts_with = "from", value_parser = text::duration)]
    pub last: Duration,
    /// From when: 2026-01-31T09:00:00Z, 2026-01-31, or how long ago (2h)
    #[arg(long, value_name = "TIME", value_parser = text::moment)]
    pub from: Option<When>,
    /// Up to when [default: now]
    #[arg(long, value_name = "TIME", requires = "from", value_parser = text::moment)]
    pub to: Option<When>,
    /// Every point, however many
    #[arg(long)]
    pub all: bool,
}

/// A moment as people give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Wall),
    /// That long ago.
    Ago(Duration),
}

impl When {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn seen_from(self, now: Wall) -> Wall {
        match self {
            Self::At(at) => at,
            Self::Ago(by) => Wall(now.0.saturating_sub(text::millis(by))),
        }
    }
}

/// Which calls are listed.
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// Only of this box
    #[arg(value_name = "BOX")]
    pub name: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20)]
    pub limit: u32,
}

/// Which call is stopped.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Its id, or how the id begins
    pub id: String,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
}

/// Which labels are written.
#[derive(Debug, Args)]
pub struct LabelArgs {
    /// Which box
    #[arg(value_name = "BOX")]
    pub name: String,
    /// The labels; `name=` removes one
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = text::pair)]
    pub labels: Vec<(String, String)>,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
}

/// Whose catalogue.
#[derive(Debug, Args)]
pub struct CatalogueArgs {
    /// The file `catalogue.json` that comes with the firmware's packages, or what `line3-agent --catalogue` prints
    pub file: PathBuf,
    /// Why: the ticket's number
    #[arg(long, value_name = "TICKET")]
    pub reason: String,
}

/// Which rows of the audit log.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// From which row on [default: the newest rows]
    #[arg(long, value_name = "N")]
    pub from: Option<u64>,
    /// How many
    #[arg(long, default_value_t = 20)]
    pub limit: u32,
    /// What else.
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
}

/// What else is done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no row was changed, removed or moved
    Verify {
        /// The server's database, to check it without the server: DIR/line3.db
        file: Option<PathBuf>,
    },
}

/// How the server is run.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory, if one was given.
    #[arg(skip)]
    pub data: Option<PathBuf>,
}

/// How the agent of this machine is run, for the demo.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AgentArgs {
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// How the demo is run.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// How many simulated boxes
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub boxes: u16,
    /// The data directory, if one was given.
    #[arg(skip)]
    pub data: Option<PathBuf>,
}

/// Which certificates are made.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct PkiArgs {
    /// The data directory, if one was given.
    #[arg(skip)]
    pub data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: PkiCommand,
}

/// Which certificates are made.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PkiCommand {
    /// Make the certificate authorities, of the boxes and of the controllers
    Init,
    /// Make the key and certificate of a controller
    Controller {
        /// Its endpoint id
        id: String,
    },
    /// Make the keys and certificates of boxes
    Box {
        /// Their endpoint ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Make the key and certificate of a server: a broker's or the API's
    Server {
        /// Its host names and addresses
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Write the configuration of a Mosquitto broker for these certificates
    Mosquitto {
        /// Where to
        dir: PathBuf,
        /// The port for boxes
        #[arg(long, value_name = "PORT", default_value_t = 8883)]
        boxes_port: u16,
        /// The port for controllers
        #[arg(long, value_name = "PORT", default_value_t = 8884)]
        controllers_port: u16,
    },
}

/// Pairs as a map; a name that stands there twice is an error.
pub(super) fn map(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut map = BTreeMap::new();
    for (name, value) in pairs {
        if map.contains_key(&name) {
            return Err(format!("{name} is given twice"));
        }
        map.insert(name, value);
    }
    Ok(map)
}
