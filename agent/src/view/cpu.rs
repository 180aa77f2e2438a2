//! How busy the processor is: the kernel counts since it started, so a percentage needs two looks.

use std::cell::Cell;
use std::time::Duration;

use line3_proto::Mono;

/// What the kernel has counted since it started, over all cores, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// Spent working.
    pub busy: u64,
    /// All there were.
    pub all: u64,
}

/// Remembers the look before. Between looks lies a second at least: who asks sooner is told the same again.
#[derive(Clone, Debug, Default)]
pub struct CpuMeter(Cell<Option<Look>>);

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Mono,
    ticks: Ticks,
    percent: Option<u32>,
}

impl CpuMeter {
    /// How busy the processor was since the look before, in percent; `None` if that is not a second ago, or was the first.
    pub fn percent(&self, now: Mono, ticks: Ticks) -> Option<u32> {
        let percent = match self.0.get() {
            Some(before) if now.since(before.at) < Duration::from_secs(1) => return before.percent,
            Some(before) => {
                let all = u128::from(ticks.all.saturating_sub(before.ticks.all));
                let busy = u128::from(ticks.busy.saturating_sub(before.ticks.busy)).min(all);
                (busy * 100 + all / 2).checked_div(all).and_then(|percent| u32::try_from(percent).ok())
            }
            None => None,
        };
        self.0.set(Some(Look { at: now, ticks, percent }));
        percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_between_two_looks_a_second_apart() {
        let meter = CpuMeter::default();
        let look = |millis, busy, all| meter.percent(Mono(Duration::from_millis(millis)), Ticks { busy, all });
        assert_eq!(look(0, 100, 1000), None);
        assert_eq!(look(500, 150, 1050), None);
        assert_eq!(look(1000, 150, 1100), Some(50));
        assert_eq!(look(1500, 250, 1200), Some(50), "the same again within the second");
        assert_eq!(look(3000, 350, 1300), Some(100));
        assert_eq!(look(4000, 350, 1300), None, "the kernel's counters stand still");
        assert_eq!(look(5000, 0, 0), None, "the counters began anew");
        assert_eq!(look(6000, u64::MAX, u64::MAX), Some(100));
    }
}
