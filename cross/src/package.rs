//! `cargo cross package`: what a firmware team takes with it. Packages in three formats, and beside them the catalogue, the list of
//! parts, the licences, and a manifest with sums that may be signed. The same sources and tools give the same bytes, but for the
//! signature, in which there is chance.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::build::Built;
use crate::crates::{self, Crate};
use crate::licences::{self, Licences};
use crate::parts::{self, Part};
use crate::place::{self, Prefix};
use crate::setup::Tools;
use crate::source::Source;
use crate::target::{Init, Target};
use crate::{say, sbom};

pub mod control;
pub mod deb;
pub mod dist;
pub mod ipk;
pub mod layout;
pub mod tree;

use dist::Dist;
use tree::Tree;

/// Packs the agent that was built last, and returns where it put everything. Signs it if there is a secret key.
///
/// # Errors
/// Something cannot be made, or what a package puts on the flash is over its budget; then everything is written nevertheless.
pub fn package(root: &Path, prefix: &Prefix, target: &Target, key: Option<&Path>) -> Result<PathBuf> {
    say::doing(&format!("packing the agent for {}", target.name));
    let source = Source::of(root)?;
    let agent = Agent::of(root, prefix, target, &source)?;
    let inside = Inside::of(root, prefix, target)?;
    let licences = inside.licences(target, &source)?;
    let trees = Trees::of(root, target, &agent, &licences)?;
    let packages = trees.packages(root, target, &source)?;

    let dist = Dist {
        target,
        source: &source,
        tools: Tools::read(prefix)?.tools,
        program: &agent.program,
        catalogue: &agent.catalogue,
        sbom: inside.sbom(root, prefix, target, &source)?,
        licences: licences.list + &licences.texts,
        packages,
    };
    let folder = place::built(root).join("dist").join(&target.name);
    dist.write(&folder, key)?;
    if key.is_none() {
        say::doing("NOT SIGNED: no key was named by --key or LINE3_SIGNING_KEY; `cargo cross key FILE` makes one");
    }
    for tree in [&trees.tar, &trees.ipk] {
        within_budget(target, tree)?;
    }
    Ok(folder)
}

/// The list of parts of the agent for `target`, without a built one.
pub fn sbom(root: &Path, prefix: &Prefix, target: &Target) -> Result<String> {
    Inside::of(root, prefix, target)?.sbom(root, prefix, target, &Source::of(root)?)
}

/// A built agent.
struct Agent {
    program: Vec<u8>,
    catalogue: Vec<u8>,
}

impl Agent {
    fn of(root: &Path, prefix: &Prefix, target: &Target, source: &Source) -> Result<Self> {
        let file = Built::found(root, target)?.program;
        let told = run(prefix, target, &file, "--version")?;
        ensure!(told.trim() == format!("line3-agent {}", source.version), "{} is {}; build it anew", file.display(), told.trim());
        let catalogue = run(prefix, target, &file, "--catalogue")?.into_bytes();
        Ok(Self { program: std::fs::read(&file).with_context(|| file.display().to_string())?, catalogue })
    }
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
        None => Command::new(program),
    };
    say::quietly(&format!("line3-agent {flag}"), command.arg(flag))
}

/// What is in the agent.
struct Inside {
    linked: Vec<Crate>,
    library: Vec<Crate>,
    parts: Vec<Part>,
}

impl Inside {
    fn of(root: &Path, prefix: &Prefix, target: &Target) -> Result<Self> {
        Ok(Self {
            linked: crates::linked(root, prefix, target)?,
            library: crates::standard_library(prefix, target)?,
            parts: parts::parts(prefix, target)?,
        })
    }

    fn licences(&self, target: &Target, source: &Source) -> Result<Licences> {
        let crates = [&self.linked[..], &self.library[..]].concat();
        licences::licences(&format!("line3-agent {} for {}", source.version, target.name), &crates, &self.parts)
    }

    fn sbom(&self, root: &Path, prefix: &Prefix, target: &Target, source: &Source) -> Result<String> {
        let others = sbom::others(&self.linked, &self.library, &self.parts);
        sbom::sbom(root, prefix, target, source, &self.linked, &others)
    }
}

/// What the packages put on the box.
struct Trees {
    deb: Tree,
    ipk: Tree,
    tar: Tree,
}

impl Trees {
    fn of(root: &Path, target: &Target, agent: &Agent, licences: &Licences) -> Result<Self> {
        let parts = layout::parts(root);
        let tree = |init| layout::tree(&parts, init, &agent.program, &agent.catalogue, licences);
        let (deb, ipk) = (tree(target.init)?, tree(Init::Procd)?);
        let mut tar = deb.clone();
        tar.file("usr/share/doc/line3-agent/INSTALL", layout::read(&parts.join("INSTALL"))?);
        Ok(Self { deb, ipk, tar })
    }

    /// The packages, by the names of their files.
    fn packages(&self, root: &Path, target: &Target, source: &Source) -> Result<BTreeMap<String, Vec<u8>>> {
        let (parts, version, epoch) = (layout::parts(root), &source.version, source.epoch);
        let (deb, ipk) = (&target.architecture.deb, &target.architecture.ipk);
        Ok(BTreeMap::from([
            (format!("line3-agent_{version}_{deb}.deb"), deb::pack(&control::deb(&parts, target, version, &self.deb)?, &self.deb, epoch)?),
            (format!("line3-agent_{version}_{ipk}.ipk"), ipk::pack(&control::ipk(&parts, target, version, &self.ipk)?, &self.ipk, epoch)?),
            (format!("line3-agent-{version}-{}.tar.gz", target.name), self.tar.tar_gz(epoch)?),
        ]))
    }
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
