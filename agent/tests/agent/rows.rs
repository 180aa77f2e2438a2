//! Things to look at that have every type of value: two tables, one in the other, and references between them.
#![allow(unreachable_pub, reason = "the fuzz targets use it too")]

use line3_agent::objects::{Found, Object, ObjectDef};
use line3_agent::view::View;
use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, Wall, row};

row! {
    /// One of each type.
    pub struct OneRow {
        /// Text.
        Name: String,
        /// A list.
        List: Vec<String>,
        /// A number.
        Count: u32,
        /// A large number.
        Large: u64,
        /// A number below zero.
        Less: i64,
        /// A fraction.
        Share: f64,
        /// Yes or no.
        On: bool,
        /// A moment.
        Since: Wall,
        /// What cannot be known of some rows.
        Maybe: Known<u32>,
        /// A reference.
        Next: String,
        /// References.
        All: Vec<String>,
        /// A reference by a unique key, one that names several objects, and one that could lead in circles.
        Key: String,
    }
}

/// `Device.T.{i}.`
pub struct One;

impl Object for One {
    const PATH: &'static str = "Device.T.{i}.";
    const DOC: &'static str = "One of each type.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"]];
    type Row = OneRow;
    fn read(_: &View<'_>) -> Result<Vec<Found<OneRow>>, Fault> {
        let row = |number: u32| OneRow {
            Name: ["eth0", "a b", "50% \"x\"", ""][number as usize % 4].to_owned() + &number.to_string(),
            List: (0..number % 4).map(|item| format!("i,{item}")).collect(),
            Count: number,
            Large: u64::MAX - u64::from(number),
            Less: -i64::from(number),
            Share: f64::from(number) / 4.0,
            On: number.is_multiple_of(2),
            Since: Wall(i64::from(number) * 86_400_000),
            Maybe: if number.is_multiple_of(3) { Err(Absent::because("every third")) } else { Ok(number) },
            Next: format!("Device.T.{}", number % 8 + 1),
            All: (1..=8).map(|other| format!("Device.T.{other}")).collect(),
            Key: match number % 4 {
                1 => "Device.T.[Name==\"eth04\"]".to_owned(),
                2 => "Device.T.[Count>2]".to_owned(),
                3 => "Device.T.[Key+.Count==1].".to_owned(),
                _ => "Device.T.[Name==\"gone\"]".to_owned(),
            },
        };
        Ok((1..=8).map(|number| Found::keyed([number.to_string()], row(number))).collect())
    }
}

row! {
    /// A row in a row.
    pub struct InnerRow {
        /// Text.
        Name: String,
        /// A reference out of it.
        Up: String,
        /// One that leads nowhere.
        Off: String,
    }
}

/// `Device.T.{i}.U.{i}.`
pub struct Inner;

impl Object for Inner {
    const PATH: &'static str = "Device.T.{i}.U.{i}.";
    const DOC: &'static str = "A row in a row.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"]];
    type Row = InnerRow;
    fn read(_: &View<'_>) -> Result<Vec<Found<InnerRow>>, Fault> {
        let row = |outer: u32, inner: u32| InnerRow {
            Name: inner.to_string(),
            Up: format!("Device.T.{outer}."),
            Off: if inner == 1 { String::new() } else { "Device.Nowhere.1".to_owned() },
        };
        let rows = (1..=8).flat_map(|outer| (1..=3).map(move |inner| (outer, inner)));
        Ok(rows.map(|(outer, inner)| Found::keyed([outer.to_string(), inner.to_string()], row(outer, inner))).collect())
    }
}

row! {
    /// An object in a row.
    pub struct StatsRow {
        /// A number.
        Errors: u32,
    }
}

/// `Device.T.{i}.Stats.`
pub struct Stats;

impl Object for Stats {
    const PATH: &'static str = "Device.T.{i}.Stats.";
    const DOC: &'static str = "An object in a row.";
    type Row = StatsRow;
    fn read(_: &View<'_>) -> Result<Vec<Found<StatsRow>>, Fault> {
        Ok((1..=8).map(|number| Found::keyed([number.to_string()], StatsRow { Errors: number * 10 })).collect())
    }
}

/// All of them.
pub const ROWS: &[ObjectDef] = &[ObjectDef::of::<One>(), ObjectDef::of::<Inner>(), ObjectDef::of::<Stats>()];
