//! The packages that a box gets: what is there for its init, and the same as a newer version.

use std::path::Path;

use anyhow::{Context, Result};

use crate::licences::Licences;
use crate::package::layout::{self, CATALOGUE, PROGRAM};
use crate::package::{control, deb};
use crate::place;
use crate::target::{Init, Target};

/// The same agent in two versions of its package.
pub struct Packages {
    /// The version of the first, as the package manager says it.
    pub version: String,
    /// The one to install.
    pub first: Vec<u8>,
    /// The version of the second.
    pub newer: String,
    /// The one to upgrade by: the same program.
    pub second: Vec<u8>,
}

impl Packages {
    /// Those for boxes that `init` starts. The first is the very file that was packed, if it was packed for that init.
    pub fn of(root: &Path, target: &Target, init: Init) -> Result<Self> {
        let (version, packed) = packed(root, target)?;
        let (_, data) = deb::unpack(&packed)?;
        let parts = layout::parts(root);
        let tree = if init == target.init {
            data
        } else {
            // Nothing here looks at the texts.
            let licences = Licences { list: format!("As for {}.", target.init.name()), texts: String::new() };
            layout::tree(&parts, init, data.bytes(PROGRAM)?, data.bytes(CATALOGUE)?, &licences)?
        };
        let for_init = Target { init, ..target.clone() };
        let pack = |version: &str| deb::pack(&control::deb(&parts, &for_init, version, &tree)?, &tree, 0);
        let first = if init == target.init { packed } else { pack(&version)? };
        let newer = format!("{version}+1");
        Ok(Self { second: pack(&newer)?, version, first, newer })
    }
}

/// The Debian package of the target, and its version.
fn packed(root: &Path, target: &Target) -> Result<(String, Vec<u8>)> {
    let folder = place::built(root).join("dist").join(&target.name);
    let advice = || format!("there is no Debian package in {}; run `cargo cross package {}`", folder.display(), target.name);
    let end = format!("_{}.deb", target.architecture.deb);
    for entry in std::fs::read_dir(&folder).with_context(advice)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if let Some(version) = name.strip_prefix("line3-agent_").and_then(|rest| rest.strip_suffix(&end)) {
            return Ok((version.to_owned(), std::fs::read(&file).with_context(|| file.display().to_string())?));
        }
    }
    Err(anyhow::anyhow!(advice()))
}
