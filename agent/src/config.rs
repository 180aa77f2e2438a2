//! The configuration: one TOML file, every default here.

use std::path::PathBuf;

use line3_proto::{EndpointId, Topic};

use crate::commands::COMMANDS;
use crate::settings::Settings;
use crate::settings::bulk_data::check_reference;
use crate::settings::controller_trust::{self, FULL};
use crate::view::{Device, RebootMode};

mod read;
#[cfg(test)]
mod tests;

/// The configuration of an agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// The agent's endpoint id. Empty: `os::<OUI>-<serial>` of `[device]`, else `uuid::<machine-id>`.
    pub endpoint_id: String,
    /// The controller that the agent obeys and reports to.
    pub controller: EndpointId,
    /// The user that the agent runs as; started as root it becomes that user. Empty: it stays who starts it.
    pub user: String,
    /// Where the agent keeps what must outlive a power failure.
    pub state_dir: PathBuf,
    /// Where `/proc` and `/sys` are looked for.
    pub root: PathBuf,
    /// What `Device.Reboot()` does: `"system"` or `"restart-agent"`.
    pub reboot: RebootMode,
    /// The broker.
    pub broker: Broker,
    /// Health reports.
    pub report: Report,
    /// How the box introduces itself.
    pub device: Device,
}

/// The way to the broker.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Its host name or address; its certificate must be made out to it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The certificate of the CA that signed the broker's, PEM. Empty: no TLS, and the broker must be on this machine.
    pub ca: PathBuf,
    /// The box's certificate, PEM.
    pub certificate: PathBuf,
    /// The key of the box's certificate, PEM.
    pub key: PathBuf,
    /// How often a quiet connection is tested, in seconds, 5 to 65535. A dead peer is noticed after about twice that.
    pub keep_alive: u16,
    /// How long the broker keeps messages for a box that is away, in seconds.
    pub session_expiry: u32,
}

/// Health reports.
#[derive(Clone, Debug)]
pub struct Report {
    /// How often, in seconds, 1 to 86400.
    pub interval: u32,
    /// How many wait in memory besides the newest while there is no broker, 0 to 1440; the oldest goes first.
    pub retained: u32,
    /// Paths of what is reported, besides run, boot, sequence, uptime and clock.
    pub parameters: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint_id: String::new(),
            #[allow(clippy::expect_used, reason = "a constant")]
            controller: EndpointId::parse("self::line3").expect("it is an endpoint id"),
            user: String::new(),
            state_dir: "/var/lib/line3-agent".into(),
            root: "/".into(),
            reboot: RebootMode::default(),
            broker: Broker::default(),
            report: Report::default(),
            device: Device::default(),
        }
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8883,
            ca: PathBuf::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            keep_alive: 60,
            session_expiry: 86_400,
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        let parameters = [
            "Device.DeviceInfo.MemoryStatus.",
            "Device.DeviceInfo.ProcessStatus.CPUUsage",
            "Device.DeviceInfo.TemperatureStatus.TemperatureSensor.*.Value",
            "Device.Ethernet.Interface.*.Status",
            "Device.Ethernet.Interface.*.Stats.",
            "Device.MQTT.Client.1.Stats.BrokerConnectionEstablished",
            "Device.MQTT.Client.1.Stats.ConnectionErrors",
            "Device.MQTT.Client.1.Stats.PublishErrors",
            "Device.MQTT.Client.1.Stats.X_LINE3_Connections",
        ];
        // A build that leaves out what they are of leaves them out too.
        let carried = parameters.into_iter().filter(|path| check_reference(path).is_ok());
        Self { interval: 60, retained: 120, parameters: carried.map(str::to_owned).collect() }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is no such TOML.
    #[error("{0}")]
    Toml(String),
    /// A value makes no sense.
    #[error("{0}")]
    Value(String),
}

/// What every report carries first, so that order and gaps never depend on the box's clock.
fn report_head() -> [String; 5] {
    use line3_proto::health::{BOOT_ID, CLOCK, RUN_ID, UP_TIME, sequence_path};
    [RUN_ID.to_owned(), BOOT_ID.to_owned(), sequence_path(1), UP_TIME.to_owned(), CLOCK.to_owned()]
}

impl Config {
    /// Reads a configuration and checks it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config = read::read(text)?;
        let in_range = |name: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Value(format!("{name} = {value}: it takes {low} to {high}")))
            }
        };
        in_range("report.interval", config.report.interval, 1, 86_400)?;
        in_range("report.retained", config.report.retained, 0, 1440)?;
        in_range("broker.keep-alive", config.broker.keep_alive.into(), 5, 65_535)?;
        in_range("broker.port", config.broker.port.into(), 1, 65_535)?;
        let Broker { host, ca, certificate, key, .. } = &config.broker;
        let files = [("ca", ca), ("certificate", certificate), ("key", key)];
        let given = files.iter().filter(|(_, path)| !path.as_os_str().is_empty()).count();
        if given == 0 && !["127.0.0.1", "::1", "localhost"].contains(&host.as_str()) {
            let text = format!("broker.host = {host:?} without TLS: give broker.ca, broker.certificate and broker.key");
            return Err(ConfigError::Value(text));
        }
        if let Some((name, _)) = files.iter().find(|(_, path)| given > 0 && path.as_os_str().is_empty()) {
            return Err(ConfigError::Value(format!("broker.{name} is missing; TLS needs ca, certificate and key")));
        }
        for path in &config.report.parameters {
            line3_proto::Path::parse(path).map_err(|fault| ConfigError::Value(format!("report.parameters: {fault}")))?;
        }
        if !config.endpoint_id.is_empty() {
            EndpointId::parse(&config.endpoint_id).map_err(|error| ConfigError::Value(format!("endpoint-id: {error}")))?;
        }
        Ok(config)
    }

    /// What is wrong with it and does no harm, line by line for the log: paths to report that this build does not carry.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let wrong = self.report.parameters.iter().filter_map(|path| check_reference(path).err());
        wrong.map(|fault| format!("report.parameters: {}; reports go without it, and --catalogue prints what there is", fault.text))
    }

    /// The agent's endpoint id; `machine_id` is the text of `/etc/machine-id`.
    pub fn endpoint_id(&self, machine_id: Option<&str>) -> Result<EndpointId, ConfigError> {
        let Device { oui, serial_number, .. } = &self.device;
        let text = if !self.endpoint_id.is_empty() {
            self.endpoint_id.clone()
        } else if !oui.is_empty() && !serial_number.is_empty() {
            // Characters that an endpoint id does not take are %-encoded; 50 characters at most.
            let encode = |byte: u8| match byte {
                b'.' | b'_' | b'-' => char::from(byte).to_string(),
                _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            };
            let instance: Vec<String> = format!("{oui}-{serial_number}").bytes().map(encode).take(50).collect();
            format!("os::{}", instance.concat())
        } else if let Some(id) = machine_id.map(str::trim).filter(|id| !id.is_empty()) {
            format!("uuid::{id}")
        } else {
            let text = "no endpoint id: give endpoint-id, or device.oui and device.serial-number (there is no /etc/machine-id)";
            return Err(ConfigError::Value(text.to_owned()));
        };
        EndpointId::parse(&text).map_err(|error| ConfigError::Value(error.to_string()))
    }

    /// The settings that the configuration makes.
    #[must_use]
    pub fn factory(&self, id: &EndpointId) -> Settings {
        let mut settings = Settings::default();
        let (broker, controller) = (&self.broker, &self.controller);
        let inbox = Topic::Agent(id.clone()).to_string();
        let outbox = Topic::Controller { controller: controller.clone(), sender: id.clone() }.to_string();
        let telemetry = Topic::Telemetry(id.clone()).to_string();
        let tls = !broker.ca.as_os_str().is_empty();
        let text = |number: u32| number.to_string();
        let mut put = |path: &str, values: &[(&str, &str)]| {
            settings.put(path, values);
            let (table, number) = path.trim_end_matches('.').rsplit_once('.').unwrap_or_default();
            if let Ok(number) = number.parse() {
                settings.highest.insert(format!("{table}."), number);
            }
        };
        put(
            "Device.LocalAgent.Controller.1.",
            &[
                ("Alias", "cpe-1"),
                ("EndpointID", controller.as_str()),
                ("Enable", "true"),
                ("AssignedRole", FULL),
                ("OnBoardingComplete", "true"),
            ],
        );
        put("Device.LocalAgent.Controller.1.MTP.1.", &[("Alias", "cpe-1"), ("Enable", "true"), ("Protocol", "MQTT")]);
        put(
            "Device.LocalAgent.Controller.1.MTP.1.MQTT.",
            &[("Topic", &outbox), ("Reference", "Device.MQTT.Client.1"), ("AgentMTPReference", "Device.LocalAgent.MTP.1")],
        );
        put("Device.LocalAgent.MTP.1.", &[("Alias", "cpe-1"), ("Enable", "true"), ("Protocol", "MQTT")]);
        put("Device.LocalAgent.MTP.1.MQTT.", &[("Reference", "Device.MQTT.Client.1"), ("ResponseTopicConfigured", &inbox)]);
        put(
            "Device.MQTT.Client.1.",
            &[
                ("Alias", "cpe-1"),
                ("Name", "cpe-1"),
                ("Enable", "true"),
                ("ProtocolVersion", "5.0"),
                ("BrokerAddress", &broker.host),
                ("BrokerPort", &text(broker.port.into())),
                ("TransportProtocol", if tls { "TLS" } else { "TCP/IP" }),
                ("WillEnable", "true"),
                ("WillTopic", &outbox),
                ("KeepAliveTime", &text(broker.keep_alive.into())),
                ("SessionExpiryInterval", &text(broker.session_expiry)),
                ("ClientID", id.as_str()),
            ],
        );
        put("Device.BulkData.", &[("Enable", "true")]);
        put(
            "Device.BulkData.Profile.1.",
            &[
                ("Alias", "cpe-1"),
                ("Name", "health"),
                ("Enable", "true"),
                ("Controller", "Device.LocalAgent.Controller.1"),
                ("NumberOfRetainedFailedReports", &text(self.report.retained)),
                ("ReportingInterval", &text(self.report.interval)),
            ],
        );
        put("Device.BulkData.Profile.1.JSONEncoding.", &[("ReportFormat", "NameValuePair")]);
        put("Device.BulkData.Profile.1.MQTT.", &[("Reference", "Device.MQTT.Client.1"), ("PublishTopic", &telemetry)]);
        for (index, reference) in report_head().iter().chain(&self.report.parameters).enumerate() {
            put(&format!("Device.BulkData.Profile.1.Parameter.{}.", index + 1), &[("Reference", reference)]);
        }
        controller_trust::factory(COMMANDS, &mut put);
        settings.complete_rows();
        settings
    }
}
