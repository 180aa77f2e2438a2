//! Whose the state directory is: an agent that stops being root gives it to the user that it becomes.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::Path;

use super::{Saved, check_name};

/// The most files in a state directory that is given away. The agent has a handful.
const MAX_FILES: usize = 64;

/// What a file system puts into its root by itself.
const LOST_AND_FOUND: &str = "lost+found";

impl Saved {
    /// Makes the state directory, for this user only; if it is there and root's, gives it to the user. Nothing but the agent's own
    /// files is given away, and no symbolic link is followed. Else says what is in the way.
    pub fn give_to(&self, uid: u32, gid: u32) -> Result<(), String> {
        let dir = self.dir();
        let made = dir.parent().map_or(Ok(()), |parent| DirBuilder::new().recursive(true).mode(0o755).create(parent));
        match made.and_then(|()| DirBuilder::new().mode(0o700).create(dir)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(format!("it cannot be made: {error}")),
            _ => {}
        }
        let found = fs::symlink_metadata(dir).map_err(|error| format!("it cannot be looked at: {error}"))?;
        if found.is_symlink() {
            return Err("it is a symbolic link; name the directory itself".to_owned());
        }
        if !found.is_dir() {
            return Err("it is no directory".to_owned());
        }
        if found.uid() == uid {
            return Ok(());
        }
        if !is_roots_alone(&found) {
            return Err("it is another user's, or others may write there; name a directory of the agent's own".to_owned());
        }
        // Root alone can change what is in there, so nothing is exchanged between the look and the deed.
        for name in files(dir)?.iter().map(String::as_str).chain(["."]) {
            lchown(dir.join(name), Some(uid), Some(gid)).map_err(|error| format!("{name} cannot be given to its user: {error}"))?;
        }
        Ok(())
    }
}

/// Whether only root can put something into a directory.
fn is_roots_alone(dir: &Metadata) -> bool {
    dir.uid() == 0 && dir.mode() & 0o022 == 0
}

/// The names of the agent's files in a directory of root's; an error if there is anything else.
fn files(dir: &Path) -> Result<Vec<String>, String> {
    let odd = |error: io::Error| format!("it cannot be listed: {error}");
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(odd)? {
        let entry = entry.map_err(odd)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == LOST_AND_FOUND {
            continue;
        }
        // This does not follow a link.
        let found = entry.metadata().map_err(odd)?;
        if !is_saved(&name) || !found.is_file() || found.nlink() != 1 || files.len() == MAX_FILES {
            return Err(format!("it is root's and holds {name:?}, which is none of the agent's files; name a directory of its own"));
        }
        files.push(name);
    }
    Ok(files)
}

/// Whether the agent gives a file this name: one that it keeps something under, or the left-over of an interrupted save.
fn is_saved(name: &str) -> bool {
    let name = name.strip_prefix('.').and_then(|hidden| hidden.strip_suffix(".new")).unwrap_or(name);
    check_name(name).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Any user but root will do; nothing looks up its name.
    const USER: (u32, u32) = (4711, 4712);

    /// A state directory of root's; `None`, said past the test harness, where the test is not root.
    fn roots() -> Option<(tempfile::TempDir, Saved)> {
        let dir = tempfile::tempdir().expect("a directory");
        if fs::metadata(dir.path()).expect("there").uid() != 0 {
            let _ = io::Write::write_all(&mut io::stderr(), b"!!! NOT TESTED, THIS IS NOT ROOT: whose the state directory is\n");
            return None;
        }
        let saved = Saved::at(dir.path().join("lib/state"));
        Some((dir, saved))
    }

    fn owner(path: &Path) -> (u32, u32, u32) {
        let found = fs::symlink_metadata(path).expect("there");
        (found.uid(), found.gid(), found.mode() & 0o777)
    }

    #[test]
    fn it_is_made_for_the_user_only() {
        let Some((_dir, saved)) = roots() else { return };
        saved.give_to(USER.0, USER.1).expect("made");
        assert_eq!(owner(saved.dir()), (USER.0, USER.1, 0o700));
        assert_eq!(owner(saved.dir().parent().expect("one")), (0, 0, 0o755));
        saved.give_to(USER.0, USER.1).expect("it has it already");
    }

    #[test]
    fn what_root_saved_is_given_to_the_user_that_comes_after() {
        let Some((_dir, saved)) = roots() else { return };
        saved.save("settings", b"x").expect("saved");
        fs::write(saved.dir().join(".journal.new"), "half").expect("written");
        fs::create_dir(saved.dir().join(LOST_AND_FOUND)).expect("made");
        saved.give_to(USER.0, USER.1).expect("given");
        assert_eq!(owner(saved.dir()), (USER.0, USER.1, 0o700));
        assert_eq!(owner(&saved.dir().join("settings")), (USER.0, USER.1, 0o600));
        assert_eq!(owner(&saved.dir().join(".journal.new")).0, USER.0);
        assert_eq!(owner(&saved.dir().join(LOST_AND_FOUND)).0, 0);
    }

    #[test]
    fn what_is_not_the_agents_stays_roots() {
        let Some((outside, _)) = roots() else { return };
        let secret = outside.path().join("secret");
        fs::write(&secret, "x").expect("written");
        type Put = fn(&Path, &Path);
        let cases: [(&str, Put); 5] = [
            ("\"link\"", |dir, secret| symlink(secret, dir.join("link")).expect("made")),
            ("\"hard\"", |dir, secret| fs::hard_link(secret, dir.join("hard")).expect("made")),
            ("\".profile\"", |dir, _| fs::write(dir.join(".profile"), "x").expect("written")),
            ("\"etc\"", |dir, _| fs::create_dir(dir.join("etc")).expect("made")),
            ("others may write", |dir, _| fs::set_permissions(dir, fs::Permissions::from_mode(0o1777)).expect("set")),
        ];
        for (why, put) in cases {
            let Some((_dir, saved)) = roots() else { return };
            saved.save("settings", b"x").expect("saved");
            put(saved.dir(), &secret);
            let error = saved.give_to(USER.0, USER.1).expect_err("refused");
            assert!(error.contains(why), "{why}: {error}");
            for path in [saved.dir(), &saved.dir().join("settings"), &secret] {
                assert_eq!(owner(path).0, 0, "{why}: {}", path.display());
            }
        }
    }

    #[test]
    fn a_link_to_a_directory_and_a_strangers_directory_are_refused() {
        let Some((dir, saved)) = roots() else { return };
        let real = dir.path().join("real");
        fs::create_dir(&real).expect("made");
        let link = Saved::at(dir.path().join("link"));
        symlink(&real, link.dir()).expect("made");
        assert_eq!(link.give_to(USER.0, USER.1).expect_err("refused"), "it is a symbolic link; name the directory itself");
        assert_eq!(owner(&real).0, 0);
        saved.give_to(USER.0 + 1, USER.1).expect("made");
        assert!(saved.give_to(USER.0, USER.1).expect_err("refused").starts_with("it is another user's"));
        fs::write(dir.path().join("file"), "").expect("written");
        assert_eq!(Saved::at(dir.path().join("file")).give_to(USER.0, USER.1).expect_err("refused"), "it is no directory");
    }
}
