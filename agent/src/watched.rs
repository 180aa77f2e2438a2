//! Tells the service manager that the agent runs and that its loop goes round, as sd_notify(3) says it: a line of text to the
//! socket that the environment names. Nothing here waits, and an agent that nobody watches says nothing.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// An agent that may be watched.
#[derive(Debug, Default)]
pub struct Watched {
    manager: Option<Manager>,
    beats: Option<Interval>,
}

/// The one who watches.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    is_deaf: bool,
}

impl Watched {
    /// An agent that nobody watches.
    #[must_use]
    pub fn by_nobody() -> Self {
        Self::default()
    }

    /// Looks who watches: NOTIFY_SOCKET, and how often the agent must be heard: WATCHDOG_USEC. `variable` gives the environment's.
    /// It must be called where tokio's timers run.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>, log: &dyn Fn(&str)) -> Self {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self::by_nobody() };
        match Manager::at(&name) {
            Ok(manager) => Self { manager: Some(manager), beats: period(variable).map(beats) },
            Err(error) => {
                log(&format!("NOTIFY_SOCKET = {name:?} cannot be used, so nobody hears that the agent runs: {error}"));
                Self::by_nobody()
            }
        }
    }

    /// Says that the agent has started. It may not have reached its broker yet: a box without a network would be restarted for
    /// ever.
    pub fn ready(&mut self, log: &dyn Fn(&str)) {
        self.say("READY=1", log);
    }

    /// Says that the agent ends because it was told to.
    pub fn stopping(&mut self, log: &dyn Fn(&str)) {
        self.say("STOPPING=1", log);
    }

    /// Waits until a sign of life is due, twice in the time after which the agent would be taken for dead, and gives it; never ends
    /// where none is asked for. Cancel-safe. Who waits must be the loop itself: so a loop that hangs gives none.
    pub async fn beat(&mut self, log: &dyn Fn(&str)) {
        match &mut self.beats {
            Some(beats) => beats.tick().await,
            None => std::future::pending().await,
        };
        self.say("WATCHDOG=1", log);
    }

    fn say(&mut self, text: &str, log: &dyn Fn(&str)) {
        let Some(manager) = &mut self.manager else { return };
        let said = manager.socket.send_to_addr(text.as_bytes(), &manager.address);
        if let (Err(error), false) = (said, manager.is_deaf) {
            manager.is_deaf = true;
            log(&format!("the service manager was not told {text}: {error}; this is said once"));
        }
    }
}

impl Manager {
    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor @ and a name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, is_deaf: false })
    }
}

/// How long the agent may be silent before it is taken for dead, if this process is the one who is watched.
fn period(variable: impl Fn(&str) -> Option<OsString>) -> Option<Duration> {
    let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_meant = variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(std::process::id().into());
    number("WATCHDOG_USEC").filter(|micros| is_meant && *micros > 0).map(Duration::from_micros)
}

fn beats(period: Duration) -> Interval {
    // tokio takes no interval of nothing.
    let mut beats = interval((period / 2).max(Duration::from_millis(1)));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use tokio::time::timeout;

    use super::*;
    use crate::clock::Clock;

    /// A service manager: its socket, and what it puts into the environment.
    fn manager() -> (tempfile::TempDir, UnixDatagram, BTreeMap<&'static str, OsString>) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_nonblocking(true).expect("set");
        (dir, socket, BTreeMap::from([("NOTIFY_SOCKET", path.into_os_string())]))
    }

    fn watched(environment: &BTreeMap<&'static str, OsString>) -> Watched {
        Watched::from_environment(|name| environment.get(name).cloned(), &|text| panic!("{text}"))
    }

    /// What was said since the last look.
    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| {
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
        .collect()
    }

    #[tokio::test]
    async fn start_and_end_are_told_by_path_and_by_abstract_name() {
        let (_dir, socket, environment) = manager();
        let mut by_path = watched(&environment);
        by_path.ready(&|_| {});
        by_path.stopping(&|_| {});
        assert_eq!(heard(&socket), ["READY=1", "STOPPING=1"]);

        let name = format!("line3-agent-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name")).expect("bound");
        socket.set_nonblocking(true).expect("set");
        watched(&BTreeMap::from([("NOTIFY_SOCKET", format!("@{name}").into())])).ready(&|_| {});
        assert_eq!(heard(&socket), ["READY=1"]);
    }

    #[tokio::test]
    async fn the_loop_beats_twice_in_the_time_it_is_given_and_not_while_it_hangs() {
        let (_dir, socket, mut environment) = manager();
        environment.insert("WATCHDOG_USEC", "1000000".into());
        environment.insert("WATCHDOG_PID", std::process::id().to_string().into());
        let (clock, mut watched) = (Clock::start(), watched(&environment));
        for _ in 0..3 {
            watched.beat(&|_| {}).await;
        }
        // The first comes at once.
        let took = clock.now().mono.0;
        assert!((Duration::from_millis(1000)..Duration::from_millis(1900)).contains(&took), "{took:?}");
        assert_eq!(heard(&socket), ["WATCHDOG=1"; 3]);
        // Nobody polls it: as if a command never gave the thread back.
        #[allow(clippy::disallowed_methods, reason = "this is the loop that hangs")]
        std::thread::sleep(Duration::from_millis(700));
        assert!(heard(&socket).is_empty());
    }

    #[tokio::test]
    async fn who_is_not_watched_says_nothing() {
        let (_dir, socket, environment) = manager();
        let with = |more: &[(&'static str, &str)]| {
            let mut environment = environment.clone();
            environment.extend(more.iter().map(|(name, value)| (*name, OsString::from(value))));
            environment
        };
        let without_socket = BTreeMap::from([("WATCHDOG_USEC", OsString::from("1000"))]);
        for environment in [
            environment.clone(),
            with(&[("WATCHDOG_USEC", "0")]),
            with(&[("WATCHDOG_USEC", "often")]),
            with(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]),
            with(&[("WATCHDOG_USEC", "1000"), ("NOTIFY_SOCKET", "")]),
            without_socket,
        ] {
            let beat = timeout(Duration::from_millis(30), async { watched(&environment).beat(&|_| {}).await }).await;
            assert!(beat.is_err() && heard(&socket).is_empty(), "{environment:?}");
        }
        Watched::by_nobody().ready(&|text| panic!("{text}"));
    }

    #[tokio::test]
    async fn a_manager_who_does_not_listen_is_said_once_and_holds_nothing_up() {
        let lines = RefCell::new(Vec::new());
        let log = |text: &str| lines.borrow_mut().push(text.to_owned());
        let (dir, socket, environment) = manager();
        let mut watched = watched(&environment);
        // Nobody takes the messages out, so the socket fills up.
        for _ in 0..2000 {
            watched.ready(&log);
        }
        assert_eq!(lines.take().len(), 1);
        drop((dir, socket));
        let mut watched = Watched::from_environment(|name| environment.get(name).cloned(), &log);
        watched.ready(&log);
        watched.stopping(&log);
        assert!(matches!(lines.take().as_slice(), [line] if line.contains("READY=1")));
        Watched::from_environment(|_| Some("vsock:2:1".into()), &log).ready(&log);
        assert!(matches!(lines.take().as_slice(), [line] if line.contains("NOTIFY_SOCKET")));
    }
}
