//! `cargo cross reproduce`: the same commit, built and packed in another folder, gives the same bytes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build::build;
use crate::manifest::SIGNATURE;
use crate::package::package;
use crate::place::Prefix;
use crate::say;
use crate::target::Target;

/// Builds and packs the agent here and in a clone, which is in another folder with a longer name, and compares all that came out.
/// Returns how many files were compared. What there is in `root` must be committed, for a clone has nothing else.
///
/// # Errors
/// Something cannot be built, or a file differs: it is named, and both are kept to be looked at.
pub fn reproduce(root: &Path, prefix: &Prefix, target: &Target) -> Result<usize> {
    let changed = say::quietly("what is changed", Command::new("git").arg("-C").arg(root).args(["status", "--porcelain"]))?;
    ensure!(changed.trim().is_empty(), "these are not committed, and a clone would not have them:\n{changed}");
    build(root, prefix, target)?;
    let here = package(root, prefix, target, None)?;

    let folder = std::env::temp_dir().join(format!("line3-reproduce-{}", std::process::id()));
    let clone = folder.join("another folder, with a longer name").join("line3");
    say::doing(&format!("the same in {}", clone.display()));
    say::quietly("a clone", Command::new("git").args(["clone", "--quiet", "--local"]).arg(root).arg(&clone))?;
    build(&clone, prefix, target)?;
    let there = package(&clone, prefix, target, None)?;

    let compared = same(&here, &there).with_context(|| format!("both are kept: {}, {}", here.display(), there.display()))?;
    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(compared)
}

/// Compares two folders of files, but for signatures, in which there is chance, and returns how many files are the same.
fn same(one: &Path, other: &Path) -> Result<usize> {
    let names = names(one)?;
    let differ: Vec<String> = names.symmetric_difference(&self::names(other)?).cloned().collect();
    ensure!(differ.is_empty(), "only one of them has {}", differ.join(", "));
    for name in &names {
        let read = |folder: &Path| std::fs::read(folder.join(name)).with_context(|| name.clone());
        let (one, other) = (read(one)?, read(other)?);
        if one != other {
            let at = one.iter().zip(&other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
            bail!("{name} differs, first at byte {at}; it has {} bytes and {}", one.len(), other.len());
        }
    }
    Ok(names.len())
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let names = paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(names.filter(|name| name != SIGNATURE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        folder
    }

    #[test]
    fn a_difference_is_named() {
        let one = folder(&[("a", "same"), ("b", "12345"), (SIGNATURE, "x")]);
        let says = |other: &[(&str, &str)]| same(one.path(), folder(other).path()).map_err(|error| error.to_string());
        assert_eq!(says(&[("a", "same"), ("b", "12345")]), Ok(2));
        assert_eq!(says(&[("a", "same"), ("b", "12x45")]), Err("b differs, first at byte 2; it has 5 bytes and 5".to_owned()));
        assert_eq!(says(&[("a", "same"), ("b", "123")]), Err("b differs, first at byte 3; it has 5 bytes and 3".to_owned()));
        assert_eq!(says(&[("b", "12345"), ("c", "")]), Err("only one of them has a, c".to_owned()));
    }
}
