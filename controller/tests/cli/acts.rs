//! What is wanted of a box: calls, followed to their end.

use super::*;

#[test]
fn reading() {
    check(
        "get os::00256D-77 Device.",
        expect![[r#"
            PARAMETER                                   VALUE          UNIT
            Device.DeviceInfo.FriendlyName              ]0;ownedSalon
            Device.IP.Interface.2.Stats.BytesReceived   1234567        bytes
            Device.IP.Interface.10.Stats.BytesReceived  5              bytes

            FAILED                              ERROR              WHY
            Device.X_LINE3_Thermal.Temperature  7800 vendor error  no sensor
            --- stderr ---
            Get succeeded in part, see above (call 0123456789abcdef0123456789abcdef)
            --- Partly ---
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
            Device.LocalAgent.Subscription.1.  Enable=true
            --- stderr ---
            Set succeeded in 1.2 s (call 0123456789abcdef0123456789abcdef)
            --- Done ---
        "#]],
    );
    check(
        "add os::00256D-77 Device.LocalAgent.Subscription. Alias=a --reason T-1",
        expect![[r#"
            Device.LocalAgent.Subscription.4.  Alias=a ID=x
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
fn writing_in_part() {
    check(
        "set os::00256D-77 Device.LocalAgent.Subscription.1. Enable=true TimeToLive?=-1 Device.LocalAgent.Subscription.9. Enable=true --partial --reason T-1",
        expect![[r#"
            Device.LocalAgent.Subscription.1.  Enable=true ReferenceList=Device.IP.Interface.*.Status

            FAILED                                       ERROR                       WHY
            Device.LocalAgent.Subscription.1.TimeToLive  7012 invalid value          TimeToLive takes 0 to 4294967295, not -1
            Device.LocalAgent.Subscription.9.            7016 object does not exist  there is no row 9 in Device.LocalAgent.Subscription.
            --- stderr ---
            Set succeeded in part, see above (call 0123456789abcdef0123456789abcdef)
            --- Partly ---
        "#]],
    );
    check(
        "set os::00256D-77 Device.LocalAgent.Subscription.1. NotifType=red --reason T-9",
        expect![[r#"
            FAILED                                      ERROR                           WHY
            all of it                                   7021 required parameter failed  nothing was changed
            Device.LocalAgent.Subscription.1.NotifType  7012 invalid value              NotifType takes one of ValueChange, Event, not [31mred
            Device.LocalAgent.Subscription.[ID==5].     7008 invalid path syntax        ID is a string: compare it with text in double quotes
            --- stderr ---
            Set failed (call 0123456789abcdef0123456789abcdef)
            text in a search stands in double quotes, and the shell takes those away unless the whole path stands in single quotes: 'Device.LocalAgent.Subscription.[ID=="5"].'
            --- Ended ---
        "#]],
    );
    check(
        "del os::00256D-77 Device.LocalAgent.Subscription.[ID==\"gone\"]. --reason T-9",
        expect![[r#"
        Device.LocalAgent.Subscription.[ID=="gone"].: no such row
        --- stderr ---
        Delete succeeded in 1.2 s (call 0123456789abcdef0123456789abcdef)
        --- Done ---
    "#]],
    );
    check(
        "set os::00256D-77 Device.LocalAgent.Subscription.1. NotifType=red --reason T-9 --json",
        expect![[r#"
        {"actor":"anna","box":"os::00256D-77","command":"Set","created":1795424395000,"ended":1795424400000,"id":"0123456789abcdef0123456789abcdef","order":{"args":{"Host":"192.0.2.1","Password":"hunter2"},"command":"Set","kind":"operate"},"reason":"T-1","result":{"faults":[{"code":7021,"meaning":"required parameter failed","path":"","text":"nothing was changed"},{"code":7012,"meaning":"invalid value","path":"Device.LocalAgent.Subscription.1.NotifType","text":"NotifType takes one of ValueChange, Event, not \u001b[31mred"},{"code":7008,"meaning":"invalid path syntax","path":"Device.LocalAgent.Subscription.[ID==5].","text":"ID is a string: compare it with text in double quotes"}],"kind":"refused"},"state":"failed","words":"7021 (required parameter failed): nothing was changed; and so on"}
        --- Ended ---
    "#]],
    );
}

#[test]
fn quotes_that_the_shell_took() {
    check(
        "get os::00256D-77 Device.IP.Interface.[Name==eth0].Status",
        expect![[r#"
        --- stderr ---
        line3: 7008 (invalid path syntax): path "Device.IP.Interface.[Name==eth0].Status", column 28: expected text in double quotes, a number, true, false or a dateTime in UTC
        text in a search stands in double quotes, and the shell takes those away unless the whole path stands in single quotes: 'Device.IP.Interface.[Name=="eth0"].Status'
        --- Usage ---
    "#]],
    );
    check(
        "del os::00256D-77 Device.IP.Interface.[Name==eth0 --reason T-1",
        expect![[r#"
        --- stderr ---
        line3: 7008 (invalid path syntax): path "Device.IP.Interface.[Name==eth0", column 28: expected text in double quotes, a number, true, false or a dateTime in UTC
        text in a search stands in double quotes, and the shell takes those away unless the whole path stands in single quotes: e.g. 'Device.IP.Interface.[Name=="eth0"].Status'
        --- Usage ---
    "#]],
    );
    check(
        "run os::00256D-77 Device.IP.Interface.[Name==eth0].Reset() --reason T-1",
        expect![[r#"
        --- stderr ---
        line3: 7008 (invalid path syntax): path "Device.IP.Interface.[Name==eth0].Reset()", column 28: expected text in double quotes, a number, true, false or a dateTime in UTC
        text in a search stands in double quotes, and the shell takes those away unless the whole path stands in single quotes: 'Device.IP.Interface.[Name=="eth0"].Reset()'
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
    check(
        "ping os::00256D-88 192.0.2.1",
        expect![[r#"
        --- 192.0.2.1 (192.0.2.1) pinged from os::00256D-77 ---
        3 packets transmitted, 2 received, 33.3% packet loss
        rtt min/avg/max = 0.412/1.030/12.702 ms
        --- stderr ---
        sent
        accepted
        http://SERVER is lost (the stream of events ended), trying again; the call goes on
        --- Done ---
    "#]],
    );
}

#[test]
fn a_call_out_of_sight_is_not_over() {
    check(
        "ping os::00256D-99 192.0.2.1",
        expect![[r#"
        --- stderr ---
        sent
        call dddd456789abcdef0123456789abcdef is followed no further; it goes on
          see it:  line3 call dddd456789abcdef0123456789abcdef
          stop it: line3 cancel dddd456789abcdef0123456789abcdef --reason …
        line3: http://SERVER answered something that is not understood (HTTP 502 Bad Gateway); is it a line3 server, of this version?
        --- Unreachable ---
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
