//! What the server shows: the newest state of every box, and what happens just now. In memory; rebuilt from the store at start.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use line3_proto::catalogue::Catalogue;
use line3_proto::{EndpointId, Wall};
use tokio::sync::broadcast;

use crate::report::{Reading, Report};
use crate::store::BoxRow;
use crate::views::{BoxView, Event};

/// How many events a slow reader may fall behind; beyond it the oldest are lost to it, and it is told so.
const EVENTS: usize = 4096;

/// The most calls whose newest word is held; beyond it all are forgotten, and the words come again with the next step.
const MAX_WORDS: usize = 20_000;

/// What the server shows.
pub struct Board {
    boxes: RwLock<BTreeMap<EndpointId, BoxView>>,
    catalogues: RwLock<HashMap<EndpointId, Arc<Catalogue>>>,
    /// How far calls are that have not ended, by call.
    words: Mutex<HashMap<String, String>>,
    events: broadcast::Sender<Arc<Event>>,
}

impl Default for Board {
    fn default() -> Self {
        Self { boxes: RwLock::default(), catalogues: RwLock::default(), words: Mutex::default(), events: broadcast::Sender::new(EVENTS) }
    }
}

// A panic while a lock is held leaves whole values behind: each is replaced in one piece.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// A reading as JSON.
#[must_use]
pub fn json(reading: &Reading) -> serde_json::Value {
    match reading {
        Reading::Number(number) => serde_json::Number::from_f64(*number).map_or(serde_json::Value::Null, |number| {
            // Whole numbers are shown without a fraction.
            match number.as_f64() {
                #[allow(clippy::cast_possible_truncation, reason = "in range by the guard")]
                Some(whole) if whole.fract() == 0.0 && whole.abs() < 9e15 => serde_json::Value::from(whole as i64),
                _ => serde_json::Value::Number(number),
            }
        }),
        Reading::Bool(flag) => serde_json::Value::from(*flag),
        Reading::Text(text) => serde_json::Value::from(text.as_str()),
    }
}

impl Board {
    /// All boxes, by id.
    #[must_use]
    pub fn boxes(&self) -> Vec<BoxView> {
        read(&self.boxes).values().cloned().collect()
    }

    /// The boxes for which something holds, by id.
    #[must_use]
    pub fn boxes_where(&self, holds: impl Fn(&BoxView) -> bool) -> Vec<BoxView> {
        read(&self.boxes).values().filter(|view| holds(view)).cloned().collect()
    }

    /// One box.
    #[must_use]
    pub fn find(&self, id: &EndpointId) -> Option<BoxView> {
        read(&self.boxes).get(id).cloned()
    }

    /// What a box can do.
    #[must_use]
    pub fn catalogue(&self, id: &EndpointId) -> Option<Arc<Catalogue>> {
        read(&self.catalogues).get(id).cloned()
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Tells everybody who listens.
    pub fn tell(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.events.send(Arc::new(event));
    }

    /// Shows a box as it is now.
    pub fn put_box(&self, row: &BoxRow) {
        let mut boxes = write(&self.boxes);
        let old = boxes.get(&row.id);
        let identity = row.identity.iter().map(|(path, value)| (path.rsplit('.').next().unwrap_or(path).to_owned(), value.clone()));
        let view = BoxView {
            id: row.id.clone(),
            simulated: row.simulated,
            online: row.online,
            ready: old.is_some_and(|old| old.ready) && row.online,
            first_seen: row.first_seen,
            last_seen: old.map_or(row.last_seen, |old| old.last_seen.max(row.last_seen)),
            labels: old.map_or_else(|| row.labels.clone(), |old| old.labels.clone()),
            identity: identity.collect(),
            catalogue: row.catalogue.clone(),
            run_id: row.run_id.clone(),
            boot_id: row.boot_id.clone(),
            health: old.map(|old| old.health.clone()).unwrap_or_default(),
            reported: old.and_then(|old| old.reported),
        };
        boxes.insert(row.id.clone(), view.clone());
        drop(boxes);
        self.tell(Event::Box { view: Box::new(view) });
    }

    /// Changes what is shown of a box, and tells.
    pub fn change(&self, id: &EndpointId, change: impl FnOnce(&mut BoxView)) -> Option<BoxView> {
        let mut boxes = write(&self.boxes);
        let view = boxes.get_mut(id)?;
        change(view);
        let view = view.clone();
        drop(boxes);
        self.tell(Event::Box { view: Box::new(view.clone()) });
        Some(view)
    }

    /// A box's catalogue is known.
    pub fn knows(&self, id: &EndpointId, catalogue: Arc<Catalogue>) {
        write(&self.catalogues).insert(id.clone(), catalogue);
    }

    /// A report has been stored. Whether its box is known to be there.
    pub fn reported(&self, id: &EndpointId, received: Wall, report: &Report) -> bool {
        let values: BTreeMap<String, serde_json::Value> =
            report.values.iter().map(|(path, reading)| (path.clone(), json(reading))).collect();
        let mut boxes = write(&self.boxes);
        // A report may precede the connect record; the box is shown once it has said that it is there.
        let online = boxes.get_mut(id).is_some_and(|view| {
            view.last_seen = view.last_seen.max(received);
            view.reported = Some(received);
            view.health.clone_from(&values);
            view.online
        });
        drop(boxes);
        let (run_id, sequence) = (report.run_id.clone(), report.sequence);
        self.tell(Event::Report { box_id: id.clone(), received, run_id, sequence, values });
        online
    }

    fn words(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds how far a call is; `None`: it has ended.
    pub fn put_words(&self, call: &str, words: Option<&str>) {
        let mut all = self.words();
        match words {
            Some(words) => {
                if all.len() >= MAX_WORDS {
                    all.clear();
                }
                all.insert(call.to_owned(), words.to_owned());
            }
            None => {
                all.remove(call);
            }
        }
    }

    /// How far a call is.
    #[must_use]
    pub fn words_of(&self, call: &str) -> Option<String> {
        self.words().get(call).cloned()
    }
}
