//! What requests cost a whole agent: `cargo bench -p line3-agent --bench load`. The real process over a real broker on loopback, plain
//! MQTT with `set_tcp_nodelay true`, one controller with some requests in flight; needs Debian's package `mosquitto`. Prints requests a
//! second, how long an answer takes, the agent's CPU a request (from /proc/PID, so it does not count what else the machine does, but
//! that shares caches and clock with it) and its memory, and fails beyond a limit. Numbers are medians of some rounds; rates and times
//! are of this machine with broker, controller and agent on it: compare them with what else ran on it, not with other machines'.
//!
//! It measures the agent that cargo built for it, or another one, e.g. what goes on a box: `cargo bench -p line3-agent --bench load --
//! "$(cargo cross build)"`.
#![allow(clippy::disallowed_methods, reason = "a bench measures time and starts processes")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "load/client.rs"]
mod client;
#[path = "../tests/tp469/lab.rs"]
#[allow(dead_code, reason = "the suite uses all of it")]
mod lab;
#[path = "load/process.rs"]
mod process;

use std::path::Path;
use std::time::Duration;

use client::{Client, Phase, Took};
use lab::Lab;
use line3_proto::QoS;
use process::{Agent, Memory, Plain};

/// The most CPU of the agent that a Get of one path may take, in microseconds, where requests come as fast as the agent can answer.
const LIMIT_CPU: f64 = 40.0;

/// The limit holds from this window on. With a window of 1 the agent sleeps and wakes for every packet, and finds its caches used by
/// whatever ran meanwhile; what that costs is the machine's and its load's, so it is shown and not limited.
const BUSY: usize = 32;

/// How often everything is measured, one after the other; what counts is the median, in which a burst of other work is lost.
const ROUNDS: u32 = 5;

/// By how much memory may grow from the first 1 000 requests to the last of 100 000.
const LIMIT_GROWTH: f64 = 0.10;

/// How many requests the second look at the memory follows.
const ALL: u32 = 100_000;

/// Something that the agent itself knows, something of an object that is read from files, and something that is a file of /proc.
const OWN: &str = "Device.LocalAgent.EndpointID";
const ONE: &str = "Device.DeviceInfo.SoftwareVersion";
const PROC: &str = "Device.DeviceInfo.UpTime";
const WHOLE: &str = "Device.";

/// Every kind of Get among the first 1 000, so that the memory that they need is there when it is first looked at.
const WARM: [Phase; 3] =
    [phase(ONE, QoS::AtLeastOnce, 32, 900), phase(PROC, QoS::AtMostOnce, 1, 50), phase(WHOLE, QoS::AtLeastOnce, 16, 50)];

/// As the reference agent was measured: windows of 1 and 32, of `Device.` 1 and 16. So many requests in each round.
const PHASES: [Phase; 9] = [
    phase(OWN, QoS::AtMostOnce, 1, 1600),
    phase(OWN, QoS::AtMostOnce, 32, 3600),
    phase(ONE, QoS::AtMostOnce, 1, 1600),
    phase(ONE, QoS::AtMostOnce, 32, 3200),
    phase(ONE, QoS::AtLeastOnce, 1, 1600),
    phase(ONE, QoS::AtLeastOnce, 32, 3200),
    phase(PROC, QoS::AtMostOnce, 32, 3200),
    phase(WHOLE, QoS::AtMostOnce, 1, 200),
    phase(WHOLE, QoS::AtMostOnce, 16, 400),
];

const fn phase(path: &'static str, qos: QoS, window: usize, requests: u32) -> Phase {
    Phase { path, qos, window, requests }
}

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        println!("this measures nothing in a debug build: cargo bench -p line3-agent --bench load");
        return;
    }
    let program = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    // cargo starts a bench in the package's directory; who names a file stands in the one above.
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_line3-agent")));
    let program = program.to_str().expect("a path that is text");
    println!("{program}; load average before: {}", load());
    let lab = Lab::new();
    let mut beyond = Vec::new();

    let tls = Agent::start(program, &lab, "self::load-tls", lab.boxes(), true);
    let tls_idle = tls.idle();
    drop(tls);

    let broker = Plain::start(&lab);
    let agent = Agent::start(program, &lab, "self::load", broker.address, false);
    let plain_idle = agent.idle();
    let mut client = Client::connect(broker.address.port(), &agent.id);
    let at_once = client.answers_at_most_once();

    let mut sent = 0;
    for phase in &WARM {
        client.run(phase);
        sent += phase.requests;
    }
    let (first, first_sent) = (agent.memory().rss, sent);
    let mut measured: Vec<Vec<Measured>> = PHASES.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (phase, measured) in PHASES.iter().zip(&mut measured) {
            measured.push(Measured::of(&mut client, &agent, phase));
            sent += phase.requests;
        }
    }
    println!(
        "{:<36} {:>3} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7}",
        "Get", "QoS", "window", "requests", "a second", "p50 ms", "p99 ms", "CPU µs", "user", "system", "bytes"
    );
    for (phase, measured) in PHASES.iter().zip(&measured) {
        let of = |value: fn(&Measured) -> f64| median(measured.iter().map(value).collect());
        let cpu = of(|measured| measured.cpu);
        // Sampled at 100 Hz: over all rounds there are enough samples.
        let user = measured.iter().map(|measured| measured.user).sum::<f64>() / f64::from(ROUNDS);
        let system = measured.iter().map(|measured| measured.system).sum::<f64>() / f64::from(ROUNDS);
        let (path, window, requests) = (phase.path, phase.window, phase.requests * ROUNDS);
        let limited = phase.window >= BUSY && (phase.path == OWN || phase.path == ONE);
        println!(
            "{path:<36} {:>3} {window:>6} {requests:>8} {:>9.0} {:>8.2} {:>8.2} {cpu:>8.1} {user:>6.1} {system:>6.1} {:>7.0}{}",
            u8::from(phase.qos == QoS::AtLeastOnce),
            of(|measured| measured.took.rate),
            of(|measured| measured.took.p50.as_secs_f64() * 1e3),
            of(|measured| measured.took.p99.as_secs_f64() * 1e3),
            of(|measured| measured.took.bytes as f64),
            if limited { format!("  at most {LIMIT_CPU:.0} µs of CPU") } else { String::new() },
        );
        if limited && cpu > LIMIT_CPU {
            beyond.push(format!("a Get of {path} with window {window} takes {cpu:.1} µs of CPU, at most {LIMIT_CPU:.0} are allowed"));
        }
    }
    let last_phase = phase(ONE, QoS::AtLeastOnce, 32, ALL.saturating_sub(sent));
    client.run(&last_phase);
    sent += last_phase.requests;
    if !at_once {
        println!("the agent answers with QoS 1 whatever it is asked with");
    }

    let last = agent.memory().rss;
    let growth = (last as f64 - first as f64) / first as f64;
    println!();
    println!("{:<36} {:>8} {:>8} {:>8}", "memory, KiB", "RSS", "PSS", "anon");
    for (what, Memory { rss, pss, anon }) in [("idle, connected, plain", plain_idle), ("idle, connected with TLS", tls_idle)] {
        println!("{what:<36} {rss:>8} {pss:>8} {anon:>8}");
    }
    println!("{:<36} {first:>8}", format!("after {first_sent} requests"));
    println!("{:<36} {last:>8}  {:+.1} %, at most {:+.0} %", format!("after {sent} requests"), growth * 100.0, LIMIT_GROWTH * 100.0);
    if growth > LIMIT_GROWTH {
        beyond.push(format!("memory grew by {:.1} %, at most {:.0} % are allowed", growth * 100.0, LIMIT_GROWTH * 100.0));
    }
    println!("load average after: {}", load());
    drop((client, agent, broker));
    lab.end();
    for what in &beyond {
        println!("beyond the limit: {what}");
    }
    std::process::exit(i32::from(!beyond.is_empty()));
}

/// What a round of a phase took, a request: in microseconds, but for `took`.
struct Measured {
    took: Took,
    cpu: f64,
    user: f64,
    system: f64,
}

impl Measured {
    fn of(client: &mut Client, agent: &Agent, phase: &Phase) -> Self {
        let before = (agent.cpu(), agent.user_and_system());
        let took = client.run(phase);
        let after = (agent.cpu(), agent.user_and_system());
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(phase.requests);
        let (user, system) = (each(after.1.0 - before.1.0), each(after.1.1 - before.1.1));
        Self { took, cpu: each(after.0 - before.0), user, system }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How busy the machine is.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(2).collect::<Vec<_>>().join(" ")
}
