//! The workspace without what the agent does not need: the controller, this program, tests. Its `Cargo.lock` holds the same versions.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::say;

/// What git holds of it.
pub const PARTS: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "proto/Cargo.toml",
    "proto/src",
    "agent/Cargo.toml",
    "agent/src",
    "cross/package/line3-agent.toml",
    "cross/package/init",
];

/// Tables of a manifest that speak of tests.
const TESTS: [&str; 3] = ["[dev-dependencies]", "[[test]]", "[[bench]]"];

/// A crate in `Cargo.lock` that comes from a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of what the registry has, in hexadecimal.
    pub sum: String,
}

/// Makes the reduced workspace in the folder `to`, of what git knows in `root` as it is now, and returns its crates.
///
/// # Errors
/// Something cannot be copied, or cargo would lock another version than in `root`.
pub fn copy(root: &Path, to: &Path) -> Result<BTreeSet<Locked>> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    let files = say::quietly("the files", Command::new("git").arg("-C").arg(root).args(["ls-files", "-z", "--"]).args(PARTS))?;
    for file in files.split_terminator('\0') {
        let (from, to) = (root.join(file), to.join(file));
        std::fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
        std::fs::copy(&from, to).with_context(|| from.display().to_string())?;
    }
    edit(&to.join("Cargo.toml"), workspace)?;
    for member in ["proto", "agent"] {
        edit(&to.join(member).join("Cargo.toml"), without_tests)?;
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--format-version", "1"]).current_dir(to);
    say::quietly("the crates of the agent", &mut cargo)?;
    let (all, locked) = (read_lock(root)?, read_lock(to)?);
    let other: Vec<_> = locked.difference(&all).map(|other| format!("{} {}", other.name, other.version)).collect();
    ensure!(other.is_empty(), "Cargo.lock does not have {}; run `cargo metadata` in the workspace and commit it", other.join(", "));
    Ok(locked)
}

fn edit(file: &Path, change: fn(&str) -> String) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    std::fs::write(file, change(&text)).with_context(|| file.display().to_string())
}

/// The workspace's manifest with two members.
fn workspace(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("exclude = ") && !line.starts_with("default-members = "));
    lines
        .map(|line| if line.starts_with("members = ") { "members = [\"proto\", \"agent\"]\n".to_owned() } else { format!("{line}\n") })
        .collect()
}

/// A member's manifest without tests and what they need.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut keep = true;
    for line in text.lines() {
        if line.starts_with('[') {
            keep = !TESTS.contains(&line);
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn read_lock(folder: &Path) -> Result<BTreeSet<Locked>> {
    let file = folder.join("Cargo.lock");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let lock: Lock = toml::from_str(&text).with_context(|| file.display().to_string())?;
    let crates = lock.package.into_iter();
    Ok(crates.filter_map(|Package { name, version, checksum }| Some(Locked { name, version, sum: checksum? })).collect())
}

/// `Cargo.lock`.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// None for what is no registry's.
    checksum: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_keeps_two_members_and_the_rest() {
        let text = "[workspace]\nresolver = \"3\"\nmembers = [\"a\"]\nexclude = [\"b\"]\ndefault-members = [\"a\"]\n\n[profile.box]\n";
        assert_eq!(workspace(text), "[workspace]\nresolver = \"3\"\nmembers = [\"proto\", \"agent\"]\n\n[profile.box]\n");
    }

    #[test]
    fn a_manifest_loses_its_tests_only() {
        let text = "[package]\nname = \"a\"\n[dev-dependencies]\nb = \"1\"\n[[test]]\nname = \"c\"\n[lib]\nbench = false\n[[bench]]\nname = \"d\"\n";
        assert_eq!(without_tests(text), "[package]\nname = \"a\"\n[lib]\nbench = false\n");
    }
}
