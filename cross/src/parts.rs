//! What is in the agent and cargo does not know: the C library, and what the C compiler adds.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Prefix;
use crate::say;
use crate::setup;
use crate::target::{Target, Tools};

/// A part of the agent that is no crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub licence: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Where its licence stands.
    pub text: Option<PathBuf>,
}

/// The parts of the agent for `target` that are no crates. Not that of ring, whose C is in its crate.
pub fn parts(prefix: &Prefix, target: &Target) -> Result<Vec<Part>> {
    match &target.tools {
        Tools::Zig { .. } => {
            let zig = zig(prefix)?;
            let version = setup::Tools::read(prefix)?.tools.remove("zig").context("the tools have no zig")?;
            let musl = zig.join("lib/libc/musl");
            Ok(vec![
                Part {
                    name: "musl",
                    version: musl_version(&musl)?,
                    licence: "MIT",
                    about: "The C library, as zig brings it",
                    text: Some(musl.join("COPYRIGHT")),
                },
                Part {
                    name: "compiler-rt",
                    version,
                    licence: "MIT",
                    about: "What the processor lacks, as zig brings it; its version is zig's",
                    text: Some(zig.join("LICENSE")),
                },
            ])
        }
        Tools::Gcc { prefix, .. } => {
            let version = say::quietly("the version of gcc", Command::new(format!("{prefix}gcc")).arg("-dumpfullversion"))?;
            Ok(vec![Part {
                name: "libgcc",
                version: version.trim().to_owned(),
                licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
                about: "The start of the program and what the processor lacks, as gcc brings it",
                text: None,
            }])
        }
    }
}

/// Where zig is.
fn zig(prefix: &Prefix) -> Result<PathBuf> {
    let libraries = prefix.path().join("venv/lib");
    let pythons = std::fs::read_dir(&libraries).with_context(|| libraries.display().to_string())?;
    let mut folders = pythons.flatten().map(|python| python.path().join("site-packages/ziglang"));
    folders.find(|folder| folder.is_dir()).with_context(|| format!("there is no zig in {}", libraries.display()))
}

fn musl_version(musl: &std::path::Path) -> Result<String> {
    let file = musl.join("src/internal/version.h");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let version = text.split('"').nth(1).with_context(|| format!("{} tells no version", file.display()))?;
    Ok(version.to_owned())
}
