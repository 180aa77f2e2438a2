//! The desk: where engineers' wishes come in. It finds the box, checks the order against the box's catalogue, has it admitted by the
//! audit and hands it to the fleet. The API speaks to this and to nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::catalogue::Catalogue;
use line3_proto::{EndpointId, Wall};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};

use crate::audit::{self, Actor, Describe, Reason, Scope};
use crate::board::{Board, json};
use crate::clock::wall;
use crate::fleet::{Call, Cancel, Input, Order};
use crate::keeper::{Keeper, Stopping};
use crate::orders::{Checked, check};
use crate::report::clean;
use crate::store::{CallRow, CallState, StoreError};
use crate::views::{AuditView, BoxView, CallRequest, CallView, Event, GapView, PointView, SeriesView, VerifyView};
use line3_proto::Effect;

mod catalogues;
mod error;

pub use error::DeskError;

/// How many names are offered for one that there is not.
const NEAREST: usize = 3;

/// How like a name must be to be offered, from 0 (not at all) to 1.
const ALIKE: f64 = 0.85;

/// The most labels of a box.
const MAX_LABELS: usize = 16;

/// The longest label or its value, in bytes.
const MAX_LABEL: usize = 64;

/// How long a call may take, in milliseconds.
const DEADLINE: std::ops::RangeInclusive<u64> = 1000..=86_400_000;

/// How long looking may take, where the request does not say.
const LOOK: Duration = Duration::from_secs(30);

/// What a command has on top of its own limit, where the request does not say.
const SLACK: Duration = Duration::from_secs(15);

/// A call as it is kept in [`CallRow::args`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptCall {
    /// What.
    pub order: Order,
    /// What it does to the box.
    pub effect: Option<Effect>,
    /// After how many milliseconds it is over.
    pub deadline: u64,
    /// Whether it waits for a box that is offline.
    pub wait: bool,
}

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    keeper: Keeper,
    board: Arc<Board>,
    fleet: mpsc::Sender<Input>,
}

impl Desk {
    /// A desk over these.
    #[must_use]
    pub fn new(keeper: Keeper, board: Arc<Board>, fleet: mpsc::Sender<Input>) -> Self {
        Self { keeper, board, fleet }
    }

    /// What is shown.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.board.events()
    }

    /// The box of this name: its endpoint id, or what names one box only: its serial number, or the end of its id.
    pub fn find(&self, name: &str) -> Result<BoxView, DeskError> {
        if let Some(view) = EndpointId::parse(name).ok().and_then(|id| self.board.find(&id)) {
            return Ok(view);
        }
        let serial = |view: &BoxView| view.identity.get("SerialNumber").is_some_and(|serial| serial == name);
        let mut found = self.board.boxes_where(|view| !name.is_empty() && (serial(view) || view.id.as_str().ends_with(name)));
        let name = clean(name, 80);
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let hint = match self.alike(&name).as_slice() {
                    [] => "; `line3 boxes` lists those that were heard of".to_owned(),
                    near => format!("; did you mean {}?", near.join(", ")),
                };
                Err(DeskError::NoSuchBox { name, hint })
            }
            count => Err(DeskError::Ambiguous { name, count, examples: some_ids(&found) }),
        }
    }

    /// The names of the boxes that may be meant by one that there is not: those that have it in their id, else those most like it.
    fn alike(&self, name: &str) -> Vec<String> {
        let name = name.to_lowercase();
        let has_it = |view: &BoxView| !name.is_empty() && view.id.as_str().to_lowercase().contains(&name);
        let near = self.board.boxes_where(has_it);
        if !near.is_empty() {
            return near.iter().take(NEAREST).map(|view| view.id.to_string()).collect();
        }
        let like = |view: &BoxView| {
            let id = view.id.as_str().to_lowercase();
            let serial = view.identity.get("SerialNumber").map(|serial| serial.to_lowercase()).unwrap_or_default();
            let end = id.rsplit(['-', ':']).next().unwrap_or_default();
            [id.as_str(), end, &serial].into_iter().map(|known| strsim::jaro_winkler(known, &name)).fold(0.0, f64::max)
        };
        let near = self.board.boxes_where(|view| like(view) > ALIKE);
        let mut ranked: Vec<(f64, String)> = near.iter().map(|view| (like(view), view.id.to_string())).collect();
        ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
        ranked.into_iter().take(NEAREST).map(|(_, id)| id).collect()
    }

    /// What a box can do, if that is known.
    pub async fn catalogue(&self, id: &EndpointId) -> Result<Option<Arc<Catalogue>>, DeskError> {
        if let Some(catalogue) = self.board.catalogue(id) {
            return Ok(Some(catalogue));
        }
        let Some(digest) = self.board.find(id).and_then(|view| view.catalogue) else { return Ok(None) };
        let bytes = self.keeper.run(move |kept| kept.store.catalogue(&digest)).await??;
        let catalogue: Option<Catalogue> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(catalogue.map(|catalogue| {
            let catalogue = Arc::new(catalogue);
            self.board.knows(id, Arc::clone(&catalogue));
            catalogue
        }))
    }

    /// Makes a call.
    pub async fn call(&self, actor: &Actor, request: CallRequest) -> Result<CallView, DeskError> {
        let view = self.find(&request.box_name)?;
        let catalogue = self.catalogue(&view.id).await?;
        let Checked { order, effect, limit } = check(request.order, catalogue.as_deref())?;
        let reason = if effect.is_none() && request.reason.is_empty() { "a look".to_owned() } else { request.reason };
        let reason = Reason::parse(&reason)?;
        let deadline = match request.deadline {
            Some(millis) if !DEADLINE.contains(&millis) => {
                return Err(DeskError::Text(format!("the deadline takes {} to {} ms, not {millis}", DEADLINE.start(), DEADLINE.end())));
            }
            Some(millis) => Duration::from_millis(millis),
            None => limit.map_or(LOOK, |limit| limit + SLACK),
        };
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| DeskError::Store(format!("no random numbers: {error}")))?;
        let id = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let call = Call { id, box_id: view.id, order, effect, deadline, wait: request.wait };
        self.admit(actor.clone(), reason, call).await
    }

    /// Has a call admitted by the audit, keeps it and hands it to the fleet.
    pub async fn admit(&self, actor: Actor, reason: Reason, call: Call) -> Result<CallView, DeskError> {
        let at = wall();
        let kept_call = KeptCall {
            order: call.order.clone(),
            effect: call.effect,
            deadline: u64::try_from(call.deadline.as_millis()).unwrap_or(u64::MAX),
            wait: call.wait,
        };
        let row = CallRow {
            id: call.id.clone(),
            box_id: call.box_id.clone(),
            command: call.order.name(),
            args: serde_json::to_string(&kept_call).map_err(|error| DeskError::Store(error.to_string()))?,
            actor: actor.name().to_owned(),
            reason: reason.to_string(),
            state: CallState::Queued,
            created: at,
            ended: None,
            result: None,
            error: None,
        };
        let shown = view_of(&row, None);
        let audited = self
            .keeper
            .run(move |kept| -> Result<_, DeskError> {
                let audited = kept.audit.admit(&mut *kept.store, at, &actor, reason, call)?;
                kept.store.put_call(&row)?;
                Ok(audited)
            })
            .await??;
        self.board.tell(Event::Call { call: Box::new(shown.clone()) });
        self.fleet.send(Input::Call(audited)).await.map_err(|_| Stopping)?;
        Ok(shown)
    }

    /// Has a call stopped.
    pub async fn cancel(&self, actor: &Actor, reason: &str, call: &str) -> Result<CallView, DeskError> {
        let reason = Reason::parse(reason)?;
        let view = self.call_view(call).await?;
        if view.state.is_final() {
            return Err(DeskError::Ended(view.id, view.state.word()));
        }
        let (at, actor, cancel) = (wall(), actor.clone(), Cancel { call: view.id.clone(), box_id: view.box_id.clone() });
        let audited = self.keeper.run(move |kept| kept.audit.admit(&mut *kept.store, at, &actor, reason, cancel)).await??;
        self.fleet.send(Input::Cancel(audited)).await.map_err(|_| Stopping)?;
        self.call_view(call).await
    }

    /// One call.
    pub async fn call_view(&self, id: &str) -> Result<CallView, DeskError> {
        let wanted = id.to_owned();
        let row = self.keeper.run(move |kept| kept.store.call(&wanted)).await??;
        let row = row.ok_or_else(|| DeskError::NoSuchCall(clean(id, 64)))?;
        Ok(view_of(&row, self.board.words_of(id)))
    }

    /// The newest calls, of one box or of all, newest first.
    pub async fn calls(&self, of: Option<EndpointId>, limit: usize) -> Result<Vec<CallView>, DeskError> {
        let rows = self.keeper.run(move |kept| kept.store.calls(of.as_ref(), limit)).await??;
        Ok(rows.iter().map(|row| view_of(row, self.board.words_of(&row.id))).collect())
    }

    /// What a parameter of a box was.
    pub async fn series(&self, id: &EndpointId, path: &str, from: Wall, to: Wall) -> Result<SeriesView, DeskError> {
        let (box_id, wanted) = (id.clone(), path.to_owned());
        let (points, gaps) = self
            .keeper
            .run(move |kept| -> Result<_, StoreError> { Ok((kept.store.series(&box_id, &wanted, from, to)?, kept.store.gaps(&box_id)?)) })
            .await??;
        let catalogue = self.catalogue(id).await?;
        let unit = catalogue.as_ref().and_then(|catalogue| Some(catalogue.parameter(path)?.1.unit.clone())).unwrap_or_default();
        Ok(SeriesView {
            box_id: id.clone(),
            path: clean(path, 256),
            unit,
            points: points.iter().map(|(at, reading)| PointView { at: *at, value: json(reading) }).collect(),
            gaps: gaps.into_iter().map(|gap| GapView { run: gap.run_id, from: gap.from, to: gap.to }).collect(),
        })
    }

    /// What a box reports.
    pub async fn paths(&self, id: &EndpointId) -> Result<Vec<String>, DeskError> {
        let id = id.clone();
        Ok(self.keeper.run(move |kept| kept.store.paths(&id)).await??)
    }

    /// Writes labels on a box.
    pub async fn label(
        &self,
        actor: &Actor,
        reason: &str,
        id: &EndpointId,
        labels: BTreeMap<String, String>,
    ) -> Result<BoxView, DeskError> {
        let reason = Reason::parse(reason)?;
        let fine = |text: &str| text.len() <= MAX_LABEL && clean(text, MAX_LABEL) == text;
        if let Some((name, value)) = labels.iter().find(|(name, value)| name.is_empty() || !fine(name) || !fine(value)) {
            let shown = clean(&format!("{name}={value}"), 160);
            return Err(DeskError::Text(format!("the label {shown:?} takes a name and a value of at most {MAX_LABEL} printable bytes")));
        }
        let (at, actor, box_id) = (wall(), actor.clone(), id.clone());
        let words = labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        let labelled = self
            .keeper
            .run(move |kept| -> Result<_, DeskError> {
                let mut row =
                    kept.store.find_box(&box_id)?.ok_or_else(|| DeskError::NoSuchBox { name: box_id.to_string(), hint: String::new() })?;
                row.labels.extend(labels);
                row.labels.retain(|_, value| !value.is_empty());
                if row.labels.len() > MAX_LABELS {
                    return Err(DeskError::Text(format!("a box takes at most {MAX_LABELS} labels; remove one with name=")));
                }
                let act = Label { box_id, words: format!("label {words}") };
                kept.audit.admit(&mut *kept.store, at, &actor, reason, act)?;
                kept.store.put_boxes(std::slice::from_ref(&row))?;
                Ok(row.labels)
            })
            .await??;
        let view = self.board.change(id, |view| view.labels = labelled);
        view.ok_or_else(|| DeskError::NoSuchBox { name: id.to_string(), hint: String::new() })
    }

    /// At most `limit` rows of the audit log, from number `from` on; without it, the newest.
    pub async fn audit_rows(&self, from: Option<u64>, limit: usize) -> Result<Vec<AuditView>, DeskError> {
        let rows = self
            .keeper
            .run(move |kept| {
                let newest = kept.store.audit_head()?.map_or(0, |head| head.n);
                let from = from.unwrap_or_else(|| newest.saturating_sub(limit as u64).saturating_add(1));
                kept.store.audit_rows(from, limit)
            })
            .await??;
        let view = |row: crate::store::AuditRow| AuditView {
            n: row.n,
            hash: row.hash,
            entry: serde_json::from_str(&row.body).unwrap_or(serde_json::Value::Null),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Walks the audit log.
    pub async fn verify(&self) -> Result<VerifyView, DeskError> {
        let verified = self.keeper.run(|kept| audit::verify(&mut *kept.store)).await?;
        Ok(match verified? {
            Ok(verified) => VerifyView {
                whole: verified.troubles.is_empty(),
                rows: verified.rows,
                head: verified.head.map(|head| head.hash).unwrap_or_default(),
                troubles: verified.troubles.iter().map(|row| format!("row {row}: the log noted here that it had been damaged")).collect(),
            },
            Err(broken) => VerifyView { whole: false, rows: broken.row, head: String::new(), troubles: vec![broken.to_string()] },
        })
    }
}

fn some_ids(boxes: &[BoxView]) -> String {
    boxes.iter().take(3).map(|view| view.id.to_string()).collect::<Vec<_>>().join(", ")
}

/// A call as it is shown; `words` say how far it is.
#[must_use]
pub fn view_of(row: &CallRow, words: Option<String>) -> CallView {
    let kept: serde_json::Value = serde_json::from_str(&row.args).unwrap_or_default();
    CallView {
        id: row.id.clone(),
        box_id: row.box_id.clone(),
        command: row.command.clone(),
        order: kept.get("order").cloned().unwrap_or_default(),
        actor: row.actor.clone(),
        reason: row.reason.clone(),
        state: row.state,
        created: row.created,
        ended: row.ended,
        result: row.result.as_deref().and_then(|result| serde_json::from_str(result).ok()),
        words: row.error.clone().or(words).unwrap_or_default(),
    }
}

/// Labels are written on a box.
struct Label {
    box_id: EndpointId,
    words: String,
}

impl Describe for Label {
    fn call_id(&self) -> &str {
        ""
    }
    fn effect(&self) -> Option<Effect> {
        Some(Effect::Read)
    }
    fn scope(&self) -> Scope {
        Scope::Box(self.box_id.clone())
    }
    fn words(&self) -> String {
        self.words.clone()
    }
}
