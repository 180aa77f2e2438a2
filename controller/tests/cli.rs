//! The engineer's command line against a scripted server: what is printed, piped, and how it exits.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "cli/acts.rs"]
mod acts;
#[path = "cli/boxes.rs"]
mod boxes;
#[path = "cli/said.rs"]
mod said;
#[path = "cli/server.rs"]
mod server;
#[path = "cli/time.rs"]
mod time;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::Parser;
use expect_test::{Expect, expect};
use line3_controller::cli::{Cli, Dispatch, Exit, Screen, run_on};
use line3_proto::Wall;
use said::NOW;
use server::{Server, TOKEN};

/// What is written to it can be read when the screen is gone.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct Ran {
    out: String,
    err: String,
    exit: Exit,
}

/// Runs a command line; without `width` as if piped.
fn run(arguments: &[&str], width: Option<u16>) -> Ran {
    let mut cli = Cli::try_parse_from(["line3"].iter().chain(arguments)).unwrap_or_else(|error| panic!("{error}"));
    // Whatever the environment of the tests says.
    cli.token = None;
    let (out, err) = (Paper::default(), Paper::default());
    let mut screen = Screen::piped(Box::new(out.clone()), Box::new(err.clone()), Wall(NOW));
    if let Some(width) = width {
        screen = screen.columns(width);
    }
    let Dispatch::Done(exit) = run_on(cli, &mut screen) else { panic!("not for the engineer") };
    Ran { out: out.text(), err: err.text(), exit }
}

/// A data directory that names this server.
fn data(url: &str, token: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("client.toml"), format!("url = {url:?}\ntoken = {token:?}\n")).unwrap();
    dir
}

fn ask_at(server: &Server, line: &str, width: Option<u16>) -> Ran {
    let dir = data(&server.url, TOKEN);
    let words: Vec<&str> = line.split(' ').collect();
    let ran = run(&[&["--data", dir.path().to_str().unwrap(), "--server", &server.url], words.as_slice()].concat(), width);
    for c in ran.out.chars().chain(ran.err.chars()) {
        assert!(c == '\n' || !line3_controller::report::is_unsafe(c), "{c:?} reached the terminal");
    }
    ran
}

/// All that a command prints, piped.
fn check(line: &str, expect: Expect) {
    let server = Server::start();
    let ran = ask_at(&server, line, None);
    let mut all = ran.out.clone();
    if !ran.err.is_empty() {
        write!(all, "--- stderr ---\n{}", ran.err).unwrap();
    }
    writeln!(all, "--- {:?} ---", ran.exit).unwrap();
    expect.assert_eq(&all.replace(&server.url, "http://SERVER"));
}

#[test]
fn who() {
    check(
        "whoami",
        expect![[r#"
            anna, role repair, at http://SERVER (line3 0.1.0)
            --- Done ---
        "#]],
    );
}

#[test]
fn json() {
    check(
        "whoami --json",
        expect![[r#"
        {"name":"anna","role":"repair","version":"0.1.0"}
        --- Done ---
    "#]],
    );
    check(
        "calls --json",
        expect![[r#"
        [{"actor":"anna","box":"os::00256D-77","command":"Device.IP.Diagnostics.IPPing()","created":1795424395000,"ended":null,"id":"0123456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Device.IP.Diagnostics.IPPing()","kind":"operate"},"reason":"T-1","result":null,"state":"running","words":"2 of 3: 2 answered"},{"actor":"anna","box":"os::00256D-77","command":"Device.Reboot()","created":1795424395000,"ended":1795424399000,"id":"ffff456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Device.Reboot()","kind":"operate"},"reason":"T-1","result":null,"state":"timed_out","words":"it did not come back"}]
        --- Done ---
    "#]],
    );
    check(
        "ping os::00256D-77 192.0.2.1 --json",
        expect![[r#"
        {"actor":"anna","box":"os::00256D-77","command":"Device.IP.Diagnostics.IPPing()","created":1795424395000,"ended":1795424396250,"id":"0123456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Device.IP.Diagnostics.IPPing()","kind":"operate"},"reason":"T-1","result":{"kind":"outputs","outputs":{"Device.IP.Diagnostics.IPPing()":{"AverageResponseTime":"1","AverageResponseTimeDetailed":"1030","FailureCount":"1","Hop.10.Host":"far","Hop.2.Host":"near","Hop.2.Time":"300","IPAddressUsed":"192.0.2.1","MaximumResponseTime":"12","MaximumResponseTimeDetailed":"12702","MinimumResponseTime":"0","MinimumResponseTimeDetailed":"412","Status":"Complete","SuccessCount":"2","Unknown":"\u001b[31mred"}}},"state":"succeeded","words":""}
        --- Done ---
    "#]],
    );
    check(
        "run os::00256D-77 Device.Reboot() --reason T-1 --json",
        expect![[r#"
            {"actor":"anna","box":"os::00256D-77","command":"Device.Reboot()","created":1795424395000,"ended":1795424400000,"id":"0123456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Device.Reboot()","kind":"operate"},"reason":"T-1","result":null,"state":"refused","words":"7006 (permission denied): not now"}
            --- Ended ---
        "#]],
    );
    check(
        "watch os::00256D-77 --json",
        expect![[r#"
            {"box":{"bootId":"boot-1","catalogue":"c0ffee","firstSeen":1795165200000,"health":{"Device.DeviceInfo.UpTime":86461,"Device.IP.Interface.10.Stats.BytesReceived":5,"Device.IP.Interface.2.Stats.BytesReceived":1234567,"Device.X_LINE3_Thermal.Temperature":51.25},"id":"os::00256D-77","identity":{"Manufacturer":"ACME","ModelName":"TV-4K","SerialNumber":"77","SoftwareVersion":"2.1.0"},"labels":{"city":"Lyon"},"lastSeen":1795424396000,"online":true,"ready":true,"reported":1795424388000,"runId":"run-1","simulated":false},"event":"box"}
            {"event":"from-the-future"}
            {"box":"os::00256D-77","event":"report","received":1795424400000,"runId":"run-1","sequence":7,"values":{"Device.DeviceInfo.UpTime":86461,"Device.LocalAgent.X_LINE3_RunID":"run-1","Device.X.Name":"\u001b[31m"}}
            {"call":{"actor":"anna","box":"os::00256D-77","command":"Device.IP.Diagnostics.IPPing()","created":1795424395000,"ended":1795424396250,"id":"0123456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Device.IP.Diagnostics.IPPing()","kind":"operate"},"reason":"T-1","result":{"kind":"outputs","outputs":{"Device.IP.Diagnostics.IPPing()":{"AverageResponseTime":"1","AverageResponseTimeDetailed":"1030","FailureCount":"1","Hop.10.Host":"far","Hop.2.Host":"near","Hop.2.Time":"300","IPAddressUsed":"192.0.2.1","MaximumResponseTime":"12","MaximumResponseTimeDetailed":"12702","MinimumResponseTime":"0","MinimumResponseTimeDetailed":"412","Status":"Complete","SuccessCount":"2","Unknown":"\u001b[31mred"}}},"state":"succeeded","words":""},"event":"call"}
            --- stderr ---
            watching os::00256D-77, until Ctrl-C
            http://SERVER is lost (the stream of events ended), trying again
            {"error":"unauthorized","message":"the token was withdrawn"}
            --- NotAllowed ---
        "#]],
    );
    check(
        "show os::00256D-6 --json",
        expect![[r#"
        --- stderr ---
        {"error":"no-such-box","message":"there is no box os::00256D-6"}
        --- NotFound ---
    "#]],
    );
}

#[test]
fn a_hostile_box_stays_text() {
    // `ask_at` looks at every character.
    let server = Server::start();
    for line in ["boxes", "boxes --json", "get os::00256D-77 Device.", "watch os::00256D-77", "watch os::00256D-77 --json"] {
        let ran = ask_at(&Server::start(), line, None);
        assert!(ran.out.contains("pwned") || ran.out.contains("Salon") || ran.out.contains("[31m"), "{line}: {}", ran.out);
    }
    // With --json nothing is lost, either.
    let boxes: serde_json::Value = serde_json::from_str(&ask_at(&server, "boxes --json", None).out).unwrap();
    assert_eq!(boxes[2], said::hostile());
}

#[test]
fn everything_fits_the_terminal() {
    for width in [80, 120] {
        for line in [
            "boxes",
            "show os::00256D-77",
            "supported os::00256D-77",
            "get os::00256D-77 Device.",
            "calls",
            "audit",
            "set os::00256D-77 Device.A. B=c --partial --reason T-1",
            "set os::00256D-77 Device.A. B=c --reason T-9",
        ] {
            let ran = ask_at(&Server::start(), line, Some(width));
            for line in ran.out.lines() {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
        }
    }
}

#[test]
fn what_is_asked_of_the_server() {
    let server = Server::start();
    let ask = |line: &str| ask_at(&server, line, None).exit;
    ask("boxes lyon --model TV --offline --real --city Lyon");
    ask("boxes --online --simulated --label a=b");
    ask("run os::00256D-77 Device.Reboot --reason T-1 --wait 15m --timeout 1m");
    ask("run os::00256D-77 Device.Reboot --reason T-1 --timeout 90s");
    ask("ping os::00256D-7 h -n 5");
    ask("calls os::00256D-77 --limit 5");
    ask("audit --from 5 --limit 2");
    ask("instances os::00256D-77 Device.IP.Interface. --first-level");
    ask("get os::00256D-77 Device.IP. --depth 2");
    ask("set os::00256D-77 Device.A.1. B=c D?=e=f Device.A.2. B= --partial --reason T-1");
    ask("add os::00256D-77 Device.A. --reason T-1");
    ask("del os::00256D-77 Device.A.1. Device.A.2. --partial --reason T-1");
    ask("series a/b c --from 2026-01-01 --to 2026-01-02");
    expect![[r#"
        GET /api/boxes?q=lyon&model=TV&online=false&simulated=false&label=city%3DLyon
        GET /api/boxes?online=true&simulated=true&label=a%3Db
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "operate",
            "command": "Device.Reboot()",
            "args": {}
          },
          "reason": "T-1",
          "deadline": 960000,
          "wait": true
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "operate",
            "command": "Device.Reboot()",
            "args": {}
          },
          "reason": "T-1",
          "deadline": 90000,
          "wait": false
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-7",
          "order": {
            "kind": "operate",
            "command": "Device.IP.Diagnostics.IPPing()",
            "args": {
              "Host": "h",
              "NumberOfRepetitions": "5"
            }
          },
          "reason": "ping",
          "deadline": null,
          "wait": false
        }
        GET /api/calls?box=os%3A%3A00256D-77&limit=5
        GET /api/audit?from=5&limit=2
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "getInstances",
            "paths": [
              "Device.IP.Interface."
            ],
            "firstLevelOnly": true
          },
          "reason": "",
          "deadline": null,
          "wait": false
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "get",
            "paths": [
              "Device.IP."
            ],
            "maxDepth": 2
          },
          "reason": "",
          "deadline": null,
          "wait": false
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "set",
            "objects": [
              {
                "path": "Device.A.1.",
                "values": {
                  "B": "c",
                  "D": "e=f"
                },
                "optional": [
                  "D"
                ]
              },
              {
                "path": "Device.A.2.",
                "values": {
                  "B": ""
                }
              }
            ],
            "allowPartial": true
          },
          "reason": "T-1",
          "deadline": null,
          "wait": false
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "add",
            "objects": [
              {
                "path": "Device.A.",
                "values": {}
              }
            ],
            "allowPartial": false
          },
          "reason": "T-1",
          "deadline": null,
          "wait": false
        }
        GET /api/boxes/os::00256D-77/catalogue
        POST /api/calls {
          "box": "os::00256D-77",
          "order": {
            "kind": "delete",
            "paths": [
              "Device.A.1.",
              "Device.A.2."
            ],
            "allowPartial": true
          },
          "reason": "T-1",
          "deadline": null,
          "wait": false
        }
        GET /api/boxes/a%2Fb/series?path=c&from=1767225600000&to=1767312000000"#]]
    .assert_eq(&server.asked());
}

#[test]
fn exit_codes() {
    let server = Server::start();
    // Nobody listens there any more.
    let gone = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let exit = |url: &str, token: &str| {
        let dir = data(url, token);
        let ran = run(&["--data", dir.path().to_str().unwrap(), "--server", url, "whoami"], None);
        assert!(ran.out.is_empty() == (ran.exit != Exit::Done), "{}", ran.out);
        ran.exit
    };
    assert_eq!(exit(&server.url, TOKEN), Exit::Done);
    assert_eq!(exit(&server.url, "wrong"), Exit::NotAllowed);
    assert_eq!(exit(&format!("http://{gone}"), TOKEN), Exit::Unreachable);
    // What never reached a server was not done.
    let dir = data(&format!("http://{gone}"), TOKEN);
    let ran = run(&["--data", dir.path().to_str().unwrap(), "--server", &format!("http://{gone}"), "get", "b", "Device."], None);
    assert!(ran.err.contains("cannot be reached") && !ran.err.contains("not known whether"), "{}", ran.err);
    let empty = tempfile::tempdir().unwrap();
    let ran = run(&["--data", empty.path().to_str().unwrap(), "whoami"], None);
    assert_eq!(
        (ran.exit, ran.err.as_str()),
        (Exit::Usage, "line3: no server known: start `line3 demo` or `line3 serve`, or give --server and LINE3_TOKEN\n")
    );
}

#[test]
fn usage() {
    let wrong = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
    let all = [
        wrong("line3 boxs"),
        wrong("line3 run b C() Host --reason T"),
        wrong("line3 run b C()"),
        wrong("line3 series b p --last soon"),
        wrong("line3 series b p --from yesterday"),
    ];
    expect![[r#"
        error: unrecognized subcommand 'boxs'

          tip: a similar subcommand exists: 'boxes'

        Usage: line3 [OPTIONS] <COMMAND>

        For more information, try '--help'.

        error: invalid value 'Host' for '[ARG=VALUE]...': expected Name=Value, e.g. Host=192.0.2.1

        For more information, try '--help'.

        error: the following required arguments were not provided:
          --reason <TICKET>

        Usage: line3 run --reason <TICKET> <BOX> <COMMAND> [ARG=VALUE]...

        For more information, try '--help'.

        error: invalid value 'soon' for '--last <DURATION>': "soon" is no duration: expected e.g. 90s, 15m, 2h or 7d

        For more information, try '--help'.

        error: invalid value 'yesterday' for '--from <TIME>': "yesterday" is no time: expected e.g. 2026-01-31T09:00:00Z, 2026-01-31, or 2h for two hours ago

        For more information, try '--help'.
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn completions_are_printed() {
    let ran = run(&["completions", "bash"], None);
    assert!(ran.out.contains("line3") && ran.exit == Exit::Done);
}
