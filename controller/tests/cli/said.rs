//! What the scripted server says.

use serde_json::{Value, json};

/// When it all happens: 2026-11-23T09:00:00Z.
pub(crate) const NOW: i64 = 1_795_424_400_000;
/// A call's id.
pub(crate) const CALL: &str = "0123456789abcdef0123456789abcdef";

/// A call whose stream of events breaks off.
pub(crate) const BROKEN: &str = "eeee456789abcdef0123456789abcdef";

/// A call that the server cannot tell of.
pub(crate) const LOST: &str = "dddd456789abcdef0123456789abcdef";

pub(crate) fn broken(mut view: Value) -> Value {
    view["id"] = BROKEN.into();
    view
}

fn a_box(id: &str, model: &str, firmware: &str, city: &str) -> Value {
    json!({
        "id": id, "simulated": id.starts_with("proto::sim-"), "online": true, "ready": true,
        "firstSeen": NOW - 3 * 86_400_000, "lastSeen": NOW - 4_000, "labels": { "city": city },
        "identity": { "Manufacturer": "ACME", "ModelName": model, "SoftwareVersion": firmware, "SerialNumber": id.rsplit('-').next() },
        "catalogue": "c0ffee", "runId": "run-1", "bootId": "boot-1", "reported": NOW - 12_000,
    })
}

pub(crate) fn real() -> Value {
    let mut view = a_box("os::00256D-77", "TV-4K", "2.1.0", "Lyon");
    view["health"] = json!({
        "Device.DeviceInfo.UpTime": 86_461, "Device.IP.Interface.10.Stats.BytesReceived": 5, "Device.IP.Interface.2.Stats.BytesReceived": 1_234_567,
        "Device.X_LINE3_Thermal.Temperature": 51.25,
    });
    view
}

pub(crate) fn offline() -> Value {
    let mut view = a_box("os::00256D-88", "TV-HD", "1.9.7", "Nantes");
    (view["online"], view["ready"], view["reported"], view["lastSeen"]) =
        (false.into(), false.into(), Value::Null, (NOW - 3 * 3_600_000).into());
    view
}

/// A box that would like to own the terminal: escape sequences, a C1 control, a right-to-left override.
pub(crate) fn hostile() -> Value {
    a_box("os::00256D-66", "\u{1b}[2J\u{1b}[1;1Hpwned", "1\r\n0 real", "\u{9b}31m\u{202e}noyL")
}

pub(crate) fn simulated() -> Value {
    let mut view = a_box("proto::sim-0001", "Sim", "3.0", "Paris");
    view["ready"] = false.into();
    view
}

pub(crate) fn catalogue() -> Value {
    json!({
        "objects": [
            { "path": "Device.DeviceInfo.", "doc": "The box itself.", "parameters": [
                { "name": "UpTime", "doc": "Since it booted.", "type": "unsignedInt", "unit": "seconds" },
            ] },
            { "path": "Device.IP.Interface.{i}.Stats.", "doc": "What went through.", "parameters": [
                { "name": "BytesReceived", "doc": "All that came.", "type": "unsignedLong", "unit": "bytes", "ticks": true },
            ] },
            { "path": "Device.LocalAgent.Subscription.{i}.", "doc": "Who is told of what.", "creatable": true, "uniqueKeys": [["Alias"], ["Recipient", "ID"]],
              "parameters": [
                { "name": "Alias", "type": "string", "max": 64, "writable": true, "once": true },
                { "name": "NotifType", "doc": "Of what.", "type": "string", "values": ["ValueChange", "Event"], "writable": true },
            ] },
            { "path": "Device.X_LINE3_Thermal.", "doc": "Heat.", "parameters": [
                { "name": "Temperature", "doc": "Inside.", "type": "decimal", "unit": "degrees celsius", "min": -40, "max": 150 },
            ] },
        ],
        "commands": [
            { "path": "Device.IP.Diagnostics.IPPing()", "doc": "Sends ICMP echoes.", "effect": "Read", "asynchronous": true, "limit": 60,
              "input": [
                { "name": "Host", "doc": "Whom.", "type": "string", "max": 256, "mandatory": true },
                { "name": "NumberOfRepetitions", "doc": "How many.", "type": "unsignedInt", "min": 1, "max": 100, "default": "3" },
              ],
              "output": [
                { "name": "Status", "doc": "How it ended.", "type": "string", "values": ["Complete", "Error_NoRouteToHost"] },
                { "name": "SuccessCount", "type": "unsignedInt" },
                { "name": "AverageResponseTime", "doc": "The mean.", "type": "unsignedInt", "unit": "milliseconds" },
                { "name": "AverageResponseTimeDetailed", "doc": "The mean.", "type": "unsignedInt", "unit": "microseconds" },
                { "name": "Hop.{i}.Host", "doc": "Who.", "type": "string" },
                { "name": "Hop.{i}.Time", "doc": "How long.", "type": "unsignedInt", "unit": "microseconds" },
              ] },
            { "path": "Device.Reboot()", "effect": "Disrupt", "asynchronous": true },
        ],
        "events": [{ "path": "Device.Boot!", "doc": "It booted.", "arguments": [{ "name": "Cause", "type": "string" }] }],
    })
}

pub(crate) fn call(command: &str, state: &str, words: &str) -> Value {
    json!({
        "id": CALL, "box": "os::00256D-77", "command": command,
        "order": { "kind": "operate", "command": command, "args": { "Host": "192.0.2.1", "Password": "hunter2" } },
        "actor": "anna", "reason": "T-1", "state": state, "created": NOW - 5_000, "ended": null, "result": null, "words": words,
    })
}

fn ended(command: &str, result: Value) -> Value {
    let mut view = call(command, "succeeded", "");
    (view["ended"], view["result"]) = ((NOW - 3_750).into(), result);
    view
}

pub(crate) fn pinged() -> Value {
    let outputs = json!({
        "Status": "Complete", "IPAddressUsed": "192.0.2.1", "SuccessCount": "2", "FailureCount": "1",
        "MinimumResponseTime": "0", "AverageResponseTime": "1", "MaximumResponseTime": "12",
        "MinimumResponseTimeDetailed": "412", "AverageResponseTimeDetailed": "1030", "MaximumResponseTimeDetailed": "12702",
        "Hop.10.Host": "far", "Hop.2.Host": "near", "Hop.2.Time": "300", "Unknown": "\u{1b}[31mred",
    });
    ended("Device.IP.Diagnostics.IPPing()", json!({ "kind": "outputs", "outputs": { "Device.IP.Diagnostics.IPPing()": outputs } }))
}

pub(crate) fn failed() -> Value {
    let mut view = call("Device.Reboot()", "timed_out", "it did not come back");
    (view["id"], view["ended"]) = ("ffff456789abcdef0123456789abcdef".into(), (NOW - 1_000).into());
    view
}

fn wrong(path: &str, code: u32, meaning: &str, text: &str) -> Value {
    json!({ "path": path, "code": code, "meaning": meaning, "text": text })
}

/// One row was changed without an optional parameter, one was not.
fn set_in_part() -> Value {
    let mut view = ended(
        "Set",
        json!({ "kind": "changed", "changes": [
            { "requested": "Device.LocalAgent.Subscription.1.",
              "done": [{ "path": "Device.LocalAgent.Subscription.1.", "values": { "Enable": "true", "ReferenceList": "Device.IP.Interface.*.Status" } }],
              "faults": [wrong("Device.LocalAgent.Subscription.1.TimeToLive", 7012, "invalid value", "TimeToLive takes 0 to 4294967295, not -1")] },
            { "requested": "Device.LocalAgent.Subscription.9.",
              "faults": [wrong("Device.LocalAgent.Subscription.9.", 7016, "object does not exist", "there is no row 9 in Device.LocalAgent.Subscription.")] },
        ] }),
    );
    view["words"] = "not all of it: 7012 (invalid value): TimeToLive takes 0 to 4294967295, not -1 (and 1 more)".into();
    view
}

/// The box refused the whole.
fn set_refused() -> Value {
    let mut view = call("Set", "failed", "7021 (required parameter failed): nothing was changed; and so on");
    view["ended"] = NOW.into();
    view["result"] = json!({ "kind": "refused", "faults": [
        wrong("", 7021, "required parameter failed", "nothing was changed"),
        wrong("Device.LocalAgent.Subscription.1.NotifType", 7012, "invalid value", "NotifType takes one of ValueChange, Event, not \u{1b}[31mred"),
        wrong("Device.LocalAgent.Subscription.[ID==5].", 7008, "invalid path syntax", "ID is a string: compare it with text in double quotes"),
    ] });
    view
}

/// What becomes of a request for a call.
pub(crate) fn made(request: &Value) -> (u16, String) {
    let trouble = |status: u16, error: &str, message: &str| (status, json!({ "error": error, "message": message }).to_string());
    if request["box"] == "os::00256D-7" {
        return trouble(404, "no-such-box", "there is no box os::00256D-7");
    }
    let order = &request["order"];
    if request["box"] == "os::00256D-88" {
        return (202, broken(call("Device.IP.Diagnostics.IPPing()", "sent", "")).to_string());
    }
    if request["box"] == "os::00256D-99" {
        let mut view = call("Device.IP.Diagnostics.IPPing()", "sent", "");
        view["id"] = LOST.into();
        return (202, view.to_string());
    }
    let view = match order["kind"].as_str() {
        Some("get") => ended(
            "Get",
            json!({ "kind": "values",
                "values": { "Device.IP.Interface.10.Stats.BytesReceived": "5", "Device.IP.Interface.2.Stats.BytesReceived": "1234567",
                            "Device.DeviceInfo.FriendlyName": "\u{1b}]0;owned\u{7}Salon" },
                "faults": [wrong("Device.X_LINE3_Thermal.Temperature", 7800, "vendor error", "no sensor")] }),
        ),
        Some("getInstances") => ended(
            "GetInstances",
            json!({ "kind": "instances", "instances": { "Device.IP.Interface.10.": { "Name": "wlan0" }, "Device.IP.Interface.2.": { "Name": "eth0" } } }),
        ),
        Some("set") if order["allowPartial"] == true => set_in_part(),
        Some("set") if request["reason"] == "T-9" => set_refused(),
        Some("set") => ended(
            "Set",
            json!({ "kind": "changed", "changes": [{ "requested": "Device.LocalAgent.Subscription.1.",
                "done": [{ "path": "Device.LocalAgent.Subscription.1.", "values": { "Enable": "true" } }] }] }),
        ),
        Some("add") => ended(
            "Add",
            json!({ "kind": "changed", "changes": [{ "requested": "Device.LocalAgent.Subscription.",
                "done": [{ "path": "Device.LocalAgent.Subscription.4.", "values": { "Alias": "a", "ID": "x" } }] }] }),
        ),
        Some("delete") if request["reason"] == "T-9" => {
            ended("Delete", json!({ "kind": "changed", "changes": [{ "requested": "Device.LocalAgent.Subscription.[ID==\"gone\"]." }] }))
        }
        Some("delete") => return trouble(403, "denied", "repair may not do this: Disrupt takes the role lead or above"),
        _ if order["command"] == "Device.Reboot()" => {
            let mut view = call("Device.Reboot()", "refused", "7006 (permission denied): not now");
            view["ended"] = NOW.into();
            view
        }
        _ => call("Device.IP.Diagnostics.IPPing()", "sent", ""),
    };
    (202, view.to_string())
}

pub(crate) fn moved(state: &str, words: &str) -> Value {
    json!({ "event": "call", "call": call("Device.IP.Diagnostics.IPPing()", state, words) })
}

pub(crate) fn report() -> Value {
    json!({ "event": "report", "box": "os::00256D-77", "received": NOW, "runId": "run-1", "sequence": 7,
            "values": { "Device.DeviceInfo.UpTime": 86_461, "Device.LocalAgent.X_LINE3_RunID": "run-1", "Device.X.Name": "\u{1b}[31m" } })
}

/// A stream of these events; it ends after them.
pub(crate) fn events(events: &[Value]) -> String {
    events.iter().fold(": hello\n\n".to_owned(), |stream, event| format!("{stream}event: x\ndata: {event}\n\n"))
}

/// Nothing for a path that is not reported; a counter for bytes; else a temperature, with a hole.
pub(crate) fn series(query: &str) -> Value {
    let point = |index: i64, value: Value| json!({ "at": NOW - 3_600_000 + index * 60_000, "value": value });
    let (path, unit, points) = if query.contains("BytesReceived") {
        let points = (0..60).map(|index| point(index, (1_000_000 + index * index * 60_000).into()));
        ("Device.IP.Interface.2.Stats.BytesReceived", "bytes", points.collect::<Vec<_>>())
    } else if query.contains("Temperature") {
        let points = (0..60)
            .filter(|index| !(20..30).contains(index))
            .map(|index| point(index, json!(40.0 + f64::from(i32::try_from(index % 15).unwrap()) / 2.0)));
        ("Device.X_LINE3_Thermal.Temperature", "degrees celsius", points.collect())
    } else {
        ("Device.Nothing", "", Vec::new())
    };
    let gaps = if unit == "degrees celsius" {
        json!([{ "run": "run-1", "from": 20, "to": 29 }, { "run": "run-1", "from": 40, "to": 40 }])
    } else {
        json!([])
    };
    json!({ "box": "os::00256D-77", "path": path, "unit": unit, "points": points, "gaps": gaps })
}

pub(crate) fn audit() -> Value {
    let row = |n: u64, entry: Value| json!({ "n": n, "hash": "ab", "entry": entry });
    json!([
        row(
            6,
            json!({ "at": NOW - 5_000, "kind": "admitted", "call": CALL, "actor": "anna", "role": "repair", "reason": "T-1", "effect": "Read",
                       "scope": { "box": "os::00256D-77" }, "words": "Device.IP.Diagnostics.IPPing() Host=192.0.2.1" })
        ),
        row(7, json!({ "at": NOW - 3_750, "kind": "outcome", "call": CALL, "state": "succeeded", "words": "" })),
        row(8, json!({ "at": NOW, "kind": "of-a-newer-line3" })),
    ])
}
