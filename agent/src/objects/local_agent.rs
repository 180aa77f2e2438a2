//! `Device.LocalAgent.`

use line3_proto::value::{Absent, Known};
use line3_proto::{Fault, row};

use super::{Found, Object};
use crate::settings::Settings;
use crate::view::View;

/// `Device.LocalAgent.`
pub struct LocalAgent;

row! {
    /// The parameters of `Device.LocalAgent.`
    pub struct Values {
        /// The agent's endpoint id.
        EndpointID: String,
        /// The version of the agent, not of the firmware.
        SoftwareVersion: String,
        /// Since the agent started.
        UpTime: u32 [s, ticks],
        /// The message transfer protocols that the agent speaks.
        SupportedProtocols: Vec<String>,
        /// The subtypes that the agent is announced under by mDNS: none, it is not announced.
        AdvertisedDeviceSubtypes: Vec<String>,
        /// How many rows `MTP.{i}.` has.
        MTPNumberOfEntries: u32,
        /// How many rows `Controller.{i}.` has.
        ControllerNumberOfEntries: u32,
        /// How many rows `Subscription.{i}.` has.
        SubscriptionNumberOfEntries: u32,
        /// How many rows `Request.{i}.` has.
        RequestNumberOfEntries: u32,
        /// Random at each start of the agent: two reports with the same one are of the same run.
        X_LINE3_RunID: String,
        /// Random at each start of the kernel.
        X_LINE3_BootID: Known<String>,
        /// What Device.Reboot() does: `system` restarts the box, `restart-agent` the agent only.
        X_LINE3_RebootMode: String,
        /// Names the catalogue of what this agent can show and do: the same digest, the same catalogue.
        X_LINE3_CatalogueDigest: String,
        /// Whether the box exists only in a simulation.
        X_LINE3_Simulated: bool,
    }
}

impl Object for LocalAgent {
    const PATH: &'static str = "Device.LocalAgent.";
    const DOC: &'static str = "The agent: who it is, since when it runs, and what it keeps.";
    type Row = Values;

    fn read(view: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        let facts = view.facts;
        let rows = |table| rows_of(view.settings, table);
        Ok(Found::single(Values {
            EndpointID: facts.id.to_string(),
            SoftwareVersion: env!("CARGO_PKG_VERSION").to_owned(),
            UpTime: u32::try_from(view.now.mono.since(facts.started).as_secs()).unwrap_or(u32::MAX),
            SupportedProtocols: vec!["MQTT".to_owned()],
            AdvertisedDeviceSubtypes: Vec::new(),
            MTPNumberOfEntries: rows("Device.LocalAgent.MTP."),
            ControllerNumberOfEntries: rows("Device.LocalAgent.Controller."),
            SubscriptionNumberOfEntries: rows("Device.LocalAgent.Subscription."),
            RequestNumberOfEntries: u32::try_from(facts.requests.len()).unwrap_or(u32::MAX),
            X_LINE3_RunID: facts.run_id.clone(),
            X_LINE3_BootID: facts.boot_id.clone().map_err(Absent::because),
            X_LINE3_RebootMode: facts.reboot.as_str().to_owned(),
            X_LINE3_CatalogueDigest: facts.catalogue_digest.clone(),
            X_LINE3_Simulated: facts.id.to_string().starts_with("proto::sim-"),
        }))
    }
}

/// How many rows a table of settings has, rows of its rows not counted.
pub(super) fn rows_of(settings: &Settings, table: &str) -> u32 {
    let own = |path: &str| path.strip_suffix('.').is_some_and(|path| path[table.len()..].bytes().all(|byte| byte.is_ascii_digit()));
    let rows = settings.instances.from(table).map(|(path, _)| path).take_while(|path| path.starts_with(table));
    u32::try_from(rows.filter(|path| path.len() > table.len() && own(path)).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_tells_of_itself() {
        let mut bench = Bench::empty();
        for path in
            ["Controller.1.", "Controller.1.MTP.1.", "Controller.12.", "ControllerTrust.", "MTP.1.", "Subscription.", "Subscription.3."]
        {
            bench.settings.instances.insert(format!("Device.LocalAgent.{path}"), row::Args::new());
        }
        let text = bench.show::<LocalAgent>().replace(env!("CARGO_PKG_VERSION"), "<version>");
        expect![[r#"
            EndpointID = proto::sim-7
            SoftwareVersion = <version>
            UpTime = 60
            SupportedProtocols = MQTT
            AdvertisedDeviceSubtypes = 
            MTPNumberOfEntries = 1
            ControllerNumberOfEntries = 2
            SubscriptionNumberOfEntries = 1
            RequestNumberOfEntries = 0
            X_LINE3_RunID = run-1
            X_LINE3_BootID = boot-1
            X_LINE3_RebootMode = restart-agent
            X_LINE3_CatalogueDigest = digest
            X_LINE3_Simulated = true
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_kernel_without_a_boot_id_is_said_so() {
        let mut bench = Bench::empty();
        bench.facts.boot_id = Err("this box has no boot_id".to_owned());
        assert!(bench.show::<LocalAgent>().contains("X_LINE3_BootID: this box has no boot_id\n"));
    }
}
