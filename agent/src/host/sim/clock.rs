//! The simulator's clock: real time for a demo, counted time for tests.
#![allow(clippy::disallowed_methods, reason = "this is the clock of simulated boxes")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::host::Wait;

/// What time it is in the simulation, and how to wait there.
pub trait SimClock {
    /// Time since the simulation began.
    fn elapsed(&self) -> Duration;

    /// Waits for this long.
    fn sleep(&self, time: Duration) -> Wait<'static, ()>;
}

/// Real time, by tokio's timer.
pub struct RealClock(tokio::time::Instant);

impl RealClock {
    /// A clock that begins now. Its sleeps need a tokio runtime.
    #[must_use]
    pub fn start() -> Rc<Self> {
        Rc::new(Self(tokio::time::Instant::now()))
    }
}

impl SimClock for RealClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> Wait<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Counted time: it stands still until it is told to move. Clones are the same clock.
#[derive(Clone, Default)]
pub struct CountedClock(Rc<Counted>);

#[derive(Default)]
struct Counted {
    now: Cell<Duration>,
    /// Who sleeps, by when it is to wake and a number of its own. Bounded by the futures that are alive: a sleep that is dropped
    /// takes itself out.
    sleepers: RefCell<BTreeMap<(Duration, u64), Option<Waker>>>,
    counted: Cell<u64>,
}

impl CountedClock {
    /// A clock that stands at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Time since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.now.get()
    }

    /// When the earliest sleeper is to wake, counted from the beginning; `None`: nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        self.0.sleepers.borrow().keys().next().map(|(at, _)| *at)
    }

    /// Moves the clock on and wakes who is due. Who polls without wakers polls all futures after this.
    pub fn advance(&self, by: Duration) {
        self.0.now.set(self.0.now.get().saturating_add(by));
        let due: Vec<Waker> =
            self.0.sleepers.borrow_mut().range_mut(..=(self.0.now.get(), u64::MAX)).filter_map(|(_, waker)| waker.take()).collect();
        due.into_iter().for_each(Waker::wake);
    }

    /// Moves the clock on to this time since the beginning; it never goes back.
    pub fn advance_to(&self, at: Duration) {
        self.advance(at.saturating_sub(self.0.now.get()));
    }
}

impl SimClock for CountedClock {
    fn elapsed(&self) -> Duration {
        self.0.now.get()
    }

    fn sleep(&self, time: Duration) -> Wait<'static, ()> {
        self.0.counted.set(self.0.counted.get() + 1);
        let key = (self.0.now.get().saturating_add(time), self.0.counted.get());
        self.0.sleepers.borrow_mut().insert(key, None);
        Box::pin(Sleep { clock: self.clone(), key })
    }
}

struct Sleep {
    clock: CountedClock,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.0.now.get() >= self.key.0 {
            return Poll::Ready(());
        }
        self.clock.0.sleepers.borrow_mut().insert(self.key, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.0.sleepers.borrow_mut().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_wake_in_their_order_and_leave_when_dropped() {
        let clock = CountedClock::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut long = clock.sleep(Duration::from_secs(5));
        let mut short = clock.sleep(Duration::from_secs(2));
        let dropped = clock.sleep(Duration::from_secs(1));
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(1)));
        drop(dropped);
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(2)));
        clock.advance(Duration::from_secs(2));
        assert!(short.as_mut().poll(&mut cx).is_ready());
        assert!(long.as_mut().poll(&mut cx).is_pending());
        drop(short);
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(5)));
        clock.advance_to(Duration::from_secs(5));
        assert!(long.as_mut().poll(&mut cx).is_ready());
    }
}
