//! `Device.DeviceInfo.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row};

use super::firmware_image::RUNNING;
use super::kernel::{file, line, short};
use super::{Found, Object};
use crate::host::Host;
use crate::view::{Device, View};

/// `Device.DeviceInfo.`
pub struct DeviceInfo;

row! {
    /// The parameters of `Device.DeviceInfo.`
    pub struct Values {
        /// Who made the box: from the configuration, else the firmware's tables.
        Manufacturer: Known<String>,
        /// The maker's OUI, six hexadecimal digits: from the configuration.
        ManufacturerOUI: Known<String>,
        /// The model as it is sold: from the configuration, else the device tree or the firmware's tables.
        ModelName: Known<String>,
        /// The class of product that the serial number is unique in: from the configuration.
        ProductClass: Known<String>,
        /// The serial number: from the configuration, else the device tree or the firmware's tables, else the machine id.
        SerialNumber: Known<String>,
        /// The version of the hardware: from the configuration, else the firmware's tables.
        HardwareVersion: Known<String>,
        /// The version of the firmware: from the configuration, else /etc/os-release.
        SoftwareVersion: Known<String>,
        /// The path of the firmware image that runs.
        ActiveFirmwareImage: String,
        /// The path of the firmware image that runs after the next boot: the agent knows of one only, so it takes no other.
        BootFirmwareImage: String [rw],
        /// Since the kernel started.
        UpTime: Known<u32> [s, ticks],
        /// The box's name for itself.
        HostName: Known<String>,
        /// How many rows `FirmwareImage.{i}.` has.
        FirmwareImageNumberOfEntries: u32,
        /// How many rows `Processor.{i}.` has.
        ProcessorNumberOfEntries: u32,
    }
}

impl Object for DeviceInfo {
    const PATH: &'static str = "Device.DeviceInfo.";
    const DOC: &'static str = "What box this is, which firmware it runs, and for how long.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let device = &view.facts.device;
        Ok(Found::single(Values {
            Manufacturer: known(&device.manufacturer, "manufacturer", MANUFACTURER),
            ManufacturerOUI: known(&device.oui, "oui", &[]),
            ModelName: known(&device.model, "model", MODEL),
            ProductClass: known(&device.product_class, "product_class", &[]),
            SerialNumber: known(&device.serial_number, "serial_number", SERIAL),
            HardwareVersion: known(&device.hardware_version, "hardware_version", HARDWARE),
            SoftwareVersion: view.dear("SoftwareVersion", |_| version(view)),
            ActiveFirmwareImage: RUNNING.to_owned(),
            BootFirmwareImage: RUNNING.to_owned(),
            UpTime: view.dear("UpTime", up_time),
            HostName: view.dear("HostName", |host| line(host, "/proc/sys/kernel/hostname")),
            FirmwareImageNumberOfEntries: 1,
            ProcessorNumberOfEntries: 1,
        }))
    }
}

/// Where the kernel tells what box this is.
const MANUFACTURER: &[&str] = &["/sys/class/dmi/id/sys_vendor"];
const MODEL: &[&str] = &["/proc/device-tree/model", "/sys/class/dmi/id/product_name"];
const SERIAL: &[&str] = &["/proc/device-tree/serial-number", "/sys/class/dmi/id/product_serial", "/etc/machine-id"];
const HARDWARE: &[&str] = &["/sys/class/dmi/id/product_version"];

/// How the box introduces itself: as configured, else as these files tell it. They are read once, when the agent starts: the kernel
/// got its tables from the boot loader, and the machine id is for the life of an installation, so none can change before the next
/// start. What an update of the running system can change, /etc/os-release, is read each time.
pub(crate) fn introduced(host: &dyn Host, configured: &Device) -> Device {
    let mut device = configured.clone();
    let Device { manufacturer, model, serial_number, hardware_version, .. } = &mut device;
    for (value, files) in [(manufacturer, MANUFACTURER), (model, MODEL), (serial_number, SERIAL), (hardware_version, HARDWARE)] {
        if value.is_empty() {
            *value = files.iter().find_map(|path| line(host, path).ok()).unwrap_or_default();
        }
    }
    device
}

/// What the box introduces itself with, or why there is nothing.
fn known(value: &str, name: &str, files: &[&str]) -> Known<String> {
    configured(value).ok_or_else(|| {
        let looked = if files.is_empty() { String::new() } else { format!(", nor in {}", files.join(", ")) };
        Absent::because(format!("device.{name} is not in the agent's configuration{looked}"))
    })
}

/// The version of the firmware that runs.
pub(crate) fn version(view: &View<'_>) -> Known<String> {
    configured(&view.facts.device.software_version).map_or_else(|| firmware(view.host), Ok)
}

fn configured(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// The firmware's version as /etc/os-release tells it.
fn firmware(host: &dyn Host) -> Known<String> {
    let text = file(host, "/etc/os-release")?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let value = line.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.chars().take(256).collect())
    };
    ["IMAGE_VERSION", "VERSION_ID", "BUILD_ID", "VERSION"]
        .into_iter()
        .find_map(value)
        .ok_or_else(|| Absent::because("/etc/os-release names no version, nor does the agent's configuration (device.software_version)"))
}

fn up_time(host: &dyn Host) -> Known<u32> {
    let text = line(host, "/proc/uptime")?;
    let seconds = text.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok());
    seconds.ok_or_else(|| Absent::because(format!("/proc/uptime holds {:?}", short(&text))))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn the_configuration_knows_better_than_the_kernel() {
        let mut bench = Bench::empty().with(&[
            ("/proc/device-tree/model", "Example Media EM-HD\0"),
            ("/proc/device-tree/serial-number", "\0"),
            ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            ("/sys/class/dmi/id/sys_vendor", "Somebody\n"),
            ("/etc/os-release", "NAME=stb\nVERSION_ID=\"4.2.1\"\n"),
            ("/proc/uptime", "86400.99 1.00\n"),
            ("/proc/sys/kernel/hostname", "stb\n"),
        ]);
        bench.facts.device.manufacturer = "Example Media".to_owned();
        bench.facts.device.oui = "00005E".to_owned();
        expect![[r#"
            Manufacturer = Example Media
            ManufacturerOUI = 00005E
            ModelName = Example Media EM-HD
            ProductClass: device.product_class is not in the agent's configuration
            SerialNumber = 0123456789abcdef0123456789abcdef
            HardwareVersion: device.hardware_version is not in the agent's configuration, nor in /sys/class/dmi/id/product_version
            SoftwareVersion = 4.2.1
            ActiveFirmwareImage = Device.DeviceInfo.FirmwareImage.1
            BootFirmwareImage = Device.DeviceInfo.FirmwareImage.1
            UpTime = 86400
            HostName = stb
            FirmwareImageNumberOfEntries = 1
            ProcessorNumberOfEntries = 1
        "#]]
        .assert_eq(&bench.show::<DeviceInfo>());
    }

    #[test]
    fn what_cannot_change_is_read_once_and_what_can_each_time() {
        let bench = Bench::empty().with(&[("/proc/device-tree/model", "A"), ("/etc/os-release", "VERSION_ID=1"), ("/proc/uptime", "1.0")]);
        for (path, text) in [("/proc/device-tree/model", "B"), ("/etc/os-release", "VERSION_ID=2"), ("/proc/uptime", "2.0")] {
            bench.host.set_file(path, text);
        }
        let text = bench.show::<DeviceInfo>();
        for line in ["ModelName = A\n", "SoftwareVersion = 2\n", "UpTime = 2\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn what_nobody_looks_at_is_not_read() {
        let bench = Bench::empty().with(&[("/proc/sys/kernel/hostname", "stb"), ("/proc/uptime", "1.0")]);
        let rows = DeviceInfo::read(&View { only: Some("UpTime"), ..bench.view() }).expect("a row");
        assert_eq!(rows[0].row.UpTime, Ok(1));
        assert!(rows[0].row.HostName.is_err());
    }

    #[test]
    fn odd_files_give_reasons() {
        let long = "x".repeat(5000);
        let bench = Bench::empty().with(&[
            ("/etc/os-release", "VERSION_ID=\n=\n\"\nVERSIONX=1\n"),
            ("/proc/uptime", "soon\n"),
            ("/proc/sys/kernel/hostname", &long),
        ]);
        let text = bench.show::<DeviceInfo>();
        assert!(text.contains("SoftwareVersion: /etc/os-release names no version"), "{text}");
        assert!(text.contains("UpTime: /proc/uptime holds \"soon\""), "{text}");
        assert!(text.contains(&format!("HostName = {}\n", "x".repeat(256))), "{text}");
    }
}
