//! `cargo cross size`: what the agents weigh, against their budgets and against the last committed table, and what weighs most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::build::Built;
use crate::say;
use crate::table::Table;
use crate::target::Target;
use crate::weigh::{self, Piece, Weight};

/// How many crates and symbols are shown of one target, and how many crates of a build that is over its budget.
const CRATES: usize = 15;
const SYMBOLS: usize = 20;
const BLAMED: usize = 5;

/// The committed table, by the names of targets.
pub type Sizes = BTreeMap<String, Weight>;

/// What `--json` writes of a target.
#[derive(Serialize)]
struct Report<'a> {
    target: &'a str,
    flavour: &'static str,
    budget: u64,
    /// The committed weight of the same target.
    before: Option<u64>,
    #[serde(flatten)]
    weight: &'a Weight,
    symbols: &'a [Piece],
}

/// An agent that is built, weighed.
struct Weighed<'a> {
    target: &'a Target,
    built: Built,
    weight: Weight,
    pieces: Vec<Piece>,
}

/// Shows what is built of `targets`; one target in detail. `write` makes it the committed table.
///
/// # Errors
/// Nothing of it is built, or a file cannot be read or written.
pub fn size(root: &Path, targets: &[Target], json: bool, write: bool) -> Result<()> {
    let mut weighed = Vec::new();
    for target in targets {
        match Built::found(root, target) {
            Ok(built) => {
                let (weight, pieces) = weigh::weigh(built.bytes, &built.symbols)?;
                weighed.push(Weighed { target, built, weight, pieces });
            }
            Err(error) if targets.len() == 1 => return Err(error),
            Err(_) => say::doing(&format!("{} is not built", target.name)),
        }
    }
    ensure!(!weighed.is_empty(), "nothing is built; run `cargo cross build all`");
    let mut sizes = committed(root)?;
    if json {
        say::result(&serde_json::to_string_pretty(&reports(&weighed, &sizes))?);
    } else {
        totals(&weighed, &sizes).lines().iter().for_each(|line| say::result(line));
        if let ([_], [one]) = (targets, &weighed[..]) {
            say::result("");
            largest(one, sizes.get(&one.target.name)).into_iter().for_each(|line| say::result(&line));
        }
    }
    if write {
        sizes.extend(weighed.into_iter().map(|one| (one.target.name.clone(), one.weight)));
        let file = file(root);
        std::fs::write(&file, serde_json::to_string_pretty(&sizes)? + "\n").with_context(|| file.display().to_string())?;
        say::doing(&format!("written to {}", file.display()));
    }
    Ok(())
}

/// One line for each of what was built, against the committed table.
///
/// # Errors
/// A file cannot be read.
pub fn summary(root: &Path, built: &[(&Target, Built)]) -> Result<Vec<String>> {
    let weighed = built.iter().map(|(target, built)| {
        let weight = Weight { bytes: built.bytes, crates: BTreeMap::new() };
        Weighed { target, built: built.clone(), weight, pieces: Vec::new() }
    });
    Ok(totals(&weighed.collect::<Vec<_>>(), &committed(root)?).lines())
}

/// What made `built` so large: the crates that grew most since the committed table, or the largest if none did.
///
/// # Errors
/// Its symbols, or the committed table, cannot be read.
pub fn blame(root: &Path, target: &Target, built: &Built) -> Result<String> {
    let (weight, _) = weigh::weigh(built.bytes, &built.symbols)?;
    Ok(blamed(committed(root)?.get(&target.name), &weight))
}

fn blamed(before: Option<&Weight>, now: &Weight) -> String {
    let grown = before.map(|before| changes(before, now)).unwrap_or_default();
    let grown: Vec<_> = grown.into_iter().filter(|(_, change)| *change > 0).take(BLAMED).collect();
    let list = |parts: Vec<String>| parts.join(", ");
    if grown.is_empty() {
        let largest = by_size(now).into_iter().take(BLAMED).map(|(name, bytes)| format!("{name} {}", grouped(bytes)));
        return format!("no crate grew since the committed table; the largest are {}", list(largest.collect()));
    }
    format!("since the committed table grew {}", list(grown.iter().map(|(name, change)| format!("{name} {}", signed(*change))).collect()))
}

fn file(root: &Path) -> PathBuf {
    root.join("cross").join("sizes.json")
}

fn committed(root: &Path) -> Result<Sizes> {
    let file = file(root);
    let text = match std::fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Sizes::new()),
        text => text.with_context(|| file.display().to_string())?,
    };
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}

/// How the crates changed, those that grew most first. A crate that is only in one of them counts as 0 in the other.
fn changes<'a>(before: &'a Weight, now: &'a Weight) -> Vec<(&'a str, i64)> {
    let of = |weight: &Weight, name: &str| weight.crates.get(name).copied().unwrap_or(0);
    let gone = before.crates.keys().filter(|name| !now.crates.contains_key(*name));
    let mut changes: Vec<_> =
        now.crates.keys().chain(gone).map(|name| (name.as_str(), difference(of(before, name), of(now, name)))).collect();
    changes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    changes
}

fn by_size(weight: &Weight) -> Vec<(&str, u64)> {
    let mut crates: Vec<_> = weight.crates.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    crates.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    crates
}

fn difference(before: u64, now: u64) -> i64 {
    let [before, now] = [before, now].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    now.saturating_sub(before)
}

fn reports<'a>(weighed: &'a [Weighed<'_>], sizes: &Sizes) -> Vec<Report<'a>> {
    let report = |one: &'a Weighed<'_>| Report {
        target: &one.target.name,
        flavour: one.target.flavour.name(),
        budget: one.target.budget.binary,
        before: sizes.get(&one.target.name).map(|weight| weight.bytes),
        weight: &one.weight,
        symbols: one.pieces.get(..SYMBOLS).unwrap_or(&one.pieces),
    };
    weighed.iter().map(report).collect()
}

fn totals(weighed: &[Weighed<'_>], sizes: &Sizes) -> Table {
    let mut table = Table::new(&["target", "flavour", "bytes", "budget", "left", "committed", "change", "xz"]).right(2);
    for one in weighed {
        let (bytes, budget) = (one.weight.bytes, one.target.budget.binary);
        let before = sizes.get(&one.target.name).map(|weight| weight.bytes);
        table.row([
            one.target.name.clone(),
            one.target.flavour.name().to_owned(),
            grouped(bytes),
            grouped(budget),
            budget.checked_sub(bytes).map_or_else(|| format!("-{}", grouped(bytes - budget)), grouped),
            before.map(grouped).unwrap_or_default(),
            before.map(|before| signed(difference(before, bytes))).unwrap_or_default(),
            packed(&one.built.program).map(grouped).unwrap_or_default(),
        ]);
    }
    table
}

fn largest(one: &Weighed<'_>, before: Option<&Weight>) -> Vec<String> {
    let changes: BTreeMap<_, _> = before.map(|before| changes(before, &one.weight).into_iter().collect()).unwrap_or_default();
    let mut crates = Table::new(&["crate", "bytes", "change"]).right(1);
    for (name, bytes) in by_size(&one.weight).into_iter().take(CRATES) {
        let change = changes.get(name).map(|change| signed(*change));
        crates.row([name.to_owned(), grouped(bytes), change.unwrap_or_default()]);
    }
    let mut symbols = Table::new(&["bytes", "symbol"]);
    for piece in one.pieces.iter().take(SYMBOLS) {
        symbols.row([grouped(piece.bytes), piece.name.clone()]);
    }
    [crates.lines(), vec![String::new()], symbols.lines()].concat()
}

/// What the program weighs in a compressed file system, if this machine can tell.
fn packed(program: &Path) -> Option<u64> {
    let file = std::fs::File::open(program).ok()?;
    let xz = Command::new("xz").args(["--stdout", "-9"]).stdin(file).stderr(Stdio::null()).output().ok()?;
    if xz.status.success() { u64::try_from(xz.stdout.len()).ok() } else { None }
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn signed(number: i64) -> String {
    let sign = match number {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(crates: &[(&str, u64)]) -> Weight {
        let crates: BTreeMap<_, _> = crates.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        Weight { bytes: crates.values().sum(), crates }
    }

    #[test]
    fn what_grew_most_comes_first_and_what_is_gone_last() {
        let before = weight(&[("rustls", 100), ("toml", 50), ("gone", 30), ("same", 7)]);
        let now = weight(&[("rustls", 110), ("toml", 90), ("new", 20), ("same", 7)]);
        assert_eq!(changes(&before, &now), [("toml", 40), ("new", 20), ("rustls", 10), ("same", 0), ("gone", -30)]);
    }

    #[test]
    fn a_build_over_its_budget_says_by_what() {
        let before = weight(&[("rustls", 100), ("toml", 5000), ("less", 9)]);
        let now = weight(&[("rustls", 1_300), ("toml", 5001), ("less", 1)]);
        assert_eq!(blamed(Some(&before), &now), "since the committed table grew rustls +1,200, toml +1");
        let largest = "no crate grew since the committed table; the largest are toml 5,001, rustls 1,300, less 1";
        assert_eq!(blamed(Some(&now), &now), largest);
        assert_eq!(blamed(None, &now), largest);
    }

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!([0, 999, 1_000, 1_978_320].map(grouped), ["0", "999", "1,000", "1,978,320"]);
        assert_eq!([0, 1_000, -12].map(signed), ["0", "+1,000", "-12"]);
    }
}
