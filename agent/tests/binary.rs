//! The binary as it is started on a box, before a broker that speaks just enough MQTT 5.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use line3_proto::record::{self, Content};
use line3_proto::row::Args;
use line3_proto::usp::{Msg, MsgContent, Operate, Request};
use line3_proto::{EndpointId, Publication};

const BOX: &str = "os::00256D-1";
const LONG: Duration = Duration::from_secs(60);

fn agent(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_line3-agent"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end: exit code, standard output, standard error.
fn ran(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = agent(args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn config(dir: &tempfile::TempDir, text: &str) -> String {
    let path = dir.path().join("agent.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn it_explains_itself() {
    let (code, out, _) = ran(&["--help"]);
    assert!(code == 0 && out.contains("--self-test") && out.contains("/etc/line3-agent.toml"));
    assert_eq!(ran(&["--version"]).1, format!("line3-agent {}\n", env!("CARGO_PKG_VERSION")));
    let (code, out, _) = ran(&["--catalogue"]);
    assert!(code == 0 && serde_json::from_str::<serde_json::Value>(&out).unwrap()["commands"].is_array());
}

#[test]
fn wrong_usage_is_named() {
    for (args, why) in [
        (vec!["--nope"], "there is no option --nope; see --help"),
        (vec!["--config"], "--config needs the name of a file"),
        (vec!["--self-test", "--catalogue"], "these options do not go together"),
        (vec!["--config", "/nowhere/agent.toml"], "the configuration /nowhere/agent.toml cannot be read"),
    ] {
        let (code, _, err) = ran(&args);
        assert!(code == 2 && err.contains(why), "{args:?}: {code} {err}");
    }
}

#[test]
fn mistakes_in_the_configuration_are_named_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("ca.pem").to_str().unwrap().to_owned();
    let nonsense = dir.path().join("nonsense.pem").to_str().unwrap().to_owned();
    std::fs::write(&nonsense, "no certificate").unwrap();
    let tls = |ca: &str| format!("endpoint-id = \"{BOX}\"\n[broker]\nca = \"{ca}\"\ncertificate = \"{ca}\"\nkey = \"{ca}\"\n");
    for (text, why) in [
        ("\n[broker]\nport = \"x\"\n".to_owned(), "line 3"),
        ("[report]\ninterval = 0".to_owned(), "report.interval = 0: it takes 1 to 86400"),
        (tls(&missing), missing.as_str()),
        (tls(&nonsense), nonsense.as_str()),
    ] {
        let path = config(&dir, &text);
        let (code, _, err) = ran(&["--config", &path]);
        assert!(code == 2 && err.contains(why), "{code} {err}");
        assert!(err.contains(&path) || err.contains("broker.ca"), "{err}");
    }
}

#[test]
fn the_self_test_looks_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let path = config(&dir, &format!("endpoint-id = \"{BOX}\"\nstate-dir = {state:?}\n"));
    let (code, out, err) = ran(&["--self-test", "--config", &path]);
    assert!(code == 0 && out.contains("Device.DeviceInfo."), "{code} {out} {err}");
    assert!(!state.exists());
}

/// The broker's end of one connection.
struct Peer(TcpStream);

impl Peer {
    /// Waits for a connection, and takes it and its subscription.
    fn accept(listener: &TcpListener) -> (Self, Vec<u8>) {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut peer = Self(stream);
        let (kind, connect) = peer.packet();
        assert_eq!(kind, 0x10);
        peer.0.write_all(&[0x20, 3, 0, 0, 0]).unwrap();
        let (kind, subscribe) = peer.packet();
        assert_eq!(kind, 0x82);
        assert!(String::from_utf8_lossy(&subscribe).contains(&format!("usp/agent/{BOX}")));
        peer.0.write_all(&[0x90, 4, subscribe[0], subscribe[1], 0, 1]).unwrap();
        (peer, connect)
    }

    fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut byte = [0];
        self.0.read_exact(&mut byte).unwrap();
        let kind = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.0.read_exact(&mut byte).unwrap();
            length |= usize::from(byte[0] & 0x7F) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (kind, body)
    }

    /// The next USP record that comes, acknowledged; `None`: DISCONNECT.
    fn record(&mut self) -> Option<Content> {
        loop {
            let (kind, body) = self.packet();
            match kind & 0xF0 {
                0xE0 => return None,
                0x30 => {
                    let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                    self.0.write_all(&[0x40, 2, body[topic], body[topic + 1]]).unwrap();
                    if !body[2..topic].starts_with(b"usp/") {
                        continue;
                    }
                    // The properties are shorter than 128 bytes or take two bytes of length; the record is what can be opened.
                    let controller = EndpointId::parse("self::line3").unwrap();
                    return (topic + 2..body.len()).find_map(|from| Some(record::open(&body[from..], &controller).ok()?.content));
                }
                _ => {}
            }
        }
    }

    fn ask(&mut self, id: &str, request: Request) {
        let (me, to) = (EndpointId::parse("self::line3").unwrap(), EndpointId::parse(BOX).unwrap());
        let publication = Publication {
            topic: format!("usp/agent/{BOX}"),
            payload: record::seal(&me, &to, &Msg::request(id, request)),
            ..Publication::default()
        };
        let reply = format!("usp/controller/self::line3/{BOX}/reply/1");
        let mut body = Vec::new();
        let text = |body: &mut Vec<u8>, text: &str| {
            body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            body.extend(text.as_bytes());
        };
        text(&mut body, &publication.topic);
        body.push(u8::try_from(3 + reply.len()).unwrap());
        body.push(0x08);
        text(&mut body, &reply);
        body.extend(&publication.payload);
        let mut packet = vec![0x30];
        let mut length = body.len();
        while length > 127 {
            packet.push(u8::try_from(length % 128).unwrap() | 0x80);
            length /= 128;
        }
        packet.push(u8::try_from(length).unwrap());
        packet.extend(body);
        self.0.write_all(&packet).unwrap();
    }
}

/// Ends what the test started, even when it fails.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_connects_restarts_when_told_to_and_says_good_bye() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = dir.path().join("state");
    let path = config(
        &dir,
        &format!("endpoint-id = \"{BOX}\"\nstate-dir = {state:?}\n[broker]\nport = {port}\n[device]\nsoftware-version = \"7\"\n"),
    );
    let mut daemon = Daemon(agent(&["--config", &path]).spawn().unwrap());

    let (mut peer, connect) = Peer::accept(&listener);
    let connect = String::from_utf8_lossy(&connect).into_owned();
    for part in [BOX, "usp-endpoint-id", "line3-conn", &format!("usp/controller/self::line3/{BOX}")] {
        assert!(connect.contains(part), "{part} in {connect:?}");
    }
    assert!(matches!(peer.record(), Some(Content::Connect { .. })));

    let reboot = Operate { command: "Device.Reboot()".to_owned(), command_key: "k".to_owned(), send_resp: true, input_args: Args::new() };
    peer.ask("1", Request::Operate(reboot));
    let Some(Content::Message(answer)) = peer.record() else { panic!("no answer") };
    assert!(matches!(answer.into_content(), Some((id, MsgContent::Response(_))) if id == "1"));
    assert!(matches!(peer.record(), Some(Content::Disconnect { .. })));
    assert_eq!(peer.record(), None);

    let (mut peer, _) = Peer::accept(&listener);
    assert!(matches!(peer.record(), Some(Content::Connect { .. })));
    assert!(state.join("journal").exists());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon.0.id().cast_signed()), nix::sys::signal::SIGTERM).unwrap();
    assert!(matches!(peer.record(), Some(Content::Disconnect { .. })));
    assert_eq!(peer.record(), None);
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("SIGTERM: good-bye") && log.contains("the agent restarts"), "{log}");
}
