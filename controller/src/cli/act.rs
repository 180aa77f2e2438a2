//! What is wanted of a box: it becomes a call, is followed to its end, and its outcome shown.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::catalogue::Catalogue;
use line3_proto::fault::code;

use super::args::{DelArgs, EditArgs, GetArgs, InstancesArgs, PingArgs, RunArgs, map};
use super::follow::{self, Ears};
use super::session::{Failure, Session};
use super::{Exit, edits, outcome, quoting, text};
use crate::client::{ClientError, segment};
use crate::fleet::{Edit, Order, Outcome};
use crate::store::CallState;
use crate::views::{CallRequest, CallView};

/// The ping of TR-181.
const PING: &str = "Device.IP.Diagnostics.IPPing()";

/// How long a call without a limit of its own may take, as the server counts.
const USUAL: Duration = Duration::from_secs(30);

pub(super) fn get(session: &mut Session<'_>, args: GetArgs) -> Result<Exit, Failure> {
    quoted(&args.paths)?;
    let order = Order::Get { paths: args.paths, max_depth: args.depth.unwrap_or(0) };
    do_it(session, look(args.name, order), true)
}

pub(super) fn instances(session: &mut Session<'_>, args: InstancesArgs) -> Result<Exit, Failure> {
    quoted(&args.paths)?;
    let order = Order::GetInstances { paths: args.paths, first_level_only: args.first_level };
    do_it(session, look(args.name, order), true)
}

pub(super) fn set(session: &mut Session<'_>, args: EditArgs) -> Result<Exit, Failure> {
    edit(session, args, |objects, allow_partial| Order::Set { objects, allow_partial })
}

pub(super) fn add(session: &mut Session<'_>, args: EditArgs) -> Result<Exit, Failure> {
    edit(session, args, |objects, allow_partial| Order::Add { objects, allow_partial })
}

fn edit(session: &mut Session<'_>, args: EditArgs, order: impl Fn(Vec<Edit>, bool) -> Order) -> Result<Exit, Failure> {
    let objects = edits::read(args.path, args.words).map_err(Failure::Usage)?;
    quoted(objects.iter().map(|edit| &edit.path))?;
    do_it(session, CallRequest { reason: args.reason, ..look(args.name, order(objects, args.partial)) }, true)
}

pub(super) fn del(session: &mut Session<'_>, args: DelArgs) -> Result<Exit, Failure> {
    quoted(&args.paths)?;
    let order = Order::Delete { paths: args.paths, allow_partial: args.partial };
    do_it(session, CallRequest { reason: args.reason, ..look(args.name, order) }, true)
}

/// Tells of a path that lost its quotes on its way through the shell.
fn quoted<'a>(paths: impl IntoIterator<Item = &'a String>) -> Result<(), Failure> {
    paths.into_iter().try_for_each(|path| quoting::check(path)).map_err(Failure::Usage)
}

pub(super) fn run(session: &mut Session<'_>, args: RunArgs) -> Result<Exit, Failure> {
    quoted([&args.command])?;
    let command = if args.command.ends_with("()") { args.command } else { format!("{}()", args.command) };
    let order = Order::Operate { command, args: map(args.args).map_err(Failure::Usage)? };
    // The one deadline of the API covers the waiting, too.
    let deadline = match (args.wait, args.timeout) {
        (Some(wait), timeout) => Some(wait.saturating_add(timeout.unwrap_or(USUAL))),
        (None, timeout) => timeout,
    };
    let deadline = deadline.map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    let request = CallRequest { reason: args.reason, deadline, wait: args.wait.is_some(), ..look(args.name, order) };
    do_it(session, request, false)
}

pub(super) fn ping(session: &mut Session<'_>, args: PingArgs) -> Result<Exit, Failure> {
    let given = [("Host", args.host.clone()), ("NumberOfRepetitions", args.count.to_string())];
    let order = Order::Operate { command: PING.to_owned(), args: given.map(|(name, value)| (name.to_owned(), value)).into() };
    let request = CallRequest { reason: args.reason, ..look(args.name, order) };
    let Some(call) = through(session, &request, false)? else { return Ok(Exit::Done) };
    let Some(Outcome::Outputs { outputs, .. }) = call.result.as_ref().filter(|_| call.state == CallState::Succeeded) else {
        return ended(session, &call);
    };
    let none = BTreeMap::new();
    let lines = outcome::ping(&args.host, call.box_id.as_str(), outputs.values().next().unwrap_or(&none));
    for line in &lines.text {
        session.screen.line(line)?;
    }
    Ok(if lines.answered { Exit::Done } else { Exit::Ended })
}

fn look(name: String, order: Order) -> CallRequest {
    CallRequest { box_name: name, order, reason: String::new(), deadline: None, wait: false }
}

fn do_it(session: &mut Session<'_>, request: CallRequest, quiet: bool) -> Result<Exit, Failure> {
    let call = through(session, &request, quiet)?;
    let Some(call) = call else { return Ok(Exit::Done) };
    let catalogue = catalogue(session, call.box_id.as_str());
    if let Some(outcome) = &call.result {
        outcome::show(session.screen, outcome, &catalogue)?;
    }
    ended(session, &call)
}

/// Makes the call and follows it to its end. `None`: with `--json` it was printed and succeeded.
fn through(session: &mut Session<'_>, request: &CallRequest, quiet: bool) -> Result<Option<CallView>, Failure> {
    // Before the call is made: from here on Ctrl-C tells its id.
    let ears = Ears::new(session.screen);
    let made = match session.client.post("/api/calls", request) {
        Ok(answer) => answer,
        Err(error @ ClientError::Unreachable { sent: true, .. }) => {
            session.screen.note("it is not known whether the call was made: `line3 calls` tells, once the server is back")?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let first: CallView = made.read()?;
    let over = first.state.is_final();
    let call = follow::to_its_end(session, &ears, first, quiet || session.json)?;
    if !session.json {
        return Ok(Some(call));
    }
    let end = if over { made } else { session.client.get(&format!("/api/calls/{}", segment(&call.id)), &[])? };
    session.screen.json(&end.text)?;
    match exit_of(&call) {
        Exit::Done => Ok(None),
        exit => Err(Failure::Told(exit)),
    }
}

/// What the box can do, for units; empty where that is not known.
pub(super) fn catalogue(session: &Session<'_>, name: &str) -> Catalogue {
    session.client.get(&format!("/api/boxes/{}/catalogue", segment(name)), &[]).and_then(|answer| answer.read()).unwrap_or_default()
}

/// Says how a call ended.
pub(super) fn ended(session: &mut Session<'_>, call: &CallView) -> Result<Exit, Failure> {
    let faults = call.result.as_ref().map(Outcome::faults).unwrap_or_default();
    let advice = faults.iter().filter(|wrong| wrong.code == code::INVALID_PATH_SYNTAX).find_map(|wrong| quoting::advice(&wrong.path));
    let exit = exit_of(call);
    let acted = matches!(call.result, None | Some(Outcome::Outputs { .. } | Outcome::Changed { .. } | Outcome::Refused { .. }));
    let took = text::took(call.created, call.ended.unwrap_or(call.created));
    match exit {
        Exit::Done if acted => session.screen.note(&format!("{} succeeded in {took} (call {})", call.command, call.id))?,
        Exit::Done => {}
        Exit::Partly => {
            let how = if call.state == CallState::Succeeded { "succeeded" } else { call.state.word() };
            session.screen.note(&format!("{} {how} in part, see above (call {})", call.command, call.id))?;
        }
        // What was wrong with what has been shown.
        _ if !faults.is_empty() => session.screen.note(&format!("{} {} (call {})", call.command, state_word(call.state), call.id))?,
        _ => session.screen.note(&format!("{} {} (call {})", call.command, state_words(call), call.id))?,
    }
    if let Some(advice) = advice {
        session.screen.note(&advice)?;
    }
    Ok(exit)
}

fn exit_of(call: &CallView) -> Exit {
    match (call.state, &call.result) {
        (_, Some(result)) if result.is_partial() => Exit::Partly,
        (CallState::Succeeded, _) => Exit::Done,
        _ => Exit::Ended,
    }
}

fn state_word(state: CallState) -> &'static str {
    if state == CallState::TimedOut { "timed out" } else { state.word() }
}

/// The state of a call, and what there is to say about it.
pub(super) fn state_words(call: &CallView) -> String {
    let state = state_word(call.state);
    if call.words.is_empty() { state.to_owned() } else { format!("{state}: {}", call.words) }
}
