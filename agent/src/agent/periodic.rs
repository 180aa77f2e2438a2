//! `Device.LocalAgent.Periodic!`: told to each controller by its own interval, in phase with its own reference time.

use std::time::Duration;

use line3_proto::path::Path;
use line3_proto::row::Args;
use line3_proto::sorted::Map;
use line3_proto::value::Value;
use line3_proto::{Mono, Now, Wall};

use super::model::EventDef;
use super::notify::Happening;
use super::{Agent, CONTROLLERS};
use crate::settings::Settings;
use crate::settings::subscription::{TABLE, references};

/// `Device.LocalAgent.Periodic!`
pub(super) const PERIODIC: EventDef =
    EventDef { path: "Device.LocalAgent.Periodic!", doc: "PeriodicNotifInterval of this controller has passed.", fields: &[] };

/// The interval where none is given, in seconds.
const INTERVAL: u32 = 86_400;

/// By how much the wall clock may run against the other before the phase is reckoned anew.
const DRIFT: u64 = 2000;

/// When the controllers that subscribed to it are told next, by the path of their row.
#[derive(Default)]
pub(super) struct Periodic {
    next: Map<String, Next>,
    /// Controllers or subscriptions may be others.
    stale: bool,
}

/// When one controller is told next, and what that was reckoned from.
struct Next {
    interval: Duration,
    reference: String,
    due: Mono,
    /// The wall clock less the other, in milliseconds, when it was reckoned.
    offset: i64,
}

impl Periodic {
    /// When the next one is told.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.next.values().map(|next| next.due).min()
    }

    /// Controllers or subscriptions may be others: it is planned anew before the next input.
    pub(super) fn stir(&mut self) {
        self.stale = true;
    }
}

impl Agent {
    /// Plans anew where interval, reference time or the box's clock are others than they were, and tells what is due.
    pub(super) fn mind_periods(&mut self, now: Now) {
        let offset = offset(now);
        let jumped = |next: &Next| known(&next.reference).is_some() && next.offset.abs_diff(offset) > DRIFT;
        if !self.periodic.stale && !self.periodic.next.values().any(|next| next.due <= now.mono || jumped(next)) {
            return;
        }
        self.periodic.stale = false;
        let controllers = self.settings.rows(CONTROLLERS);
        let wanted: Map<String, (Duration, String)> =
            controllers.filter_map(|(path, args)| Some((path.to_owned(), period(&self.settings, path, args)?))).collect();
        let periods = &mut self.periodic.next;
        periods.retain(|path, next| {
            let same = |(interval, reference): &(Duration, String)| *interval == next.interval && *reference == next.reference;
            wanted.get(path).is_some_and(same) && !jumped(next)
        });
        // Without a reference time each box has a phase of its own, so that a fleet is spread.
        let phase = super::reports::phase(self.endpoint.id());
        for (path, (interval, reference)) in wanted {
            let due = now.mono + until_next(now, interval, &reference).unwrap_or(interval.mul_f64(phase));
            periods.or_insert_with(path, || Next { interval, reference, due, offset });
        }
        let mut due = Vec::new();
        for (path, next) in periods.iter_mut().filter(|(_, next)| next.due <= now.mono) {
            let wait = until_next(now, next.interval, &next.reference).unwrap_or(next.interval);
            // A clock that was put back a little does not make it happen twice.
            let wait = if wait < next.interval / 2 { wait + next.interval } else { wait };
            (next.due, next.offset) = (now.mono + wait, offset);
            due.push(path.clone());
        }
        for path in due {
            self.tell_only(now, Some(&path), &Happening::Event { path: PERIODIC.path, args: Args::new() });
        }
    }
}

/// Interval and reference time of a controller, if it is enabled and subscribed.
fn period(settings: &Settings, path: &str, args: &Args) -> Option<(Duration, String)> {
    let value = |name: &str| args.get(name).map_or("", String::as_str);
    let interval = u32::read(value("PeriodicNotifInterval")).unwrap_or(INTERVAL);
    if interval == 0 || value("Enable") != "true" {
        return None;
    }
    let event = Path::parse(PERIODIC.path).ok()?;
    let subscribed = |subscription: &Args| {
        let is = |name: &str, value: &str| subscription.get(name).is_some_and(|kept| kept == value);
        is("Enable", "true")
            && is("NotifType", "Event")
            && is("Recipient", path.trim_end_matches('.'))
            && references(subscription).is_ok_and(|references| references.iter().any(|reference| reference.covers(&event)))
    };
    let is_wanted = settings.rows(TABLE).any(|(_, subscription)| subscribed(subscription));
    is_wanted.then(|| (Duration::from_secs(interval.into()), value("PeriodicNotifTime").to_owned()))
}

fn offset(now: Now) -> i64 {
    now.wall.0.saturating_sub(i64::try_from(now.mono.0.as_millis()).unwrap_or(i64::MAX))
}

/// The reference time, unless it is the unknown time.
fn known(reference: &str) -> Option<Wall> {
    Wall::read(reference).filter(|wall| *wall != Wall::UNKNOWN)
}

/// How long it is until the next time that lies whole intervals from the reference time, if there is one.
fn until_next(now: Now, interval: Duration, reference: &str) -> Option<Duration> {
    let reference = known(reference)?;
    let interval = i128::try_from(interval.as_millis()).unwrap_or(i128::MAX);
    let passed = (i128::from(now.wall.0) - i128::from(reference.0)).rem_euclid(interval);
    Some(Duration::from_millis(u64::try_from(interval - passed).unwrap_or(u64::MAX)))
}
