//! `line3 pki`: the private CA of a fleet, by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use line3_proto::EndpointId;

use crate::config::{Config, FILE};
use crate::pki::Pki;
use crate::pki::mosquitto::Mosquitto;

/// What is to be made.
#[derive(Clone, Debug)]
pub enum Order {
    /// The authorities.
    Init,
    /// A controller's certificate.
    Controller(String),
    /// Boxes' certificates.
    Boxes(Vec<String>),
    /// A broker's certificate.
    Server(Vec<String>),
    /// A Mosquitto configuration in this directory.
    Mosquitto {
        /// Where it is written.
        dir: PathBuf,
        /// The port for boxes.
        boxes_port: u16,
        /// The port for controllers.
        controllers_port: u16,
    },
}

/// Makes it, and says what was made and what comes next.
pub fn make(data: &Path, order: Order) -> Result<String> {
    let config = match data.join(FILE) {
        file if file.exists() => Config::read(&file)?,
        _ => Config::default(),
    };
    let dir = data.join(&config.pki);
    if let Order::Init = order {
        Pki::create(&dir)?;
        return Ok(format!(
            "The authorities of boxes and of controllers are in {}.\nKeep ca.key and controller-ca.key safe: whoever has them can make boxes and controllers.\nNext: line3 pki box ID, and line3 pki mosquitto DIR or line3 serve\n",
            dir.display()
        ));
    }
    let pki = Pki::open(&dir).with_context(|| format!("{}: make the authorities first, by line3 pki init", dir.display()))?;
    let id = |text: &str| EndpointId::parse(text).map_err(anyhow::Error::from);
    let mut said = String::new();
    match order {
        Order::Init => {}
        Order::Controller(text) => {
            let (id, to) = (id(&text)?, dir.join("controllers").join(&text));
            pki.write_controller(&to, &id)?;
            said = format!("{id}: {}\n", to.display());
        }
        Order::Boxes(ids) => {
            for text in ids {
                let (id, to) = (id(&text)?, dir.join("boxes").join(&text));
                pki.write_box(&to, &id)?;
                said.push_str(&format!("{id}: {}\n", to.display()));
            }
            said.push_str("Copy each directory to its box; in its line3-agent.toml, [broker] names ca.pem, box.pem and box.key.\n");
        }
        Order::Server(names) => {
            let to = dir.join("server");
            pki.write_server(&to, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
            said = format!("{}: {}\n", names.join(", "), to.display());
        }
        Order::Mosquitto { dir: to, boxes_port, controllers_port } => {
            let names: Vec<&str> = config.embedded_broker.names.iter().map(String::as_str).collect();
            let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            let to = std::path::absolute(to)?;
            let mosquitto =
                Mosquitto { boxes: everywhere(boxes_port), controllers: everywhere(controllers_port), names: &names, user: None };
            let file = mosquitto.write(&pki, &to)?;
            said = format!(
                "Start it by: mosquitto -c {}\nThe certificate is made out to {} (embedded-broker.names in {FILE}).\nIn {FILE}: [broker] host = \"...\" port = {controllers_port}\n",
                file.display(),
                names.join(", "),
            );
        }
    }
    Ok(said)
}
