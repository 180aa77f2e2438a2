//! The files of a simulated box: what its kernel would show in /proc and /sys, in the kernel's own words.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::model::{PROCESSES, Process, SimBox, mix};
use crate::host::{Address, Space};

/// A moment in the life of a simulated box.
pub(super) struct Moment<'a> {
    /// The box.
    pub(super) sim: &'a SimBox,
    /// Seconds since it was switched on: counters begin there.
    pub(super) up: f64,
    /// How often it was switched on since the simulation began.
    pub(super) boots: u64,
}

/// A network interface.
struct Interface {
    name: &'static str,
    kind: u32,
    mtu: u32,
    state: &'static str,
    flags: u32,
    physical: bool,
}

const LO: Interface = Interface { name: "lo", kind: 772, mtu: 65_536, state: "unknown", flags: 0x9, physical: false };
const ETH0: Interface = Interface { name: "eth0", kind: 1, mtu: 1500, state: "up", flags: 0x1003, physical: true };
const WLAN0: Interface = Interface { name: "wlan0", kind: 1, mtu: 1500, state: "down", flags: 0x1002, physical: true };

const STATISTICS: &[&str] = &[
    "multicast",
    "rx_bytes",
    "rx_dropped",
    "rx_errors",
    "rx_nohandler",
    "rx_packets",
    "tx_bytes",
    "tx_dropped",
    "tx_errors",
    "tx_packets",
];

impl Moment<'_> {
    /// The text of a file; `None`: there is no such file.
    pub(super) fn file(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let sim = self.sim;
        Some(match parts.as_slice() {
            ["proc", "uptime"] => {
                format!("{:.2} {:.2}\n", self.up, f64::from(sim.model.cores) * (self.up - sim.load().total(self.up)))
            }
            ["proc", "loadavg"] => {
                let load = sim.load().rate(self.up) * f64::from(sim.model.cores);
                format!("{load:.2} {load:.2} {load:.2} 1/{} {}\n", PROCESSES.len(), 400 + self.up as u64 / 60)
            }
            ["proc", "stat"] => self.stat(),
            ["proc", "meminfo"] => self.memory(),
            ["proc", "cpuinfo"] => self.processors(),
            ["proc", "self", "smaps"] => {
                "00400000-00600000 r-xp 00000000 b3:02 1021 /usr/bin/line3-agent\nSize: 2048 kB\nKernelPageSize:        4 kB\n".to_owned()
            }
            ["proc", "sys", "net", "ipv6", "conf", name, "disable_ipv6"] => self.find(name).map(|_| "0\n".to_owned())?,
            ["proc", pid, "stat"] => self.process(process(pid)?),
            ["proc", "sys", "kernel", "hostname"] => format!("stb-{:06x}\n", mix(&[sim.seed, 70]) & 0xFF_FFFF),
            ["proc", "sys", "kernel", "osrelease"] => "5.15.170\n".to_owned(),
            ["proc", "sys", "kernel", "arch"] => format!("{}\n", sim.model.machine),
            ["proc", "sys", "kernel", "random", "boot_id"] => format!("{}\n", uuid(mix(&[sim.seed, 71, self.boots]))),
            ["proc", "device-tree", "model"] => format!("{} {}\0", sim.model.manufacturer, sim.model.name),
            ["proc", "device-tree", "serial-number"] => format!("{}\0", sim.serial),
            ["etc", "machine-id"] => format!("{:032x}\n", u128::from(mix(&[sim.seed, 72])) << 64 | u128::from(mix(&[sim.seed, 73]))),
            ["etc", "os-release"] => {
                format!("NAME=\"STB Linux\"\nID=stb\nVERSION_ID={0}\nPRETTY_NAME=\"STB Linux {0}\"\n", sim.firmware)
            }
            ["etc", "resolv.conf"] => format!("nameserver {}\n", self.server()),
            ["sys", "class", "thermal", zone, leaf] => {
                let sensor = zone.strip_prefix("thermal_zone")?.parse::<usize>().ok()?;
                let name = sim.model.sensors.get(sensor)?;
                match *leaf {
                    "type" => format!("{name}\n"),
                    "temp" => format!("{}\n", sim.temperature(sensor, self.up)),
                    _ => return None,
                }
            }
            ["sys", "class", "net", name, leaf] => self.interface(self.find(name)?, leaf)?,
            ["sys", "class", "net", name, "statistics", leaf] => format!("{}\n", self.counter(self.find(name)?, leaf)?),
            _ => return None,
        })
    }

    /// The names in a directory, in no order; `None`: there is no such directory.
    pub(super) fn list(&self, path: &str) -> Option<Vec<String>> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Some(match parts.as_slice() {
            [""] => own(&["etc", "proc", "sys"]),
            ["etc"] => own(&["machine-id", "os-release", "resolv.conf"]),
            ["proc", "device-tree"] => own(&["model", "serial-number"]),
            ["proc", "self"] => own(&["smaps"]),
            ["proc", "sys"] => own(&["kernel", "net"]),
            ["proc", "sys", "kernel"] => own(&["arch", "hostname", "osrelease", "random"]),
            ["proc", "sys", "kernel", "random"] => own(&["boot_id"]),
            ["proc", "sys", "net"] => own(&["ipv4", "ipv6"]),
            ["proc", "sys", "net", "ipv6", "conf", name] => self.find(name).map(|_| own(&["disable_ipv6"]))?,
            ["proc", pid] => process(pid).map(|_| own(&["stat"]))?,
            ["sys"] => own(&["class"]),
            ["sys", "class", "thermal", zone] => self.file(&format!("/sys/class/thermal/{zone}/type")).map(|_| own(&["temp", "type"]))?,
            ["proc"] => {
                let mut names = own(&["cpuinfo", "device-tree", "loadavg", "meminfo", "self", "stat", "sys", "uptime"]);
                names.extend(PROCESSES.iter().map(|process| process.pid.to_string()));
                names
            }
            ["proc", "sys", "net", "ipv4"] => own(&["conf"]),
            ["proc", "sys", "net", "ipv6"] => own(&["conf"]),
            ["proc", "sys", "net", "ipv4" | "ipv6", "conf"] => self.interfaces().map(|interface| interface.name.to_owned()).collect(),
            ["sys", "class"] => own(&["net", "thermal"]),
            ["sys", "class", "thermal"] => (0..self.sim.model.sensors.len()).map(|n| format!("thermal_zone{n}")).collect(),
            ["sys", "class", "net"] => self.interfaces().map(|interface| interface.name.to_owned()).collect(),
            ["sys", "class", "net", name] => {
                let interface = self.find(name)?;
                let mut names =
                    own(&["address", "carrier", "carrier_changes", "flags", "mtu", "operstate", "speed", "duplex", "statistics", "type"]);
                names.extend(own(if interface.physical { &["device"] } else { &[] }));
                names.extend(own(if interface.name == "wlan0" { &["phy80211", "wireless"] } else { &[] }));
                names
            }
            ["sys", "class", "net", name, "statistics"] => self.find(name).map(|_| own(STATISTICS))?,
            _ => return None,
        })
    }

    /// The addresses of its interfaces.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let bits = mix(&[self.sim.seed, 74]);
        let eth0 = Ipv4Addr::new(10, bits as u8, (bits >> 8) as u8, ((bits >> 16) % 200 + 20) as u8);
        let link_local = Ipv6Addr::new(0xFE80, 0, 0, 0, 0x0200, 0x5EFF, 0xFE00 | (bits >> 24) as u16 & 0xFF, (bits >> 32) as u16);
        [
            ("lo", IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            ("lo", IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            ("eth0", IpAddr::V4(eth0), 24),
            ("eth0", IpAddr::V6(link_local), 64),
        ]
        .map(|(interface, address, prefix)| Address { interface: interface.to_owned(), address, prefix })
        .to_vec()
    }

    /// How full its flash is.
    pub(super) fn space(&self) -> Space {
        let total = self.sim.model.flash * 1024;
        Space { total, free: total / 100 * (15 + mix(&[self.sim.seed, 75]) % 60) }
    }

    /// The first address of its network: gateway and DNS server.
    fn server(&self) -> Ipv4Addr {
        let bits = mix(&[self.sim.seed, 74]);
        Ipv4Addr::new(10, bits as u8, (bits >> 8) as u8, 1)
    }

    fn stat(&self) -> String {
        let cores = self.sim.model.cores;
        let busy = self.sim.load().total(self.up) * 100.0;
        let idle = (self.up * 100.0 - busy).max(0.0);
        let line = |name: &str, n: f64| {
            let part = |share: f64| (busy * share * n) as u64;
            let (user, system, irq) = (part(0.7), part(0.25), part(0.05));
            format!("{name} {user} 0 {system} {} 0 0 {irq} 0 0 0\n", (idle * n) as u64)
        };
        let mut text = line("cpu ", f64::from(cores));
        (0..cores).for_each(|core| text.push_str(&line(&format!("cpu{core}"), 1.0)));
        let _ = write!(
            text,
            "intr {}\nctxt {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
            (self.up * 900.0) as u64,
            (self.up * 2_100.0) as u64,
            400 + self.up as u64 / 60
        );
        text
    }

    fn memory(&self) -> String {
        let (total, free) = (self.sim.memory, self.sim.free(self.up));
        let cached = total / 5;
        let rows = [
            ("MemTotal", total),
            ("MemFree", free),
            ("MemAvailable", free + cached * 3 / 4),
            ("Buffers", total / 100),
            ("Cached", cached),
            ("SwapCached", 0),
            ("SwapTotal", 0),
            ("SwapFree", 0),
        ];
        rows.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{:<15} {value:>8} kB", format!("{name}:"));
            text
        })
    }

    fn processors(&self) -> String {
        (0..self.sim.model.cores).fold(String::new(), |mut text, core| {
            let _ = write!(text, "processor\t: {core}\nmodel name\t: {}\nBogoMIPS\t: 48.00\n\n", self.sim.model.chip);
            text
        })
    }

    fn process(&self, process: &Process) -> String {
        let Process { pid, name, size, priority, state, share } = process;
        let ticks = (self.sim.load().total(self.up) * share * f64::from(self.sim.model.cores)) as u64;
        let (user, system) = (ticks - ticks / 5, ticks / 5);
        let parent = u32::from(*pid > 2);
        format!(
            "{pid} ({name}) {state} {parent} {pid} {pid} 0 -1 4194560 120 0 2 0 {user} {system} 0 0 {priority} 0 1 0 {} {} {} \
             18446744073709551615 0 0 0 0 0 0 0 4096 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            100 + pid,
            size * 3 * 1024,
            size / 4
        )
    }

    fn interfaces(&self) -> impl Iterator<Item = &'static Interface> {
        [Some(&ETH0), Some(&LO), self.sim.model.wireless.then_some(&WLAN0)].into_iter().flatten()
    }

    fn find(&self, name: &str) -> Option<&'static Interface> {
        self.interfaces().find(|interface| interface.name == name)
    }

    fn interface(&self, interface: &Interface, leaf: &str) -> Option<String> {
        let bits = mix(&[self.sim.seed, 76, u64::from(interface.mtu), interface.name.len() as u64]);
        Some(match leaf {
            "address" if interface.kind == 772 => "00:00:00:00:00:00\n".to_owned(),
            "address" => format!("02:00:5e:{:02x}:{:02x}:{:02x}\n", bits as u8, (bits >> 8) as u8, (bits >> 16) as u8),
            "operstate" => format!("{}\n", interface.state),
            "carrier" if interface.state != "down" => "1\n".to_owned(),
            // A loose plug on a bad cable: a few times an hour.
            "carrier_changes" => format!("{}\n", 1 + if self.sim.has_bad_cable() { self.up as u64 / 900 } else { 0 }),
            "flags" => format!("{:#x}\n", interface.flags),
            "mtu" => format!("{}\n", interface.mtu),
            "type" => format!("{}\n", interface.kind),
            "speed" if interface.name == "eth0" => format!("{}\n", self.sim.model.ethernet),
            "duplex" if interface.name == "eth0" => "full\n".to_owned(),
            _ => return None,
        })
    }

    fn counter(&self, interface: &Interface, leaf: &str) -> Option<u64> {
        if !STATISTICS.contains(&leaf) {
            return None;
        }
        let (rx, tx) = match interface.name {
            "eth0" => (self.sim.received().total(self.up), self.sim.sent().total(self.up)),
            "lo" => (self.up * 220.0, self.up * 220.0),
            _ => (0.0, 0.0),
        };
        let damaged = if interface.name == "eth0" { self.sim.damaged().total(self.up) } else { 0.0 };
        let value = match leaf {
            "rx_bytes" => rx,
            "rx_packets" => rx / 1358.0,
            "rx_errors" => damaged,
            "rx_dropped" => damaged / 20.0,
            "multicast" if interface.name == "eth0" => rx / 1500.0,
            "tx_bytes" => tx,
            "tx_packets" => tx / 90.0,
            _ => 0.0,
        };
        Some(value as u64)
    }
}

fn process(pid: &str) -> Option<&'static Process> {
    let pid: u32 = pid.parse().ok()?;
    PROCESSES.iter().find(|process| process.pid == pid)
}

/// A random-looking UUID of version 4.
fn uuid(bits: u64) -> String {
    let more = mix(&[bits, 1]);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        bits >> 32,
        bits & 0xFFFF,
        bits >> 16 & 0xFFF,
        0x8000 | (more >> 48 & 0x3FFF),
        more & 0xFFFF_FFFF_FFFF
    )
}
