//! `Device.DeviceInfo.TemperatureStatus.`

use line3_proto::value::Known;
use line3_proto::{Fault, row};

use super::kernel::count;
use super::temperature_sensor::sensors;
use super::{Found, Object};
use crate::view::View;

/// `Device.DeviceInfo.TemperatureStatus.`
pub struct TemperatureStatus;

row! {
    /// The parameters of `Device.DeviceInfo.TemperatureStatus.`
    pub struct Values {
        /// How many rows `TemperatureSensor.{i}.` has.
        TemperatureSensorNumberOfEntries: Known<u32>,
    }
}

impl Object for TemperatureStatus {
    const PATH: &'static str = "Device.DeviceInfo.TemperatureStatus.";
    const DOC: &'static str = "The temperatures that the box measures.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values { TemperatureSensorNumberOfEntries: count(&sensors(view.host)) }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_counts_sensors_or_says_why_it_cannot() {
        expect![[r#"
            TemperatureSensorNumberOfEntries: the kernel shows no sensor in /sys/class/thermal or /sys/class/hwmon
        "#]]
        .assert_eq(&Bench::empty().show::<TemperatureStatus>());
        let bench =
            Bench::empty().with(&[("/sys/class/thermal/thermal_zone0/temp", "1\n"), ("/sys/class/thermal/cooling_device0/type", "fan\n")]);
        expect![[r#"
            TemperatureSensorNumberOfEntries = 1
        "#]]
        .assert_eq(&bench.show::<TemperatureStatus>());
    }
}
