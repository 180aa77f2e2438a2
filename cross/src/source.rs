//! What is packed: which sources, of when, and by which tools.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::say;

/// The sources of a package.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The version in `Cargo.toml`.
    pub version: String,
    /// The commit; none outside a git repository. Ends in `-dirty` where the sources are not those of the commit.
    pub commit: Option<String>,
    /// The time that all packed files have, in seconds since 1970: `SOURCE_DATE_EPOCH`, else that of the commit.
    pub epoch: u64,
}

impl Source {
    /// The sources in `root`, with the time in the environment.
    pub fn of(root: &Path) -> Result<Self> {
        let commit = git(root, &["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]).ok();
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text.parse().with_context(|| format!("SOURCE_DATE_EPOCH={text} is no number of seconds"))?,
            Err(_) => {
                let told = git(root, &["log", "-1", "--format=%ct"]);
                let told = told.context("no commit tells a time; set SOURCE_DATE_EPOCH, in seconds since 1970")?;
                told.parse().with_context(|| format!("git says {told}"))?
            }
        };
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), commit, epoch })
    }
}

fn git(root: &Path, words: &[&str]) -> Result<String> {
    Ok(say::quietly("the commit", Command::new("git").arg("-C").arg(root).args(words))?.trim().to_owned())
}
