//! The door to the box: its files, its network, its power. `linux.rs` is the real one; `sim.rs` stands for a box that does
//! not exist, behind the same door.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use line3_proto::Fault;

pub mod linux;
#[cfg(feature = "sim")]
pub mod sim;

/// Something that a command waits for. Single-threaded: the agent has one thread.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The most bytes of a file that [`Host::file`] reads; the rest is left out.
pub const MAX_FILE: usize = 256 * 1024;

/// The most names that [`Host::list`] gives; the rest is left out.
pub const MAX_LIST: usize = 8192;

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The kernel's name of the interface, e.g. `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// How many leading bits name the network.
    pub prefix: u8,
}

/// How full a file system is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub total: u64,
    /// What an ordinary user can still write.
    pub free: u64,
}

/// One ICMP echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Whom to ask.
    pub to: IpAddr,
    /// From which interface, by the kernel's name; `None`: as the routes say.
    pub interface: Option<String>,
    /// How many bytes of data to send along, 0 to 65,507 less the header.
    pub size: usize,
    /// The DiffServ code point, 0 to 63.
    pub dscp: u8,
    /// How long to wait for the answer.
    pub timeout: Duration,
    /// The sequence number.
    pub sequence: u16,
}

/// Why an echo brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EchoError {
    /// Nothing came in time.
    #[error("no answer in time")]
    Timeout,
    /// The kernel has no route there, or a router said so.
    #[error("no route to host")]
    NoRoute,
    /// The agent may not send ICMP.
    #[error("not permitted: the agent needs CAP_NET_RAW, or its group in net.ipv4.ping_group_range")]
    NotPermitted,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// The door to the box. Looking is synchronous and quick (files of /proc and /sys); acting is waited for.
pub trait Host {
    /// The text of a file of the kernel, e.g. `/proc/meminfo`; at most [`MAX_FILE`] bytes, bytes that are no UTF-8 replaced.
    fn file(&self, path: &str) -> io::Result<String>;

    /// The names in a directory, sorted, at most [`MAX_LIST`].
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// The addresses of all network interfaces.
    #[cfg(feature = "ip")]
    fn addresses(&self) -> io::Result<Vec<Address>>;

    /// How full the file system is that holds `path`.
    fn space(&self, path: &str) -> io::Result<Space>;

    /// Random bits, for ids and jitter.
    fn random(&self) -> u64;

    /// Waits; the only way for a command to let time pass.
    fn sleep(&self, time: Duration) -> Wait<'_, ()>;

    /// Time since the agent started, on the clock that never jumps; for measuring, e.g. round trips.
    fn elapsed(&self) -> Duration;

    /// Sends one ICMP echo request and waits for its answer: the round-trip time.
    #[cfg(feature = "ip-ping")]
    fn echo(&self, echo: Echo) -> Wait<'_, Result<Duration, EchoError>>;

    /// The addresses of a name, by the box's own resolver; an address literal gives itself.
    fn resolve(&self, name: String) -> Wait<'_, io::Result<Vec<IpAddr>>>;

    /// Sends a datagram from a fresh port and waits for one from the same address; at most 4096 bytes of it.
    #[cfg(feature = "ns-lookup")]
    fn exchange(&self, to: std::net::SocketAddr, datagram: Vec<u8>, timeout: Duration) -> Wait<'_, io::Result<Vec<u8>>>;

    /// Restarts the whole box, now.
    fn reboot(&self) -> Result<(), Fault>;

    /// Keeps bytes under a name so that a power failure at any moment leaves either these or the ones before; synced when it
    /// returns.
    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// What was last kept under a name; `None` if nothing was. Bytes that are not what was kept (a torn or worn block) are an
    /// error of kind `InvalidData` and have been set aside.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
}
