//! Debian's format: an `ar` archive of `debian-binary`, `control.tar.gz` and `data.tar.gz`.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use super::tree::Tree;

const MAGIC: &[u8] = b"!<arch>\n";

/// The length of an archive member's header.
const HEADER: usize = 60;

/// The version of the format.
const FORMAT: &[u8] = b"2.0\n";

/// Packs `data` with the files of `control`.
pub fn pack(control: &Tree, data: &Tree, epoch: u64) -> Result<Vec<u8>> {
    let mut archive = MAGIC.to_vec();
    let members = [("debian-binary", FORMAT.to_vec()), ("control.tar.gz", control.tar_gz(epoch)?), ("data.tar.gz", data.tar_gz(epoch)?)];
    for (name, bytes) in members {
        let mut header = String::new();
        writeln!(header, "{name:<16}{epoch:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, "100644", bytes.len())?;
        ensure!(header.len() == HEADER, "{name}: the time {epoch} or its size is too large for an ar archive");
        archive.extend(header.as_bytes());
        archive.extend(&bytes);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    Ok(archive)
}

/// What [`pack`] packed: the control files and the data.
pub fn unpack(archive: &[u8]) -> Result<(Tree, Tree)> {
    let mut rest = archive.strip_prefix(MAGIC).context("it is no Debian package")?;
    let mut member = |wanted: &str| -> Result<&[u8]> {
        let (header, after) = rest.split_at_checked(HEADER).with_context(|| format!("{wanted} is missing"))?;
        let header = std::str::from_utf8(header).with_context(|| format!("{wanted} has no header"))?;
        let name = header.get(..16).unwrap_or_default().trim_end();
        ensure!(name == wanted, "where {wanted} belongs is {name:?}");
        let size: usize = header.get(48..58).unwrap_or_default().trim_end().parse().with_context(|| format!("{wanted} has no size"))?;
        let (bytes, after) = after.split_at_checked(size).with_context(|| format!("{wanted} is cut"))?;
        rest = after.get(size % 2..).unwrap_or_default();
        Ok(bytes)
    };
    ensure!(member("debian-binary")? == FORMAT, "its format is not 2.0");
    let control = Tree::of_tar_gz(member("control.tar.gz")?).context("control.tar.gz")?;
    let data = Tree::of_tar_gz(member("data.tar.gz")?).context("data.tar.gz")?;
    ensure!(rest.is_empty(), "something comes after data.tar.gz");
    Ok((control, data))
}
