//! `Device.LocalAgent.MTP.{i}.`: where the agent listens.

use line3_proto::row;
use line3_proto::value::Known;

use super::Setting;
use crate::view::View;

row! {
    /// A way to the agent.
    pub struct MtpRow {
        /// A name that never changes.
        Alias: String,
        /// Whether this way is used.
        Enable: bool,
        /// `Up` or `Down`.
        Status: String,
        /// `MQTT`.
        Protocol: String,
    }
}

row! {
    /// How the agent is reached by MQTT.
    pub struct MtpMqttRow {
        /// The path of the MQTT client.
        Reference: String,
        /// The topic the agent listens on, unless the broker names one.
        ResponseTopicConfigured: String,
        /// The topic that the broker named.
        ResponseTopicDiscovered: String,
        /// The quality of service of what the agent publishes.
        PublishQoS: u32 [range(0, 1)] = "1",
    }
}

/// `Device.LocalAgent.MTP.{i}.`
pub(super) struct Mtp;

impl Setting for Mtp {
    const PATH: &'static str = "Device.LocalAgent.MTP.{i}.";
    const DOC: &'static str = "A way to the agent.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Alias"]];
    type Row = MtpRow;
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("Status", Ok(if view.facts.link.up { "Up" } else { "Down" }.to_owned()))]
    }
}

/// `Device.LocalAgent.MTP.{i}.MQTT.`
pub(super) struct MtpMqtt;

impl Setting for MtpMqtt {
    const PATH: &'static str = "Device.LocalAgent.MTP.{i}.MQTT.";
    const DOC: &'static str = "How the agent is reached by MQTT.";
    type Row = MtpMqttRow;
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        vec![("ResponseTopicDiscovered", Ok(view.facts.link.response_information.clone()))]
    }
}
