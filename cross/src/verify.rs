//! `cargo cross verify`: whether a folder of packages is whole, unchanged, and of whom it should be.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::manifest::{self, MANIFEST, Manifest, SIGNATURE, SUMS, Sum};
use crate::package::dist::{CATALOGUE_FILE, LICENCES_FILE, SBOM_FILE};
use crate::package::layout::{CATALOGUE, PROGRAM};
use crate::{sbom, sign};

/// No file of a folder is larger, in bytes.
const LIMIT: u64 = 64 << 20;

/// Checks all that is in `folder`, and returns what it is; `public_key` says whose it must be.
///
/// # Errors
/// The first thing that is not as it should be, with the name of its file.
pub fn verify(folder: &Path, public_key: Option<&Path>) -> Result<String> {
    let mut files = read(folder)?;
    let sums = files.remove(SUMS).with_context(|| format!("{SUMS} is missing"))?;
    let signed = match (files.remove(SIGNATURE), public_key) {
        (Some(signature), Some(key)) => {
            sign::check(&signature, &sums, &sign::public(key)?).with_context(|| format!("{SIGNATURE} of {SUMS}"))?;
            format!("signed with the key of {}", key.display())
        }
        (Some(_), None) => bail!("{SIGNATURE}: whose it must be is not said; name the key with --public-key"),
        (None, Some(_)) => bail!("{SIGNATURE} is missing: it is not signed"),
        (None, None) => "NOT SIGNED: whole, but nobody vouches for it".to_owned(),
    };
    let found: BTreeMap<_, _> = files.iter().map(|(name, bytes)| (name.clone(), Sum::of(bytes))).collect();
    compare_sums(&sums, &found)?;
    let manifest: Manifest = serde_json::from_slice(file(&files, MANIFEST)?).context(MANIFEST)?;
    compare(MANIFEST, "file", &manifest.files, &found.into_iter().filter(|(name, _)| name != MANIFEST).collect())?;
    for (name, listed) in &manifest.packages {
        let tree = manifest::contents(name, file(&files, name)?)?;
        compare(name, "file in the package", listed, &manifest::sums_of(&tree))?;
        for (path, sum) in [(PROGRAM, &manifest.program), (CATALOGUE, &manifest.catalogue)] {
            let inside = Sum::of(tree.bytes(path).with_context(|| name.clone())?);
            ensure!(inside == *sum, "{name}: {path} is not the one of {MANIFEST}: its SHA-256 is {}", inside.sha256);
        }
    }
    ensure!(manifest.packages.len() == 3, "{MANIFEST} lists {} packages, not 3", manifest.packages.len());
    ensure!(Sum::of(file(&files, CATALOGUE_FILE)?) == manifest.catalogue, "{CATALOGUE_FILE} is not the one of {MANIFEST}");
    file(&files, LICENCES_FILE)?;
    let parts = std::str::from_utf8(file(&files, SBOM_FILE)?).context(SBOM_FILE)?;
    sbom::check(parts, &manifest.source, &[]).context(SBOM_FILE)?;
    Ok(format!("line3-agent {} for {}: {} files, {signed}", manifest.source.version, manifest.target, files.len() + 1))
}

/// The files of `folder`, by name.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure!(entry.file_type()?.is_file(), "{name} is no file, and not listed");
        let size = entry.metadata()?.len();
        ensure!(size <= LIMIT, "{name} has {size} bytes; no file of ours has more than {LIMIT}");
        let bytes = std::fs::read(entry.path()).with_context(|| name.clone())?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn file<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8]> {
    Ok(files.get(name).with_context(|| format!("{name} is missing"))?)
}

/// Fails if `sums` is not, to the last byte, what is written for the files that were found.
fn compare_sums(sums: &[u8], found: &BTreeMap<String, Sum>) -> Result<()> {
    let text = std::str::from_utf8(sums).with_context(|| format!("{SUMS} is no text"))?;
    let lines = text.lines().map(|line| line.split_once("  ").map(|(sum, name)| (name, sum)));
    let listed: BTreeMap<_, _> = lines.collect::<Option<_>>().with_context(|| format!("{SUMS} has a line that is no sum"))?;
    for (name, sum) in found {
        match listed.get(name.as_str()) {
            Some(told) => ensure!(*told == sum.sha256, "{name}: its SHA-256 is {}, {SUMS} says {told}", sum.sha256),
            None => bail!("{name} is not listed in {SUMS}"),
        }
    }
    for name in listed.keys() {
        ensure!(found.contains_key(*name), "{name} is missing; {SUMS} lists it");
    }
    ensure!(text == manifest::sums_text(found), "{SUMS} is not as it was written");
    Ok(())
}

fn compare(name: &str, what: &str, listed: &BTreeMap<String, Sum>, found: &BTreeMap<String, Sum>) -> Result<()> {
    for (path, sum) in found {
        match listed.get(path) {
            Some(told) => ensure!(told == sum, "{name}: the {what} {path} is not the one of {MANIFEST}: its SHA-256 is {}", sum.sha256),
            None => bail!("{name}: the {what} {path} is not listed in {MANIFEST}"),
        }
    }
    for path in listed.keys() {
        ensure!(found.contains_key(path), "{name}: the {what} {path} is missing; {MANIFEST} lists it");
    }
    Ok(())
}
