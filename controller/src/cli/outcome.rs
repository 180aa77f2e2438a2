//! What came of a call, as a person reads it.

use std::collections::BTreeMap;
use std::io;

use line3_proto::catalogue::{Catalogue, FieldEntry};

use super::screen::{Cell, Screen, Table, Tone};
use super::{supported, text};
use crate::fleet::{Outcome, Wrong};

/// Shows an outcome; the catalogue tells the units.
pub(super) fn show(screen: &mut Screen, outcome: &Outcome, catalogue: &Catalogue) -> io::Result<()> {
    match outcome {
        Outcome::Values { values, faults } => {
            let mut table = Table::new(&["parameter", "value", "unit"]);
            for (path, value) in sorted(values) {
                let unit = catalogue.parameter(path).map_or("", |(_, field)| text::unit(&field.unit));
                table.row([path.into(), value.as_str().into(), Cell::toned(Tone::Dim, unit)]);
            }
            screen.table(&table)?;
            show_faults(screen, faults, !values.is_empty())
        }
        Outcome::Instances { instances, faults } => {
            let mut table = Table::new(&["row", "unique keys"]);
            for (path, keys) in sorted(instances) {
                table.row([path.into(), pairs(keys).into()]);
            }
            screen.table(&table)?;
            if instances.is_empty() && faults.is_empty() {
                screen.line("no rows")?;
            }
            show_faults(screen, faults, !instances.is_empty())
        }
        Outcome::Supported { catalogue, faults } => {
            supported::catalogue(screen, catalogue, None, false)?;
            show_faults(screen, faults, !outcome.is_empty())
        }
        Outcome::Outputs { outputs, faults } => {
            for (command, values) in outputs {
                if outputs.len() > 1 {
                    screen.toned(Tone::Bold, command)?;
                }
                let fields = catalogue.command(command).map_or(&[][..], |command| &command.output);
                show_outputs(screen, values, fields)?;
            }
            show_faults(screen, faults, !outputs.is_empty())
        }
        Outcome::Changed { changes } => {
            let mut table = Table::new(&["", ""]).whole(&[0]);
            for row in changes.iter().flat_map(|change| &change.done) {
                table.row([row.path.as_str().into(), pairs(&row.values).into()]);
            }
            screen.table(&table)?;
            for change in changes.iter().filter(|change| change.done.is_empty() && change.faults.is_empty()) {
                screen.line(&format!("{}: no such row", change.requested))?;
            }
            show_faults(screen, changes.iter().flat_map(|change| &change.faults), !outcome.is_empty())
        }
        Outcome::Refused { faults } => show_faults(screen, faults, false),
    }
}

fn pairs(values: &BTreeMap<String, String>) -> String {
    values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// What went wrong, each on a line of its own; `below` something else.
fn show_faults<'a>(screen: &mut Screen, faults: impl IntoIterator<Item = &'a Wrong>, below: bool) -> io::Result<()> {
    let faults: Vec<&Wrong> = faults.into_iter().collect();
    if below && !faults.is_empty() {
        screen.line("")?;
    }
    // People copy paths: they are broken only where that would leave too little for the rest.
    let longest = faults.iter().map(|wrong| wrong.path.chars().count()).max().unwrap_or(0);
    let whole: &[usize] = if longest * 5 <= screen.width() * 3 { &[0] } else { &[] };
    let mut table = Table::new(&["failed", "error", "why"]).whole(whole);
    for Wrong { path, code, meaning, text } in faults {
        let path = if path.is_empty() { "all of it" } else { path };
        table.row([path.into(), Cell::toned(Tone::Bad, format!("{code} {meaning}")), text.as_str().into()]);
    }
    screen.table(&table)
}

fn sorted<V>(map: &BTreeMap<String, V>) -> Vec<(&str, &V)> {
    let mut sorted: Vec<(&str, &V)> = map.iter().map(|(path, value)| (path.as_str(), value)).collect();
    sorted.sort_by(|(a, _), (b, _)| text::natural(a, b));
    sorted
}

/// Output arguments: in the order in which the catalogue has them, then those it does not know.
fn show_outputs(screen: &mut Screen, values: &BTreeMap<String, String>, fields: &[FieldEntry]) -> io::Result<()> {
    let place = |name: &str| {
        let template = line3_proto::catalogue::template(name);
        fields.iter().position(|field| field.name == template)
    };
    let mut sorted: Vec<(Option<usize>, &str, &String)> = values.iter().map(|(name, value)| (place(name), name.as_str(), value)).collect();
    sorted.sort_by(|(at, a, _), (bt, b, _)| {
        // Rows stay together: `Result.1.` with all it has, then `Result.2.`.
        let in_order = || at.unwrap_or(usize::MAX).cmp(&bt.unwrap_or(usize::MAX)).then_with(|| text::natural(a, b));
        match (row_of(a), row_of(b)) {
            (Some(left), Some(right)) => text::natural(left, right).then_with(in_order),
            (None, None) => in_order(),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    });
    let mut table = Table::new(&["output", "value", "unit"]);
    for (at, name, value) in sorted {
        let unit = at.and_then(|at| fields.get(at)).map_or("", |field| text::unit(&field.unit));
        table.row([name.into(), value.as_str().into(), Cell::toned(Tone::Dim, unit)]);
    }
    screen.table(&table)
}

/// The row that a nested output is in: `Result.2` of `Result.2.Status`.
fn row_of(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(row, _)| row)
}

/// A ping as people know it.
pub(super) struct Ping {
    /// The lines.
    pub(super) text: Vec<String>,
    /// Whether any echo was answered.
    pub(super) answered: bool,
}

/// The outputs of a ping, as people know them.
pub(super) fn ping(host: &str, from: &str, outputs: &BTreeMap<String, String>) -> Ping {
    let number = |name: &str| outputs.get(name).and_then(|text| text.parse::<u64>().ok());
    let address = outputs.get("IPAddressUsed").map_or(String::new(), |address| format!(" ({address})"));
    let mut text = vec![format!("--- {host}{address} pinged from {from} ---")];
    let (answered, lost) = (number("SuccessCount").unwrap_or(0), number("FailureCount").unwrap_or(0));
    let sent = answered.saturating_add(lost);
    match outputs.get("Status").map(String::as_str) {
        Some("Complete") | None => {}
        Some("Error_CannotResolveHostName") => text.push("the host name has no address".to_owned()),
        Some("Error_NoRouteToHost") => text.push("there is no way to the host".to_owned()),
        Some(other) => text.push(other.to_owned()),
    }
    // Wide enough for any two counters.
    let tenths = (u128::from(lost) * 1000).checked_div(u128::from(sent));
    if let Some(tenths) = tenths {
        let loss = if tenths % 10 == 0 { format!("{}", tenths / 10) } else { format!("{}.{}", tenths / 10, tenths % 10) };
        text.push(format!("{sent} packets transmitted, {answered} received, {loss}% packet loss"));
    }
    let time = |name: &str| {
        // The detailed ones are in microseconds; an agent without them counts whole milliseconds.
        let precise = number(&format!("{name}ResponseTimeDetailed")).map(|us| format!("{}.{:03}", us / 1000, us % 1000));
        precise.or_else(|| number(&format!("{name}ResponseTime")).map(|ms| ms.to_string()))
    };
    if let (Some(min), Some(avg), Some(max)) = (time("Minimum"), time("Average"), time("Maximum"))
        && answered > 0
    {
        text.push(format!("rtt min/avg/max = {min}/{avg}/{max} ms"));
    }
    Ping { text, answered: answered > 0 }
}
