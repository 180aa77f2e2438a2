//! Reading history: blocks first, then what is still in the journal.

use std::collections::{BTreeMap, BTreeSet};

use line3_proto::{EndpointId, Wall};
use rusqlite::{Connection, params};

use super::Trouble;
use super::health::{History, State, rows, seen};
use crate::report::Reading;
use crate::store::block::{self, Set};
use crate::store::{Arrived, Day, MAX_POINTS, StoreError, place};

pub(super) fn series(
    db: &Connection,
    history: &History,
    id: &EndpointId,
    path: &str,
    from: Wall,
    to: Wall,
) -> Result<Vec<(Wall, Reading)>, Trouble> {
    let Some((no, state)) = history.of(id) else { return Ok(Vec::new()) };
    let mut points = Vec::new();
    let mut take = |point: (Wall, Reading)| -> Result<(), Trouble> {
        if (from..to).contains(&point.0) {
            if points.len() >= MAX_POINTS {
                return Err(StoreError::TooMany { what: "points in a series", max: MAX_POINTS, todo: "ask for a shorter time" }.into());
            }
            points.push(point);
        }
        Ok(())
    };
    let mut select = db.prepare_cached("SELECT bytes FROM block WHERE box = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day, part")?;
    let mut blocks = select.query(params![no, Day::of(from).0, Day::of(to).0])?;
    while let Some(row) = blocks.next()? {
        let bytes = row.get_ref(0)?.as_blob().map_err(|error| Trouble::Damaged(error.to_string()))?;
        block::column(bytes, path)?.into_iter().try_for_each(&mut take)?;
    }
    for mut set in in_journal(db, state)? {
        if let Ok(found) = set.report.values.binary_search_by(|(other, _)| other.as_str().cmp(path)) {
            take((set.at, set.report.values.swap_remove(found).1))?;
        }
    }
    points.sort_by_key(|(at, _)| *at);
    Ok(points)
}

/// What of a box is in no block yet, placed.
fn in_journal(db: &Connection, state: Option<&State>) -> Result<Vec<Set>, Trouble> {
    let rows = rows(db, state.map_or(&[], |state| &state.pending))?;
    let places = place::place(&seen(&rows));
    Ok(places.into_iter().zip(rows).map(|(at, (received, report))| Set { at, received, report }).collect())
}

pub(super) fn paths(db: &Connection, history: &History, id: &EndpointId) -> Result<Vec<String>, Trouble> {
    let Some((no, state)) = history.of(id) else { return Ok(Vec::new()) };
    let mut paths = BTreeSet::new();
    for set in in_journal(db, state)? {
        paths.extend(set.report.values.into_iter().map(|(path, _)| path));
    }
    let mut select =
        db.prepare_cached("SELECT bytes FROM block WHERE box = ?1 AND day > (SELECT max(day) FROM block WHERE box = ?1) - 7")?;
    for bytes in select.query_map([no], |row| row.get::<_, Vec<u8>>(0))? {
        paths.extend(block::paths(&bytes?)?);
    }
    Ok(paths.into_iter().collect())
}

pub(super) fn latest(db: &Connection, history: &History, id: &EndpointId) -> Result<Vec<Arrived>, Trouble> {
    let Some((no, state)) = history.of(id) else { return Ok(Vec::new()) };
    let mut sets = Vec::new();
    let mut select =
        db.prepare_cached("SELECT bytes FROM block WHERE box = ?1 AND day = (SELECT max(day) FROM block WHERE box = ?1) ORDER BY part")?;
    for bytes in select.query_map([no], |row| row.get::<_, Vec<u8>>(0))? {
        sets.extend(block::decode(&bytes?)?);
    }
    sets.extend(in_journal(db, state)?);
    let mut newest: BTreeMap<u32, Set> = BTreeMap::new();
    for set in sets {
        match newest.get(&set.report.profile) {
            Some(known) if (known.at, known.received) > (set.at, set.received) => {}
            _ => {
                newest.insert(set.report.profile, set);
            }
        }
    }
    Ok(newest.into_values().map(|set| Arrived { box_id: id.clone(), received: set.received, report: set.report }).collect())
}
