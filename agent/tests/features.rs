//! The flavour `tiny`, asked of the program that cargo makes of it.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use line3_proto::catalogue::Catalogue;

/// Builds the flavour in a folder of its own, so that no other test finds it in place of the whole agent.
fn tiny() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "line3-agent", "--bin", "line3-agent"]);
    cargo.args(["--no-default-features", "--features", "tiny", "--target-dir"]).arg(&folder).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join("debug").join("line3-agent")
}

/// All that a program has, by path: objects, parameters, commands, events.
fn paths(program: &Path) -> BTreeSet<String> {
    let output = Command::new(program).arg("--catalogue").output().unwrap();
    let Catalogue { objects, commands, events } = serde_json::from_slice(&output.stdout).unwrap();
    let mut paths: BTreeSet<String> = commands.into_iter().map(|command| command.path).collect();
    paths.extend(events.into_iter().map(|event| event.path));
    for object in objects {
        paths.extend(object.parameters.iter().map(|parameter| format!("{}{}", object.path, parameter.name)));
        paths.insert(object.path);
    }
    paths
}

/// Ends what the test started, even when it fails.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program says of its report until it has tried to reach its broker, which is not there.
fn remarks(program: &Path, report: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    let state = dir.path().join("state");
    std::fs::write(&path, format!("endpoint-id = \"self::a\"\nstate-dir = {state:?}\n[broker]\nport = 1\n[report]\n{report}\n")).unwrap();
    let child = Command::new(program).arg("--config").arg(&path).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut daemon = Daemon(child);
    let lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        if line.contains("refused") {
            return said;
        }
        said.extend(line.split_once("report.parameters: ").map(|(_, remark)| remark.to_owned()));
    }
    panic!("it ended: {said:?}");
}

#[test]
fn tiny_has_less_of_the_same_and_what_it_promises() {
    let (tiny, fleet) = (tiny(), PathBuf::from(env!("CARGO_BIN_EXE_line3-agent")));
    let (has, all) = (paths(&tiny), paths(&fleet));
    assert!(has.len() < all.len() && has.is_subset(&all), "{:?}", has.difference(&all).collect::<Vec<_>>());
    for path in [
        "Device.IP.Diagnostics.IPPing()",
        "Device.IP.Diagnostics.IPv4PingSupported",
        "Device.Reboot()",
        "Device.Boot!",
        "Device.BulkData.Profile.{i}.ReportingInterval",
        "Device.DeviceInfo.MemoryStatus.Free",
        "Device.DeviceInfo.ProcessStatus.CPUUsage",
        "Device.DeviceInfo.SoftwareVersion",
        "Device.LocalAgent.Subscription.{i}.ReferenceList",
        "Device.LocalAgent.X_LINE3_GetCatalogue()",
    ] {
        assert!(has.contains(path), "{path}");
    }
    for path in ["Device.DNS.", "Device.Ethernet.", "Device.IP.Interface.", "Device.DeviceInfo.TemperatureStatus."] {
        assert!(all.iter().any(|known| known.starts_with(path)) && !has.iter().any(|known| known.starts_with(path)), "{path}");
    }

    // By default it is silent about what it leaves out; what was asked for by name it names.
    assert_eq!(remarks(&tiny, ""), [""; 0]);
    let said = remarks(&tiny, "parameters = [\"Device.Ethernet.Interface.*.Status\", \"Device.DeviceInfo.MemoryStatus.\"]");
    let remark = "Device.Ethernet.Interface.*.Status is neither an object nor a parameter of this box's data model; reports go without it, \
                  and --catalogue prints what there is";
    assert_eq!(said, [remark]);

    let empty = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&empty, "endpoint-id = \"self::a\"\n").unwrap();
    let output = Command::new(&tiny).args(["--self-test", "--config"]).arg(empty.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("Device.DeviceInfo.MemoryStatus.") && !text.contains("Device.Ethernet."), "{text}");
}
