//! `Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.`

use line3_proto::sorted::Set;
use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, Wall, row, values};

use super::kernel::{line, number, unknowable};
use super::{Found, Object};
use crate::host::Host;
use crate::view::View;

/// `Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.`
pub struct TemperatureSensor;

values! {
    /// Whether a sensor can be read.
    pub enum Status {
        /// It can.
        Enabled,
        /// The kernel shows it and fails to read it.
        Error,
    }
}

row! {
    /// The parameters of `Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.`
    pub struct Values {
        /// Whether it can be read.
        Status: Status,
        /// The kernel's name of what it measures, e.g. `cpu-thermal`; of a second one of that name, with its own.
        Name: String,
        /// The temperature now, rounded.
        Value: Known<i32> [celsius],
        /// When it was read: now.
        LastUpdate: Known<Wall> [ticks],
    }
}

impl Object for TemperatureSensor {
    const PATH: &'static str = "Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.";
    const DOC: &'static str =
        "A temperature sensor of the box: a thermal zone of the kernel, or one of its hardware monitors if it has no zones.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let mut seen = Set::new();
        let row = |sensor: Sensor| {
            let label = line(view.host, &sensor.label).or_else(|_| line(view.host, &sensor.group)).unwrap_or_else(|_| sensor.key.clone());
            let name = if seen.contains(&label) { format!("{label} ({})", sensor.key) } else { label };
            seen.insert(name.clone());
            let value = number::<i64>(view.host, &sensor.input).and_then(|milli| {
                let odd = || Absent::because(format!("{} holds a temperature that cannot be", sensor.input));
                i32::try_from(milli.saturating_add(500).div_euclid(1000)).ok().filter(|value| (-273..1000).contains(value)).ok_or_else(odd)
            });
            let status = if value.is_ok() { Status::Enabled } else { Status::Error };
            let read = value.as_ref().map(|_| view.now.wall).map_err(Absent::clone);
            Found::keyed([sensor.key], Values { Status: status, Name: name, Value: value, LastUpdate: read })
        };
        Ok(sensors(view.host).map_err(unknowable)?.into_iter().map(row).collect())
    }
}

/// Where a sensor is.
pub(super) struct Sensor {
    /// What names it: the kernel's names of its directory and file.
    key: String,
    /// The file with its own name.
    label: String,
    /// The file with the name of the chip it sits on.
    group: String,
    /// The file with the temperature, in millidegrees.
    input: String,
}

/// All sensors, found by their names only.
pub(super) fn sensors(host: &dyn Host) -> Known<Vec<Sensor>> {
    let names = |path: &str| host.list(path).unwrap_or_default();
    let zones = names("/sys/class/thermal").into_iter().filter(|name| name.starts_with("thermal_zone")).map(|zone| {
        let file = |leaf: &str| format!("/sys/class/thermal/{zone}/{leaf}");
        Sensor { label: file("type"), group: file("type"), input: file("temp"), key: zone }
    });
    let mut all: Vec<Sensor> = zones.collect();
    if all.is_empty() {
        for chip in names("/sys/class/hwmon") {
            let directory = format!("/sys/class/hwmon/{chip}");
            let inputs = names(&directory).into_iter().filter_map(|name| Some(name.strip_suffix("_input")?.to_owned()));
            all.extend(inputs.filter(|name| name.starts_with("temp")).map(|name| Sensor {
                key: format!("{chip} {name}"),
                label: format!("{directory}/{name}_label"),
                group: format!("{directory}/name"),
                input: format!("{directory}/{name}_input"),
            }));
        }
    }
    if all.is_empty() { Err(Absent::because("the kernel shows no sensor in /sys/class/thermal or /sys/class/hwmon")) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn thermal_zones_come_first() {
        let bench = Bench::empty().with(&[
            ("/sys/class/thermal/thermal_zone0/type", "soc\n"),
            ("/sys/class/thermal/thermal_zone0/temp", "61499\n"),
            ("/sys/class/thermal/thermal_zone1/type", "soc\n"),
            ("/sys/class/thermal/thermal_zone1/temp", "-1500\n"),
            ("/sys/class/thermal/thermal_zone2/temp", "hot\n"),
            ("/sys/class/thermal/thermal_zone3/temp", "99999999999\n"),
            ("/sys/class/hwmon/hwmon0/temp1_input", "1000\n"),
        ]);
        expect![[r#"
            [thermal_zone0]
            Status = Enabled
            Name = soc
            Value = 61
            LastUpdate = 2026-01-01T00:00:00Z
            [thermal_zone1]
            Status = Enabled
            Name = soc (thermal_zone1)
            Value = -1
            LastUpdate = 2026-01-01T00:00:00Z
            [thermal_zone2]
            Status = Error
            Name = thermal_zone2
            Value: /sys/class/thermal/thermal_zone2/temp holds "hot", which is no number that fits
            LastUpdate: /sys/class/thermal/thermal_zone2/temp holds "hot", which is no number that fits
            [thermal_zone3]
            Status = Error
            Name = thermal_zone3
            Value: /sys/class/thermal/thermal_zone3/temp holds a temperature that cannot be
            LastUpdate: /sys/class/thermal/thermal_zone3/temp holds a temperature that cannot be
        "#]]
        .assert_eq(&bench.show::<TemperatureSensor>());
    }

    #[test]
    fn hardware_monitors_are_second_best_and_nothing_is_said_to_be_nothing() {
        let bench = Bench::empty().with(&[
            ("/sys/class/hwmon/hwmon0/name", "tmp102\n"),
            ("/sys/class/hwmon/hwmon0/temp1_input", "45000\n"),
            ("/sys/class/hwmon/hwmon0/temp2_input", "46000\n"),
            ("/sys/class/hwmon/hwmon0/temp2_label", "case\n"),
            ("/sys/class/hwmon/hwmon0/fan1_input", "1200\n"),
        ]);
        expect![[r#"
            [hwmon0 temp1]
            Status = Enabled
            Name = tmp102
            Value = 45
            LastUpdate = 2026-01-01T00:00:00Z
            [hwmon0 temp2]
            Status = Enabled
            Name = case
            Value = 46
            LastUpdate = 2026-01-01T00:00:00Z
        "#]]
        .assert_eq(&bench.show::<TemperatureSensor>());
        expect![[r#"
            7800 (value not available on this box): the kernel shows no sensor in /sys/class/thermal or /sys/class/hwmon
        "#]]
        .assert_eq(&Bench::empty().show::<TemperatureSensor>());
    }
}
