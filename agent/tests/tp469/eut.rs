//! The equipment under test: the real agent as a process.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use line3_proto::EndpointId;

use crate::controller::{Controller, LIMIT};
use crate::lab::{Files, Lab, Started};

/// The plan's Controller: the one that the agent is configured with, so it may do everything.
pub(crate) const CONTROLLER: &str = "self::line3";

/// A process of the agent: its configuration, its directory, and, while it runs, the child.
pub(crate) struct Process {
    lab: Arc<Lab>,
    pub(crate) id: EndpointId,
    /// What it keeps is in `state` there, its configuration `agent.toml`, what it says `agent.log`.
    pub(crate) dir: PathBuf,
    child: Option<Started>,
}

impl Process {
    /// Prepares an agent that connects to this broker, by TLS if there are certificates. `more` is added to its configuration
    /// (whole sections other than `[broker]`). It does not run yet.
    pub(crate) fn new(lab: &Arc<Lab>, id: &str, broker: SocketAddr, tls: bool, more: &str) -> Self {
        let id = EndpointId::parse(id).unwrap();
        let dir = lab.dir(id.as_str());
        let files = if tls {
            let Files { ca, certificate, key } = lab.issue(&dir, id.as_str());
            format!("ca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\n")
        } else {
            String::new()
        };
        let text = format!(
            "endpoint-id = {:?}\ncontroller = {CONTROLLER:?}\nstate-dir = {:?}\nreboot = \"restart-agent\"\n\
             [broker]\nhost = {:?}\nport = {}\n{files}{more}",
            id.as_str(),
            dir.join("state"),
            broker.ip().to_string(),
            broker.port(),
        );
        std::fs::write(dir.join("agent.toml"), text).unwrap();
        Self { lab: Arc::clone(lab), id, dir, child: None }
    }

    /// Starts the process; it runs, but need not be connected yet.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join("agent.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_line3-agent"));
        command.arg("--config").arg(self.dir.join("agent.toml")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(self.lab.spawn(&mut command));
    }

    /// The number of the process that runs.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it does not run").id()
    }

    /// `kill -9`. It must have been well until then.
    pub(crate) fn kill(&mut self) {
        self.is_well();
        self.child = None;
    }

    /// Somebody else has sent it `kill -9`, and nothing else has ended it.
    pub(crate) fn was_killed(&mut self) {
        let ended = self.child.take().expect("it does not run").ends_within(LIMIT).expect("it is not killed");
        assert_eq!(ended.signal(), Some(9), "the agent has ended by itself with {ended}:\n{}", self.log());
    }

    /// Ends it in order, with SIGTERM.
    pub(crate) fn stop(&mut self) {
        use nix::sys::signal::{Signal, kill};
        self.is_well();
        let child = self.child.take().expect("it does not run");
        kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        let ended = child.ends_within(LIMIT).expect("the agent does not end at SIGTERM");
        assert!(ended.success(), "the agent ends with {ended}:\n{}", self.log());
    }

    /// It has not ended by itself if it was started, and nothing of it has panicked.
    pub(crate) fn is_well(&self) {
        if let Some(ended) = self.child.as_ref().and_then(Started::ended) {
            panic!("the agent has ended by itself with {ended}:\n{}", self.log());
        }
        assert!(!self.log().contains("panicked at"), "the agent has panicked:\n{}", self.log());
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("agent.log")).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub(crate) fn says(&self, words: &str, limit: Duration) {
        let until = std::time::Instant::now() + limit;
        while !self.log().contains(words) {
            assert!(std::time::Instant::now() < until, "the agent never says {words:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    /// A case that forgets its agent does not pass if the agent was not well.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is_well();
        }
    }
}

/// An agent that runs and is connected, and the plan's Controller, whose methods are the `Eut`'s: `eut.get(…)`.
pub(crate) struct Eut {
    pub(crate) lab: Arc<Lab>,
    pub(crate) process: Process,
    controller: Controller,
}

impl Eut {
    /// A fresh agent of factory settings over the run's Mosquitto, connected. `name` tells one case's from the others'.
    pub(crate) fn start(lab: &Arc<Lab>, name: &str) -> Self {
        // No health report goes out while a case runs, and the broker is quick to see that a killed agent is gone.
        Self::start_with(
            lab,
            name,
            "keep-alive = 60\n[report]\ninterval = 86400\nparameters = []\n[device]\noui = \"00256D\"\nproduct-class = \"STB\"\nserial-number = \"0469\"\nsoftware-version = \"1.0\"\n",
        )
    }

    /// The same with other words at the end of the configuration; they continue its section `[broker]`.
    pub(crate) fn start_with(lab: &Arc<Lab>, name: &str, more: &str) -> Self {
        // An instance-id has 50 characters at most.
        let id = format!("self::{}", name.chars().take(40).collect::<String>());
        let process = Process::new(lab, &id, lab.boxes(), true, more);
        let controller = Controller::connect(lab, CONTROLLER, &process.id);
        let mut eut = Self { lab: Arc::clone(lab), process, controller };
        eut.process.start();
        eut.controller.until_online();
        eut
    }

    /// Another controller on the same broker. The agent knows nothing of it.
    pub(crate) fn controller(&self, id: &str) -> Controller {
        Controller::connect(&self.lab, id, &self.process.id)
    }

    /// What the agent has said.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// What each case ends with: the agent is well, it and the broker still carry a question and its answer (so silence was no
    /// death), and nothing came that nobody had asked for.
    pub(crate) fn ends_well(&mut self) {
        self.process.is_well();
        let _ = self.controller.get(&["Device.LocalAgent.EndpointID"]);
        self.controller.no_answer_is_left();
    }

    /// A power failure: `kill -9`, a new start; waits until it is connected again.
    pub(crate) fn crash(&mut self) {
        self.process.kill();
        self.come_back();
    }

    /// Ends the agent in order and starts it again; waits until it is connected again.
    pub(crate) fn restart(&mut self) {
        self.process.stop();
        self.come_back();
    }

    fn come_back(&mut self) {
        self.controller.forget_records();
        self.process.start();
        self.controller.until_online();
    }
}

impl Deref for Eut {
    type Target = Controller;
    fn deref(&self) -> &Controller {
        &self.controller
    }
}

impl DerefMut for Eut {
    fn deref_mut(&mut self) -> &mut Controller {
        &mut self.controller
    }
}
