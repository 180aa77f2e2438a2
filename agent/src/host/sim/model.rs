//! What a simulated box is: a model from a short list, its own number, and values that move over time as functions of both.

use std::time::Duration;

use crate::view::Device;

/// A model of box.
#[derive(Debug)]
pub struct Model {
    /// Who made it.
    pub manufacturer: &'static str,
    /// The maker's OUI: IANA's, whose addresses for documentation (RFC 7042) no real box has.
    pub oui: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The name of its processor's architecture, as the kernel spells it.
    pub machine: &'static str,
    /// The name of the chip.
    pub chip: &'static str,
    /// Processor cores.
    pub cores: u32,
    /// Memory, in KiB.
    pub memory: u64,
    /// Flash for the firmware and data, in KiB.
    pub flash: u64,
    /// The speed of its Ethernet port, in Mbit/s.
    pub ethernet: u32,
    /// Whether it has a wireless interface.
    pub wireless: bool,
    /// The names of its temperature sensors; empty: none.
    pub sensors: &'static [&'static str],
}

/// The models that simulated boxes are of.
pub const MODELS: &[Model] = &[
    Model {
        manufacturer: "Example Media",
        oui: "00005E",
        name: "EM-4K Pro",
        machine: "aarch64",
        chip: "Example S905",
        cores: 4,
        memory: 2_027_520,
        flash: 7_634_944,
        ethernet: 1000,
        wireless: true,
        sensors: &["cpu-thermal", "ddr-thermal"],
    },
    Model {
        manufacturer: "Example Media",
        oui: "00005E",
        name: "EM-HD",
        machine: "armv7l",
        chip: "Example BCM7252",
        cores: 2,
        memory: 1_013_760,
        flash: 3_817_472,
        ethernet: 100,
        wireless: false,
        sensors: &["cpu-thermal"],
    },
    Model {
        manufacturer: "Sample Vision",
        oui: "00005E",
        name: "SV-200",
        machine: "mips",
        chip: "Sample BMIPS5000",
        cores: 2,
        memory: 503_808,
        flash: 245_760,
        ethernet: 100,
        wireless: false,
        sensors: &[],
    },
];

/// A process of a simulated box.
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: &'static str,
    /// The memory it occupies, in KiB.
    pub(super) size: u64,
    pub(super) priority: i32,
    pub(super) state: char,
    /// Its share of one core's time, in percent of the box's load.
    pub(super) share: f64,
}

/// Every simulated box runs these.
pub(super) const PROCESSES: &[Process] = &[
    Process { pid: 1, name: "init", size: 2_304, priority: 20, state: 'S', share: 0.2 },
    Process { pid: 2, name: "kthreadd", size: 0, priority: 20, state: 'S', share: 0.0 },
    Process { pid: 9, name: "rcu_sched", size: 0, priority: 20, state: 'I', share: 0.3 },
    Process { pid: 212, name: "syslogd", size: 3_120, priority: 20, state: 'S', share: 0.2 },
    Process { pid: 240, name: "udhcpc", size: 3_116, priority: 20, state: 'S', share: 0.1 },
    Process { pid: 311, name: "middleware", size: 412_680, priority: 20, state: 'S', share: 22.0 },
    Process { pid: 318, name: "player (main)", size: 186_240, priority: 0, state: 'R', share: 55.0 },
    Process { pid: 327, name: "cas-client", size: 48_512, priority: 20, state: 'S', share: 4.0 },
    Process { pid: 402, name: "line3-agent", size: 5_840, priority: 20, state: 'S', share: 0.3 },
];

/// A box that does not exist.
#[derive(Clone, Debug)]
pub struct SimBox {
    /// What makes it differ from the other boxes: the same seed is the same box.
    pub seed: u64,
    /// Its model.
    pub model: &'static Model,
    /// The version of its firmware.
    pub firmware: String,
    /// Its serial number.
    pub serial: String,
    /// Its memory, in KiB.
    pub memory: u64,
    /// How long it had been up when the simulation began.
    pub up: Duration,
}

impl SimBox {
    /// The box of this seed: model, firmware and history follow from it.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let model = &MODELS[index(seed, 1, MODELS.len())];
        Self {
            seed,
            model,
            firmware: ["4.2.1", "4.2.1", "4.3.0"][index(seed, 2, 3)].to_owned(),
            serial: format!("SIM{seed:08}"),
            memory: model.memory,
            up: Duration::from_secs(3600 + mix(&[seed, 3]) % (20 * 86_400)),
        }
    }

    /// How it introduces itself: what a real box has in its configuration.
    #[must_use]
    pub fn device(&self) -> Device {
        Device {
            manufacturer: self.model.manufacturer.to_owned(),
            oui: self.model.oui.to_owned(),
            model: self.model.name.to_owned(),
            product_class: "STB".to_owned(),
            serial_number: self.serial.clone(),
            hardware_version: format!("rev {}", ["A", "B", "C"][index(self.seed, 4, 3)]),
            software_version: self.firmware.clone(),
        }
    }

    /// The fraction of the processor that is busy.
    pub(super) fn load(&self) -> Wave {
        Wave::new(self.seed, 10, 0.15 + 0.35 * unit(self.seed, 11), 0.6)
    }

    /// Bytes a second that come in by Ethernet: a channel's stream.
    pub(super) fn received(&self) -> Wave {
        Wave::new(self.seed, 20, 700_000.0 + 500_000.0 * unit(self.seed, 21), 0.7)
    }

    /// Bytes a second that go out.
    pub(super) fn sent(&self) -> Wave {
        Wave::new(self.seed, 30, 9_000.0 + 6_000.0 * unit(self.seed, 31), 0.7)
    }

    /// Damaged packets a second: one box in sixteen hangs on a bad cable.
    pub(super) fn damaged(&self) -> Wave {
        Wave::new(self.seed, 40, if self.has_bad_cable() { 0.8 } else { 0.0 }, 0.9)
    }

    /// Whether its cable is bad.
    pub(super) fn has_bad_cable(&self) -> bool {
        mix(&[self.seed, 41]).is_multiple_of(16)
    }

    /// Millidegrees Celsius of a sensor: one box in sixteen stands in a closed cupboard.
    pub(super) fn temperature(&self, sensor: usize, at: f64) -> i64 {
        let room = if mix(&[self.seed, 51]).is_multiple_of(16) { 34_000.0 } else { 12_000.0 };
        let own = 30_000.0 + 6_000.0 * unit(self.seed, 52 + sensor as u64);
        (room + own + 22_000.0 * self.load().rate(at)) as i64
    }

    /// Free memory, in KiB.
    pub(super) fn free(&self, at: f64) -> u64 {
        let share = Wave::new(self.seed, 60, 0.12 + 0.2 * unit(self.seed, 61), 0.3).rate(at);
        (self.memory as f64 * share) as u64
    }
}

/// A value that swings around its mean, never below zero, with a sum over time in closed form: so counters grow steadily and any
/// moment can be asked for without the ones before.
pub(super) struct Wave {
    mean: f64,
    /// Amplitude, period in seconds, phase.
    swings: [(f64, f64, f64); 3],
}

impl Wave {
    /// Around `mean`, by at most `depth` (0 to 1) of it.
    fn new(seed: u64, channel: u64, mean: f64, depth: f64) -> Self {
        let swing = |n: u64, part: f64, period: f64| {
            let turn = unit(seed ^ channel.rotate_left(32), 100 + n) * std::f64::consts::TAU;
            (mean * depth * part, period * (0.8 + 0.4 * unit(seed, channel + 200 + n)), turn)
        };
        Self { mean, swings: [swing(0, 0.5, 86_400.0), swing(1, 0.3, 2_800.0), swing(2, 0.2, 170.0)] }
    }

    /// The value at a moment, in seconds.
    pub(super) fn rate(&self, at: f64) -> f64 {
        self.swings
            .iter()
            .fold(self.mean, |sum, (height, period, phase)| sum + height * (std::f64::consts::TAU * at / period + phase).sin())
    }

    /// The sum from 0 to a moment, in seconds.
    pub(super) fn total(&self, at: f64) -> f64 {
        self.swings.iter().fold(self.mean * at, |sum, (height, period, phase)| {
            let turns = std::f64::consts::TAU / period;
            sum + height / turns * (phase.cos() - (turns * at + phase).cos())
        })
    }
}

/// Well-mixed bits of some numbers (SplitMix64's finaliser over each).
pub(super) fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9E37_79B9_7F4A_7C15, |state, number| {
        let mut z = (state ^ number).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// A number from 0 to 1 that follows from a seed.
pub(super) fn unit(seed: u64, channel: u64) -> f64 {
    (mix(&[seed, channel]) >> 11) as f64 / (1_u64 << 53) as f64
}

fn index(seed: u64, channel: u64, len: usize) -> usize {
    (unit(seed, channel) * len as f64) as usize % len.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_stays_positive_and_its_total_is_the_sum_of_its_rates() {
        let wave = Wave::new(7, 20, 100.0, 1.0);
        let (mut sum, step) = (0.0, 0.25);
        for n in 0..40_000 {
            let at = (f64::from(n) + 0.5) * step;
            assert!(wave.rate(at) >= 0.0);
            sum += wave.rate(at) * step;
        }
        let total = wave.total(10_000.0);
        assert!((sum - total).abs() < total / 1000.0, "{sum} {total}");
    }

    #[test]
    fn boxes_differ_and_the_same_seed_is_the_same_box() {
        assert_eq!(format!("{:?}", SimBox::of(5)), format!("{:?}", SimBox::of(5)));
        let models: std::collections::BTreeSet<&str> = (0..50).map(|seed| SimBox::of(seed).model.name).collect();
        assert_eq!(models.len(), MODELS.len());
    }
}
