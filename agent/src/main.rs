//! The daemon on the box.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use line3_agent::clock::Clock;
use line3_agent::config::Config;
use line3_agent::host::Host;
use line3_agent::host::linux::LinuxHost;
use line3_agent::privileges::PrivilegeError;
use line3_agent::watched::Watched;
use line3_agent::{agent, privileges, run};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where the configuration is looked for.
const CONFIG: &str = "/etc/line3-agent.toml";

/// How wide the self-test is written, in characters.
const WIDTH: usize = 100;

const HELP: &str = "\
line3-agent: remote diagnostics and repair, the part on the box

Usage: line3-agent [--config FILE] [--self-test | --catalogue]

  --config FILE  the configuration (default /etc/line3-agent.toml); an empty file is a valid one
  --self-test    print what this box can tell and what it cannot, and why, and end
  --catalogue    print what this build can show and do, as JSON, and end
  --version      print the version, and end
  --help         print this, and end

It runs until SIGTERM or SIGINT, and logs to standard error.
Exit codes: 0 stopped, 1 something failed while it ran, 2 wrong usage or configuration.
";

/// Exit code: wrong usage or configuration.
const MISTAKE: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Run,
    SelfTest,
    Catalogue,
    Version,
    Help,
}

struct Order {
    action: Action,
    config: Option<PathBuf>,
}

fn order(mut words: impl Iterator<Item = std::ffi::OsString>) -> Result<Order, String> {
    let mut order = Order { action: Action::Run, config: None };
    while let Some(word) = words.next() {
        let action = match word.to_str() {
            Some("--config") => {
                let file = words.next().ok_or("--config needs the name of a file")?;
                order.config = Some(file.into());
                continue;
            }
            Some("--self-test") => Action::SelfTest,
            Some("--catalogue") => Action::Catalogue,
            Some("--version" | "-V") => Action::Version,
            Some("--help" | "-h") => Action::Help,
            _ => return Err(format!("there is no option {}; see --help", word.display())),
        };
        if order.action != Action::Run && order.action != action {
            return Err("these options do not go together; see --help".to_owned());
        }
        order.action = action;
    }
    Ok(order)
}

fn main() -> ExitCode {
    let order = match order(std::env::args_os().skip(1)) {
        Ok(order) => order,
        Err(why) => return failed(&why, MISTAKE),
    };
    match order.action {
        Action::Run | Action::SelfTest => {}
        Action::Catalogue => return print(&format!("{}\n", agent::catalogue())),
        Action::Version => return print(concat!("line3-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::Help => return print(HELP),
    }
    let config = match load(order.config.as_deref(), order.action) {
        Ok(config) => config,
        Err(why) => return failed(&why, MISTAKE),
    };
    let became = match become_its_user(&config, order.action) {
        Ok(became) => became,
        Err(error) => return failed(&error.to_string(), MISTAKE),
    };
    // One thread for all, and at most two more for the system's resolver.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(async { if order.action == Action::SelfTest { self_test(&config).await } else { run(config, became).await } })
        }
        Err(error) => failed(&format!("the runtime cannot be started: {error}"), 1),
    }
}

fn load(file: Option<&Path>, action: Action) -> Result<Config, String> {
    let path = file.unwrap_or(Path::new(CONFIG));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // The self-test is the first thing that is run on new hardware, before there is a configuration.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() && action == Action::SelfTest => String::new(),
        Err(error) => {
            return Err(format!("the configuration {} cannot be read: {error}; write it, or name another with --config", path.display()));
        }
    };
    Config::parse(&text).map_err(|error| format!("the configuration {}: {error}", path.display()))
}

/// Becomes the user of the configuration, before there is another thread or a socket; says so if it was another one before. The
/// self-test does so too, or it would see more than the agent can; but it changes nothing on the box.
fn become_its_user(config: &Config, action: Action) -> Result<Option<String>, PrivilegeError> {
    let Some(change) = privileges::change_to(&config.user)? else { return Ok(None) };
    if action == Action::Run {
        change.give_state(&config.state_dir)?;
    }
    change.make(config.reboot).map(Some)
}

fn host(config: &Config) -> Rc<dyn Host> {
    Rc::new(LinuxHost::new(config.root.clone(), config.state_dir.clone()))
}

async fn self_test(config: &Config) -> ExitCode {
    match run::self_test(config, host(config), WIDTH).await {
        Ok(text) => print(&text),
        Err(error) => failed(&error.to_string(), MISTAKE),
    }
}

async fn run(config: Config, became: Option<String>) -> ExitCode {
    let clock = Clock::start();
    let log = move |text: &str| {
        let since = clock.now().mono.0;
        note(&format!("{:6}.{:03} {}", since.as_secs(), since.subsec_millis(), text.replace('\n', " ")));
    };
    let stop = match stop() {
        Ok(stop) => stop,
        Err(error) => return failed(&format!("signals cannot be waited for: {error}"), 1),
    };
    let stop = async { log(&format!("{}: good-bye", stop.await)) };
    if let Some(text) = became {
        log(&text);
    }
    let watched = Watched::from_environment(|name| std::env::var_os(name), &log);
    let host = host(&config);
    match run::run(config, host, stop, watched, &log).await {
        Ok(run::Ended::Stopped) => ExitCode::SUCCESS,
        Ok(run::Ended::Rebooting) => {
            log("the box restarts");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error.to_string(), MISTAKE),
    }
}

/// Ends when the agent is told to stop, with the name of the signal.
fn stop() -> std::io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt): (Signal, Signal) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

fn failed(why: &str, code: u8) -> ExitCode {
    note(&format!("line3-agent: {why}"));
    ExitCode::from(code)
}

/// Writes to standard error. It may quote what others sent, so nothing in it may steer a terminal.
fn note(text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect();
    // At one stroke: to /dev/kmsg each write is a line.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn print(text: &str) -> ExitCode {
    // Whoever reads may have gone (a pager, head): that is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
