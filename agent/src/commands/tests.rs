//! What holds for every command, and a simulated box in counted time to run one on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use expect_test::Expect;
use line3_proto::Fault;
use line3_proto::row::Args;

use super::{Afterwards, COMMANDS, Command, CommandDef, Ctx, Progress};
use crate::host::sim::{CountedClock, SimBox, SimHost};

/// A box to run commands on.
pub(super) struct Bench {
    /// Its levers.
    pub(super) host: Rc<SimHost>,
    /// What was to happen after the last command.
    pub(super) afterwards: Rc<std::cell::Cell<Afterwards>>,
    clock: CountedClock,
    progress: Progress,
}

impl Bench {
    /// A box of this seed.
    pub(super) fn new(seed: u64) -> Self {
        let clock = CountedClock::new();
        let host = Rc::new(SimHost::new(SimBox::of(seed), Rc::new(clock.clone())));
        Self { host, afterwards: Rc::default(), clock, progress: Progress::default() }
    }

    /// Runs a command to its end, as the engine does; each word on how far it is goes to `heard`.
    fn run_heard<C: Command>(&self, args: &[(&str, &str)], mut heard: impl FnMut(String)) -> Result<Args, Fault> {
        let args: Args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ctx = Ctx {
            host: Rc::<SimHost>::clone(&self.host),
            path: C::PATH.to_owned(),
            progress: self.progress.clone(),
            afterwards: Rc::clone(&self.afterwards),
            catalogue: Rc::new(|| "{}".to_owned()),
            passed: std::time::Duration::ZERO,
        };
        let mut running = (CommandDef::of::<C>().start)(&args, ctx)?;
        loop {
            let polled = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            self.progress.take().into_iter().for_each(&mut heard);
            if let Poll::Ready(result) = polled {
                return result;
            }
            self.clock.advance_to(self.clock.next_wake().expect("it waits for something"));
        }
    }

    /// Runs a command to its end: its output arguments.
    pub(super) fn run<C: Command>(&self, args: &[(&str, &str)]) -> Result<Args, Fault> {
        self.run_heard::<C>(args, drop)
    }

    /// Runs a command to its end and compares what it said on the way, with the time, and what came of it.
    pub(super) fn check<C: Command>(&self, args: &[(&str, &str)], expected: &Expect) {
        let mut text = String::new();
        let result = self.run_heard::<C>(args, |word| text += &format!("{:>5} ms > {word}\n", self.clock.now().as_millis()));
        match result {
            Ok(args) => args.iter().for_each(|(name, value)| text += &format!("{name}={value}\n")),
            Err(fault) => text += &format!("{fault}\n"),
        }
        expected.assert_eq(&text);
    }
}

#[test]
fn commands_are_sorted_by_path_and_none_is_there_twice() {
    let paths: Vec<_> = COMMANDS.iter().map(|command| command.path).collect();
    assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
    assert!(paths.iter().all(|path| path.starts_with("Device.") && path.ends_with("()")), "{paths:?}");
}

#[test]
fn commands_are_documented_and_their_defaults_pass_their_own_checks() {
    for command in COMMANDS {
        assert!(!command.doc.is_empty() && !command.limit.is_zero(), "{}", command.path);
        for field in command.input.iter().chain(command.output) {
            assert!(!field.doc.trim().is_empty(), "{} {}", command.path, field.name);
            let checked = field.default.map_or(Ok(()), |default| field.check(default));
            assert_eq!(checked, Ok(()), "{} {}", command.path, field.name);
        }
    }
}
