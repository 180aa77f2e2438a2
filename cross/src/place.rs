//! Where things are: the project, what is built, and the tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The project's top folder: this program is run where it was built.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where this program builds: not cargo's own folder, for with other flags cargo builds everything anew. Another copy of the project
/// than the one that this program is of builds within itself, whatever `CARGO_TARGET_DIR` says.
#[must_use]
pub fn built(root: &Path) -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").filter(|_| root == self::root());
    named.map_or_else(|| root.join("target"), PathBuf::from).join("cross")
}

/// The tools that `cargo cross setup` brings: a folder of its own, which nothing outside it knows.
#[derive(Clone, Debug)]
pub struct Prefix(PathBuf);

impl Prefix {
    /// `$LINE3_CROSS`, else `line3-cross` in the user's cache.
    pub fn locate() -> Result<Self> {
        if let Some(path) = std::env::var_os("LINE3_CROSS") {
            return Ok(Self(std::path::absolute(path)?));
        }
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
        Ok(Self(cache.context("there is no home directory; name a folder for the tools in LINE3_CROSS")?.join("line3-cross")))
    }

    /// The same, if everything is there.
    pub fn ready() -> Result<Self> {
        let prefix = Self::locate()?;
        let there = prefix.stamp().is_file();
        ensure!(there, "the tools are not in {}; run `cargo cross setup` first", prefix.path().display());
        Ok(prefix)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Says, when it is there, which tools are.
    #[must_use]
    pub fn stamp(&self) -> PathBuf {
        self.0.join("tools.json")
    }

    /// Where Debian's packages are unpacked.
    #[must_use]
    pub fn debian(&self) -> PathBuf {
        self.0.join("debian")
    }

    /// The sources of the standard library.
    #[must_use]
    pub fn rust_src(&self) -> PathBuf {
        self.debian().join("usr/lib/rustlib/src/rust")
    }

    /// The commands: `cargo`, `rustc`, `zig`, `llvm-objcopy`, `cargo-zigbuild`, `cargo-cyclonedx`, the emulators.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.0.join("bin")
    }

    /// A command of [`Self::bin`], with the others in its `PATH`.
    pub fn command(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(self.bin().join(name));
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.bin()).chain(std::env::split_paths(&old));
        command.env("PATH", std::env::join_paths(path)?);
        Ok(command)
    }
}
