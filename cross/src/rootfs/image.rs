//! The box's file system: a small Debian for 32-bit ARM, made on this machine of Debian's packages and kept with the tools.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::place::Prefix;
use crate::{process, say};

const SUITE: &str = "bookworm";

/// What is in it besides what Debian calls the least: the two programs that can be its init.
const INCLUDED: &str = "sysvinit-core,busybox-static";

/// The most bytes of it, in memory.
const SIZE: &str = "size=1g";

/// How long making it may take. On two loaded cores it takes five minutes.
const MAKING: Duration = Duration::from_secs(30 * 60);

/// What a box does not need, nor do we.
const SPARE: [&str; 5] = ["usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"];

/// What a box's kernel would make.
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Makes the image, if it is not there yet. `folder` takes the log.
pub fn make(prefix: &Prefix, folder: &Path) -> Result<()> {
    let file = kept(prefix);
    if file.is_file() {
        return Ok(());
    }
    let workshop = folder.join("image");
    in_memory(&workshop)?;
    debootstrap(&folder.join("debootstrap.log"), &workshop, &file)?;
    gone(&workshop)
}

/// Puts a fresh file system at `root`, in memory: what is written there is gone with this program's namespaces.
pub fn fresh(prefix: &Prefix, root: &Path) -> Result<()> {
    in_memory(root)?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--numeric-owner", "--preserve-permissions", "--file"]).arg(kept(prefix)).arg("--directory").arg(root);
    say::quietly("unpacking the image", &mut tar)?;
    for device in DEVICES {
        let (theirs, ours) = (root.join("dev").join(device), Path::new("/dev").join(device));
        std::fs::write(&theirs, "").with_context(|| theirs.display().to_string())?;
        say::quietly(device, Command::new("mount").arg("--bind").args([ours, theirs]))?;
    }
    Ok(())
}

/// Takes it away.
pub fn gone(root: &Path) -> Result<()> {
    say::quietly("unmounting", Command::new("umount").args(["--recursive"]).arg(root))?;
    Ok(())
}

/// The file that it is kept in; its name says what is in it.
fn kept(prefix: &Prefix) -> PathBuf {
    prefix.path().join("images").join(format!("{SUITE}-armhf-{}.tar", INCLUDED.replace(',', "-")))
}

fn in_memory(root: &Path) -> Result<()> {
    std::fs::create_dir_all(root).with_context(|| root.display().to_string())?;
    say::quietly("a file system in memory", Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "none"]).arg(root))?;
    Ok(())
}

fn debootstrap(log: &Path, root: &Path, file: &Path) -> Result<()> {
    say::doing(&format!("making the image of Debian's packages, once; it takes some minutes, its progress is in {}", log.display()));
    let start = Instant::now();
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--arch=armhf", "--variant=minbase", &format!("--include={INCLUDED}"), SUITE]).arg(root);
    // Then it makes no device nodes, which no namespace may.
    debootstrap.env("container", "lxc");
    let advice = "if programs for ARM do not run here, this needs Linux 6.7, or Debian's qemu-user-static and binfmt-support";
    process::finished("debootstrap", &debootstrap, MAKING, log).context(advice)?;
    for spare in SPARE {
        std::fs::remove_dir_all(root.join(spare)).with_context(|| spare.to_owned())?;
    }
    let folder = file.parent().context("it has no folder")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // Whole or not at all.
    let part = file.with_extension("part");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--numeric-owner", "--one-file-system", "--file"]).arg(&part).arg("--directory").arg(root).arg(".");
    say::quietly("packing the image", &mut tar)?;
    std::fs::rename(&part, file).with_context(|| file.display().to_string())?;
    say::doing(&format!("the image is in {}; it took {} s", file.display(), start.elapsed().as_secs()));
    Ok(())
}
