//! How a column is written small: differences of neighbours, or runs of equals.

use serde::{Deserialize, Serialize};

use super::{BadBlock, bad};
use crate::report::Reading;

#[derive(Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) path: String,
    /// Which reports have it: runs of yes and no.
    pub(super) present: Vec<(u32, bool)>,
    pub(super) data: Data,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Data {
    /// Whole numbers, as differences, to be divided by 10^places.
    Scaled { places: u8, deltas: Vec<i64> },
    /// Anything, as runs of equals.
    Runs(Vec<(u32, Reading)>),
}

impl Column {
    pub(super) fn readings(self, count: usize) -> Result<Vec<(usize, Reading)>, BadBlock> {
        let present = unrun(self.present, count)?;
        let rows: Vec<usize> = present.into_iter().enumerate().filter_map(|(row, there)| there.then_some(row)).collect();
        let readings = match self.data {
            Data::Scaled { places, deltas } => sums(deltas).into_iter().map(|n| Reading::Number(unscale(n, places))).collect(),
            Data::Runs(runs) => unrun(runs, rows.len())?,
        };
        if readings.len() != rows.len() {
            return Err(bad(format!("the column {} has a wrong length", self.path)));
        }
        Ok(rows.into_iter().zip(readings).collect())
    }
}

/// The smaller form of a column: runs where it seldom changes, differences for numbers, else runs.
pub(super) fn data(readings: &[&Reading]) -> Data {
    let changes = readings.windows(2).filter(|pair| !same(pair[0], pair[1])).count();
    if changes * 4 > readings.len()
        && let Some((places, scaled)) = (0..=MAX_PLACES).find_map(|places| Some((places, scale(readings, places)?)))
    {
        return Data::Scaled { places, deltas: deltas(scaled) };
    }
    let mut runs: Vec<(u32, Reading)> = Vec::new();
    for reading in readings {
        match runs.last_mut() {
            Some((length, last)) if same(last, reading) => *length += 1,
            _ => runs.push((1, (*reading).clone())),
        }
    }
    Data::Runs(runs)
}

/// Equal to the last bit (`0.0` is not `-0.0`).
fn same(a: &Reading, b: &Reading) -> bool {
    match (a, b) {
        (Reading::Number(a), Reading::Number(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

/// The most decimal places that a number is scaled by: dBm and temperatures have one to three.
const MAX_PLACES: u8 = 4;

/// All readings as whole numbers of 10^-places; `None` if one does not come back to the last bit.
#[expect(clippy::cast_possible_truncation, reason = "checked to come back")]
fn scale(readings: &[&Reading], places: u8) -> Option<Vec<i64>> {
    let scaled = readings.iter().map(|reading| match reading {
        Reading::Number(number) => {
            let scaled = (number * 10_f64.powi(places.into())).round();
            // Beyond 2^53 a double does not hold every whole number.
            let exact = scaled.abs() < 9e15 && unscale(scaled as i64, places).to_bits() == number.to_bits();
            exact.then_some(scaled as i64)
        }
        Reading::Bool(_) | Reading::Text(_) => None,
    });
    scaled.collect()
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 by the check in scale")]
fn unscale(scaled: i64, places: u8) -> f64 {
    scaled as f64 / 10_f64.powi(places.into())
}

pub(super) fn deltas(mut numbers: Vec<i64>) -> Vec<i64> {
    let mut last = 0;
    for number in &mut numbers {
        last = std::mem::replace(number, number.wrapping_sub(last));
    }
    numbers
}

pub(super) fn sums(mut deltas: Vec<i64>) -> Vec<i64> {
    let mut sum = 0_i64;
    for delta in &mut deltas {
        sum = sum.wrapping_add(*delta);
        *delta = sum;
    }
    deltas
}

pub(super) fn runs<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<(u32, T)> {
    let mut runs: Vec<(u32, T)> = Vec::new();
    for item in items {
        match runs.last_mut() {
            Some((length, last)) if *last == item => *length += 1,
            _ => runs.push((1, item)),
        }
    }
    runs
}

/// Spells runs out again; they must give `count` items, so a damaged length takes no memory.
pub(super) fn unrun<T: Clone>(runs: Vec<(u32, T)>, count: usize) -> Result<Vec<T>, BadBlock> {
    let total: u64 = runs.iter().map(|(length, _)| u64::from(*length)).sum();
    if u64::try_from(count) != Ok(total) {
        return Err(bad("a run has a wrong length"));
    }
    Ok(runs.into_iter().flat_map(|(length, item)| std::iter::repeat_n(item, length as usize)).collect())
}
