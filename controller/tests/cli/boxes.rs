//! The boxes, and what they can do.

use super::*;

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
fn a_firmware_before_its_first_box() {
    let file = tempfile::NamedTempFile::new().unwrap();
    check(
        &format!("catalogue {} --reason T-1", file.path().display()),
        expect![[r#"
            kept: 31 objects, 9 commands, 6 events; digest 5f3a
            --- Done ---
        "#]],
    );
    check(
        "catalogue /nowhere/catalogue.json --reason T-1",
        expect![[r#"
            --- stderr ---
            line3: /nowhere/catalogue.json: No such file or directory (os error 2)
            --- Usage ---
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
                BytesReceived  unsignedLong, no ValueChange  bytes  All that came.

            Device.LocalAgent.Subscription.{i}.
              table, rows can be added, unique by Alias or Recipient+ID
              Who is told of what.
                Alias      string, writable once        length ..64
                NotifType  ValueChange|Event, writable               Of what.

            Device.X_LINE3_Thermal.
              object
              Heat.
                Temperature  decimal  -40..150 °C  Inside.

            Device.IP.Diagnostics.IPPing()
              command, asynchronous, effect Read (it looks and measures), at most 60 s
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
              command, asynchronous, effect Disrupt (the viewer notices)

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
              command, asynchronous, effect Read (it looks and measures), at most 60 s
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
                BytesReceived  unsignedLong, no ValueChange  bytes  All that came.
            --- Done ---
        "#]],
    );
    check(
        "supported os::00256D-77 Nothing",
        expect![[r#"
            --- stderr ---
            nothing of that is in the catalogue of this box; without a path `line3 supported` shows all that is
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
            --- NotFound ---
        "#]],
    );
    check(
        "label nobody-at-all a=b --reason T",
        expect![[r#"
            --- stderr ---
            line3: there is no box nobody-at-all
            --- NotFound ---
        "#]],
    );
}
