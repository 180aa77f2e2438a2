//! `TimeToLive`: when subscriptions end by themselves.
//!
//! Within a run it is counted from the creation, on the clock that never jumps. A restart leaves only the box's own clock and
//! `CreationDate`: a box that did not know the time at the creation, or does not when it starts, may be wrong about it.

use std::time::Duration;

use line3_proto::row::Args;
use line3_proto::sorted::Map;
use line3_proto::value::Value;
use line3_proto::{Mono, Now, Wall};

use crate::settings::Settings;
use crate::settings::subscription::TABLE;

/// A clock before 2020 was never set: boxes boot in 1970.
const SET: Wall = Wall(1_577_836_800_000);

/// When subscriptions end. Bounded by the subscriptions.
#[derive(Default)]
pub(super) struct Endings {
    lives: Map<String, Life>,
    /// Whether those of an earlier run have been noted: what comes later is new.
    begun: bool,
}

/// How old a subscription was at some moment.
struct Life {
    at: Mono,
    age: Duration,
    /// It is of an earlier run, and the box's clock has not come to when it was made: then it counts from the start of this run.
    made: Option<Wall>,
    ends: Option<Mono>,
}

impl Life {
    fn new(now: Now) -> Self {
        Self { at: now.mono, age: Duration::ZERO, made: None, ends: None }
    }

    /// Of one that an earlier run made. Where nobody can tell its age, a restart ends it (TR-181, `TimeToLive`).
    fn of_earlier_run(now: Now, values: &Args) -> Self {
        match values.get("CreationDate").and_then(|date| Wall::read(date)).filter(|made| *made >= SET) {
            made @ Some(_) => Self { made, ..Self::new(now) },
            None => Self { age: Duration::MAX, ..Self::new(now) },
        }
    }

    fn mind(&mut self, now: Now, values: &Args) {
        if let Some(made) = self.made.filter(|made| *made <= now.wall) {
            let age = u64::try_from(now.wall.0.saturating_sub(made.0)).unwrap_or(0);
            *self = Self { age: Duration::from_millis(age), ..Self::new(now) };
        }
        let time = values.get("TimeToLive").and_then(|time| u64::read(time)).filter(|time| *time > 0);
        self.ends = time.map(|time| self.at + Duration::from_secs(time).saturating_sub(self.age));
    }
}

impl Endings {
    /// Notes when each subscription ends; gives those that have.
    pub(super) fn mind(&mut self, now: Now, settings: &Settings) -> Vec<String> {
        self.lives.retain(|path, _| settings.instances.contains_key(path));
        let mut ended = Vec::new();
        for (path, values) in settings.rows(TABLE) {
            if !self.lives.contains_key(path) {
                let life = if self.begun { Life::new(now) } else { Life::of_earlier_run(now, values) };
                self.lives.insert(path.to_owned(), life);
            }
            let Some(life) = self.lives.get_mut(path) else { continue };
            life.mind(now, values);
            if life.ends.is_some_and(|end| end <= now.mono) {
                ended.push(path.to_owned());
            }
        }
        self.begun = true;
        ended
    }

    /// When the next one ends.
    pub(super) fn next(&self) -> Option<Mono> {
        self.lives.values().filter_map(|life| life.ends).min()
    }
}
