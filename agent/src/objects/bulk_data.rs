//! `Device.BulkData.`

use line3_proto::{Fault, row, values};

use super::local_agent::rows_of;
use super::{Found, Object};
use crate::view::View;

/// `Device.BulkData.`
pub struct BulkData;

/// The shortest time between two reports of a profile, in seconds.
pub const MIN_REPORTING_INTERVAL: u32 = 1;

values! {
    /// Whether reports are made.
    pub enum Status {
        /// They are, by every profile that is enabled.
        Enabled,
    }
}

row! {
    /// The parameters of `Device.BulkData.`
    pub struct Values {
        /// Whether reports are made.
        Status: Status,
        /// The shortest time between two reports of a profile.
        MinReportingInterval: u32 [s],
        /// How reports can travel.
        Protocols: Vec<String>,
        /// How reports can be written.
        EncodingTypes: Vec<String>,
        /// How many rows `Profile.{i}.` has.
        ProfileNumberOfEntries: u32,
    }
}

impl Object for BulkData {
    const PATH: &'static str = "Device.BulkData.";
    const DOC: &'static str = "The health reports that the agent sends by itself.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values {
            Status: Status::Enabled,
            MinReportingInterval: MIN_REPORTING_INTERVAL,
            Protocols: vec!["MQTT".to_owned()],
            EncodingTypes: vec!["JSON".to_owned()],
            ProfileNumberOfEntries: rows_of(view.settings, "Device.BulkData.Profile."),
        }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_what_it_can_and_counts_profiles() {
        let mut bench = Bench::empty();
        for path in ["Device.BulkData.Profile.2.", "Device.BulkData.Profile.2.MQTT.", "Device.BulkData.Profile.2.Parameter.1."] {
            bench.settings.instances.insert(path.to_owned(), row::Args::new());
        }
        expect![[r#"
            Status = Enabled
            MinReportingInterval = 1
            Protocols = MQTT
            EncodingTypes = JSON
            ProfileNumberOfEntries = 1
        "#]]
        .assert_eq(&bench.show::<BulkData>());
    }
}
