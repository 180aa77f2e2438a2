//! TP-469, the conformance test plan of USP: every case that applies, by its number, against the real agent process over a real broker.
//!
//! `cargo test -p line3-agent --test tp469` runs all, many side by side, and prints the table of cases; `-- 1.36` or `-- 1_36` runs one.
//!
//! To write a case: a function `fn tp_1_36_get_with_full_parameter_path(eut: &mut Eut)` in the file of its group, and its name in the
//! `cases!` list there. Where the plan's words cannot be taken literally (it names a parameter that this agent lacks), the entry says
//! what stands for it: `tp_1_92_defaults: "IPPing stands for TraceRoute"`. The table shows that. `cases.txt` holds all cases of the
//! plan; those that do not apply say there why. A case that needs its own broker or other settings is `own tp_11_8_subscribe` and
//! takes the [`Lab`](lab::Lab) instead.
//!
//! What a case has: [`Eut`](eut::Eut), the agent with the plan's Controller beside it (see [`Controller`](controller::Controller) for
//! what it can do), and the setup steps in [`setup`]. A case fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, dead_code, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]

#[macro_use]
mod case;
mod controller;
mod errors;
mod eut;
mod lab;
mod line;
mod setup;
mod table;
mod universal;

mod absent;
mod access;
mod add;
mod bulk;
mod delete;
mod functionality;
mod get;
mod instances;
mod killed;
mod mqtt;
mod notify;
mod operate;
mod records;
mod scripted_broker;
mod set;
mod supported;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{SigSet, Signal};

use case::Case;
use lab::Lab;
use table::Table;

/// The groups.
const GROUPS: &[&[Case]] = &[
    access::CASES,
    add::CASES,
    bulk::CASES,
    delete::CASES,
    functionality::CASES,
    get::CASES,
    instances::CASES,
    mqtt::CASES,
    notify::CASES,
    operate::CASES,
    records::CASES,
    set::CASES,
    supported::CASES,
];

/// Cases mostly wait, so many run side by side.
const THREADS: usize = 24;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    // `1.36` and `1_36_` name the same case.
    if let Some(filter) = &mut arguments.filter
        && filter.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        *filter = format!("tp_{}_", filter.replace('.', "_"));
    }
    let lab = Arc::new(Lab::new());
    end_at_signals(&lab);
    let table = Arc::new(Table::new(GROUPS.iter().copied().flatten()));
    case::keep_panics();
    let mut trials: Vec<Trial> = GROUPS.iter().copied().flatten().map(|case| case.trial(&lab, &table)).collect();
    let whole = Arc::clone(&table);
    trials.push(Trial::test("every_case_is_accounted_for", move || whole.check().map_err(Into::into)));
    let shared = Arc::clone(&lab);
    trials.push(Trial::test("kill_9_never_loses_what_was_acknowledged", move || {
        killed::kill_9_never_loses_what_was_acknowledged(&shared);
        Ok(())
    }));
    let shared = Arc::clone(&lab);
    trials.push(Trial::test("what_does_not_apply_is_not_supported", move || {
        absent::what_does_not_apply_is_not_supported(&shared);
        Ok(())
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        print!("{table}");
    }
    lab.end();
    conclusion.exit_code()
}

/// Ctrl-C and its like end everything that the run has started, too. Before any other thread, so that all leave these signals to it.
fn end_at_signals(lab: &Arc<Lab>) {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    signals.thread_block().unwrap();
    let lab = Arc::clone(lab);
    std::thread::spawn(move || {
        let signal = signals.wait().unwrap();
        lab.end();
        std::process::exit(128 + signal as i32);
    });
}
