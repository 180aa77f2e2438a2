//! `Device.DeviceInfo.ProcessStatus.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row};

use super::kernel::{count, file, names};
use super::{Found, Object};
use crate::host::Host;
use crate::view::{Ticks, View};

/// `Device.DeviceInfo.ProcessStatus.`
pub struct ProcessStatus;

row! {
    /// The parameters of `Device.DeviceInfo.ProcessStatus.`
    pub struct Values {
        /// How busy the processor was, over all cores, since the last time anybody asked (a second ago at least).
        CPUUsage: Known<u32> [percent, ticks],
        /// How many rows `Process.{i}.` has.
        ProcessNumberOfEntries: Known<u32>,
    }
}

impl Object for ProcessStatus {
    const PATH: &'static str = "Device.DeviceInfo.ProcessStatus.";
    const DOC: &'static str = "How busy the box is.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let usage = file(view.host, "/proc/stat").and_then(|text| ticks(&text)).and_then(|ticks| {
            let percent = view.facts.cpu.percent(view.now.mono, ticks);
            percent.ok_or_else(|| Absent::because("it is measured between two looks, a second apart at least; this was the first"))
        });
        let processes = match cfg!(feature = "processes") {
            true => count(&pids(view.host)),
            false => Err(Absent::because("this build leaves out the table of processes")),
        };
        Ok(Found::single(Values { CPUUsage: usage, ProcessNumberOfEntries: processes }))
    }
}

/// The numbers of all processes: what [`Host::list`] gives of /proc, so at most its bound. A /proc that shows a user only its own
/// processes does not show the first one, which is always there.
pub(super) fn pids(host: &dyn Host) -> Known<Vec<u32>> {
    let pids: Vec<u32> = names(host, "/proc")?.iter().filter_map(|name| name.parse().ok()).collect();
    if host.file("/proc/1/stat").is_err() {
        return Err(Absent::because(
            "not permitted: /proc is mounted with hidepid and hides the processes of others; its option gid= can name the agent's group",
        ));
    }
    Ok(pids)
}

/// The first line of /proc/stat: `cpu  user nice system idle iowait irq softirq steal …`; what follows is part of user and nice.
fn ticks(text: &str) -> Known<Ticks> {
    let odd = || Absent::because("the first line of /proc/stat is not the processor's");
    let mut words = text.lines().next().unwrap_or_default().split_whitespace();
    if words.next() != Some("cpu") {
        return Err(odd());
    }
    let counts: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    // Idle, and waiting for a disk (missing before Linux 2.6): neither is work.
    let idle = counts.get(3).ok_or_else(odd)?.saturating_add(counts.get(4).copied().unwrap_or(0));
    let all = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    Ok(Ticks { busy: all.saturating_sub(idle), all })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_is_measured_between_two_looks() {
        let mut bench = Bench::empty().with(&[
            ("/proc/stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3\n"),
            ("/proc/1/stat", ""),
            ("/proc/20/stat", ""),
            ("/proc/self/stat", ""),
        ]);
        expect![[r#"
            CPUUsage: it is measured between two looks, a second apart at least; this was the first
            ProcessNumberOfEntries = 2
        "#]]
        .assert_eq(&bench.show::<ProcessStatus>());
        bench.pass(Duration::from_secs(10));
        bench.host.set_file("/proc/stat", "cpu  200 0 150 1400 150 0 0 0 50 0\n");
        expect![[r#"
            CPUUsage = 17
            ProcessNumberOfEntries = 2
        "#]]
        .assert_eq(&bench.show::<ProcessStatus>());
    }

    #[test]
    fn odd_files_give_reasons() {
        for text in ["", "cpu", "cpu 1 2 3", "cpu0 1 2 3 4 5", "intr 5 5 5 5", "cpu a b c d"] {
            assert!(ticks(text).is_err(), "{text:?}");
        }
        assert_eq!(ticks("cpu 18446744073709551615 1 1 1"), Ok(Ticks { busy: u64::MAX - 1, all: u64::MAX }));
    }
}
