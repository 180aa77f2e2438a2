//! Carries the Fleet machine: one task, one loop. It takes its outputs to the link, the store, the audit log and the board.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::link::{Link, LinkError, LinkEvent};
use line3_proto::{EndpointId, Machine};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::audit::{Actor, Reason};
use crate::board::Board;
use crate::clock::{Clock, wall};
use crate::desk::{Desk, view_of};
use crate::fleet::{Call, Fleet, Input, Output, Step};
use crate::keeper::{Keeper, Kept, Stopping};
use crate::rights::Role;
use crate::store::{BoxRow, CallState, StoreError};
use crate::views::Event;

/// How long closing the link may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often changed boxes are kept.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The most inputs that wait for the fleet; beyond it whoever brings one waits.
pub const INBOX: usize = 1024;

/// What the fleet's loop works with.
pub struct Office {
    /// The store and the audit log.
    pub keeper: Keeper,
    /// What is shown.
    pub board: Arc<Board>,
    /// Where the fleet's own proposals go.
    pub desk: Desk,
    /// The way into this loop, for answers of the store.
    pub inbox: mpsc::Sender<Input>,
    /// The clock.
    pub clock: Clock,
}

/// Runs a fleet on a link until `stop` ends. `up` is called whenever the link has come up.
pub async fn run<L: Link>(
    mut fleet: Fleet,
    mut link: L,
    mut inputs: mpsc::Receiver<Input>,
    office: Office,
    up: impl Fn(),
    stop: impl Future<Output = ()>,
) -> Result<(), Stopping> {
    let mut stop = pin!(stop);
    let mut changed: BTreeMap<EndpointId, BoxRow> = BTreeMap::new();
    let mut keep: Interval = interval(KEEP_EVERY);
    keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while let Some(output) = fleet.poll() {
            carry_out(&mut fleet, &mut link, &office, &mut changed, output).await?;
        }
        let deadline = fleet.deadline().map(|deadline| office.clock.instant(deadline));
        let input = tokio::select! {
            () = &mut stop => break,
            event = link.next() => {
                if matches!(event, LinkEvent::Up(_)) {
                    up();
                }
                Input::Link(event)
            }
            Some(input) = inputs.recv() => input,
            _ = keep.tick(), if !changed.is_empty() => {
                put_boxes(&office.keeper, std::mem::take(&mut changed)).await?;
                continue;
            }
            () = async { match deadline { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => Input::Tick,
        };
        fleet.handle(office.clock.now(), input);
    }
    put_boxes(&office.keeper, changed).await?;
    link.close(FAREWELL).await;
    Ok(())
}

async fn put_boxes(keeper: &Keeper, changed: BTreeMap<EndpointId, BoxRow>) -> Result<(), Stopping> {
    if changed.is_empty() {
        return Ok(());
    }
    keeper
        .post(move |kept| {
            let mut rows: Vec<BoxRow> = changed.into_values().collect();
            for row in &mut rows {
                // Labels are the desk's to write.
                if let Ok(Some(old)) = kept.store.find_box(&row.id) {
                    row.labels = old.labels;
                }
            }
            if let Err(error) = kept.store.put_boxes(&rows) {
                tracing::error!("the state of {} boxes could not be kept: {error}", rows.len());
            }
        })
        .await
}

async fn carry_out<L: Link>(
    fleet: &mut Fleet,
    link: &mut L,
    office: &Office,
    changed: &mut BTreeMap<EndpointId, BoxRow>,
    output: Output,
) -> Result<(), Stopping> {
    match output {
        Output::Publish(token, publication) => {
            let refused = match link.publish(token, publication) {
                Ok(()) => return Ok(()),
                Err(LinkError::Full(_)) => "the outbox to the broker is full".to_owned(),
                Err(error) => error.to_string(),
            };
            fleet.handle(office.clock.now(), Input::Link(LinkEvent::Refused(token, refused)));
        }
        Output::Step(step) => keep_step(office, step).await?,
        Output::Evidence { call, words } => {
            office
                .keeper
                .post(move |kept| {
                    if let Err(error) = kept.audit.evidence(&mut *kept.store, wall(), &call, &words) {
                        tracing::error!("late evidence on call {call} could not be kept: {error}");
                    }
                })
                .await?;
        }
        Output::Box(row) => {
            office.board.put_box(&row);
            changed.insert(row.id.clone(), *row);
        }
        Output::Knows { box_id, catalogue, ready } => {
            office.board.knows(&box_id, catalogue);
            office.board.change(&box_id, |view| view.ready = ready);
        }
        Output::WantCatalogue(digest) => {
            let (keeper, inbox) = (office.keeper.clone(), office.inbox.clone());
            tokio::spawn(async move {
                let wanted = digest.clone();
                let json = keeper.run(move |kept| kept.store.catalogue(&wanted)).await.ok().and_then(Result::ok).flatten();
                // The loop has ended: nobody wants it any more.
                let _ = inbox.send(Input::Catalogue { digest, json }).await;
            });
        }
        Output::KeepCatalogue { digest, json } => {
            office
                .keeper
                .post(move |kept| {
                    if let Err(error) = kept.store.put_catalogue(&digest, json.as_bytes()) {
                        tracing::error!("the catalogue {digest} could not be kept: {error}");
                    }
                })
                .await?;
        }
        Output::Propose(call) => {
            tokio::spawn(propose(office.desk.clone(), call));
        }
        Output::Log(text) => tracing::info!("{text}"),
        Output::Warn(text) => tracing::warn!("{text}"),
    }
    Ok(())
}

/// Has the controller's own call admitted.
async fn propose(desk: Desk, call: Call) {
    let (Ok(actor), Ok(reason)) = (Actor::new("line3", Role::Lead), Reason::parse("getting to know the box")) else { return };
    let (id, words) = (call.box_id.clone(), call.order.words());
    if let Err(error) = desk.admit(actor, reason, call).await {
        tracing::error!("{id}: {words}: {error}");
    }
}

/// Keeps a step of a call, then shows it.
async fn keep_step(office: &Office, step: Step) -> Result<(), Stopping> {
    let board = Arc::clone(&office.board);
    let sends = step.state == CallState::Sent;
    let job = move |kept: &mut Kept| write_step(kept, &board, step);
    // What is sent stands as sent in the store before it goes out: so a call that is found queued after a crash never ran.
    if sends { office.keeper.run(job).await } else { office.keeper.post(job).await }
}

fn write_step(kept: &mut Kept, board: &Board, step: Step) {
    let (at, Step { call, state, result, words, .. }) = (wall(), step);
    board.put_words(&call, Some(words.as_str()).filter(|words| !words.is_empty() && !state.is_final()));
    let result = result.and_then(|result| serde_json::to_string(&result).ok());
    let error = Some(words.as_str()).filter(|words| state.is_final() && !words.is_empty());
    let mut written = kept.store.update_call(&call, state, at, result.as_deref(), error);
    if let Err(StoreError::TooLarge { .. }) = written {
        // How it ended counts more than what it gave.
        let words = format!("the result is too large to be kept; ask for less at a time. {words}");
        written = kept.store.update_call(&call, state, at, None, Some(words.trim_end()));
    }
    if let Err(error) = written {
        tracing::error!("call {call} is {} and that could not be kept: {error}", state.word());
    }
    if state.is_final()
        && let Err(error) = kept.audit.outcome(&mut *kept.store, at, &call, state, &words)
    {
        tracing::error!("the end of call {call} could not be written to the audit log: {error}");
    }
    if let Ok(Some(row)) = kept.store.call(&call) {
        let words = board.words_of(&call);
        board.tell(Event::Call { call: Box::new(view_of(&row, words)) });
    }
}
