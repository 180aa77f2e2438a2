//! Reports: `Device.BulkData.Profile.{i}.`, when they are made and what waits. A report by MQTT waits in a bounded ring in memory
//! until the broker has acknowledged it; a number in each shows what was lost at the bound.

use std::collections::VecDeque;
use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::link::Token;
use line3_proto::rng::{self, Rng};
use line3_proto::{EndpointId, Fault, Mono, Now, Wall};

use super::Agent;
use super::rights::Rights;
use crate::objects::time::BEFORE_ALL_BOXES;
use crate::settings::Settings;
use crate::settings::bulk_data::{self, JsonEncodingRow, ProfileRow, Protocol, TABLE};
use encode::Report;
use gather::References;

mod encode;
mod gather;
mod send;

pub(crate) use encode::MAX_BYTES;
pub(super) use send::PUSH;

/// The most bytes that the ring of a profile holds; beyond it, and beyond `NumberOfRetainedFailedReports`, the oldest report
/// goes.
const MAX_RING: usize = 256 * 1024;

/// Where the wall clock decides when a report is due, it is looked at this often at least: it may jump.
const CLOCK_CHECK: Duration = Duration::from_secs(60);

/// What the wall clock may be off, in milliseconds, before it counts as having jumped.
const JUMP: u64 = 1000;

/// What is going on with one profile. There is one for each row of the table, so they are bounded as that is.
struct Profile {
    instance: u32,
    sequence: u64,
    /// When the next report is made; `None`: it makes none by itself.
    due: Option<Mono>,
    /// Where its `TimeReference` counts: what the wall clock was ahead of the other when `due` was set, in milliseconds, and when
    /// it was last looked at.
    clock: Option<(i64, Mono)>,
    /// The reports that were not acknowledged yet, oldest first.
    ring: VecDeque<Vec<u8>>,
    /// The publication on its way, and how many reports of the ring it holds.
    in_flight: Option<(Token, usize)>,
    /// Not before this.
    pause: Option<Mono>,
    /// Whether it was said in the log that reports are too long.
    told: bool,
}

impl Profile {
    fn forget(&mut self) {
        self.ring.clear();
        (self.in_flight, self.pause) = (None, None);
    }
}

/// All profiles.
#[derive(Default)]
pub(super) struct Reports {
    profiles: Vec<Profile>,
}

impl Reports {
    /// When a report is due, or may be sent again, or the clock is to be looked at.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let check = |profile: &Profile| profile.clock.map(|(_, last)| last + CLOCK_CHECK);
        self.profiles.iter().flat_map(|profile| [profile.due, profile.pause, check(profile)]).flatten().min()
    }

    /// How many reports were made and not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.profiles.iter().map(|profile| profile.ring.len()).sum()
    }

    fn position(&self, instance: u32) -> Option<usize> {
        self.profiles.iter().position(|profile| profile.instance == instance)
    }
}

/// When a profile is to report.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Timing {
    interval: Duration,
    /// A moment at which a report is due.
    reference: Option<Wall>,
}

impl Timing {
    /// That of the profile at this path; `None`: it is not to report.
    fn of(settings: &Settings, path: &str) -> Option<Self> {
        if !bulk_data::is_on(settings) || !bulk_data::is_enabled(settings, path) {
            return None;
        }
        let ProfileRow { ReportingInterval, TimeReference, .. } = bulk_data::read(settings, path)?;
        let reference = (TimeReference != Wall::UNKNOWN).then_some(TimeReference);
        Some(Self { interval: Duration::from_secs(u64::from(ReportingInterval.max(1))), reference })
    }

    /// How long until the wall clock is at the reference again, give or take whole intervals; `None`: the standard has the box
    /// choose, for want of a reference or of a clock that was set.
    fn aligned(&self, now: Now) -> Option<Duration> {
        let reference = self.reference.filter(|_| now.wall >= BEFORE_ALL_BOXES)?;
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        let left = interval - now.wall.0.saturating_sub(reference.0).rem_euclid(interval);
        Some(Duration::from_millis(left.unsigned_abs()))
    }

    /// When the first report is due.
    fn first(&self, now: Now, phase: f64) -> Mono {
        now.mono + self.aligned(now).unwrap_or_else(|| self.interval.mul_f64(phase))
    }

    /// When the report after the one of now is due, which was due then. Missed intervals (the box slept) are not made up for: a
    /// report is of its moment.
    fn next(&self, now: Now, due: Mono) -> Mono {
        match self.aligned(now) {
            // The two clocks do not run quite alike, so the moment that was just met may lie a little ahead.
            Some(left) if left < self.interval / 2 => now.mono + left + self.interval,
            Some(left) => now.mono + left,
            None => {
                let missed = now.mono.since(due).as_secs() / self.interval.as_secs().max(1);
                due + Duration::from_secs(self.interval.as_secs().saturating_mul(missed + 1))
            }
        }
    }

    /// What a profile remembers of the wall clock.
    fn clock(&self, now: Now) -> Option<(i64, Mono)> {
        self.reference.map(|_| (ahead(now), now.mono))
    }
}

/// What the wall clock is ahead of the other, in milliseconds.
fn ahead(now: Now) -> i64 {
    now.wall.0.saturating_sub(i64::try_from(now.mono.0.as_millis()).unwrap_or(i64::MAX))
}

/// A box's place in the reporting interval, 0.0 to 1.0: its own, the same after each restart, spread over the fleet.
pub(super) fn phase(id: &EndpointId) -> f64 {
    // FNV-1a alone hardly tells serial numbers apart that follow each other; the generator mixes it.
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step);
    rng::fraction(Rng::new(hash).next_u64()).clamp(0.0, 1.0)
}

/// The path of a profile.
fn path_of(instance: u32) -> String {
    format!("{TABLE}{instance}.")
}

impl Agent {
    /// The profiles may have changed: what is new or has another time is begun, what is gone or disabled is forgotten with all that
    /// waits.
    pub(super) fn reports_changed(&mut self, now: Now, before: &Settings) {
        let number = |path: &str| path.trim_end_matches('.').rsplit('.').next()?.parse().ok();
        let instances: Vec<u32> = self.settings.rows(TABLE).filter_map(|(path, _)| number(path)).collect();
        self.reports.profiles.retain(|profile| instances.contains(&profile.instance));
        self.facts.sequences.retain(|(instance, _)| instances.contains(instance));
        let phase = phase(&self.facts.id);
        for instance in instances {
            let path = path_of(instance);
            let timing = Timing::of(&self.settings, &path);
            let begins = timing != Timing::of(before, &path);
            let protocol = |settings: &Settings| settings.value(&path, "Protocol").to_owned();
            let moved = protocol(&self.settings) != protocol(before);
            let index = self.reports.position(instance).unwrap_or_else(|| {
                let ring = VecDeque::new();
                let (due, clock, in_flight, pause) = (None, None, None, None);
                self.reports.profiles.push(Profile { instance, sequence: 0, due, clock, ring, in_flight, pause, told: false });
                self.reports.profiles.len() - 1
            });
            let Some(profile) = self.reports.profiles.get_mut(index) else { continue };
            if moved || timing.is_none() {
                profile.forget();
            }
            if begins {
                profile.due = timing.map(|timing| timing.first(now, phase));
                profile.clock = timing.and_then(|timing| timing.clock(now));
            }
            profile.told = false;
        }
        self.send_reports(now);
    }

    /// Makes the reports that are due, and sends what waits.
    pub(super) fn tick_reports(&mut self, now: Now) {
        for index in 0..self.reports.profiles.len() {
            let Some(profile) = self.reports.profiles.get_mut(index) else { continue };
            profile.pause = profile.pause.filter(|pause| *pause > now.mono);
            let jumped = profile.clock.is_some_and(|(was, _)| was.abs_diff(ahead(now)) > JUMP);
            if let Some((_, last)) = &mut profile.clock {
                *last = now.mono;
            }
            let Some(due) = profile.due.filter(|due| *due <= now.mono || jumped) else { continue };
            let Some(timing) = Timing::of(&self.settings, &path_of(profile.instance)) else { continue };
            profile.clock = timing.clock(now);
            profile.due = Some(if jumped { timing.first(now, phase(&self.facts.id)) } else { timing.next(now, due) });
            if !jumped {
                self.make_report(now, index);
            }
        }
        self.send_reports(now);
    }

    /// Makes a report of this profile out of turn, enabled or not.
    pub(super) fn force_report(&mut self, now: Now, instance: u32) -> Result<(), Fault> {
        if !bulk_data::is_on(&self.settings) {
            return Err(Fault::new(code::COMMAND_FAILURE, "Device.BulkData.Enable is false: no reports are made at all"));
        }
        let missing = || Fault::new(code::COMMAND_FAILURE, format!("{} is gone", path_of(instance)));
        let index = self.reports.position(instance).ok_or_else(missing)?;
        self.make_report(now, index);
        self.send_reports(now);
        Ok(())
    }

    fn make_report(&mut self, now: Now, index: usize) {
        let Some(profile) = self.reports.profiles.get_mut(index) else { return };
        profile.sequence += 1;
        let (instance, sequence, path) = (profile.instance, profile.sequence, path_of(profile.instance));
        match self.facts.sequences.iter_mut().find(|(i, _)| *i == instance) {
            Some((_, last)) => *last = sequence,
            None => self.facts.sequences.push((instance, sequence)),
        }
        let Some(row) = bulk_data::read::<ProfileRow>(&self.settings, &path) else { return };
        let Some(json) = bulk_data::read::<JsonEncodingRow>(&self.settings, &format!("{path}JSONEncoding.")) else { return };
        let references = References::of(&self.settings, &path);
        let rights = self.rights_of_owner(&row.Controller);
        let mut report = Report::new(json.ReportFormat, json.ReportTimestamp, now.wall);
        self.look_as(now, &rights, |look| references.gather(look, &mut report));
        let left_out = report.left_out;
        let report = report.finish();
        let Some(profile) = self.reports.profiles.get_mut(index) else { return };
        let tell = left_out > 0 && !std::mem::replace(&mut profile.told, left_out > 0);
        match row.Protocol {
            Protocol::MQTT => keep(profile, report, row.NumberOfRetainedFailedReports),
            Protocol::USPEventNotif => self.push(now, &path, &row.Controller, &report),
        }
        if tell {
            self.log(format!("a report of {path} takes {MAX_BYTES} bytes; {left_out} values are left out: it has too many parameters"));
        }
    }

    /// The rights of the Controller row that a profile belongs to: only what that controller may read is reported.
    fn rights_of_owner(&self, controller: &str) -> Rights {
        match controller.trim_end_matches('.') {
            "" => Rights::full(),
            controller => self.rights_of(&format!("{controller}.")),
        }
    }
}

/// Puts a report into the ring. `retained` is how many failed ones may wait besides the newest; less than zero: as many as fit.
fn keep(profile: &mut Profile, report: Vec<u8>, retained: i32) {
    profile.ring.push_back(report);
    let most = usize::try_from(retained).map_or(usize::MAX, |retained| retained.saturating_add(1));
    let in_flight = profile.in_flight.map_or(0, |(_, count)| count);
    // What is on its way may be acknowledged any moment, so the oldest after it goes. One report is always kept.
    while profile.ring.len() > in_flight + 1 && (profile.ring.len() > most || profile.ring.iter().map(Vec::len).sum::<usize>() > MAX_RING) {
        profile.ring.remove(in_flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_with_serial_numbers_in_a_row_is_spread() {
        let mut tenths = [0; 10];
        for number in 0..1000 {
            let id = EndpointId::parse(&format!("os::00256D-{number:010}")).unwrap();
            let tenth = (phase(&id) * 10.0).floor();
            tenths.iter_mut().enumerate().filter(|(index, _)| *index as f64 == tenth).for_each(|(_, count)| *count += 1);
        }
        assert!(tenths.iter().all(|count| (70..130).contains(count)), "{tenths:?}");
    }

    fn at(mono: u64, wall: i64) -> Now {
        Now { mono: Mono(Duration::from_millis(mono)), wall: Wall(BEFORE_ALL_BOXES.0 + wall) }
    }

    #[test]
    fn the_reference_is_a_phase_however_far_away() {
        let minute = Duration::from_secs(60);
        for reference in ["2025-01-01T00:00:15Z", "1971-03-01T00:00:15Z", "9999-12-31T23:59:15Z"] {
            let timing = Timing { interval: minute, reference: Some(reference.parse().unwrap()) };
            assert_eq!(timing.first(at(500, 0), 0.5), at(15_500, 0).mono, "{reference}");
            assert_eq!(timing.first(at(500, 15_000), 0.5), at(60_500, 0).mono);
            assert_eq!(timing.first(at(500, 20_000), 0.5), at(55_500, 0).mono);
            // Met a little early, or a little late.
            assert_eq!(timing.next(at(500, 14_990), Mono::default()), at(60_510, 0).mono);
            assert_eq!(timing.next(at(500, 15_400), Mono::default()), at(60_100, 0).mono);
            // A clock that was not set is none.
            assert_eq!(timing.first(at(500, -86_400_000), 0.5), at(30_500, 0).mono);
        }
    }

    #[test]
    fn without_a_reference_the_interval_counts() {
        let timing = Timing { interval: Duration::from_secs(60), reference: None };
        assert_eq!(timing.first(at(500, 0), 0.25), at(15_500, 0).mono);
        assert_eq!(timing.next(at(15_600, 0), at(15_500, 0).mono), at(75_500, 0).mono);
        assert_eq!(timing.next(at(3_600_000, 0), at(15_500, 0).mono), at(3_615_500, 0).mono);
        let never = Timing { interval: Duration::from_secs(u32::MAX.into()), reference: Some(Wall(0)) };
        assert!(never.first(at(0, 0), 1.0) > at(0, 0).mono);
    }
}
