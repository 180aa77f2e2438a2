//! The server's configuration: one TOML file, `line3.toml` in the data directory, every default here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use line3_proto::EndpointId;
use serde::Deserialize;

use crate::api::{Engineer, Engineers};

/// The name of the file in the data directory.
pub const FILE: &str = "line3.toml";

/// The server's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The controller's endpoint id; the boxes' certificates and configurations name it.
    pub id: EndpointId,
    /// Which instance of the controller this is: letters, digits and `-`, at most 64.
    pub instance: String,
    /// Where the HTTP API listens. Plain HTTP: on this machine only, or behind a proxy that adds TLS.
    pub api_listen: SocketAddr,
    /// The directory of the private CA, relative to the data directory.
    pub pki: PathBuf,
    /// How many days of health history are kept, 1 to 3650.
    pub retention_days: u16,
    /// The embedded broker; used unless there is a `[broker]`.
    pub embedded_broker: EmbeddedBroker,
    /// A broker that is not ours.
    pub broker: Option<Broker>,
    /// Who may use the API.
    pub engineer: Vec<Engineer>,
}

/// The embedded broker.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmbeddedBroker {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The names and addresses that boxes reach it by; its certificate is made out to them.
    pub names: Vec<String>,
}

/// A broker that is not ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Broker {
    /// Its name or address; its certificate must be made out to it.
    pub host: String,
    /// Its port for controllers.
    pub port: u16,
    /// With several controller instances: the secret group that they share their subscriptions by.
    #[serde(default)]
    pub group: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            #[allow(clippy::expect_used, reason = "a constant")]
            id: EndpointId::parse("self::line3").expect("it is an endpoint id"),
            instance: "1".to_owned(),
            api_listen: SocketAddr::from(([127, 0, 0, 1], 8430)),
            pki: "pki".into(),
            retention_days: 31,
            embedded_broker: EmbeddedBroker::default(),
            broker: None,
            engineer: Vec::new(),
        }
    }
}

impl Default for EmbeddedBroker {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8883)), names: vec!["127.0.0.1".to_owned(), "localhost".to_owned()] }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is no such TOML.
    #[error("{path}: {cause}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What, and where.
        cause: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{path}: {what}")]
    Value {
        /// The file.
        path: PathBuf,
        /// What, and what it takes.
        what: String,
    },
}

impl Config {
    /// Reads a configuration file and checks it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        Self::parse(&text, path)
    }

    /// Reads a configuration and checks it; `path` is where it came from, for the error.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|cause| ConfigError::Toml { path: path.to_owned(), cause: Box::new(cause) })?;
        let bad = |what: String| Err(ConfigError::Value { path: path.to_owned(), what });
        let word = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !word(&config.instance) {
            return bad(format!("instance = {:?}: it takes 1 to 64 letters, digits and '-'", config.instance));
        }
        if !(1..=3650).contains(&config.retention_days) {
            return bad(format!("retention-days = {}: it takes 1 to 3650", config.retention_days));
        }
        if config.embedded_broker.names.is_empty() {
            return bad("embedded-broker.names is empty: give the names or addresses that boxes reach the broker by".to_owned());
        }
        if config.broker.as_ref().is_some_and(|broker| !broker.group.is_empty() && !word(&broker.group)) {
            return bad("broker.group takes letters, digits and '-': a long random word".to_owned());
        }
        Engineers::new(config.engineer.clone()).map_err(|error| ConfigError::Value { path: path.to_owned(), what: error.to_string() })?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text, Path::new("line3.toml")).map(|_| ()).expect_err("it should be refused").to_string()
    }

    #[test]
    fn nothing_need_be_said() {
        assert!(Config::parse("", Path::new("line3.toml")).is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        assert!(refused("api-liste = 3").contains("unknown field `api-liste`"));
        assert_eq!(refused("instance = \"a b\""), "line3.toml: instance = \"a b\": it takes 1 to 64 letters, digits and '-'");
        assert_eq!(refused("retention-days = 0"), "line3.toml: retention-days = 0: it takes 1 to 3650");
        assert!(refused("[[engineer]]\nname = \"ann\"\nrole = \"boss\"\ntoken-sha256 = \"\"").contains("boss"));
        assert!(refused("[[engineer]]\nname = \"ann\"\nrole = \"lead\"\ntoken-sha256 = \"ab\"").contains("64 hexadecimal digits"));
        assert!(refused("id = \"line3\"").contains("no endpoint id"));
    }
}
