//! What the engine costs: `cargo bench -p line3-agent --bench engine`. The whole machine, from the bytes of a request to the bytes of
//! its answer, over a Host whose files are in memory: no kernel, no network, no flash. Prints microseconds (the least of several
//! batches, so that what else the machine does counts little) and bytes an answer, and fails beyond a limit.
//!
//! For a profile, `… --bench engine -- NAME TIMES` does one thing so many times and prints nothing:
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='engine::timed*' target/release/deps/engine-… get-device 200`
//! counts instructions, which a busy machine does not change.
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "engine/memory.rs"]
mod memory;
#[path = "engine/rig.rs"]
mod rig;

use std::hint::black_box;
use std::time::{Duration, Instant};

use line3_proto::usp::Response;
use rig::{Rig, Wire};

/// How long a batch should take, and how many there are.
const BATCH: Duration = Duration::from_millis(30);
const BATCHES: u32 = 9;

/// The most that one parameter of a Get of `Device.` may take, in microseconds.
const LIMIT_PER_PARAMETER: f64 = 1.0;

const SUBSCRIPTIONS: &str = "Device.LocalAgent.Subscription.";

/// Something that is measured: what is made ready, and what is timed and gives the last answer's size.
struct Case {
    name: &'static str,
    what: &'static str,
    run: fn(&mut Rig, u32) -> (Duration, usize),
}

const CASES: [Case; 12] = [
    Case {
        name: "get-one",
        what: "Get Device.DeviceInfo.SoftwareVersion",
        run: |rig, n| rig.ask_often(n, rig::get(&["Device.DeviceInfo.SoftwareVersion"])),
    },
    Case {
        name: "get-proc",
        what: "Get Device.DeviceInfo.UpTime (a file)",
        run: |rig, n| rig.ask_often(n, rig::get(&["Device.DeviceInfo.UpTime"])),
    },
    Case {
        name: "get-setting",
        what: "Get of a setting",
        run: |rig, n| rig.ask_often(n, rig::get(&["Device.LocalAgent.Controller.1.EndpointID"])),
    },
    Case {
        name: "get-search",
        what: "Get Device.IP.Interface.[Name==\"eth0\"].Status",
        run: |rig, n| rig.ask_often(n, rig::get(&["Device.IP.Interface.[Name==\"eth0\"].Status"])),
    },
    Case { name: "get-device", what: "Get Device.", run: |rig, n| rig.ask_often(n, rig::get(&["Device."])) },
    Case {
        name: "instances",
        what: "GetInstances Device.IP.Interface.",
        run: |rig, n| rig.ask_often(n, rig::instances("Device.IP.Interface.")),
    },
    Case { name: "supported", what: "GetSupportedDM Device., all flags", run: |rig, n| rig.ask_often(n, rig::supported("Device.")) },
    Case { name: "set", what: "Set of one value, kept", run: set },
    Case { name: "add-delete", what: "Add and Delete of a Subscription, kept", run: add_delete },
    Case {
        name: "operate",
        what: "Operate, synchronous",
        run: |rig, n| rig.ask_often(n, rig::operate("Device.LocalAgent.X_LINE3_GetCatalogue()", &[("Offset", "4294967295")])),
    },
    Case { name: "notify", what: "Notify OperationComplete", run: notify },
    Case { name: "refuse", what: "a refused Get (no such path)", run: |rig, n| rig.ask_often(n, rig::get(&["Device.Nothing.Here"])) },
];

fn main() {
    let (options, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    if let [name, times] = words.as_slice() {
        let case = CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
        (case.run)(&mut Rig::new(), times.parse().expect("how many times"));
        return;
    }
    if !options.iter().any(|option| option == "--bench") {
        // By `cargo test`: only whether it works.
        for case in &CASES {
            let _ = (case.run)(&mut Rig::new(), 1);
        }
        return;
    }
    println!("{:<46} {:>10} {:>8}", "", "µs", "bytes");
    let mut per_parameter = 0.0;
    for case in &CASES {
        let mut rig = Rig::new();
        let (least, bytes) = measure(case, &mut rig);
        println!("{:<46} {least:>10.2} {bytes:>8}", case.what);
        if case.name == "get-device" {
            let Response::GetResp(response) = rig.answer(rig::get(&["Device."])) else { panic!("no GetResp") };
            let resolved = response.req_path_results.iter().flat_map(|result| &result.resolved_path_results);
            let parameters: usize = resolved.map(|resolved| resolved.result_params.len()).sum();
            per_parameter = least / f64::from(u32::try_from(parameters).unwrap());
            println!("{:<46} {per_parameter:>10.2}          at most {LIMIT_PER_PARAMETER:.1}", format!("  a parameter, of {parameters}"));
        }
    }
    if per_parameter > LIMIT_PER_PARAMETER {
        println!("beyond the limit: a parameter of Get Device. takes {per_parameter:.2} µs, at most {LIMIT_PER_PARAMETER:.1} are allowed");
        std::process::exit(1);
    }
}

/// The least that one takes, in microseconds, and the bytes of its answer.
fn measure(case: &Case, rig: &mut Rig) -> (f64, usize) {
    let mut times = 1;
    // A first batch warms up and tells how many make a batch.
    let (mut took, mut bytes) = (case.run)(rig, times);
    while took < BATCH / 2 && times < 1 << 16 {
        times *= 2;
        (took, bytes) = (case.run)(rig, times);
    }
    let mut least = took;
    for _ in 0..BATCHES {
        least = least.min((case.run)(rig, times).0);
    }
    (least.as_secs_f64() * 1e6 / f64::from(times), bytes)
}

/// Every second one changes the value back, so each is a change, and is kept.
fn set(rig: &mut Rig, times: u32) -> (Duration, usize) {
    rig.some_subscription();
    let requests: Vec<Wire> = ["1", "2"].map(|life| rig.seal(rig::set(&format!("{SUBSCRIPTIONS}1."), "NotifExpiration", life))).into();
    rig.check(&requests[0]);
    timed(rig, times, |rig, turn| rig.exchange(&requests[usize::from(turn % 2 == 0)]))
}

fn add_delete(rig: &mut Rig, times: u32) -> (Duration, usize) {
    let add = rig.seal(rig::add(SUBSCRIPTIONS, &[("ID", "b"), ("NotifType", "Event"), ("ReferenceList", "Device.Boot!")]));
    let delete = rig.seal(rig::delete(&format!("{SUBSCRIPTIONS}[ID==\"b\"].")));
    rig.check(&add);
    rig.check(&delete);
    timed(rig, times, |rig, _| {
        let bytes = rig.exchange(&add);
        rig.exchange(&delete);
        bytes
    })
}

/// Only the end of a command is timed, not its beginning.
fn notify(rig: &mut Rig, times: u32) -> (Duration, usize) {
    rig.answer(rig::add(
        SUBSCRIPTIONS,
        &[("Enable", "true"), ("NotifType", "OperationComplete"), ("ReferenceList", "Device.IP.Diagnostics.")],
    ));
    let (mut took, mut bytes) = (Duration::ZERO, 0);
    for _ in 0..times {
        let id = rig.start_ping();
        let (one, size) = timed(rig, 1, |rig, _| rig.complete(id));
        took += one;
        bytes = size;
    }
    rig.answer(rig::delete(&format!("{SUBSCRIPTIONS}*.")));
    (took, bytes)
}

/// Does something so many times: how long it took, and what the last gave.
#[inline(never)]
fn timed(rig: &mut Rig, times: u32, mut work: impl FnMut(&mut Rig, u32) -> usize) -> (Duration, usize) {
    let start = Instant::now();
    let mut bytes = 0;
    for turn in 0..times {
        bytes = black_box(work(rig, turn));
    }
    (start.elapsed(), bytes)
}
