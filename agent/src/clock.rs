//! The only file that reads time on the box.

use std::time::{Duration, SystemTime};

use line3_proto::{Mono, Now, Wall};
use tokio::time::Instant;

/// A moment that never comes.
const FAR: Duration = Duration::from_secs(1 << 30);

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
    #[allow(clippy::disallowed_methods, reason = "this is the file that reads time")]
    pub fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Now { mono: Mono(self.start.elapsed()), wall: Wall(wall) }
    }

    /// The moment of `mono` for tokio's timers; one that is too far away for them is some 30 years ahead.
    #[must_use]
    pub fn instant(&self, mono: Mono) -> Instant {
        self.start.checked_add(mono.0).unwrap_or(self.start + FAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_deadline_is_too_far_away() {
        let clock = Clock::start();
        assert_eq!(clock.instant(Mono(Duration::from_secs(5))), clock.start + Duration::from_secs(5));
        for far in [Duration::from_secs(u32::MAX.into()), Duration::MAX] {
            assert!(clock.instant(Mono(far)) > clock.start + Duration::from_secs(1 << 29));
        }
    }
}
