//! `cargo cross package`: what a firmware team takes with it. Packages in three formats, and beside them the catalogue, the list of
//! parts, the licences, and a manifest with sums that may be signed. The same sources and tools give the same bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::build::Built;
use crate::place::{self, Prefix};
use crate::say;
use crate::source::Source;
use crate::target::{Init, Target};

pub mod control;
pub mod deb;
pub mod ipk;
pub mod tree;

use tree::Tree;

/// Where the program is, in every package.
pub const PROGRAM: &str = "usr/sbin/line3-agent";

/// Where the catalogue is, in every package.
pub const CATALOGUE: &str = "usr/share/line3-agent/catalogue.json";

/// Where the packages for `target` are.
#[must_use]
pub fn folder(root: &Path, target: &Target) -> PathBuf {
    place::built(root).join("dist").join(&target.name)
}

/// Packs the agent that was built last, and returns where it put everything.
///
/// # Errors
/// Something cannot be made, or what the packages put on the flash is over its budget; then everything is written nevertheless.
pub fn package(root: &Path, prefix: &Prefix, target: &Target, _key: Option<&Path>) -> Result<PathBuf> {
    say::doing(&format!("packing the agent for {}", target.name));
    let source = Source::of(root)?;
    let program = Built::found(root, target)?.program;
    let told = run(prefix, target, &program, "--version")?;
    ensure!(told.trim() == format!("line3-agent {}", source.version), "{} is {}; build it anew", program.display(), told.trim());
    let catalogue = run(prefix, target, &program, "--catalogue")?;
    let program = std::fs::read(&program).with_context(|| program.display().to_string())?;

    let parts = root.join("cross").join("package");
    let common = |init: Init| -> Result<Tree> {
        let mut tree = Tree::default();
        tree.program(PROGRAM, program.clone());
        tree.file(CATALOGUE, catalogue.clone());
        tree.file("etc/line3-agent.toml", read(&parts.join("line3-agent.toml"))?);
        let script =
            read(&parts.join("init").join(format!("line3-agent.{}", if init == Init::Systemd { "service" } else { init.name() })))?;
        match init {
            Init::Systemd => tree.file("usr/lib/systemd/system/line3-agent.service", script),
            Init::Sysvinit | Init::Procd => tree.program("etc/init.d/line3-agent", script),
            Init::Busybox => tree.file("usr/share/line3-agent/inittab", script),
        }
        Ok(tree)
    };
    let (own, procd) = (common(target.init)?, common(Init::Procd)?);
    let folder = folder(root, target);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (deb, ipk, version) = (&target.architecture.deb, &target.architecture.ipk, &source.version);
    let packages = [
        (format!("line3-agent_{version}_{deb}.deb"), deb::pack(&control::deb(&parts, target, version, &own)?, &own, source.epoch)?),
        (format!("line3-agent_{version}_{ipk}.ipk"), ipk::pack(&control::ipk(&parts, target, version, &procd)?, &procd, source.epoch)?),
        (format!("line3-agent-{version}-{}.tar.gz", target.name), own.tar_gz(source.epoch)?),
    ];
    for (name, bytes) in packages {
        std::fs::write(folder.join(&name), bytes).with_context(|| name.clone())?;
    }
    std::fs::write(folder.join("catalogue.json"), catalogue)?;
    within_budget(target, &own)?;
    Ok(folder)
}

/// Fails if `tree` is more than may be put on the flash.
fn within_budget(target: &Target, tree: &Tree) -> Result<()> {
    let (size, budget) = (tree.size(), target.budget.flash);
    let mut files: Vec<_> = tree.files().map(|(path, file)| (file.bytes.len(), path)).collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let largest: Vec<_> = files.iter().take(3).map(|(bytes, path)| format!("{path} {bytes}")).collect();
    let over = size.saturating_sub(budget);
    ensure!(over == 0, "{}: {size} bytes on the flash are {over} over the budget of {budget}; {}", target.name, largest.join(", "));
    Ok(())
}

/// Runs the agent on this machine, by its emulator if it needs one, and returns what it says.
fn run(prefix: &Prefix, target: &Target, program: &Path, flag: &str) -> Result<String> {
    let mut command = match &target.emulator {
        Some(emulator) => {
            let mut command = prefix.command(emulator)?;
            if let Some(root) = &target.emulator_root {
                command.arg("-L").arg(root);
            }
            command.arg(program);
            command
        }
        None => std::process::Command::new(program),
    };
    say::quietly(&format!("line3-agent {flag}"), command.arg(flag))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}
