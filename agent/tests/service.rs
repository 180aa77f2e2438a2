//! The binary as an init system starts it: as root or not, watched or not. What needs root says so where the tests are not root;
//! the user that the agent becomes is `nobody`, which every Linux has.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use line3_agent::host::linux::icmp;
use line3_agent::host::{Echo, EchoError};
use line3_agent::privileges;
use line3_agent::view::RebootMode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

const LONG: Duration = Duration::from_secs(20);

/// The bits of CAP_NET_RAW and CAP_SYS_BOOT.
const NET_RAW: u64 = 1 << 13;
const SYS_BOOT: u64 = 1 << 22;

/// A place that every user can enter, with the agent's program and its configuration.
struct Place(tempfile::TempDir);

impl Place {
    fn with(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_line3-agent"), dir.path().join("line3-agent")).unwrap();
        let place = Self(dir);
        // Nobody listens at port 1: an agent without a broker is one that runs.
        let config = format!("endpoint-id = \"os::00256D-1\"\nstate-dir = {:?}\n{config}\n[broker]\nport = 1\n", place.at("state"));
        fs::write(place.at("agent.toml"), config).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn agent(&self) -> Command {
        let mut command = Command::new(self.at("line3-agent"));
        command.arg("--config").arg(self.at("agent.toml")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Exit code, standard output and standard error of a command that ends by itself, and says less than a pipe holds.
fn ran(command: &mut Command) -> (i32, String, String) {
    let mut daemon = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    until("it ends", || daemon.0.try_wait().unwrap().is_some());
    let mut said = (String::new(), String::new());
    daemon.0.stdout.take().unwrap().read_to_string(&mut said.0).unwrap();
    daemon.0.stderr.take().unwrap().read_to_string(&mut said.1).unwrap();
    (daemon.0.wait().unwrap().code().unwrap(), said.0, said.1)
}

/// Ends what the test started, even when it fails.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the tests are root; says it past the test harness where they are not.
#[allow(clippy::explicit_write)]
fn is_root(what: &str) -> bool {
    if !geteuid().is_root() {
        writeln!(std::io::stderr(), "!!! NOT TESTED, THIS IS NOT ROOT: {what}").unwrap();
    }
    geteuid().is_root()
}

fn nobody() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

/// A line of /proc/PID/status.
fn status(of: &str, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{of}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rights(of: &str, set: &str) -> u64 {
    u64::from_str_radix(&status(of, set), 16).unwrap()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn root_becomes_the_user_with_the_least_rights() {
    if !is_root("that root becomes the user") {
        return;
    }
    let user = nobody();
    for (reboot, wanted) in [("restart-agent", NET_RAW), ("system", NET_RAW | SYS_BOOT)] {
        let place = Place::with(&format!("user = \"nobody\"\nreboot = {reboot:?}"));
        let daemon = Daemon(place.agent().spawn().unwrap());
        let pid = daemon.0.id().to_string();
        until("it becomes the user", || status(&pid, "NoNewPrivs") == "1");
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        assert_eq!(status(&pid, "Uid"), [uid; 4].map(|id| id.to_string()).join(" "));
        assert_eq!(status(&pid, "Gid"), [gid; 4].map(|id| id.to_string()).join(" "));
        assert_eq!(status(&pid, "Groups"), gid.to_string());
        // A container may have taken some from root already.
        let kept = wanted & rights("self", "CapPrm");
        assert_eq!(["CapPrm", "CapEff", "CapInh", "CapAmb"].map(|set| rights(&pid, set)), [kept, kept, 0, 0], "{reboot}");
        let state = fs::metadata(place.at("state")).unwrap();
        assert_eq!((state.uid(), state.gid(), state.mode() & 0o777), (uid, gid, 0o700));
    }
}

#[test]
fn with_the_rights_that_are_kept_it_still_pings() {
    const CHILD: &str = "LINE3_TEST_CHILD";
    if !is_root("that the user can ping") {
        return;
    }
    if std::env::var_os(CHILD).is_none() {
        // The rest in a process of its own, which gives its rights up for good.
        let name = "with_the_rights_that_are_kept_it_still_pings";
        let child = ran(Command::new(std::env::current_exe().unwrap()).args(["--exact", name, "--test-threads=1"]).env(CHILD, "1"));
        assert!(child.0 == 0 && child.1.contains("1 passed"), "{child:?}");
        return;
    }
    let has_right = rights("thread-self", "CapPrm") & NET_RAW != 0;
    privileges::change_to("nobody").unwrap().unwrap().make(RebootMode::RestartAgent).unwrap();
    assert!(!geteuid().is_root() && fs::read("/etc/shadow").is_err());
    let to = IpAddr::from(Ipv4Addr::LOCALHOST);
    let echo = Echo { to, interface: Some("lo".to_owned()), size: 64, dscp: 0, timeout: LONG, sequence: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(icmp::echo(echo));
    assert!(if has_right { result.is_ok() } else { matches!(result, Ok(_) | Err(EchoError::NotPermitted)) }, "{result:?}");
}

#[test]
fn a_user_that_it_cannot_become_is_a_clear_mistake() {
    let place = Place::with("user = \"line3-nobody-at-all\"");
    let (code, _, err) = ran(&mut place.agent());
    assert!(code == 2 && err.contains("the box has no such user; make it"), "{code} {err}");
    assert!(!place.at("state").exists());

    let place = Place::with("user = \"root\"");
    let mut agent = place.agent();
    if geteuid().is_root() {
        agent.uid(nobody().uid.as_raw()).gid(nobody().gid.as_raw());
    }
    let (code, _, err) = ran(&mut agent);
    assert!(code == 2 && err.contains("start it as root or as root"), "{code} {err}");
}

#[test]
fn who_is_that_user_already_stays() {
    let me = User::from_uid(geteuid()).unwrap().unwrap();
    let place = Place::with(&format!("user = {:?}", me.name));
    let before = rights("self", "CapPrm");
    let daemon = Daemon(place.agent().spawn().unwrap());
    let pid = daemon.0.id().to_string();
    until("it catches SIGTERM", || rights(&pid, "SigCgt") & (1 << 14) != 0);
    assert_eq!((rights(&pid, "CapPrm"), status(&pid, "NoNewPrivs")), (before, status("self", "NoNewPrivs")));
}

#[test]
fn the_self_test_sees_what_the_user_sees_and_changes_nothing() {
    if !is_root("that the self-test runs as the user") {
        return;
    }
    let place = Place::with("");
    let root = place.at("root");
    let file = |name: &str, mode: u32| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "1 1\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    file("proc/uptime", 0o600);
    file("proc/2/stat", 0o444);
    for (user, sees) in [("nobody", false), ("root", true)] {
        let config = format!("endpoint-id = \"os::00256D-1\"\nuser = {user:?}\nroot = {root:?}\nstate-dir = {:?}\n", place.at("state"));
        fs::write(place.at("agent.toml"), config).unwrap();
        let (code, out, err) = ran(place.agent().arg("--self-test"));
        let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, 0, "{err}");
        assert_eq!(out.contains("not permitted: the agent's user may not read /proc/uptime"), !sees, "{out}");
        assert!(out.contains("Process.{i}. nothing: not permitted: /proc is mounted with hidepid"), "{out}");
        assert!(!place.at("state").exists());
    }
}

#[test]
fn a_key_that_the_user_may_not_read_is_named_with_what_to_do() {
    if !is_root("a key that only root can read") {
        return;
    }
    let place = Place::with("");
    let key = place.at("key.pem");
    fs::write(&key, "secret").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let config = format!("endpoint-id = \"os::00256D-1\"\nuser = \"nobody\"\nstate-dir = {:?}\n[broker]\n", place.at("state"));
    fs::write(place.at("agent.toml"), format!("{config}ca = {key:?}\ncertificate = {key:?}\nkey = {key:?}\n")).unwrap();
    let (code, _, err) = ran(&mut place.agent());
    assert!(code == 2 && err.contains("broker.ca") && err.contains("give it the agent's group, and mode 0640"), "{code} {err}");
}

/// What the service manager hears next.
fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn manager(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

#[test]
fn who_watches_hears_start_life_and_end_even_without_a_broker() {
    let user = if is_root("that another user is heard") { "user = \"nobody\"" } else { "" };
    let place = Place::with(user);
    let socket = manager(&place.at("notify"));
    let daemon = Daemon(place.agent().env("NOTIFY_SOCKET", place.at("notify")).env("WATCHDOG_USEC", "600000").spawn().unwrap());
    assert_eq!(heard(&socket), "READY=1");
    assert_eq!(heard(&socket), "WATCHDOG=1");
    let start = Instant::now();
    for _ in 0..4 {
        assert_eq!(heard(&socket), "WATCHDOG=1");
    }
    let took = start.elapsed();
    assert!((Duration::from_millis(1000)..Duration::from_millis(2300)).contains(&took), "four beats of 300 ms took {took:?}");
    // A process that stands still is not heard.
    let pid = Pid::from_raw(daemon.0.id().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 64]).is_ok() {}
    std::thread::sleep(Duration::from_millis(700));
    assert!(socket.recv(&mut [0; 64]).is_err());
    socket.set_nonblocking(false).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(heard(&socket), "WATCHDOG=1");
    kill(pid, Signal::SIGTERM).unwrap();
    until("it says that it ends", || heard(&socket) == "STOPPING=1");
}
