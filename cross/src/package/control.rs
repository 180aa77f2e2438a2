//! What a package manager is told, and the scripts that it runs. A script is put together from `cross/package/scripts/`: the start for
//! the format, the user, what the init system takes, and what happens when.

use std::path::Path;

use anyhow::{Context, Result};

use super::layout::PROGRAM;
use super::tree::Tree;
use crate::target::{Init, Target};

const DESCRIPTION: &str = "remote diagnostics and repair of a set-top box";

/// The control files of a Debian package that holds `data`.
pub fn deb(parts: &Path, target: &Target, version: &str, data: &Tree) -> Result<Tree> {
    let needs = needs(data.bytes(PROGRAM)?);
    let size: usize = data.files().map(|(_, file)| file.bytes.len().div_ceil(1024)).sum();
    let mut control = format!("Package: line3-agent\nVersion: {version}\nArchitecture: {}\n", target.architecture.deb);
    control += "Maintainer: Line3 <line3@line3.invalid>\nSection: net\nPriority: optional\n";
    control += &format!("Installed-Size: {size}\n");
    if !needs.is_empty() {
        control += &format!("Depends: {}\n", needs.join(", "));
    }
    control += &format!("Description: {DESCRIPTION}\n");
    control +=
        " A small daemon that reports the health of the box, and runs diagnostics and\n repairs on command, by USP (TR-369) over MQTT.\n";
    let mut tree = Tree::default();
    tree.file("control", control);
    tree.file("conffiles", conffiles(data));
    for step in ["postinst", "prerm", "postrm"] {
        tree.program(step, script(parts, "deb", target.init, step)?);
    }
    Ok(tree)
}

/// The control files of an opkg package that holds `data`, for procd.
pub fn ipk(parts: &Path, target: &Target, version: &str, data: &Tree) -> Result<Tree> {
    let mut control = format!("Package: line3-agent\nVersion: {version}\nArchitecture: {}\n", target.architecture.ipk);
    control += "Maintainer: Line3 <line3@line3.invalid>\nSection: net\nPriority: optional\nLicense: MIT OR Apache-2.0\n";
    control += &format!("Installed-Size: {}\nDescription: {DESCRIPTION}\n", data.size());
    let mut tree = Tree::default();
    tree.file("control", control);
    tree.file("conffiles", conffiles(data));
    for step in ["postinst", "prerm"] {
        tree.program(step, script(parts, "ipk", Init::Procd, step)?);
    }
    Ok(tree)
}

/// What may be changed on the box, which an upgrade leaves alone.
fn conffiles(data: &Tree) -> String {
    data.files().filter(|(path, _)| path.starts_with("etc/")).map(|(path, _)| format!("/{path}\n")).collect()
}

fn script(parts: &Path, format: &str, init: Init, step: &str) -> Result<String> {
    let pieces = [format!("{format}.sh"), "user.sh".to_owned(), format!("{}.sh", init.name()), format!("{format}.{step}")];
    let read = |piece: &String| {
        let file = parts.join("scripts").join(piece);
        std::fs::read_to_string(&file).with_context(|| file.display().to_string())
    };
    pieces.iter().map(read).collect()
}

/// Debian's packages that a program needs: none for a static one, else the C library that is as new as the newest symbol it asks for.
fn needs(program: &[u8]) -> Vec<String> {
    let newest = marked(program, b"GLIBC_").filter_map(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let text = std::str::from_utf8(rest.get(..digits)?).ok()?;
        text.split('.').map(|number| number.parse::<u32>().ok()).collect::<Option<Vec<_>>>()
    });
    let libc = newest.max().map(|version| {
        let version: Vec<_> = version.iter().map(u32::to_string).collect();
        format!("libc6 (>= {})", version.join("."))
    });
    let libgcc = marked(program, b"libgcc_s.so.1").next().map(|_| "libgcc-s1".to_owned());
    libc.into_iter().chain(libgcc).collect()
}

/// What comes after each `mark` that starts a text in `bytes`.
fn marked<'a>(bytes: &'a [u8], mark: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    bytes.split(|byte| *byte == 0).filter_map(move |text| text.strip_prefix(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_the_c_library_of_its_newest_symbol() {
        let program = b"\x7fELF\0libgcc_s.so.1\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.17\0GLIBC_PRIVATE\0";
        assert_eq!(needs(program), ["libc6 (>= 2.34)", "libgcc-s1"]);
    }

    #[test]
    fn a_static_program_needs_nothing() {
        assert_eq!(needs(b"\x7fELF\0musl\0the GLIBC_2.4 of another\0"), [""; 0]);
    }
}
