//! The processes: a broker without TLS, and the agent.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use line3_proto::EndpointId;

use crate::lab::{Files, Lab, free};

/// How long anything may take to start.
const START: Duration = Duration::from_secs(10);

/// How long nothing happens before memory is called idle.
const IDLE: Duration = Duration::from_secs(3);

/// One tick of /proc/PID/stat: USER_HZ is 100 on every Linux that we build for.
const TICK: Duration = Duration::from_millis(10);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + START;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Mosquitto on loopback, without TLS.
pub(crate) struct Plain {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Plain {
    pub(crate) fn start(lab: &Lab) -> Self {
        let (dir, address) = (lab.dir("plain"), free());
        let conf = dir.join("mosquitto.conf");
        let text = format!(
            "user root\nset_tcp_nodelay true\nmax_queued_messages 10000\nallow_anonymous true\nlog_dest none\nlistener {} {}\n",
            address.port(),
            address.ip()
        );
        std::fs::write(&conf, text).unwrap();
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| std::path::Path::new(path).exists());
        let program = program.expect("this needs Debian's package `mosquitto`: apt-get install mosquitto");
        let process =
            Command::new(program).arg("-c").arg(conf).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let broker = Self { address, process };
        until("mosquitto does not start", || TcpStream::connect(address).is_ok());
        broker
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An agent that is connected.
pub(crate) struct Agent {
    pub(crate) id: EndpointId,
    process: Child,
}

impl Agent {
    /// Starts an agent of factory settings that reports nothing, and waits until it is connected.
    pub(crate) fn start(program: &str, lab: &Lab, id: &str, broker: SocketAddr, tls: bool) -> Self {
        let dir: PathBuf = lab.dir(id);
        let files = if tls {
            let Files { ca, certificate, key } = lab.issue(&dir, id);
            format!("ca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\n")
        } else {
            String::new()
        };
        let text = format!(
            "endpoint-id = {id:?}\nstate-dir = {:?}\nreboot = \"restart-agent\"\n[broker]\nhost = {:?}\nport = {}\n{files}\
             [report]\ninterval = 86400\nparameters = []\n[device]\nsoftware-version = \"1.0\"\n",
            dir.join("state"),
            broker.ip().to_string(),
            broker.port(),
        );
        std::fs::write(dir.join("agent.toml"), text).unwrap();
        let log = dir.join("agent.log");
        let process = Command::new(program)
            .arg("--config")
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn();
        let agent = Self { id: EndpointId::parse(id).unwrap(), process: process.unwrap() };
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        until("the agent does not connect", || said().contains("connected to the broker"));
        agent
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).expect("the agent has ended")
    }

    /// All the CPU time that it has had. It has one thread.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.proc("schedstat");
        Duration::from_nanos(stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
    }

    /// The same, in user space and in the kernel, as sampled by the kernel's tick.
    pub(crate) fn user_and_system(&self) -> (Duration, Duration) {
        let stat = self.proc("stat");
        // The name in brackets may have blanks; user and system time are fields 14 and 15, the state after the name is the third.
        let after = stat.rsplit_once(')').expect("a name").1;
        let mut ticks = after.split_whitespace().skip(11).map(|field| TICK * field.parse::<u32>().expect("ticks"));
        (ticks.next().expect("user time"), ticks.next().expect("system time"))
    }

    /// Its memory.
    pub(crate) fn memory(&self) -> Memory {
        let text = self.proc("smaps_rollup");
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("KiB")
        };
        Memory { rss: of("Rss"), pss: of("Pss"), anon: of("Anonymous") }
    }

    /// The same after some time in which nothing happens.
    pub(crate) fn idle(&self) -> Memory {
        std::thread::sleep(IDLE);
        self.memory()
    }
}

/// Memory in KiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// What is resident, with what is shared with others (the C library).
    pub(crate) rss: u64,
    /// The same, with only its part of what is shared.
    pub(crate) pss: u64,
    /// What is no file's: heap, stack, and pages of files that were written to.
    pub(crate) anon: u64,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
