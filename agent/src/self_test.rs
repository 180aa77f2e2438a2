//! What this box can tell and what it cannot, and why: the first question on new hardware.

use std::fmt::Write;

use crate::objects::{AnyRow, OBJECTS, ObjectDef};
use crate::view::View;

/// What one Object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its path in the supported data model.
    pub path: &'static str,
    /// What it measured, or why it could know nothing at all.
    pub measured: Result<Measured, String>,
}

/// What an Object measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// How many rows it gave.
    pub rows: usize,
    /// The parameters that have a value, in one row at least.
    pub known: Vec<&'static str>,
    /// The parameters that have none in any row, with the first row's reason.
    pub absent: Vec<(&'static str, String)>,
}

/// Looks at everything once.
#[must_use]
pub fn self_test(view: &View<'_>) -> Vec<Finding> {
    let find = |object: &ObjectDef| {
        let measured = (object.read)(view).map(|rows| measure(object, &rows)).map_err(|fault| fault.text);
        Finding { path: object.path, measured }
    };
    OBJECTS.iter().map(find).collect()
}

fn measure(object: &ObjectDef, rows: &[AnyRow]) -> Measured {
    let mut measured = Measured { rows: rows.len(), known: Vec::new(), absent: Vec::new() };
    for name in object.fields.iter().map(|field| field.name) {
        let mut values = rows.iter().flat_map(|row| &row.values).filter(|(other, _)| *other == name).map(|(_, value)| value);
        match values.clone().find_map(|value| value.as_ref().ok()) {
            Some(_) => measured.known.push(name),
            None => measured.absent.extend(values.find_map(|value| value.as_ref().err()).map(|why| (name, why.0.to_string()))),
        }
    }
    measured
}

/// The findings as a text of lines of at most `width` characters (40 at least; a path or a word may be longer).
#[must_use]
pub fn render(findings: &[Finding], width: usize) -> String {
    let mut text = String::new();
    let longest = findings.iter().map(|finding| finding.path.len()).max().unwrap_or(0);
    for Finding { path, measured } in findings {
        match measured {
            Err(why) => wrap(&mut text, &format!("{path:longest$} "), &format!("nothing: {why}"), width),
            Ok(Measured { rows, known, absent }) => {
                let all = known.len() + absent.len();
                let rows = match rows {
                    0 => ", no row".to_owned(),
                    1 => String::new(),
                    many => format!(", {many} rows"),
                };
                let _ = writeln!(text, "{path:longest$}  {} of {all} values{rows}", known.len());
                absent.iter().for_each(|(name, why)| wrap(&mut text, &format!("  {name}:"), why, width));
            }
        }
    }
    let known: usize = findings.iter().filter_map(|finding| Some(finding.measured.as_ref().ok()?.known.len())).sum();
    let nothing = findings.iter().filter(|finding| finding.measured.is_err()).count();
    let _ = writeln!(text, "{} objects, {nothing} of them unknown to this box; {known} values", findings.len());
    text
}

/// Writes `head words…`, broken between words, the further lines indented.
fn wrap(text: &mut String, head: &str, words: &str, width: usize) {
    let mut column = head.chars().count();
    text.push_str(head);
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column + 1 + length > width.max(40) {
            text.truncate(text.trim_end_matches(' ').len());
            text.push_str("\n     ");
            column = 5;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::Host;
    use crate::host::sim::SimBox;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_a_box_can_tell_and_why_not() {
        let mut bench = Bench::of(1);
        let _ = self_test(&bench.view());
        bench.pass(std::time::Duration::from_secs(2));
        let findings = self_test(&bench.view());
        assert_eq!(findings.len(), OBJECTS.len());
        expect![[r#"
            Device.                                                     1 of 1 values
            Device.DNS.Client.                                          1 of 1 values
            Device.DNS.Client.Server.{i}.                               1 of 1 values
            Device.DeviceInfo.                                          9 of 13 values
              Manufacturer: device.manufacturer is not in the agent's configuration, nor in
                  /sys/class/dmi/id/sys_vendor
              ManufacturerOUI: device.oui is not in the agent's configuration
              ProductClass: device.product_class is not in the agent's configuration
              HardwareVersion: device.hardware_version is not in the agent's configuration, nor in
                  /sys/class/dmi/id/product_version
            Device.DeviceInfo.FirmwareImage.{i}.                        5 of 5 values
            Device.DeviceInfo.MemoryStatus.                             5 of 5 values
            Device.DeviceInfo.ProcessStatus.                            2 of 2 values
            Device.DeviceInfo.ProcessStatus.Process.{i}.                6 of 6 values, 9 rows
            Device.DeviceInfo.Processor.{i}.                            2 of 2 values
            Device.DeviceInfo.TemperatureStatus.                        0 of 1 values
              TemperatureSensorNumberOfEntries: the kernel shows no sensor in /sys/class/thermal or
                  /sys/class/hwmon
            Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.  nothing: the kernel shows no sensor in
                  /sys/class/thermal or /sys/class/hwmon
            Device.Ethernet.                                            1 of 1 values
            Device.Ethernet.Interface.{i}.                              7 of 7 values
            Device.Ethernet.Interface.{i}.Stats.                        9 of 9 values
            Device.IP.                                                  3 of 3 values
            Device.IP.Diagnostics.                                      2 of 2 values
            Device.IP.Interface.{i}.                                    9 of 9 values, 2 rows
            Device.IP.Interface.{i}.IPv4Address.{i}.                    2 of 3 values, 2 rows
              AddressingType: the kernel does not tell where an address comes from
            Device.IP.Interface.{i}.IPv6Address.{i}.                    1 of 1 values, 2 rows
            Device.IP.Interface.{i}.Stats.                              9 of 9 values, 2 rows
            Device.LocalAgent.                                          14 of 14 values
            Device.LocalAgent.Request.{i}.                              0 of 0 values, no row
            Device.MQTT.                                                1 of 1 values
            Device.MQTT.Capabilities.                                   3 of 3 values
            Device.MQTT.Client.{i}.Stats.                               9 of 12 values
              BrokerConnectionEstablished: the agent is not connected
              LastPublishMessageSent: nothing was sent yet
              LastPublishMessageReceived: nothing has come yet
            Device.Time.                                                1 of 2 values
              Status: no time service says in a file whether it set the clock (systemd-timesyncd would)
            26 objects, 1 of them unknown to this box; 103 values
        "#]]
        .assert_eq(&render(&findings, 100));
    }

    #[test]
    fn a_box_without_files_is_no_trouble() {
        let text = render(&self_test(&Bench::empty().view()), 60);
        assert!(text.lines().all(|line| line.starts_with("Device.") || line.chars().count() <= 60), "{text}");
        expect![[r#"
            Device.                                                     1 of 1 values
            Device.DNS.Client.                                          0 of 1 values
              ServerNumberOfEntries: this box has no /etc/resolv.conf
            Device.DNS.Client.Server.{i}.
                  nothing: this box has no /etc/resolv.conf
            Device.DeviceInfo.                                          4 of 13 values
              Manufacturer: device.manufacturer is not in the agent's
                  configuration, nor in /sys/class/dmi/id/sys_vendor
              ManufacturerOUI: device.oui is not in the agent's
                  configuration
              ModelName: device.model is not in the agent's
                  configuration, nor in /proc/device-tree/model,
                  /sys/class/dmi/id/product_name
              ProductClass: device.product_class is not in the agent's
                  configuration
              SerialNumber: device.serial_number is not in the agent's
                  configuration, nor in /proc/device-tree/serial-number,
                  /sys/class/dmi/id/product_serial, /etc/machine-id
              HardwareVersion: device.hardware_version is not in the
                  agent's configuration, nor in
                  /sys/class/dmi/id/product_version
              SoftwareVersion: this box has no /etc/os-release
              UpTime: this box has no /proc/uptime
              HostName: this box has no /proc/sys/kernel/hostname
            Device.DeviceInfo.FirmwareImage.{i}.                        4 of 5 values
              Version: this box has no /etc/os-release
            Device.DeviceInfo.MemoryStatus.                             0 of 5 values
              Total: this box has no /proc/meminfo
              Free: this box has no /proc/meminfo
              TotalPersistent: the root file system cannot be measured:
                  entity not found
              FreePersistent: the root file system cannot be measured:
                  entity not found
              X_LINE3_Available: this box has no /proc/meminfo
            Device.DeviceInfo.ProcessStatus.                            0 of 2 values
              CPUUsage: this box has no /proc/stat
              ProcessNumberOfEntries: this box has no /proc
            Device.DeviceInfo.ProcessStatus.Process.{i}.
                  nothing: this box has no /proc
            Device.DeviceInfo.Processor.{i}.                            1 of 2 values
              X_LINE3_Cores: this box has no /proc/cpuinfo
            Device.DeviceInfo.TemperatureStatus.                        0 of 1 values
              TemperatureSensorNumberOfEntries: the kernel shows no
                  sensor in /sys/class/thermal or /sys/class/hwmon
            Device.DeviceInfo.TemperatureStatus.TemperatureSensor.{i}.
                  nothing: the kernel shows no sensor in
                  /sys/class/thermal or /sys/class/hwmon
            Device.Ethernet.                                            0 of 1 values
              InterfaceNumberOfEntries: this box has no /sys/class/net
            Device.Ethernet.Interface.{i}.
                  nothing: this box has no /sys/class/net
            Device.Ethernet.Interface.{i}.Stats.
                  nothing: this box has no /sys/class/net
            Device.IP.                                                  2 of 3 values
              InterfaceNumberOfEntries: this box has no /sys/class/net
            Device.IP.Diagnostics.                                      2 of 2 values
            Device.IP.Interface.{i}.
                  nothing: this box has no /sys/class/net
            Device.IP.Interface.{i}.IPv4Address.{i}.
                  nothing: this box has no /sys/class/net
            Device.IP.Interface.{i}.IPv6Address.{i}.
                  nothing: this box has no /sys/class/net
            Device.IP.Interface.{i}.Stats.
                  nothing: this box has no /sys/class/net
            Device.LocalAgent.                                          14 of 14 values
            Device.LocalAgent.Request.{i}.                              0 of 0 values, no row
            Device.MQTT.                                                1 of 1 values
            Device.MQTT.Capabilities.                                   3 of 3 values
            Device.MQTT.Client.{i}.Stats.                               9 of 12 values
              BrokerConnectionEstablished: the agent is not connected
              LastPublishMessageSent: nothing was sent yet
              LastPublishMessageReceived: nothing has come yet
            Device.Time.                                                1 of 2 values
              Status: no time service says in a file whether it set the
                  clock (systemd-timesyncd would)
            26 objects, 9 of them unknown to this box; 42 values
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn the_machine_that_runs_this_test_is_a_box_too() {
        let host = crate::host::linux::LinuxHost::new("/".into(), "/nowhere".into());
        let bench = Bench::empty();
        let findings = self_test(&View { host: &host, ..bench.view() });
        let known = |path: &str| {
            let finding = findings.iter().find(|finding| finding.path == path).expect("it is registered");
            finding.measured.as_ref().map(|measured| measured.known.clone()).unwrap_or_default()
        };
        assert_eq!(known("Device.DeviceInfo.MemoryStatus.").len(), 5, "{}", render(&findings, 120));
        assert!(known("Device.DeviceInfo.ProcessStatus.Process.{i}.").contains(&"CPUTime"), "{}", render(&findings, 120));
        assert!(known("Device.IP.Interface.{i}.IPv4Address.{i}.").contains(&"SubnetMask"), "{}", render(&findings, 120));
    }

    /// Every file that a simulated box has.
    fn files(host: &dyn Host, directory: &str, all: &mut Vec<String>) {
        for name in host.list(directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            if host.file(&path).is_ok() { all.push(path) } else { files(host, &path, all) }
        }
    }

    #[test]
    fn no_text_of_the_kernel_breaks_an_object_and_every_value_is_of_its_type() {
        let mut all = Vec::new();
        // A box that has everything.
        let seed = (0..).find(|seed| SimBox::of(*seed).model.wireless).expect("one of them");
        files(&Bench::of(seed).host, "", &mut all);
        assert!(all.len() > 50, "{all:?}");
        let huge = "9".repeat(70_000);
        for path in all {
            let bench = Bench::of(seed);
            let whole = bench.host.file(&path).expect("a file");
            let half = String::from_utf8_lossy(&whole.as_bytes()[..whole.len() / 2]).into_owned();
            for text in ["", "\0", "-1", "\u{FFFD}\u{1b}[2J", ")(", ": : :", "0x", "cpu", "18446744073709551616", &half, &huge] {
                let bench = Bench::of(seed).with(&[(&path, text)]);
                for object in OBJECTS {
                    for row in (object.read)(&bench.view()).unwrap_or_default() {
                        for ((name, value), field) in row.values.iter().zip(object.fields) {
                            let value = value.as_deref().unwrap_or_default();
                            let fine = value.is_empty() || field.check(value).is_ok();
                            assert!(fine && value.len() <= 1024, "{path} {text:?}: {}{name} = {value:?}", object.path);
                        }
                    }
                }
            }
        }
    }
}
