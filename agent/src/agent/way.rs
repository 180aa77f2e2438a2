//! The agent's way to its broker: which MTP and which client are used, and what the settings make of them.

use std::time::Duration;

use line3_proto::backoff::Backoff;
use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::link::{ClientSettings, Publication, QoS};
use line3_proto::usp::ParamError;
use line3_proto::value::Value;
use line3_proto::{EndpointId, Fault};

use super::{Agent, Output};
use crate::settings::{SETTINGS, SettingDef, Settings};

/// The table of ways to the agent.
const MTPS: &str = "Device.LocalAgent.MTP.";

/// The longest topic that is used, in bytes.
const MAX_TOPIC: usize = 1024;

/// How many QoS 1 messages are under way in each direction at most: each can have the size of the largest packet.
const IN_FLIGHT: u16 = 16;

/// The way that was last configured.
pub(super) struct Way {
    /// Whether the configuration gives certificates.
    has_tls: bool,
    settings: Option<ClientSettings>,
    /// `LocalAgent.MTP.{i}.MQTT.PublishQoS`.
    pub(super) qos: QoS,
}

impl Way {
    pub(super) fn new(has_tls: bool) -> Self {
        Self { has_tls, settings: None, qos: QoS::default() }
    }
}

/// One row of the settings, with the defaults of its table.
struct Row<'a> {
    settings: &'a Settings,
    def: Option<&'static SettingDef>,
    at: &'a str,
}

impl<'a> Row<'a> {
    fn new(settings: &'a Settings, template: &str, at: &'a str) -> Self {
        Self { settings, def: SETTINGS.iter().find(|def| def.path == template), at }
    }

    fn client(settings: &'a Settings, at: &'a str) -> Self {
        Self::new(settings, "Device.MQTT.Client.{i}.", at)
    }

    fn text(&self, name: &str) -> &'a str {
        let field = || self.def?.fields.iter().find(|field| field.name == name)?.default.copied();
        self.settings.instances.get(self.at).and_then(|args| args.get(name)).map_or_else(|| field().unwrap_or(""), String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        bool::read(self.text(name)).unwrap_or(false)
    }

    fn number(&self, name: &str, or: u32) -> u32 {
        u32::read(self.text(name)).unwrap_or(or)
    }

    fn seconds(&self, name: &str, or: u32) -> Duration {
        Duration::from_secs(self.number(name, or).into())
    }

    /// A text that CONNECT can carry; `None`: there is none.
    fn word(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty() && !text.contains('\0')).map(str::to_owned)
    }
}

/// Whether this can be published to.
pub(super) fn is_topic(text: &str) -> bool {
    (1..=MAX_TOPIC).contains(&text.len()) && !text.contains(['+', '#', '\0'])
}

/// The concrete paths of the first MTP row that is enabled and of the client that it refers to, if that is enabled, too.
fn enabled(settings: &Settings) -> Option<(String, String)> {
    settings.rows(MTPS).find_map(|(mtp, _)| {
        let row = Row::new(settings, "Device.LocalAgent.MTP.{i}.", mtp);
        let client = format!("{}.", settings.value(&format!("{mtp}MQTT."), "Reference").trim_end_matches('.'));
        let used = settings.instances.contains_key(&client)
            && row.is("Enable")
            && row.text("Protocol") == "MQTT"
            && Row::client(settings, &client).is("Enable");
        used.then(|| (mtp.to_owned(), client))
    })
}

/// Why a box with these settings could not be reached any more: which parameter is to blame, and what is wrong. `named`: the broker
/// itself names a topic; `has_tls`: there are certificates; `before`: the settings that they replace.
fn unreachable(settings: &Settings, before: &Settings, named: bool, has_tls: bool) -> Option<(String, &'static str)> {
    let Some((mtp, client)) = enabled(settings) else {
        let why = "no enabled row with Protocol MQTT refers to an enabled MQTT client any more";
        return Some((cut(settings, before), why));
    };
    let row = Row::client(settings, &client);
    if row.text("BrokerAddress").is_empty() {
        return Some((format!("{client}BrokerAddress"), "the client has no broker any more"));
    }
    match row.text("TransportProtocol") {
        "TLS" if has_tls => {}
        "TLS" => return Some((format!("{client}TransportProtocol"), "the box's configuration has no certificates for TLS")),
        "TCP/IP" if is_local(row.text("BrokerAddress")) => {}
        "TCP/IP" => return Some((format!("{client}TransportProtocol"), "without TLS the broker must be on the box itself")),
        _ => return Some((format!("{client}TransportProtocol"), "the box speaks TLS, or TCP/IP to a broker on itself")),
    }
    let inbox = settings.value(&format!("{mtp}MQTT."), "ResponseTopicConfigured");
    let silent = inbox.is_empty() && !named && filters(settings, &client).is_empty();
    silent.then(|| (format!("{mtp}MQTT.ResponseTopicConfigured"), "the box listens on no topic any more"))
}

/// What in these settings has cut off the way that the ones before gave.
fn cut(settings: &Settings, before: &Settings) -> String {
    let Some((mtp, client)) = enabled(before) else { return MTPS.to_owned() };
    let refers = |settings: &Settings| settings.value(&format!("{mtp}MQTT."), "Reference").trim_end_matches('.').to_owned();
    if !Row::new(settings, "Device.LocalAgent.MTP.{i}.", &mtp).is("Enable") {
        format!("{mtp}Enable")
    } else if refers(settings) != refers(before) {
        format!("{mtp}MQTT.Reference")
    } else {
        format!("{client}Enable")
    }
}

fn is_local(host: &str) -> bool {
    ["127.0.0.1", "::1", "localhost"].contains(&host)
}

/// The filters of the enabled Subscription rows of a client.
fn filters(settings: &Settings, client: &str) -> Vec<(String, QoS)> {
    let table = format!("{client}Subscription.");
    let filter = |at: &str| {
        let row = Row::new(settings, "Device.MQTT.Client.{i}.Subscription.{i}.", at);
        let filter = row.text("Topic");
        (row.is("Enable") && !filter.is_empty()).then(|| (filter.to_owned(), qos(&row, "QoS", 0)))
    };
    settings.rows(&table).filter_map(|(at, _)| filter(at)).collect()
}

fn qos(row: &Row<'_>, name: &str, or: u32) -> QoS {
    if row.number(name, or) == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }
}

impl Agent {
    /// Tells the link how to connect and where to listen, if that is news.
    pub(super) fn configure_link(&mut self) {
        let (mtp, client) =
            enabled(&self.settings).unwrap_or_else(|| ("Device.LocalAgent.MTP.1.".to_owned(), "Device.MQTT.Client.1.".to_owned()));
        let settings = self.client_settings(&mtp, &client);
        let at = format!("{mtp}MQTT.");
        self.way.qos = qos(&Row::new(&self.settings, "Device.LocalAgent.MTP.{i}.MQTT.", &at), "PublishQoS", 1);
        (self.facts.link.mtp, self.facts.link.client) = (mtp, client);
        if let Some(old) = self.way.settings.as_ref().filter(|old| **old != settings) {
            self.facts.link.count_change(old, &settings);
        }
        if self.way.settings.as_ref() != Some(&settings) {
            self.way.settings = Some(settings.clone());
            self.out.push_back(Output::Configure(Box::new(settings)));
        }
    }

    fn client_settings(&self, mtp: &str, client: &str) -> ClientSettings {
        let row = Row::client(&self.settings, client);
        let broker = row.text("BrokerAddress").to_owned();
        ClientSettings {
            // Whatever the settings say, nothing leaves the box in the clear.
            tls: row.text("TransportProtocol") == "TLS" || !is_local(&broker),
            broker: (broker, row.text("BrokerPort").parse().unwrap_or(1883)),
            client_id: row.word("ClientID").unwrap_or_default(),
            username: row.word("Username"),
            password: row.word("Password"),
            clean_start: row.is("CleanStart"),
            keep_alive: row.seconds("KeepAliveTime", 60),
            session_expiry: row.seconds("SessionExpiryInterval", 0),
            in_flight: IN_FLIGHT,
            will: self.will_of(client),
            will_delay: row.seconds("WillDelayInterval", 0),
            backoff: Backoff {
                m: row.seconds("ConnectRetryTime", 5).max(Duration::from_secs(1)),
                k: row.number("ConnectRetryIntervalMultiplier", 2000),
                // A day at most, whatever was written: a box that waits longer is lost.
                cap: row.seconds("ConnectRetryMaxInterval", 300).clamp(Duration::from_secs(1), Duration::from_secs(86_400)),
            },
            filters: filters(&self.settings, client),
            inbox: Some(self.settings.value(&format!("{mtp}MQTT."), "ResponseTopicConfigured"))
                .filter(|topic| is_topic(topic))
                .map(str::to_owned),
        }
    }

    /// The Will for the broker: what the settings say, else a disconnect record for the first controller. The link adds the name of
    /// the connection.
    fn will_of(&self, client: &str) -> Option<Publication> {
        let row = Row::client(&self.settings, client);
        if !row.is("WillEnable") {
            return None;
        }
        let to = self.recipients().into_iter().next();
        let topic = row.word("WillTopic").filter(|topic| is_topic(topic)).or_else(|| Some(to.as_ref()?.topic.clone()))?;
        let will = match row.word("WillValue") {
            Some(value) => Publication { payload: value.into_bytes(), ..Publication::default() },
            None => self.endpoint.disconnect_record(&to?.id, &topic, "the broker lost the connection"),
        };
        Some(Publication { topic, qos: qos(&row, "WillQoS", 1), retain: row.is("WillRetain"), ..will })
    }

    /// What is left with the broker as the Will.
    #[must_use]
    pub fn will(&self) -> Option<Publication> {
        self.way.settings.as_ref()?.will.clone()
    }

    /// The broker that is used, for a person.
    #[must_use]
    pub fn broker(&self) -> String {
        let settings = self.way.settings.as_ref();
        settings.map_or_else(String::new, |ClientSettings { broker: (host, port), tls, .. }| {
            format!("{host}:{port}{}", if *tls { "" } else { " without TLS" })
        })
    }

    /// Refuses an edit that would leave nobody a way to undo it.
    pub(super) fn stays_reachable(&self, draft: &Settings) -> Result<(), Refusal> {
        let check = |settings| unreachable(settings, &self.settings, self.facts.link.named, self.way.has_tls);
        match check(draft) {
            // A box that is out of reach already (by its configuration) is not made worse.
            Some((path, why)) if check(&self.settings).is_none() => {
                let text = format!("{why}: nobody could reach this box to undo it; make another way first");
                let param = ParamError { param_path: path.clone(), err_code: code::INVALID_VALUE, err_msg: text.clone() };
                Err(Refusal { fault: Fault::new(code::REQUEST_DENIED, format!("{path}: {text}")), params: vec![param] })
            }
            _ => Ok(()),
        }
    }

    /// The topic on which others reach this agent: the broker's Response Information, else the configured one, else any topic that
    /// was granted; none of those that the broker has refused. `None`: there is no such topic.
    pub(super) fn inbox(&self) -> Option<String> {
        let link = &self.facts.link;
        let configured = self.settings.value(&format!("{}MQTT.", link.mtp), "ResponseTopicConfigured");
        let granted = link.filters.iter().filter(|(_, granted)| **granted).map(|(filter, _)| filter.as_str());
        let refused = |topic: &str| link.filters.get(topic) == Some(&false);
        let mut topics = [link.response_information.as_str(), configured].into_iter().chain(granted);
        topics.find(|topic| is_topic(topic) && !refused(topic)).map(str::to_owned)
    }

    /// Where a controller listens by its settings.
    pub(super) fn topic_of(&self, id: &EndpointId) -> Option<String> {
        self.recipients().into_iter().find(|to| to.id == *id).map(|to| to.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn blamed(change: impl FnOnce(&mut Settings), named: bool) -> String {
        let id = EndpointId::parse("os::00256D-1").expect("an id");
        let before = Config::parse("").expect("fine").factory(&id);
        let mut settings = before.clone();
        change(&mut settings);
        unreachable(&settings, &before, named, false).map(|(path, _)| path).unwrap_or_default()
    }

    #[test]
    fn an_engineer_cannot_cut_himself_off() {
        let client = "Device.MQTT.Client.1.";
        let set = |path: &'static str, name: &'static str, value: &'static str| {
            move |settings: &mut Settings| settings.put(path, &[(name, value)])
        };
        assert_eq!(blamed(|_| (), false), "");
        assert_eq!(blamed(set(client, "Enable", "false"), false), "Device.MQTT.Client.1.Enable");
        assert_eq!(blamed(set("Device.LocalAgent.MTP.1.", "Enable", "0"), false), "Device.LocalAgent.MTP.1.Enable");
        assert_eq!(
            blamed(set("Device.LocalAgent.MTP.1.MQTT.", "Reference", "Device.MQTT.Client.2"), false),
            "Device.LocalAgent.MTP.1.MQTT.Reference"
        );
        assert_eq!(blamed(|settings| settings.remove("Device.LocalAgent.MTP.1."), false), "Device.LocalAgent.MTP.1.Enable");
        assert_eq!(blamed(set(client, "BrokerAddress", ""), false), "Device.MQTT.Client.1.BrokerAddress");
        assert_eq!(blamed(set(client, "BrokerAddress", "broker.example"), false), "Device.MQTT.Client.1.TransportProtocol");
        assert_eq!(blamed(set(client, "TransportProtocol", "TLS"), false), "Device.MQTT.Client.1.TransportProtocol");
        let silent = set("Device.LocalAgent.MTP.1.MQTT.", "ResponseTopicConfigured", "");
        assert_eq!(blamed(silent, false), "Device.LocalAgent.MTP.1.MQTT.ResponseTopicConfigured");
        assert_eq!(blamed(silent, true), "");
        let row = |settings: &mut Settings| {
            silent(settings);
            settings.put("Device.MQTT.Client.1.Subscription.1.", &[("Enable", "true"), ("Topic", "t")]);
        };
        assert_eq!(blamed(row, false), "");
    }

    #[test]
    fn another_client_can_be_the_way() {
        let moved = |settings: &mut Settings| {
            settings.put("Device.MQTT.Client.2.", &[("Enable", "true"), ("BrokerAddress", "::1"), ("TransportProtocol", "TCP/IP")]);
            settings.put("Device.LocalAgent.MTP.1.MQTT.", &[("Reference", "Device.MQTT.Client.2.")]);
            settings.put("Device.MQTT.Client.1.", &[("Enable", "false")]);
        };
        assert_eq!(blamed(moved, false), "");
    }
}
