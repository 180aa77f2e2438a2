//! Which sequence numbers of a run and profile have come: what is a duplicate, and what is missing.

use serde::{Deserialize, Serialize};

use super::Outcome;

/// The most holes remembered of one stream, as ranges between them. At the bound the lowest range and all below it is forgotten:
/// those gaps are no longer told, and a report from there is [`Outcome::Stale`].
pub const MAX_RANGES: usize = 64;

/// The most streams remembered of one box. At the bound the one that has been silent longest is forgotten: its gaps are no longer
/// told, and a late repetition from it would be stored again.
pub const MAX_STREAMS: usize = 16;

/// Missing reports: `from` to `to`, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The run of the agent.
    pub run_id: String,
    /// The BulkData profile.
    pub profile: u32,
    /// The first missing sequence number.
    pub from: u64,
    /// The last missing one.
    pub to: u64,
}

/// All streams of one box, the one heard of last at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Streams(Vec<Stream>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stream {
    run_id: String,
    profile: u32,
    /// Everything up to here is forgotten.
    floor: Option<u64>,
    /// What has come: first and last, ascending, at least one missing number between two.
    come: Vec<(u64, u64)>,
}

impl Streams {
    /// Notes that a report has come: [`Outcome::Stored`] if it is new.
    pub fn note(&mut self, run_id: &str, profile: u32, sequence: u64) -> Outcome {
        let found = self.0.iter().position(|s| s.profile == profile && s.run_id == run_id);
        if let Some(at) = found {
            // The last one is the usual case: nothing moves.
            self.0[at..].rotate_left(1);
        } else {
            if self.0.len() >= MAX_STREAMS {
                self.0.remove(0);
            }
            self.0.push(Stream { run_id: run_id.to_owned(), profile, floor: None, come: Vec::new() });
        }
        self.0.last_mut().map_or(Outcome::Stale, |stream| stream.note(sequence))
    }

    /// What is missing between the first report of each stream (number 1) and the newest that came.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for stream in &self.0 {
            let mut next = stream.floor.map_or(1, |floor| floor.saturating_add(1));
            for &(from, to) in &stream.come {
                if next < from {
                    gaps.push(Gap { run_id: stream.run_id.clone(), profile: stream.profile, from: next, to: from - 1 });
                }
                next = next.max(to.saturating_add(1));
            }
        }
        gaps
    }
}

impl Stream {
    fn note(&mut self, sequence: u64) -> Outcome {
        if self.floor.is_some_and(|floor| sequence <= floor) {
            return Outcome::Stale;
        }
        // The first range that does not end before `sequence` with a hole between.
        let at = self.come.partition_point(|&(_, to)| to.saturating_add(1) < sequence);
        match self.come.get_mut(at) {
            Some((from, to)) if *from <= sequence && sequence <= *to => return Outcome::Duplicate,
            Some((from, _)) if sequence.saturating_add(1) == *from => *from = sequence,
            Some((_, to)) if to.saturating_add(1) == sequence => {
                *to = sequence;
                if let Some(&(next, end)) = self.come.get(at + 1)
                    && sequence.saturating_add(1) == next
                {
                    self.come[at].1 = end;
                    self.come.remove(at + 1);
                }
            }
            _ => self.come.insert(at, (sequence, sequence)),
        }
        if self.come.len() > MAX_RANGES {
            self.floor = Some(self.come.remove(0).1);
        }
        Outcome::Stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn gaps(streams: &Streams) -> Vec<(u64, u64)> {
        streams.gaps().iter().map(|gap| (gap.from, gap.to)).collect()
    }

    #[test]
    fn holes_open_and_close() {
        let mut streams = Streams::default();
        for sequence in [3, 4, 8, 6] {
            assert_eq!(streams.note("r", 1, sequence), Outcome::Stored);
        }
        assert_eq!(gaps(&streams), [(1, 2), (5, 5), (7, 7)]);
        assert_eq!(streams.note("r", 1, 4), Outcome::Duplicate);
        for sequence in [5, 7, 1, 2] {
            assert_eq!(streams.note("r", 1, sequence), Outcome::Stored);
        }
        assert_eq!(gaps(&streams), []);
        assert_eq!(streams.0[0].come, [(1, 8)]);
    }

    #[test]
    fn runs_and_profiles_are_apart() {
        let mut streams = Streams::default();
        for (run, profile) in [("a", 1), ("a", 2), ("b", 1)] {
            assert_eq!(streams.note(run, profile, 1), Outcome::Stored);
            assert_eq!(streams.note(run, profile, 1), Outcome::Duplicate);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_bound_is_told() {
        let mut streams = Streams::default();
        for hole in 1..=(MAX_RANGES as u64 + 1) {
            streams.note("r", 1, hole * 10);
        }
        assert_eq!(streams.0[0].come.len(), MAX_RANGES);
        assert_eq!(streams.note("r", 1, 5), Outcome::Stale);
        assert_eq!(gaps(&streams)[0], (11, 19));
        for run in 0..MAX_STREAMS {
            streams.note(&run.to_string(), 1, 1);
        }
        assert_eq!(streams.0.len(), MAX_STREAMS);
        assert_eq!(streams.note("r", 1, 20), Outcome::Stored, "the silent stream was forgotten");
    }

    #[test]
    fn the_ends_of_the_numbers_hold() {
        let mut streams = Streams::default();
        for sequence in [u64::MAX, 0, u64::MAX - 1] {
            assert_eq!(streams.note("r", 1, sequence), Outcome::Stored);
            assert_eq!(streams.note("r", 1, sequence), Outcome::Duplicate);
        }
        assert_eq!(gaps(&streams), [(1, u64::MAX - 2)]);
    }

    proptest! {
        #[test]
        fn it_is_a_set(sequences in proptest::collection::vec(0_u64..60, 0..120)) {
            let (mut streams, mut set) = (Streams::default(), BTreeSet::new());
            for sequence in sequences {
                let expected = if set.insert(sequence) { Outcome::Stored } else { Outcome::Duplicate };
                prop_assert_eq!(streams.note("r", 1, sequence), expected);
            }
            let missing: Vec<u64> = gaps(&streams).into_iter().flat_map(|(from, to)| from..=to).collect();
            let expected: Vec<u64> = (1..set.last().copied().unwrap_or(0)).filter(|n| !set.contains(n)).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}
