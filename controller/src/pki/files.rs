//! How the authority's files get to disk: whole or not at all, secrets readable by their owner alone.
#![allow(clippy::disallowed_methods, reason = "this is where certificates are written")]

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    process,
};

use super::PkiError;

/// The mode of a file that anybody may read.
pub(super) const PUBLIC: u32 = 0o644;

/// The mode of a file that only its owner may read.
pub(super) const SECRET: u32 = 0o600;

/// Makes a directory that only its owner may enter; one that exists stays as it is.
pub(super) fn make_private_dir(dir: &Path) -> Result<(), PkiError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("create", dir))
}

/// Reads a file as text.
pub(super) fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(failed("read", path))
}

/// Writes a new file; one that exists is left alone, and an error.
pub(super) fn create(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    write(path, text, mode).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => PkiError::Exists { path: path.to_owned() },
        _ => failed("write", path)(cause),
    })
}

/// Writes a file beside its place and renames it: a reader sees the old one or the new one, after a power loss too.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", process::id()));
    let fresh = path.with_file_name(name);
    let written = write(&fresh, text, mode).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&fresh);
    }
    written.map_err(failed("write", path))
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError {
    let path = path.to_owned();
    move |cause| PkiError::Io { action, path, cause }
}
