//! The audit log: reading it, and checking that it is whole.

use std::path::Path;

use super::args::{AuditArgs, AuditCommand};
use super::screen::{Cell, Screen, Table, Tone};
use super::session::{Failure, Session};
use super::{Exit, text};
use crate::audit::{Chain, Entry, Kind, Scope};
use crate::store::sqlite::read_audit;
use crate::views::{AuditView, VerifyView};

pub(super) fn audit(session: &mut Session<'_>, args: &AuditArgs) -> Result<Exit, Failure> {
    if let Some(AuditCommand::Verify { .. }) = &args.command {
        let answer = session.client.get("/api/audit/verify", &[])?;
        let view: VerifyView = answer.read()?;
        return tell(session.screen, session.json.then_some(answer.text.as_str()), &view);
    }
    let (from, limit) = (args.from.map(|from| from.to_string()), args.limit.to_string());
    let query: Vec<(&str, &str)> = from.iter().map(|from| ("from", from.as_str())).chain([("limit", limit.as_str())]).collect();
    let Some(rows) = session.ask::<Vec<AuditView>>("/api/audit", &query)? else { return Ok(Exit::Done) };
    let table = if session.screen.is_terminal() { narrow(&rows) } else { wide(&rows) };
    session.screen.table(&table)?;
    if rows.is_empty() {
        session.screen.line("no rows")?;
    }
    Ok(Exit::Done)
}

/// A column for each thing, for programs and wide files.
fn wide(rows: &[AuditView]) -> Table {
    let mut table = Table::new(&["n", "at", "what", "who", "on", "words", "why", "call"]).right(&[0]);
    for row in rows {
        let n = Cell::from(row.n.to_string());
        let Some(entry) = entry(row) else {
            table.row([n, "".into(), "?".into(), "".into(), "".into(), row.entry.to_string().into(), "".into(), "".into()]);
            continue;
        };
        let (reason, call) = (entry.reason.clone().unwrap_or_default(), entry.call.clone().unwrap_or_default());
        table.row([
            n,
            text::at(entry.at).into(),
            what(&entry),
            who(&entry).into(),
            on(&entry).into(),
            entry.words.into(),
            reason.into(),
            call.into(),
        ]);
    }
    table
}

/// All that is said in one column that wraps, for a terminal. A call's id is shortened as in `line3 calls`.
fn narrow(rows: &[AuditView]) -> Table {
    let mut table = Table::new(&["n", "at", "what", "who", "details"]).right(&[0]).whole(&[1, 2]);
    for row in rows {
        let n = Cell::from(row.n.to_string());
        let Some(entry) = entry(row) else {
            table.row([n, "".into(), "?".into(), "".into(), row.entry.to_string().into()]);
            continue;
        };
        let because = entry.reason.as_ref().map_or(String::new(), |reason| format!("because of {reason}"));
        let call = entry.call.as_ref().map_or(String::new(), |call| format!("(call {})", text::short(call)));
        let details =
            [on(&entry), entry.words.clone(), because, call].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        table.row([n, text::at(entry.at).into(), what(&entry), who(&entry).into(), details.into()]);
    }
    table
}

/// What a row says; `None`: a newer line3 wrote it, it is shown as it is.
fn entry(row: &AuditView) -> Option<Entry> {
    serde_json::from_value(row.entry.clone()).ok()
}

fn who(entry: &Entry) -> String {
    match (&entry.actor, &entry.role) {
        (Some(actor), Some(role)) => format!("{actor} ({role})"),
        (actor, _) => actor.clone().unwrap_or_default(),
    }
}

fn on(entry: &Entry) -> String {
    match &entry.scope {
        Some(Scope::Box(id)) => id.to_string(),
        Some(Scope::Fleet(words)) => format!("fleet: {words}"),
        None => String::new(),
    }
}

fn what(entry: &Entry) -> Cell {
    match (entry.kind, entry.state) {
        (Kind::Outcome, Some(state)) => Cell::toned(super::calls::tone(state), state.word()),
        (Kind::Outcome, None) => "outcome".into(),
        (Kind::Admitted, _) => "admitted".into(),
        (Kind::Refused, _) => Cell::toned(Tone::Bad, "refused"),
        (Kind::Evidence, _) => Cell::toned(Tone::Busy, "evidence"),
        (Kind::Trouble, _) => Cell::toned(Tone::Bad, "trouble"),
    }
}

/// Checks the chain in a database without its server, against the head beside it.
pub(super) fn verify_file(screen: &mut Screen, json: bool, file: &Path) -> Result<Exit, Failure> {
    // The head comes with the last row, and the walk must know it from the first: so the rows are walked twice.
    let unread = |error: crate::store::StoreError| Failure::Usage(error.to_string());
    let head = read_audit(file, &mut |_| {}).map_err(unread)?;
    let mut chain = Chain::new(head);
    let mut broken = None;
    let mut last = (0, String::new());
    read_audit(file, &mut |row| {
        if broken.is_none() {
            match chain.row(&row) {
                Ok(()) => last = (row.n, row.hash),
                Err(why) => broken = Some(why),
            }
        }
    })
    .map_err(unread)?;
    let walked = match broken {
        Some(broken) => Err(broken),
        None => chain.finish(),
    };
    let troubles = match &walked {
        Ok(verified) => verified.troubles.iter().map(|row| format!("row {row}: the log itself says that it was found damaged")).collect(),
        Err(broken) => vec![broken.to_string()],
    };
    let view = VerifyView { whole: walked.is_ok(), rows: last.0, head: last.1, troubles };
    let text = serde_json::to_string(&view).unwrap_or_default();
    tell(screen, json.then_some(text.as_str()), &view)
}

fn tell(screen: &mut Screen, json: Option<&str>, view: &VerifyView) -> Result<Exit, Failure> {
    if let Some(json) = json {
        screen.json(json)?;
    } else {
        let (tone, words) = if view.whole { (Tone::Good, "the audit log is whole") } else { (Tone::Bad, "the audit log is NOT whole") };
        screen.toned(tone, words)?;
        screen.line(&format!(
            "{} rows walked{}",
            view.rows,
            if view.head.is_empty() { String::new() } else { format!(", newest hash {}", view.head) }
        ))?;
        for trouble in &view.troubles {
            screen.toned(Tone::Bad, trouble)?;
        }
    }
    Ok(if view.whole { Exit::Done } else { Exit::Ended })
}
