//! `cargo cross rootfs`: the packed agent on root file systems made here, under an emulator: installed by their package manager, started
//! by their init, and watched by the controller while it is restarted, upgraded, killed and cut off.
//!
//! Everything happens in namespaces of this program's own: the machine keeps nothing of it but the image, with the tools, and the logs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::operation::{Line3, Operation};
use crate::place::{self, Prefix};
use crate::say;
use crate::target::{Init, Target};

pub mod image;
pub mod inits;
pub mod machine;
pub mod namespace;
pub mod packages;
pub mod story;
pub mod watch;

use packages::Packages;
use story::Story;

/// The target whose package is tried.
const TARGET: &str = "armv7-unknown-linux-musleabihf";

/// The inits that are tried.
const INITS: [Init; 2] = [Init::Busybox, Init::Sysvinit];

/// What this needs of the machine: a program, and Debian's package that has it.
const NEEDED: [(&str, &str); 6] = [
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("kill", "procps"),
];

/// Does all of it, and prints each step and what came of it.
///
/// # Errors
/// Something is not as it should be; the logs stay in `rootfs` beside what is built.
pub fn rootfs(root: &Path, prefix: &Prefix) -> Result<()> {
    able()?;
    let Some(target) = Target::named(root, TARGET)?.pop() else { bail!("there is no target {TARGET}") };
    let packages = INITS.map(|init| Packages::of(root, &target, init));
    let emulator = target.emulator.as_ref().with_context(|| format!("{TARGET} names no emulator"))?;
    let folder = place::built(root).join("rootfs");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("{}: is a test under way?", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // While the network is the machine's.
    Line3::build(root, &folder)?;
    namespace::enter()?;
    namespace::run_arm_by(&prefix.bin().join(emulator))?;
    image::make(prefix, &folder)?;
    namespace::leave_network()?;
    let network = machine::Network::new(&folder)?;
    let mut operation = Operation::start(root, &folder.join("operation"), machine::HEADEND.into())?;
    for (init, packages) in INITS.into_iter().zip(packages) {
        let folder = folder.join(init.name());
        std::fs::create_dir_all(&folder)?;
        let story = Story { prefix, folder: &folder, init, packages: &packages?, network: &network, operation: &mut operation };
        story.tell().with_context(|| format!("{}; the logs are in {}", init.name(), folder.display()))?;
    }
    say::result("systemd is not tried here: it does not run under an emulator of programs");
    Ok(())
}

/// Whether this machine and user can do it.
fn able() -> Result<()> {
    let root = std::fs::metadata("/proc/self").context("/proc")?.uid() == 0;
    ensure!(root, "this needs root: it gives the box's users numbers of their own; all of it stays in namespaces of this program");
    let there = |name: &str| {
        Command::new("sh").args(["-c", "command -v \"$1\" >/dev/null", "sh", name]).status().is_ok_and(|status| status.success())
    };
    let missing: Vec<_> = NEEDED.iter().filter(|(name, _)| !there(name)).map(|(_, package)| *package).collect();
    ensure!(missing.is_empty(), "this needs more programs: apt-get install --no-install-recommends {}", missing.join(" "));
    Ok(())
}
