//! `Device.IP.Interface.{i}.IPv6Address.{i}.`

use std::net::IpAddr;

use line3_proto::{Fault, row};

use super::ip_interface::addresses_of_rows;
use super::{Found, Object};
use crate::host::Address;
use crate::view::View;

/// `Device.IP.Interface.{i}.IPv6Address.{i}.`
pub struct Ipv6Address;

row! {
    /// The parameters of `Device.IP.Interface.{i}.IPv6Address.{i}.`
    pub struct Values {
        /// The address.
        IPAddress: IpAddr,
    }
}

impl Object for Ipv6Address {
    const PATH: &'static str = "Device.IP.Interface.{i}.IPv6Address.{i}.";
    const DOC: &'static str = "An IPv6 address of an interface.";
    const KEYS: &'static [&'static [&'static str]] = &[&["IPAddress"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let row = |(keys, it): ([String; 2], Address)| it.address.is_ipv6().then(|| Found::keyed(keys, Values { IPAddress: it.address }));
        Ok(addresses_of_rows(view.host)?.into_iter().filter_map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_addresses() {
        let bench = Bench::empty().with(&[("/sys/class/net/eth0/flags", "0x1003\n")]);
        let on = |address: &str| Address { interface: "eth0".to_owned(), address: address.parse().expect("an address"), prefix: 64 };
        bench.host.set_addresses(vec![on("fe80::1"), on("10.0.0.1")]);
        expect![[r#"
            [eth0] [fe80::1/64]
            IPAddress = fe80::1
        "#]]
        .assert_eq(&bench.show::<Ipv6Address>());
    }
}
