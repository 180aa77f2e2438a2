//! When a report was true. Its time on the axis of a series is the controller's time of receipt, put back for reports that waited in
//! the box's ring. The box's wall clock is never asked.
//!
//! The rule. Reports of a box that come close together (each at most [`QUIET`] after the one before, [`LONGEST`] in all, at most
//! [`MOST`]) and from the same boot are one *burst*. The report of a burst with the greatest up-time is taken to be new: it is placed
//! when it was received. Every other one is placed before it by the difference of their up-times, but never after its own receipt and
//! never more than [`LATEST`] before it. A report without an up-time is placed when it was received.
//!
//! So a report that comes alone, as nearly all do, is placed when it was received, and after an outage the error is at most one
//! reporting interval: the age of the newest report that waited.

use std::ops::Range;

use line3_proto::Wall;

/// A pause this long ends a burst, in milliseconds.
pub const QUIET: i64 = 30_000;
/// A burst is at most this long, in milliseconds: an endless stream of frequent reports is many bursts.
pub const LONGEST: i64 = 300_000;
/// A burst has at most so many reports; the next one starts another.
pub const MOST: usize = 1024;
/// A report is placed at most this long before its receipt, in milliseconds (31 days): a box that lies gets no further.
pub const LATEST: i64 = 31 * 86_400_000;

/// What the place of a report depends on.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When it came, on the controller's clock.
    pub received: Wall,
    /// In which boot it was made.
    pub boot_id: &'a str,
    /// Seconds since that boot.
    pub up_time: Option<u64>,
}

/// Parts reports, in the order they came, into bursts.
#[must_use]
pub fn bursts(reports: &[Seen<'_>]) -> Vec<Range<usize>> {
    let mut bursts: Vec<Range<usize>> = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let joins = bursts.last().is_some_and(|burst| {
            let (first, last) = (reports[burst.start], reports[at - 1]);
            report.boot_id == first.boot_id
                && (report.received.0.saturating_sub(last.received.0)).abs() <= QUIET
                && (report.received.0.saturating_sub(first.received.0)).abs() <= LONGEST
                && burst.len() < MOST
        });
        match bursts.last_mut().filter(|_| joins) {
            Some(burst) => burst.end = at + 1,
            None => bursts.push(at..at + 1),
        }
    }
    bursts
}

/// Where on the time axis each of some reports belongs, given in the order they came.
#[must_use]
pub fn place(reports: &[Seen<'_>]) -> Vec<Wall> {
    let mut places = Vec::with_capacity(reports.len());
    for burst in bursts(reports) {
        let burst = &reports[burst];
        let newest = burst.iter().filter_map(|r| Some((r.up_time?, r.received))).max();
        places.extend(burst.iter().map(|report| match (report.up_time, newest) {
            (Some(up_time), Some((newest_up, newest_received))) => {
                let age = i64::try_from(newest_up - up_time).unwrap_or(i64::MAX).saturating_mul(1000);
                let at = newest_received.0.saturating_sub(age);
                Wall(at.min(report.received.0).max(report.received.0.saturating_sub(LATEST)))
            }
            _ => report.received,
        }));
    }
    places
}

/// How many of the first reports belong to bursts that have ended by `now`: their places will not change any more.
#[must_use]
pub fn settled(reports: &[Seen<'_>], now: Wall) -> usize {
    match (bursts(reports).last(), reports.last()) {
        (Some(burst), Some(last)) => {
            let ended = now.0.saturating_sub(last.received.0) > QUIET || burst.len() >= MOST;
            if ended { reports.len() } else { burst.start }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports as (received, up-time) in seconds, and where they belong.
    fn check(reports: &[(i64, u64)], expected: &[i64]) {
        let seen: Vec<_> = reports.iter().map(|r| Seen { received: Wall(r.0 * 1000), boot_id: "b", up_time: Some(r.1) }).collect();
        let places: Vec<i64> = place(&seen).iter().map(|at| at.0 / 1000).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn what_comes_alone_is_new() {
        check(&[(1000, 50), (1300, 350), (1600, 650)], &[1000, 1300, 1600]);
    }

    #[test]
    fn what_waited_is_put_back() {
        // Offline from 1300 on; at 2000 the ring comes in, oldest first, and one out of order.
        check(&[(1000, 50), (2000, 350), (2001, 950), (2002, 650), (2003, 1050)], &[1000, 1303, 1903, 1603, 2003]);
    }

    #[test]
    fn a_report_is_never_newer_than_its_receipt_nor_older_than_a_month() {
        check(&[(1000, 990), (1020, 1000)], &[1000, 1020]);
        check(&[(9_000_000, 0), (9_000_001, u64::MAX)], &[9_000_000 - LATEST / 1000, 9_000_001]);
    }

    #[test]
    fn another_boot_is_another_burst() {
        let seen = [
            Seen { received: Wall(1000), boot_id: "a", up_time: Some(5000) },
            Seen { received: Wall(2000), boot_id: "b", up_time: Some(10) },
            Seen { received: Wall(3000), boot_id: "b", up_time: None },
        ];
        assert_eq!(place(&seen), [Wall(1000), Wall(2000), Wall(3000)]);
    }

    #[test]
    fn a_burst_is_bounded_and_settles() {
        let stream: Vec<_> =
            (0..100).map(|i| Seen { received: Wall(i * 10_000), boot_id: "b", up_time: u64::try_from(i * 10).ok() }).collect();
        assert_eq!(bursts(&stream).len(), 4);
        assert_eq!(settled(&stream, Wall(1_000_000)), 93);
        assert_eq!(settled(&stream, Wall(990_000 + QUIET + 1)), 100);
        let flood = vec![Seen { received: Wall(0), boot_id: "b", up_time: None }; MOST + 1];
        assert_eq!(bursts(&flood), [0..MOST, MOST..MOST + 1]);
        assert_eq!(settled(&[], Wall(0)), 0);
    }
}
