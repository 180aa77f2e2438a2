//! The only file that reads time in the controller.

use std::time::SystemTime;

use line3_proto::{Mono, Now, Wall};
use tokio::time::Instant;

/// The calendar clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the file that reads time")]
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The clocks, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the file that reads time")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { mono: Mono(self.start.elapsed()), wall: wall() }
    }

    /// The moment of `mono` for tokio's timers.
    #[must_use]
    pub fn instant(&self, mono: Mono) -> Instant {
        self.start + mono.0
    }
}
