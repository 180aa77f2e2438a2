//! A box that does not exist: its kernel's files, its network and its flash, made up from a seed. The same Objects, Commands and
//! agent run on it, in real time (a demo) or in counted time (tests).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use line3_proto::Fault;

use super::{Address, Echo, EchoError, Host, MAX_FILE, MAX_LIST, Space, Wait};
use files::Moment;
use model::mix;

mod clock;
mod files;
mod flash;
mod model;
mod network;

pub use clock::{CountedClock, RealClock, SimClock};
pub use flash::SimFlash;
pub use model::{MODELS, Model, SimBox};

/// What answers a datagram: `None` is silence.
pub type Answerer = Box<dyn Fn(SocketAddr, &[u8]) -> Option<Vec<u8>>>;

/// A simulated box.
pub struct SimHost {
    /// `None`: nothing but what a test sets.
    sim: Option<SimBox>,
    clock: Rc<dyn SimClock>,
    flash: SimFlash,
    /// When the agent started, on the simulation's clock.
    started: Duration,
    /// The state of its random numbers.
    random: Cell<u64>,
    /// What a test put over the box's own files; `None`: removed, with all below. Bounded by the test.
    files: RefCell<BTreeMap<String, Option<String>>>,
    addresses: RefCell<Option<Vec<Address>>>,
    space: Cell<Option<Space>>,
    names: RefCell<BTreeMap<String, Vec<IpAddr>>>,
    answerer: RefCell<Option<Answerer>>,
    reboots: Cell<u32>,
}

impl SimHost {
    /// This box, with an empty flash.
    #[must_use]
    pub fn new(sim: SimBox, clock: Rc<dyn SimClock>) -> Self {
        Self::restarted(sim, clock, SimFlash::new())
    }

    /// The agent starts on a box whose flash it may have used before. The box itself has restarted only if [`SimFlash::boot`]
    /// was called in between.
    #[must_use]
    pub fn restarted(sim: SimBox, clock: Rc<dyn SimClock>, flash: SimFlash) -> Self {
        Self::build(Some(sim), clock, flash)
    }

    /// A box that has nothing but what a test sets.
    #[must_use]
    pub fn empty(clock: Rc<dyn SimClock>) -> Self {
        Self::build(None, clock, SimFlash::new())
    }

    fn build(sim: Option<SimBox>, clock: Rc<dyn SimClock>, flash: SimFlash) -> Self {
        let seed = sim.as_ref().map_or(0, |sim| sim.seed);
        Self {
            sim,
            started: clock.elapsed(),
            clock,
            random: Cell::new(mix(&[seed, flash.start()])),
            flash,
            files: RefCell::default(),
            addresses: RefCell::default(),
            space: Cell::default(),
            names: RefCell::new(network::names()),
            answerer: RefCell::default(),
            reboots: Cell::default(),
        }
    }

    /// Its flash.
    #[must_use]
    pub fn flash(&self) -> &SimFlash {
        &self.flash
    }

    /// How often it was told to reboot. In counted time the harness does it: [`SimFlash::boot`], then [`SimHost::restarted`].
    #[must_use]
    pub fn reboots(&self) -> u32 {
        self.reboots.get()
    }

    /// Lever: this path holds this text from now on.
    pub fn set_file(&self, path: &str, text: impl Into<String>) {
        self.files.borrow_mut().insert(path.trim_end_matches('/').to_owned(), Some(text.into()));
    }

    /// Lever: there is no such file from now on, nor, if it is a directory, anything in it.
    pub fn remove_file(&self, path: &str) {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.files.borrow_mut().retain(|name, _| !name.starts_with(&below));
        self.files.borrow_mut().insert(path.to_owned(), None);
    }

    /// Lever: these are its addresses from now on.
    pub fn set_addresses(&self, addresses: Vec<Address>) {
        *self.addresses.borrow_mut() = Some(addresses);
    }

    /// Lever: this full are its file systems from now on.
    pub fn set_space(&self, space: Space) {
        self.space.set(Some(space));
    }

    /// Lever: this name has these addresses from now on.
    pub fn set_name(&self, name: &str, addresses: Vec<IpAddr>) {
        self.names.borrow_mut().insert(name.to_owned(), addresses);
    }

    /// Lever: this answers datagrams from now on, each after the round-trip time of its address.
    pub fn answer(&self, answerer: impl Fn(SocketAddr, &[u8]) -> Option<Vec<u8>> + 'static) {
        *self.answerer.borrow_mut() = Some(Box::new(answerer));
    }

    fn moment(&self) -> Option<Moment<'_>> {
        let sim = self.sim.as_ref()?;
        let now = self.clock.elapsed();
        let up = self.flash.booted().map_or(now + sim.up, |booted| now.saturating_sub(booted));
        Some(Moment { sim, up: up.as_secs_f64(), boots: self.flash.boots() })
    }

    /// What a test says of this path: its text, that it is not there (`Some(None)`), or nothing.
    fn overlay(&self, path: &str) -> Option<Option<String>> {
        let files = self.files.borrow();
        if let Some(text) = files.get(path) {
            return Some(text.clone());
        }
        let mut parents = std::iter::successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'));
        parents.any(|(parent, _)| files.get(parent).is_some_and(Option::is_none)).then_some(None)
    }
}

impl Host for SimHost {
    fn file(&self, path: &str) -> io::Result<String> {
        let text = match self.overlay(path) {
            Some(text) => text,
            None => self.moment().and_then(|moment| moment.file(path)),
        };
        let mut text = text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if text.len() > MAX_FILE {
            text = String::from_utf8_lossy(&text.as_bytes()[..MAX_FILE]).into_owned();
        }
        Ok(text)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let path = path.trim_end_matches('/');
        let own = if matches!(self.overlay(path), Some(None)) { None } else { self.moment().and_then(|moment| moment.list(path)) };
        let mut there = own.is_some();
        let mut names: BTreeSet<String> = own.into_iter().flatten().collect();
        let below = format!("{path}/");
        for (name, text) in self.files.borrow().range(below.clone()..).take_while(|(name, _)| name.starts_with(&below)) {
            let rest = &name[below.len()..];
            match (rest.split_once('/'), text) {
                (None, None) => drop(names.remove(rest)),
                (Some(_), None) => {}
                (child, Some(_)) => {
                    there = true;
                    names.insert(child.map_or(rest, |(child, _)| child).to_owned());
                }
            }
        }
        if !there {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names.into_iter().take(MAX_LIST).collect())
    }

    fn addresses(&self) -> io::Result<Vec<Address>> {
        let set = self.addresses.borrow().clone();
        Ok(set.or_else(|| self.moment().map(|moment| moment.addresses())).unwrap_or_default())
    }

    fn space(&self, _path: &str) -> io::Result<Space> {
        self.space.get().or_else(|| self.moment().map(|moment| moment.space())).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn random(&self) -> u64 {
        self.random.set(mix(&[self.random.get()]));
        self.random.get()
    }

    fn sleep(&self, time: Duration) -> Wait<'_, ()> {
        self.clock.sleep(time)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.started)
    }

    fn echo(&self, echo: Echo) -> Wait<'_, Result<Duration, EchoError>> {
        Box::pin(async move {
            if let Some(interface) = &echo.interface
                && !self.addresses().is_ok_and(|all| all.iter().any(|address| address.interface == *interface))
            {
                return Err(EchoError::Other(format!("there is no interface {interface}")));
            }
            let answer =
                network::round_trip(self.sim.as_ref(), echo.to, mix(&[u64::from(echo.sequence), self.clock.elapsed().as_millis() as u64]));
            match answer {
                Ok(time) if time <= echo.timeout => {
                    self.clock.sleep(time).await;
                    Ok(time)
                }
                Ok(_) | Err(EchoError::Timeout) => {
                    self.clock.sleep(echo.timeout).await;
                    Err(EchoError::Timeout)
                }
                Err(other) => Err(other),
            }
        })
    }

    fn resolve(&self, name: String) -> Wait<'_, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            if let Ok(address) = name.parse::<IpAddr>() {
                return Ok(vec![address]);
            }
            self.clock.sleep(Duration::from_millis(12)).await;
            let found = self.names.borrow().get(&name).cloned();
            found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("the name {name} is not known")))
        })
    }

    fn exchange(&self, to: SocketAddr, datagram: Vec<u8>, timeout: Duration) -> Wait<'_, io::Result<Vec<u8>>> {
        Box::pin(async move {
            let answer = self.answerer.borrow().as_ref().and_then(|answerer| answerer(to, &datagram));
            let time = network::round_trip(self.sim.as_ref(), to.ip(), mix(&[self.clock.elapsed().as_millis() as u64]));
            match (answer, time) {
                (_, Err(EchoError::NoRoute)) => Err(io::ErrorKind::NetworkUnreachable.into()),
                (Some(mut bytes), Ok(time)) if time <= timeout => {
                    self.clock.sleep(time).await;
                    bytes.truncate(4096);
                    Ok(bytes)
                }
                _ => {
                    self.clock.sleep(timeout).await;
                    Err(io::ErrorKind::TimedOut.into())
                }
            }
        })
    }

    fn reboot(&self) -> Result<(), Fault> {
        self.reboots.set(self.reboots.get() + 1);
        Ok(())
    }

    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.flash.save(name, bytes)
    }

    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.flash.load(name)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn counted() -> (CountedClock, Rc<dyn SimClock>) {
        let clock = CountedClock::new();
        (clock.clone(), Rc::new(clock))
    }

    /// Runs a future to its end in counted time.
    fn run<T>(clock: &CountedClock, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            clock.advance_to(clock.next_wake().expect("it waits for something"));
        }
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_files_and_counters_grow() {
        let (count, clock) = counted();
        let host = SimHost::new(SimBox::of(1), Rc::clone(&clock));
        let twin = SimHost::new(SimBox::of(1), clock);
        let bytes = || host.file("/sys/class/net/eth0/statistics/rx_bytes").expect("there").trim().parse::<u64>().expect("a number");
        let before = bytes();
        count.advance(Duration::from_secs(10));
        assert!(bytes() > before + 1_000_000);
        for directory in ["/proc", "/sys/class/net", "/sys/class/net/eth0", "/sys/class/net/eth0/statistics"] {
            for name in host.list(directory).expect("there") {
                let path = format!("{directory}/{name}");
                assert_eq!(host.file(&path).ok(), twin.file(&path).ok(), "{path}");
            }
        }
    }

    #[test]
    fn a_restart_of_the_agent_is_no_restart_of_the_box() {
        let (count, clock) = counted();
        let boot_id = |host: &SimHost| host.file("/proc/sys/kernel/random/boot_id").expect("there");
        let uptime = |host: &SimHost| host.file("/proc/uptime").expect("there");
        let first = SimHost::new(SimBox::of(2), Rc::clone(&clock));
        let flash = first.flash().clone();
        first.save("journal", b"x").expect("saved");
        count.advance(Duration::from_secs(5));
        let second = SimHost::restarted(SimBox::of(2), Rc::clone(&clock), flash.clone());
        let before = boot_id(&second);
        assert_eq!(boot_id(&first), before);
        assert_ne!(first.random(), second.random());
        assert_eq!(second.elapsed(), Duration::ZERO);
        second.reboot().expect("taken");
        assert_eq!(second.reboots(), 1);
        flash.boot(count.now());
        let third = SimHost::restarted(SimBox::of(2), clock, flash);
        assert_ne!(boot_id(&third), before);
        assert_eq!(uptime(&third), "0.00 0.00\n");
        assert_eq!(third.load("journal").expect("whole"), Some(b"x".to_vec()));
    }

    #[test]
    fn levers_lie_over_the_files() {
        let (_, clock) = counted();
        let host = SimHost::new(SimBox::of(3), Rc::clone(&clock));
        host.set_file("/proc/meminfo", "MemTotal: 7 kB\n");
        assert_eq!(host.file("/proc/meminfo").expect("there"), "MemTotal: 7 kB\n");
        host.remove_file("/sys/class/net");
        assert!(host.file("/sys/class/net/eth0/mtu").is_err() && host.list("/sys/class/net").is_err());
        host.set_file("/sys/class/net/eth7/mtu", "9000\n");
        assert_eq!(host.list("/sys/class/net").expect("there"), ["eth7"]);
        host.remove_file("/proc/1");
        assert!(!host.list("/proc").expect("there").contains(&"1".to_owned()));
        let empty = SimHost::empty(clock);
        assert!(empty.file("/proc/uptime").is_err() && empty.list("/proc").is_err());
        empty.set_file("/proc/uptime", "1.00 1.00\n");
        assert_eq!(empty.list("/proc").expect("there"), ["uptime"]);
    }

    #[test]
    fn its_network_answers_in_counted_time() {
        let (count, clock) = counted();
        let host = SimHost::new(SimBox::of(4), clock);
        let echo = |to: &str| Echo {
            to: to.parse().expect("an address"),
            interface: None,
            size: 56,
            dscp: 0,
            timeout: Duration::from_secs(1),
            sequence: 1,
        };
        let before = host.elapsed();
        let time = run(&count, host.echo(echo("127.0.0.1"))).expect("an answer");
        assert_eq!(host.elapsed() - before, time);
        assert_eq!(run(&count, host.echo(echo("192.0.2.7"))), Err(EchoError::Timeout));
        assert!(host.elapsed() >= Duration::from_secs(1));
        assert_eq!(run(&count, host.echo(echo("198.51.100.1"))), Err(EchoError::NoRoute));
        let wrong = Echo { interface: Some("eth9".to_owned()), ..echo("127.0.0.1") };
        assert_eq!(run(&count, host.echo(wrong)), Err(EchoError::Other("there is no interface eth9".to_owned())));
        assert_eq!(run(&count, host.resolve("10.1.2.3".to_owned())).expect("itself"), [IpAddr::from([10, 1, 2, 3])]);
        assert_eq!(run(&count, host.resolve("x.invalid".to_owned())).expect_err("no").kind(), io::ErrorKind::NotFound);
        let dns: SocketAddr = "10.0.0.1:53".parse().expect("an address");
        let ask = |host: &SimHost| run(&count, host.exchange(dns, vec![1], Duration::from_secs(2)));
        assert_eq!(ask(&host).expect_err("silence").kind(), io::ErrorKind::TimedOut);
        host.answer(|_, question| Some(question.repeat(5000)));
        assert_eq!(ask(&host).expect("an answer").len(), 4096);
    }
}
