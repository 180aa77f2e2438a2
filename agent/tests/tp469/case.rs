//! One case, and how it is run.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::eut::Eut;
use crate::lab::Lab;
use crate::table::Table;

/// Nothing takes this long unless it hangs.
const HANGS: Duration = Duration::from_secs(600);

/// One case.
pub(crate) struct Case {
    /// The name of its function: `tp_1_36_…`.
    pub(crate) name: &'static str,
    /// What stands for something that the plan names and this agent lacks; empty if nothing does.
    pub(crate) note: &'static str,
    pub(crate) run: Run,
}

/// What a case is given.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// An agent that is connected, and its controller.
    Eut(fn(&mut Eut)),
    /// Only the laboratory.
    Own(fn(&Arc<Lab>)),
}

/// The list of a file's cases.
macro_rules! cases {
    (@run own $name:ident) => { $crate::case::Run::Own($name) };
    (@run $name:ident) => { $crate::case::Run::Eut($name) };
    (@note) => { "" };
    (@note $note:literal) => { $note };
    (@list [$($done:expr,)*]) => { pub(crate) const CASES: &[$crate::case::Case] = &[$($done,)*]; };
    (@list [$($done:expr,)*] own $name:ident $(: $note:literal)?, $($rest:tt)*) => {
        cases!(@list [$($done,)* $crate::case::Case {
            name: stringify!($name), note: cases!(@note $($note)?), run: cases!(@run own $name),
        },] $($rest)*);
    };
    (@list [$($done:expr,)*] $name:ident $(: $note:literal)?, $($rest:tt)*) => {
        cases!(@list [$($done,)* $crate::case::Case {
            name: stringify!($name), note: cases!(@note $($note)?), run: cases!(@run $name),
        },] $($rest)*);
    };
    ($($all:tt)*) => { cases!(@list [] $($all)*); };
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what a panic says for the report of its case, instead of mixing the words of all cases on the terminal.
pub(crate) fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        PANIC.set(info.to_string());
    }));
}

impl Case {
    /// Its number in the plan: `1.36`.
    pub(crate) fn id(&self) -> String {
        let mut parts = self.name.strip_prefix("tp_").unwrap_or_default().splitn(3, '_');
        format!("{}.{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }

    pub(crate) fn trial(&'static self, lab: &Arc<Lab>, table: &Arc<Table>) -> Trial {
        let (lab, table) = (Arc::clone(lab), Arc::clone(table));
        Trial::test(self.name, move || {
            let begun = Instant::now();
            let failure = self.run(&lab);
            table.note(&self.id(), failure.is_none(), begun.elapsed());
            failure.map_or(Ok(()), |text| Err(Failed::from(text)))
        })
    }

    /// Why it failed. A case that hangs has failed; its thread is left behind, what it has started ends with the run.
    fn run(&'static self, lab: &Arc<Lab>) -> Option<String> {
        let (tell, told) = mpsc::channel();
        let lab = Arc::clone(lab);
        std::thread::spawn(move || tell.send(self.run_here(&lab)));
        told.recv_timeout(HANGS).unwrap_or_else(|why| Some(format!("it has not ended after {HANGS:?}: {why}")))
    }

    fn run_here(&self, lab: &Arc<Lab>) -> Option<String> {
        let run = || match self.run {
            Run::Own(run) => run(lab),
            Run::Eut(run) => {
                let mut eut = Eut::start(lab, self.name);
                let ended = catch_unwind(AssertUnwindSafe(|| {
                    run(&mut eut);
                    eut.ends_well();
                }));
                if let Err(panic) = ended {
                    PANIC.set(format!("{}\n-- the agent's log\n{}", PANIC.take(), eut.log()));
                    resume_unwind(panic);
                }
            }
        };
        catch_unwind(AssertUnwindSafe(run)).err().map(|_| PANIC.take())
    }
}
