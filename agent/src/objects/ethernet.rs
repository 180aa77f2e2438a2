//! `Device.Ethernet.`

use line3_proto::value::Known;
use line3_proto::{Fault, row};

use super::kernel::count;
use super::{Found, Object, net};
use crate::view::View;

/// `Device.Ethernet.`
pub struct Ethernet;

row! {
    /// The parameters of `Device.Ethernet.`
    pub struct Values {
        /// How many rows `Interface.{i}.` has.
        InterfaceNumberOfEntries: Known<u32>,
    }
}

impl Object for Ethernet {
    const PATH: &'static str = "Device.Ethernet.";
    const DOC: &'static str = "The box's Ethernet ports.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values { InterfaceNumberOfEntries: count(&net::ethernet(view.host)) }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn only_real_ports_count() {
        let bench = Bench::empty().with(&[
            ("/sys/class/net/eth0/type", "1\n"),
            ("/sys/class/net/eth0/device/vendor", "x\n"),
            ("/sys/class/net/wlan0/type", "1\n"),
            ("/sys/class/net/wlan0/device/vendor", "x\n"),
            ("/sys/class/net/wlan0/wireless/link", "0\n"),
            ("/sys/class/net/br0/type", "1\n"),
            ("/sys/class/net/can0/type", "280\n"),
            ("/sys/class/net/can0/device/vendor", "x\n"),
        ]);
        expect![[r#"
            InterfaceNumberOfEntries = 1
        "#]]
        .assert_eq(&bench.show::<Ethernet>());
        expect![[r#"
            InterfaceNumberOfEntries: this box has no /sys/class/net
        "#]]
        .assert_eq(&Bench::empty().show::<Ethernet>());
    }
}
