//! The boxes: a list, one with all that is known of it, and its labels.

use std::collections::BTreeMap;

use line3_proto::Wall;

use super::args::{BoxesArgs, LabelArgs, map};
use super::calls::table_of_calls;
use super::screen::{Cell, Table, Tone};
use super::session::{Failure, Session};
use super::{Exit, act, text};
use crate::client::segment;
use crate::views::{BoxView, CallView, GapView, LabelRequest, SeriesView};

/// How many calls are looked through for open ones.
const CALLS: &str = "50";

pub(super) fn list(session: &mut Session<'_>, args: &BoxesArgs) -> Result<Exit, Failure> {
    let label = match (&args.city, &args.label) {
        (Some(city), _) => Some(format!("city={city}")),
        (None, Some((name, value))) => Some(format!("{name}={value}")),
        (None, None) => None,
    };
    let flag = |yes: bool, no: bool| if yes { Some("true") } else { no.then_some("false") };
    let query = [
        ("q", args.text.as_deref()),
        ("model", args.model.as_deref()),
        ("online", flag(args.online, args.offline)),
        ("simulated", flag(args.simulated, args.real)),
        ("label", label.as_deref()),
    ];
    let query: Vec<(&str, &str)> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let Some(boxes) = session.ask::<Vec<BoxView>>("/api/boxes", &query)? else { return Ok(Exit::Done) };
    let now = session.screen.now();
    let screen = &mut *session.screen;
    let (simulated, real): (Vec<&BoxView>, Vec<&BoxView>) = boxes.iter().partition(|view| view.simulated);
    for (tone, title, views) in [(Tone::Bold, "real boxes", &real), (Tone::Busy, "simulated boxes", &simulated)] {
        if views.is_empty() {
            continue;
        }
        screen.toned(tone, title)?;
        let mut table = Table::new(&["id", "model", "firmware", "city", "state", "last report"]).whole(&[0]);
        for view in views {
            let of = |map: &BTreeMap<String, String>, name: &str| Cell::from(map.get(name).cloned().unwrap_or_default());
            table.row([
                view.id.as_str().into(),
                of(&view.identity, "ModelName"),
                of(&view.identity, "SoftwareVersion"),
                of(&view.labels, "city"),
                state(view, now),
                view.reported.map_or_else(|| Cell::toned(Tone::Dim, "none"), |at| text::ago(now, at).into()),
            ]);
        }
        screen.table(&table)?;
        screen.line("")?;
    }
    let online = boxes.iter().filter(|view| view.online).count();
    let filtered = if query.is_empty() { "" } else { " (of those asked for)" };
    screen.line(&format!("{} real, {} simulated; {online} online{filtered}", real.len(), simulated.len()))?;
    Ok(Exit::Done)
}

/// Whether it is there, or since when it is not.
fn state(view: &BoxView, now: Wall) -> Cell {
    match (view.online, view.ready) {
        (true, true) => Cell::toned(Tone::Good, "online"),
        (true, false) => Cell::toned(Tone::Busy, "online, not ready"),
        (false, _) => Cell::toned(Tone::Bad, format!("offline {}", text::length(now.0.saturating_sub(view.last_seen.0).max(0)))),
    }
}

pub(super) fn show(session: &mut Session<'_>, name: &str) -> Result<Exit, Failure> {
    let Some(view) = session.ask_box::<BoxView>(name, "", &[])? else { return Ok(Exit::Done) };
    facts(session, &view)?;
    health(session, &view)?;
    let calls: Vec<CallView> = session.client.get("/api/calls", &[("box", view.id.as_str()), ("limit", CALLS)])?.read()?;
    let open: Vec<CallView> = calls.into_iter().filter(|call| !call.state.is_final()).collect();
    session.screen.line("")?;
    session.screen.toned(Tone::Bold, if open.is_empty() { "no open calls" } else { "open calls" })?;
    let table = table_of_calls(session.screen, &open);
    session.screen.table(&table)?;
    // Gaps belong to the box; they come with any series.
    let path = match view.health.keys().next() {
        Some(path) => Some(path.clone()),
        None => paths(session, &view)?.into_iter().next(),
    };
    if let Some(path) = path {
        let now = session.screen.now();
        let (from, to) = ((now.0.saturating_sub(1000)).to_string(), now.to_owned().0.to_string());
        let query = [("path", path.as_str()), ("from", from.as_str()), ("to", to.as_str())];
        let series: SeriesView = session.client.get(&format!("/api/boxes/{}/series", segment(view.id.as_str())), &query)?.read()?;
        session.screen.line("")?;
        gaps(session, &series.gaps)?;
    }
    Ok(Exit::Done)
}

/// The paths that a box reports.
pub(super) fn paths(session: &Session<'_>, view: &BoxView) -> Result<Vec<String>, Failure> {
    Ok(session.client.get(&format!("/api/boxes/{}/paths", segment(view.id.as_str())), &[])?.read()?)
}

fn facts(session: &mut Session<'_>, view: &BoxView) -> Result<(), Failure> {
    let now = session.screen.now();
    let seen = |at: Wall| format!("{} ({})", text::at(at), text::ago(now, at));
    let mut table = Table::new(&["", ""]).whole(&[0]);
    let mut row = |name: &str, value: Cell| table.row([Cell::toned(Tone::Dim, format!("  {name}")), value]);
    row("state", state(view, now));
    row("last seen", seen(view.last_seen).into());
    row("last report", view.reported.map_or_else(|| "none since the server started".to_owned(), seen).into());
    row("first seen", seen(view.first_seen).into());
    for (name, value) in view.labels.iter().chain(&view.identity) {
        row(name, value.as_str().into());
    }
    for (name, value) in [("agent's run", &view.run_id), ("boot", &view.boot_id), ("catalogue", &view.catalogue)] {
        row(name, value.as_deref().unwrap_or("not known").into());
    }
    let simulated = if view.simulated { "  (simulated: no real box stands behind it)" } else { "" };
    session.screen.toned(Tone::Bold, &format!("{}{simulated}", view.id))?;
    session.screen.table(&table)?;
    Ok(())
}

fn health(session: &mut Session<'_>, view: &BoxView) -> Result<(), Failure> {
    session.screen.line("")?;
    if view.health.is_empty() {
        session.screen.toned(Tone::Bold, "no health reports since the server started")?;
        return Ok(());
    }
    let catalogue = act::catalogue(session, view.id.as_str());
    let mut table = Table::new(&["health", "value", "unit"]).right(&[1]);
    let mut sorted: Vec<(&String, &serde_json::Value)> = view.health.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| text::natural(a, b));
    for (path, value) in sorted {
        let unit = catalogue.parameter(path).map_or("", |(_, field)| text::unit(&field.unit));
        table.row([path.as_str().into(), text::value(value).into(), Cell::toned(Tone::Dim, unit)]);
    }
    session.screen.table(&table)?;
    Ok(())
}

/// Says plainly which reports are missing.
pub(super) fn gaps(session: &mut Session<'_>, gaps: &[GapView]) -> Result<(), Failure> {
    if gaps.is_empty() {
        session.screen.toned(Tone::Dim, "no reports are missing")?;
    }
    for gap in gaps {
        let count = gap.to.saturating_sub(gap.from).saturating_add(1);
        let which = if gap.from == gap.to { format!("number {}", gap.from) } else { format!("numbers {} to {}", gap.from, gap.to) };
        let (noun, verb) = if count == 1 { ("report", "is") } else { ("reports", "are") };
        session.screen.toned(Tone::Bad, &format!("{count} {noun} {verb} missing: {which} of the agent's run {}", gap.run))?;
    }
    Ok(())
}

pub(super) fn label(session: &mut Session<'_>, args: LabelArgs) -> Result<Exit, Failure> {
    let request = LabelRequest { labels: map(args.labels).map_err(Failure::Usage)?, reason: args.reason };
    let path = format!("/api/boxes/{}/labels", segment(&args.name));
    let answer = session.client.put(&path, &request)?;
    if let Some(view) = session.hand_over::<BoxView>(&answer)? {
        let mut labels: Vec<String> = view.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if labels.is_empty() {
            labels.push("no labels".to_owned());
        }
        session.screen.line(&format!("{}: {}", view.id, labels.join(" ")))?;
    }
    Ok(Exit::Done)
}
