//! Every part of the agent with its licence, and the texts of the licences, each once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::crates::Crate;
use crate::parts::Part;

/// How the names of files begin that hold a licence or a notice.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// What is in the agent, and under which licences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licences {
    /// A line for each part, with the numbers of its texts.
    pub list: String,
    /// The texts, each after its number.
    pub texts: String,
}

/// The licences of these crates and parts; `title` stands above them.
///
/// # Errors
/// A crate has neither a licence in its manifest nor a text in its sources.
pub fn licences(title: &str, crates: &[Crate], parts: &[Part]) -> Result<Licences> {
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    let mut lines = Vec::new();
    let mut add = |name: String, licence: &str, files: BTreeSet<PathBuf>| -> Result<()> {
        let mut numbers = BTreeSet::new();
        for file in files {
            let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let text = plain(&String::from_utf8_lossy(&bytes));
            let at = texts.iter().position(|(known, _)| *known == text).unwrap_or(texts.len());
            if at == texts.len() {
                texts.push((text, Vec::new()));
            }
            if numbers.insert(at + 1) {
                texts.get_mut(at).context("it was found or added")?.1.push(name.clone());
            }
        }
        let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
        let where_ = if numbers.is_empty() { "no text in its sources".to_owned() } else { format!("text {}", numbers.join(", ")) };
        lines.push(format!("{name}: {licence}; {where_}"));
        Ok(())
    };
    for one in crates {
        let files = if one.published { within(&one.folder)? } else { beside(&one.folder)? };
        let name = format!("{} {}", one.name, one.version);
        match &one.licence {
            Some(licence) => add(name, licence, files)?,
            None if files.is_empty() => bail!("{name} has no licence; it cannot be distributed"),
            None => add(name, "see its text", files)?,
        }
    }
    for part in parts {
        add(format!("{} {}", part.name, part.version), part.licence, part.text.iter().cloned().collect())?;
    }
    let list = format!("{title}: what is in it, and under which licences.\n\n{}\n", lines.join("\n"));
    let numbered = texts.iter().enumerate();
    let texts = numbered.map(|(at, (text, names))| format!("\n\n======== Text {}, of {}\n\n{text}", at + 1, names.join(", ")));
    Ok(Licences { list, texts: texts.collect() })
}

/// The same text, however its lines end.
fn plain(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_matches('\n'))
}

/// The licences in `folder` itself.
fn beside(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let is_source = name.ends_with(".rs") || name.ends_with(".toml");
        if entry.file_type()?.is_file() && !is_source && NAMES.iter().any(|start| name.starts_with(start)) {
            found.insert(entry.path());
        }
    }
    Ok(found)
}

/// The licences in `folder` and whatever is in it: crates carry the code of others, with their licences.
fn within(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = beside(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(within(&entry.path())?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("it has one")).expect("it is made");
            std::fs::write(file, text).expect("it is written");
        }
        folder
    }

    fn one(name: &str, licence: Option<&str>, folder: &Path) -> Crate {
        let (name, version, licence) = (name.to_owned(), "1.0.0".to_owned(), licence.map(str::to_owned));
        Crate { name, version, licence, folder: folder.to_owned(), published: true }
    }

    #[test]
    fn the_same_text_stands_once() {
        let (a, b) = (folder_with(&[("LICENSE-MIT", "May be used.\r\n")]), folder_with(&[("deep/COPYING", "May be used. \n\n")]));
        let crates = [one("a", Some("MIT"), a.path()), one("b", Some("MIT"), b.path())];
        let Licences { list, texts } = licences("agent", &crates, &[]).expect("a list");
        assert_eq!(list, "agent: what is in it, and under which licences.\n\na 1.0.0: MIT; text 1\nb 1.0.0: MIT; text 1\n");
        assert_eq!(texts, "\n\n======== Text 1, of a 1.0.0, b 1.0.0\n\nMay be used.\n");
    }

    #[test]
    fn a_crate_without_a_licence_is_named() {
        let empty = folder_with(&[("src/license.rs", "// code")]);
        let error = licences("agent", &[one("a", None, empty.path())], &[]).expect_err("it has none");
        assert_eq!(error.to_string(), "a 1.0.0 has no licence; it cannot be distributed");
    }
}
