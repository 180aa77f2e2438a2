//! What the controller tells of a box while it is watched: an engineer's `line3 watch`, with the time of each event.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::operation::{Line3, Seen};
use crate::process::Process;

/// How often is looked whether something has happened.
const PACE: Duration = Duration::from_millis(20);

/// What happened.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
enum Event {
    Box {
        #[serde(rename = "box")]
        seen: Box<Seen>,
    },
    #[serde(rename_all = "camelCase")]
    Report {
        run_id: String,
        sequence: u64,
    },
    #[serde(other)]
    Other,
}

/// A box that is watched, until this is dropped.
pub struct Watch {
    process: Process,
    events: Arc<Mutex<Vec<(Instant, Event)>>>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

/// A time in which the controller did not see the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// How long, from when it was told as gone until it could be asked again.
    pub lasted: Duration,
    /// It came back as another run of its agent.
    pub new_run: bool,
}

impl Watch {
    /// Watches a box that the controller knows.
    pub fn start(line3: &Line3, folder: &Path, id: &str) -> Result<Self> {
        let file = folder.join("watch.json");
        let mut command = line3.command();
        command.args(["watch", id, "--json"]);
        let process = Process::start("line3 watch", &command, &file)?;
        let (events, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let reader = std::thread::spawn({
            let (events, over) = (Arc::clone(&events), Arc::clone(&over));
            move || read(&file, &events, &over)
        });
        Ok(Self { process, events, over, reader: Some(reader) })
    }

    /// How many events there were; [`Self::absences`] counts from there.
    #[must_use]
    pub fn now(&self) -> usize {
        self.events().len()
    }

    /// The times since `from` in which the box was away, those that are over.
    pub fn absences(&mut self, from: usize) -> Result<Vec<Absence>> {
        self.process.lives()?;
        Ok(absences(&self.events(), from))
    }

    /// The reports that came, by the run of the agent: the numbers of each.
    #[must_use]
    pub fn reports(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let mut reports: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (_, event) in self.events() {
            if let Event::Report { run_id, sequence } = event {
                reports.entry(run_id).or_default().insert(sequence);
            }
        }
        reports
    }

    fn events(&self) -> Vec<(Instant, Event)> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // It ends at its next look.
            let _ = reader.join();
        }
    }
}

fn read(file: &PathBuf, events: &Mutex<Vec<(Instant, Event)>>, over: &AtomicBool) {
    let mut lines = 0;
    while !over.load(Ordering::Relaxed) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let now = Instant::now();
        for line in whole.lines().skip(lines) {
            lines += 1;
            if let Ok(event) = serde_json::from_str(line) {
                events.lock().unwrap_or_else(PoisonError::into_inner).push((now, event));
            }
        }
        std::thread::sleep(PACE);
    }
}

fn absences(events: &[(Instant, Event)], from: usize) -> Vec<Absence> {
    let mut found = Vec::new();
    let (mut run, mut gone) = (None, None);
    for (at, event) in events.iter().skip(from) {
        let Event::Box { seen } = event else { continue };
        if !seen.online {
            gone.get_or_insert(*at);
        } else if seen.ready {
            if let Some(gone) = gone.take() {
                found.push(Absence { lasted: *at - gone, new_run: run != seen.run_id });
            }
            run.clone_from(&seen.run_id);
        }
    }
    found
}

/// The numbers that are missing among the reports of a run, which counts from 1.
pub fn missing(numbers: &BTreeSet<u64>) -> Result<Vec<u64>> {
    let last = *numbers.last().context("no report came")?;
    ensure!(last < 1_000_000, "{last} is no number of a report of a short run");
    Ok((1..last).filter(|number| !numbers.contains(number)).collect())
}
