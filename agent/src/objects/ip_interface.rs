//! `Device.IP.Interface.{i}.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::kernel::{number, unknowable};
use super::net::{self, Status, TYPE_LOOPBACK, path};
use super::{Found, Object};
use crate::host::{Address, Host};
use crate::view::View;

/// `Device.IP.Interface.{i}.`
pub struct IpInterface;

values! {
    /// What an IP interface is.
    pub enum Type {
        /// It leads out of the box.
        Normal,
        /// It leads back to the box.
        Loopback,
    }
}

row! {
    /// The parameters of `Device.IP.Interface.{i}.`
    pub struct Values {
        /// Whether it is switched on.
        Enable: Known<bool>,
        /// Whether IPv4 is on there.
        IPv4Enable: bool,
        /// Whether IPv6 is on there.
        IPv6Enable: bool,
        /// Its state.
        Status: Known<Status>,
        /// The kernel's name of it, e.g. `eth0`.
        Name: String,
        /// The largest packet it carries.
        MaxMTUSize: Known<u32> [bytes],
        /// What it is.
        Type: Type,
        /// How many rows `IPv4Address.{i}.` has.
        IPv4AddressNumberOfEntries: Known<u32>,
        /// How many rows `IPv6Address.{i}.` has.
        IPv6AddressNumberOfEntries: Known<u32>,
    }
}

impl Object for IpInterface {
    const PATH: &'static str = "Device.IP.Interface.{i}.";
    const DOC: &'static str = "An interface that speaks IP: switched on, or with an address, and no port of a bridge.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let host = view.host;
        let names = interfaces(host).map_err(unknowable)?;
        let addresses = addresses(host);
        let has_ipv4 = host.list("/proc/sys/net/ipv4/conf").unwrap_or_default();
        let row = |name: String| {
            let count = |wanted: fn(&Address) -> bool| {
                let all = addresses.as_ref().map_err(Absent::clone)?;
                let matching = all.iter().filter(|address| address.interface == name && wanted(address)).count();
                Ok(u32::try_from(matching).unwrap_or(u32::MAX))
            };
            let values = Values {
                Enable: net::enabled(host, &name),
                IPv4Enable: has_ipv4.contains(&name),
                IPv6Enable: number(host, &format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6")) == Ok(0),
                Status: net::status(host, &name),
                MaxMTUSize: number(host, &path(&name, "mtu")),
                Type: if net::kind(host, &name) == Ok(TYPE_LOOPBACK) { Type::Loopback } else { Type::Normal },
                IPv4AddressNumberOfEntries: count(|address| address.address.is_ipv4()),
                IPv6AddressNumberOfEntries: count(|address| address.address.is_ipv6()),
                Name: name.clone(),
            };
            Found::keyed([name.clone()], values)
        };
        Ok(names.into_iter().map(row).collect())
    }
}

/// The names of all interfaces that speak IP, sorted. One that lost its address stays as long as it is switched on.
pub(super) fn interfaces(host: &dyn Host) -> Known<Vec<String>> {
    let addresses = addresses(host).unwrap_or_default();
    let speaks = |name: &String| {
        let has_address = addresses.iter().any(|address| address.interface == *name);
        has_address || (net::enabled(host, name) == Ok(true) && host.list(&path(name, "brport")).is_err())
    };
    Ok(net::all(host)?.into_iter().filter(speaks).collect())
}

/// All addresses of the box.
pub(super) fn addresses(host: &dyn Host) -> Known<Vec<Address>> {
    host.addresses().map_err(|err| Absent::because(format!("the kernel does not tell its addresses: {err}")))
}

/// The addresses of the interfaces that have a row, each with what names it.
pub(super) fn addresses_of_rows(host: &dyn Host) -> Result<Vec<([String; 2], Address)>, Fault> {
    let names = interfaces(host).map_err(unknowable)?;
    let addresses = addresses(host).map_err(unknowable)?.into_iter().filter(|address| names.contains(&address.interface));
    Ok(addresses.map(|it| ([it.interface.clone(), format!("{}/{}", it.address, it.prefix)], it)).collect())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_tells() {
        let bench = Bench::empty().with(&[
            ("/sys/class/net/lo/type", "772\n"),
            ("/sys/class/net/lo/flags", "0x9\n"),
            ("/sys/class/net/lo/mtu", "65536\n"),
            ("/sys/class/net/lo/operstate", "unknown\n"),
            ("/sys/class/net/lo/carrier", "1\n"),
            ("/proc/sys/net/ipv4/conf/lo/forwarding", "0\n"),
            ("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0\n"),
            ("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1\n"),
            ("/sys/class/net/eth0/flags", "0x1003\n"),
            ("/sys/class/net/eth1/flags", "0x1002\n"),
            ("/sys/class/net/port1/flags", "0x1003\n"),
            ("/sys/class/net/port1/brport/state", "3\n"),
        ]);
        let loopback = Address { interface: "lo".to_owned(), address: [127, 0, 0, 1].into(), prefix: 8 };
        bench.host.set_addresses(vec![loopback]);
        expect![[r#"
            [eth0]
            Enable = true
            IPv4Enable = false
            IPv6Enable = false
            Status: this box has no /sys/class/net/eth0/operstate
            Name = eth0
            MaxMTUSize: this box has no /sys/class/net/eth0/mtu
            Type = Normal
            IPv4AddressNumberOfEntries = 0
            IPv6AddressNumberOfEntries = 0
            [lo]
            Enable = true
            IPv4Enable = true
            IPv6Enable = true
            Status = Up
            Name = lo
            MaxMTUSize = 65536
            Type = Loopback
            IPv4AddressNumberOfEntries = 1
            IPv6AddressNumberOfEntries = 0
        "#]]
        .assert_eq(&bench.show::<IpInterface>());
    }
}
