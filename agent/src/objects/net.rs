//! The network interfaces that the kernel shows in /sys/class/net: what Ethernet and IP have in common.

use line3_proto::value::{Absent, Known};
use line3_proto::{row, values};

use super::kernel::{line, names, number, short};
use crate::host::Host;

const NET: &str = "/sys/class/net";

/// The numbers of /sys/class/net/*/type, as the kernel's if_arp.h gives them.
pub(super) const TYPE_ETHERNET: u32 = 1;
/// The loopback interface.
pub(super) const TYPE_LOOPBACK: u32 = 772;

values! {
    /// The state of an interface, as RFC 2863 has it.
    pub enum Status {
        /// It carries traffic.
        Up,
        /// It carries none: switched off, or without a carrier.
        Down,
        /// Nobody can tell.
        Unknown,
        /// It waits for something from outside, e.g. a login.
        Dormant,
        /// Its hardware is not there.
        NotPresent,
        /// What lies below it is down.
        LowerLayerDown,
    }
}

row! {
    /// Counters of an interface, since the kernel made it.
    pub struct Stats {
        /// Bytes sent, frames and headers included.
        BytesSent: Known<u64> [bytes, ticks],
        /// Bytes received, frames and headers included.
        BytesReceived: Known<u64> [bytes, ticks],
        /// Packets sent.
        PacketsSent: Known<u64> [ticks],
        /// Packets received.
        PacketsReceived: Known<u64> [ticks],
        /// Packets that could not be sent because of errors.
        ErrorsSent: Known<u32> [ticks],
        /// Packets received that were damaged.
        ErrorsReceived: Known<u32> [ticks],
        /// Packets that were not sent though nothing was wrong with them, e.g. for want of room.
        DiscardPacketsSent: Known<u32> [ticks],
        /// Packets received and dropped though nothing was wrong with them, e.g. for want of room.
        DiscardPacketsReceived: Known<u32> [ticks],
        /// Multicast packets received.
        MulticastPacketsReceived: Known<u64> [ticks],
    }
}

/// Reads the counters of an interface.
pub(super) fn stats(host: &dyn Host, interface: &str) -> Stats {
    let counter = |leaf: &str| number::<u64>(host, &format!("{NET}/{interface}/statistics/{leaf}"));
    // StatsCounter32 begins anew after its end, as the standard's counters do.
    let counter32 = |leaf: &str| counter(leaf).map(|count| (count & u64::from(u32::MAX)) as u32);
    Stats {
        BytesSent: counter("tx_bytes"),
        BytesReceived: counter("rx_bytes"),
        PacketsSent: counter("tx_packets"),
        PacketsReceived: counter("rx_packets"),
        ErrorsSent: counter32("tx_errors"),
        ErrorsReceived: counter32("rx_errors"),
        DiscardPacketsSent: counter32("tx_dropped"),
        DiscardPacketsReceived: counter32("rx_dropped"),
        MulticastPacketsReceived: counter("multicast"),
    }
}

/// The names of all interfaces, sorted.
pub(super) fn all(host: &dyn Host) -> Known<Vec<String>> {
    names(host, NET)
}

/// A file of an interface.
pub(super) fn path(interface: &str, leaf: &str) -> String {
    format!("{NET}/{interface}/{leaf}")
}

/// What kind of interface it is.
pub(super) fn kind(host: &dyn Host, interface: &str) -> Known<u32> {
    number(host, &path(interface, "type"))
}

/// Whether it is switched on (IFF_UP).
pub(super) fn enabled(host: &dyn Host, interface: &str) -> Known<bool> {
    let path = path(interface, "flags");
    let text = line(host, &path)?;
    let flags = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    flags.map(|flags| flags & 1 != 0).ok_or_else(|| Absent::because(format!("{path} holds {:?}", short(&text))))
}

/// Its state. Some drivers (and the loopback) never tell: then it is up if it is switched on and has a carrier.
pub(super) fn status(host: &dyn Host, interface: &str) -> Known<Status> {
    let path = path(interface, "operstate");
    let text = line(host, &path)?;
    Ok(match text.as_str() {
        "up" => Status::Up,
        "down" => Status::Down,
        "dormant" => Status::Dormant,
        "notpresent" => Status::NotPresent,
        "lowerlayerdown" => Status::LowerLayerDown,
        "unknown" if number(host, &self::path(interface, "carrier")) == Ok(1) => Status::Up,
        "unknown" if enabled(host, interface) == Ok(false) => Status::Down,
        "unknown" | "testing" => Status::Unknown,
        _ => return Err(Absent::because(format!("{path} holds {:?}", short(&text)))),
    })
}

/// The names of the physical Ethernet interfaces: of the type Ethernet, with a device behind, and not wireless. So bridges,
/// VLANs, tunnels and the virtual pairs of containers are none.
pub(super) fn ethernet(host: &dyn Host) -> Known<Vec<String>> {
    let physical = |name: &String| {
        let files = host.list(&format!("{NET}/{name}")).unwrap_or_default();
        let has = |leaf: &str| files.iter().any(|file| file == leaf);
        has("device") && !has("wireless") && !has("phy80211") && kind(host, name) == Ok(TYPE_ETHERNET)
    };
    Ok(all(host)?.into_iter().filter(physical).collect())
}
