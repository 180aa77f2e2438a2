//! What is linked into the agent: its crates, and those of the standard library that is built with it. Cargo is asked, for the very
//! target and features; crates that only run while it is built, as macros do, are not in the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::place::Prefix;
use crate::say;
use crate::setup::Tools;
use crate::target::{Flavour, Target};

/// A crate of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The expression in its manifest.
    pub licence: Option<String>,
    /// Its sources; of a crate that is nowhere published, those of the workspace it is in.
    pub folder: PathBuf,
    /// It comes from a registry.
    pub published: bool,
}

/// The features that `target` is built with, as arguments for cargo.
#[must_use]
pub fn features(target: &Target) -> &'static [&'static str] {
    match target.flavour {
        Flavour::Fleet => &[],
        Flavour::Tiny => &["--no-default-features", "--features", "tiny"],
    }
}

/// The agent's crates, itself too, by name and version.
pub fn linked(root: &Path, prefix: &Prefix, target: &Target) -> Result<Vec<Crate>> {
    crates(prefix, root, &root.join("agent"), features(target), target)
}

/// The crates of the standard library that goes into the agent. Those that are of the library alone are one, `rust-std`, and have the
/// compiler's version.
pub fn standard_library(prefix: &Prefix, target: &Target) -> Result<Vec<Crate>> {
    let library = prefix.rust_src().join("library");
    let features = ["--no-default-features", "--features", "optimize_for_size"];
    let mut crates = crates(prefix, &prefix.rust_src(), &library.join("std"), &features, target)?;
    // They have no code: they stand for the library where other crates depend on it.
    crates.retain(|one| !one.name.starts_with("rustc-std-workspace-") && (one.version != "0.0.0" || one.name == "std"));
    for one in crates.iter_mut().filter(|one| one.version == "0.0.0") {
        (one.name, one.version) = ("rust-std".to_owned(), rust_version(prefix)?);
    }
    Ok(crates)
}

/// The version of the compiler in the prefix, which is that of its library.
pub fn rust_version(prefix: &Prefix) -> Result<String> {
    let tools = Tools::read(prefix)?.tools;
    let told = tools.get("rustc").context("the tools have no rustc")?;
    Ok(told.split(' ').nth(1).with_context(|| format!("rustc says {told:?}"))?.to_owned())
}

/// Cargo of the prefix, as this program's caller would run it in `folder`: what the caller's own cargo set is not for it.
pub fn cargo(prefix: &Prefix, folder: &Path) -> Result<Command> {
    let mut cargo = prefix.command("cargo")?;
    clean(&mut cargo, prefix);
    cargo.current_dir(folder);
    Ok(cargo)
}

/// Names the compiler of the prefix to a program that runs cargo, and nothing else: what the caller's cargo and rustup said to this
/// program would reach the other compiler. `-Zbuild-std` is no stable option, and that compiler a stable one.
pub fn clean(command: &mut Command, prefix: &Prefix) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_") && text != "CARGO_HOME" || text.starts_with("RUST") {
            command.env_remove(name);
        }
    }
    command.env("CARGO", prefix.bin().join("cargo")).env("RUSTC", prefix.bin().join("rustc")).env("RUSTC_BOOTSTRAP", "1");
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

fn crates(prefix: &Prefix, workspace: &Path, folder: &Path, features: &[&str], target: &Target) -> Result<Vec<Crate>> {
    let mut tree = cargo(prefix, folder)?;
    tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--target", &target.triple]).args(features);
    let tree = say::quietly("what is linked", &mut tree)?;
    let linked: BTreeSet<_> = tree.lines().filter_map(named).collect();
    let mut metadata = cargo(prefix, folder)?;
    metadata.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &target.triple]);
    let metadata: Metadata = serde_json::from_str(&say::quietly("what is known of the crates", &mut metadata)?)?;
    let known: BTreeMap<_, _> =
        metadata.packages.into_iter().map(|package| ((package.name.clone(), package.version.clone()), package)).collect();
    let crates = linked.into_iter().map(|one| {
        let package = known.get(&one).with_context(|| format!("cargo tells nothing of {} {}", one.0, one.1))?;
        let published = package.source.is_some();
        let own = package.manifest_path.parent().context("a manifest has a folder")?;
        Ok(Crate {
            name: one.0,
            version: one.1,
            // The old spelling of `OR`.
            licence: package.license.as_ref().map(|licence| licence.replace('/', " OR ")),
            folder: if published { own } else { workspace }.to_owned(),
            published,
        })
    });
    let crates = crates.collect::<Result<Vec<_>>>()?;
    ensure!(!crates.is_empty(), "nothing is linked in {}", folder.display());
    Ok(crates)
}

/// The name and the version in a line of `cargo tree`: `name v1.2.3 (path) (*)`.
fn named(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((name.to_owned(), version.to_owned()))
}
