//! What is taken and what is refused, in the words that a person reads.

use super::*;

fn refused(text: &str) -> String {
    Config::parse(text).map(|_| ()).expect_err("it should be refused").to_string()
}

#[test]
fn every_default_makes_a_whole_configuration() {
    let config = Config::parse("").expect("defaults are fine");
    assert_eq!(config.endpoint_id(Some("abc\n")).expect("an id").as_str(), "uuid::abc");
    assert!(config.endpoint_id(None).is_err());
}

#[test]
fn every_field_is_read() {
    let text = r#"
        endpoint-id = "a"
        controller = "self::b"
        user = "p"
        state-dir = "c"
        root = "d"
        reboot = "system"
        report = { interval = 1, retained = 0x02, parameters = ["Device.A.", "Device.B"] }
        [broker]
        host = "e"
        port = 3
        ca = "f"
        certificate = "g"
        key = "h"
        keep-alive = 4
        session-expiry = 5
        [device]
        manufacturer = "i"
        oui = "j"
        model = "k"
        product-class = "l"
        serial-number = "m"
        hardware-version = "n"
        software-version = "o"
    "#;
    let Config { endpoint_id, controller, user, state_dir, root, reboot, broker, report, device } = read::read(text).expect("fine");
    assert_eq!((endpoint_id.as_str(), controller.as_str(), user.as_str(), reboot), ("a", "self::b", "p", RebootMode::System));
    assert_eq!([state_dir, root, broker.ca, broker.certificate, broker.key], ["c", "d", "f", "g", "h"].map(PathBuf::from));
    assert_eq!((broker.host.as_str(), broker.port, broker.keep_alive, broker.session_expiry), ("e", 3, 4, 5));
    assert_eq!((report.interval, report.retained, report.parameters.join(" ").as_str()), (1, 2, "Device.A. Device.B"));
    let Device { manufacturer, oui, model, product_class, serial_number, hardware_version, software_version } = device;
    let told = [manufacturer, oui, model, product_class, serial_number, hardware_version, software_version];
    assert_eq!(told, ["i", "j", "k", "l", "m", "n", "o"]);
}

#[test]
fn the_file_that_packages_install_names_every_field_with_its_true_default() {
    let shipped = include_str!("../../../cross/package/line3-agent.toml");
    let expected = format!("{:?}", Config { user: "line3-agent".to_owned(), ..Config::default() });
    assert_eq!(format!("{:?}", Config::parse(shipped).expect("fine as it is")), expected);
    // A default stands right behind its `#`, a sentence after a space.
    let line = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.is_empty() && (!rest.starts_with(' ') || rest.starts_with("    ")))
            .unwrap_or(line)
            .to_owned()
    };
    let lines: Vec<String> = shipped.lines().map(line).collect();
    assert_eq!(format!("{:?}", Config::parse(&lines.join("\n")).expect("fine with its defaults")), expected);
    let mut section = "";
    let mut named = Vec::new();
    for line in &lines {
        if let Some(name) = line.strip_prefix('[') {
            section = name;
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            named.push(format!("{}{name}", section.replace(']', ".")));
        }
    }
    let mut names: Vec<&str> = read::names().collect();
    names.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, names);
}

#[test]
fn oui_and_serial_number_make_the_id() {
    let config = Config::parse("[device]\noui = \"00256D\"\nserial-number = \"A/1 2\"").expect("fine");
    assert_eq!(config.endpoint_id(None).expect("an id").as_str(), "os::00256D-A%2F1%202");
}

#[test]
fn mistakes_are_named() {
    assert_eq!(
        refused("[report]\nintervall = 3"),
        "line 2: unknown field `report.intervall`; there are report.interval, report.retained, report.parameters"
    );
    assert!(refused("serial = 3").starts_with("line 1: unknown field `serial`; there are endpoint-id, controller, "));
    assert!(refused("[broker]\nhost").contains("line 2, column 5"));
    assert_eq!(refused("[broker]\n\nport = \"1883\""), "line 3: broker.port takes a whole number from 0 to 65535, not a string");
    assert_eq!(refused("broker = { port = 65_536 }"), "line 1: broker.port takes a whole number from 0 to 65535, not 65536");
    assert_eq!(refused("report.retained = -1"), "line 1: report.retained takes a whole number from 0 to 4294967295, not -1");
    assert_eq!(
        refused("[report]\nparameters = [\"Device.\", 3]"),
        "line 2: report.parameters takes a list of texts, not one with an integer"
    );
    assert_eq!(refused("device = \"box\""), "line 1: unknown field `device`; it is a section: [device]");
    assert_eq!(refused("[broker.host]\nname = \"a\""), "line 1: broker.host takes a text, not a table");
    assert!(refused("controller = \"line 3\"").starts_with("line 1: controller takes an endpoint id: "));
    assert_eq!(refused("[report]\ninterval = 0"), "report.interval = 0: it takes 1 to 86400");
    assert!(refused("[broker]\nhost = \"broker.example\"").contains("without TLS"));
    assert_eq!(refused("[broker]\nca = \"ca.pem\""), "broker.certificate is missing; TLS needs ca, certificate and key");
    assert!(refused("[report]\nparameters = [\"Device..\"]").contains("7008"));
    assert!(refused("endpoint-id = \"box 1\"").contains("no endpoint id"));
    assert!(refused("reboot = \"never\"").contains("restart-agent"));
}

#[test]
fn every_way_to_write_a_value_is_read() {
    let head = "\u{feff}user = '''\r\na\\b'''\r\nroot = \"\\u00e9\\t\" # here\r\nstate-dir = \"\"\"\nx\\\n  y\"\"\"\n";
    let rest = r#"
        'report' . interval = +1_0
        report.retained = 0b1_1
        report.parameters = [ # none
            'Device.A.',

            "Device.B" , # last
        ]
        [ 'device' ]
        "oui" = '\'
        [broker]
        port = 0o17
        keep-alive = 0xF
    "#;
    let config = read::read(&[head, rest].concat()).expect("fine");
    assert_eq!((config.user.as_str(), config.device.oui.as_str()), ("a\\b", "\\"));
    assert_eq!([config.root, config.state_dir], ["\u{e9}\t", "xy"].map(PathBuf::from));
    assert_eq!((config.report.interval, config.report.retained, config.broker.port, config.broker.keep_alive), (10, 3, 15, 15));
    assert_eq!(config.report.parameters, ["Device.A.", "Device.B"]);
}

#[test]
fn mistakes_in_the_toml_are_pointed_at() {
    for (text, wrong) in [
        ("[broker]\nhost", "line 2, column 5: key with no value, expected `=`"),
        ("user = 'é' 'a'", "line 1, column 12: unexpected key or value, expected `\\n` or `#`"),
        ("user = \"a", "line 1, column 10: invalid basic string, expected `\"`"),
        ("\nuser = a", "line 2, column 8: string values must be quoted, expected literal string"),
        ("broker.port = 1__0", "line 1, column 16: `_` may only go between digits"),
        ("'''user''' = 'a'", "line 1, column 1: keys cannot be multi-line literal strings, expected basic string or literal string"),
        ("# \u{1}", "line 1, column 3: invalid comment character, expected printable characters"),
        (&format!("user = {}", "[".repeat(100_000)), "line 1, column 16: cannot recurse further; max recursion depth met"),
    ] {
        assert_eq!(refused(text), wrong);
    }
}

#[test]
fn values_that_no_field_takes_are_named() {
    let kinds = [("1.5", "a float"), ("inf", "a float"), ("true", "a boolean"), ("1979-05-27", "a date-time"), ("[]", "an array")];
    for (value, kind) in kinds {
        assert_eq!(refused(&format!("\nuser = {value}")), format!("line 2: user takes a text, not {kind}"));
    }
    for (item, kind) in [("[]", "an array"), ("{ a = 1 }", "a table"), ("false", "a boolean")] {
        let wrong = format!("line 1: report.parameters takes a list of texts, not one with {kind}");
        assert_eq!(refused(&format!("report.parameters = [\"Device.\", {item}]")), wrong);
    }
    assert_eq!(refused("[[report.parameters]]\na = 1"), "line 1: report.parameters takes a list of texts, not one with a table");
    assert_eq!(refused("[[broker]]\nport = 1"), "line 1: unknown field `broker`; it is a section: [broker]");
    assert!(refused("broker = { a = { port = 1 } }").starts_with("line 1: unknown field `broker.a`; there are broker.host, "));
    assert!(refused("[a.b]").starts_with("line 1: unknown field `a`; there are endpoint-id, "));
    assert!(refused("[broker]\nbroker.port = 1").starts_with("line 2: unknown field `broker.broker`; "));
}

#[test]
fn nothing_is_given_twice() {
    for (text, line, key) in [
        ("user = 'a'\n'user' = 'a'", 2, "user"),
        ("[report]\ninterval = 1\ninterval = 1", 3, "report.interval"),
        ("report = { interval = 1, interval = 1 }", 1, "report.interval"),
        ("report.interval = 1\nreport.interval = 1", 2, "report.interval"),
        ("[report]\n[broker]\n[report]", 3, "report"),
        ("report = {}\n[report]", 2, "report"),
        ("report.retained = 1\n[report]", 2, "report"),
        ("report.retained = 1\nreport = {}", 2, "report"),
        ("report = {}\nreport.interval = 1", 2, "report.interval"),
    ] {
        assert_eq!(refused(text), format!("line {line}: duplicate key `{key}`"), "{text}");
    }
    Config::parse("report.interval = 1\nbroker = { port = 1 }\nreport.retained = 1\n[device]\n").expect("each but once");
}

#[test]
fn a_damaged_file_is_read_or_refused_and_never_a_panic() {
    let shipped = include_str!("../../../cross/package/line3-agent.toml").replace("\n#", "\n").replace("\n ", "\n# ");
    let inline = "report = { interval = 0x1, parameters = ['Device.'] }\r\n[device]\noui = \"\"\"a\\\n\\u0041\"\"\"\nmodel = '\u{e9}'";
    let bytes = b"\n\"'.=[]{\\\xff";
    for (text, tried) in [(shipped.as_str(), 1), (inline, bytes.len())] {
        Config::parse(text).expect("fine as it is");
        for index in 0..text.len() {
            let (before, after) = text.as_bytes().split_at(index);
            let _ = Config::parse(&String::from_utf8_lossy(before));
            for byte in bytes.iter().cycle().skip(index).take(tried) {
                let _ = Config::parse(&String::from_utf8_lossy(&[before, &[*byte], &after[1..]].concat()));
            }
        }
    }
}
