//! `Device.Ethernet.Interface.{i}.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::kernel::{line, number, short, unknowable};
use super::net::{self, Status, path};
use super::{Found, Object};
use crate::host::Host;
use crate::view::View;

/// `Device.Ethernet.Interface.{i}.`
pub struct Interface;

values! {
    /// Whether both ends can send at the same time.
    pub enum Duplex {
        /// They cannot: on a modern network the sign of a bad cable or port.
        Half,
        /// They can.
        Full,
    }
}

row! {
    /// The parameters of `Device.Ethernet.Interface.{i}.`
    pub struct Values {
        /// Whether it is switched on.
        Enable: Known<bool>,
        /// Its state.
        Status: Known<Status>,
        /// The kernel's name of it, e.g. `eth0`.
        Name: String,
        /// Its address on the wire.
        MACAddress: Known<String>,
        /// The speed of the link.
        CurrentBitRate: Known<u32> [Mbps],
        /// Whether both ends can send at the same time.
        DuplexMode: Known<Duplex>,
        /// How often the carrier came or went since the kernel made the interface: a loose plug counts up.
        X_LINE3_CarrierChanges: Known<u32>,
    }
}

impl Object for Interface {
    const PATH: &'static str = "Device.Ethernet.Interface.{i}.";
    const DOC: &'static str = "A physical Ethernet port of the box. Bridges, VLANs and virtual pairs are none.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let host = view.host;
        let row = |name: String| {
            let values = Values {
                Enable: net::enabled(host, &name),
                Status: net::status(host, &name),
                MACAddress: line(host, &path(&name, "address")),
                CurrentBitRate: speed(host, &name),
                DuplexMode: duplex(host, &name),
                X_LINE3_CarrierChanges: number(host, &path(&name, "carrier_changes")),
                Name: name.clone(),
            };
            Found::keyed([name], values)
        };
        Ok(net::ethernet(host).map_err(unknowable)?.into_iter().map(row).collect())
    }
}

/// The kernel gives -1, or fails to read the file, when there is no link.
fn speed(host: &dyn Host, name: &str) -> Known<u32> {
    let speed: i64 = number(host, &path(name, "speed")).map_err(no_link)?;
    u32::try_from(speed)
        .ok()
        .filter(|speed| *speed > 0)
        .ok_or_else(|| Absent::because(format!("{name} does not tell: it has no link, or is no port with a wire")))
}

fn duplex(host: &dyn Host, name: &str) -> Known<Duplex> {
    let text = line(host, &path(name, "duplex")).map_err(no_link)?;
    match text.as_str() {
        "full" => Ok(Duplex::Full),
        "half" => Ok(Duplex::Half),
        "unknown" => Err(Absent::because(format!("{name} does not tell: it has no link, or is no port with a wire"))),
        other => Err(Absent::because(format!("{} holds {:?}", path(name, "duplex"), short(other)))),
    }
}

fn no_link(why: Absent) -> Absent {
    Absent::because(format!("{} (usually: no link)", why.0))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_tells() {
        let bench = Bench::empty().with(&[
            ("/sys/class/net/eth0/type", "1\n"),
            ("/sys/class/net/eth0/device/vendor", "x\n"),
            ("/sys/class/net/eth0/flags", "0x1003\n"),
            ("/sys/class/net/eth0/operstate", "up\n"),
            ("/sys/class/net/eth0/address", "02:00:5e:00:53:01\n"),
            ("/sys/class/net/eth0/speed", "100\n"),
            ("/sys/class/net/eth0/duplex", "half\n"),
            ("/sys/class/net/eth0/carrier_changes", "7\n"),
            ("/sys/class/net/eth1/type", "1\n"),
            ("/sys/class/net/eth1/device/vendor", "x\n"),
            ("/sys/class/net/eth1/flags", "up\n"),
            ("/sys/class/net/eth1/operstate", "perhaps\n"),
            ("/sys/class/net/eth1/address", "\n"),
            ("/sys/class/net/eth1/speed", "-1\n"),
        ]);
        expect![[r#"
            [eth0]
            Enable = true
            Status = Up
            Name = eth0
            MACAddress = 02:00:5e:00:53:01
            CurrentBitRate = 100
            DuplexMode = Half
            X_LINE3_CarrierChanges = 7
            [eth1]
            Enable: /sys/class/net/eth1/flags holds "up"
            Status: /sys/class/net/eth1/operstate holds "perhaps"
            Name = eth1
            MACAddress: /sys/class/net/eth1/address is empty
            CurrentBitRate: eth1 does not tell: it has no link, or is no port with a wire
            DuplexMode: this box has no /sys/class/net/eth1/duplex (usually: no link)
            X_LINE3_CarrierChanges: this box has no /sys/class/net/eth1/carrier_changes
        "#]]
        .assert_eq(&bench.show::<Interface>());
    }

    #[test]
    fn a_driver_that_tells_no_state_is_judged_by_its_carrier() {
        for (carrier, flags, status) in [("1", "0x1003", "Up"), ("0", "0x1003", "Unknown"), ("", "0x1002", "Down")] {
            let bench = Bench::empty().with(&[
                ("/sys/class/net/eth0/operstate", "unknown\n"),
                ("/sys/class/net/eth0/carrier", carrier),
                ("/sys/class/net/eth0/flags", flags),
            ]);
            let found = net::status(&bench.host, "eth0").map(|status| line3_proto::value::Value::write(&status));
            assert_eq!(found.as_deref(), Ok(status));
        }
    }
}
