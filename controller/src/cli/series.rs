//! What a parameter was over time.

use line3_proto::Wall;

use super::args::SeriesArgs;
use super::screen::{Cell, Table, Tone};
use super::session::{Failure, Session};
use super::{Exit, blocks, boxes, text};
use crate::views::{BoxView, PointView, SeriesView};

/// How many points are listed unless all are asked for.
const LISTED: usize = 20;
/// The widest line of blocks.
const WIDEST: usize = 100;

pub(super) fn show(session: &mut Session<'_>, args: &SeriesArgs) -> Result<Exit, Failure> {
    let now = session.screen.now();
    let to = args.to.map_or(now, |to| to.seen_from(now));
    let from = args.from.map_or_else(|| Wall(to.0.saturating_sub(text::millis(args.last))), |from| from.seen_from(now));
    if from >= to {
        return Err(Failure::Usage(format!("--from {} is not before --to {}", text::at(from), text::at(to))));
    }
    let (from_ms, to_ms) = (from.0.to_string(), to.0.to_string());
    let query = [("path", args.path.as_str()), ("from", from_ms.as_str()), ("to", to_ms.as_str())];
    let Some(series) = session.ask_box::<SeriesView>(&args.name, "/series", &query)? else { return Ok(Exit::Done) };
    session.screen.toned(Tone::Bold, &format!("{}  {}", series.path, series.box_id))?;
    session.screen.toned(Tone::Dim, &format!("{} to {}", text::at(from), text::at(to)))?;
    if series.points.is_empty() {
        return nothing(session, &args.name, &series);
    }
    let numbers = numbers(&series.points);
    let rates = if is_counter(&numbers, &series.unit) { rates(&numbers) } else { Vec::new() };
    list(session, &series, &rates, args.all)?;
    if !numbers.is_empty() {
        let unit = text::unit(&series.unit);
        drawn(session, "", &numbers, unit, from, to)?;
        if !rates.is_empty() {
            drawn(session, "rate: ", &rates, &format!("{unit}/s"), from, to)?;
        }
    }
    boxes::gaps(session, &series.gaps)?;
    Ok(Exit::Done)
}

fn list(session: &mut Session<'_>, series: &SeriesView, rates: &[(Wall, f64)], all: bool) -> Result<(), Failure> {
    let step = if all { 1 } else { series.points.len().div_ceil(LISTED) };
    let mut table = Table::new(&["at", "value", "unit", "rate"]).right(&[1, 3]);
    let unit = text::unit(&series.unit);
    let last = series.points.len().saturating_sub(1);
    // The newest is always among them.
    for (_, point) in series.points.iter().enumerate().filter(|(index, _)| (last - index).is_multiple_of(step)) {
        let rate = rates.binary_search_by_key(&point.at, |(at, _)| *at).ok().and_then(|index| rates.get(index));
        let rate = rate.map_or(String::new(), |(_, rate)| format!("{}/s", text::decimal(*rate)));
        table.row([text::at(point.at).into(), text::value(&point.value).into(), Cell::toned(Tone::Dim, unit), rate.into()]);
    }
    session.screen.table(&table)?;
    if step > 1 {
        session.screen.toned(Tone::Dim, &format!("one in {step} of {} points; --all shows them all", series.points.len()))?;
    }
    Ok(())
}

/// The line of blocks and what it spans.
fn drawn(session: &mut Session<'_>, name: &str, points: &[(Wall, f64)], unit: &str, from: Wall, to: Wall) -> Result<(), Failure> {
    let width = session.screen.width().saturating_sub(1).min(WIDEST);
    session.screen.line("")?;
    session.screen.line(&blocks::line(points, from, to, width))?;
    let (min, max) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), (_, value)| (min.min(*value), max.max(*value)));
    let now = points.last().map_or(0.0, |(_, value)| *value);
    // A unit that is a word or a letter stands apart from its number.
    let blank = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
    let [min, max, now] = [min, max, now].map(|number| format!("{}{blank}{unit}", text::decimal(number)));
    session.screen.line(&format!("{name}min {min}, max {max}, now {now}"))?;
    Ok(())
}

/// The points as numbers; none if one of them is a text. True is 1.
fn numbers(points: &[PointView]) -> Vec<(Wall, f64)> {
    let number = |point: &PointView| match &point.value {
        serde_json::Value::Bool(flag) => Some((point.at, f64::from(*flag))),
        value => value.as_f64().map(|number| (point.at, number)),
    };
    points.iter().map(number).collect::<Option<_>>().unwrap_or_default()
}

/// Whether it only ever grows, by whole numbers, and is no measure of a state.
fn is_counter(points: &[(Wall, f64)], unit: &str) -> bool {
    let states = ["percent", "degrees celsius", "seconds"];
    let grows = points.windows(2).all(|pair| matches!(pair, [(_, before), (_, after)] if before <= after));
    let whole = points.iter().all(|(_, value)| *value >= 0.0 && value.fract() == 0.0);
    let moved = points.first().map(|(_, first)| *first) < points.last().map(|(_, last)| *last);
    points.len() >= 3 && grows && whole && moved && !states.contains(&unit)
}

/// By how much a second it grew, at the end of each step.
fn rates(points: &[(Wall, f64)]) -> Vec<(Wall, f64)> {
    let rate = |pair: &[(Wall, f64)]| match pair {
        [(before, low), (after, high)] if after > before => {
            // Seconds between two reports: exact in a float for longer than there are boxes.
            let millis = u32::try_from(after.0.saturating_sub(before.0)).unwrap_or(u32::MAX);
            Some((*after, (high - low) * 1000.0 / f64::from(millis)))
        }
        _ => None,
    };
    points.windows(2).filter_map(rate).collect()
}

fn nothing(session: &mut Session<'_>, name: &str, series: &SeriesView) -> Result<Exit, Failure> {
    session.screen.line("no reports of it in that time")?;
    let Some(view) = session.ask_box::<BoxView>(name, "", &[])? else { return Ok(Exit::Done) };
    let mut paths = boxes::paths(session, &view)?;
    paths.sort_by(|a, b| text::natural(a, b));
    if paths.contains(&series.path) {
        session.screen.line("the box does report it: try a longer time, e.g. --last 7d")?;
    } else if paths.is_empty() {
        session.screen.line("the box has reported nothing in the last days")?;
    } else {
        session.screen.line("the box reports:")?;
        for path in paths {
            session.screen.line(&format!("  {path}"))?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<(Wall, f64)> {
        values.iter().enumerate().map(|(index, value)| (Wall(index as i64 * 2000), *value)).collect()
    }

    #[test]
    fn a_counter_has_a_rate() {
        let check = |values: &[f64], unit: &str, counter: bool| assert_eq!(is_counter(&points(values), unit), counter, "{values:?} {unit}");
        check(&[0.0, 10.0, 10.0, 30.0], "bytes", true);
        check(&[0.0, 10.0, 5.0], "bytes", false);
        check(&[5.0, 5.0, 5.0], "", false);
        check(&[0.0, 1.5, 2.0], "", false);
        check(&[40.0, 41.0, 42.0], "degrees celsius", false);
        check(&[1.0, 2.0], "", false);
        assert_eq!(rates(&points(&[0.0, 10.0, 10.0])), [(Wall(2000), 5.0), (Wall(4000), 0.0)]);
    }
}
