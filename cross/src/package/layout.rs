//! What the agent's packages put on the box, and where.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tree::{Tree, gzip};
use crate::licences::Licences;
use crate::target::Init;

/// Where the program is.
pub const PROGRAM: &str = "usr/sbin/line3-agent";

/// Where the catalogue is: what the program can show and do.
pub const CATALOGUE: &str = "usr/share/line3-agent/catalogue.json";

/// The sources of what is packed besides the program.
#[must_use]
pub fn parts(root: &Path) -> PathBuf {
    root.join("cross").join("package")
}

/// The configuration as it is installed. On OpenWrt /var is in memory, so the agent's state is elsewhere.
fn configuration(parts: &Path, init: Init) -> Result<String> {
    const DEFAULT: &str = "\n#state-dir = \"/var/lib/line3-agent\"\n";
    let file = parts.join("line3-agent.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    ensure!(text.contains(DEFAULT), "{} does not show the default of state-dir", file.display());
    Ok(if init == Init::Procd { text.replace(DEFAULT, "\nstate-dir = \"/etc/line3-agent/state\"\n") } else { text })
}

/// The files on a box that `init` starts.
pub fn tree(parts: &Path, init: Init, program: &[u8], catalogue: &[u8], licences: &Licences) -> Result<Tree> {
    let mut tree = Tree::default();
    tree.program(PROGRAM, program);
    tree.file(CATALOGUE, catalogue);
    tree.file("etc/line3-agent.toml", configuration(parts, init)?);
    tree.file("usr/share/doc/line3-agent/copyright", format!("{}\nThe texts are in texts.gz beside this file.\n", licences.list));
    tree.file("usr/share/doc/line3-agent/texts.gz", gzip(licences.texts.as_bytes())?);
    let started = |name: &str| read(&parts.join("init").join(format!("line3-agent.{name}")));
    match init {
        Init::Systemd => tree.file("usr/lib/systemd/system/line3-agent.service", started("service")?),
        Init::Sysvinit => tree.program("etc/init.d/line3-agent", started(init.name())?),
        Init::Procd => {
            tree.program("etc/init.d/line3-agent", started(init.name())?);
            // OpenWrt's sysupgrade keeps what is listed: the box's certificates, and what the agent keeps.
            tree.file("lib/upgrade/keep.d/line3-agent", "/etc/line3-agent/\n");
        }
        Init::Busybox => tree.file("usr/share/line3-agent/inittab", started(init.name())?),
    }
    Ok(tree)
}

/// Reads a file, or says which it is.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}
