//! What has been taken for sending and is not yet surely sent. It outlives every connection and every session of the broker.
#![allow(clippy::disallowed_methods, reason = "the real link lives in real time")]

use bytes::Bytes;
use tokio::time::Instant;

use crate::link::{Publication, Token};
use crate::sorted::Map;

/// The place of a publication in the outbox. Never used twice.
pub(super) type Seq = u64;

/// Where ordinary places begin. Those below are for greetings, which go before everything else.
const ORDINARY: Seq = 1 << 32;

/// A publication and what is needed to send it, again if it must be.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) token: Token,
    /// With an empty payload: the bytes are in `payload`, which is cheap to clone.
    pub(super) publication: Publication,
    pub(super) payload: Bytes,
    /// Its size as an MQTT packet, in bytes.
    pub(super) size: usize,
    /// When it is no longer worth sending.
    pub(super) deadline: Option<Instant>,
}

/// Entries in the order in which they came. Those before the cursor have been handed to the present connection.
#[derive(Debug)]
pub(super) struct Outbox {
    entries: Map<Seq, Entry>,
    next: Seq,
    next_greeting: Seq,
    cursor: Seq,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    /// Nothing expires before this moment (there may be nothing any more that expires then).
    earliest: Option<Instant>,
}

impl Outbox {
    /// Holds at most so many publications and so many bytes of packets; what is more is not taken.
    pub(super) const fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: Map::new(), next: ORDINARY, next_greeting: 0, cursor: 0, bytes: 0, max_entries, max_bytes, earliest: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether one more of this size fits. One that is larger than all bytes together still goes into an empty outbox.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.entries.is_empty() || (self.entries.len() < self.max_entries && self.bytes.saturating_add(size) <= self.max_bytes)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let seq = self.next;
        self.next += 1;
        self.insert(seq, entry);
    }

    /// Takes what this connection is to send first; the next connection forgets it. Once something else has been given to the
    /// connection it is an entry like any other.
    pub(super) fn greet(&mut self, entry: Entry) {
        if self.cursor >= ORDINARY || self.next_greeting >= ORDINARY {
            return self.push(entry);
        }
        let seq = self.next_greeting;
        self.next_greeting += 1;
        self.insert(seq, entry);
    }

    fn insert(&mut self, seq: Seq, entry: Entry) {
        if let Some(deadline) = entry.deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        }
        self.bytes = self.bytes.saturating_add(entry.size);
        self.entries.insert(seq, entry);
    }

    /// The next one that this connection has not been given.
    pub(super) fn waiting(&self) -> Option<(Seq, &Entry)> {
        self.entries.from(&self.cursor).next().map(|(seq, entry)| (*seq, entry))
    }

    /// This one has been given to the connection. They go in order, so all before it have been, too.
    pub(super) const fn handed(&mut self, seq: Seq) {
        self.cursor = seq + 1;
    }

    /// The connection is gone: everything that is left is to be sent (again), in the old order, greetings excepted.
    pub(super) fn rewind(&mut self) {
        self.cursor = 0;
        let greetings: Vec<Seq> = self.entries.keys().copied().take_while(|seq| *seq < ORDINARY).collect();
        greetings.into_iter().for_each(|seq| {
            self.remove(seq);
        });
        self.note_earliest();
    }

    /// Its fate is known.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<Token> {
        let entry = self.entries.remove(&seq)?;
        self.bytes = self.bytes.saturating_sub(entry.size);
        Some(entry.token)
    }

    /// When [`expire`](Self::expire) is next worth calling.
    pub(super) const fn next_expiry(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes out what waits and is no longer worth sending. What a connection has been given is left to its fate there.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Token> {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return Vec::new();
        }
        let is_over = |entry: &Entry| entry.deadline.is_some_and(|deadline| deadline <= now);
        let over: Vec<Seq> = self.entries.from(&self.cursor).filter(|(_, entry)| is_over(entry)).map(|(seq, _)| *seq).collect();
        let tokens = over.into_iter().filter_map(|seq| self.remove(seq)).collect();
        self.note_earliest();
        tokens
    }

    /// Looks for the next deadline among those that wait.
    fn note_earliest(&mut self) {
        self.earliest = self.entries.from(&self.cursor).filter_map(|(_, entry)| entry.deadline).min();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(token: Token, size: usize, deadline: Option<Instant>) -> Entry {
        Entry { token, publication: Publication::default(), payload: Bytes::new(), size, deadline }
    }

    fn hand_out(outbox: &mut Outbox) -> Vec<Token> {
        let mut tokens = vec![];
        while let Some((seq, entry)) = outbox.waiting() {
            tokens.push(entry.token);
            outbox.handed(seq);
        }
        tokens
    }

    #[test]
    fn order_survives_connections_and_what_is_done_is_gone() {
        let mut outbox = Outbox::new(9, 900);
        for token in [7, 8, 9] {
            outbox.push(entry(token, 1, None));
        }
        assert_eq!(hand_out(&mut outbox), [7, 8, 9]);
        assert_eq!(outbox.remove(ORDINARY + 1), Some(8));
        assert_eq!(outbox.remove(ORDINARY + 1), None);
        outbox.rewind();
        assert_eq!(hand_out(&mut outbox), [7, 9]);
    }

    #[test]
    fn a_greeting_goes_first_and_only_once() {
        let mut outbox = Outbox::new(1, 100);
        outbox.push(entry(7, 60, None));
        outbox.greet(entry(1, 60, None));
        outbox.greet(entry(2, 60, None));
        assert_eq!(hand_out(&mut outbox), [1, 2, 7]);
        // Too late to be the first.
        outbox.greet(entry(3, 60, None));
        assert_eq!(hand_out(&mut outbox), [3]);
        outbox.rewind();
        assert_eq!(hand_out(&mut outbox), [7, 3]);
        assert_eq!(outbox.bytes, 120);
    }

    #[test]
    fn both_bounds_hold_and_removal_makes_room() {
        let mut outbox = Outbox::new(2, 100);
        // Alone, even one that is too large gets through.
        assert!(outbox.has_room(1000));
        outbox.push(entry(1, 60, None));
        assert!(!outbox.has_room(41) && outbox.has_room(40));
        outbox.push(entry(2, 10, None));
        assert!(!outbox.has_room(1));
        outbox.remove(ORDINARY);
        assert!(outbox.has_room(90) && !outbox.has_room(91));
    }

    #[test]
    fn only_what_waits_expires() {
        let (now, mut outbox) = (Instant::now(), Outbox::new(9, 900));
        let later = now + Duration::from_secs(5);
        outbox.push(entry(1, 1, Some(now)));
        outbox.handed(ORDINARY);
        outbox.push(entry(2, 1, Some(now)));
        outbox.push(entry(3, 1, Some(later)));
        assert_eq!(outbox.expire(now), [2]);
        assert_eq!(outbox.next_expiry(), Some(later));
        outbox.rewind();
        assert_eq!(outbox.next_expiry(), Some(now));
        assert_eq!(outbox.expire(now), [1]);
        assert_eq!(outbox.expire(later), [3]);
        assert!(outbox.is_empty() && outbox.next_expiry().is_none());
    }
}
