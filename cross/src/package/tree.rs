//! Files as they will lie on the box, in an order that is always the same, and as a tar whose bytes are always the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

/// No package of ours unpacks to more, in bytes. Reading ends there.
const LIMIT: u64 = 64 << 20;

/// What gzip writes for a system that it does not name.
const NO_SYSTEM: u8 = 255;

/// A file, and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Files by their path from the root, without a slash at the start. All of them belong to root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, File>);

impl Tree {
    /// A file for all to read.
    pub fn file(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.add(path, 0o644, bytes);
    }

    /// A file for all to run.
    pub fn program(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.add(path, 0o755, bytes);
    }

    fn add(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.to_owned(), File { mode, bytes: bytes.into() });
    }

    /// The files, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// What is in the file at `path`.
    pub fn bytes(&self, path: &str) -> Result<&[u8]> {
        Ok(&self.0.get(path).with_context(|| format!("there is no {path}"))?.bytes)
    }

    /// What all files hold together, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.values().map(|file| file.bytes.len() as u64).sum()
    }

    /// The tree as a gzipped tar: folders before what is in them, all of it root's and of the time `epoch`, in seconds since 1970.
    pub fn tar_gz(&self, epoch: u64) -> Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        append(&mut tar, EntryType::Directory, "./", 0o755, &[], epoch)?;
        let mut folders = BTreeSet::new();
        for (path, file) in &self.0 {
            for (slash, _) in path.match_indices('/') {
                let folder = &path[..=slash];
                if folders.insert(folder) {
                    append(&mut tar, EntryType::Directory, &format!("./{folder}"), 0o755, &[], epoch)?;
                }
            }
            append(&mut tar, EntryType::Regular, &format!("./{path}"), file.mode, &file.bytes, epoch)?;
        }
        gzip(&tar.into_inner()?)
    }

    /// The files of a gzipped tar. Folders are not kept.
    ///
    /// # Errors
    /// It is no gzipped tar, holds something else than files and folders, or more than 64 MiB, or something comes after its end.
    pub fn of_tar_gz(bytes: &[u8]) -> Result<Self> {
        let (mut tar, mut packed) = (Vec::new(), GzDecoder::new(bytes));
        packed.by_ref().take(LIMIT + 1).read_to_end(&mut tar).context("it is no gzip")?;
        ensure!(tar.len() as u64 <= LIMIT, "it unpacks to more than {LIMIT} bytes");
        ensure!(packed.into_inner().is_empty(), "something comes after its end");
        let mut tree = Self::default();
        for entry in Archive::new(&tar[..]).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            match entry.header().entry_type() {
                EntryType::Directory => {}
                EntryType::Regular => {
                    let (mode, mut bytes) = (entry.header().mode()?, Vec::new());
                    entry.read_to_end(&mut bytes)?;
                    ensure!(tree.0.insert(path.clone(), File { mode, bytes }).is_none(), "{path} is in it twice");
                }
                other => anyhow::bail!("{path} is no file and no folder: {other:?}"),
            }
        }
        Ok(tree)
    }
}

/// Files without folders as a gzipped tar, in the order given.
pub fn flat_tar_gz(files: &[(&str, Vec<u8>)], epoch: u64) -> Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (name, bytes) in files {
        append(&mut tar, EntryType::Regular, &format!("./{name}"), 0o644, bytes, epoch)?;
    }
    gzip(&tar.into_inner()?)
}

fn append(tar: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, mode: u32, bytes: &[u8], epoch: u64) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    // As it stands: the library would take the leading dot away, which package managers expect.
    let name = &mut header.as_old_mut().name;
    ensure!(path.len() < name.len(), "{path}: a path in a package has at most {} bytes", name.len() - 1);
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_mtime(epoch);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    tar.append(&header, bytes)?;
    Ok(())
}

/// Packs `bytes` with no name and no time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packer = GzBuilder::new().operating_system(NO_SYSTEM).write(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.program("usr/sbin/b", "program");
        tree.file("etc/a.toml", "");
        tree
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let packed = tree().tar_gz(7).expect("it is packed");
        assert_eq!(Tree::of_tar_gz(&packed).expect("it is unpacked"), tree());
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_all_is_roots_and_of_one_time() {
        let packed = tree().tar_gz(7).expect("it is packed");
        let mut tar = Archive::new(GzDecoder::new(&packed[..]));
        let mut paths = Vec::new();
        for entry in tar.entries().expect("it is a tar") {
            let entry = entry.expect("it is an entry");
            let header = entry.header();
            assert_eq!((header.uid().ok(), header.gid().ok(), header.mtime().ok()), (Some(0), Some(0), Some(7)));
            paths.push(String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        }
        assert_eq!(paths, ["./", "./etc/", "./etc/a.toml", "./usr/", "./usr/sbin/", "./usr/sbin/b"]);
    }

    #[test]
    fn the_gzip_names_neither_a_file_nor_a_time() {
        let packed = gzip(b"a").expect("it is packed");
        assert_eq!(&packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, NO_SYSTEM]);
    }

    #[test]
    fn what_comes_after_the_end_is_seen() {
        let mut packed = tree().tar_gz(7).expect("it is packed");
        packed.push(0);
        assert_eq!(Tree::of_tar_gz(&packed).expect_err("it is longer").to_string(), "something comes after its end");
    }
}
