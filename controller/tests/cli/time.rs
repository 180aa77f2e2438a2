//! What was, and what is: series, live events, the audit log.

use line3_controller::audit::{Actor, Audit, Describe, Reason, Scope};
use line3_controller::rights::Role;
use line3_controller::store::sqlite::SqliteStore;
use line3_proto::Effect;

use super::*;

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
