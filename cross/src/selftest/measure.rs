//! What a connected agent holds in memory, and how fast it starts. Only where it runs natively: an emulator has a memory and a pace of
//! its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Subject;
use super::session::{BOX, CONNECTED, LIMIT, files, number, quoting, ready, settings, start};
use crate::operation::Operation;
use crate::process::{Process, until_every};
use crate::say;

/// How long the agent may take from its start to the broker's answer, the median of [`STARTS`].
pub(super) const START: Duration = Duration::from_millis(100);

/// How often it is started.
const STARTS: usize = 5;

/// How often its log is looked at while it starts.
const PACE: Duration = Duration::from_millis(1);

/// How long it is left alone before it is measured: what looks up names has ended by then.
const SETTLE: Duration = Duration::from_secs(20);

/// How long between two samples, of which there are three.
const BETWEEN: Duration = Duration::from_secs(2);

/// How often it reports while it is measured, in seconds: as it does by itself.
const INTERVAL: u32 = 60;

/// What was measured.
pub(super) struct Measured {
    /// From the start to the broker's answer: the median.
    pub(super) start: Duration,
    /// Connected over TLS and idle: the most of three samples.
    pub(super) memory: Memory,
}

/// What a process holds in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// All that is resident (`VmRSS`), with the pages of its file.
    pub(super) rss: u64,
    /// Of that, what is its own (`RssAnon`).
    pub(super) anonymous: u64,
    /// The most that was ever resident (`VmHWM`).
    pub(super) peak: u64,
}

/// Measures the agent.
///
/// # Errors
/// It is over its budget, or too slow.
pub(super) fn measure(subject: &Subject<'_>, operation: &mut Operation) -> Result<Measured> {
    let name = &subject.target.name;
    say::doing(&format!("{name}: started {STARTS} times"));
    let settings = settings(subject, operation, BOX, &files(&operation.line3.certificate(BOX)?), INTERVAL)?;
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        let (agent, took) = timed(subject, &settings)?;
        agent.kill();
        starts.push(took);
    }
    let (mut agent, took) = timed(subject, &settings)?;
    starts.push(took);
    starts.sort_unstable();
    let median = starts[STARTS / 2];
    let all = starts.iter().map(|took| format!("{:.1}", took.as_secs_f64() * 1000.0)).collect::<Vec<_>>().join(", ");
    say::doing(&format!("{name}: connected {all} ms after its start"));

    ready(operation, &mut agent)?;
    say::doing(&format!("{name}: measured when it has been idle for {} s", SETTLE.as_secs()));
    std::thread::sleep(SETTLE);
    let mut samples = Vec::new();
    for _ in 0..3 {
        agent.lives().map_err(|error| quoting(error, &agent))?;
        let file = format!("/proc/{}/status", agent.pid());
        let status = std::fs::read_to_string(&file).with_context(|| file.clone())?;
        samples.push(Memory::read(&status).context(file)?);
        std::thread::sleep(BETWEEN);
    }
    let seen = operation.seen(BOX)?;
    let online = seen.is_some_and(|seen| seen.online);
    ensure!(online, "it was not connected while it was measured; {}", agent.last_lines());
    let memory = samples.iter().copied().max_by_key(|memory| memory.rss).context("no sample")?;
    say::doing(&format!("{name}: {} bytes resident, {} of them its own; {} at the most", memory.rss, memory.anonymous, memory.peak));

    let (rss, budget) = (memory.rss, subject.target.budget.rss);
    ensure!(rss <= budget, "idle and connected it holds {rss} bytes, {} over the budget of {budget}", rss.saturating_sub(budget));
    ensure!(median <= START, "from start to connected takes it {all} ms, more than {} in the middle", START.as_millis());
    Ok(Measured { start: median, memory })
}

/// Starts the agent and waits until the broker has taken it.
fn timed(subject: &Subject<'_>, settings: &Path) -> Result<(Process, Duration)> {
    let log = subject.folder.join("agent.log");
    std::fs::remove_file(&log).with_context(|| log.display().to_string())?;
    let begin = Instant::now();
    let mut agent = start(subject, settings)?;
    let connected = until_every(PACE, "the agent is connected", LIMIT, || {
        let took = begin.elapsed();
        agent.lives()?;
        Ok(agent.said().contains(CONNECTED).then_some(took))
    });
    connected.map_err(|error| quoting(error, &agent)).map(|took| (agent, took))
}

impl Memory {
    /// Reads `/proc/PID/status`.
    fn read(status: &str) -> Result<Self> {
        let bytes = |name| number(status, name).map(|kib| kib.saturating_mul(1024)).with_context(|| format!("no {name}"));
        Ok(Self { rss: bytes("VmRSS")?, anonymous: bytes("RssAnon")?, peak: bytes("VmHWM")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "VmPeak:\t    4400 kB\nVmHWM:\t    1600 kB\nVmRSS:\t    1516 kB\nRssAnon:\t     220 kB\n";
        let memory = Memory { rss: 1_552_384, anonymous: 225_280, peak: 1_638_400 };
        assert_eq!(Memory::read(status).expect("memory"), memory);
        assert_eq!(Memory::read("VmRSS:\t1 kB\n").expect_err("half of it").to_string(), "no RssAnon");
    }
}
