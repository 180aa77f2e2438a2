//! The real box: the files of its kernel, its network, its power. The only file of the agent that reads /proc and /sys.
#![allow(clippy::disallowed_methods, reason = "this is the real box")]

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use line3_proto::Fault;
use line3_proto::fault::code;
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::statvfs::statvfs;

use super::{Host, MAX_FILE, MAX_LIST, Space, Wait};
use crate::saved::Saved;

#[cfg(feature = "ip")]
mod addresses;
#[cfg(feature = "ns-lookup")]
pub mod datagram;
pub mod dns;
#[cfg(feature = "ip-ping")]
pub mod icmp;

/// The box that the agent runs on.
pub struct LinuxHost {
    root: PathBuf,
    saved: Saved,
    started: tokio::time::Instant,
}

impl LinuxHost {
    /// This box. Files are looked for under `root`: `/`, or the root of a copy of another box's files. What is to outlive the
    /// agent is kept in `state_dir`.
    #[must_use]
    pub fn new(root: PathBuf, state_dir: PathBuf) -> Self {
        Self { root, saved: Saved::at(state_dir), started: tokio::time::Instant::now() }
    }

    fn under_root(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Host for LinuxHost {
    fn file(&self, path: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.under_root(path))?.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned()))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.under_root(path))?.take(MAX_LIST);
        let mut names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<io::Result<Vec<String>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    #[cfg(feature = "ip")]
    fn addresses(&self) -> io::Result<Vec<super::Address>> {
        addresses::all()
    }

    fn space(&self, path: &str) -> io::Result<Space> {
        let stat = statvfs(&self.under_root(path))?;
        // The widths of these differ between targets: u32 on 32-bit ones.
        #[allow(clippy::useless_conversion)]
        let (unit, all, free) = (u64::from(stat.fragment_size()), u64::from(stat.blocks()), u64::from(stat.blocks_available()));
        Ok(Space { total: all.saturating_mul(unit), free: free.saturating_mul(unit) })
    }

    fn random(&self) -> u64 {
        // A kernel too old for getrandom: the hasher's keys are random too.
        getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
    }

    fn sleep(&self, time: Duration) -> Wait<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    #[cfg(feature = "ip-ping")]
    fn echo(&self, echo: super::Echo) -> Wait<'_, Result<Duration, super::EchoError>> {
        Box::pin(icmp::echo(echo))
    }

    fn resolve(&self, name: String) -> Wait<'_, io::Result<Vec<IpAddr>>> {
        Box::pin(dns::resolve(name))
    }

    #[cfg(feature = "ns-lookup")]
    fn exchange(&self, to: std::net::SocketAddr, datagram: Vec<u8>, timeout: Duration) -> Wait<'_, io::Result<Vec<u8>>> {
        Box::pin(datagram::exchange(to, datagram, timeout))
    }

    fn reboot(&self) -> Result<(), Fault> {
        nix::unistd::sync();
        match reboot(RebootMode::RB_AUTOBOOT) {
            Ok(_) => Ok(()),
            Err(err) => Err(Fault::new(
                code::COMMAND_FAILURE,
                format!("the box did not restart: {err}; the agent needs CAP_SYS_BOOT, or reboot = \"restart-agent\""),
            )),
        }
    }

    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.saved.save(name, bytes)
    }

    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.saved.load(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_at_this_machine() {
        let dir = tempfile::tempdir().expect("a directory");
        let host = LinuxHost::new("/".into(), dir.path().join("state"));
        assert!(host.file("/proc/uptime").expect("there").contains('.'));
        assert!(host.list("/proc/self").expect("there").windows(2).all(|pair| pair[0] < pair[1]));
        let space = host.space("/").expect("a file system");
        assert!(space.free <= space.total && space.total > 0);
        let addresses = host.addresses().expect("addresses");
        let loopback = addresses.iter().find(|address| address.address == IpAddr::from([127, 0, 0, 1])).expect("loopback");
        assert_eq!((loopback.interface.as_str(), loopback.prefix), ("lo", 8));
        assert_ne!(host.random(), host.random());
        host.save("x", b"y").expect("saved");
        assert_eq!(host.load("x").expect("whole"), Some(b"y".to_vec()));
        let before = host.elapsed();
        host.sleep(Duration::from_millis(5)).await;
        assert!(host.elapsed() >= before + Duration::from_millis(5));
    }

    #[tokio::test]
    async fn files_are_looked_for_under_the_root_bounded_and_made_text() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("proc")).expect("made");
        fs::write(dir.path().join("proc/long"), vec![b'x'; MAX_FILE + 10]).expect("written");
        fs::write(dir.path().join("proc/odd"), b"a\xFFb").expect("written");
        let host = LinuxHost::new(dir.path().into(), dir.path().join("state"));
        assert_eq!(host.list("/proc").expect("there"), ["long", "odd"]);
        assert_eq!(host.file("/proc/long").expect("there").len(), MAX_FILE);
        assert_eq!(host.file("/proc/odd").expect("there"), "a\u{FFFD}b");
        assert_eq!(host.file("/proc/none").expect_err("not there").kind(), io::ErrorKind::NotFound);
    }
}
