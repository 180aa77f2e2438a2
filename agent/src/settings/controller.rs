//! `Device.LocalAgent.Controller.{i}.`: whom the agent obeys, and where it listens.

use line3_proto::row;
use line3_proto::value::Known;

use super::{Setting, entries};
use crate::view::View;

row! {
    /// A controller.
    pub struct ControllerRow {
        /// A name that never changes.
        Alias: String,
        /// Its endpoint id.
        EndpointID: String,
        /// Whether the agent talks with it.
        Enable: bool,
        /// The shortest wait before a notification is sent again.
        USPNotifRetryMinimumWaitInterval: u32 [s, range(1, 65535)] = "5",
        /// By how much each wait range is longer than the one before, in thousandths.
        USPNotifRetryIntervalMultiplier: u32 [range(1000, 65535)] = "2000",
        /// Its roles: rows of `ControllerTrust.Role.{i}.`; empty: the `UntrustedRole`.
        AssignedRole: Vec<String> [rw, len(256)] = "",
        /// How many ways there are to it.
        MTPNumberOfEntries: u32,
    }
}

row! {
    /// A way to a controller.
    pub struct ControllerMtpRow {
        /// A name that never changes.
        Alias: String,
        /// Whether this way is used.
        Enable: bool,
        /// `MQTT`.
        Protocol: String,
    }
}

row! {
    /// Where the controller listens.
    pub struct ControllerMtpMqttRow {
        /// The topic it is spoken to on.
        Topic: String,
        /// The path of the agent's own MTP row.
        AgentMTPReference: String,
    }
}

/// `Device.LocalAgent.Controller.{i}.`
pub(super) struct Controller;

impl Setting for Controller {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.";
    const DOC: &'static str = "A controller that the agent obeys.";
    const KEYS: &'static [&'static [&'static str]] = &[&["EndpointID"], &["Alias"]];
    type Row = ControllerRow;
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("MTPNumberOfEntries", entries(view, &format!("{at}MTP.")))]
    }
}

/// `Device.LocalAgent.Controller.{i}.MTP.{i}.`
pub(super) struct ControllerMtp;

impl Setting for ControllerMtp {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.MTP.{i}.";
    const DOC: &'static str = "A way to the controller.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Protocol"], &["Alias"]];
    type Row = ControllerMtpRow;
}

/// `Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.`
pub(super) struct ControllerMtpMqtt;

impl Setting for ControllerMtpMqtt {
    const PATH: &'static str = "Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.";
    const DOC: &'static str = "Where the controller listens.";
    type Row = ControllerMtpMqttRow;
}
