//! `Device.DeviceInfo.MemoryStatus.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row};

use super::kernel::file;
use super::{Found, Object};
use crate::view::View;

/// `Device.DeviceInfo.MemoryStatus.`
pub struct MemoryStatus;

row! {
    /// The parameters of `Device.DeviceInfo.MemoryStatus.`
    pub struct Values {
        /// All memory that the kernel can use (MemTotal).
        Total: Known<u32> [KiB],
        /// Memory that holds nothing at all (MemFree). What holds only caches is not counted: see X_LINE3_Available.
        Free: Known<u32> [KiB, ticks],
        /// The size of the root file system.
        TotalPersistent: Known<u32> [KiB],
        /// What can still be written to the root file system.
        FreePersistent: Known<u32> [KiB],
        /// Memory that programs can still get without swapping, caches given up included (MemAvailable).
        X_LINE3_Available: Known<u32> [KiB, ticks],
    }
}

impl Object for MemoryStatus {
    const PATH: &'static str = "Device.DeviceInfo.MemoryStatus.";
    const DOC: &'static str = "How full the box's memory and its root file system are.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let text = file(view.host, "/proc/meminfo");
        let kib = |name| text.as_ref().map_err(Absent::clone).and_then(|text| entry(text, name));
        let space = view.host.space("/").map_err(|err| Absent::because(format!("the root file system cannot be measured: {err}")));
        let space_kib = |bytes: u64| u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        Ok(Found::single(Values {
            Total: kib("MemTotal"),
            Free: kib("MemFree"),
            TotalPersistent: space.as_ref().map(|space| space_kib(space.total)).map_err(Absent::clone),
            FreePersistent: space.map(|space| space_kib(space.free)),
            X_LINE3_Available: kib("MemAvailable"),
        }))
    }
}

/// A value of /proc/meminfo: a line `MemTotal:  1013760 kB`.
fn entry(text: &str, name: &'static str) -> Known<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.ok_or_else(|| Absent::because(format!("/proc/meminfo has no {name}")))?;
    let number = value.split_whitespace().next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| Absent::because(format!("{name} of /proc/meminfo is no number that fits")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::Space;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_tells() {
        let bench = Bench::empty().with(&[("/proc/meminfo", "MemTotal:        1013760 kB\nMemFree:          120000 kB\nMemAvai")]);
        bench.host.set_space(Space { total: 10 << 40, free: 4096 });
        expect![[r#"
            Total = 1013760
            Free = 120000
            TotalPersistent = 4294967295
            FreePersistent = 4
            X_LINE3_Available: /proc/meminfo has no MemAvailable
        "#]]
        .assert_eq(&bench.show::<MemoryStatus>());
    }

    #[test]
    fn odd_files_give_reasons() {
        expect![[r#"
            Total: this box has no /proc/meminfo
            Free: this box has no /proc/meminfo
            TotalPersistent: the root file system cannot be measured: entity not found
            FreePersistent: the root file system cannot be measured: entity not found
            X_LINE3_Available: this box has no /proc/meminfo
        "#]]
        .assert_eq(&Bench::empty().show::<MemoryStatus>());
        let bench = Bench::empty().with(&[("/proc/meminfo", "MemTotal:\nMemFree: 99999999999 kB\nMemAvailable: -1 kB\n")]);
        assert!(bench.show::<MemoryStatus>().contains("Total: MemTotal of /proc/meminfo is no number that fits"));
    }
}
