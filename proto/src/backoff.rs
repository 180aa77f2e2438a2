//! How long to wait before a retry: one rule for connecting (TR-369 R-MQTT, `Device.MQTT.Client.{i}.ConnectRetry…`) and for
//! notifying (R-NOT.1-4, `Controller.{i}.USPNotifRetry…`).

use std::time::Duration;

use crate::rng::fraction;

/// Retry n waits a random time in `[m(k/1000)^(n-1), m(k/1000)^n]`. Once that passes the cap it is a random time in
/// `[cap·1000/k, cap]`, the widest step below the cap, so a fleet that was cut off at one instant does not return at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The shortest wait.
    pub m: Duration,
    /// By how much each range is longer than the one before, in thousandths: 2000 doubles. Below 1000 counts as 1000.
    pub k: u32,
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// For connecting to a broker: 5 s, doubling, at most 300 s. The standard's cap (`ConnectRetryMaxInterval`) is 30720 s:
    /// 8.5 hours out of reach after a broker's night of maintenance.
    pub const CONNECT: Self = Self { m: Duration::from_secs(5), k: 2000, cap: Duration::from_secs(300) };

    /// For a Notify that nobody answers: 5 s, doubling; from retry 10 on 2560 to 5120 s.
    pub const NOTIFY: Self = Self { m: Duration::from_secs(5), k: 2000, cap: Duration::from_secs(5120) };

    /// For a Notify with a controller's own `USPNotifRetryMinimumWaitInterval` and `USPNotifRetryIntervalMultiplier`: the
    /// range of retry 10 is the last, as in the standard.
    #[must_use]
    pub fn notify(m: Duration, k: u32) -> Self {
        Self { m, k, cap: scaled(m, k, 10) }
    }

    /// How long to wait before retry number `retry` (the first is 1; 0 counts as 1). `random` is uniform over all of `u64`.
    #[must_use]
    pub fn delay(&self, retry: u32, random: u64) -> Duration {
        let retry = retry.max(1);
        let (low, high) = (scaled(self.m, self.k, retry - 1), scaled(self.m, self.k, retry));
        let (low, high) = if high <= self.cap {
            (low, high)
        } else if self.k > 1000 {
            (low.min(self.cap.mul_f64(1000.0 / f64::from(self.k))), self.cap)
        } else {
            (self.cap / 2, self.cap)
        };
        low + (high - low).mul_f64(fraction(random))
    }
}

/// `m(k/1000)^power`, at most some 68 years.
fn scaled(m: Duration, k: u32, power: u32) -> Duration {
    const LONGEST_SECS: f64 = 2_147_483_648.0;
    let power = i32::try_from(power).unwrap_or(i32::MAX);
    let secs = m.as_secs_f64() * (f64::from(k.max(1000)) / 1000.0).powi(power);
    // `min` also takes the infinity of a huge power; zero times infinity is no number and means zero.
    if secs.is_nan() { Duration::ZERO } else { Duration::from_secs_f64(secs.min(LONGEST_SECS)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(backoff: Backoff, retry: u32, low: f64, high: f64) {
        let near = |got: Duration, want: f64| (got.as_secs_f64() - want).abs() < 0.001 * want.max(1.0);
        let (shortest, longest) = (backoff.delay(retry, 0), backoff.delay(retry, u64::MAX));
        assert!(near(shortest, low), "retry {retry} waits at least {shortest:?}");
        assert!(near(longest, high), "retry {retry} waits at most {longest:?}");
        assert!(near(backoff.delay(retry, u64::MAX / 2), f64::midpoint(low, high)));
    }

    #[test]
    fn connecting_follows_the_standard_up_to_our_cap() {
        check(Backoff::CONNECT, 0, 5.0, 10.0);
        check(Backoff::CONNECT, 1, 5.0, 10.0);
        check(Backoff::CONNECT, 2, 10.0, 20.0);
        check(Backoff::CONNECT, 5, 80.0, 160.0);
        // 160 to 320 passes the cap: the wait stays random, so a fleet stays spread.
        check(Backoff::CONNECT, 6, 150.0, 300.0);
        check(Backoff::CONNECT, 7, 150.0, 300.0);
        check(Backoff::CONNECT, u32::MAX, 150.0, 300.0);
    }

    #[test]
    fn notifying_stays_in_the_range_of_retry_ten() {
        for backoff in [Backoff::NOTIFY, Backoff::notify(Duration::from_secs(5), 2000)] {
            check(backoff, 1, 5.0, 10.0);
            check(backoff, 9, 1280.0, 2560.0);
            check(backoff, 10, 2560.0, 5120.0);
            check(backoff, 11, 2560.0, 5120.0);
            check(backoff, 1000, 2560.0, 5120.0);
        }
        let thirds = Backoff::notify(Duration::from_secs(1), 3000);
        check(thirds, 10, 19_683.0, 59_049.0);
        check(thirds, 99, 19_683.0, 59_049.0);
    }

    #[test]
    fn odd_settings_give_no_nonsense() {
        let never = Backoff { m: Duration::ZERO, k: u32::MAX, cap: Duration::from_secs(9) };
        check(never, u32::MAX, 0.0, 0.0);
        check(Backoff { m: Duration::from_secs(4), k: 0, cap: Duration::from_secs(9) }, 3, 4.0, 4.0);
        // A shortest wait above the cap: the cap wins, with jitter.
        check(Backoff { m: Duration::from_secs(60), k: 1000, cap: Duration::from_secs(10) }, 1, 5.0, 10.0);
        check(Backoff { m: Duration::from_secs(60), k: 2000, cap: Duration::from_secs(10) }, 1, 5.0, 10.0);
    }
}
