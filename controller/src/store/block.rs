//! The block: the reports of one box on one day, column by column, compressed. Written as one version byte and a zstd frame of the
//! postcard form of `Wire`. Neighbours in a column are alike, so a column is differences or runs: that is where the smallness
//! comes from; zstd takes the rest.

mod column;

use std::collections::BTreeMap;

use line3_proto::Wall;
use serde::{Deserialize, Serialize};

use crate::report::{Reading, Report};
use column::{Column, data, deltas, runs, sums, unrun};

/// A block is full at so many reports: one day at one every five minutes. The next report opens another part.
pub const FULL_REPORTS: usize = 288;
/// A block is full at so many bytes before compression.
pub const FULL_BYTES: usize = 512 * 1024;
/// The most that a block may hold before compression, in bytes; more is taken for damage when read.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

const VERSION: u8 = 1;
/// zstd's level: after the columns it hardly matters, 1 and 19 were measured to differ by 2 % in size.
const LEVEL: i32 = 3;

/// One stored report.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Its place on the time axis.
    pub at: Wall,
    /// When it came.
    pub received: Wall,
    /// What it says.
    pub report: Report,
}

/// A block ready to be stored.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// What is stored.
    pub bytes: Vec<u8>,
    /// How large it was before compression, in bytes.
    pub raw: usize,
}

/// Why a block cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("history block: {0}")]
pub struct BadBlock(String);

fn bad(why: impl ToString) -> BadBlock {
    BadBlock(why.to_string())
}

/// The stored form. All vectors but `origins` and `columns` have one entry a report.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// Times in milliseconds, as differences of differences.
    at: Vec<i64>,
    /// How long after `at` it was received.
    waited: Vec<i64>,
    /// Differences.
    sequence: Vec<i64>,
    /// The box's clock less `received`, as differences; those without one repeat the last.
    clock: Vec<i64>,
    clock_known: Vec<(u32, bool)>,
    up_time: Vec<i64>,
    up_time_known: Vec<(u32, bool)>,
    origins: Vec<(u32, Origin)>,
    /// Sorted by path.
    columns: Vec<Column>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Origin {
    run_id: String,
    boot_id: String,
    profile: u32,
}

/// Makes a block.
pub fn encode(sets: &[Set]) -> Result<Encoded, BadBlock> {
    let mut columns: BTreeMap<&str, (Vec<bool>, Vec<&Reading>)> = BTreeMap::new();
    for (row, set) in sets.iter().enumerate() {
        for (path, reading) in &set.report.values {
            let (present, readings) = columns.entry(path).or_default();
            if present.len() > row {
                // A report has each path once; should one not, the first counts: an error here would stop compaction for good.
                continue;
            }
            present.resize(row, false);
            present.push(true);
            readings.push(reading);
        }
    }
    let columns = columns.into_iter().map(|(path, (mut present, readings))| {
        present.resize(sets.len(), false);
        Column { path: path.to_owned(), present: runs(present), data: data(&readings) }
    });
    let columns = columns.collect();

    let of = |value: &dyn Fn(&Set) -> i64| -> Vec<i64> { sets.iter().map(value).collect() };
    let known = |value: &dyn Fn(&Set) -> Option<i64>| {
        let mut last = 0;
        let filled = sets.iter().map(|set| {
            last = value(set).unwrap_or(last);
            last
        });
        (deltas(filled.collect()), runs(sets.iter().map(|set| value(set).is_some())))
    };
    let (clock, clock_known) = known(&|set| Some(set.report.clock?.0.wrapping_sub(set.received.0)));
    let (up_time, up_time_known) = known(&|set| set.report.up_time.map(u64::cast_signed));
    let wire = Wire {
        at: deltas(deltas(of(&|set| set.at.0))),
        waited: of(&|set| set.received.0.wrapping_sub(set.at.0)),
        sequence: deltas(of(&|set| set.report.sequence.cast_signed())),
        clock,
        clock_known,
        up_time,
        up_time_known,
        origins: runs(sets.iter().map(|set| Origin {
            run_id: set.report.run_id.clone(),
            boot_id: set.report.boot_id.clone(),
            profile: set.report.profile,
        })),
        columns,
    };
    let raw = postcard::to_allocvec(&wire).map_err(bad)?;
    if raw.len() > MAX_BYTES {
        return Err(bad(format!("{} bytes; at most {MAX_BYTES} go into one", raw.len())));
    }
    let mut bytes = vec![VERSION];
    bytes.extend(zstd::bulk::compress(&raw, LEVEL).map_err(bad)?);
    Ok(Encoded { bytes, raw: raw.len() })
}

/// Reads a whole block, in the order it was written.
pub fn decode(bytes: &[u8]) -> Result<Vec<Set>, BadBlock> {
    let wire = open(bytes)?;
    let count = wire.at.len();
    let at = sums(sums(wire.at));
    let sequence = sums(wire.sequence);
    let origins = unrun(wire.origins, count)?;
    let clock = knowns(wire.clock, wire.clock_known, count)?;
    let up_time = knowns(wire.up_time, wire.up_time_known, count)?;
    let mut sets = Vec::with_capacity(count);
    let rows = at.iter().zip(&wire.waited).zip(&sequence).zip(origins).zip(clock).zip(up_time);
    for (((((at, waited), sequence), origin), clock), up_time) in rows {
        let received = at.wrapping_add(*waited);
        let report = Report {
            run_id: origin.run_id,
            boot_id: origin.boot_id,
            profile: origin.profile,
            sequence: sequence.cast_unsigned(),
            up_time: up_time.map(i64::cast_unsigned),
            clock: clock.map(|ahead| Wall(ahead.wrapping_add(received))),
            values: Vec::new(),
        };
        sets.push(Set { at: Wall(*at), received: Wall(received), report });
    }
    if sets.len() != count {
        return Err(bad("its columns differ in length"));
    }
    for column in wire.columns {
        let path = column.path.clone();
        for (row, reading) in column.readings(count)? {
            let set = sets.get_mut(row).ok_or_else(|| bad("a column is too long"))?;
            set.report.values.push((path.clone(), reading));
        }
    }
    Ok(sets)
}

/// Reads one parameter out of a block, in the order it was written.
pub fn column(bytes: &[u8], path: &str) -> Result<Vec<(Wall, Reading)>, BadBlock> {
    let mut wire = open(bytes)?;
    let Ok(found) = wire.columns.binary_search_by(|column| column.path.as_str().cmp(path)) else {
        return Ok(Vec::new());
    };
    let at = sums(sums(wire.at));
    let readings = wire.columns.swap_remove(found).readings(at.len())?;
    readings.into_iter().map(|(row, reading)| Ok((Wall(*at.get(row).ok_or_else(|| bad("a column is too long"))?), reading))).collect()
}

/// The paths in a block, sorted.
pub fn paths(bytes: &[u8]) -> Result<Vec<String>, BadBlock> {
    Ok(open(bytes)?.columns.into_iter().map(|column| column.path).collect())
}

fn open(bytes: &[u8]) -> Result<Wire, BadBlock> {
    match bytes.split_first() {
        Some((&VERSION, frame)) => {
            let raw = zstd::bulk::decompress(frame, MAX_BYTES).map_err(bad)?;
            postcard::from_bytes(&raw).map_err(bad)
        }
        Some((version, _)) => Err(bad(format!("version {version} is unknown"))),
        None => Err(bad("empty")),
    }
}

fn knowns(deltas: Vec<i64>, known: Vec<(u32, bool)>, count: usize) -> Result<Vec<Option<i64>>, BadBlock> {
    let known = unrun(known, count)?;
    Ok(sums(deltas).into_iter().zip(known).map(|(value, known)| known.then_some(value)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn set(at: i64, sequence: u64, values: Vec<(String, Reading)>) -> Set {
        let report =
            Report { run_id: "r".into(), boot_id: "b".into(), profile: 1, sequence, up_time: Some(sequence * 300), clock: None, values };
        Set { at: Wall(at), received: Wall(at), report }
    }

    #[test]
    fn a_column_is_read_alone() {
        let sets: Vec<_> = (0..10)
            .map(|i| {
                let mut values = vec![("Device.A".to_owned(), Reading::Number(f64::from(i) / 10.0))];
                if i % 3 == 0 {
                    values.push(("Device.B".to_owned(), Reading::Text("Up".into())));
                }
                set(i64::from(i) * 300_000, u64::try_from(i).unwrap(), values)
            })
            .collect();
        let bytes = encode(&sets).unwrap().bytes;
        assert_eq!(decode(&bytes).unwrap(), sets);
        assert_eq!(paths(&bytes).unwrap(), ["Device.A", "Device.B"]);
        assert_eq!(column(&bytes, "Device.A").unwrap()[7], (Wall(2_100_000), Reading::Number(0.7)));
        assert_eq!(column(&bytes, "Device.B").unwrap().len(), 4);
        assert_eq!(column(&bytes, "Device.C").unwrap(), []);
    }

    #[test]
    fn damage_is_an_error() {
        let sets: Vec<_> = (0..50).map(|i| set(i, 1, vec![("Device.A".into(), Reading::Number(0.5))])).collect();
        let bytes = encode(&sets).unwrap().bytes;
        assert!(decode(&[]).is_err() && decode(&[2]).is_err());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end}");
        }
        let long = Wire {
            at: vec![0],
            waited: vec![0],
            sequence: vec![0],
            clock: vec![0],
            clock_known: vec![(1, true)],
            up_time: vec![0],
            up_time_known: vec![(u32::MAX, true)],
            origins: vec![(1, Origin { run_id: String::new(), boot_id: String::new(), profile: 1 })],
            columns: vec![],
        };
        let mut bytes = vec![VERSION];
        bytes.extend(zstd::bulk::compress(&postcard::to_allocvec(&long).unwrap(), LEVEL).unwrap());
        assert_eq!(decode(&bytes), Err(bad("a run has a wrong length")));
    }

    fn reading() -> impl Strategy<Value = Reading> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Reading::Number),
            (-1000_i32..1000).prop_map(|n| Reading::Number(f64::from(n) / 100.0)),
            Just(Reading::Number(-0.0)),
            any::<bool>().prop_map(Reading::Bool),
            "[a-c]{0,3}".prop_map(Reading::Text),
        ]
    }

    prop_compose! {
        fn any_set()(
            at: i64, received: i64, run in "[ab]", profile in 1..3_u32, sequence: u64, up_time: Option<u64>, clock: Option<i64>,
            values in proptest::collection::btree_map("[a-d]", reading(), 0..4),
        ) -> Set {
            let report = Report {
                run_id: run, boot_id: "b".into(), profile, sequence, up_time, clock: clock.map(Wall),
                values: values.into_iter().collect(),
            };
            Set { at: Wall(at), received: Wall(received), report }
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(sets in proptest::collection::vec(any_set(), 0..20)) {
            let bytes = encode(&sets).unwrap().bytes;
            let back = decode(&bytes).unwrap();
            prop_assert_eq!(format!("{back:?}"), format!("{sets:?}"), "Debug tells -0 from 0");
        }

        #[test]
        fn no_damage_panics(sets in proptest::collection::vec(any_set(), 1..5), at: prop::sample::Index, bits in 1..=255_u8) {
            let wire = zstd::bulk::decompress(&encode(&sets).unwrap().bytes[1..], MAX_BYTES).unwrap();
            let mut damaged = wire;
            let at = at.index(damaged.len());
            damaged[at] ^= bits;
            let mut bytes = vec![VERSION];
            bytes.extend(zstd::bulk::compress(&damaged, LEVEL).unwrap());
            let _ = (decode(&bytes), column(&bytes, "a"), paths(&bytes));
        }
    }
}
