//! `Device.DeviceInfo.Processor.{i}.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row};

use super::kernel::{file, line};
use super::{Found, Object};
use crate::view::View;

/// `Device.DeviceInfo.Processor.{i}.`
pub struct Processor;

row! {
    /// The parameters of `Device.DeviceInfo.Processor.{i}.`
    pub struct Values {
        /// The architecture of the box's kernel (of the agent's own program if the kernel does not tell): arm, i386, mipseb, mipsel,
        /// powerpc or x86_64, else X_LINE3_ and the kernel's word, e.g. X_LINE3_aarch64.
        Architecture: String,
        /// How many cores it has.
        X_LINE3_Cores: Known<u32>,
    }
}

impl Object for Processor {
    const PATH: &'static str = "Device.DeviceInfo.Processor.{i}.";
    const DOC: &'static str = "The box's processor: one row, with all its cores.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        // Linux has this file since 6.1.
        let kernel = line(view.host, "/proc/sys/kernel/arch").unwrap_or_else(|_| std::env::consts::ARCH.to_owned());
        let cores = file(view.host, "/proc/cpuinfo").and_then(|text| {
            let lines = text.lines().filter(|line| line.strip_prefix("processor").is_some_and(|rest| rest.trim_start().starts_with(':')));
            u32::try_from(lines.count()).ok().filter(|cores| *cores > 0).ok_or_else(|| Absent::because("/proc/cpuinfo lists no processor"))
        });
        Ok(vec![Found::keyed(["0"], Values { Architecture: architecture(&kernel), X_LINE3_Cores: cores })])
    }
}

/// The kernel's (or Rust's) name of an architecture in the words of TR-181.
fn architecture(name: &str) -> String {
    let word = match name {
        "i386" | "i486" | "i586" | "i686" | "x86" => "i386",
        "mips" if cfg!(target_endian = "little") => "mipsel",
        "mips" => "mipseb",
        "powerpc" | "ppc" => "powerpc",
        "x86_64" => "x86_64",
        arm if arm.starts_with("arm") => "arm",
        other => return format!("X_LINE3_{other}"),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_the_kernel_tells() {
        let bench = Bench::empty().with(&[
            ("/proc/sys/kernel/arch", "armv7l\n"),
            (
                "/proc/cpuinfo",
                "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\n\nprocessor\t: 1\n\nHardware\t: X\nprocessors: 9\n",
            ),
        ]);
        expect![[r#"
            [0]
            Architecture = arm
            X_LINE3_Cores = 2
        "#]]
        .assert_eq(&bench.show::<Processor>());
    }

    #[test]
    fn architectures_have_the_names_of_the_standard() {
        let names = ["aarch64", "arm", "armv5tel", "i686", "x86_64", "riscv64"].map(architecture);
        assert_eq!(names, ["X_LINE3_aarch64", "arm", "arm", "i386", "x86_64", "X_LINE3_riscv64"]);
    }

    #[test]
    fn without_files_it_tells_of_itself() {
        let bench = Bench::empty().with(&[("/proc/cpuinfo", "processo")]);
        let text = bench.show::<Processor>();
        assert_eq!(
            text,
            format!("[0]\nArchitecture = {}\nX_LINE3_Cores: /proc/cpuinfo lists no processor\n", architecture(std::env::consts::ARCH))
        );
    }
}
