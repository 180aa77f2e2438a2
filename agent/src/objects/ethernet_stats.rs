//! `Device.Ethernet.Interface.{i}.Stats.`

use line3_proto::Fault;

use super::kernel::unknowable;
use super::net::{self, Stats};
use super::{Found, Object};
use crate::view::View;

/// `Device.Ethernet.Interface.{i}.Stats.`
pub struct EthernetStats;

impl Object for EthernetStats {
    const PATH: &'static str = "Device.Ethernet.Interface.{i}.Stats.";
    const DOC: &'static str = "What an Ethernet port has carried, lost and damaged since the kernel made it.";
    type Row = Stats;

    fn read(view: &View<'_>) -> Result<Vec<Found<Stats>>, Fault> {
        let names = net::ethernet(view.host).map_err(unknowable)?;
        Ok(names.into_iter().map(|name| Found::keyed([name.clone()], net::stats(view.host, &name))).collect())
    }
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
            ("/sys/class/net/eth0/statistics/tx_bytes", "10\n"),
            ("/sys/class/net/eth0/statistics/rx_bytes", "18446744073709551615\n"),
            ("/sys/class/net/eth0/statistics/tx_packets", "12\n"),
            ("/sys/class/net/eth0/statistics/rx_packets", "-1\n"),
            ("/sys/class/net/eth0/statistics/tx_errors", "14\n"),
            ("/sys/class/net/eth0/statistics/rx_errors", "4294967297\n"),
            ("/sys/class/net/eth0/statistics/tx_dropped", "16\n"),
            ("/sys/class/net/eth0/statistics/rx_dropped", "17\n"),
        ]);
        expect![[r#"
            [eth0]
            BytesSent = 10
            BytesReceived = 18446744073709551615
            PacketsSent = 12
            PacketsReceived: /sys/class/net/eth0/statistics/rx_packets holds "-1", which is no number that fits
            ErrorsSent = 14
            ErrorsReceived = 1
            DiscardPacketsSent = 16
            DiscardPacketsReceived = 17
            MulticastPacketsReceived: this box has no /sys/class/net/eth0/statistics/multicast
        "#]]
        .assert_eq(&bench.show::<EthernetStats>());
    }
}
