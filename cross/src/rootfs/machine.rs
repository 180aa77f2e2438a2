//! The box: a file system, a network with one cable, and processes of its own, the first of which is its init.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{self, Process, until};
use crate::say;

/// The controller's end of the cable.
pub const HEADEND: [u8; 4] = [10, 73, 0, 1];
const BOX: &str = "10.73.0.2/30";
const CABLE: &str = "line3-box";

/// How long anything inside may take: a program, starting, stopping.
const LIMIT: Duration = Duration::from_secs(120);

/// What is in the environment inside, and no more.
pub const ENVIRONMENT: [&str; 3] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"];

/// Becomes the first process of the box: `$1` is its file system, the rest its init. The kernel is this machine's; the name of its boot is not.
const START: &str = r#"set -e
cd "$1"; shift
mount -t proc none proc
mount -t sysfs none sys
mount --bind boot_id proc/sys/kernel/random/boot_id
mount -t tmpfs none run
echo box >etc/hostname
hostname box
exec env -i "$@""#;

/// Its network: a process that holds it, also while the box is off.
pub struct Network(Process);

impl Network {
    /// Makes it, with a cable to this program's network.
    pub fn new(folder: &Path) -> Result<Self> {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sleep", "infinity"]);
        let mut network = Self(Process::start("the box's network", &holder, &folder.join("network.log"))?);
        let of = |pid: &str| fs::read_link(Path::new("/proc").join(pid).join("ns/net")).ok();
        let (ours, pid) = (of("self"), network.0.pid().to_string());
        until("the box has a network", LIMIT, || {
            network.0.lives()?;
            Ok(of(&pid).filter(|theirs| ours.as_ref() != Some(theirs)))
        })?;
        ip(&["link", "add", CABLE, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
        ip(&["address", "add", &format!("{}/30", std::net::Ipv4Addr::from(HEADEND)), "dev", CABLE])?;
        ip(&["link", "set", CABLE, "up"])?;
        Ok(network)
    }

    /// Gives the box's end its address, as the box's firmware would; an init that turns a box off takes it down.
    fn up(&self) -> Result<()> {
        for words in [&["address", "replace", BOX, "dev", "eth0"][..], &["link", "set", "eth0", "up"], &["link", "set", "lo", "up"]] {
            let mut inside = Command::new("nsenter");
            inside.args(["--target", &self.0.pid().to_string(), "--net", "ip"]).args(words);
            say::quietly("the box's network", &mut inside)?;
        }
        Ok(())
    }

    /// Pulls the cable, or puts it in.
    pub fn cable(&self, plugged: bool) -> Result<()> {
        ip(&["link", "set", CABLE, if plugged { "up" } else { "down" }])
    }
}

fn ip(words: &[&str]) -> Result<()> {
    say::quietly(&format!("ip {}", words.join(" ")), Command::new("ip").args(words)).map(drop)
}

/// A box that is on.
pub struct Machine {
    process: Process,
    init: u32,
    // Reads what init and its scripts say, until the box is off.
    _console: Process,
}

impl Machine {
    /// Switches it on: `init` is its first program. What that says is in `folder/console.log`.
    pub fn start(network: &Network, folder: &Path, root: &Path, init: &[&str]) -> Result<Self> {
        let log = folder.join("console.log");
        network.up()?;
        // The init that turned it off has left it so that nothing could be written any more.
        say::quietly("its file system", Command::new("mount").args(["-o", "remount,rw"]).arg(root))?;
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid").context("a name for the boot")?;
        fs::write(root.join("boot_id"), id).context("a name for the boot")?;
        let tty = root.join("dev/console");
        if !tty.exists() {
            say::quietly("its console", Command::new("mkfifo").arg(&tty))?;
        }
        let mut listen = Command::new("sh");
        listen.args(["-c", r#"exec cat <>"$1""#, "sh"]).arg(&tty);
        let console = Process::start("its console", &listen, &log)?;
        let mut start = Command::new("nsenter");
        start.args([
            "--target",
            &network.0.pid().to_string(),
            "--net",
            "unshare",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
        ]);
        start.args(["sh", "-c", START, "sh"]).arg(root).args(ENVIRONMENT).args(["chroot", "."]).args(init);
        let mut process = Process::start("the box", &start, &log)?;
        let children = format!("/proc/{0}/task/{0}/children", process.pid());
        let init = until("the box has an init", LIMIT, || {
            process.lives()?;
            Ok(fs::read_to_string(&children).unwrap_or_default().trim().parse().ok())
        })?;
        Ok(Self { process, init, _console: console })
    }

    /// Runs a program on it to its end, and gives what it said.
    pub fn runs(&self, folder: &Path, words: &[&str]) -> Result<String> {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.init.to_string(), "--mount", "--uts", "--ipc", "--net", "--pid"]);
        inside.args(["--root", "--wd", "env", "-i"]).args(ENVIRONMENT).args(words);
        process::finished(&words.join(" "), &inside, LIMIT, &folder.join("last-program.log"))
    }

    /// The process on it that runs this program, as this machine counts, if there is just one. Under the emulator it is the first word.
    #[must_use]
    pub fn process(&self, program: &str) -> Option<u32> {
        let space = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = space(self.init)?;
        let runs_it = |pid: &u32| {
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split('\0').nth(1) == Some(program)
        };
        let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut found = pids.filter(runs_it).filter(|&pid| space(pid).as_ref() == Some(&ours));
        found.next().filter(|_| found.next().is_none())
    }

    /// Waits until it is off, which its init does by the restart or power-off that it asks of the kernel.
    pub fn until_off(mut self) -> Result<Duration> {
        let start = Instant::now();
        until("the box is off", LIMIT, || self.process.ended()).with_context(|| self.process.last_lines())?;
        Ok(start.elapsed())
    }
}

/// Sends a signal, by its name.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    say::quietly("a signal", Command::new("kill").args(["-s", name, &pid.to_string()])).map(drop)
}

/// Who a process is and what it may do, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its user's number, if real, effective, saved and file system user are the same.
    pub user: u32,
    /// The same of its group.
    pub group: u32,
    /// What it may do, each a bit: effective and permitted are the same.
    pub capabilities: u64,
}

impl Who {
    /// Looks it up.
    pub fn is(pid: u32) -> Result<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?)
    }

    fn read(status: &str) -> Result<Self> {
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} in its status"));
        let same = |name: &str| -> Result<u32> {
            let mut ids = line(name)?.split_whitespace();
            let first = ids.next().context("no number")?;
            ensure!(ids.all(|id| id == first), "it is several at once: {name}{}", line(name)?);
            Ok(first.parse()?)
        };
        let set = |name: &str| -> Result<u64> { Ok(u64::from_str_radix(line(name)?.trim(), 16)?) };
        let capabilities = set("CapPrm:")?;
        ensure!(set("CapEff:")? == capabilities, "it could take more than it has: {status}");
        Ok(Self { user: same("Uid:")?, group: same("Gid:")?, capabilities })
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user {}, group {}, with the capabilities {:#x}", self.user, self.group, self.capabilities)
    }
}

/// The user and group that a file of the box belongs to, and its permissions.
pub fn owner(root: &Path, path: &str) -> Result<(u32, u32, u32)> {
    let file = fs::symlink_metadata(root.join(path.trim_start_matches('/'))).with_context(|| path.to_owned())?;
    Ok((file.uid(), file.gid(), file.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_process_is_stands_in_its_status() {
        let status = "Name:\tline3-agent\nUid:\t101\t101\t101\t101\nGid:\t102\t102\t102\t102\nCapPrm:\t0000000000002000\nCapEff:\t0000000000002000\n";
        assert_eq!(Who::read(status).expect("it does"), Who { user: 101, group: 102, capabilities: 1 << 13 });
        let error = Who::read(&status.replacen("101", "0", 1)).expect_err("it can be root again").to_string();
        assert_eq!(error, "it is several at once: Uid:\t0\t101\t101\t101");
        assert!(Who::read(&status.replace("CapPrm:\t0000000000002000", "CapPrm:\t000001ffffffffff")).is_err());
    }
}
