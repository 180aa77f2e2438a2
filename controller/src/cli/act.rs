//! What is wanted of a box: it becomes a call, is followed to its end, and its outcome shown.

use std::collections::BTreeMap;
use std::time::Duration;

use line3_proto::catalogue::Catalogue;

use super::args::{DelArgs, GetArgs, InstancesArgs, PairsArgs, PingArgs, RunArgs, map};
use super::follow::{self, Ears};
use super::session::{Failure, Session};
use super::{Exit, outcome, text};
use crate::client::{ClientError, segment};
use crate::fleet::{Order, Outcome};
use crate::store::CallState;
use crate::views::{CallRequest, CallView};

/// The ping of TR-181.
const PING: &str = "Device.IP.Diagnostics.IPPing()";

/// How long a call without a limit of its own may take, as the server counts.
const USUAL: Duration = Duration::from_secs(30);

pub(super) fn get(session: &mut Session<'_>, args: GetArgs) -> Result<Exit, Failure> {
    let order = Order::Get { paths: args.paths, max_depth: args.depth.unwrap_or(0) };
    do_it(session, look(args.name, order), true)
}

pub(super) fn instances(session: &mut Session<'_>, args: InstancesArgs) -> Result<Exit, Failure> {
    let order = Order::GetInstances { paths: args.paths, first_level_only: false };
    do_it(session, look(args.name, order), true)
}

pub(super) fn set(session: &mut Session<'_>, args: PairsArgs) -> Result<Exit, Failure> {
    let values = map(args.values).map_err(Failure::Usage)?;
    do_it(session, CallRequest { reason: args.reason, ..look(args.name, Order::Set { object: args.path, values }) }, true)
}

pub(super) fn add(session: &mut Session<'_>, args: PairsArgs) -> Result<Exit, Failure> {
    let values = map(args.values).map_err(Failure::Usage)?;
    do_it(session, CallRequest { reason: args.reason, ..look(args.name, Order::Add { table: args.path, values }) }, true)
}

pub(super) fn del(session: &mut Session<'_>, args: DelArgs) -> Result<Exit, Failure> {
    do_it(session, CallRequest { reason: args.reason, ..look(args.name, Order::Delete { paths: args.paths }) }, true)
}

pub(super) fn run(session: &mut Session<'_>, args: RunArgs) -> Result<Exit, Failure> {
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
    let Some(Outcome::Outputs { outputs }) = call.result.as_ref().filter(|_| call.state == CallState::Succeeded) else {
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
        Err(error) => return Err(session.named(&request.box_name, error)),
    };
    let first: CallView = made.read()?;
    let over = first.state.is_final();
    let call = follow::to_its_end(session, &ears, first, quiet || session.json)?;
    if !session.json {
        return Ok(Some(call));
    }
    let end = if over { made } else { session.client.get(&format!("/api/calls/{}", segment(&call.id)), &[])? };
    session.screen.json(&end.text)?;
    if call.state == CallState::Succeeded { Ok(None) } else { Err(Failure::Ended) }
}

/// What the box can do, for units; empty where that is not known.
pub(super) fn catalogue(session: &Session<'_>, name: &str) -> Catalogue {
    session.client.get(&format!("/api/boxes/{}/catalogue", segment(name)), &[]).and_then(|answer| answer.read()).unwrap_or_default()
}

/// Says how a call ended.
pub(super) fn ended(session: &mut Session<'_>, call: &CallView) -> Result<Exit, Failure> {
    if call.state == CallState::Succeeded {
        if matches!(call.result, None | Some(Outcome::Outputs { .. } | Outcome::Changed { .. })) {
            let took = text::took(call.created, call.ended.unwrap_or(call.created));
            session.screen.note(&format!("{} succeeded in {took} (call {})", call.command, call.id))?;
        }
        return Ok(Exit::Done);
    }
    session.screen.note(&format!("{} {} (call {})", call.command, state_words(call), call.id))?;
    Ok(Exit::Ended)
}

/// The state of a call, and what there is to say about it.
pub(super) fn state_words(call: &CallView) -> String {
    let state = match call.state {
        CallState::TimedOut => "timed out",
        state => state.word(),
    };
    if call.words.is_empty() { state.to_owned() } else { format!("{state}: {}", call.words) }
}
