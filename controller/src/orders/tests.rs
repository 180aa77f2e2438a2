#![allow(clippy::unwrap_used, clippy::panic)]

mod catalogues;

use expect_test::{Expect, expect};

use super::*;
#[cfg(feature = "demo")]
use catalogues::of_agent;
use catalogues::small;

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn get(path: &str) -> Order {
    Order::Get { paths: vec![path.to_owned()], max_depth: 0 }
}

fn instances(path: &str) -> Order {
    Order::GetInstances { paths: vec![path.to_owned()], first_level_only: false }
}

fn operate(command: &str, args: &[(&str, &str)]) -> Order {
    Order::Operate { command: command.to_owned(), args: values(args) }
}

/// An object and its values; `Name?` is optional.
fn edit(path: &str, new: &[(&str, &str)]) -> Edit {
    let plain = |name: &str| name.trim_end_matches('?').to_owned();
    Edit {
        path: path.to_owned(),
        values: new.iter().map(|(name, value)| (plain(name), (*value).to_owned())).collect(),
        optional: new.iter().filter(|(name, _)| name.ends_with('?')).map(|(name, _)| plain(name)).collect(),
    }
}

fn set(object: &str, new: &[(&str, &str)]) -> Order {
    Order::Set { objects: vec![edit(object, new)], allow_partial: false }
}

fn add(table: &str, new: &[(&str, &str)]) -> Order {
    Order::Add { objects: vec![edit(table, new)], allow_partial: false }
}

fn delete(path: &str) -> Order {
    Order::Delete { paths: vec![path.to_owned()], allow_partial: false }
}

/// What is said to each order: a refusal, or what would be sent and what it counts as.
fn said(orders: Vec<Order>, catalogue: Option<&Catalogue>) -> String {
    let one = |order: Order| match check(order, catalogue) {
        Ok(Checked { order, effect, limit }) => {
            format!(
                "ok: {} [{}{}]\n",
                order.words(),
                effect.map_or("look".to_owned(), |e| e.to_string()),
                limit.map_or(String::new(), |l| format!(", {l:?}"))
            )
        }
        Err(BadOrder(text)) => format!("{text}\n"),
    };
    orders.into_iter().map(one).collect()
}

#[track_caller]
fn on_small(orders: Vec<Order>, expected: &Expect) {
    expected.assert_eq(&said(orders, Some(&small())));
}

#[test]
fn commands() {
    let host = [("Host", "a")];
    on_small(
        vec![
            operate("Device.IP.Diagnostics.IPPing()", &host),
            operate("IPPing()", &host),
            operate("IPPing", &host),
            operate("Device.IP.Interface.3.Renew()", &[]),
            operate("Device.IP.Interface.[Status==\"a.b\"].Renew()", &[]),
            operate("Device.X_ACME_Wipe()", &[]),
            operate("Device.IP.Interface.{i}.Renew()", &[]),
            operate("Renew", &[]),
            operate("Reset()", &[]),
            operate("IPPnig", &host),
            operate("Ping", &host),
            operate("Device.IP.Diagnostic.IPPing()", &host),
            operate("Device.IP.Diagnostics.IPPing", &host),
            operate("Device.IP.Interface.1.", &[]),
            operate("Device.Frobnicate()", &[]),
            operate("Device..Reboot()", &[]),
            operate("", &[]),
        ],
        &expect![[r#"
            ok: Device.IP.Diagnostics.IPPing() Host=a [Read, 20s]
            ok: Device.IP.Diagnostics.IPPing() Host=a [Read, 20s]
            ok: Device.IP.Diagnostics.IPPing() Host=a [Read, 20s]
            ok: Device.IP.Interface.3.Renew() [Disrupt, 20s]
            ok: Device.IP.Interface.[Status=="a.b"].Renew() [Disrupt, 20s]
            ok: Device.X_ACME_Wipe() [Destroy, 20s]
            Device.IP.Interface.{i}.Renew(): {i} stands for no row; give its number, or * for every row
            Renew is Device.IP.Interface.{i}.Renew(): it belongs to a row, so give the whole path with the row's number for {i}
            Reset names 2 commands, Device.DNS.Reset(), Device.IP.Reset() among them; give the whole path
            IPPnig is no command of this box's firmware; did you mean Device.IP.Diagnostics.IPPing()?
            Ping is no command of this box's firmware; did you mean Device.IP.Diagnostics.IPPing()?
            Device.IP.Diagnostic.IPPing() is no command of this box's firmware; did you mean Device.IP.Diagnostics.IPPing()?
            Device.IP.Diagnostics.IPPing is no command: its path ends in ()
            Device.IP.Interface.1. is no command: its path ends in ()
            Device.Frobnicate() is no command of this box's firmware; its catalogue lists what it has
            path "Device..Reboot()", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
            no command is given
        "#]],
    );
}

#[test]
fn arguments_of_commands() {
    let ping = |args: &[(&str, &str)]| {
        let mut all = vec![("Host", "a")];
        all.extend(args);
        operate("IPPing", &all)
    };
    on_small(
        vec![
            ping(&[("Timeout", "10000"), ("ProtocolVersion", "IPv4"), ("Interface", ""), ("Hop.1.Host", "b")]),
            operate("IPPing", &[]),
            operate("IPPing", &[("Host", "123456789")]),
            ping(&[("Timeuot", "1")]),
            ping(&[("Colour", "red")]),
            operate("Reboot", &[("Host", "a")]),
            ping(&[("Timeout", "10001")]),
            ping(&[("Timeout", "soon")]),
            ping(&[("Timeout", "-1")]),
            ping(&[("Interface", "4294967296")]),
            ping(&[("ProtocolVersion", "ipv4")]),
            ping(&[("X_LINE3_CallId", "1")]),
            ping(&[("x_line3_grant", "1")]),
        ],
        &expect![[r#"
            ok: Device.IP.Diagnostics.IPPing() Hop.1.Host=b Host=a Interface= ProtocolVersion=IPv4 Timeout=10000 [Read, 20s]
            Device.IP.Diagnostics.IPPing() needs Host (text of at most 8 bytes): Whom to ping.
            Host takes text of at most 8 bytes, not 9 bytes
            Device.IP.Diagnostics.IPPing() has no argument Timeuot; did you mean Timeout?
            Device.IP.Diagnostics.IPPing() has no argument Colour; it has Host, Timeout, ProtocolVersion, Interface, Hop.{i}.Host
            Device.Reboot() has no argument Host; it has none
            Timeout takes 1 to 10000 milliseconds, not "10001"
            Timeout takes 1 to 10000 milliseconds, not "soon"
            Timeout takes 1 to 10000 milliseconds, not "-1"
            Interface takes a whole number from 0 to 4294967295, not "4294967296"
            ProtocolVersion takes one of Any, IPv4, not "ipv4"
            X_LINE3_CallId is an argument that Line3 itself writes; leave it out
            x_line3_grant is an argument that Line3 itself writes; leave it out
        "#]],
    );
}

#[test]
fn looking() {
    on_small(
        vec![
            get("Device."),
            get("Device.IP."),
            get("Device.IP.Interface.*.Status"),
            get("Device.IP.Interface.[Enable==true&&Status==\"a.b\"].Stats.BytesSent"),
            get("Device.IP.Interface.1.LowerLayers#1+.Status"),
            get("Device.IP.Interface.1.Sttaus"),
            get("Device.IP.Interface"),
            get("Device.DeviceInfo.SerialNo"),
            get("Device.Moon."),
            get("Device.IP.Interface.{i}.Status"),
            get("Device.Reboot()"),
            get("Device.Boot!"),
            get("Device.IP Interface."),
            get(""),
            instances("Device.IP.Interface."),
            instances("Device.IP.Interface.1.Status"),
            instances("Device.IP.Intrface."),
            Order::GetSupported { paths: vec!["Device.Anything.{i}.".into()] },
            Order::GetSupported { paths: vec!["Device.Anything".into()] },
        ],
        &expect![[r#"
            ok: Get Device. [look]
            ok: Get Device.IP. [look]
            ok: Get Device.IP.Interface.*.Status [look]
            ok: Get Device.IP.Interface.[Enable==true&&Status=="a.b"].Stats.BytesSent [look]
            ok: Get Device.IP.Interface.1.LowerLayers#1+.Status [look]
            Device.IP.Interface.1.Sttaus is not in the data model of this box's firmware; did you mean Device.IP.Interface.{i}.Status or Device.IP.Interface.{i}.Stats.?
            Device.IP.Interface is not in the data model of this box's firmware; did you mean Device.IP.Interface.{i}.?
            Device.DeviceInfo.SerialNo is not in the data model of this box's firmware; its catalogue lists what it has
            Device.Moon. is not in the data model of this box's firmware; its catalogue lists what it has
            Device.IP.Interface.{i}.Status: {i} stands for no row; give its number, or * for every row
            Device.Reboot() is a command: it has no value, it is run by Operate
            Device.Boot! is an event: it has no value, it comes by itself
            path "Device.IP Interface.", column 10: expected '.'
            path "", column 1: expected a name (a letter or _, then letters, digits, _ and -)
            ok: GetInstances Device.IP.Interface. [look]
            Device.IP.Interface.1.Status is no object: its path ends in a dot
            Device.IP.Intrface. is not in the data model of this box's firmware; did you mean Device.IP.Interface.{i}.?
            ok: GetSupportedDM Device.Anything.{i}. [look]
            ok: GetSupportedDM Device.Anything [look]
        "#]],
    );
}

#[test]
fn changing() {
    on_small(
        vec![
            set("Device.IP.Interface.1.", &[("Enable", "0")]),
            set("Device.IP.Interface.*.", &[("Enable", "true")]),
            set("Device.IP.Interface.1.", &[]),
            set("Device.IP.Interface.1.", &[("Status", "Up")]),
            set("Device.IP.Interface.1.", &[("Enabel", "true")]),
            set("Device.IP.Interface.1.", &[("Enable", "maybe")]),
            set("Device.IP.Interface.1.Enable", &[("Enable", "true")]),
            set("Device.IP.Interface.{i}.", &[("Enable", "true")]),
            set("Device.IP.Interfaces.1.", &[("Enable", "true")]),
            add("Device.Time.Server.", &[("Name", "a"), ("Ports", "1,99")]),
            add("Device.Time.Server.", &[("Ports", "1,100")]),
            add("Device.Time.Server.", &[("Ports", "")]),
            add("Device.Time.Server.", &[("Alive", "true")]),
            add("Device.Time.Server.", &[("SharedSecret", "hunter2")]),
            add("Device.Time.Server.1.", &[]),
            add("Device.Time.Servers.", &[]),
            add("Device.IP.Interface.", &[]),
            set("Device.IP.Interface.1.", &[("Enable?", "0")]),
            set("Device.IP.Interface.1.", &[("Stats.Reset?", "0")]),
            set("Device.IP.Interface.1.", &[("Stats.BytesSent", "0")]),
            add("Device.Time.Server.", &[("SharedSecret?", "00ff")]),
            Order::Set {
                objects: vec![edit("Device.IP.Interface.1.", &[("Enable", "0")]), edit("Device.IP.Interface.2.", &[("Enabel", "0")])],
                allow_partial: true,
            },
            Order::Set {
                objects: vec![edit("Device.IP.Interface.1.", &[("Enable", "0")]), edit("Device.IP.Interface.2.", &[("Enable", "1")])],
                allow_partial: true,
            },
            Order::Set {
                objects: vec![Edit { optional: ["Enabel".to_owned()].into(), ..edit("Device.IP.Interface.1.", &[("Enable", "0")]) }],
                allow_partial: false,
            },
            Order::Delete { paths: vec!["Device.Time.Server.1.".into(), "Device.Time.Server.2.".into()], allow_partial: true },
            delete("Device.Time.Server.1."),
            delete("Device.Time.Server.*."),
            delete("Device.Time.Server."),
            delete("Device.Time.Server.1.Name"),
            delete("Device.IP.Interface.1."),
            delete("Device.Tim.Server.1."),
        ],
        &expect![[r#"
            ok: Set Device.IP.Interface.1. Enable=0 [Disrupt]
            ok: Set Device.IP.Interface.*. Enable=true [Disrupt]
            nothing is to be set in Device.IP.Interface.1.: give at least one value
            Status of Device.IP.Interface.{i}. is read-only
            Device.IP.Interface.{i}. has no parameter Enabel; did you mean Enable?
            Enable takes true or false, not "maybe"
            Device.IP.Interface.1.Enable is no object: its path ends in a dot
            Device.IP.Interface.{i}.: {i} stands for no row; give its number, or * for every row
            Device.IP.Interfaces.1. is no object of this box's firmware; did you mean Device.IP.Interface.{i}.?
            ok: Add Device.Time.Server. Name=a Ports=1,99 [Disrupt]
            Ports takes at most 99, or several of them with commas between, not "100"
            ok: Add Device.Time.Server. Ports= [Disrupt]
            Alive of Device.Time.Server.{i}. is read-only
            SharedSecret takes hexadecimal digits, two for each byte, not what was given
            Device.Time.Server.1. is no table of this box's firmware; did you mean Device.Time.Server.?
            Device.Time.Servers. is no table of this box's firmware; did you mean Device.Time.Server.?
            Device.IP.Interface. takes no rows from outside: the box makes them itself
            ok: Set Device.IP.Interface.1. Enable?=0 [Disrupt]
            Device.IP.Interface.{i}.Stats. has no parameter Reset; it has BytesSent
            BytesSent of Device.IP.Interface.{i}.Stats. is read-only
            ok: Add Device.Time.Server. SharedSecret?=*** [Disrupt]
            Device.IP.Interface.{i}. has no parameter Enabel; did you mean Enable?
            ok: Set Device.IP.Interface.1. Enable=0; Device.IP.Interface.2. Enable=1 (in part if need be) [Disrupt]
            Enabel is optional in Device.IP.Interface.1. and has no value there: give it one
            ok: Delete Device.Time.Server.1. Device.Time.Server.2. (in part if need be) [Disrupt]
            ok: Delete Device.Time.Server.1. [Disrupt]
            ok: Delete Device.Time.Server.*. [Disrupt]
            Device.Time.Server. is no row: its path ends in its number and a dot
            Device.Time.Server.1.Name is no object: its path ends in a dot
            Device.IP.Interface.1. cannot be removed from outside: the box makes these rows itself
            Device.Tim.Server.1. is no row of this box's firmware; did you mean Device.Time.Server.{i}.?
        "#]],
    );
}

#[test]
fn bounds() {
    let paths = |n: usize| Order::Get { paths: vec!["Device.".to_owned(); n], max_depth: 0 };
    let args =
        |n: usize| Order::Operate { command: "Device.X()".to_owned(), args: (0..n).map(|i| (format!("a{i}"), String::new())).collect() };
    let bytes = |n: usize| set("Device.X.", &[("a", &"x".repeat(n - 1))]);
    let verdict = |order: Order| match check(order, None) {
        Ok(_) => "ok\n".to_owned(),
        Err(BadOrder(text)) => format!("{text}\n"),
    };
    let all =
        [paths(MAX_PATHS), args(MAX_ARGS), bytes(MAX_VALUES), paths(0), paths(MAX_PATHS + 1), args(MAX_ARGS + 1), bytes(MAX_VALUES + 1)];
    expect![[r#"
        ok
        ok
        ok
        no path is given: give at least one, e.g. Device.DeviceInfo.
        65 paths in one order; at most 64 are taken: split it
        65 arguments or values in one order; at most 64 are taken: split it
        the values of one order have 65537 bytes; at most 65536 are taken
    "#]]
    .assert_eq(&all.into_iter().map(verdict).collect::<String>());
}

#[test]
fn a_box_that_was_never_met() {
    let orders = vec![
        operate("Device.Whatever()", &[("Any", "thing")]),
        operate("IPPing", &[]),
        operate("Device.IP.", &[]),
        operate("Device.Whatever()", &[("X_LINE3_Actor", "me")]),
        get("Device.Whatever"),
        get("Device Whatever"),
        set("Device.X.", &[("Any", "thing")]),
        add("Device.X.", &[]),
        delete("Device.X.1."),
        delete("Device.X."),
    ];
    expect![[r#"
        ok: Device.Whatever() Any=thing [Destroy]
        path "IPPing", column 7: expected a '.' (the path of an object ends in one); the box was never met, so the whole path is needed
        Device.IP. is no command: its path ends in ()
        X_LINE3_Actor is an argument that Line3 itself writes; leave it out
        ok: Get Device.Whatever [look]
        path "Device Whatever", column 7: expected '.'
        ok: Set Device.X. Any=thing [Disrupt]
        ok: Add Device.X. [Disrupt]
        ok: Delete Device.X.1. [Disrupt]
        Device.X. is no row: its path ends in its number and a dot
    "#]]
    .assert_eq(&said(orders, None));
}

#[test]
fn what_is_repeated_is_safe_and_short() {
    let escape = get(&format!("Device.\u{1b}[31m\u{202e}{}", "x".repeat(400)));
    let mut hostile = small();
    hostile.commands[2].path = format!("Device.\u{1b}]0;pwned\u{7}{}.Reboot()", "y".repeat(5000));
    for (order, catalogue) in [(escape, small()), (operate("Device.Rebot()", &[]), hostile)] {
        let BadOrder(text) = check(order, Some(&catalogue)).unwrap_err();
        assert!(text.len() <= MAX_WORDS && !text.chars().any(crate::report::is_unsafe), "{text:?}");
    }
}

#[cfg(feature = "demo")]
#[test]
fn the_catalogue_of_an_agent() {
    let orders = vec![
        operate("IPPing", &[("Host", "192.0.2.1"), ("DSCP", "63")]),
        operate("IPPing", &[("Host", "192.0.2.1"), ("DSCP", "64")]),
        operate("IPPing", &[]),
        operate("NSLookup", &[("HostName", "a")]),
        operate("Reboot()", &[]),
        get("Device.DeviceInfo.UpTime"),
        get("Device.DeviceInfo.Uptimes"),
        get("Device.IP.Interface.*.Stats."),
    ];
    expect![[r#"
        ok: Device.IP.Diagnostics.IPPing() DSCP=63 Host=192.0.2.1 [Read, 1060s]
        DSCP takes 0 to 63, not "64"
        Device.IP.Diagnostics.IPPing() needs Host (text of at most 256 bytes): Host name or address.
        NSLookup is no command of this box's firmware; did you mean Device.DNS.Diagnostics.NSLookupDiagnostics()?
        ok: Device.Reboot() [Disrupt, 10s]
        ok: Get Device.DeviceInfo.UpTime [look]
        Device.DeviceInfo.Uptimes is not in the data model of this box's firmware; did you mean Device.DeviceInfo.UpTime or Device.LocalAgent.UpTime?
        ok: Get Device.IP.Interface.*.Stats. [look]
    "#]].assert_eq(&said(orders, Some(&of_agent())));
}

#[test]
fn the_same_is_said_whatever_the_order_of_the_catalogue() {
    let mut turned = small();
    turned.objects.reverse();
    turned.commands.reverse();
    for order in [get("Device.IP.Interface.1.Sttaus"), operate("Device.IP.Rest()", &[])] {
        assert_eq!(check(order.clone(), Some(&small())), check(order, Some(&turned)));
    }
}
