//! `cargo cross recipes`: what the recipes for Yocto, Buildroot and OpenWrt have from elsewhere: the crates, the features, and
//! the version.
//!
//! The sum of the sources' archive is in none of them here, for it is another with each commit. `cargo cross source` writes the archive
//! and, beside it, the recipes with its sum.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::place;
use crate::reduced::{self, Locked};

/// Where the recipes are.
fn folder(root: &Path) -> PathBuf {
    root.join("cross").join("package")
}

const YOCTO: &str = "yocto/meta-line3/recipes-support/line3-agent";
const BUILDROOT: &str = "buildroot/package/line3-agent";
/// How a generated file begins.
const HEAD: &str = "# Written by `cargo cross recipes`.\n\n";

const OPENWRT: &str = "openwrt/line3-agent";

/// Writes what is generated; where `check`, fails instead if it is not what would be written.
///
/// # Errors
/// A recipe is of another version than the agent: the line that says so is to be changed by hand.
pub fn generate(root: &Path, check: bool) -> Result<()> {
    let folder = folder(root);
    let crates = crates(&reduced::copy(root, &place::built(root).join("recipes"))?)?;
    let manifest = root.join("agent").join("Cargo.toml");
    let features = features(&std::fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?)?;
    for (name, text) in [("line3-agent-crates.inc", crates), ("line3-agent-features.inc", features)] {
        let file = folder.join(YOCTO).join(name);
        if check {
            let there = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            ensure!(there == text, "{} is old; run `cargo cross recipes`", file.display());
        } else {
            std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        }
    }
    of_version(&folder, env!("CARGO_PKG_VERSION"))
}

/// Yocto's list of what the agent may carry: its cargo features, but for simulated boxes.
fn features(manifest: &str) -> Result<String> {
    let manifest: Manifest = toml::from_str(manifest).context("agent/Cargo.toml")?;
    let mut text = HEAD.to_owned();
    for name in manifest.features.keys().filter(|name| !["default", "sim"].contains(&name.as_str())) {
        writeln!(text, "PACKAGECONFIG[{name}] = \"--features {name}\"")?;
    }
    Ok(text)
}

/// A crate's manifest.
#[derive(Deserialize)]
struct Manifest {
    features: BTreeMap<String, Vec<String>>,
}

/// Yocto's list of crates.
fn crates(locked: &BTreeSet<Locked>) -> Result<String> {
    let mut text = format!("{HEAD}SRC_URI += \" \\\n");
    for Locked { name, version, .. } in locked {
        writeln!(text, "    crate://crates.io/{name}/{version} \\")?;
    }
    text += "\"\n\n";
    for Locked { name, version, sum } in locked {
        writeln!(text, "SRC_URI[{name}-{version}.sha256sum] = \"{sum}\"")?;
    }
    Ok(text)
}

/// Fails if a recipe in `folder` is not of `version`.
fn of_version(folder: &Path, version: &str) -> Result<()> {
    let yocto = folder.join(YOCTO).join(format!("line3-agent_{version}.bb"));
    ensure!(yocto.is_file(), "there is no {}; rename the one of the old version", yocto.display());
    for (file, line) in [
        (folder.join(BUILDROOT).join("line3-agent.mk"), format!("LINE3_AGENT_VERSION = {version}")),
        (folder.join(OPENWRT).join("Makefile"), format!("PKG_VERSION:={version}")),
    ] {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        ensure!(text.lines().any(|there| there == line), "{} does not say {line}", file.display());
    }
    Ok(())
}

/// Copies the recipes to the folder `to`, with the sum of the archive of `version` in them.
///
/// # Errors
/// A recipe has no place for it, or is of another version.
pub fn write_with_sum(root: &Path, to: &Path, version: &str, sha256: &str) -> Result<()> {
    let from = folder(root);
    of_version(&from, version)?;
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    for recipe in ["yocto", "buildroot", "openwrt"] {
        copy(&from.join(recipe), &to.join(recipe))?;
    }
    let sum = format!("# Written by `cargo cross source`.\nSRC_URI[sha256sum] = \"{sha256}\"\n");
    std::fs::write(to.join(YOCTO).join("line3-agent-source.inc"), sum).context("line3-agent-source.inc")?;
    let hashes = to.join(BUILDROOT).join("line3-agent.hash");
    let mut text = std::fs::read_to_string(&hashes).with_context(|| hashes.display().to_string())?;
    writeln!(text, "# Written by `cargo cross source`\nsha256  {sha256}  line3-agent-{version}-source.tar.gz")?;
    std::fs::write(&hashes, text).with_context(|| hashes.display().to_string())?;
    let makefile = to.join(OPENWRT).join("Makefile");
    let text = std::fs::read_to_string(&makefile).with_context(|| makefile.display().to_string())?;
    let Some((before, after)) = text.split_once("PKG_HASH:=skip\n") else {
        bail!("{} has no line PKG_HASH:=skip", makefile.display());
    };
    std::fs::write(&makefile, format!("{before}PKG_HASH:={sha256}\n{after}")).with_context(|| makefile.display().to_string())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let from = entry?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_has_a_line_and_a_sum() {
        let locked = Locked { name: "a-b".into(), version: "1.2.3+4".into(), sum: "00ff".into() };
        let text = crates(&BTreeSet::from([locked])).expect("it is written");
        let lines = "SRC_URI += \" \\\n    crate://crates.io/a-b/1.2.3+4 \\\n\"\n\nSRC_URI[a-b-1.2.3+4.sha256sum] = \"00ff\"\n";
        assert_eq!(text, format!("{HEAD}{lines}"));
    }

    #[test]
    fn features_but_no_simulated_boxes() {
        let text = features("[features]\ndefault = [\"b\"]\nsim = []\nb = [\"c\"]\nc = []").expect("they are written");
        assert_eq!(text, format!("{HEAD}PACKAGECONFIG[b] = \"--features b\"\nPACKAGECONFIG[c] = \"--features c\"\n"));
    }

    #[test]
    fn each_recipe_gets_the_sum() {
        let (root, to) = (place::root(), tempfile::tempdir().expect("a folder"));
        write_with_sum(&root, to.path(), env!("CARGO_PKG_VERSION"), "5017").expect("they are written");
        for file in [format!("{YOCTO}/line3-agent-source.inc"), format!("{BUILDROOT}/line3-agent.hash"), format!("{OPENWRT}/Makefile")] {
            assert!(std::fs::read_to_string(to.path().join(&file)).expect(&file).contains("5017"), "{file}");
        }
    }

    #[test]
    fn another_version_is_told() {
        let error = of_version(&folder(&place::root()), "99.0.0").expect_err("there is none").to_string();
        assert!(error.contains("line3-agent_99.0.0.bb"), "{error}");
    }
}
