//! What each firmware can do: its catalogue, by its digest. It is learnt once, from the store or from one box of that firmware, and
//! all boxes of it use it, so what a box gives must have the digest that it is to have: boxes are hostile.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use line3_proto::catalogue::{Catalogue, digest};
use line3_proto::usp::{Operate, Request};
use line3_proto::{EndpointId, Now};

use super::onboard::Lesson;
use super::{Fleet, Output};
use crate::store::{MAX_CATALOGUE, MAX_CATALOGUES};

/// How long one box may take to give its catalogue, while others of its firmware wait for it.
const TAKES: Duration = Duration::from_secs(120);

/// The most catalogues that are being learnt at a time; a box with one more is met again later. Each takes
/// [`MAX_CATALOGUE`] bytes at most.
const MAX_WANTED: usize = 64;

/// Catalogues known and being learnt.
#[derive(Default)]
pub(super) struct Catalogues {
    /// By digest. At most [`MAX_CATALOGUES`]: then those that no box uses go, and if all are in use one more is not taken.
    pub(super) known: HashMap<String, Arc<Catalogue>>,
    /// By digest. At most [`MAX_WANTED`].
    wanted: BTreeMap<String, Wanted>,
}

/// A catalogue that is being learnt.
#[derive(Default)]
struct Wanted {
    /// The store has not answered yet whether it has it.
    of_store: bool,
    /// The box that is asked for it.
    asked: Option<EndpointId>,
    /// Other boxes of this firmware.
    waiting: BTreeSet<EndpointId>,
}

impl Fleet {
    /// A box has told the digest of its catalogue.
    pub(super) fn find_catalogue(&mut self, now: Now, id: &EndpointId, digest: String) {
        if let Some(catalogue) = self.catalogues.known.get(&digest).cloned() {
            return self.catalogue_learnt(now, &digest, &catalogue, BTreeSet::from([id.clone()]));
        }
        if !self.catalogues.wanted.contains_key(&digest) {
            if self.catalogues.wanted.len() >= MAX_WANTED {
                return self.give_up(now, id, &format!("{MAX_WANTED} catalogues are being learnt; {id} is met again later"));
            }
            self.catalogues.wanted.insert(digest.clone(), Wanted { of_store: true, ..Wanted::default() });
            self.out.push_back(Output::WantCatalogue(digest.clone()));
        }
        self.teach(now, id, Lesson::Waiting { digest: digest.clone() }, None);
        if let Some(wanted) = self.catalogues.wanted.get_mut(&digest) {
            wanted.waiting.insert(id.clone());
        }
        self.ask_a_box(now, &digest);
    }

    /// The store has answered whether it has a catalogue.
    pub(super) fn catalogue_found(&mut self, now: Now, digest: &str, json: Option<Vec<u8>>) {
        let Some(wanted) = self.catalogues.wanted.get_mut(digest).filter(|wanted| wanted.of_store) else { return };
        wanted.of_store = false;
        let found = json.as_deref().filter(|json| self::digest(json) == digest).and_then(|json| serde_json::from_slice(json).ok());
        match found {
            Some(catalogue) => self.catalogue_known(now, digest, catalogue),
            None => self.ask_a_box(now, digest),
        }
    }

    /// Asks the next box for a catalogue, unless it is being asked for already.
    fn ask_a_box(&mut self, now: Now, digest: &str) {
        let Some(wanted) = self.catalogues.wanted.get_mut(digest) else { return };
        if wanted.of_store || wanted.asked.is_some() {
            return;
        }
        let Some(id) = wanted.waiting.pop_first() else {
            self.catalogues.wanted.remove(digest);
            return;
        };
        wanted.asked = Some(id.clone());
        let lesson = Lesson::Pages { digest: digest.to_owned(), so_far: String::new(), by: now.mono + TAKES };
        self.teach(now, &id, lesson, Some(page_request(0)));
    }

    /// A box does not wait for this catalogue any more.
    pub(super) fn wants_no_more(&mut self, now: Now, id: &EndpointId, digest: &str) {
        let Some(wanted) = self.catalogues.wanted.get_mut(digest) else { return };
        wanted.waiting.remove(id);
        if wanted.asked.as_ref() == Some(id) {
            wanted.asked = None;
        }
        self.ask_a_box(now, digest);
    }

    /// A box has given a page of its catalogue.
    pub(super) fn page(&mut self, now: Now, id: &EndpointId, outputs: &BTreeMap<String, String>) {
        let Some(Lesson::Pages { digest: told, so_far, by }) = self.boxes.get_mut(id).and_then(|known| known.lesson.as_mut()) else {
            return;
        };
        let total = outputs.get("Total").and_then(|total| total.parse::<usize>().ok()).unwrap_or(0);
        let data = outputs.get("Data").map_or("", String::as_str);
        so_far.push_str(data);
        if data.is_empty() || total > MAX_CATALOGUE || so_far.len() > total || *by <= now.mono {
            let (most, takes) = (MAX_CATALOGUE, TAKES.as_secs());
            let words =
                format!("{id} gives a catalogue that is not of the size it says, larger than {most} bytes, or takes longer than {takes} s");
            return self.give_up(now, id, &words);
        }
        if so_far.len() < total {
            let request = page_request(so_far.len());
            return self.ask_lesson(now, id, request);
        }
        let told = told.clone();
        let json = std::mem::take(so_far);
        let catalogue = serde_json::from_str::<Catalogue>(&json).ok().filter(|_| digest(json.as_bytes()) == told);
        let Some(catalogue) = catalogue else {
            return self.give_up(now, id, &format!("{id} gives a catalogue that is not the one of its digest"));
        };
        self.out.push_back(Output::KeepCatalogue { digest: told.clone(), json });
        self.catalogue_known(now, &told, catalogue);
    }

    /// A catalogue that was wanted is there.
    fn catalogue_known(&mut self, now: Now, digest: &str, catalogue: Catalogue) {
        let Some(Wanted { asked, mut waiting, .. }) = self.catalogues.wanted.remove(digest) else { return };
        waiting.extend(asked);
        self.catalogue_learnt(now, digest, &Arc::new(catalogue), waiting);
    }

    /// What these boxes can do is known.
    pub(super) fn catalogue_learnt(&mut self, now: Now, digest: &str, catalogue: &Arc<Catalogue>, boxes: BTreeSet<EndpointId>) {
        if !self.catalogues.known.contains_key(digest) && self.catalogues.known.len() >= MAX_CATALOGUES {
            let used: BTreeSet<&String> = self.boxes.values().filter_map(|known| known.row.catalogue.as_ref()).collect();
            self.catalogues.known.retain(|digest, _| used.contains(digest));
            if self.catalogues.known.len() >= MAX_CATALOGUES {
                for id in &boxes {
                    self.give_up(now, id, &format!("{MAX_CATALOGUES} catalogues are in use; that of {id} is not taken"));
                }
                return;
            }
        }
        self.catalogues.known.insert(digest.to_owned(), Arc::clone(catalogue));
        for id in boxes {
            let Some(known) = self.boxes.get_mut(&id) else { continue };
            let news = known.row.catalogue.as_deref() != Some(digest);
            known.row.catalogue = Some(digest.to_owned());
            let missing = std::mem::take(&mut known.to_add);
            self.out.push_back(Output::Knows { box_id: id.clone(), catalogue: Arc::clone(catalogue), ready: false });
            if news {
                self.changed(&id);
            }
            self.subscribe(now, &id, missing);
        }
    }
}

fn page_request(offset: usize) -> Request {
    Request::Operate(Operate {
        command: "Device.LocalAgent.X_LINE3_GetCatalogue()".to_owned(),
        command_key: String::new(),
        send_resp: true,
        input_args: BTreeMap::from([("Offset".to_owned(), offset.to_string())]),
    })
}
