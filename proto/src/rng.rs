//! A small, seeded source of variety: jitter, the simulator's weather, ids in tests. **Not for secrets**: who has seen
//! one number can compute the next. The seed comes from the driver (this crate has no source of entropy).

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state, full period, any seed is good.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The same seed gives the same numbers for ever.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, uniform over all of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not including, `bound`; 0 if `bound` is 0. The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the 128-bit product scales without a division.
        u64::try_from((u128::from(self.next_u64()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// True with this probability: 0.0 or less is never, 1.0 or more always.
    pub fn chance(&mut self, probability: f64) -> bool {
        fraction(self.next_u64()) < probability
    }

    /// A time from `low` to `high`; `low` if `high` is not above it.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(fraction(self.next_u64()))
    }
}

/// A uniform `u64` as a fraction: 0.0 or more, below 1.0.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
#[must_use]
pub fn fraction(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The reference sequence for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_answer_is_within_its_bounds() {
        let mut rng = Rng::new(1);
        let (low, high) = (Duration::from_millis(20), Duration::from_millis(30));
        let mut seen = [false; 7];
        for _ in 0..1000 {
            if let Some(slot) = usize::try_from(rng.below(7)).ok().and_then(|n| seen.get_mut(n)) {
                *slot = true;
            }
            assert!((low..=high).contains(&rng.between(low, high)));
            assert!(rng.chance(1.0) && !rng.chance(0.0));
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!((rng.below(0), rng.below(1), rng.between(high, low)), (0, 0, high));
        let hits = (0..10_000).filter(|_| rng.chance(0.3)).count();
        assert!((2_700..3_300).contains(&hits), "{hits}");
    }
}
