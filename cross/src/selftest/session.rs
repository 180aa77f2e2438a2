//! A session of the agent with the real controller: it connects, reports, answers, pings, dies and comes back; and with certificates
//! of another authority it does not connect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::Subject;
use crate::operation::{Operation, Seen};
use crate::process::{Process, until};
use crate::say;
use crate::target::Flavour;

/// The box that the agent plays.
pub(super) const BOX: &str = "os::00256D-SELFTEST";

/// Its serial number.
const SERIAL: &str = "SELFTEST";

/// A box that another authority made.
const STRANGER: &str = "os::00256D-STRANGER";

/// How long anything may take: much more than it does, under an emulator and on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// What the agent logs when the broker has taken it.
pub(super) const CONNECTED: &str = "connected to the broker";

/// What it logs when the broker's certificate is not of its authority.
const NOT_TRUSTED: &str = "is not trusted";

/// What it logs when the broker refuses the box's certificate.
const NOT_TAKEN: &str = "does not take our certificate";

/// How often the agent reports in the session, in seconds.
const INTERVAL: u32 = 1;

/// Certificates by their files: the authority's, the box's, the box's key.
type Files = [PathBuf; 3];

/// Holds the session; `catalogue` is the digest that the agent must show. Gives whether IPPing was tried, too.
pub(super) fn hold(subject: &Subject<'_>, operation: &mut Operation, catalogue: &str) -> Result<bool> {
    let name = &subject.target.name;
    say::doing(&format!("{name}: certificates of another authority"));
    strangers(subject, operation)?;

    say::doing(&format!("{name}: a session over mutual TLS"));
    let files = files(&operation.line3.certificate(BOX)?);
    let settings = settings(subject, operation, BOX, &files, INTERVAL)?;
    let mut agent = start(subject, &settings)?;
    let first = ready(operation, &mut agent)?;
    ensure!(!first.simulated, "the box is said to be simulated");
    let serial = first.identity.get("SerialNumber");
    ensure!(serial.is_some_and(|serial| serial == SERIAL), "its serial number is {SERIAL}, and the controller saw {:?}", first.identity);
    ensure!(
        first.catalogue.as_deref() == Some(catalogue),
        "the controller saw the catalogue {:?}, and --catalogue prints {catalogue}",
        first.catalogue
    );

    values(operation, subject.target.flavour).map_err(|error| quoting(error, &agent))?;
    let pinged = pings(operation).map_err(|error| quoting(error, &agent))?;
    reports(operation, &mut agent)?;

    say::doing(&format!("{name}: killed, and started again"));
    agent.kill();
    operation.until(BOX, "offline after kill -9", LIMIT, |seen| Ok(!seen.online))?;
    let mut agent = start(subject, &settings)?;
    let second = ready(operation, &mut agent)?;
    ensure!(second.run_id != first.run_id, "after kill -9 it still says that it is the run {:?}", first.run_id);
    reports(operation, &mut agent)?;
    agent.stop(LIMIT)?;
    operation.until(BOX, "offline after SIGTERM", LIMIT, |seen| Ok(!seen.online))?;
    Ok(pinged)
}

/// Writes the configuration of an agent with these certificates; it reports every `interval` seconds.
pub(super) fn settings(subject: &Subject<'_>, operation: &Operation, id: &str, files: &Files, interval: u32) -> Result<PathBuf> {
    let [ca, certificate, key] = files;
    let (host, port) = (operation.broker.ip().to_string(), operation.broker.port());
    let text = format!(
        "endpoint-id = {id:?}\nstate-dir = {:?}\n[device]\nserial-number = {SERIAL:?}\n[broker]\nhost = {host:?}\nport = {port}\n\
         ca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}\nkeep-alive = 5\n[report]\ninterval = {interval}\n",
        subject.folder.join(id),
    );
    let file = subject.folder.join("agent.toml");
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    Ok(file)
}

/// The files that `line3 pki box` left in a folder.
pub(super) fn files(folder: &Path) -> Files {
    ["ca.pem", "box.pem", "box.key"].map(|name| folder.join(name))
}

/// Starts the agent.
pub(super) fn start(subject: &Subject<'_>, settings: &Path) -> Result<Process> {
    Process::start("the agent", &subject.command(&["--config", &settings.to_string_lossy()]), &subject.folder.join("agent.log"))
}

/// Waits until the controller can ask the box.
pub(super) fn ready(operation: &mut Operation, agent: &mut Process) -> Result<Seen> {
    let waited = operation.until(BOX, "online and ready", LIMIT, |seen| agent.lives().map(|()| seen.online && seen.ready));
    waited.map_err(|error| quoting(error, agent))
}

/// The error, and the agent's last lines.
pub(super) fn quoting(error: anyhow::Error, agent: &Process) -> anyhow::Error {
    anyhow!("{error:#}\n{}", agent.last_lines())
}

/// What the box says of this machine, for that is what it runs on, also under an emulator of user programs.
fn values(operation: &Operation, flavour: Flavour) -> Result<()> {
    let info = operation.get(BOX, "Device.DeviceInfo.")?;
    let memory = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    is(&info, "Device.DeviceInfo.MemoryStatus.Total", number(&memory, "MemTotal").context("/proc/meminfo")?)?;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").context("/proc/sys/kernel/hostname")?;
    is(&info, "Device.DeviceInfo.HostName", name.trim())?;
    is(&info, "Device.DeviceInfo.SerialNumber", SERIAL)?;
    // What is left out of the tiny flavour.
    if flavour == Flavour::Fleet {
        let own = |(path, value): (&String, &String)| path.ends_with(".PID") && *value == std::process::id().to_string();
        ensure!(info.iter().any(own), "the process {} is not in Device.DeviceInfo.ProcessStatus.", std::process::id());
        let addresses = operation.get(BOX, "Device.IP.Interface.*.IPv4Address.*.IPAddress")?;
        ensure!(addresses.values().any(|address| address == "127.0.0.1"), "127.0.0.1 is not an address of Device.IP.: {addresses:?}");
    }
    let (before, time, after) = (minute()?, operation.get(BOX, "Device.Time.CurrentLocalTime")?, minute()?);
    let told = time.values().next().map_or("", String::as_str).get(..before.len()).unwrap_or_default();
    ensure!((before.as_str()..=after.as_str()).contains(&told), "it is {after}, and the box says {time:?}");
    Ok(())
}

/// Lets the box ping itself: real ICMP, if the user who runs this may send any; gives whether it was tried.
fn pings(operation: &Operation) -> Result<bool> {
    let read = |file: &str| std::fs::read_to_string(file).with_context(|| file.to_owned());
    if !may_ping(&read("/proc/self/status")?, &read("/proc/sys/net/ipv4/ping_group_range")?) {
        say::doing("IPPing is not tried: this user may not send ICMP; be root, or widen net.ipv4.ping_group_range");
        return Ok(false);
    }
    let ping = operation.ping(BOX, "127.0.0.1")?;
    ensure!(ping.get("SuccessCount").is_some_and(|count| count == "3"), "3 echoes were to be answered: {ping:?}");
    Ok(true)
}

/// Whether the kernel lets a process of this `/proc/PID/status` send ICMP, by its right or by its groups.
fn may_ping(status: &str, range: &str) -> bool {
    const CAP_NET_RAW: u64 = 1 << 13;
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let rights = u64::from_str_radix(line("CapEff:").trim(), 16).unwrap_or_default();
    let range: Vec<u64> = range.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [low, high] = range[..] else { return rights & CAP_NET_RAW != 0 };
    // The second is the effective group.
    let own = line("Gid:").split_whitespace().nth(1);
    let mut groups = own.into_iter().chain(line("Groups:").split_whitespace()).filter_map(|group| group.parse::<u64>().ok());
    rights & CAP_NET_RAW != 0 || groups.any(|group| (low..=high).contains(&group))
}

fn is(values: &BTreeMap<String, String>, path: &str, expected: impl ToString) -> Result<()> {
    let expected = expected.to_string();
    ensure!(values.get(path) == Some(&expected), "{path} is {:?} and not {expected:?}", values.get(path));
    Ok(())
}

/// A number of `/proc/meminfo` or `/proc/PID/status`, in its unit, which is 1024 bytes.
pub(super) fn number(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// The time as the box writes it, to the minute.
fn minute() -> Result<String> {
    Ok(say::quietly("the time", Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M"]))?.trim().to_owned())
}

/// Waits for two health reports of the run that is connected.
fn reports(operation: &mut Operation, agent: &mut Process) -> Result<()> {
    let before = operation.seen(BOX)?.and_then(|seen| seen.reported);
    let mut newest = before;
    let mut came = 0;
    let waited = operation.until(BOX, "reporting", LIMIT, |seen| {
        agent.lives()?;
        if seen.reported > newest {
            newest = seen.reported;
            came += 1;
        }
        Ok(came == 2)
    });
    let seen = waited.map_err(|error| quoting(error, agent))?;
    ensure!(seen.health.contains_key("Device.DeviceInfo.MemoryStatus.Free"), "its reports are without free memory: {:?}", seen.health);
    Ok(())
}

/// A box of another authority is refused, and a broker of another authority is.
fn strangers(subject: &Subject<'_>, operation: &mut Operation) -> Result<()> {
    let other = operation.line3.on(&subject.folder.join("other-authority"));
    other.says(&["pki", "init"])?;
    let theirs = files(&other.certificate(STRANGER)?);
    let [ca, _, _] = files(&operation.line3.certificate(STRANGER)?);
    let [_, certificate, key] = theirs.clone();
    for (files, expected) in [(theirs, NOT_TRUSTED), ([ca, certificate, key], NOT_TAKEN)] {
        let mut agent = start(subject, &settings(subject, operation, STRANGER, &files, INTERVAL)?)?;
        let refused = until(&format!("the agent logs that a certificate {expected}"), LIMIT, || {
            agent.lives()?;
            ensure!(!agent.said().contains(CONNECTED), "it connected with certificates of another authority");
            Ok(agent.said().contains(expected).then_some(()))
        });
        refused.map_err(|error| quoting(error, &agent))?;
    }
    ensure!(operation.seen(STRANGER)?.is_none(), "the controller heard of a box with the certificate of another authority");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let status = "Name:\tline3-agent\nVmRSS:\t    1516 kB\nRssAnon:\t     220 kB\nThreads:\t1\n";
        assert_eq!(number(status, "VmRSS"), Some(1516));
        assert_eq!(number(status, "RssAnon"), Some(220));
        assert_eq!(number(status, "Rss"), None);
        assert_eq!(number(status, "Name"), None);
    }

    #[test]
    fn root_and_the_groups_of_the_range_may_ping() {
        let status = |rights: &str| format!("Gid:\t100\t200\t300\t400\nGroups:\t7 9 \nCapEff:\t{rights}\n");
        let (none, all) = (status("0000000000000000"), status("000001ffffffffff"));
        assert!(may_ping(&all, "1\t0\n"));
        assert!(may_ping(&status("0000000000002000"), "1\t0\n"));
        assert!(!may_ping(&status("000001ffffffdfff"), "1\t0\n"));
        assert!(may_ping(&none, "200\t200\n"));
        assert!(may_ping(&none, "8\t9\n"));
        assert!(!may_ping(&none, "100\t199\n"));
        assert!(!may_ping(&none, "1\t0\n"));
    }
}
