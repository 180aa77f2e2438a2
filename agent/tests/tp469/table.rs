//! The table of all cases of the plan, with what came of each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::case::Case;

/// All cases of the plan: id, class, title, and why one does not apply.
const PLAN: &str = include_str!("cases.txt");

/// How many cases each section of the plan has.
const SECTIONS: [u32; 11] = [107, 27, 15, 1, 8, 12, 12, 7, 11, 13, 17];

/// The case that the plan itself has deleted.
const DELETED: &str = "1.69";

/// The cases that nobody may declare not to apply, by section, from and to: what every agent over MQTT 5 has to pass, and the
/// conditional ones of all that this agent supports.
const REQUIRED: &[(u32, u32, u32)] = &[
    (1, 1, 62),
    (1, 64, 68),
    (1, 70, 84),
    (1, 86, 107),
    (2, 1, 2),
    (2, 9, 27),
    (3, 1, 1),
    (4, 1, 1),
    (9, 9, 11),
    (10, 10, 13),
    (11, 1, 17),
];

/// What is wrong with `cases.txt` itself.
fn wrong_plan() -> Vec<String> {
    let of_section = |(section, count): (usize, &u32)| (1..=*count).map(move |case| format!("{}.{case}", section + 1));
    let all: Vec<_> = SECTIONS.iter().enumerate().flat_map(of_section).filter(|id| id != DELETED).collect();
    let mut wrong = Vec::new();
    if !plan().map(|case| case.id).eq(all.iter().map(String::as_str)) {
        wrong.push("cases.txt does not have each case of the plan once, in order".to_owned());
    }
    let required = REQUIRED.iter().flat_map(|&(section, from, to)| (from..=to).map(move |case| format!("{section}.{case}")));
    for id in required {
        if !plan().any(|case| case.id == id && case.why_not.is_empty()) {
            wrong.push(format!("{id} has to be passed, and cases.txt says that it does not apply"));
        }
    }
    wrong
}

/// One line of the plan.
struct Planned {
    id: &'static str,
    title: &'static str,
    /// Why it does not apply; empty: it does.
    why_not: &'static str,
}

fn plan() -> impl Iterator<Item = Planned> {
    PLAN.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut fields = line.split('|').map(str::trim);
        let (id, _class, title) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        Planned { id, title, why_not: fields.next().unwrap_or_default() }
    })
}

/// What is known of each case.
pub(crate) struct Table {
    /// The cases written, with what stands for what.
    written: BTreeMap<String, &'static str>,
    /// The ids that are written more than once.
    twice: Vec<String>,
    /// Whether a case passed, and how long it took.
    outcomes: Mutex<BTreeMap<String, (bool, Duration)>>,
}

impl Table {
    pub(crate) fn new<'a>(cases: impl Iterator<Item = &'a Case>) -> Self {
        let mut table = Self { written: BTreeMap::new(), twice: Vec::new(), outcomes: Mutex::default() };
        for case in cases {
            if table.written.insert(case.id(), case.note).is_some() {
                table.twice.push(case.id());
            }
        }
        table
    }

    /// A case has ended.
    pub(crate) fn note(&self, id: &str, passed: bool, took: Duration) {
        self.outcomes.lock().unwrap().insert(id.to_owned(), (passed, took));
    }

    /// Each case of the plan is either written or declared not to apply, and nothing else is written.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = wrong_plan();
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        let missing: Vec<_> = plan().filter(|case| case.why_not.is_empty() && !self.written.contains_key(case.id)).map(|c| c.id).collect();
        let both: Vec<_> = plan().filter(|case| !case.why_not.is_empty() && self.written.contains_key(case.id)).map(|c| c.id).collect();
        let foreign: Vec<_> = self.written.keys().filter(|id| plan().all(|case| case.id != id.as_str())).map(String::as_str).collect();
        let twice = &self.twice;
        if missing.is_empty() && both.is_empty() && foreign.is_empty() && twice.is_empty() {
            return Ok(());
        }
        let shown = |what: &str, ids: &[&str]| if ids.is_empty() { String::new() } else { format!("{what}: {}\n", ids.join(" ")) };
        Err(format!(
            "{}{}{}{}",
            shown("not written", &missing),
            shown("written although cases.txt says that they do not apply", &both),
            shown("not in the plan", &foreign),
            shown("written twice", &twice.iter().map(String::as_str).collect::<Vec<_>>()),
        ))
    }
}

impl fmt::Display for Table {
    /// Cases that were not selected are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes = self.outcomes.lock().unwrap();
        // Only where all ran is the rest worth a line.
        let whole = outcomes.len() == self.written.len();
        let (mut passed, mut failed, mut other) = (0, 0, 0);
        for Planned { id, title, why_not } in plan() {
            let result = match outcomes.get(id) {
                Some((true, took)) => format!("passed in {:.1} s", took.as_secs_f64()),
                Some((false, took)) => format!("FAILED after {:.1} s", took.as_secs_f64()),
                None if !whole => continue,
                None if why_not.is_empty() => "not written".to_owned(),
                None => format!("not applicable: {why_not}"),
            };
            match outcomes.get(id) {
                Some((true, _)) => passed += 1,
                Some((false, _)) => failed += 1,
                None => other += 1,
            }
            let note = self.written.get(id).copied().unwrap_or_default();
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            writeln!(f, "{id:<6} {title:<100} {result}{note}")?;
        }
        writeln!(f, "TP-469: {passed} passed; {failed} failed; {other} not applicable or not written")
    }
}
