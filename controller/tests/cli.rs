//! The engineer's command line against a scripted server: what is printed, piped, and how it exits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "cli/said.rs"]
mod said;
#[path = "cli/server.rs"]
mod server;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::Parser;
use expect_test::{Expect, expect};
use line3_controller::audit::{Actor, Audit, Describe, Reason, Scope};
use line3_controller::cli::{Cli, Dispatch, Exit, Screen, run_on};
use line3_controller::rights::Role;
use line3_controller::store::sqlite::SqliteStore;
use line3_proto::{Effect, Wall};
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
fn boxes() {
    check(
        "boxes",
        expect![[r#"
            real boxes
            ID             MODEL          FIRMWARE  CITY     STATE        LAST REPORT
            os::00256D-77  TV-4K          2.1.0     Lyon     online       12 s ago
            os::00256D-88  TV-HD          1.9.7     Nantes   offline 3 h  none
            os::00256D-66  [2J[1;1Hpwned  1 0 real  31mnoyL  online       12 s ago

            simulated boxes
            ID               MODEL  FIRMWARE  CITY   STATE              LAST REPORT
            proto::sim-0001  Sim    3.0       Paris  online, not ready  12 s ago

            3 real, 1 simulated; 3 online
            --- Done ---
        "#]],
    );
    check(
        "boxes nothing",
        expect![[r#"
            0 real, 0 simulated; 0 online (of those asked for)
            --- Done ---
        "#]],
    );
}

#[test]
fn one_box() {
    check(
        "show os::00256D-77",
        expect![[r#"
        os::00256D-77
          state            online
          last seen        2026-11-23T08:59:56Z (4 s ago)
          last report      2026-11-23T08:59:48Z (12 s ago)
          first seen       2026-11-20T09:00:00Z (3 d ago)
          city             Lyon
          Manufacturer     ACME
          ModelName        TV-4K
          SerialNumber     77
          SoftwareVersion  2.1.0
          agent's run      run-1
          boot             boot-1
          catalogue        c0ffee

        HEALTH                                        VALUE  UNIT
        Device.DeviceInfo.UpTime                      86461  s
        Device.IP.Interface.2.Stats.BytesReceived   1234567  bytes
        Device.IP.Interface.10.Stats.BytesReceived        5  bytes
        Device.X_LINE3_Thermal.Temperature            51.25  °C

        open calls
        CALL                              MADE     BOX            WHAT                            STATE                        WHO   WHY
        0123456789abcdef0123456789abcdef  5 s ago  os::00256D-77  Device.IP.Diagnostics.IPPing()  running: 2 of 3: 2 answered  anna  T-1

        no reports are missing
        --- Done ---
    "#]],
    );
    check(
        "show os::00256D-88",
        expect![[r#"
            os::00256D-88
              state            offline 3 h
              last seen        2026-11-23T06:00:00Z (3 h ago)
              last report      none since the server started
              first seen       2026-11-20T09:00:00Z (3 d ago)
              city             Nantes
              Manufacturer     ACME
              ModelName        TV-HD
              SerialNumber     88
              SoftwareVersion  1.9.7
              agent's run      run-1
              boot             boot-1
              catalogue        c0ffee

            no health reports since the server started

            open calls
            CALL                              MADE     BOX            WHAT                            STATE                        WHO   WHY
            0123456789abcdef0123456789abcdef  5 s ago  os::00256D-77  Device.IP.Diagnostics.IPPing()  running: 2 of 3: 2 answered  anna  T-1

            no reports are missing
            --- Done ---
        "#]],
    );
}

#[test]
fn labels() {
    check(
        "label os::00256D-77 city=Lyon --reason T-1",
        expect![[r#"
        os::00256D-77: city=Lyon
        --- Done ---
    "#]],
    );
}

#[test]
fn what_a_box_can_do() {
    check(
        "supported os::00256D-77",
        expect![[r#"

            Device.DeviceInfo.
              object
              The box itself.
                UpTime  unsignedInt  s  Since it booted.

            Device.IP.Interface.{i}.Stats.
              object
              What went through.
                BytesReceived  unsignedLong  bytes  All that came.

            Device.LocalAgent.Subscription.{i}.
              table, rows can be added, unique by Alias or Recipient+ID
              Who is told of what.
                Alias      string, writable             length ..64
                NotifType  ValueChange|Event, writable               Of what.

            Device.X_LINE3_Thermal.
              object
              Heat.
                Temperature  decimal  -40..150 °C  Inside.

            Device.IP.Diagnostics.IPPing()
              command, effect Read (it looks and measures), at most 60 s
              Sends ICMP echoes.
              in   Host *                       string                        length ..256        Whom.
              in   NumberOfRepetitions          unsignedInt                   1..100 default "3"  How many.
              out  Status                       Complete|Error_NoRouteToHost                      How it ended.
              out  SuccessCount                 unsignedInt
              out  AverageResponseTime          unsignedInt                   ms                  The mean.
              out  AverageResponseTimeDetailed  unsignedInt                   µs                  The mean.
              out  Hop.{i}.Host                 string                                            Who.
              out  Hop.{i}.Time                 unsignedInt                   µs                  How long.

            Device.Reboot()
              command, effect Disrupt (the viewer notices)

            Device.Boot!
              event
              It booted.
                Cause  string
            --- Done ---
        "#]],
    );
    check(
        "supported os::00256D-77 Device.IP --commands",
        expect![[r#"

            Device.IP.Diagnostics.IPPing()
              command, effect Read (it looks and measures), at most 60 s
              Sends ICMP echoes.
              in   Host *                       string                        length ..256        Whom.
              in   NumberOfRepetitions          unsignedInt                   1..100 default "3"  How many.
              out  Status                       Complete|Error_NoRouteToHost                      How it ended.
              out  SuccessCount                 unsignedInt
              out  AverageResponseTime          unsignedInt                   ms                  The mean.
              out  AverageResponseTimeDetailed  unsignedInt                   µs                  The mean.
              out  Hop.{i}.Host                 string                                            Who.
              out  Hop.{i}.Time                 unsignedInt                   µs                  How long.
            --- Done ---
        "#]],
    );
    check(
        "supported os::00256D-77 Device.IP.Interface.2.Stats.BytesReceived",
        expect![[r#"

        Device.IP.Interface.{i}.Stats.
          object
          What went through.
            BytesReceived  unsignedLong  bytes  All that came.
        --- Done ---
    "#]],
    );
    check(
        "supported os::00256D-77 Nothing",
        expect![[r#"
        nothing of that is in the catalogue of this box
        --- Done ---
    "#]],
    );
}

#[test]
fn reading() {
    check(
        "get os::00256D-77 Device.",
        expect![[r#"
            PARAMETER                                   VALUE          UNIT
            Device.DeviceInfo.FriendlyName              ]0;ownedSalon
            Device.IP.Interface.2.Stats.BytesReceived   1234567        bytes
            Device.IP.Interface.10.Stats.BytesReceived  5              bytes

            NOT AVAILABLE                       WHY
            Device.X_LINE3_Thermal.Temperature  7800 (vendor error): no sensor
            --- Done ---
        "#]],
    );
    check(
        "instances os::00256D-77 Device.IP.Interface.",
        expect![[r#"
        ROW                      UNIQUE KEYS
        Device.IP.Interface.2.   Name=eth0
        Device.IP.Interface.10.  Name=wlan0
        --- Done ---
    "#]],
    );
}

#[test]
fn writing() {
    check(
        "set os::00256D-77 Device.LocalAgent.Subscription.1. Enable=true --reason T-1",
        expect![[r#"
        Device.LocalAgent.Subscription.1.Enable
        --- stderr ---
        Set succeeded in 1.2 s (call 0123456789abcdef0123456789abcdef)
        --- Done ---
    "#]],
    );
    check(
        "add os::00256D-77 Device.LocalAgent.Subscription. Alias=a --reason T-1",
        expect![[r#"
        Device.LocalAgent.Subscription.4.
        --- stderr ---
        Add succeeded in 1.2 s (call 0123456789abcdef0123456789abcdef)
        --- Done ---
    "#]],
    );
    check(
        "del os::00256D-77 Device.LocalAgent.Subscription.1. --reason T-1",
        expect![[r#"
        --- stderr ---
        line3: repair may not do this: Disrupt takes the role lead or above
        --- NotAllowed ---
    "#]],
    );
    check(
        "set os::00256D-77 Device.X. A=1 A=2 --reason T-1",
        expect![[r#"
        --- stderr ---
        line3: A is given twice
        --- Usage ---
    "#]],
    );
}

#[test]
fn running() {
    check(
        "run os::00256D-77 Device.IP.Diagnostics.IPPing Host=192.0.2.1 --reason T-1",
        expect![[r#"
        OUTPUT                       VALUE      UNIT
        Status                       Complete
        SuccessCount                 2
        AverageResponseTime          1          ms
        AverageResponseTimeDetailed  1030       µs
        FailureCount                 1
        IPAddressUsed                192.0.2.1
        MaximumResponseTime          12
        MaximumResponseTimeDetailed  12702
        MinimumResponseTime          0
        MinimumResponseTimeDetailed  412
        Unknown                      [31mred
        Hop.2.Host                   near
        Hop.2.Time                   300        µs
        Hop.10.Host                  far
        --- stderr ---
        sent
        accepted
        running: 1 of 3: 1 answered
        running: 2 of 3: 2 answered
        Device.IP.Diagnostics.IPPing() succeeded in 1.2 s (call 0123456789abcdef0123456789abcdef)
        --- Done ---
    "#]],
    );
    check(
        "run os::00256D-77 Device.Reboot() --reason T-1",
        expect![[r#"
        --- stderr ---
        Device.Reboot() refused: 7006 (permission denied): not now (call 0123456789abcdef0123456789abcdef)
        --- Ended ---
    "#]],
    );
}

#[test]
fn pinging() {
    check(
        "ping os::00256D-77 192.0.2.1",
        expect![[r#"
        --- 192.0.2.1 (192.0.2.1) pinged from os::00256D-77 ---
        3 packets transmitted, 2 received, 33.3% packet loss
        rtt min/avg/max = 0.412/1.030/12.702 ms
        --- stderr ---
        sent
        accepted
        running: 1 of 3: 1 answered
        running: 2 of 3: 2 answered
        --- Done ---
    "#]],
    );
}

#[test]
fn a_line_that_breaks_is_taken_up_again() {
    check("ping os::00256D-88 192.0.2.1", expect![[r#"
        --- 192.0.2.1 (192.0.2.1) pinged from os::00256D-77 ---
        3 packets transmitted, 2 received, 33.3% packet loss
        rtt min/avg/max = 0.412/1.030/12.702 ms
        --- stderr ---
        sent
        accepted
        http://SERVER is lost (the stream of events ended), trying again; the call goes on
        --- Done ---
    "#]]);
}

#[test]
fn series() {
    check(
        "series os::00256D-77 Device.X_LINE3_Thermal.Temperature",
        expect![[r#"
            Device.X_LINE3_Thermal.Temperature  os::00256D-77
            2026-11-23T08:00:00Z to 2026-11-23T09:00:00Z
            AT                    VALUE  UNIT
            2026-11-23T08:01:00Z   40.5  °C
            2026-11-23T08:04:00Z     42  °C
            2026-11-23T08:07:00Z   43.5  °C
            2026-11-23T08:10:00Z     45  °C
            2026-11-23T08:13:00Z   46.5  °C
            2026-11-23T08:16:00Z   40.5  °C
            2026-11-23T08:19:00Z     42  °C
            2026-11-23T08:32:00Z     41  °C
            2026-11-23T08:35:00Z   42.5  °C
            2026-11-23T08:38:00Z     44  °C
            2026-11-23T08:41:00Z   45.5  °C
            2026-11-23T08:44:00Z     47  °C
            2026-11-23T08:47:00Z     41  °C
            2026-11-23T08:50:00Z   42.5  °C
            2026-11-23T08:53:00Z     44  °C
            2026-11-23T08:56:00Z   45.5  °C
            2026-11-23T08:59:00Z     47  °C
            one in 3 of 50 points; --all shows them all

            ▁▁▁▂▂▂▃▃▃▄▄▅▅▅▆▆▆▆▇▇▇███▁▁▁▁▂▂▂▃▃▃               ▁▁▁▂▂▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇▇████▁▁▁▂▂▂▃▃▃▃▄▅▅▅▅▆▆▆▇▇▇████
            min 40 °C, max 47 °C, now 47 °C
            10 reports are missing: numbers 20 to 29 of the agent's run run-1
            1 report is missing: number 40 of the agent's run run-1
            --- Done ---
        "#]],
    );
    check(
        "series os::00256D-77 Device.IP.Interface.2.Stats.BytesReceived --from 2026-11-23T08:00:00Z --to 2026-11-23",
        expect![[r#"
        --- stderr ---
        line3: --from 2026-11-23T08:00:00Z is not before --to 2026-11-23T00:00:00Z
        --- Usage ---
    "#]],
    );
    check(
        "series os::00256D-77 Device.IP.Interface.2.Stats.BytesReceived",
        expect![[r#"
            Device.IP.Interface.2.Stats.BytesReceived  os::00256D-77
            2026-11-23T08:00:00Z to 2026-11-23T09:00:00Z
            AT                        VALUE  UNIT       RATE
            2026-11-23T08:02:00Z    1240000  bytes    3000/s
            2026-11-23T08:05:00Z    2500000  bytes    9000/s
            2026-11-23T08:08:00Z    4840000  bytes   15000/s
            2026-11-23T08:11:00Z    8260000  bytes   21000/s
            2026-11-23T08:14:00Z   12760000  bytes   27000/s
            2026-11-23T08:17:00Z   18340000  bytes   33000/s
            2026-11-23T08:20:00Z   25000000  bytes   39000/s
            2026-11-23T08:23:00Z   32740000  bytes   45000/s
            2026-11-23T08:26:00Z   41560000  bytes   51000/s
            2026-11-23T08:29:00Z   51460000  bytes   57000/s
            2026-11-23T08:32:00Z   62440000  bytes   63000/s
            2026-11-23T08:35:00Z   74500000  bytes   69000/s
            2026-11-23T08:38:00Z   87640000  bytes   75000/s
            2026-11-23T08:41:00Z  101860000  bytes   81000/s
            2026-11-23T08:44:00Z  117160000  bytes   87000/s
            2026-11-23T08:47:00Z  133540000  bytes   93000/s
            2026-11-23T08:50:00Z  151000000  bytes   99000/s
            2026-11-23T08:53:00Z  169540000  bytes  105000/s
            2026-11-23T08:56:00Z  189160000  bytes  111000/s
            2026-11-23T08:59:00Z  209860000  bytes  117000/s
            one in 3 of 60 points; --all shows them all

            ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇███████
            min 1000000 bytes, max 209860000 bytes, now 209860000 bytes

             ▁▁▁▁▁▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇▇▇▇██████████████
            rate: min 1000 bytes/s, max 117000 bytes/s, now 117000 bytes/s
            no reports are missing
            --- Done ---
        "#]],
    );
    check(
        "series os::00256D-77 Device.Nothing",
        expect![[r#"
        Device.Nothing  os::00256D-77
        2026-11-23T08:00:00Z to 2026-11-23T09:00:00Z
        no reports of it in that time
        the box reports:
          Device.DeviceInfo.UpTime
          Device.IP.Interface.2.Stats.BytesReceived
          Device.IP.Interface.10.Stats.BytesReceived
        --- Done ---
    "#]],
    );
}

#[test]
fn watching() {
    check(
        "watch os::00256D-77",
        expect![[r#"
            2026-11-23T09:00:00Z  box     online
            2026-11-23T09:00:00Z  report  #7 DeviceInfo.UpTime=86461 X.Name=[31m
            2026-11-23T08:59:56Z  call    Device.IP.Diagnostics.IPPing() by anna: succeeded
            --- stderr ---
            watching os::00256D-77, until Ctrl-C
            http://SERVER is lost (the stream of events ended), trying again
            line3: the token was withdrawn
            --- NotAllowed ---
        "#]],
    );
}

#[test]
fn calls() {
    check(
        "calls",
        expect![[r#"
        CALL                              MADE     BOX            WHAT                            STATE                            WHO   WHY
        0123456789abcdef0123456789abcdef  5 s ago  os::00256D-77  Device.IP.Diagnostics.IPPing()  running: 2 of 3: 2 answered      anna  T-1
        ffff456789abcdef0123456789abcdef  5 s ago  os::00256D-77  Device.Reboot()                 timed out: it did not come back  anna  T-1
        --- Done ---
    "#]],
    );
    check(
        "call 0123",
        expect![[r#"
        call        0123456789abcdef0123456789abcdef
        box         os::00256D-77
        asked for   Device.IP.Diagnostics.IPPing() Host=192.0.2.1 Password=***
        by          anna
        because of  T-1
        made        2026-11-23T08:59:55Z (5 s ago)
        state       accepted
        --- Done ---
    "#]],
    );
    check(
        "call ffff",
        expect![[r#"
        call        ffff456789abcdef0123456789abcdef
        box         os::00256D-77
        asked for   Device.Reboot() Host=192.0.2.1 Password=***
        by          anna
        because of  T-1
        made        2026-11-23T08:59:55Z (5 s ago)
        ended       2026-11-23T08:59:59Z (after 4.0 s)
        state       timed out: it did not come back
        --- Done ---
    "#]],
    );
    check(
        "call 0123456789abcdef0123456789abcdee",
        expect![[r#"
        --- stderr ---
        line3: there is no call 0123456789abcdef0123456789abcdee
        --- NotFound ---
    "#]],
    );
    check(
        "cancel 0123 --reason T-2",
        expect![[r#"
        call 0123456789abcdef0123456789abcdef: asked to stop; now running: 2 of 3
        --- Done ---
    "#]],
    );
}

#[test]
fn audit() {
    check(
        "audit",
        expect![[r#"
        N  AT                    WHAT       WHO            ON             WORDS                                           WHY  CALL
        6  2026-11-23T08:59:55Z  admitted   anna (repair)  os::00256D-77  Device.IP.Diagnostics.IPPing() Host=192.0.2.1   T-1  0123456789abcdef0123456789abcdef
        7  2026-11-23T08:59:56Z  succeeded                                                                                     0123456789abcdef0123456789abcdef
        8                        ?                                        {"at":1795424400000,"kind":"of-a-newer-line3"}
        --- Done ---
    "#]],
    );
    check(
        "audit verify",
        expect![[r#"
        the audit log is NOT whole
        7 rows walked, newest hash ab
        the audit log is broken at row 3: its hash is not that of its content: it was edited
        --- Ended ---
    "#]],
    );
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
fn names_that_are_wrong() {
    check(
        "show os::00256D-78",
        expect![[r#"
        --- stderr ---
        line3: there is no box os::00256D-78
        did you mean os::00256D-77 or os::00256D-88 or os::00256D-66?
        --- NotFound ---
    "#]],
    );
    check(
        "show 7",
        expect![[r#"
        --- stderr ---
        line3: 7 names 2 boxes: give more of the id
        --- NotFound ---
    "#]],
    );
    check(
        "get os::00256D-7 Device.",
        expect![[r#"
        --- stderr ---
        line3: there is no box os::00256D-7
        did you mean os::00256D-77 or os::00256D-66 or os::00256D-88?
        --- NotFound ---
    "#]],
    );
    check(
        "label nobody-at-all a=b --reason T",
        expect![[r#"
        --- stderr ---
        line3: there is no box nobody-at-all
        `line3 boxes` lists those there are
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
        for line in ["boxes", "show os::00256D-77", "supported os::00256D-77", "get os::00256D-77 Device.", "calls", "audit"] {
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
    ask("series a/b c --from 2026-01-01 --to 2026-01-02");
    expect![[r#"
        GET /api/boxes?text=lyon&model=TV&online=false&simulated=false&label=city%3DLyon
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
        GET /api/boxes
        GET /api/calls?box=os%3A%3A00256D-77&limit=5
        GET /api/audit?from=5&limit=2
        GET /api/boxes/a%2Fb/series?path=c&from=1767225600000&to=1767312000000
        GET /api/boxes"#]]
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

/// An act for the log.
struct Act;

impl Describe for Act {
    fn call_id(&self) -> &str {
        "c"
    }
    fn effect(&self) -> Option<Effect> {
        Some(Effect::Read)
    }
    fn scope(&self) -> Scope {
        Scope::Box("os::00256D-77".parse().unwrap())
    }
    fn words(&self) -> String {
        "a ping".to_owned()
    }
}

#[test]
fn the_audit_log_is_checked_without_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("line3.db");
    let path = file.to_str().unwrap();
    let mut store = SqliteStore::open(&file).unwrap();
    let audit = Audit::open(&mut store, Wall(NOW)).unwrap();
    let actor = Actor::new("anna", Role::Repair).unwrap();
    for _ in 0..3 {
        audit.admit(&mut store, Wall(NOW), &actor, Reason::parse("T-1").unwrap(), Act).unwrap();
    }
    drop(store);
    let ran = run(&["audit", "verify", path], None);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert!(ran.out.starts_with("the audit log is whole\n3 rows walked, newest hash "), "{}", ran.out);

    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("DROP TRIGGER audit_is_final; UPDATE audit SET body = '{}' WHERE n = 2").unwrap();
    let ran = run(&["audit", "verify", path, "--json"], None);
    assert_eq!(ran.exit, Exit::Ended, "{}", ran.err);
    let view: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&view["whole"], &view["rows"]), (&false.into(), &1.into()));

    let ran = run(&["audit", "verify", dir.path().join("none.db").to_str().unwrap()], None);
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("none.db"), "{}", ran.err);
}
