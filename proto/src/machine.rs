//! The one interface of all protocol logic, and the two clocks it is told.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on a clock that never jumps: the time since some fixed moment of this run (the driver's start).
/// Deadlines, retries and ages are counted on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub Duration);

impl Mono {
    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

/// A moment on the calendar clock, in milliseconds since 1970-01-01T00:00:00Z. Boxes boot in 1970 and jump:
/// this is shown and reported, never used for order, expiry or gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    /// The TR-106 "unknown time", `0001-01-01T00:00:00Z`.
    pub const UNKNOWN: Self = Self(-62_135_596_800_000);
}

impl fmt::Display for Wall {
    /// TR-106 dateTime: ISO 8601 UTC, with milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, millis) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01 of a proleptic Gregorian date; the reverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl std::str::FromStr for Wall {
    type Err = ();

    /// Reads a TR-106 dateTime. Only UTC (`Z`, or no suffix, which TR-106 calls local and USP makes UTC) is taken.
    fn from_str(text: &str) -> Result<Self, ()> {
        let body = text.strip_suffix('Z').unwrap_or(text);
        let (date, time) = body.split_once('T').ok_or(())?;
        let number = |s: &str, len: usize| -> Result<i64, ()> {
            if s.len() == len && s.bytes().all(|b| b.is_ascii_digit()) { s.parse().map_err(|_| ()) } else { Err(()) }
        };
        let mut date = date.splitn(3, '-');
        let mut next = |len| number(date.next().ok_or(())?, len);
        let (year, month, day) = (next(4)?, next(2)?, next(2)?);
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut clock = clock.splitn(3, ':');
        let mut next = |len| number(clock.next().ok_or(())?, len);
        let (hour, minute, second) = (next(2)?, next(2)?, next(2)?);
        let days = days_from_civil(year, month, day);
        let real_day = civil_from_days(days) == (year, month, day);
        if !real_day || hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
            return Err(());
        }
        let millis = match fraction {
            "" => 0,
            digits => number(digits, digits.len())? * 1000 / 10_i64.pow(u32::try_from(digits.len()).map_err(|_| ())?),
        };
        Ok(Self((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + millis))
    }
}

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The clock that decides.
    pub mono: Mono,
    /// The clock that is shown.
    pub wall: Wall,
}

impl Now {
    /// Both clocks, `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self { mono: self.mono + by, wall: Wall(self.wall.0.saturating_add(millis)) }
    }
}

/// A piece of protocol logic: input in, outputs out, a deadline. It has no socket, no clock and no file of its own,
/// so it can be recorded, replayed, and driven in simulated time.
pub trait Machine {
    /// What can happen to it. One variant is the passing of its deadline.
    type Input;
    /// What it wants done.
    type Output;

    /// The only way in.
    fn handle(&mut self, now: Now, input: Self::Input);

    /// The next thing it wants done; drain until `None` after each [`handle`](Self::handle).
    fn poll(&mut self) -> Option<Self::Output>;

    /// When it next wants to be told that time has passed.
    fn deadline(&self) -> Option<Mono>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(millis: i64, text: &str) {
        assert_eq!(Wall(millis).to_string(), text);
        assert_eq!(text.parse(), Ok(Wall(millis)));
    }

    #[test]
    fn date_time_is_written_and_read() {
        check(0, "1970-01-01T00:00:00Z");
        check(1_709_210_096_789, "2024-02-29T12:34:56.789Z");
        check(Wall::UNKNOWN.0, "0001-01-01T00:00:00Z");
        check(4_102_444_799_000, "2099-12-31T23:59:59Z");
    }

    #[test]
    fn nonsense_is_no_date_time() {
        for text in [
            "",
            "2024-02-30T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-1-1T0:0:0Z",
            "+024-01-01T00:00:00Z",
            "2024-01-01",
        ] {
            assert_eq!(text.parse::<Wall>(), Err(()), "{text:?}");
        }
    }
}
