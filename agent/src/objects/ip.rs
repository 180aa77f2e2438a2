//! `Device.IP.`

use line3_proto::value::Known;
use line3_proto::{Fault, row};

use super::ip_interface::interfaces;
use super::kernel::count;
use super::{Found, Object};
use crate::view::View;

/// `Device.IP.`
pub struct Ip;

row! {
    /// The parameters of `Device.IP.`
    pub struct Values {
        /// Whether the kernel speaks IPv4.
        IPv4Capable: bool,
        /// Whether the kernel speaks IPv6.
        IPv6Capable: bool,
        /// How many rows `Interface.{i}.` has.
        InterfaceNumberOfEntries: Known<u32>,
    }
}

impl Object for Ip {
    const PATH: &'static str = "Device.IP.";
    const DOC: &'static str = "The box's place in the network.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let there = |path| view.host.list(path).is_ok();
        Ok(Found::single(Values {
            IPv4Capable: there("/proc/sys/net/ipv4"),
            IPv6Capable: there("/proc/sys/net/ipv6"),
            InterfaceNumberOfEntries: count(&interfaces(view.host)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_speaks() {
        let bench = Bench::empty().with(&[("/proc/sys/net/ipv4/ip_forward", "0\n"), ("/sys/class/net/eth0/flags", "0x1003\n")]);
        expect![[r#"
            IPv4Capable = true
            IPv6Capable = false
            InterfaceNumberOfEntries = 1
        "#]]
        .assert_eq(&bench.show::<Ip>());
    }
}
