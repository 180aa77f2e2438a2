//! `Device.LocalAgent.MTP.{i}.`: where the agent listens.

use line3_proto::row::Args;
use line3_proto::value::Known;
use line3_proto::{row, values};

use super::{Blame, Edit, Setting};
use crate::view::View;

values! {
    /// `Protocol`: what this agent speaks.
    pub enum Protocol {
        /// MQTT.
        MQTT,
    }
}

row! {
    /// A way to the agent.
    pub struct MtpRow {
        /// A name that never changes.
        Alias: String [once, len(64)] = "",
        /// Whether this way is used. The agent refuses to be left without any: it could not be told to turn one on again.
        Enable: bool [rw] = "false",
        /// `Up` or `Down`.
        Status: String,
        /// How it goes.
        Protocol: Protocol [rw] = "MQTT",
    }
}

row! {
    /// How the agent is reached by MQTT.
    pub struct MtpMqttRow {
        /// The path of the MQTT client.
        Reference: String [rw, len(256)] = "",
        /// The topic the agent listens on, unless the broker names one.
        ResponseTopicConfigured: String [rw, len(1024)] = "",
        /// The topic that the broker named.
        ResponseTopicDiscovered: String,
        /// The quality of service of what the agent publishes.
        PublishQoS: u32 [rw, range(0, 1)] = "1",
    }
}

/// `Device.LocalAgent.MTP.{i}.`
pub(super) struct Mtp;

impl Setting for Mtp {
    const PATH: &'static str = "Device.LocalAgent.MTP.{i}.";
    const DOC: &'static str = "A way to the agent.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    type Row = MtpRow;
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let link = &view.facts.link;
        vec![("Status", Ok(if link.up && at == link.mtp { "Up" } else { "Down" }.to_owned()))]
    }
}

/// `Device.LocalAgent.MTP.{i}.MQTT.`
pub(super) struct MtpMqtt;

impl Setting for MtpMqtt {
    const PATH: &'static str = "Device.LocalAgent.MTP.{i}.MQTT.";
    const DOC: &'static str = "How the agent is reached by MQTT.";
    type Row = MtpMqttRow;
    fn complete(values: &mut Args, edit: &Edit<'_>) -> Result<(), Blame> {
        super::mqtt_client::publishable(values, "ResponseTopicConfigured")?;
        edit.refers(values, "Reference", "Device.MQTT.Client.")
    }
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("ResponseTopicDiscovered", Ok(view.facts.link.response_information.clone()))]
    }
}
