//! What the controller tells of a box while it is watched: an engineer's `line3 watch`, with the time of each event.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
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
    Report { run_id: String, sequence: u64 },
    #[serde(other)]
    Other,
}

type Events = Mutex<Vec<(Instant, Event)>>;

/// A box that is watched, until this is dropped.
pub struct Watch {
    process: Process,
    events: Arc<Events>,
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
    /// Watches a box that the controller knows; `file` takes what is told.
    pub fn start(line3: &Line3, file: &Path, id: &str) -> Result<Self> {
        let mut command = line3.command();
        command.args(["watch", id, "--json"]);
        let process = Process::start("line3 watch", &command, file)?;
        let lines = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
        let (events, over) = (Arc::<Events>::default(), Arc::new(AtomicBool::new(false)));
        let reader = std::thread::spawn({
            let (events, over) = (Arc::clone(&events), Arc::clone(&over));
            move || read(lines, &events, &over)
        });
        Ok(Self { process, events, over, reader: Some(reader) })
    }

    /// The times in which the box was away, those that are over.
    pub fn absences(&mut self) -> Result<Vec<Absence>> {
        self.process.lives()?;
        Ok(absences(&self.events()))
    }

    /// Whether the box is away now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let online = |(_, event): &(Instant, Event)| match event {
            Event::Box { seen } => Some(seen.online),
            _ => None,
        };
        self.events().iter().rev().find_map(online) == Some(false)
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

fn read(mut lines: BufReader<File>, events: &Events, over: &AtomicBool) {
    let mut line = String::new();
    while !over.load(Ordering::Relaxed) {
        // At the end of what is there now it gives what there is of a line, or nothing.
        if lines.read_line(&mut line).is_err() || !line.ends_with('\n') {
            std::thread::sleep(PACE);
            continue;
        }
        // The first line is not JSON: it says that it listens.
        if let Ok(event) = serde_json::from_str(&line) {
            events.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), event));
        }
        line.clear();
    }
}

fn absences(events: &[(Instant, Event)]) -> Vec<Absence> {
    let mut found = Vec::new();
    let mut gone = None;
    for (at, event) in events {
        let Event::Box { seen } = event else { continue };
        if !seen.online {
            gone.get_or_insert((*at, seen.run_id.clone()));
        } else if seen.ready
            && let Some((gone, run)) = gone.take()
        {
            found.push(Absence { lasted: at.duration_since(gone), new_run: run != seen.run_id });
        }
    }
    found
}

/// How many numbers are missing among those of a run's reports, which count from `first`.
#[must_use]
pub fn missing(numbers: &BTreeSet<u64>, first: u64) -> u64 {
    numbers.last().map_or(0, |last| (last + 1).saturating_sub(first).saturating_sub(numbers.range(first..).count() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(start: Instant, after: u64, run: &str, online: bool, ready: bool) -> (Instant, Event) {
        let seen = serde_json::json!({"event": "box", "box": {
            "id": "os::1", "online": online, "ready": ready, "simulated": false, "identity": {}, "catalogue": null, "runId": run, "reported": null
        }});
        (start + Duration::from_secs(after), serde_json::from_value(seen).expect("an event"))
    }

    #[test]
    fn an_absence_lasts_until_the_box_can_be_asked_again() {
        let start = Instant::now();
        let events = [
            told(start, 5, "a", false, false),
            told(start, 6, "a", false, false),
            told(start, 7, "b", true, false),
            told(start, 9, "b", true, true),
            told(start, 11, "b", false, false),
            told(start, 12, "b", true, true),
            told(start, 15, "b", false, false),
        ];
        let away = |seconds, new_run| Absence { lasted: Duration::from_secs(seconds), new_run };
        assert_eq!(absences(&events), [away(4, true), away(1, false)]);
    }

    #[test]
    fn a_missing_report_is_counted() {
        assert_eq!(missing(&BTreeSet::from([3, 4, 5]), 3), 0);
        assert_eq!(missing(&BTreeSet::from([3, 5, 8]), 3), 3);
        assert_eq!(missing(&BTreeSet::from([3, 5, 8]), 1), 5);
    }
}
