//! What requests cost a whole agent: `cargo bench -p line3-agent --bench load`. The real process over a real broker on loopback, plain
//! MQTT with `set_tcp_nodelay true`, one controller with some requests in flight; needs Debian's package `mosquitto`. Prints requests a
//! second, how long an answer takes, the agent's CPU a request (from /proc/PID/stat, so it does not count what else the machine does)
//! and its memory, and fails beyond a limit. Rates and times are of this machine with broker, controller and agent on it: compare
//! them with what else ran on it, not with other machines'.
#![allow(clippy::disallowed_methods, reason = "a bench measures time and starts processes")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "load/client.rs"]
mod client;
#[path = "../tests/tp469/lab.rs"]
#[allow(dead_code, reason = "the suite uses all of it")]
mod lab;
#[path = "load/process.rs"]
mod process;

use std::time::Duration;

use client::{Client, Phase, Took};
use lab::Lab;
use line3_proto::QoS;
use process::{Agent, Plain};

/// The most CPU of the agent that a Get of one path may take, in microseconds.
const LIMIT_CPU: f64 = 40.0;

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

/// As the reference agent was measured: windows of 1 and 32, of `Device.` 1 and 16.
const PHASES: [Phase; 9] = [
    phase(OWN, QoS::AtMostOnce, 1, 8000),
    phase(OWN, QoS::AtMostOnce, 32, 20_000),
    phase(ONE, QoS::AtMostOnce, 1, 8000),
    phase(ONE, QoS::AtMostOnce, 32, 16_000),
    phase(ONE, QoS::AtLeastOnce, 1, 8000),
    phase(ONE, QoS::AtLeastOnce, 32, 16_000),
    phase(PROC, QoS::AtMostOnce, 32, 16_000),
    phase(WHOLE, QoS::AtMostOnce, 1, 1000),
    phase(WHOLE, QoS::AtMostOnce, 16, 2000),
];

const fn phase(path: &'static str, qos: QoS, window: usize, requests: u32) -> Phase {
    Phase { path, qos, window, requests }
}

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        println!("this measures nothing in a debug build: cargo bench -p line3-agent --bench load");
        return;
    }
    let lab = Lab::new();
    let mut beyond = Vec::new();

    let tls = Agent::start(&lab, "self::load-tls", lab.boxes(), true);
    let tls_idle = tls.rss_idle();
    drop(tls);

    let broker = Plain::start(&lab);
    let agent = Agent::start(&lab, "self::load", broker.address, false);
    let plain_idle = agent.rss_idle();
    let mut client = Client::connect(broker.address.port(), &agent.id);
    let at_once = client.answers_at_most_once();

    let mut sent = 0;
    for phase in &WARM {
        client.run(phase);
        sent += phase.requests;
    }
    let (first, first_sent) = (agent.rss(), sent);
    println!(
        "{:<36} {:>3} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>7}",
        "Get", "QoS", "window", "requests", "a second", "p50 ms", "p99 ms", "CPU µs", "bytes"
    );
    let rest = ALL - sent - PHASES.iter().map(|phase| phase.requests).sum::<u32>();
    let last_phase = phase(ONE, QoS::AtLeastOnce, 32, rest);
    for phase in PHASES.iter().chain([&last_phase]) {
        let before = agent.cpu();
        let Took { rate, p50, p99, bytes } = client.run(phase);
        let cpu = (agent.cpu() - before).as_secs_f64() * 1e6 / f64::from(phase.requests);
        sent += phase.requests;
        let (path, window, requests) = (phase.path, phase.window, phase.requests);
        let limited = phase.path == OWN || phase.path == ONE;
        let limit = if limited { format!("  at most {LIMIT_CPU:.0} µs of CPU") } else { String::new() };
        println!(
            "{path:<36} {:>3} {window:>6} {requests:>8} {rate:>9.0} {:>8.2} {:>8.2} {cpu:>8.1} {bytes:>7}{limit}",
            u8::from(phase.qos == QoS::AtLeastOnce),
            millis(p50),
            millis(p99)
        );
        if limited && cpu > LIMIT_CPU {
            beyond.push(format!("a Get of {path} with window {window} takes {cpu:.1} µs of CPU, at most {LIMIT_CPU:.0} are allowed"));
        }
    }
    if !at_once {
        println!("the agent answers with QoS 1 whatever it is asked with");
    }

    let last = agent.rss();
    let growth = (last as f64 - first as f64) / first as f64;
    println!();
    println!("{:<36} {plain_idle:>8} KiB", "RSS idle, connected, plain");
    println!("{:<36} {tls_idle:>8} KiB", "RSS idle, connected with TLS");
    println!("{:<36} {first:>8} KiB", format!("RSS after {first_sent} requests"));
    println!(
        "{:<36} {last:>8} KiB  {:+.1} %, at most {:+.0} %",
        format!("RSS after {sent} requests"),
        growth * 100.0,
        LIMIT_GROWTH * 100.0
    );
    if growth > LIMIT_GROWTH {
        beyond.push(format!("memory grew by {:.1} %, at most {:.0} % are allowed", growth * 100.0, LIMIT_GROWTH * 100.0));
    }
    drop((client, agent, broker));
    lab.end();
    for what in &beyond {
        println!("beyond the limit: {what}");
    }
    std::process::exit(i32::from(!beyond.is_empty()));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
