//! `manifest.json`: what was packed, from what, by what, and what each file holds; and `SHA256SUMS`, for people with `sha256sum -c`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::package::tree::Tree;
use crate::package::{deb, ipk};
use crate::source::Source;

/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";

/// The name of the file of sums.
pub const SUMS: &str = "SHA256SUMS";

/// The name of the signature of [`SUMS`].
pub const SIGNATURE: &str = "SHA256SUMS.minisig";

/// What was packed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `line3-agent`.
    pub name: String,
    /// The name of the target.
    pub target: String,
    /// What rustc calls it.
    pub triple: String,
    /// `fleet` or `tiny`.
    pub flavour: String,
    /// The sources.
    pub source: Source,
    /// Names and versions of what built it.
    pub tools: BTreeMap<String, String>,
    /// What it may weigh, in bytes: `binary`, `rss`, `flash`.
    pub budget: BTreeMap<String, u64>,
    /// The program for the box.
    pub program: Sum,
    /// What the program can show and do.
    pub catalogue: Sum,
    /// The files beside this one, by their names.
    pub files: BTreeMap<String, Sum>,
    /// What the packages put on the box, by the packages' names, then by path.
    pub packages: BTreeMap<String, BTreeMap<String, Sum>>,
}

/// What a file holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Sum {
    /// Of a file with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes: bytes.len() as u64, sha256 }
    }
}

/// What a package puts on the box.
pub fn contents(name: &str, package: &[u8]) -> Result<Tree> {
    let unpacked = match name {
        _ if name.ends_with(".deb") => deb::unpack(package).map(|(_, data)| data),
        _ if name.ends_with(".ipk") => ipk::unpack(package).map(|(_, data)| data),
        _ if name.ends_with(".tar.gz") => Tree::of_tar_gz(package),
        _ => bail!("{name} is no package: its name ends in none of .deb, .ipk, .tar.gz"),
    };
    unpacked.with_context(|| name.to_owned())
}

/// What each of the packages puts on the box, by their names.
pub fn of_packages(packages: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, BTreeMap<String, Sum>>> {
    packages.iter().map(|(name, bytes)| Ok((name.clone(), sums_of(&contents(name, bytes)?)))).collect()
}

/// The sums of a tree's files.
#[must_use]
pub fn sums_of(tree: &Tree) -> BTreeMap<String, Sum> {
    tree.files().map(|(path, file)| (path.to_owned(), Sum::of(&file.bytes))).collect()
}

/// The text of [`SUMS`] for these files.
#[must_use]
pub fn sums_text(files: &BTreeMap<String, Sum>) -> String {
    files.iter().map(|(name, sum)| format!("{}  {name}\n", sum.sha256)).collect()
}

/// Writes the manifest of what is in `folder`, and then the sums of all.
pub fn seal(folder: &Path, manifest: &Manifest) -> Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(manifest)?);
    let mut files = manifest.files.clone();
    files.insert(MANIFEST.to_owned(), Sum::of(text.as_bytes()));
    std::fs::write(folder.join(MANIFEST), text).context(MANIFEST)?;
    std::fs::write(folder.join(SUMS), sums_text(&files)).context(SUMS)
}
