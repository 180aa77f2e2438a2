//! `line3 demo`: a whole small operation on one machine, by the same code as in the field. The server with its embedded broker, the
//! real agent of this machine as a child process, and simulated boxes, which are labelled so wherever they are shown.
#![allow(clippy::disallowed_methods, reason = "the demo starts the agent of this machine")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use line3_agent::host::linux::LinuxHost;
use line3_agent::host::sim::{RealClock, SimBox, SimClock, SimHost};
use line3_agent::watched::Watched;
use line3_proto::EndpointId;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::clock::{Clock, wall};
use crate::pki::Pki;
use crate::serve::{Server, told_to_stop};
use crate::setup::{announce, prepare};
use crate::store::BoxRow;

/// The cities that simulated boxes stand in.
const CITIES: [&str; 6] = ["Perm", "Kazan", "Samara", "Tyumen", "Ufa", "Izhevsk"];

/// How often boxes of the demo report, in seconds.
const INTERVAL: u32 = 10;

/// How long the demo waits for its boxes before it says what to type.
const GATHER: Duration = Duration::from_secs(20);

/// How long until an agent that ended is started again.
const RESPAWN: Duration = Duration::from_secs(2);

/// How long the agent has to say good-bye.
const FAREWELL: Duration = Duration::from_secs(4);

/// The most simulated boxes.
pub const MAX_BOXES: u16 = 1000;

/// Runs the demo until `stop` ends. `by_default` says that the command line finds `data` by itself.
pub async fn run(data: &Path, by_default: bool, boxes: u16, stop: impl Future<Output = ()>) -> Result<()> {
    anyhow::ensure!(boxes <= MAX_BOXES, "--boxes {boxes}: the demo takes at most {MAX_BOXES}");
    let (config, pki, old) = prepare(data)?;
    anyhow::ensure!(
        config.broker.is_none(),
        "{}: the demo uses the embedded broker; remove [broker]",
        data.join(crate::config::FILE).display()
    );
    let real = real_agent(data, &pki)?;
    let simulated = simulated_boxes(data, &pki, boxes)?;
    let known: Vec<BoxRow> = simulated.iter().enumerate().map(|(index, sim)| labelled(&sim.id, index)).collect();
    let server = Server::start(data, &config, &pki, known).await?;
    let (Some(broker), api) = (server.broker_addr, server.api) else { anyhow::bail!("the embedded broker does not listen") };
    announce(data, &format!("http://{api}"))?;
    // The broker's port is known only now where the configuration leaves it open.
    real.write(broker.port())?;

    let (halt, halting) = watch::channel(false);
    let mut supervisor = tokio::spawn(supervise(real.path.clone(), halting.clone()));
    let fleet = std::thread::Builder::new().name("simulated".to_owned()).spawn(move || run_simulated(simulated, broker.port(), halting))?;
    say(&format!(
        "Line3 demo\n  data       {}{}\n  broker     {broker} (embedded, mutual TLS)\n  API        http://{api}\n  simulated  {boxes} boxes in {} cities\n",
        data.display(),
        if old { " (kept from an earlier demo)" } else { "" },
        CITIES.len().min(boxes.into()),
    ));
    let mut stop = std::pin::pin!(stop);
    let stopped = tokio::select! {
        () = gather(&server, usize::from(boxes) + 1) => false,
        () = &mut stop => true,
    };
    if !stopped {
        say(&what_next(data, by_default, &real.id)?);
        stop.await;
    }
    say("stopping ...\n");
    let _ = halt.send(true);
    if tokio::time::timeout(FAREWELL + RESPAWN, &mut supervisor).await.is_err() {
        supervisor.abort();
    }
    // The thread ends by itself within its own farewell.
    let _ = tokio::task::spawn_blocking(move || fleet.join()).await;
    server.stop().await;
    say("stopped.\n");
    Ok(())
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    // A closed terminal is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says a line in the place of one that is still moving.
fn say_over(line: &str) {
    let clear = if std::io::stdout().is_terminal() { "\r\x1b[2K" } else { "" };
    say(&format!("{clear}{line}\n"));
}

/// Waits until the boxes are there, and shows how many are.
async fn gather(server: &Server, wanted: usize) {
    let terminal = std::io::stdout().is_terminal();
    let until = tokio::time::Instant::now() + GATHER;
    loop {
        let ready = server.desk.board().boxes_where(|view| view.ready).len();
        if terminal {
            say(&format!("\r  boxes      {ready} of {wanted} connected "));
        }
        if ready >= wanted || tokio::time::Instant::now() >= until {
            let rest = if ready < wanted { " so far; the others follow" } else { "" };
            say_over(&format!("  boxes      {ready} of {wanted} connected{rest}"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What to type in a second terminal.
fn what_next(data: &Path, by_default: bool, real: &EndpointId) -> Result<String> {
    let program = std::env::current_exe().context("where this program is")?;
    let program = quoted(&program);
    let place = if by_default { String::new() } else { format!(" --data {}", quoted(&std::path::absolute(data)?)) };
    let mut text = String::from("\nType in a second terminal:\n\n");
    for command in ["boxes".to_owned(), format!("ping {real} 127.0.0.1"), format!("get {real} Device.DeviceInfo.MemoryStatus.")] {
        let _ = writeln!(text, "  {program}{place} {command}");
    }
    text.push_str("\nCtrl-C stops the demo.\n");
    Ok(text)
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The agent of this machine.
struct RealAgent {
    id: EndpointId,
    path: PathBuf,
    directory: PathBuf,
}

fn real_agent(data: &Path, pki: &Pki) -> Result<RealAgent> {
    let directory = std::path::absolute(data.join("agent"))?;
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = match EndpointId::parse(&format!("uuid::{}", machine_id.trim())) {
        Ok(id) => id,
        // A machine without an id of its own gets one that is kept with the demo's data.
        Err(_) => own_id(&directory)?,
    };
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    if !directory.join("box.pem").exists() {
        pki.write_box(&directory, &id)?;
    }
    Ok(RealAgent { id, path: directory.join("agent.toml"), directory })
}

fn own_id(directory: &Path) -> Result<EndpointId> {
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let path = directory.join("id");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok(EndpointId::parse(text.trim())?);
    }
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random)?;
    let text = format!("self::{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    Ok(EndpointId::parse(&text)?)
}

impl RealAgent {
    fn write(&self, port: u16) -> Result<()> {
        let directory = &self.directory;
        let text = format!(
            "# The agent of this machine, for the demo.\nendpoint-id = {:?}\nstate-dir = {:?}\nreboot = \"restart-agent\"\n\n{}",
            self.id.as_str(),
            directory.join("state"),
            broker_config(directory, port),
        );
        std::fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }
}

fn broker_config(directory: &Path, port: u16) -> String {
    format!(
        "[broker]\nhost = \"127.0.0.1\"\nport = {port}\nca = {:?}\ncertificate = {:?}\nkey = {:?}\nkeep-alive = 15\n\n[report]\ninterval = {INTERVAL}\n",
        directory.join("ca.pem"),
        directory.join("box.pem"),
        directory.join("box.key"),
    )
}

/// Waits until the demo ends.
async fn halted(halting: &mut watch::Receiver<bool>) {
    // The sender gone is an end, too.
    let _ = halting.wait_for(|halt| *halt).await;
}

/// Keeps the agent of this machine running, as an init system would.
async fn supervise(config: PathBuf, mut halting: watch::Receiver<bool>) {
    loop {
        let mut child = match spawn_agent(&config) {
            Ok(child) => child,
            Err(error) => return tracing::error!("the agent cannot be started: {error:#}"),
        };
        // Held apart, because waiting for a child closes what it has of it.
        let input = child.stdin.take();
        say_over(&format!("  agent      pid {}: this machine", child.id().unwrap_or(0)));
        tokio::select! {
            ended = child.wait() => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                say_over(&format!("  agent      ended ({how}); started again in {} s", RESPAWN.as_secs()));
            }
            () = halted(&mut halting) => {
                // Its standard input closes: the agent says good-bye.
                drop(input);
                if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
                    let _ = child.kill().await;
                }
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RESPAWN) => {}
            () = halted(&mut halting) => return,
        }
    }
}

fn spawn_agent(config: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("where this program is")?;
    let log = config.with_extension("log");
    let log = std::fs::File::create(&log).with_context(|| log.display().to_string())?;
    Command::new(program)
        .arg("agent")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("the agent's process")
}

/// The agent of this machine, in the child process. It ends by a signal, or when its standard input closes: with the demo.
pub fn run_agent(config: &Path) -> Result<()> {
    let text = std::fs::read_to_string(config).with_context(|| config.display().to_string())?;
    let config = line3_agent::config::Config::parse(&text).with_context(|| config.display().to_string())?;
    let host = Rc::new(LinuxHost::new(config.root.clone(), config.state_dir.clone()));
    let started = Clock::start();
    #[allow(clippy::print_stderr, reason = "the agent's log")]
    let log = |text: &str| eprintln!("{:10.3} {}", started.now().mono.0.as_secs_f64(), text.replace('\n', " "));
    let input_closed = async {
        let mut sink = [0_u8; 64];
        let mut stdin = tokio::io::stdin();
        while tokio::io::AsyncReadExt::read(&mut stdin, &mut sink).await.is_ok_and(|count| count > 0) {}
    };
    let stop = async {
        tokio::select! {
            () = input_closed => {}
            () = told_to_stop() => {}
        }
    };
    // The thread that waits for the standard input cannot be woken: it must not keep the process.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(line3_agent::run::run(config, host, stop, Watched::by_nobody(), &log));
    runtime.shutdown_background();
    ended?;
    Ok(())
}

/// A simulated box that is about to run.
struct Simulated {
    id: EndpointId,
    seed: u64,
    directory: PathBuf,
}

fn simulated_boxes(data: &Path, pki: &Pki, count: u16) -> Result<Vec<Simulated>> {
    (1..=count)
        .map(|number| {
            let id = EndpointId::parse(&format!("proto::sim-{number:03}"))?;
            let directory = std::path::absolute(data.join("simulated").join(format!("{number:03}")))?;
            if !directory.join("box.pem").exists() {
                pki.write_box(&directory, &id)?;
            }
            Ok(Simulated { id, seed: number.into(), directory })
        })
        .collect()
}

fn labelled(id: &EndpointId, index: usize) -> BoxRow {
    let city = CITIES.get(index % CITIES.len()).copied().unwrap_or_default();
    BoxRow { labels: BTreeMap::from([("city".to_owned(), city.to_owned())]), ..BoxRow::new(id.clone(), wall()) }
}

/// Runs the simulated boxes in this thread, as a box runs: the same agent, the same link, another host.
fn run_simulated(boxes: Vec<Simulated>, port: u16, halting: watch::Receiver<bool>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!("the simulated boxes cannot run: {error}"),
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let clock: Rc<dyn SimClock> = RealClock::start();
        let mut running = Vec::new();
        for Simulated { id, seed, directory } in boxes {
            let (clock, mut halting) = (Rc::clone(&clock), halting.clone());
            running.push(tokio::task::spawn_local(async move {
                let sim = SimBox::of(seed);
                let text = format!("endpoint-id = {:?}\n{}", id.as_str(), broker_config(&directory, port));
                let mut config = match line3_agent::config::Config::parse(&text) {
                    Ok(config) => config,
                    Err(error) => return tracing::error!("{id}: {error}"),
                };
                config.device = sim.device();
                let host = Rc::new(SimHost::new(sim, clock));
                let stop = halted(&mut halting);
                let log = |text: &str| tracing::debug!("{id}: {text}");
                if let Err(error) = line3_agent::run::run(config, host, stop, Watched::by_nobody(), &log).await {
                    tracing::error!("{id}: {error}");
                }
            }));
        }
        for running in running {
            // A box that ended badly has said so.
            let _ = running.await;
        }
    });
}
