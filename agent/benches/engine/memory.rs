//! A Host whose files are in memory: what a simulated box shows when it is first asked, kept. Making a file up anew each time, as the
//! simulation does, would cost more than the engine.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use line3_agent::host::sim::SimHost;
use line3_agent::host::{Address, Echo, EchoError, Host, Space, Wait};
use line3_proto::Fault;

/// See the module.
pub(crate) struct Memory {
    sim: SimHost,
    files: RefCell<HashMap<String, Option<String>>>,
    lists: RefCell<HashMap<String, Option<Vec<String>>>>,
    kept: RefCell<HashMap<String, Vec<u8>>>,
    addresses: Vec<Address>,
}

impl Memory {
    pub(crate) fn new(sim: SimHost) -> Self {
        let addresses = sim.addresses().unwrap();
        Self { sim, files: RefCell::default(), lists: RefCell::default(), kept: RefCell::default(), addresses }
    }
}

fn remembered<T: Clone>(all: &RefCell<HashMap<String, Option<T>>>, path: &str, look: impl Fn() -> io::Result<T>) -> io::Result<T> {
    if let Some(known) = all.borrow().get(path) {
        return known.clone().ok_or_else(|| io::ErrorKind::NotFound.into());
    }
    let found = look();
    all.borrow_mut().insert(path.to_owned(), found.as_ref().ok().cloned());
    found
}

impl Host for Memory {
    fn file(&self, path: &str) -> io::Result<String> {
        remembered(&self.files, path, || self.sim.file(path))
    }
    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        remembered(&self.lists, path, || self.sim.list(path))
    }
    fn addresses(&self) -> io::Result<Vec<Address>> {
        Ok(self.addresses.clone())
    }
    fn space(&self, path: &str) -> io::Result<Space> {
        self.sim.space(path)
    }
    fn random(&self) -> u64 {
        self.sim.random()
    }
    fn sleep(&self, time: Duration) -> Wait<'_, ()> {
        self.sim.sleep(time)
    }
    fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }
    fn echo(&self, echo: Echo) -> Wait<'_, Result<Duration, EchoError>> {
        self.sim.echo(echo)
    }
    fn resolve(&self, name: String) -> Wait<'_, io::Result<Vec<IpAddr>>> {
        self.sim.resolve(name)
    }
    fn exchange(&self, to: SocketAddr, datagram: Vec<u8>, timeout: Duration) -> Wait<'_, io::Result<Vec<u8>>> {
        self.sim.exchange(to, datagram, timeout)
    }
    fn reboot(&self) -> Result<(), Fault> {
        Ok(())
    }
    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.kept.borrow_mut().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.kept.borrow().get(name).cloned())
    }
}
