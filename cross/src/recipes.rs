//! `cargo cross recipes`: what the recipes for Yocto, Buildroot and OpenWrt have from elsewhere: the crates, and the version.
//!
//! The sum of the sources' archive is in none of them here, for it is another with each commit. `cargo cross source` writes the archive
//! and, beside it, the recipes with its sum.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::place;
use crate::reduced::{self, Locked};

/// Where the recipes are.
fn folder(root: &Path) -> PathBuf {
    root.join("cross").join("package")
}

const YOCTO: &str = "yocto/meta-line3/recipes-support/line3-agent";
const BUILDROOT: &str = "buildroot/package/line3-agent";
const OPENWRT: &str = "openwrt/line3-agent";

/// Writes what is generated; where `check`, fails instead if it is not what would be written.
///
/// # Errors
/// A recipe is of another version than the agent: the line that says so is to be changed by hand.
pub fn generate(root: &Path, check: bool) -> Result<()> {
    let folder = folder(root);
    let crates = crates(&reduced::copy(root, &place::built(root).join("recipes"))?)?;
    let file = folder.join(YOCTO).join("line3-agent-crates.inc");
    if check {
        let there = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        ensure!(there == crates, "{} is not of this Cargo.lock; run `cargo cross recipes`", file.display());
    } else {
        std::fs::write(&file, crates).with_context(|| file.display().to_string())?;
    }
    of_version(&folder, env!("CARGO_PKG_VERSION"))
}

/// Yocto's list of crates.
fn crates(locked: &BTreeSet<Locked>) -> Result<String> {
    let mut text = "# Written by `cargo cross recipes`.\n\nSRC_URI += \" \\\n".to_owned();
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
