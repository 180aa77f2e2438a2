//! The engineer's command line. It uses the HTTP API and nothing else, so whatever it can do a program or the console can do, too.
//!
//! What was asked for goes to stdout; how far a call is, notices and errors go to stderr (with `--json`, an error there is
//! `{"error", "message"}`). Piped, there is neither colour nor a moving line.

mod act;
mod args;
mod audit;
mod blocks;
mod boxes;
mod calls;
mod catalogue;
mod edits;
mod follow;
mod help;
mod outcome;
mod quoting;
mod screen;
mod series;
mod session;
mod supported;
mod text;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use args::{
    AgentArgs, AuditArgs, AuditCommand, BoxesArgs, CallsArgs, CancelArgs, CatalogueArgs, DelArgs, DemoArgs, EditArgs, GetArgs,
    InstancesArgs, LabelArgs, PingArgs, PkiArgs, PkiCommand, RunArgs, SeriesArgs, ServeArgs, SupportedArgs,
};
pub use screen::Screen;
use session::{Failure, Session};

/// What stands below the help.
const EXITS: &str = "\
Exit codes:
    0  done
    1  the call ended otherwise than succeeded, or the audit log is not whole
    2  wrong usage, or no server known
    3  the server was not reached, or could not answer
    4  not allowed
    5  no such box, call or path, or more than one
    6  done in part: what was not is shown
  130  stopped by Ctrl-C; the call goes on

The server and your token stand in DIR/client.toml, which `line3 demo` and
`line3 serve` write; or --server and the environment variable LINE3_TOKEN give
them. A box is named by its id, its serial number, or the end of its id.
With --json an error is {\"error\", \"message\"}, on stderr.";

/// Under what the options that every command has stand in the help.
const EVERYWHERE: &str = "Options of every command";

/// Remote diagnostics and repair for TV set-top boxes.
#[derive(Debug, Parser)]
#[command(name = "line3", version, after_help = EXITS, max_term_width = 120)]
pub struct Cli {
    /// Where Line3 keeps its things [default: ~/.local/share/line3]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "LINE3_DATA", hide_env = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The server to ask, e.g. http://127.0.0.1:8080
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "LINE3_SERVER", hide_env = true, value_name = "URL")]
    pub server: Option<String>,
    /// The token for it. Only the environment gives it: arguments are seen by everybody on the machine.
    #[arg(skip = token())]
    pub token: Option<String>,
    /// Print exactly the API's JSON, one document (watch: one a line)
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

fn token() -> Option<String> {
    std::env::var("LINE3_TOKEN").ok().filter(|token| !token.is_empty())
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the boxes
    Boxes(BoxesArgs),
    /// Show all that is known of a box
    Show {
        /// Which box
        #[arg(value_name = "BOX")]
        name: String,
    },
    /// Read parameters of a box
    #[command(after_help = help::with_paths(help::GET))]
    Get(GetArgs),
    /// Read which rows the tables of a box have
    #[command(after_help = help::with_paths(help::INSTANCES))]
    Instances(InstancesArgs),
    /// Show what a box can show and do: units, ranges, effects
    #[command(after_help = help::SUPPORTED)]
    Supported(SupportedArgs),
    /// Run a command on a box
    #[command(after_help = help::with_paths(help::RUN))]
    Run(RunArgs),
    /// Ping a host from a box
    Ping(PingArgs),
    /// Change values of objects
    #[command(after_help = help::with_paths(help::SET))]
    Set(EditArgs),
    /// Add rows to tables
    #[command(after_help = help::ADD)]
    Add(EditArgs),
    /// Delete rows
    #[command(after_help = help::with_paths(help::DEL))]
    Del(DelArgs),
    /// Show what a parameter was over time
    Series(SeriesArgs),
    /// Follow live what happens on a box
    Watch {
        /// Which box
        #[arg(value_name = "BOX")]
        name: String,
    },
    /// List the newest calls
    Calls(CallsArgs),
    /// Show a call, and what came of it
    Call {
        /// Its id, or how the id begins
        id: String,
    },
    /// Stop a call
    Cancel(CancelArgs),
    /// Write labels on a box
    Label(LabelArgs),
    /// Load what a firmware can show and do, before its first box connects
    Catalogue(CatalogueArgs),
    /// Read the audit log, or check it
    Audit(AuditArgs),
    /// Show who the server takes you for
    Whoami,
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Run the server
    Serve(ServeArgs),
    /// Run a server with simulated boxes, to try Line3
    Demo(DemoArgs),
    /// The agent of this machine, for the demo
    #[command(hide = true)]
    Agent(AgentArgs),
    /// Make the certificates of a fleet
    Pki(PkiArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As wanted.
    Done = 0,
    /// The call ended otherwise than succeeded, or the audit log is not whole.
    Ended = 1,
    /// It was asked wrongly, or no server is known.
    Usage = 2,
    /// The server was not reached, or could not answer.
    Unreachable = 3,
    /// The server does not allow it.
    NotAllowed = 4,
    /// No such box, call or path, or more than one.
    NotFound = 5,
    /// Done in part: what was not done is shown.
    Partly = 6,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What is left to do after [`run`].
#[derive(Debug)]
pub enum Dispatch {
    /// Nothing.
    Done(Exit),
    /// Run the server.
    Serve(ServeArgs),
    /// Run the demo.
    Demo(DemoArgs),
    /// Run the agent of this machine, for the demo.
    Agent(AgentArgs),
    /// Make certificates.
    Pki(PkiArgs),
}

/// The data directory: as given, else `line3` in the user's own place for data; `None` if there is no such place.
#[must_use]
pub fn data_dir(given: Option<&Path>) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    given.map(Path::to_owned).or_else(|| Some(own()?.join("line3")))
}

/// Does what an engineer asked for, or hands back what is not this module's to do.
#[must_use]
pub fn run(cli: Cli) -> Dispatch {
    run_on(cli, &mut Screen::standard())
}

/// [`run`] on a screen of the caller's.
#[must_use]
pub fn run_on(cli: Cli, screen: &mut Screen) -> Dispatch {
    let json = cli.json;
    match dispatch(cli, screen) {
        Ok(dispatch) => dispatch,
        Err(failure) => Dispatch::Done(failure.tell(screen, json)),
    }
}

fn dispatch(cli: Cli, screen: &mut Screen) -> Result<Dispatch, Failure> {
    let Cli { data, server, token, json, command } = cli;
    let command = match command {
        Command::Serve(args) => return Ok(Dispatch::Serve(ServeArgs { data, ..args })),
        Command::Demo(args) => return Ok(Dispatch::Demo(DemoArgs { data, ..args })),
        Command::Agent(args) => return Ok(Dispatch::Agent(args)),
        Command::Pki(args) => return Ok(Dispatch::Pki(PkiArgs { data, ..args })),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "line3", &mut script);
            return Ok(Dispatch::Done(screen.script(&script)?));
        }
        Command::Audit(AuditArgs { command: Some(AuditCommand::Verify { file: Some(file) }), .. }) => {
            return Ok(Dispatch::Done(audit::verify_file(screen, json, &file)?));
        }
        command => command,
    };
    let data = data_dir(data.as_deref());
    let place = crate::client::Place::find(data.as_deref(), server.as_deref(), token.as_deref()).map_err(Failure::Usage)?;
    let mut session = Session::new(&place, screen, json);
    let session = &mut session;
    let exit = match command {
        Command::Boxes(args) => boxes::list(session, &args)?,
        Command::Show { name } => boxes::show(session, &name)?,
        Command::Label(args) => boxes::label(session, args)?,
        Command::Supported(args) => supported::show(session, &args)?,
        Command::Get(args) => act::get(session, args)?,
        Command::Instances(args) => act::instances(session, args)?,
        Command::Run(args) => act::run(session, args)?,
        Command::Ping(args) => act::ping(session, args)?,
        Command::Set(args) => act::set(session, args)?,
        Command::Add(args) => act::add(session, args)?,
        Command::Del(args) => act::del(session, args)?,
        Command::Series(args) => series::show(session, &args)?,
        Command::Watch { name } => watch::watch(session, &name)?,
        Command::Calls(args) => calls::list(session, &args)?,
        Command::Call { id } => calls::show(session, &id)?,
        Command::Cancel(args) => calls::cancel(session, args)?,
        Command::Catalogue(args) => catalogue::load(session, args)?,
        Command::Audit(args) => audit::audit(session, &args)?,
        Command::Whoami => session::whoami(session)?,
        // Done above.
        Command::Completions { .. } | Command::Serve(_) | Command::Demo(_) | Command::Agent(_) | Command::Pki(_) => Exit::Done,
    };
    Ok(Dispatch::Done(exit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_ours_is_handed_back() {
        let run = |words: &[&str]| run_on(Cli::try_parse_from(words).unwrap(), &mut Screen::standard());
        let Dispatch::Demo(demo) = run(&["line3", "demo", "--data", "d"]) else { panic!() };
        assert_eq!((demo.boxes, demo.data), (50, Some(PathBuf::from("d"))));
        let Dispatch::Serve(serve) = run(&["line3", "--data", "d", "serve", "--config", "c"]) else { panic!() };
        assert_eq!((serve.config, serve.data), (Some(PathBuf::from("c")), Some(PathBuf::from("d"))));
        let Dispatch::Pki(pki) = run(&["line3", "pki", "mosquitto", "out", "--boxes-port", "8883", "--controllers-port", "8884"]) else {
            panic!()
        };
        assert_eq!(pki.command, PkiCommand::Mosquitto { dir: "out".into(), boxes_port: 8883, controllers_port: 8884 });
    }
}
