//! Calls: the newest, one, and stopping one.

use super::args::{CallsArgs, CancelArgs};
use super::screen::{Cell, Screen, Table, Tone};
use super::session::{Failure, Session};
use super::{Exit, act, outcome, text};
use crate::client::segment;
use crate::store::CallState;
use crate::views::{CallView, CancelRequest, Trouble};

/// An id: 128 bits, hexadecimal.
const ID: usize = 32;
/// How many calls are looked through for the beginning of an id.
const SOUGHT: &str = "500";

pub(super) fn list(session: &mut Session<'_>, args: &CallsArgs) -> Result<Exit, Failure> {
    let limit = args.limit.to_string();
    let query: Vec<(&str, &str)> = args.name.iter().map(|name| ("box", name.as_str())).chain([("limit", limit.as_str())]).collect();
    let answer = session.client.get("/api/calls", &query)?;
    let Some(calls) = session.hand_over::<Vec<CallView>>(&answer)? else { return Ok(Exit::Done) };
    if calls.is_empty() {
        session.screen.line("no calls")?;
    }
    let table = table_of_calls(session.screen, &calls);
    session.screen.table(&table)?;
    Ok(Exit::Done)
}

/// Calls as a table. On a terminal ids and commands are shortened: `line3 call` takes the one and shows the other whole.
pub(super) fn table_of_calls(screen: &Screen, calls: &[CallView]) -> Table {
    let now = screen.now();
    let mut table = Table::new(&["call", "made", "box", "what", "state", "who", "why"]).whole(&[0]);
    for call in calls {
        let (id, command) = if screen.is_terminal() {
            (text::short(&call.id), call.command.rsplit('.').next().unwrap_or_default().to_owned())
        } else {
            (call.id.clone(), call.command.clone())
        };
        let state = Cell::toned(tone(call.state), act::state_words(call));
        let made = text::ago(now, call.created);
        let actor = call.actor.as_str();
        table.row([id.into(), made.into(), call.box_id.as_str().into(), command.into(), state, actor.into(), call.reason.as_str().into()]);
    }
    table
}

/// What a state looks like.
pub(super) fn tone(state: CallState) -> Tone {
    match state {
        CallState::Succeeded => Tone::Good,
        state if state.is_final() => Tone::Bad,
        _ => Tone::Busy,
    }
}

pub(super) fn show(session: &mut Session<'_>, id: &str) -> Result<Exit, Failure> {
    let id = whole(session, id)?;
    let Some(call) = session.ask::<CallView>(&format!("/api/calls/{}", segment(&id)), &[])? else { return Ok(Exit::Done) };
    let now = session.screen.now();
    let mut table = Table::new(&["", ""]).whole(&[0]);
    let mut row = |name: &str, value: Cell| table.row([Cell::toned(Tone::Dim, name), value]);
    row("call", call.id.as_str().into());
    row("box", call.box_id.as_str().into());
    // What was asked for is the order, in the words of the audit log where we know its kind.
    let asked =
        serde_json::from_value::<crate::fleet::Order>(call.order.clone()).map_or_else(|_| call.order.to_string(), |order| order.words());
    row("asked for", asked.into());
    row("by", call.actor.as_str().into());
    row("because of", if call.reason.is_empty() { "-".into() } else { call.reason.as_str().into() });
    row("made", format!("{} ({})", text::at(call.created), text::ago(now, call.created)).into());
    if let Some(ended) = call.ended {
        row("ended", format!("{} (after {})", text::at(ended), text::took(call.created, ended)).into());
    }
    row("state", Cell::toned(tone(call.state), act::state_words(&call)));
    session.screen.table(&table)?;
    if let Some(result) = &call.result {
        let catalogue = act::catalogue(session, call.box_id.as_str());
        session.screen.line("")?;
        outcome::show(session.screen, result, &catalogue)?;
    }
    Ok(Exit::Done)
}

pub(super) fn cancel(session: &mut Session<'_>, args: CancelArgs) -> Result<Exit, Failure> {
    let id = whole(session, &args.id)?;
    let answer = session.client.post(&format!("/api/calls/{}/cancel", segment(&id)), &CancelRequest { reason: args.reason })?;
    if let Some(call) = session.hand_over::<CallView>(&answer)? {
        let how = if call.state.is_final() { "" } else { "asked to stop; now " };
        session.screen.line(&format!("call {}: {how}{}", call.id, act::state_words(&call)))?;
    }
    Ok(Exit::Done)
}

/// The whole id that begins so.
fn whole(session: &Session<'_>, begin: &str) -> Result<String, Failure> {
    if begin.len() >= ID {
        return Ok(begin.to_owned());
    }
    let calls: Vec<CallView> = session.client.get("/api/calls", &[("limit", SOUGHT)])?.read()?;
    let fitting: Vec<&str> = calls.iter().map(|call| call.id.as_str()).filter(|id| id.starts_with(begin)).collect();
    match fitting.as_slice() {
        [one] => Ok((*one).to_owned()),
        // An old one, perhaps: the server knows.
        [] => Ok(begin.to_owned()),
        several => {
            let message = format!("{} of the newest {SOUGHT} calls begin with {begin}: give more of the id", several.len());
            Err(Failure::NotFound(Trouble { error: "ambiguous-call".to_owned(), message }))
        }
    }
}
