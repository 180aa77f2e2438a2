//! Namespaces of this program's own: what it mounts, connects and registers there nobody else on this machine sees, and it is gone with
//! the last process in them, whatever way that ends.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};

use crate::say;

/// Tells the kernel, from outside, that users have the same numbers inside: for the process whose id it reads.
const MAP_USERS: &str = r#"read pid && for kind in uid gid; do
    awk '{print $1, $1, $3}' "/proc/self/${kind}_map" > "/proc/$pid/${kind}_map" || exit 1
done"#;

/// Where the kernel is told which program runs programs of another processor.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// How a program for 32-bit ARM begins, little-endian and of any version of the ABI, as `binfmt_misc` wants it. `F`: the emulator is opened
/// now, for in the box's file system there is none.
const ARM: (&str, &str) = (
    r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00",
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
);

/// Gives this program namespaces of its own for users, mounts, names and messages; the network is still the machine's. This program must
/// have one thread only.
///
/// # Errors
/// It is not root's, or the kernel allows no namespaces.
pub fn enter() -> Result<()> {
    let mut mapper = Command::new("sh").args(["-c", MAP_USERS]).stdin(Stdio::piped()).spawn().context("sh")?;
    let new = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    let entered = unshare(new).context("namespaces of its own (the kernel must allow user namespaces: user.max_user_namespaces)");
    if entered.is_ok() {
        let mut stdin = mapper.stdin.take().context("sh has no input")?;
        writeln!(stdin, "{}", std::process::id())?;
    }
    drop(mapper.stdin.take());
    let status = mapper.wait()?;
    entered?;
    ensure!(status.success(), "the kernel did not take the numbers of users in /proc/self/uid_map: this needs root");
    say::quietly("mounts of its own", Command::new("mount").args(["--make-rprivate", "/"]))?;
    Ok(())
}

/// Lets programs for 32-bit ARM run, in these namespaces only. Before Linux 6.7 that cannot be; then it must hold for the whole machine
/// already, which whoever runs the first program finds out.
pub fn run_arm_by(emulator: &Path) -> Result<()> {
    let mount = Command::new("mount").args(["-t", "binfmt_misc", "none", BINFMT]).output().context("mount")?;
    if mount.status.success() {
        let (magic, mask) = ARM;
        let line = format!(":line3-arm:M::{magic}:{mask}:{}:F", emulator.display());
        std::fs::write(Path::new(BINFMT).join("register"), &line).with_context(|| format!("{BINFMT}/register, with {line}"))?;
    }
    Ok(())
}

/// Gives this program a network of its own, where only itself is reached.
pub fn leave_network() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("a network of its own")?;
    say::quietly("its loopback", Command::new("ip").args(["link", "set", "lo", "up"]))?;
    Ok(())
}
