//! `Device.IP.Interface.{i}.IPv4Address.{i}.`

use std::net::{IpAddr, Ipv4Addr};

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::ip_interface::addresses_of_rows;
use super::{Found, Object};
use crate::view::View;

/// `Device.IP.Interface.{i}.IPv4Address.{i}.`
pub struct Ipv4Address;

values! {
    /// Where an address comes from.
    pub enum AddressingType {
        /// The box took it by itself (169.254.0.0/16), because nobody gave it one.
        AutoIP,
    }
}

row! {
    /// The parameters of `Device.IP.Interface.{i}.IPv4Address.{i}.`
    pub struct Values {
        /// The address.
        IPAddress: IpAddr,
        /// Which of its bits name the network.
        SubnetMask: IpAddr,
        /// Where it comes from, where the address itself tells.
        AddressingType: Known<AddressingType>,
    }
}

impl Object for Ipv4Address {
    const PATH: &'static str = "Device.IP.Interface.{i}.IPv4Address.{i}.";
    const DOC: &'static str = "An IPv4 address of an interface.";
    const KEYS: &'static [&'static [&'static str]] = &[&["IPAddress", "SubnetMask"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let row = |(keys, it): ([String; 2], crate::host::Address)| {
            let IpAddr::V4(address) = it.address else { return None };
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(it.prefix.into())).unwrap_or(0);
            let origin = if address.is_link_local() {
                Ok(AddressingType::AutoIP)
            } else {
                Err(Absent::because("the kernel does not tell where an address comes from"))
            };
            let values = Values { IPAddress: it.address, SubnetMask: Ipv4Addr::from_bits(mask).into(), AddressingType: origin };
            Some(Found::keyed(keys, values))
        };
        Ok(addresses_of_rows(view.host)?.into_iter().filter_map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::Address;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_addresses_and_masks() {
        let bench = Bench::empty().with(&[("/sys/class/net/eth0/flags", "0x1003\n")]);
        let on = |interface: &str, address: [u8; 4], prefix| Address { interface: interface.to_owned(), address: address.into(), prefix };
        let v6 = Address { interface: "eth0".to_owned(), address: std::net::Ipv6Addr::LOCALHOST.into(), prefix: 128 };
        bench.host.set_addresses(vec![
            on("eth0", [10, 0, 0, 7], 20),
            v6,
            on("eth0", [169, 254, 3, 4], 16),
            on("eth0", [0, 0, 0, 0], 0),
            on("eth0", [1, 2, 3, 4], 99),
            on("gone", [10, 9, 9, 9], 8),
        ]);
        expect![[r#"
            [eth0] [10.0.0.7/20]
            IPAddress = 10.0.0.7
            SubnetMask = 255.255.240.0
            AddressingType: the kernel does not tell where an address comes from
            [eth0] [169.254.3.4/16]
            IPAddress = 169.254.3.4
            SubnetMask = 255.255.0.0
            AddressingType = AutoIP
            [eth0] [0.0.0.0/0]
            IPAddress = 0.0.0.0
            SubnetMask = 0.0.0.0
            AddressingType: the kernel does not tell where an address comes from
            [eth0] [1.2.3.4/99]
            IPAddress = 1.2.3.4
            SubnetMask = 255.255.255.255
            AddressingType: the kernel does not tell where an address comes from
        "#]]
        .assert_eq(&bench.show::<Ipv4Address>());
    }
}
