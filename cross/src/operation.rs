//! A small operation on this machine: the real controller with its own broker and authority, in a folder of its own. The tests of built
//! agents look at their boxes through it, by the command line that an engineer has.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::process::{Process, until};
use crate::say;

/// How long the controller may take to start.
const START: Duration = Duration::from_secs(60);

/// The controller's program and the folder that it works on.
#[derive(Clone, Debug)]
pub struct Line3 {
    program: PathBuf,
    data: PathBuf,
}

impl Line3 {
    /// Builds it as it is developed, with the caller's cargo: what is tested are agents.
    pub fn build(root: &Path, data: &Path) -> Result<Self> {
        say::doing("building the controller for this machine");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root).args(["build", "--locked", "--quiet", "--package", "line3-controller", "--bin", "line3"]);
        cargo.arg("--message-format=json-render-diagnostics");
        let said = say::quietly("the controller", &mut cargo)?;
        let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
        let program = messages.filter_map(|message| message.executable).next_back();
        Ok(Self { program: program.context("cargo does not say where the controller is")?, data: data.to_owned() })
    }

    /// The same program on another folder.
    #[must_use]
    pub fn on(&self, data: &Path) -> Self {
        Self { program: self.program.clone(), data: data.to_owned() }
    }

    /// Runs a command and gives what it says; `["pki", "init"]`.
    ///
    /// # Errors
    /// It ended otherwise than well; quotes what it said.
    pub fn says(&self, words: &[&str]) -> Result<String> {
        say::quietly(&format!("line3 {}", words.join(" ")), self.command().args(words))
    }

    /// Runs a command and gives its answer, the JSON of the API.
    pub fn answers<T: DeserializeOwned>(&self, words: &[&str]) -> Result<T> {
        let words = [words, &["--json"]].concat();
        let text = self.says(&words)?;
        serde_json::from_str(&text).with_context(|| format!("line3 {} answered {text}", words.join(" ")))
    }

    /// Makes the certificate of a box, with `line3 pki box`, and gives its folder: `ca.pem`, `box.pem`, `box.key`.
    pub fn certificate(&self, id: &str) -> Result<PathBuf> {
        self.says(&["pki", "box", id])?;
        Ok(self.data.join("pki").join("boxes").join(id))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(&self.data);
        command
    }
}

/// What cargo says of what it built.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// A box, as the controller sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Its endpoint id.
    pub id: String,
    /// It is connected.
    pub online: bool,
    /// It is connected and can be asked.
    pub ready: bool,
    /// No real box stands behind it.
    pub simulated: bool,
    /// What it says it is, by the last word of the parameter: `SoftwareVersion`, `SerialNumber`, …
    pub identity: BTreeMap<String, String>,
    /// The digest of what its agent can show and do.
    pub catalogue: Option<String>,
    /// The run of its agent: another one after each start.
    pub run_id: Option<String>,
    /// The newest values of its health reports, by path.
    #[serde(default)]
    pub health: BTreeMap<String, serde_json::Value>,
    /// When the newest report came, in milliseconds since 1970; absent: none came.
    pub reported: Option<i64>,
}

impl Seen {
    /// How it was seen, for an error.
    fn in_words(&self) -> String {
        let Self { online, ready, identity, run_id, reported, .. } = self;
        let run = run_id.as_deref().unwrap_or("none");
        let reported = if reported.is_some() { "has reported" } else { "has never reported" };
        format!("last it was seen online: {online}, ready: {ready}, run: {run}, {identity:?}; it {reported}")
    }
}

/// The controller, running. It stops when this is dropped.
#[derive(Debug)]
pub struct Operation {
    /// Its command line.
    pub line3: Line3,
    /// Where boxes connect, over mutual TLS.
    pub broker: SocketAddr,
    server: Process,
}

impl Operation {
    /// Starts a fresh controller: its data are in `folder/controller`, its log is `folder/controller.log`. Boxes reach its broker at
    /// `listen`, an address of this machine; engineers reach it on 127.0.0.1.
    ///
    /// # Errors
    /// It cannot be built, or does not start.
    pub fn start(root: &Path, folder: &Path, listen: IpAddr) -> Result<Self> {
        let (data, log) = (folder.join("controller"), folder.join("controller.log"));
        let line3 = Line3::build(root, &data)?;
        if data.exists() {
            std::fs::remove_dir_all(&data).with_context(|| data.display().to_string())?;
            std::fs::remove_file(&log).ok();
        }
        std::fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
        let broker = free(listen)?;
        configure(&data, free(IpAddr::from([127, 0, 0, 1]))?, broker)?;
        let mut serve = line3.command();
        serve.arg("serve");
        let mut server = Process::start("the controller", &serve, &log)?;
        // It says where it listens when it does.
        until("the controller has started", START, || server.lives().map(|()| server.said().contains("Ctrl-C stops it").then_some(())))
            .map_err(|error| anyhow!("{error:#}; {}", server.last_lines()))?;
        Ok(Self { line3, broker, server })
    }

    /// What the controller knows of the box with this endpoint id; `None`: it has never heard of it.
    pub fn seen(&mut self, id: &str) -> Result<Option<Seen>> {
        self.server.lives()?;
        let boxes: Vec<Seen> = self.line3.answers(&["boxes"])?;
        Ok(boxes.into_iter().find(|seen| seen.id == id))
    }

    /// Waits until the box is seen so that `holds`, but not longer than `limit`; `what` is what it should be: "ready". An error of
    /// `holds` ends the wait: there the agent's process can be looked at.
    ///
    /// # Errors
    /// It did not come about in time: quotes how the box was seen last, and the controller's last lines.
    pub fn until(&mut self, id: &str, what: &str, limit: Duration, mut holds: impl FnMut(&Seen) -> Result<bool>) -> Result<Seen> {
        let mut last = None;
        let waited = until(&format!("{id} is {what}"), limit, || {
            last = self.seen(id)?;
            match &last {
                Some(seen) if holds(seen)? => Ok(last.clone()),
                _ => Ok(None),
            }
        });
        waited.map_err(|error| {
            let last = last.map_or_else(|| "the controller never heard of the box".to_owned(), |last| last.in_words());
            anyhow!("{error:#}; {last}\n{}", self.server.last_lines())
        })
    }

    /// Reads parameters of a box, `Device.DeviceInfo.`, by path.
    pub fn get(&self, id: &str, path: &str) -> Result<BTreeMap<String, String>> {
        let call: Call = self.line3.answers(&["get", id, path])?;
        match call.result {
            Some(Outcome::Values { values }) => Ok(values),
            _ => bail!("line3 get {id} {path}: {}", call.words),
        }
    }

    /// Lets a box ping an address, and gives what the command put out.
    pub fn ping(&self, id: &str, host: &str) -> Result<BTreeMap<String, String>> {
        let call: Call = self.line3.answers(&["ping", id, host])?;
        match call.result {
            Some(Outcome::Outputs { outputs }) => outputs.into_values().next().context("IPPing put nothing out"),
            _ => bail!("line3 ping {id} {host}: {}", call.words),
        }
    }

    /// The last lines of its log, for an error.
    #[must_use]
    pub fn last_lines(&self) -> String {
        self.server.last_lines()
    }
}

#[derive(Deserialize)]
struct Call {
    words: String,
    result: Option<Outcome>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Outcome {
    Values {
        values: BTreeMap<String, String>,
    },
    Outputs {
        outputs: BTreeMap<String, BTreeMap<String, String>>,
    },
    #[serde(other)]
    Other,
}

/// A port that is free now. Another program could take it before the controller does, which then says so.
fn free(address: IpAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind((address, 0)).with_context(|| format!("a port of {address}"))?;
    Ok(listener.local_addr()?)
}

/// Writes the controller's configuration, and the token of an engineer who may do everything.
fn configure(data: &Path, api: SocketAddr, broker: SocketAddr) -> Result<()> {
    let mut random = [0; 24];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).context("/dev/urandom")?;
    let token = hex(&random);
    let configuration = format!(
        "api-listen = \"{api}\"\n[embedded-broker]\nlisten = \"{broker}\"\nnames = [\"{}\"]\n[[engineer]]\nname = \"test\"\nrole = \"lead\"\ntoken-sha256 = \"{}\"\n",
        broker.ip(),
        digest(token.as_bytes()),
    );
    for (name, text) in [("line3.toml", configuration), ("client.toml", format!("url = \"http://{api}\"\ntoken = \"{token}\"\n"))] {
        std::fs::write(data.join(name), text).with_context(|| data.join(name).display().to_string())?;
    }
    Ok(())
}

/// The SHA-256 of bytes, in hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_controller_is_understood() {
        let text = r#"{"id":"1","state":"succeeded","result":{"kind":"outputs","outputs":{"A()":{"SuccessCount":"3"}}},"words":""}"#;
        let call: Call = serde_json::from_str(text).expect("a call");
        assert!(matches!(call.result, Some(Outcome::Outputs { outputs }) if outputs["A()"]["SuccessCount"] == "3"));
        let text = r#"{"id":"1","state":"refused","result":{"kind":"refused","faults":[]},"words":"not permitted"}"#;
        let call: Call = serde_json::from_str(text).expect("a call");
        assert!(matches!((call.result, call.words.as_str()), (Some(Outcome::Other), "not permitted")));
    }

    #[test]
    fn the_token_is_of_its_digest() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
