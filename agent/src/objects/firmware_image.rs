//! `Device.DeviceInfo.FirmwareImage.{i}.`

use line3_proto::value::Known;
use line3_proto::{Fault, row, values};

use super::device_info::version;
use super::{Found, Object};
use crate::view::View;

/// The path of the only image that the agent knows of: the one that runs.
pub(super) const RUNNING: &str = "Device.DeviceInfo.FirmwareImage.1";

/// `Device.DeviceInfo.FirmwareImage.{i}.`
pub struct FirmwareImage;

values! {
    /// `Status`
    pub enum Status {
        /// It runs.
        Active,
    }
}

row! {
    /// The parameters of `Device.DeviceInfo.FirmwareImage.{i}.`
    pub struct Values {
        /// A name that never changes.
        Alias: String,
        /// What it is called.
        Name: String,
        /// Its version: the same as `Device.DeviceInfo.SoftwareVersion`.
        Version: Known<String>,
        /// Whether it can be booted: what runs can.
        Available: bool [rw],
        /// What is going on with it.
        Status: Status,
    }
}

impl Object for FirmwareImage {
    const PATH: &'static str = "Device.DeviceInfo.FirmwareImage.{i}.";
    const DOC: &'static str =
        "The firmware that runs. Where a box keeps a second one the agent does not know of it; there is no Download().";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    const NUMBERED: bool = true;
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let values = Values {
            Alias: "cpe-1".to_owned(),
            Name: "the running firmware".to_owned(),
            Version: version(view),
            Available: true,
            Status: Status::Active,
        };
        Ok(vec![Found::keyed(["1"], values)])
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn what_runs_is_the_only_image() {
        let bench = Bench::empty().with(&[("/etc/os-release", "VERSION_ID=4.2\n")]);
        expect![[r#"
            [1]
            Alias = cpe-1
            Name = the running firmware
            Version = 4.2
            Available = true
            Status = Active
        "#]]
        .assert_eq(&bench.show::<FirmwareImage>());
    }
}
