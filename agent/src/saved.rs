//! What outlives the agent: a few small files in its state directory. The only file of the agent that writes files.
//!
//! A file is a line `line3-saved 1 <sha256 of the rest>` and the rest. It is replaced as a whole: written beside the old one,
//! synced, renamed over it, and the directory synced. So a power failure at any moment leaves either the old or the new; a
//! block that wore out is found by its checksum.
#![allow(clippy::disallowed_methods, reason = "this is the file that writes files")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The most bytes kept under a name; more is an error of kind `FileTooLarge`, and what was kept before stays.
pub const MAX_SAVED: usize = 256 * 1024;

/// The version of the file format, in its first line.
const VERSION: &str = "1";

/// The longest first line, in bytes: the words, the digits of the checksum and the line's end.
const MAX_HEAD: usize = 96;

/// The agent's state directory.
#[derive(Clone, Debug)]
pub struct Saved {
    dir: PathBuf,
}

impl Saved {
    /// The state directory at this path; it is made, for the owner only, when something is first saved.
    #[must_use]
    pub fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps bytes under a name (letters, digits, `-`, `_`, `.` inside; 64 bytes at most), for the owner only (mode 0600). They
    /// are on the disk when it returns.
    pub fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_name(name)?;
        if bytes.len() > MAX_SAVED {
            let text = format!("{name} is not saved: it has {} bytes, and {MAX_SAVED} is the most", bytes.len());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let fresh = self.dir.join(format!(".{name}.new"));
        let replaced = self.make_dir().and_then(|()| replace(&Real, &self.dir, &fresh, &self.dir.join(name), bytes));
        replaced.map_err(|err| {
            // What is half written only takes room.
            let _ = fs::remove_file(&fresh);
            explain(&err, &format!("{name} is not saved in {}, what was there before stays", self.dir.display()))
        })
    }

    fn make_dir(&self) -> io::Result<()> {
        if self.dir.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    /// What was last kept under a name; `None` if nothing was. What is not what was kept is moved to `<name>.bad` (one is kept,
    /// the newest) and is an error of kind `InvalidData`.
    pub fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        check_name(name)?;
        let path = self.dir.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(explain(&err, &format!("{} cannot be read", path.display()))),
        };
        let mut text = Vec::new();
        let limit = MAX_SAVED + MAX_HEAD;
        file.take(limit as u64 + 1).read_to_end(&mut text).map_err(|err| explain(&err, &format!("{} cannot be read", path.display())))?;
        match open(&text) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(why) => Err(self.set_aside(name, &path, why)),
        }
    }

    fn set_aside(&self, name: &str, path: &Path, why: &str) -> io::Error {
        let bad = self.dir.join(format!("{name}.bad"));
        let moved = fs::rename(path, &bad).and_then(|()| File::open(&self.dir)?.sync_all());
        let outcome = match moved {
            Ok(()) => format!("it is kept as {}", bad.display()),
            Err(err) => format!("it could not be moved to {}: {err}", bad.display()),
        };
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is not used: {why}; {outcome}", path.display()))
    }
}

/// A disk, step by step: the power may fail after each.
trait Disk {
    /// An open file.
    type File;
    /// Makes a new file, for the owner only.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Writes on.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// What was written is on the disk when it returns.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name, which may be another file's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory are on the disk when it returns.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The disk of the box.
struct Real;

impl Disk for Real {
    type File = File;
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Writes a file beside the old one and puts it into its place.
fn replace<D: Disk>(disk: &D, dir: &Path, fresh: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    // A left-over of an interrupted save may have other permissions: never reuse it.
    match disk.remove(fresh) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let mut file = disk.create(fresh)?;
    disk.write(&mut file, head(bytes).as_bytes())?;
    disk.write(&mut file, bytes)?;
    disk.sync(&file)?;
    disk.rename(fresh, target)?;
    disk.sync_dir(dir)
}

fn head(bytes: &[u8]) -> String {
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("line3-saved {VERSION} {sum}\n")
}

/// The bytes of a file, if they are what was kept.
fn open(text: &[u8]) -> Result<&[u8], &'static str> {
    let end = text.iter().take(MAX_HEAD).position(|byte| *byte == b'\n').ok_or("it has no first line")?;
    let (line, bytes) = text.split_at(end + 1);
    if bytes.len() > MAX_SAVED {
        return Err("it is too large");
    }
    let mut words = line.split(|byte| *byte == b' ');
    if words.next() != Some(b"line3-saved") {
        return Err("it is no file of the agent");
    }
    if words.next() != Some(VERSION.as_bytes()) {
        return Err("it is of another version of the agent");
    }
    if line == head(bytes).as_bytes() { Ok(bytes) } else { Err("its checksum is wrong (a power failure, or worn flash)") }
}

/// A name is a file name of the state directory and nothing else.
pub(crate) fn check_name(name: &str) -> io::Result<()> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(fine) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name to save under")));
    }
    Ok(())
}

fn explain(err: &io::Error, what: &str) -> io::Error {
    io::Error::new(err.kind(), format!("{what}: {err}"))
}

mod owner;
#[cfg(test)]
mod power;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn fresh() -> (tempfile::TempDir, Saved) {
        let dir = tempfile::tempdir().expect("a directory");
        let saved = Saved::at(dir.path().join("state"));
        (dir, saved)
    }

    #[test]
    fn what_was_kept_comes_back_and_only_the_owner_can_read_it() {
        let (_dir, saved) = fresh();
        assert_eq!(saved.load("settings").expect("nothing yet"), None);
        for bytes in [&b"one"[..], b"", b"two\nlines\n"] {
            saved.save("settings", bytes).expect("saved");
            assert_eq!(saved.load("settings").expect("whole"), Some(bytes.to_vec()));
        }
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(saved.dir()), mode(&saved.dir().join("settings"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(saved.dir()).expect("a directory").count(), 1);
    }

    #[test]
    fn what_is_torn_is_set_aside_wherever_it_was_torn() {
        let (_dir, saved) = fresh();
        saved.save("journal", b"what was done").expect("saved");
        let path = saved.dir().join("journal");
        let whole = fs::read(&path).expect("there");
        let mut flipped = whole.clone();
        if let Some(byte) = flipped.last_mut() {
            *byte ^= 1;
        }
        let cuts = (0..whole.len()).map(|len| whole[..len].to_vec());
        for torn in cuts.chain([flipped, [&whole[..], b"x"].concat(), vec![0; 5000], b"line3-saved 2 x\ny".to_vec()]) {
            fs::write(&path, &torn).expect("written");
            let err = saved.load("journal").expect_err("it is torn");
            assert_eq!(err.kind(), io::ErrorKind::InvalidData, "{err}");
            assert_eq!(fs::read(saved.dir().join("journal.bad")).expect("set aside"), torn);
            assert_eq!(saved.load("journal").expect("gone"), None);
        }
    }

    #[test]
    fn a_failed_save_leaves_what_was_there() {
        let (_dir, saved) = fresh();
        saved.save("settings", b"old").expect("saved");
        // A directory where the new file is to be written: a save that cannot begin.
        fs::create_dir(saved.dir().join(".settings.new")).expect("made");
        let err = saved.save("settings", b"new").expect_err("it cannot be written");
        assert!(err.to_string().starts_with("settings is not saved in "), "{err}");
        assert_eq!(saved.load("settings").expect("whole"), Some(b"old".to_vec()));
        assert_eq!(saved.save("settings", &vec![0; MAX_SAVED + 1]).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
        fs::remove_dir(saved.dir().join(".settings.new")).expect("removed");
        // The left-over of a save that was interrupted is no obstacle.
        fs::write(saved.dir().join(".settings.new"), b"half").expect("written");
        saved.save("settings", &vec![7; MAX_SAVED]).expect("the most fits");
        assert_eq!(saved.load("settings").expect("whole").map(|bytes| bytes.len()), Some(MAX_SAVED));
    }

    #[test]
    fn a_name_is_no_path() {
        let (_dir, saved) = fresh();
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a b", &"x".repeat(65)] {
            assert_eq!(saved.save(name, b"").expect_err("refused").kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(saved.load(name).expect_err("refused").kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
