//! `Device.MQTT.Client.{i}.`: the agent's connection to its broker.

use line3_proto::row;
use line3_proto::value::Known;

use super::Setting;
use crate::view::View;

row! {
    /// An MQTT client.
    pub struct ClientRow {
        /// A name that never changes.
        Alias: String,
        /// Its name.
        Name: String,
        /// Whether it connects.
        Enable: bool,
        /// `Connecting`, `Connected` or `Error_BrokerUnreachable`.
        Status: String,
        /// `5.0`.
        ProtocolVersion: String,
        /// The broker's host name or address.
        BrokerAddress: String,
        /// The broker's port.
        BrokerPort: u32 [range(1, 65535)] = "1883",
        /// `TCP/IP` or `TLS`.
        TransportProtocol: String,
        /// Whether a session of an earlier connection is dropped.
        CleanStart: bool = "false",
        /// Whether the broker is left a Will.
        WillEnable: bool,
        /// The Will's quality of service.
        WillQoS: u32 [range(0, 1)] = "1",
        /// How long the broker waits before it publishes the Will.
        WillDelayInterval: u32 [s] = "0",
        /// Where the Will goes.
        WillTopic: String,
        /// How often a quiet connection is tested.
        KeepAliveTime: u32 [s, range(0, 65535)] = "60",
        /// How long the broker keeps the session of a box that is away.
        SessionExpiryInterval: u32 [s],
        /// Its MQTT client id.
        ClientID: String,
        /// The shortest wait before connecting again.
        ConnectRetryTime: u32 [s] = "5",
        /// By how much each wait range is longer than the one before, in thousandths.
        ConnectRetryIntervalMultiplier: u32 = "2000",
        /// The longest wait before connecting again. The standard's default is 30720; see the README for why ours is shorter.
        ConnectRetryMaxInterval: u32 [s] = "300",
        /// What the broker gave as Response Information.
        ResponseInformation: String,
        /// Why it is not connected, for a person.
        X_LINE3_Trouble: String,
    }
}

/// `Device.MQTT.Client.{i}.`
pub(super) struct Client;

impl Setting for Client {
    const PATH: &'static str = "Device.MQTT.Client.{i}.";
    const DOC: &'static str = "The agent's connection to its broker.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"], &["Alias"]];
    type Row = ClientRow;
    fn live(view: &View<'_>, _: &str) -> Vec<(&'static str, Known<String>)> {
        let link = &view.facts.link;
        let status = match (link.up, link.trouble.is_empty()) {
            (true, _) => "Connected",
            (false, true) => "Connecting",
            (false, false) => "Error_BrokerUnreachable",
        };
        vec![
            ("Status", Ok(status.to_owned())),
            ("ResponseInformation", Ok(link.response_information.clone())),
            ("X_LINE3_Trouble", Ok(link.trouble.clone())),
        ]
    }
}
