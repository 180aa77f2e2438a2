//! OpenWrt's format for opkg: a gzipped tar of `debian-binary`, `data.tar.gz` and `control.tar.gz`.

use anyhow::{Context, Result, ensure};

use super::tree::{self, Tree};

const FORMAT: &[u8] = b"2.0\n";

/// Packs `data` with the files of `control`.
pub fn pack(control: &Tree, data: &Tree, epoch: u64) -> Result<Vec<u8>> {
    let members = [("debian-binary", FORMAT.to_vec()), ("data.tar.gz", data.tar_gz(epoch)?), ("control.tar.gz", control.tar_gz(epoch)?)];
    tree::flat_tar_gz(&members, epoch)
}

/// What [`pack`] packed: the control files and the data.
pub fn unpack(bytes: &[u8]) -> Result<(Tree, Tree)> {
    let outer = Tree::of_tar_gz(bytes)?;
    ensure!(outer.bytes("debian-binary")? == FORMAT, "its format is not 2.0");
    ensure!(outer.files().count() == 3, "it holds {} files, not 3", outer.files().count());
    let inner = |name: &str| Tree::of_tar_gz(outer.bytes(name)?).with_context(|| name.to_owned());
    Ok((inner("control.tar.gz")?, inner("data.tar.gz")?))
}
