//! The folder that a firmware team takes: packages, what goes with them, and the manifest of all.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::manifest::{self, Manifest, Sum};
use crate::sign;
use crate::source::Source;
use crate::target::Target;

/// The name of the catalogue beside the packages.
pub const CATALOGUE_FILE: &str = "catalogue.json";

/// The name of the list of parts beside the packages.
pub const SBOM_FILE: &str = "line3-agent.cdx.json";

/// The name of the licences beside the packages.
pub const LICENCES_FILE: &str = "LICENSES.txt";

/// What goes into a folder.
#[derive(Clone, Debug)]
pub struct Dist<'a> {
    /// What it is for.
    pub target: &'a Target,
    /// The sources.
    pub source: &'a Source,
    /// Names and versions of what built it.
    pub tools: BTreeMap<String, String>,
    /// The program for the box.
    pub program: &'a [u8],
    /// What the program can show and do.
    pub catalogue: &'a [u8],
    /// The list of parts.
    pub sbom: String,
    /// The licences and their texts.
    pub licences: String,
    /// The packages, by the names of their files.
    pub packages: BTreeMap<String, Vec<u8>>,
}

impl Dist<'_> {
    /// Writes everything into `folder`, which is made anew, and signs it if there is a secret key.
    pub fn write(self, folder: &Path, key: Option<&Path>) -> Result<()> {
        let budget = &self.target.budget;
        let budget = [("binary", budget.binary), ("rss", budget.rss), ("flash", budget.flash)];
        let contents = manifest::of_packages(&self.packages)?;
        let mut files = self.packages;
        files.insert(CATALOGUE_FILE.to_owned(), self.catalogue.to_owned());
        files.insert(SBOM_FILE.to_owned(), self.sbom.into_bytes());
        files.insert(LICENCES_FILE.to_owned(), self.licences.into_bytes());
        let manifest = Manifest {
            name: "line3-agent".to_owned(),
            target: self.target.name.clone(),
            triple: self.target.triple.clone(),
            flavour: self.target.flavour.name().to_owned(),
            source: self.source.clone(),
            tools: self.tools,
            budget: budget.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
            program: Sum::of(self.program),
            catalogue: Sum::of(self.catalogue),
            files: files.iter().map(|(name, bytes)| (name.clone(), Sum::of(bytes))).collect(),
            packages: contents,
        };
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for (name, bytes) in &files {
            std::fs::write(folder.join(name), bytes).with_context(|| name.clone())?;
        }
        manifest::seal(folder, &manifest)?;
        key.map_or(Ok(()), |key| sign::sign(folder, key, &manifest))
    }
}
