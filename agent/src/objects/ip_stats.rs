//! `Device.IP.Interface.{i}.Stats.`

use line3_proto::Fault;

use super::ip_interface::interfaces;
use super::kernel::unknowable;
use super::net::{self, Stats};
use super::{Found, Object};
use crate::view::View;

/// `Device.IP.Interface.{i}.Stats.`
pub struct IpStats;

impl Object for IpStats {
    const PATH: &'static str = "Device.IP.Interface.{i}.Stats.";
    const DOC: &'static str = "What an interface has carried, lost and damaged since the kernel made it; the kernel counts by interface, so what is not IP counts too.";
    type Row = Stats;

    fn read(view: &View<'_>) -> Result<Vec<Found<Stats>>, Fault> {
        let names = interfaces(view.host).map_err(unknowable)?;
        Ok(names.into_iter().map(|name| Found::keyed([name.clone()], net::stats(view.host, &name))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::bench::Bench;
    use crate::objects::ip_interface::IpInterface;

    #[test]
    fn every_interface_has_its_counters() {
        let bench = Bench::of(1);
        let keys = |rows: Vec<Vec<String>>| rows.into_iter().flatten().collect::<Vec<_>>();
        let stats = keys(IpStats::read(&bench.view()).expect("rows").into_iter().map(|row| row.keys).collect());
        let interfaces = keys(IpInterface::read(&bench.view()).expect("rows").into_iter().map(|row| row.keys).collect());
        assert_eq!(stats, ["eth0", "lo"]);
        assert_eq!(stats, interfaces);
        assert!(bench.show::<IpStats>().lines().all(|line| !line.contains(':')), "nothing is absent");
    }
}
