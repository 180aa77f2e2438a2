//! Paths: what is read, what is refused and how it is told, and what a path says of itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use expect_test::expect;
use line3_proto::fault::code::INVALID_PATH_SYNTAX;
use line3_proto::path::{Condition, Item, Literal, MAX_CONDITIONS, MAX_LEN, MAX_SEGMENTS, Number, Op, Path, Segment, Target};
use line3_proto::{Fault, Wall};
use proptest::prelude::*;

fn read(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|fault| panic!("{fault}"))
}

fn refused(text: &str) -> Fault {
    let fault = Path::parse(text).expect_err(text);
    assert_eq!(fault.code, INVALID_PATH_SYNTAX);
    fault
}

#[test]
fn a_path_is_read_and_spelled_the_same() {
    for text in [
        "Device.",
        "Device.DeviceInfo.",
        "Device.DeviceInfo.UpTime",
        "Device.IP.Interface.3.Status",
        "Device.IP.Interface.4294967295.",
        "Device.IP.Interface.*.IPv4Address.*.IPAddress",
        "Device.IP.Interface.{i}.IPv4Address.{i}.",
        "Device.IP.Interface.[Name==\"eth0\"].Reset()",
        "Device.NAT.PortMapping.[RemoteHost==\"\"&&ExternalPort==0&&Protocol==\"TCP\"].",
        "Device.IP.Interface.[Type!=\"Normal\"&&Stats.ErrorsSent>0&&Enable==true].IPv4Address.[AddressingType==\"Static\"].IPAddress",
        "Device.WiFi.AccessPoint.[SSIDReference+.SSID==\"MyHome\"].AssociatedDevice.[OperatingStandard~=\"ac\"].SignalStrength",
        "Device.WiFi.SSID.1.LowerLayers#1+.Name",
        "Device.WiFi.SSID.1.LowerLayers#*+.",
        "Device.NAT.PortMapping.1.Interface+.Name",
        "Device.LocalAgent.Boot!",
        "Device.X_EXAMPLE-COM_Thing.1._x",
        "Device.T.[A<=-1.5&&B>=2024-02-29T12:34:56.789Z&&C<9&&D==\"100%25 %22x%22 &&] .\"].",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
}

#[test]
fn whitespace_and_loose_numbers_get_the_canonical_spelling() {
    for (text, canonical) in [
        ("Device.T.[ A == \"x y\"\t&& B<3 ].", "Device.T.[A==\"x y\"&&B<3]."),
        ("Device.T.[A==007.50]", "Device.T.[A==7.5]."),
        ("Device.T.[T==2024-01-01T00:00:00.5]", "Device.T.[T==2024-01-01T00:00:00.500Z]."),
        ("Device.T.[S==\"%41\"]", "Device.T.[S==\"A\"]."),
    ] {
        let text = if text.ends_with('.') { text.to_owned() } else { format!("{text}.") };
        assert_eq!(read(&text).to_string(), canonical);
    }
}

#[test]
fn parts_are_what_they_are_spelled_as() {
    let path = read("Device.A.7.[B.C+.D~=\"x\"].".replace(".[", ".E.[").as_str());
    assert_eq!(path.target, Target::Object);
    assert_eq!(path.segments[2], Segment::Instance(7));
    let left = vec![Segment::Name("B".into()), Segment::Follow { name: "C".into(), item: Item::Only }, Segment::Name("D".into())];
    let condition = Condition { left, op: Op::Contains, value: Literal::Text("x".into()) };
    assert_eq!(condition.left_path(), "B.C+.D");
    assert_eq!(path.segments[4], Segment::Search(vec![condition]));
    assert_eq!(read("Device.A.R#12+.Go()").segments[2], Segment::Follow { name: "R".into(), item: Item::At(12) });
    assert_eq!(read("Device.A.Go()").target, Target::Command("Go".into()));
    assert_eq!(read("Device.A.Boot!").target, Target::Event("Boot".into()));
    assert_eq!(read("Device.A.Status").target, Target::Parameter("Status".into()));
}

#[test]
fn what_is_no_path_is_refused_with_column_and_expectation() {
    let told = |texts: &[&str]| texts.iter().map(|text| refused(text).text + "\n").collect::<String>();
    expect![[r#"
        path "", column 1: expected a name (a letter or _, then letters, digits, _ and -)
        path "Device", column 7: expected a '.' (the path of an object ends in one)
        path ".Device.", column 1: expected a name (a letter or _, then letters, digits, _ and -)
        path "Device..X", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
        path "Device.IP.Interface.1", column 22: expected a '.' (the path of an object ends in one)
        path "Device.IP.Interface.0.", column 21: expected a number from 1 to 4294967295 without leading zeros
        path "Device.IP.Interface.01.", column 21: expected a number from 1 to 4294967295 without leading zeros
        path "Device.IP.Interface.4294967296.", column 21: expected a number from 1 to 4294967295 without leading zeros
        path "Device.A.1.2.", column 12: expected a name (a letter or _, then letters, digits, _ and -)
        path "Device.A.{x}.", column 10: expected '{i}'
        path "Device.A.Go().X", column 14: expected nothing after a command
        path "Device.A.Go(x)", column 12: expected '()'
        path "Device.A.Boot!.", column 15: expected nothing after an event
        path "Device.A B.", column 9: expected '.'
        path "Device.é\u{1b}.", column 8: expected a name, an instance number, *, {i}, a search in [] or the end of the path
        path "Device.Ref#0+.", column 12: expected a number from 1 to 4294967295 without leading zeros
        path "Device.Ref#1.", column 13: expected '+'
        path "Device.Ref+", column 12: expected a '.' (the path of an object ends in one)
    "#]]
    .assert_eq(&told(&[
        "",
        "Device",
        ".Device.",
        "Device..X",
        "Device.IP.Interface.1",
        "Device.IP.Interface.0.",
        "Device.IP.Interface.01.",
        "Device.IP.Interface.4294967296.",
        "Device.A.1.2.",
        "Device.A.{x}.",
        "Device.A.Go().X",
        "Device.A.Go(x)",
        "Device.A.Boot!.",
        "Device.A B.",
        "Device.\u{e9}\u{1b}.",
        "Device.Ref#0+.",
        "Device.Ref#1.",
        "Device.Ref+",
    ]));
    expect![[r#"
        path "Device.A.[].", column 11: expected a name
        path "Device.A.[B].", column 12: expected one of == != ~= < <= > >=
        path "Device.A.[B=1].", column 12: expected one of == != ~= < <= > >=
        path "Device.A.[B==].", column 14: expected text in double quotes, a number, true, false or a dateTime in UTC
        path "Device.A.[B==x].", column 14: expected text in double quotes, a number, true, false or a dateTime in UTC
        path "Device.A.[B==\"x].", column 18: expected '"'
        path "Device.A.[B==\"5%\"].", column 14: expected text whose every % is written %25 and every " %22
        path "Device.A.[B==1||C==2].", column 14: expected text in double quotes, a number, true, false or a dateTime in UTC
        path "Device.A.[B==1 || C==2].", column 16: expected '&&' or ']' (conditions are joined by && only)
        path "Device.A.[B==1,C==2].", column 14: expected text in double quotes, a number, true, false or a dateTime in UTC
        path "Device.A.[B==1&C==2].", column 15: expected '&&'
        path "Device.A.[B==1&&].", column 17: expected a name
        path "Device.A.[B.*.C==1].", column 13: expected a name (a condition cannot look into a child table)
        path "Device.A.[B.1.C==1].", column 13: expected a name (a condition cannot look into a child table)
        path "Device.A.[R+==1].", column 13: expected '.' and a parameter of what the reference leads to
        path "Device.A.[B==9999-12-31T23:59:60Z].", column 14: expected text in double quotes, a number, true, false or a dateTime in UTC
    "#]]
    .assert_eq(&told(&[
        "Device.A.[].",
        "Device.A.[B].",
        "Device.A.[B=1].",
        "Device.A.[B==].",
        "Device.A.[B==x].",
        "Device.A.[B==\"x].",
        "Device.A.[B==\"5%\"].",
        "Device.A.[B==1||C==2].",
        "Device.A.[B==1 || C==2].",
        "Device.A.[B==1,C==2].",
        "Device.A.[B==1&C==2].",
        "Device.A.[B==1&&].",
        "Device.A.[B.*.C==1].",
        "Device.A.[B.1.C==1].",
        "Device.A.[R+==1].",
        "Device.A.[B==9999-12-31T23:59:60Z].",
    ]));
}

#[test]
fn bounds_hold_at_their_edge() {
    let long = |len: usize| format!("Device.{}", "x".repeat(len - 7));
    assert_eq!(read(&long(MAX_LEN)).to_string().len(), MAX_LEN);
    assert!(refused(&long(MAX_LEN + 1)).text.len() < 300);
    read(&"A.".repeat(MAX_SEGMENTS));
    read(&("A.".repeat(MAX_SEGMENTS) + "P"));
    refused(&"A.".repeat(MAX_SEGMENTS + 1));
    let search = |count: usize| format!("A.T.[{}].", vec!["B==1"; count].join("&&"));
    read(&search(MAX_CONDITIONS));
    refused(&search(MAX_CONDITIONS + 1));
    refused(&format!("A.T.[{}B==1].", "C.".repeat(MAX_SEGMENTS)));
    // Two searches share the bound.
    refused(&format!("A.T.[{0}].U.[{0}].", ["B==1"; MAX_CONDITIONS / 2 + 1].join("&&")));
    // Short as it comes, too long once spelled canonically.
    let tight = |pad: usize| format!("A.T.[B==2024-01-01T00:00:00.5&&C==\"{}\"].", "x".repeat(pad));
    let pad = MAX_LEN - tight(0).len();
    read(&tight(pad - 3));
    refused(&tight(pad));
}

#[test]
fn a_path_tells_what_it_is() {
    let search = read("Device.T.[A==1].B.*.C");
    assert!(search.is_search() && search.has_wildcard() && !search.is_concrete() && !search.follows());
    let row = read("Device.T.1.C");
    assert!(!row.is_search() && !row.has_wildcard() && row.is_concrete());
    assert!(read("Device.R#*+.").is_search() && read("Device.R#*+.").follows());
    assert!(!read("Device.R#1+.").is_search() && !read("Device.R+.").is_concrete());
    assert!(!read("Device.T.{i}.").is_search() && !read("Device.T.{i}.").is_concrete());
    assert_eq!(read("Device.A.[X==1].B.*.C.4.D.{i}.Go()").template(), "Device.A.{i}.B.{i}.C.{i}.D.{i}.Go()");
    assert_eq!(row.object().to_string(), "Device.T.1.");
}

#[test]
fn a_reference_value_is_an_object_with_or_without_its_dot() {
    for text in ["Device.IP.Interface.1", "Device.IP.Interface.1."] {
        assert_eq!(Path::parse_reference(text), Ok(read("Device.IP.Interface.1.")));
    }
    for bad in ["", "x".repeat(MAX_LEN).as_str(), "x".repeat(MAX_LEN + 1).as_str(), "Device.Go()"] {
        assert_eq!(Path::parse_reference(bad).map_err(|f| f.code), Err(INVALID_PATH_SYNTAX), "{bad}");
    }
}

#[test]
fn a_reference_covers_what_is_below_it() {
    for (reference, concrete, covered) in [
        ("Device.", "Device.IP.Interface.1.Status", true),
        ("Device.IP.", "Device.IP.", true),
        ("Device.IP.", "Device.IPsec.Enable", false),
        ("Device.IP.Interface.", "Device.IP.", false),
        ("Device.IP.Interface.", "Device.IP.Interface.3.", true),
        ("Device.IP.Interface.*.", "Device.IP.Interface.3.Stats.BytesSent", true),
        ("Device.IP.Interface.{i}.Status", "Device.IP.Interface.3.Status", true),
        ("Device.IP.Interface.*.Status", "Device.IP.Interface.3.Name", false),
        ("Device.IP.Interface.*.Status", "Device.IP.Interface.Status", false),
        ("Device.IP.Interface.*.Status", "Device.IP.Interface.Stats.Status", false),
        ("Device.IP.Interface.2.Status", "Device.IP.Interface.3.Status", false),
        ("Device.LocalAgent.Boot!", "Device.LocalAgent.Boot!", true),
        ("Device.LocalAgent.Boot!", "Device.LocalAgent.Boot()", false),
        ("Device.LocalAgent.", "Device.LocalAgent.Boot!", true),
        ("Device.T.[A==1].", "Device.T.1.", false),
        ("Device.R+.", "Device.R.", false),
    ] {
        assert_eq!(read(reference).covers(&read(concrete)), covered, "{reference} covers {concrete}");
    }
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_-]{0,8}"
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<String>().prop_map(|text| Literal::Text(text.chars().take(6).collect())),
        any::<i64>().prop_map(|n| Literal::Number(Number::from(n))),
        "-?[0-9]{1,5}\\.[0-9]{1,4}".prop_map(|n| Literal::Number(Number::parse(&n).unwrap())),
        any::<bool>().prop_map(Literal::Bool),
        (-62_000_000_000_000..250_000_000_000_000_i64).prop_map(|millis| Literal::DateTime(Wall(millis))),
    ]
}

fn follow() -> impl Strategy<Value = Segment> {
    let item = prop_oneof![Just(Item::Only), (1..=u32::MAX).prop_map(Item::At), Just(Item::All)];
    (name(), item).prop_map(|(name, item)| Segment::Follow { name, item })
}

fn condition() -> impl Strategy<Value = Condition> {
    let op = prop::sample::select(vec![Op::Equal, Op::NotEqual, Op::Contains, Op::Less, Op::LessOrEqual, Op::Greater, Op::GreaterOrEqual]);
    let way = prop::collection::vec(prop_oneof![name().prop_map(Segment::Name), follow()], 0..3);
    (way, name(), op, literal()).prop_map(|(mut left, last, op, value)| {
        left.push(Segment::Name(last));
        Condition { left, op, value }
    })
}

fn path() -> impl Strategy<Value = Path> {
    let rows = prop_oneof![
        (1..=u32::MAX).prop_map(Segment::Instance),
        Just(Segment::Wildcard),
        Just(Segment::Template),
        prop::collection::vec(condition(), 1..3).prop_map(Segment::Search),
    ];
    let step = prop_oneof![
        name().prop_map(|name| vec![Segment::Name(name)]),
        (name(), rows).prop_map(|(name, rows)| vec![Segment::Name(name), rows]),
        follow().prop_map(|follow| vec![follow]),
    ];
    let target = prop_oneof![
        Just(Target::Object),
        name().prop_map(Target::Parameter),
        name().prop_map(Target::Command),
        name().prop_map(Target::Event),
    ];
    (name(), prop::collection::vec(step, 0..4), target).prop_map(|(first, steps, target)| {
        let mut segments = vec![Segment::Name(first)];
        segments.extend(steps.into_iter().flatten());
        Path { segments, target }
    })
}

proptest! {
    #[test]
    fn what_is_spelled_is_read_back(path in path()) {
        let text = path.to_string();
        prop_assume!(text.len() <= MAX_LEN);
        prop_assert_eq!(Path::parse(&text), Ok(path), "{}", text);
    }

    #[test]
    fn hostile_text_is_read_or_refused(text in prop_oneof![any::<String>(), "(Device\\.)?[A-Za-z0-9.*+#{}\\[\\]()!=~<>&\" %:-]{0,60}"]) {
        match Path::parse(&text) {
            Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()), Ok(path)),
            Err(fault) => prop_assert!(fault.code == INVALID_PATH_SYNTAX && !fault.text.contains(char::is_control)),
        }
    }

    #[test]
    fn a_changed_path_is_read_or_refused(path in path(), at in 0..200_usize, with in prop_oneof![Just(None), any::<char>().prop_map(Some), prop::sample::select(vec!['.', '"', '[', ']', '&', '%', '*', '0', ' ']).prop_map(Some)]) {
        let mut chars: Vec<char> = path.to_string().chars().collect();
        let at = at % chars.len();
        match with {
            Some(c) => chars.insert(at, c),
            None => { chars.remove(at); }
        }
        if let Ok(path) = Path::parse(&chars.into_iter().collect::<String>()) {
            prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
        }
    }
}
