//! The parameters that every element of a health report carries besides what it measures. They are ordinary parameters of the
//! box, referenced by its BulkData profile (TR-181 `Device.BulkData.Profile.{i}.Parameter.{i}.`) and sampled at collection.
//! Order, gaps and age are counted on them, never on the box's wall clock.

/// A random text made at each start of the agent: with it a restart of the agent is told from a lost report.
pub const RUN_ID: &str = "Device.LocalAgent.X_LINE3_RunID";

/// The kernel's boot id: `UP_TIME` can be compared between reports of the same boot only.
pub const BOOT_ID: &str = "Device.LocalAgent.X_LINE3_BootID";

/// How many reports this profile has made in this run, this one included: it counts 1, 2, 3, … In a report the concrete instance
/// number of the profile stands for `{i}`; [`sequence_path`] and [`profile_of`] write and read it.
pub const SEQUENCE: &str = "Device.BulkData.Profile.{i}.X_LINE3_Sequence";

/// Seconds since the box booted (TR-181).
pub const UP_TIME: &str = "Device.DeviceInfo.UpTime";

/// The box's wall clock (TR-181): shown, never relied on.
pub const CLOCK: &str = "Device.Time.CurrentLocalTime";

/// The time of collection that TR-181 BulkData puts first in an element (`ReportTimestamp` "Unix-Epoch": seconds).
pub const COLLECTION_TIME: &str = "CollectionTime";

/// The concrete path of [`SEQUENCE`] for a profile.
#[must_use]
pub fn sequence_path(profile: u32) -> String {
    SEQUENCE.replace("{i}", &profile.to_string())
}

/// Which profile's [`SEQUENCE`] a concrete path is; `None` if it is none.
#[must_use]
pub fn profile_of(path: &str) -> Option<u32> {
    let (before, after) = SEQUENCE.split_once("{i}")?;
    let number = path.strip_prefix(before)?.strip_suffix(after)?;
    let profile = number.parse().ok().filter(|n| *n > 0)?;
    // One spelling only: no sign, no leading zero.
    (sequence_path(profile) == path).then_some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_read_as_it_is_written() {
        assert_eq!(profile_of(&sequence_path(7)), Some(7));
        for path in [
            SEQUENCE,
            "Device.BulkData.Profile.0.X_LINE3_Sequence",
            "Device.BulkData.Profile.+1.X_LINE3_Sequence",
            "Device.BulkData.Profile.01.X_LINE3_Sequence",
            "Device.BulkData.Profile.4294967296.X_LINE3_Sequence",
            "Device.BulkData.Profile.X_LINE3_Sequence",
            "",
        ] {
            assert_eq!(profile_of(path), None, "{path:?}");
        }
    }
}
