//! `Device.DNS.Client.Server.{i}.`

use std::net::IpAddr;

use line3_proto::{Fault, row};

use super::dns_client::servers;
use super::kernel::unknowable;
use super::{Found, Object};
use crate::view::View;

/// `Device.DNS.Client.Server.{i}.`
pub struct DnsServer;

row! {
    /// The parameters of `Device.DNS.Client.Server.{i}.`
    pub struct Values {
        /// Its address.
        DNSServer: IpAddr,
    }
}

impl Object for DnsServer {
    const PATH: &'static str = "Device.DNS.Client.Server.{i}.";
    const DOC: &'static str = "A name server that the box asks, as /etc/resolv.conf names it.";
    const KEYS: &'static [&'static [&'static str]] = &[&["DNSServer"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let servers = servers(view.host).map_err(unknowable)?;
        Ok(servers.into_iter().map(|server| Found::keyed([server.to_string()], Values { DNSServer: server })).collect())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_the_resolvers_servers() {
        let text = "# nameserver 1.1.1.1\nsearch example\nnameserver 10.0.0.1\n nameserver\tfe80::1%eth0\nnameserver\nnameserver x\nnameserver 10.0.0.1 y\n";
        expect![[r#"
            [10.0.0.1]
            DNSServer = 10.0.0.1
            [fe80::1]
            DNSServer = fe80::1
        "#]]
        .assert_eq(&Bench::empty().with(&[("/etc/resolv.conf", text)]).show::<DnsServer>());
    }
}
