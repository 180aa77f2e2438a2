//! A whole agent: configuration, broker, machine and host put together. `main.rs` runs it on a real box, the controller's demo on
//! simulated ones.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use line3_proto::mqtt::{MqttConfig, MqttLink, TlsFile, client_tls};
use line3_proto::{EndpointId, Machine};

use crate::agent::{self, Agent, Input};
use crate::clock::Clock;
use crate::config::{Broker, Config, ConfigError};
use crate::driver::{self, Exit};
use crate::host::Host;
use crate::self_test;
use crate::view::{RebootMode, View};
use crate::watched::Watched;

/// The largest MQTT packet that a box takes, in bytes: a hostile one of 1 MiB could fill 80 MB of memory when it is read. No
/// request is larger; the broker drops what is.
const MAX_PACKET: u32 = 128 * 1024;

/// The most bytes of a certificate or key file.
const MAX_PEM: u64 = 256 * 1024;

/// Why an agent cannot run. Each is a mistake in its configuration.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A certificate or key cannot be used.
    #[error("broker.{setting} = {path:?}: {why}")]
    Certificate {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The host has taken the order to restart the box.
    Rebooting,
}

/// Runs an agent until `stop` ends or its box restarts. Where only the agent is to restart, it does so in here. `watched` is told
/// that it lives. `log` gets, line by line, what a person should know; the lines may quote what others sent.
///
/// # Errors
/// The configuration or the certificates cannot be used. Nothing that happens later ends an agent.
pub async fn run(
    config: Config,
    host: Rc<dyn Host>,
    stop: impl Future<Output = ()>,
    mut watched: Watched,
    log: &dyn Fn(&str),
) -> Result<Ended, RunError> {
    let id = endpoint_id(&config, &*host)?;
    let tls = tls(&config.broker)?;
    let mut stop = pin!(stop);
    loop {
        let clock = Clock::start();
        let mut agent = Agent::new(clock.now(), Rc::clone(&host), &config, id.clone());
        log(&format!("{id} runs as {}; its broker is {}", agent.run_id(), agent.broker()));
        let link = MqttLink::new(mqtt_config(&config.broker, &agent, tls.clone(), host.random()));
        match driver::run(&mut agent, link, &clock, stop.as_mut(), &mut watched, log).await {
            Exit::Stopped => return Ok(Ended::Stopped),
            Exit::Restart(RebootMode::RestartAgent) => log("the agent restarts, as it was told to; the box does not"),
            Exit::Restart(RebootMode::System) => match host.reboot() {
                Ok(()) => return Ok(Ended::Rebooting),
                Err(fault) => {
                    // The commands under way and the connection are gone, so a fresh agent goes on; this one only takes it down.
                    agent.handle(clock.now(), Input::NotRestarted(fault));
                    while let Some(output) = agent.poll() {
                        if let agent::Output::Log(text) = output {
                            log(&text);
                        }
                    }
                }
            },
        }
    }
}

fn endpoint_id(config: &Config, host: &dyn Host) -> Result<EndpointId, ConfigError> {
    config.endpoint_id(host.file("/etc/machine-id").ok().as_deref())
}

/// What the settings do not say. The rest is the machine's first output.
fn mqtt_config(broker: &Broker, agent: &Agent, tls: Option<Arc<rustls::ClientConfig>>, seed: u64) -> MqttConfig {
    MqttConfig {
        tls,
        max_packet_size: MAX_PACKET,
        user_properties: vec![("usp-endpoint-id".to_owned(), agent.id().to_string())],
        will_run: agent.run_id().to_owned(),
        ..MqttConfig::new(broker.host.clone(), broker.port, agent.id().to_string(), seed)
    }
}

/// The TLS settings; `None` where the configuration wants none.
fn tls(broker: &Broker) -> Result<Option<Arc<rustls::ClientConfig>>, RunError> {
    if broker.ca.as_os_str().is_empty() {
        return Ok(None);
    }
    let bad = |setting: &'static str, path: &Path, why: String| RunError::Certificate { setting, path: path.display().to_string(), why };
    let read = |setting, path: &Path| read_bounded(path).map_err(|error| bad(setting, path, unread(&error)));
    let pems = (read("ca", &broker.ca)?, read("certificate", &broker.certificate)?, read("key", &broker.key)?);
    let tls = client_tls(&pems.0, &pems.1, &pems.2).map_err(|error| match error.file {
        TlsFile::Ca => bad("ca", &broker.ca, error.to_string()),
        TlsFile::Certificate => bad("certificate", &broker.certificate, error.to_string()),
        TlsFile::Key => bad("key", &broker.key, error.to_string()),
    })?;
    Ok(Some(tls))
}

fn unread(error: &std::io::Error) -> String {
    let remedy = if error.kind() == std::io::ErrorKind::PermissionDenied { "; give it the agent's group, and mode 0640" } else { "" };
    format!("it cannot be read: {error}{remedy}")
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_PEM).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What this box can tell and what it cannot, as a text of lines of `width` characters. It changes nothing on the box.
pub async fn self_test(config: &Config, host: Rc<dyn Host>, width: usize) -> Result<String, RunError> {
    let id = endpoint_id(config, &*host)?;
    let clock = Clock::start();
    let facts = agent::facts(clock.now(), &*host, config, &id, &agent::catalogue());
    let settings = config.factory(&id);
    let look = |now| self_test::self_test(&View { now, host: &*host, facts: &facts, settings: &settings, only: None });
    // How busy a processor is shows only at the second look.
    look(clock.now());
    host.sleep(Duration::from_millis(1100)).await;
    Ok(self_test::render(&look(clock.now()), width))
}
