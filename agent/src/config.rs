//! The configuration: one TOML file, every default here.

use std::path::PathBuf;

use line3_proto::{EndpointId, Topic};

use crate::commands::COMMANDS;
use crate::settings::Settings;
use crate::settings::bulk_data::check_reference;
use crate::settings::controller_trust::{self, FULL};
use crate::view::{Device, RebootMode};

mod read;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text).map(|_| ()).expect_err("it should be refused").to_string()
    }

    #[test]
    fn every_default_makes_a_whole_configuration() {
        let config = Config::parse("").expect("defaults are fine");
        assert_eq!(config.endpoint_id(Some("abc\n")).expect("an id").as_str(), "uuid::abc");
        assert!(config.endpoint_id(None).is_err());
    }

    #[test]
    fn every_field_is_read() {
        let text = r#"
            endpoint-id = "a"
            controller = "self::b"
            user = "p"
            state-dir = "c"
            root = "d"
            reboot = "system"
            report = { interval = 1, retained = 0x02, parameters = ["Device.A.", "Device.B"] }
            [broker]
            host = "e"
            port = 3
            ca = "f"
            certificate = "g"
            key = "h"
            keep-alive = 4
            session-expiry = 5
            [device]
            manufacturer = "i"
            oui = "j"
            model = "k"
            product-class = "l"
            serial-number = "m"
            hardware-version = "n"
            software-version = "o"
        "#;
        let Config { endpoint_id, controller, user, state_dir, root, reboot, broker, report, device } = read::read(text).expect("fine");
        assert_eq!((endpoint_id.as_str(), controller.as_str(), user.as_str(), reboot), ("a", "self::b", "p", RebootMode::System));
        assert_eq!([state_dir, root, broker.ca, broker.certificate, broker.key], ["c", "d", "f", "g", "h"].map(PathBuf::from));
        assert_eq!((broker.host.as_str(), broker.port, broker.keep_alive, broker.session_expiry), ("e", 3, 4, 5));
        assert_eq!((report.interval, report.retained, report.parameters.join(" ").as_str()), (1, 2, "Device.A. Device.B"));
        let Device { manufacturer, oui, model, product_class, serial_number, hardware_version, software_version } = device;
        let told = [manufacturer, oui, model, product_class, serial_number, hardware_version, software_version];
        assert_eq!(told, ["i", "j", "k", "l", "m", "n", "o"]);
    }

    #[test]
    fn the_file_that_packages_install_names_every_field_with_its_true_default() {
        let shipped = include_str!("../../cross/package/line3-agent.toml");
        let expected = format!("{:?}", Config { user: "line3-agent".to_owned(), ..Config::default() });
        assert_eq!(format!("{:?}", Config::parse(shipped).expect("fine as it is")), expected);
        // A default stands right behind its `#`, a sentence after a space.
        let line = |line: &str| {
            line.strip_prefix('#')
                .filter(|rest| !rest.is_empty() && (!rest.starts_with(' ') || rest.starts_with("    ")))
                .unwrap_or(line)
                .to_owned()
        };
        let lines: Vec<String> = shipped.lines().map(line).collect();
        assert_eq!(format!("{:?}", Config::parse(&lines.join("\n")).expect("fine with its defaults")), expected);
        let mut section = "";
        let mut named = Vec::new();
        for line in &lines {
            if let Some(name) = line.strip_prefix('[') {
                section = name;
            } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
                named.push(format!("{}{name}", section.replace(']', ".")));
            }
        }
        let mut names: Vec<&str> = read::names().collect();
        names.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, names);
    }

    #[test]
    fn oui_and_serial_number_make_the_id() {
        let config = Config::parse("[device]\noui = \"00256D\"\nserial-number = \"A/1 2\"").expect("fine");
        assert_eq!(config.endpoint_id(None).expect("an id").as_str(), "os::00256D-A%2F1%202");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            refused("[report]\nintervall = 3"),
            "line 2: unknown field `report.intervall`; there are report.interval, report.retained, report.parameters"
        );
        assert!(refused("serial = 3").starts_with("line 1: unknown field `serial`; there are endpoint-id, controller, "));
        assert!(refused("[broker]\nhost").contains("line 2, column 5"));
        assert_eq!(refused("[broker]\n\nport = \"1883\""), "line 3: broker.port takes a whole number from 0 to 65535, not a string");
        assert_eq!(refused("broker = { port = 65_536 }"), "line 1: broker.port takes a whole number from 0 to 65535, not 65536");
        assert_eq!(refused("report.retained = -1"), "line 1: report.retained takes a whole number from 0 to 4294967295, not -1");
        assert_eq!(
            refused("[report]\nparameters = [\"Device.\", 3]"),
            "line 2: report.parameters takes a list of texts, not one with an integer"
        );
        assert_eq!(refused("device = \"box\""), "line 1: unknown field `device`; it is a section: [device]");
        assert_eq!(refused("[broker.host]\nname = \"a\""), "line 1: broker.host takes a text, not a table");
        assert!(refused("controller = \"line 3\"").starts_with("line 1: controller takes an endpoint id: "));
        assert_eq!(refused("[report]\ninterval = 0"), "report.interval = 0: it takes 1 to 86400");
        assert!(refused("[broker]\nhost = \"broker.example\"").contains("without TLS"));
        assert_eq!(refused("[broker]\nca = \"ca.pem\""), "broker.certificate is missing; TLS needs ca, certificate and key");
        assert!(refused("[report]\nparameters = [\"Device..\"]").contains("7008"));
        assert!(refused("endpoint-id = \"box 1\"").contains("no endpoint id"));
        assert!(refused("reboot = \"never\"").contains("restart-agent"));
    }

    #[test]
    fn every_way_to_write_a_value_is_read() {
        let head = "\u{feff}user = '''\r\na\\b'''\r\nroot = \"\\u00e9\\t\" # here\r\nstate-dir = \"\"\"\nx\\\n  y\"\"\"\n";
        let rest = r#"
            'report' . interval = +1_0
            report.retained = 0b1_1
            report.parameters = [ # none
                'Device.A.',

                "Device.B" , # last
            ]
            [ 'device' ]
            "oui" = '\'
            [broker]
            port = 0o17
            keep-alive = 0xF
        "#;
        let config = read::read(&[head, rest].concat()).expect("fine");
        assert_eq!((config.user.as_str(), config.device.oui.as_str()), ("a\\b", "\\"));
        assert_eq!([config.root, config.state_dir], ["\u{e9}\t", "xy"].map(PathBuf::from));
        assert_eq!((config.report.interval, config.report.retained, config.broker.port, config.broker.keep_alive), (10, 3, 15, 15));
        assert_eq!(config.report.parameters, ["Device.A.", "Device.B"]);
    }

    #[test]
    fn mistakes_in_the_toml_are_pointed_at() {
        for (text, wrong) in [
            ("[broker]\nhost", "line 2, column 5: key with no value, expected `=`"),
            ("user = 'é' 'a'", "line 1, column 12: unexpected key or value, expected `\\n` or `#`"),
            ("user = \"a", "line 1, column 10: invalid basic string, expected `\"`"),
            ("\nuser = a", "line 2, column 8: string values must be quoted, expected literal string"),
            ("broker.port = 1__0", "line 1, column 16: `_` may only go between digits"),
            ("'''user''' = 'a'", "line 1, column 1: keys cannot be multi-line literal strings, expected basic string or literal string"),
            ("# \u{1}", "line 1, column 3: invalid comment character, expected printable characters"),
            (&format!("user = {}", "[".repeat(100_000)), "line 1, column 16: cannot recurse further; max recursion depth met"),
        ] {
            assert_eq!(refused(text), wrong);
        }
    }

    #[test]
    fn values_that_no_field_takes_are_named() {
        let kinds = [("1.5", "a float"), ("inf", "a float"), ("true", "a boolean"), ("1979-05-27", "a date-time"), ("[]", "an array")];
        for (value, kind) in kinds {
            assert_eq!(refused(&format!("\nuser = {value}")), format!("line 2: user takes a text, not {kind}"));
        }
        for (item, kind) in [("[]", "an array"), ("{ a = 1 }", "a table"), ("false", "a boolean")] {
            let wrong = format!("line 1: report.parameters takes a list of texts, not one with {kind}");
            assert_eq!(refused(&format!("report.parameters = [\"Device.\", {item}]")), wrong);
        }
        assert_eq!(refused("[[report.parameters]]\na = 1"), "line 1: report.parameters takes a list of texts, not one with a table");
        assert_eq!(refused("[[broker]]\nport = 1"), "line 1: unknown field `broker`; it is a section: [broker]");
        assert!(refused("broker = { a = { port = 1 } }").starts_with("line 1: unknown field `broker.a`; there are broker.host, "));
        assert!(refused("[a.b]").starts_with("line 1: unknown field `a`; there are endpoint-id, "));
        assert!(refused("[broker]\nbroker.port = 1").starts_with("line 2: unknown field `broker.broker`; "));
    }

    #[test]
    fn nothing_is_given_twice() {
        for (text, line, key) in [
            ("user = 'a'\n'user' = 'a'", 2, "user"),
            ("[report]\ninterval = 1\ninterval = 1", 3, "report.interval"),
            ("report = { interval = 1, interval = 1 }", 1, "report.interval"),
            ("report.interval = 1\nreport.interval = 1", 2, "report.interval"),
            ("[report]\n[broker]\n[report]", 3, "report"),
            ("report = {}\n[report]", 2, "report"),
            ("report.retained = 1\n[report]", 2, "report"),
            ("report.retained = 1\nreport = {}", 2, "report"),
            ("report = {}\nreport.interval = 1", 2, "report.interval"),
        ] {
            assert_eq!(refused(text), format!("line {line}: duplicate key `{key}`"), "{text}");
        }
        Config::parse("report.interval = 1\nbroker = { port = 1 }\nreport.retained = 1\n[device]\n").expect("each but once");
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_and_never_a_panic() {
        let shipped = include_str!("../../cross/package/line3-agent.toml").replace("\n#", "\n").replace("\n ", "\n# ");
        let inline = "report = { interval = 0x1, parameters = ['Device.'] }\r\n[device]\noui = \"\"\"a\\\n\\u0041\"\"\"\nmodel = '\u{e9}'";
        let bytes = b"\n\"'.=[]{\\\xff";
        for (text, tried) in [(shipped.as_str(), 1), (inline, bytes.len())] {
            Config::parse(text).expect("fine as it is");
            for index in 0..text.len() {
                let (before, after) = text.as_bytes().split_at(index);
                let _ = Config::parse(&String::from_utf8_lossy(before));
                for byte in bytes.iter().cycle().skip(index).take(tried) {
                    let _ = Config::parse(&String::from_utf8_lossy(&[before, &[*byte], &after[1..]].concat()));
                }
            }
        }
    }
}
