//! `Device.DNS.Client.`

use std::net::IpAddr;

use line3_proto::value::Known;
use line3_proto::{Fault, row};

use super::kernel::{count, file};
use super::{Found, Object};
use crate::host::Host;
use crate::view::View;

/// `Device.DNS.Client.`
pub struct DnsClient;

row! {
    /// The parameters of `Device.DNS.Client.`
    pub struct Values {
        /// How many rows `Server.{i}.` has.
        ServerNumberOfEntries: Known<u32>,
    }
}

impl Object for DnsClient {
    const PATH: &'static str = "Device.DNS.Client.";
    const DOC: &'static str = "How the box finds addresses of names.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values { ServerNumberOfEntries: count(&servers(view.host)) }))
    }
}

/// The name servers of /etc/resolv.conf, in the resolver's order, each once; 16 at most (resolvers use three).
pub(super) fn servers(host: &dyn Host) -> Known<Vec<IpAddr>> {
    let text = file(host, "/etc/resolv.conf")?;
    let mut servers = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let server = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next());
        // The zone of a link-local address (%eth0) is no part of the address.
        let server = server.and_then(|server| server.split('%').next()?.parse().ok());
        servers.extend(server.filter(|server| !servers.contains(server) && servers.len() < 16));
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_counts_servers() {
        assert_eq!(Bench::empty().show::<DnsClient>(), "ServerNumberOfEntries: this box has no /etc/resolv.conf\n");
        let bench = Bench::empty().with(&[("/etc/resolv.conf", "nameserver 10.0.0.1\n")]);
        assert_eq!(bench.show::<DnsClient>(), "ServerNumberOfEntries = 1\n");
    }
}
