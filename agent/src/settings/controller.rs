//! `Device.LocalAgent.Controller.{i}.`: whom the agent obeys, and what it tells them by itself.

use line3_proto::fault::code;
use line3_proto::row::Args;
use line3_proto::value::Known;
use line3_proto::{EndpointId, Fault, Path, Wall, row, values};

use super::{Blame, Edit, Setting, Settings, entries};
use crate::view::View;

values! {
    /// `ResultTypeFilter`.
    pub enum ResultType {
        /// Transfers that succeeded.
        Success,
        /// Transfers that failed.
        Failure,
        /// Both.
        Both,
    }
}

row! {
    /// A controller.
    pub struct ControllerRow {
        /// A name that never changes; the agent makes one up (`cpe-2`).
        Alias: String [once, len(64)] = "",
        /// Its endpoint id. For another one add another controller: this one's subscriptions and health reports are its own.
        EndpointID: String [once, len(128)] = "",
        /// A code that the controller keeps here for itself.
        ControllerCode: String [rw, len(128)] = "",
        /// A code that says for whom the box was provisioned.
        ProvisioningCode: String [rw, len(64)] = "",
        /// Whether the agent talks with it.
        Enable: bool [rw] = "false",
        /// The paths of its roles in ControllerTrust; empty: those it inherits.
        AssignedRole: Vec<String> [rw, len(256)] = "",
        /// The paths of the roles that it has from its credential.
        InheritedRole: Vec<String>,
        /// How often it is sent Periodic!.
        PeriodicNotifInterval: u32 [s, rw, range(1, 4294967295)] = "86400",
        /// A moment at which Periodic! is due; unknown: each box has a phase of its own.
        PeriodicNotifTime: Wall [rw] = "0001-01-01T00:00:00Z",
        /// The shortest wait before a notification is sent again.
        USPNotifRetryMinimumWaitInterval: u32 [s, rw, range(1, 65535)] = "5",
        /// By how much each wait range is longer than the one before, in thousandths.
        USPNotifRetryIntervalMultiplier: u32 [rw, range(1000, 65535)] = "2000",
        /// Whether the controller has said that it knows the box: until then OnBoardRequest is told anew.
        OnBoardingComplete: bool [rw] = "false",
        /// How long after an answered OnBoardRequest the next one follows; 0: none does.
        OnBoardingRestartTime: u32 [s, rw] = "0",
        /// How many ways there are to it.
        MTPNumberOfEntries: u32,
        /// How many values it wants with Boot!.
        BootParameterNumberOfEntries: u32,
    }
}

row! {
    /// A way to a controller.
    pub struct ControllerMtpRow {
        /// A name that never changes; the agent makes one up.
        Alias: String [once, len(64)] = "",
        /// Whether this way is used.
        Enable: bool [rw] = "false",
        /// How it goes.
        Protocol: super::mtp::Protocol [rw] = "MQTT",
    }
}

row! {
    /// Where the controller listens.
    pub struct ControllerMtpMqttRow {
        /// The path of the MQTT client; deprecated: AgentMTPReference leads there.
        Reference: String [rw, len(256)] = "",
        /// The topic it is spoken to on.
        Topic: String [rw, len(1024)] = "",
        /// The path of the agent's own MTP row; empty: the first.
        AgentMTPReference: String [rw, len(256)] = "",
    }
}

row! {
    /// What of TransferComplete! the controller wants.
    pub struct TransferCompletePolicyRow {
        /// Which transfers it is told of.
        ResultTypeFilter: ResultType [rw] = "Both",
    }
}

row! {
    /// A value that comes with Boot!.
    pub struct BootParameterRow {
        /// A name that never changes; the agent makes one up.
        Alias: String [once, len(64)] = "",
        /// Whether it comes.
        Enable: bool [rw] = "false",
        /// The path of the parameter; wildcards and object paths are taken.
        ParameterName: String [rw, len(256)] = "",
    }
}

/// `Device.LocalAgent.Controller.{i}.`
pub(super) struct Controller;

impl Setting for Controller {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.";
    const DOC: &'static str = "A controller that the agent obeys.";
    const KEYS: &'static [&'static [&'static str]] = &[&["EndpointID"], &["Alias"]];
    const MAX_ROWS: usize = 8;
    type Row = ControllerRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        // A controller that was added without an endpoint id has a made-up one, which nobody can have: it must stay off.
        let id = values.get("EndpointID").map_or("", String::as_str);
        let made_up = id.starts_with(super::MADE_UP);
        if let Err(error) = EndpointId::parse(id)
            && !(made_up && values.get("Enable").is_none_or(|enable| enable == "false"))
        {
            let text = if made_up { "give the controller's EndpointID before it is enabled".to_owned() } else { error.to_string() };
            return Err(("EndpointID", Fault::new(code::INVALID_VALUE, text)));
        }
        edit.refers(values, "AssignedRole", "Device.LocalAgent.ControllerTrust.Role.")?;
        edit.not_oneself(values)
    }
    fn gone(settings: &mut Settings, at: &str) {
        // What it made goes with it, as TR-181 wants (TP-469 1.78): nobody is left to be told, or to say what may be reported.
        for (table, name) in [(super::subscription::TABLE, "Recipient"), (super::bulk_data::TABLE, "Controller")] {
            settings.referring(table, name, at).iter().for_each(|path| settings.remove(path));
        }
    }
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        vec![
            ("MTPNumberOfEntries", entries(view, &format!("{at}MTP."))),
            ("BootParameterNumberOfEntries", entries(view, &format!("{at}BootParameter."))),
        ]
    }
}

/// `Device.LocalAgent.Controller.{i}.MTP.{i}.`
pub(super) struct ControllerMtp;

impl Setting for ControllerMtp {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.MTP.{i}.";
    const DOC: &'static str = "A way to the controller.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Protocol"], &["Alias"]];
    const MAX_ROWS: usize = 2;
    type Row = ControllerMtpRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        edit.not_oneself(values)
    }
}

/// `Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.`
pub(super) struct ControllerMtpMqtt;

impl Setting for ControllerMtpMqtt {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.";
    const DOC: &'static str = "Where the controller listens.";
    type Row = ControllerMtpMqttRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        super::mqtt_client::publishable(values, "Topic")?;
        edit.refers(values, "Reference", "Device.MQTT.Client.")?;
        edit.refers(values, "AgentMTPReference", "Device.LocalAgent.MTP.")
    }
}

/// `Device.LocalAgent.Controller.{i}.TransferCompletePolicy.`
pub(super) struct TransferCompletePolicy;

impl Setting for TransferCompletePolicy {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.TransferCompletePolicy.";
    const DOC: &'static str = "What of TransferComplete! the controller wants.";
    type Row = TransferCompletePolicyRow;
}

/// `Device.LocalAgent.Controller.{i}.BootParameter.{i}.`
pub(super) struct BootParameter;

impl Setting for BootParameter {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.BootParameter.{i}.";
    const DOC: &'static str = "A value that the controller wants with Boot!.";
    const KEYS: &'static [&'static [&'static str]] = &[&["ParameterName"], &["Alias"]];
    const MAX_ROWS: usize = 32;
    type Row = BootParameterRow;
    fn complete(values: &mut Args, _: &Edit<'_>) -> Result<(), Blame> {
        let name = values.get("ParameterName").map_or("", String::as_str);
        let wrong = |text: String| Err(("ParameterName", Fault::new(code::INVALID_VALUE, text)));
        if name.starts_with(super::MADE_UP) {
            // Added without a name it has a made-up one, until it is given one.
            let enabled = values.get("Enable").is_some_and(|enable| enable == "true");
            return if enabled { wrong("give the ParameterName before it is enabled".to_owned()) } else { Ok(()) };
        }
        Path::parse(name).map_or_else(|fault| wrong(fault.text), |_| Ok(()))
    }
}
