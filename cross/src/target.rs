//! A target: one TOML file in `cross/targets/`, whose name is the target's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// What the agent is built for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// The name of its file, without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// What rustc calls it.
    pub triple: String,
    /// What goes into the agent.
    pub flavour: Flavour,
    /// The oldest processor that runs it, for people.
    pub cpu: String,
    /// What it needs of the box's C library, for people.
    pub libc: String,
    /// The oldest kernel that runs it, for people.
    pub kernel: String,
    /// What starts it in the packages of this target.
    pub init: Init,
    /// The program that runs it on a developer's machine. None: the machine itself.
    pub emulator: Option<String>,
    /// Where the emulator finds the C library of an agent that is not static.
    pub emulator_root: Option<PathBuf>,
    /// What compiles C and links.
    pub tools: Tools,
    /// For the Rust compiler, beside what all targets have.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// What the package formats call the processor.
    pub architecture: Architecture,
    /// What it may weigh.
    pub budget: Budget,
}

/// What goes into the agent; see `cross/README.md`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Everything, and panics say where and why.
    Fleet,
    /// The least that is still worth having on a box; a panic leaves no message.
    Tiny,
}

/// What starts the agent and brings it back.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// systemd.
    Systemd,
    /// System V init scripts; the agent's own stays and brings the agent back.
    Sysvinit,
    /// OpenWrt's procd.
    Procd,
    /// BusyBox init: a line in `/etc/inittab`.
    Busybox,
}

/// What compiles C and links.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Tools {
    /// zig with its own musl: static.
    Zig {
        /// For the C compiler, and for zig's own libraries.
        #[serde(default)]
        cflags: String,
        /// What zig calls the target, where `cross/unwinder.c` takes the place of libunwind. None: libunwind stays.
        unwinder: Option<String>,
    },
    /// The gcc of a vendor's SDK, with the SDK's C library: dynamic.
    Gcc {
        /// What its programs' names begin with, `arm-linux-gnueabihf-`; with or without a path.
        prefix: String,
        /// For the C compiler.
        cflags: String,
    },
}

/// What the package formats call the processor.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Architecture {
    /// Debian's name.
    pub deb: String,
    /// OpenWrt's name.
    pub ipk: String,
}

/// What an agent may weigh. More is a failure, of the build or of the self-test.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Budget {
    /// The stripped program, in bytes.
    pub binary: u64,
    /// Its resident memory (`VmRSS`) when it is connected over TLS and idle, in bytes. Measured without an emulator only.
    pub rss: u64,
    /// All that the package puts on the flash, in bytes.
    pub flash: u64,
}

impl Target {
    /// Reads all targets, in the order of their names.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let folder = root.join("cross").join("targets");
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// Those that `name` means: one, or `all`.
    pub fn named(root: &Path, name: &str) -> Result<Vec<Self>> {
        let mut targets = Self::all(root)?;
        if name != "all" {
            let names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
            targets.retain(|target| target.name == name);
            if targets.is_empty() {
                bail!("there is no target {name}; there are {}, and all", names.join(", "));
            }
        }
        Ok(targets)
    }

    fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut target: Self = toml::from_str(&text).with_context(|| file.display().to_string())?;
        target.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(target.name.starts_with(&target.triple), "{}: the name of the file begins with the triple", file.display());
        Ok(target)
    }

    /// It runs on this machine without an emulator.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.emulator.is_none()
    }

    /// The agent needs no library of the box.
    #[must_use]
    pub fn is_static(&self) -> bool {
        matches!(self.tools, Tools::Zig { .. })
    }
}

impl Init {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Sysvinit => "sysvinit",
            Self::Procd => "procd",
            Self::Busybox => "busybox",
        }
    }
}

impl Flavour {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Tiny => "tiny",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place;

    #[test]
    fn every_target_is_read_and_its_name_finds_it() {
        let all = Target::all(&place::root()).expect("all are read");
        assert!(all.len() >= 5, "{}", all.len());
        for target in all {
            let found = Target::named(&place::root(), &target.name).expect("it is found");
            assert_eq!(found.len(), 1, "{}", target.name);
        }
    }

    #[test]
    fn a_wrong_name_is_told_the_right_ones() {
        let error = Target::named(&place::root(), "armv7").expect_err("there is none").to_string();
        assert!(error.starts_with("there is no target armv7; there are aarch64-unknown-linux-musl, "), "{error}");
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = "triple = \"a\"\nflavour = \"fleet\"\ncpo = \"b\"";
        assert!(toml::from_str::<Target>(text).expect_err("it is misspelt").to_string().contains("unknown field `cpo`"));
    }
}
