//! `Device.DeviceInfo.ProcessStatus.Process.{i}.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row, values};

use super::kernel::{file, unknowable};
use super::process_status::pids;
use super::{Found, Object};
use crate::host::Host;
use crate::view::View;

/// `Device.DeviceInfo.ProcessStatus.Process.{i}.`
pub struct Process;

values! {
    /// What a process does.
    pub enum State {
        /// It runs, or could.
        Running,
        /// It waits.
        Sleeping,
        /// It was stopped.
        Stopped,
        /// A thread of the kernel that has nothing to do.
        Idle,
        /// It waits for a device and cannot be ended.
        Uninterruptible,
        /// It has ended, and its parent has not looked.
        Zombie,
    }
}

row! {
    /// The parameters of `Device.DeviceInfo.ProcessStatus.Process.{i}.`
    pub struct Values {
        /// The kernel's number of the process.
        PID: u32,
        /// The name of its program, as the kernel cuts it: 15 bytes.
        Command: String,
        /// The memory that it occupies (resident set).
        Size: Known<u32> [KiB, ticks],
        /// The kernel's priority, 0 the highest, 99 the lowest; 20 is ordinary, real-time processes count as 0.
        Priority: Known<u32> [range(0, 99)],
        /// The processor time it has used.
        CPUTime: Known<u32> [ms, ticks],
        /// What it does.
        State: Known<State> [ticks],
    }
}

/// The ticks of a second in /proc/[pid]/stat: 100 on every architecture that boxes have.
const TICKS: u64 = 100;

impl Object for Process {
    const PATH: &'static str = "Device.DeviceInfo.ProcessStatus.Process.{i}.";
    const DOC: &'static str = "A process that runs on the box.";
    const KEYS: &'static [&'static [&'static str]] = &[&["PID"]];
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let pids = pids(view.host).map_err(unknowable)?;
        let page = page_size(view.host);
        let row = |pid: u32| {
            // One that has ended since the list was made is no process any more.
            let text = view.host.file(&format!("/proc/{pid}/stat")).ok()?;
            Some(Found::keyed([pid.to_string()], parse(pid, &text, &page)?))
        };
        Ok(pids.into_iter().filter_map(row).collect())
    }
}

/// The size of a page of memory, in KiB; the first mapping of a program is never of huge pages.
fn page_size(host: &dyn Host) -> Known<u64> {
    let text = file(host, "/proc/self/smaps")?;
    let line = text.lines().find_map(|line| line.strip_prefix("KernelPageSize:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.ok_or_else(|| Absent::because("/proc/self/smaps does not tell the size of a page"))
}

/// A line of /proc/[pid]/stat: `pid (name) state …`. The name may hold anything, brackets and spaces too; the last closing
/// bracket ends it. `None`: not such a line.
fn parse(pid: u32, text: &str, page: &Known<u64>) -> Option<Values> {
    let (start, rest) = text.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    // The fields from the third on, as proc(5) counts them.
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
    let number = |number: usize| {
        let odd = || Absent::because(format!("field {number} of /proc/{pid}/stat is no number"));
        field(number).parse::<i64>().map_err(|_| odd())
    };
    let cut = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let positive = |value: i64| u64::try_from(value).unwrap_or(0);
    let state = match field(3) {
        "R" => Ok(State::Running),
        "S" => Ok(State::Sleeping),
        "D" | "K" | "W" => Ok(State::Uninterruptible),
        "T" | "t" => Ok(State::Stopped),
        "I" | "P" => Ok(State::Idle),
        "Z" | "X" | "x" => Ok(State::Zombie),
        _ => Err(Absent::because(format!("/proc/{pid}/stat names no state that is known"))),
    };
    Some(Values {
        PID: pid,
        Command: name.chars().take(64).collect(),
        Size: number(24).and_then(|pages| Ok(cut(positive(pages).saturating_mul(page.clone()?)))),
        Priority: number(18).map(|priority| cut(positive(priority)).min(99)),
        CPUTime: number(14)
            .and_then(|user| Ok(positive(user).saturating_add(positive(number(15)?))))
            .map(|ticks| cut(ticks.saturating_mul(1000 / TICKS))),
        State: state,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_tells() {
        let bench = Bench::empty().with(&[
            ("/proc/self/smaps", "5589e000-5589f000 r--p 00000000 08:01 1 /x\nSize: 4 kB\nKernelPageSize:        4 kB\n"),
            ("/proc/1/stat", "1 (init) S 0 1 1 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 1 0 5 2359296 576 0 0\n"),
            ("/proc/318/stat", "318 (a) b) (c) R 1 1 1 0 -1 0 1 0 0 0 100000000 0 0 0 -51 0 1 0 5 0 5000000000 0\n"),
            ("/proc/399/stat", "399 (late) Z 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 139 0 1 0 5 0 0 0\n"),
            ("/proc/400/stat", "400 (half"),
            ("/proc/401/stat", "401 (cut) Q 1"),
        ]);
        expect![[r#"
            [1]
            PID = 1
            Command = init
            Size = 2304
            Priority = 20
            CPUTime = 420
            State = Sleeping
            [318]
            PID = 318
            Command = a) b) (c
            Size = 4294967295
            Priority = 0
            CPUTime = 1000000000
            State = Running
            [399]
            PID = 399
            Command = late
            Size = 0
            Priority = 99
            CPUTime = 0
            State = Zombie
            [401]
            PID = 401
            Command = cut
            Size: field 24 of /proc/401/stat is no number
            Priority: field 18 of /proc/401/stat is no number
            CPUTime: field 14 of /proc/401/stat is no number
            State: /proc/401/stat names no state that is known
        "#]]
        .assert_eq(&bench.show::<Process>());
    }

    #[test]
    fn without_proc_nothing_is_known() {
        expect![[r#"
            7800 (value not available on this box): this box has no /proc
        "#]]
        .assert_eq(&Bench::empty().show::<Process>());
    }
}
