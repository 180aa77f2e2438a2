//! The power fails after every step of every save, and a disk loses of what was not synced whatever it can lose.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

/// One step, as it was done. A file is named by its number.
#[derive(Clone, Debug)]
enum Step {
    Create(PathBuf, usize),
    Write(usize, Vec<u8>),
    Sync(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir,
    /// The save has returned: whoever asked for it was told that it is done.
    Acknowledged,
}

/// A disk that notes what is done to it.
#[derive(Default)]
struct Recorder {
    steps: RefCell<Vec<Step>>,
    names: RefCell<BTreeMap<PathBuf, usize>>,
    files: RefCell<usize>,
}

impl Recorder {
    fn note(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }
}

impl Disk for Recorder {
    type File = usize;
    fn create(&self, path: &Path) -> io::Result<usize> {
        let file = self.files.replace_with(|files| *files + 1);
        assert_eq!(self.names.borrow_mut().insert(path.to_owned(), file), None, "it was there");
        self.note(Step::Create(path.to_owned(), file));
        Ok(file)
    }
    fn write(&self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.note(Step::Write(*file, bytes.to_vec()));
        Ok(())
    }
    fn sync(&self, file: &usize) -> io::Result<()> {
        self.note(Step::Sync(*file));
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.names.borrow_mut().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.names.borrow_mut().insert(to.to_owned(), file);
        self.note(Step::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.names.borrow_mut().remove(path).ok_or(io::ErrorKind::NotFound)?;
        self.note(Step::Remove(path.to_owned()));
        Ok(())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.note(Step::SyncDir);
        Ok(())
    }
}

/// What may be on the disk after some steps.
#[derive(Default)]
struct Remains {
    /// Each file: what of it is sure, and what was written since.
    files: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
    /// Each name: what it may name, the newest last. One that is sure has one entry.
    names: BTreeMap<PathBuf, Vec<Option<usize>>>,
}

impl Remains {
    fn of(steps: &[Step]) -> Self {
        let mut remains = Self::default();
        for step in steps {
            match step {
                Step::Create(path, file) => {
                    remains.files.insert(*file, (Vec::new(), Vec::new()));
                    remains.may_name(path, Some(*file));
                }
                Step::Write(file, bytes) => remains.files.get_mut(file).expect("made before").1.extend(bytes),
                Step::Sync(file) => {
                    let (sure, since) = remains.files.get_mut(file).expect("made before");
                    sure.append(since);
                }
                Step::Rename(from, to) => {
                    let file = *remains.names[from].last().expect("one");
                    remains.may_name(from, None);
                    remains.may_name(to, file);
                }
                Step::Remove(path) => remains.may_name(path, None),
                Step::SyncDir => remains.names.values_mut().for_each(|files| *files = files.split_off(files.len() - 1)),
                Step::Acknowledged => {}
            }
        }
        remains
    }

    fn may_name(&mut self, path: &Path, file: Option<usize>) {
        self.names.entry(path.to_owned()).or_insert_with(|| vec![None]).push(file);
    }

    /// What a file may hold: of what was not synced nothing, a part, all, or as many zeros.
    fn contents(&self, file: usize) -> Vec<Vec<u8>> {
        let (sure, since) = &self.files[&file];
        let with = |more: &[u8]| [sure.as_slice(), more].concat();
        if since.is_empty() {
            return vec![with(&[])];
        }
        let (half, zeros) = (since.len() / 2, vec![0; since.len()]);
        [&since[..0], &since[..1], &since[..half], &since[..since.len() - 1], since, &zeros].map(with).to_vec()
    }

    /// Everything that a name may show after the power is back.
    fn shows(&self, path: &Path) -> Vec<Option<Vec<u8>>> {
        let files = self.names.get(path).cloned().unwrap_or_else(|| vec![None]);
        let contents = |file: Option<usize>| match file {
            None => vec![None],
            Some(file) => self.contents(file).into_iter().map(Some).collect(),
        };
        files.into_iter().flat_map(contents).collect()
    }
}

/// Saves `count` states and gives the steps. A left-over of an interrupted save lies there first.
fn record(count: usize) -> Vec<Step> {
    let (disk, dir) = (Recorder::default(), Path::new("state"));
    let (fresh, target) = (dir.join(".settings.new"), dir.join("settings"));
    disk.create(&fresh).expect("it is new");
    for number in 0..count {
        replace(&disk, dir, &fresh, &target, &state(number)).expect("saved");
        disk.note(Step::Acknowledged);
    }
    disk.steps.into_inner()
}

/// States of all sizes, so that a torn one is not by chance another.
fn state(number: usize) -> Vec<u8> {
    format!("{{\"version\":1,\"state\":{number},\"more\":\"{}\"}}", "x".repeat(number * 37 % 101)).into_bytes()
}

#[test]
fn whenever_the_power_fails_the_last_acknowledged_state_or_the_next_is_there() {
    let steps = record(30);
    let (fresh, target) = (Path::new("state").join(".settings.new"), Path::new("state").join("settings"));
    let home = tempfile::tempdir().expect("a directory");
    let saved = Saved::at(home.path().to_owned());
    let mut looked = 0;
    for end in 0..=steps.len() {
        let acknowledged = steps[..end].iter().filter(|step| matches!(step, Step::Acknowledged)).count();
        let remains = Remains::of(&steps[..end]);
        for (shown, left_over) in remains.shows(&target).iter().flat_map(|shown| remains.shows(&fresh).into_iter().map(move |l| (shown, l)))
        {
            for (name, bytes) in [("settings", shown.as_ref()), (".settings.new", left_over.as_ref())] {
                let path = home.path().join(name);
                let _ = fs::remove_file(&path);
                if let Some(bytes) = bytes {
                    fs::write(&path, bytes).expect("written");
                }
            }
            let loaded = saved.load("settings").unwrap_or_else(|err| panic!("after {end} steps ({:?}): {err}", steps.get(end)));
            let before = acknowledged.checked_sub(1).map(state);
            assert!(loaded == before || loaded == Some(state(acknowledged)), "after {end} steps: {loaded:?}");
            // Whatever is left over, the next save works.
            if looked % 10 == 0 {
                saved.save("settings", b"next").expect("saved");
                assert_eq!(saved.load("settings").expect("whole"), Some(b"next".to_vec()));
            }
            looked += 1;
        }
    }
    assert!(looked > 500, "only {looked} cases");
}
