//! `cargo cross source`: the sources of the agent, and of all crates that go into it, as one archive that is built without a network.
//! And beside it the recipes with its sum. The same sources and tools give the same bytes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::reduced::{self, Locked, PARTS};
use crate::source::Source;
use crate::{place, recipes, say};

/// Where the crates are in the archive. Buildroot takes an archive with a folder of this name as it is, and fetches nothing.
const CRATES: &str = "VENDOR";

/// An archive that is made.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The archive.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The recipes that know it.
    pub recipes: PathBuf,
}

/// Makes the archive of what is committed, and the recipes that know its sum.
///
/// # Errors
/// Something that belongs into it is not committed, or a crate cannot be fetched.
pub fn make(root: &Path) -> Result<Archive> {
    let changed =
        say::quietly("what is committed", Command::new("git").arg("-C").arg(root).args(["status", "--porcelain", "--"]).args(PARTS))?;
    ensure!(changed.is_empty(), "commit first, or the archive is of no commit:\n{}", changed.trim_end());
    let source = Source::of(root)?;
    let name = format!("line3-agent-{}", source.version);
    let folder = place::built(root).join("source");
    let tree = folder.join(&name);
    say::doing("the sources, and the crates that they need");
    let locked = reduced::copy(root, &tree)?;
    bring_crates(&tree)?;
    cut_foreign(&tree, &locked)?;
    say::doing("packing them");
    let dist = place::built(root).join("dist");
    std::fs::create_dir_all(&dist).with_context(|| dist.display().to_string())?;
    let file = dist.join(format!("{name}-source.tar.gz"));
    pack(&folder, &name, source.epoch, &file)?;
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let recipes = dist.join("recipes");
    recipes::write_with_sum(root, &recipes, &source.version, &sha256)?;
    Ok(Archive { file, bytes: bytes.len() as u64, sha256, recipes })
}

fn bring_crates(tree: &Path) -> Result<()> {
    let mut vendor = cargo(tree);
    vendor.args(["vendor", "--locked", "--versioned-dirs", CRATES]);
    let config = say::quietly("the crates", &mut vendor)?;
    std::fs::create_dir_all(tree.join(".cargo"))?;
    std::fs::write(tree.join(".cargo").join("config.toml"), config).context(".cargo/config.toml")
}

/// Leaves only the manifest of the crates that no Linux needs: cargo reads it, and builds nothing of them. They are half of it all.
fn cut_foreign(tree: &Path, locked: &BTreeSet<Locked>) -> Result<()> {
    let triples = say::quietly("the targets of rustc", Command::new("rustc").args(["--print", "target-list"]))?;
    let linux = triples.lines().filter(|triple| triple.contains("-linux-")).flat_map(|triple| ["--filter-platform", triple]);
    let mut metadata = cargo(tree);
    metadata.args(["metadata", "--locked", "--offline", "--format-version", "1"]).args(linux);
    // A home without crates: what the archive lacks is found missing here.
    metadata.env("CARGO_HOME", tree.with_file_name("home"));
    let needed: Metadata = serde_json::from_str(&say::quietly("what Linux needs", &mut metadata)?).context("what Linux needs")?;
    let needed: BTreeSet<_> = needed.packages.iter().map(|package| (&package.name, &package.version)).collect();
    for Locked { name, version, sum } in locked.iter().filter(|locked| !needed.contains(&(&locked.name, &locked.version))) {
        let folder = tree.join(CRATES).join(format!("{name}-{version}"));
        let manifest = std::fs::read(folder.join("Cargo.toml")).with_context(|| folder.display().to_string())?;
        std::fs::remove_dir_all(&folder)?;
        std::fs::create_dir_all(folder.join("src"))?;
        std::fs::write(folder.join("src").join("lib.rs"), "")?;
        std::fs::write(folder.join("Cargo.toml"), manifest)?;
        std::fs::write(folder.join(".cargo-checksum.json"), serde_json::json!({ "files": {}, "package": sum }).to_string())?;
    }
    Ok(())
}

/// What `cargo metadata` tells.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// Packs with tar and gzip, for they take names of any length; both are on every Debian.
fn pack(folder: &Path, name: &str, epoch: u64, file: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    let mut tar = tar.arg(format!("--mtime=@{epoch}")).arg(name).current_dir(folder).stdout(Stdio::piped()).spawn().context("tar")?;
    let packed = tar.stdout.take().context("tar has no output")?;
    let out = std::fs::File::create(file).with_context(|| file.display().to_string())?;
    let gzip = Command::new("gzip").args(["-9", "--no-name"]).stdin(packed).stdout(out).status().context("gzip")?;
    let tar = tar.wait().context("tar")?;
    ensure!(tar.success() && gzip.success(), "{}: tar ended with {tar}, gzip with {gzip}", file.display());
    Ok(())
}

/// The cargo that runs this program, in `tree`.
fn cargo(tree: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree);
    cargo
}
