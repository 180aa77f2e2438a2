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
    let mut table = Table::new(&["n", "at", "what", "who", "on", "words", "why", "call"]).right(&[0]);
    for row in &rows {
        // A row that a newer line3 wrote is shown as it is.
        let Ok(entry) = serde_json::from_value::<Entry>(row.entry.clone()) else {
            let raw = row.entry.to_string();
            table.row([row.n.to_string().into(), "".into(), "?".into(), "".into(), "".into(), raw.into(), "".into(), "".into()]);
            continue;
        };
        let who = match (&entry.actor, &entry.role) {
            (Some(actor), Some(role)) => format!("{actor} ({role})"),
            (actor, _) => actor.clone().unwrap_or_default(),
        };
        let on = match &entry.scope {
            Some(Scope::Box(id)) => id.to_string(),
            Some(Scope::Fleet(words)) => format!("fleet: {words}"),
            None => String::new(),
        };
        let call = entry.call.clone().unwrap_or_default();
        let call: String = if session.screen.is_terminal() { call.chars().take(8).collect() } else { call };
        let reason = entry.reason.clone().unwrap_or_default();
        let cells =
            [row.n.to_string().into(), text::at(entry.at).into(), what(&entry), who.into(), on.into(), entry.words.into(), reason.into()];
        let [n, at, what, who, on, words, why] = cells;
        table.row([n, at, what, who, on, words, why, call.into()]);
    }
    session.screen.table(&table)?;
    if rows.is_empty() {
        session.screen.line("no rows")?;
    }
    Ok(Exit::Done)
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
