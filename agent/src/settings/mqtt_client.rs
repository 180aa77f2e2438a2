//! `Device.MQTT.Client.{i}.`: the agent's connection to its broker.

use line3_proto::fault::code;
use line3_proto::row::Args;
use line3_proto::value::{Known, Value};
use line3_proto::{Fault, row, values};

use super::{Blame, Edit, Setting, entries};
use crate::view::View;

values! {
    /// `ProtocolVersion`: what this agent speaks.
    pub enum Version {
        /// MQTT 5.0.
        V5 = "5.0",
    }
}

values! {
    /// `TransportProtocol`.
    pub enum Transport {
        /// Plain TCP: only to a broker on the box itself, or in a laboratory.
        TCP = "TCP/IP",
        /// TLS with the certificates of the configuration.
        TLS,
    }
}

row! {
    /// An MQTT client.
    pub struct ClientRow {
        /// A name that never changes.
        Alias: String [once, len(64)] = "",
        /// Its name, which never changes either.
        Name: String [once, len(64)] = "",
        /// Whether it connects. The agent refuses to be left without any way to it: it could not be told to turn one on again.
        Enable: bool [rw] = "false",
        /// `Connecting`, `Connected` or `Error_BrokerUnreachable`; `Disabled`: no MTP uses it.
        Status: String,
        /// The version of MQTT.
        ProtocolVersion: Version [rw] = "5.0",
        /// The broker's host name or address.
        BrokerAddress: String [rw, len(256)] = "",
        /// The broker's port.
        BrokerPort: u32 [rw, range(1, 65535)] = "1883",
        /// How it connects.
        TransportProtocol: Transport [rw] = "TCP/IP",
        /// Of MQTT 3.1.1; 5.0 has CleanStart.
        CleanSession: bool = "false",
        /// Whether a session of an earlier connection is dropped. The standard's default is `true`; ours keeps what came while
        /// the box was away.
        CleanStart: bool [rw] = "false",
        /// Whether the broker is left a Will: the disconnect record that it publishes when it loses the box.
        WillEnable: bool [rw] = "false",
        /// The Will's quality of service.
        WillQoS: u32 [rw, range(0, 1)] = "1",
        /// Whether the broker keeps the Will.
        WillRetain: bool [rw] = "false",
        /// How long the broker waits before it publishes the Will. The standard's default is 5; ours tells at once.
        WillDelayInterval: u32 [s, rw] = "0",
        /// Where the Will goes; empty: to the first controller.
        WillTopic: String [rw, len(1024)] = "",
        /// What the Will says; empty: a USP disconnect record for the first controller.
        WillValue: String [rw, len(1024)] = "",
        /// How often a quiet connection is tested; 0: never.
        KeepAliveTime: u32 [s, rw, range(0, 65535)] = "60",
        /// How long the broker keeps the session of a box that is away.
        SessionExpiryInterval: u32 [s, rw] = "0",
        /// Whether the broker is asked for Response Information (R-MQTT.12: always).
        RequestResponseInfo: bool = "true",
        /// Its MQTT client id; empty: the broker gives one, which is kept.
        ClientID: String [rw, len(256)] = "",
        /// The user name that the broker wants; empty: none.
        Username: String [rw, secured, len(256)] = "",
        /// The password that the broker wants.
        Password: String [rw, secret, len(256)] = "",
        /// The shortest wait before connecting again.
        ConnectRetryTime: u32 [s, rw, range(1, 65535)] = "5",
        /// By how much each wait range is longer than the one before, in thousandths.
        ConnectRetryIntervalMultiplier: u32 [rw, range(1000, 65535)] = "2000",
        /// The longest wait before connecting again. The standard's default is 30720: after a broker's maintenance a box could be
        /// away for eight and a half hours. With 300 it is back in five minutes, and the random wait still spreads a fleet. More than
        /// a day is not taken: the box would be lost.
        ConnectRetryMaxInterval: u32 [s, rw, range(1, 86_400)] = "300",
        /// What the broker gave as Response Information.
        ResponseInformation: String,
        /// How many rows `Subscription.{i}.` has.
        SubscriptionNumberOfEntries: u32,
        /// Why it is not connected, for a person.
        X_LINE3_Trouble: String,
    }
}

row! {
    /// A topic that the client listens on.
    pub struct SubscriptionRow {
        /// A name that never changes; the agent makes one up.
        Alias: String [once, len(64)] = "",
        /// Whether the client listens.
        Enable: bool [rw] = "false",
        /// `Subscribed`; `Subscribing`: the broker has not answered yet; `Error`: it has refused; `Unsubscribed`: disabled, or there is
        /// no connection.
        Status: String,
        /// The topic; `+` and `#` are taken.
        Topic: String [rw, len(1024)] = "",
        /// The quality of service that is asked for.
        QoS: u32 [rw, range(0, 1)] = "1",
    }
}

/// `Device.MQTT.Client.{i}.`
pub(super) struct Client;

impl Setting for Client {
    const PATH: &'static str = "Device.MQTT.Client.{i}.";
    const DOC: &'static str = "The agent's connection to its broker.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Name"], &["Alias"]];
    type Row = ClientRow;
    fn complete(values: &mut Args, _: &Edit<'_>) -> Result<(), Blame> {
        publishable(values, "WillTopic")
    }
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let link = &view.facts.link;
        let status = match (link.up, link.trouble.is_empty()) {
            _ if at != link.client => "Disabled",
            (true, _) => "Connected",
            (false, true) => "Connecting",
            (false, false) => "Error_BrokerUnreachable",
        };
        vec![
            ("Status", Ok(status.to_owned())),
            ("ResponseInformation", Ok(link.response_information.clone())),
            ("SubscriptionNumberOfEntries", entries(view, &format!("{at}Subscription."))),
            ("X_LINE3_Trouble", Ok(link.trouble.clone())),
        ]
    }
}

/// The most topics of a client's own.
pub const MAX_SUBSCRIPTIONS: usize = 16;

/// `Device.MQTT.Client.{i}.Subscription.{i}.`
pub(super) struct ClientSubscription;

impl Setting for ClientSubscription {
    const PATH: &'static str = "Device.MQTT.Client.{i}.Subscription.{i}.";
    const DOC: &'static str = "A topic that the client listens on.";
    const KEYS: &'static [&'static [&'static str]] = &[&["Topic"], &["Alias"]];
    const MAX_ROWS: usize = MAX_SUBSCRIPTIONS;
    type Row = SubscriptionRow;
    fn complete(values: &mut Args, _: &Edit<'_>) -> Result<(), Blame> {
        let topic = values.get("Topic").map_or("", String::as_str);
        let levels: Vec<&str> = topic.split('/').collect();
        let fine = |(index, level): (usize, &&str)| match *level {
            "#" => index + 1 == levels.len(),
            "+" => true,
            level => !level.contains(['#', '+', '\0']),
        };
        if !topic.is_empty() && levels.iter().enumerate().all(fine) {
            return Ok(());
        }
        let text = format!("{topic:?} is no topic filter: + stands for one whole level, # for all that follow, at the end");
        Err(("Topic", Fault::new(code::INVALID_VALUE, text)))
    }
    fn live(view: &View<'_>, at: &str) -> Vec<(&'static str, Known<String>)> {
        let client = at.find("Subscription.").and_then(|end| at.get(..end)).unwrap_or("");
        let enable = bool::read(view.settings.value(at, "Enable")).unwrap_or(false);
        let status = view.facts.link.subscription(client, view.settings.value(at, "Topic"), enable);
        vec![("Status", Ok(status.to_owned()))]
    }
}

/// Refuses a topic that nothing can be published to; an empty one is fine.
pub(super) fn publishable(values: &Args, name: &'static str) -> Result<(), Blame> {
    match values.get(name) {
        Some(topic) if topic.contains(['#', '+', '\0']) => {
            let text = format!("{topic:?} is no topic to publish to: it may not have + or #");
            Err((name, Fault::new(code::INVALID_VALUE, text)))
        }
        _ => Ok(()),
    }
}
