//! What of a simulated box outlives the agent: what it saved, and how often it was switched on.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::saved::{MAX_SAVED, check_name};

/// The flash of a simulated box. Hand the same one to the next `SimHost` and the box has restarted; a fresh one is a fresh box.
#[derive(Clone, Default)]
pub struct SimFlash(Rc<Inner>);

#[derive(Default)]
struct Inner {
    /// Bounded by the names that the agent saves under.
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    torn: RefCell<BTreeSet<String>>,
    written: Cell<u64>,
    saves: Cell<u64>,
    full: Cell<bool>,
    fail_next: Cell<bool>,
    boots: Cell<u64>,
    starts: Cell<u64>,
    booted: Cell<Option<Duration>>,
}

impl SimFlash {
    /// The flash of a box that was never switched on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The power comes back, or the kernel restarts, at this time of the simulation's clock: a new boot id, and the uptime begins.
    pub fn boot(&self, at: Duration) {
        self.0.boots.set(self.0.boots.get() + 1);
        self.0.booted.set(Some(at));
    }

    /// How often it was switched on again since the simulation began.
    #[must_use]
    pub fn boots(&self) -> u64 {
        self.0.boots.get()
    }

    /// When it was last switched on; `None`: before the simulation began.
    pub(super) fn booted(&self) -> Option<Duration> {
        self.0.booted.get()
    }

    /// Counts the starts of the agent.
    pub(super) fn start(&self) -> u64 {
        self.0.starts.set(self.0.starts.get() + 1);
        self.0.starts.get()
    }

    /// Bytes written so far: what wears a flash.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.written.get()
    }

    /// How often something was saved.
    #[must_use]
    pub fn saves(&self) -> u64 {
        self.0.saves.get()
    }

    /// Lever: the next save fails, and what was there before stays.
    pub fn fail_next_save(&self) {
        self.0.fail_next.set(true);
    }

    /// Lever: whether the disk is full.
    pub fn set_full(&self, full: bool) {
        self.0.full.set(full);
    }

    /// Lever: what is kept under this name is torn or worn; the next load finds out.
    pub fn corrupt(&self, name: &str) {
        self.0.torn.borrow_mut().insert(name.to_owned());
    }

    /// Lever: another firmware has kept this under that name.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.0.files.borrow_mut().insert(name.to_owned(), bytes.to_vec());
    }

    /// The names that something is kept under, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.files.borrow().keys().cloned().collect()
    }

    pub(super) fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_name(name)?;
        if bytes.len() > MAX_SAVED {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{name} is larger than {MAX_SAVED} bytes")));
        }
        if self.0.full.get() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        if self.0.fail_next.replace(false) {
            return Err(io::Error::other("the simulated flash failed"));
        }
        self.0.written.set(self.0.written.get() + bytes.len() as u64);
        self.0.saves.set(self.0.saves.get() + 1);
        self.0.torn.borrow_mut().remove(name);
        self.0.files.borrow_mut().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    pub(super) fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut files = self.0.files.borrow_mut();
        if self.0.torn.borrow_mut().remove(name)
            && let Some(bytes) = files.remove(name)
        {
            files.insert(format!("{name}.bad"), bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} was damaged; it is kept as {name}.bad")));
        }
        Ok(files.get(name).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_wears_fills_and_tears() {
        let flash = SimFlash::new();
        flash.save("settings", b"one").expect("saved");
        flash.fail_next_save();
        flash.save("settings", b"two").expect_err("the lever");
        flash.set_full(true);
        assert_eq!(flash.save("settings", b"two").expect_err("full").kind(), io::ErrorKind::StorageFull);
        assert_eq!(flash.clone().load("settings").expect("there"), Some(b"one".to_vec()));
        assert_eq!((flash.written(), flash.saves()), (3, 1));
        flash.corrupt("settings");
        assert_eq!(flash.load("settings").expect_err("torn").kind(), io::ErrorKind::InvalidData);
        assert_eq!(flash.load("settings").expect("nothing"), None);
        assert_eq!(flash.names(), ["settings.bad"]);
    }
}
