//! What differs between inits: how a firmware makes them start what it has, and how one speaks to them.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::target::Init;

/// Keeps what the agent says, as long as anything runs. On a box of BusyBox it says it to the console.
const LOGGER: &str = "lo:0123456:respawn:/bin/busybox syslogd -n";

/// How an init is used.
pub struct Manner {
    /// The first program, and its words.
    pub first: &'static [&'static str],
    /// Restarts the agent, run on the box.
    pub restart: &'static [&'static str],
    /// Restarts the box, run on it.
    pub reboot: &'static [&'static str],
    /// Turns the box off, run on it.
    pub off: &'static [&'static str],
}

impl Manner {
    /// That of `init`.
    ///
    /// # Errors
    /// It does not run under an emulator of programs, or is not in the image.
    pub fn of(init: Init) -> Result<Self> {
        Ok(match init {
            Init::Sysvinit => Self {
                first: &["/sbin/init"],
                restart: &["/etc/init.d/line3-agent", "restart"],
                reboot: &["/sbin/init", "6"],
                off: &["/sbin/init", "0"],
            },
            // It brings back whatever ends. To be told to restart the box is what its TERM means, to turn it off its USR2.
            Init::Busybox => Self {
                first: &["/bin/busybox", "init"],
                restart: &["/bin/busybox", "killall", "line3-agent"],
                reboot: &["/bin/busybox", "kill", "-TERM", "1"],
                off: &["/bin/busybox", "kill", "-USR2", "1"],
            },
            Init::Systemd | Init::Procd => bail!("{} is not in the image", init.name()),
        })
    }
}

/// Makes a root file system one that `init` starts, with a system's log and without terminals, before anything of ours is in it.
pub fn prepare(init: Init, root: &Path) -> Result<()> {
    let file = root.join("etc/inittab");
    let text = match init {
        Init::Busybox => {
            // On such a box the commands are BusyBox's; Debian's least has all that the package wants but this one.
            std::os::unix::fs::symlink("busybox", root.join("usr/bin/killall")).context("killall")?;
            "# No terminals.\n".to_owned()
        }
        _ => {
            let debians = std::fs::read_to_string(&file).context("the image's /etc/inittab")?;
            let without: String = debians.lines().filter(|line| !line.contains("getty")).map(|line| format!("{line}\n")).collect();
            format!("{without}{LOGGER}\n")
        }
    };
    std::fs::write(&file, text).with_context(|| file.display().to_string())
}
