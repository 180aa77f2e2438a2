//! Add, Set and Delete in any order on all settings, between them restarts, a full flash and time: what is kept is always valid,
//! within its bounds and unique, a refused request changes nothing, and a restart finds what was there.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use line3_agent::settings::{SETTINGS, SettingDef, Settings};
use line3_fuzz::Rig;
use line3_proto::row::Args;
use line3_proto::usp::{Add, CreateObject, CreateParamSetting, Delete, Request, Set, UpdateObject, UpdateParamSetting};

/// The most steps of one input.
const MAX_STEPS: usize = 24;

/// The most bytes that all settings together may have.
const MAX_SETTINGS: usize = 2 << 20;

const VALUES: [&str; 24] = [
    "",
    "true",
    "false",
    "0",
    "1",
    "2",
    "60",
    "4294967295",
    "-1",
    "Device.",
    "Device.LocalAgent.",
    "Device.MQTT.Client.1",
    "Device.LocalAgent.MTP.1",
    "Device.Boot!",
    "Device.LocalAgent.Controller.1",
    "ValueChange",
    "Event",
    "MQTT",
    "USPEventNotif",
    "NameValuePair",
    "2024-01-01T00:00:00Z",
    "self::line3",
    "usp/x",
    "127.0.0.1",
];

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Add { partial: bool, objects: Vec<Object<'a>> },
    Set { partial: bool, objects: Vec<Object<'a>> },
    Delete { partial: bool, places: Vec<Place<'a>> },
    Restart,
    Full(bool),
    Pass(u8),
}

#[derive(Arbitrary, Debug)]
struct Object<'a> {
    place: Place<'a>,
    params: Vec<Param<'a>>,
}

/// Where: what is there, a table of what is there, or anything.
#[derive(Arbitrary, Debug)]
enum Place<'a> {
    Row(u8),
    Rows(u8),
    Table(u8),
    Search(u8, &'a str),
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
struct Param<'a> {
    name: Name<'a>,
    value: Value<'a>,
    required: bool,
}

#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Field(u8),
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Usual(u8),
    OfField(u8),
    Number(i64),
    Other(&'a str),
}

fn template(path: &str) -> String {
    let level =
        |level: &str| if level.bytes().all(|b| b.is_ascii_digit()) && !level.is_empty() { "{i}".to_owned() } else { level.to_owned() };
    path.split('.').map(level).collect::<Vec<_>>().join(".")
}

fn def(path: &str) -> Option<&'static SettingDef> {
    let template = template(path);
    SETTINGS.iter().find(|def| def.path == template)
}

fn pick<T>(list: &[T], number: u8) -> Option<&T> {
    list.get(usize::from(number) % list.len().max(1))
}

impl Place<'_> {
    fn path(&self, settings: &Settings) -> String {
        let rows: Vec<&String> = settings.instances.keys().collect();
        let tables: Vec<String> = SETTINGS.iter().filter_map(|def| Some(def.path.strip_suffix("{i}.")?.replace("{i}", "1"))).collect();
        let table = |number: u8| pick(&tables, number).cloned().unwrap_or_default();
        match self {
            Self::Row(number) => pick(&rows, *number).map(|path| (*path).clone()).unwrap_or_default(),
            Self::Rows(number) => format!("{}*.", table(*number)),
            Self::Table(number) => table(*number),
            Self::Search(number, text) => format!("{}[{text}].", table(*number)),
            Self::Other(text) => (*text).to_owned(),
        }
    }
}

impl Param<'_> {
    fn read(&self, path: &str) -> (String, String, bool) {
        let at = if path.ends_with("*.") { path.replace('*', "1") } else { path.to_owned() };
        let def = def(&at).or_else(|| def(&format!("{at}1.")));
        let field = match self.name {
            Name::Field(number) => def.and_then(|def| pick(def.fields, number)),
            Name::Other(_) => None,
        };
        let name = match self.name {
            Name::Other(text) => text,
            Name::Field(_) => field.map_or("Alias", |field| field.name),
        };
        let value = match self.value {
            Value::Usual(number) => VALUES[usize::from(number) % VALUES.len()].to_owned(),
            Value::OfField(number) => field.and_then(|field| pick(field.values, number)).map_or("a", |value| value).to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Other(text) => text.to_owned(),
        };
        (name.to_owned(), value, self.required)
    }
}

fn request(step: &Step<'_>, settings: &Settings) -> Option<Request> {
    Some(match step {
        Step::Add { partial, objects } => Request::Add(Add {
            allow_partial: *partial,
            create_objs: objects
                .iter()
                .map(|object| {
                    let obj_path = object.place.path(settings);
                    let params = object.params.iter().map(|param| param.read(&obj_path));
                    let param_settings = params.map(|(param, value, required)| CreateParamSetting { param, value, required }).collect();
                    CreateObject { obj_path, param_settings }
                })
                .collect(),
        }),
        Step::Set { partial, objects } => Request::Set(Set {
            allow_partial: *partial,
            update_objs: objects
                .iter()
                .map(|object| {
                    let obj_path = object.place.path(settings);
                    let params = object.params.iter().map(|param| param.read(&obj_path));
                    let param_settings = params.map(|(param, value, required)| UpdateParamSetting { param, value, required }).collect();
                    UpdateObject { obj_path, param_settings }
                })
                .collect(),
        }),
        Step::Delete { partial, places } => {
            Request::Delete(Delete { allow_partial: *partial, obj_paths: places.iter().map(|place| place.path(settings)).collect() })
        }
        Step::Restart | Step::Full(_) | Step::Pass(_) => return None,
    })
}

/// Whether all settings are what they may be.
fn check(settings: &Settings) {
    let mut tables: BTreeMap<&str, Vec<&Args>> = BTreeMap::new();
    let mut bytes = 0;
    for (path, args) in settings.instances.iter() {
        bytes += path.len() + args.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let Some(def) = def(path) else { panic!("{path} is kept and no setting") };
        for (name, value) in args {
            let field = def.fields.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("{path} has no {name}"));
            assert!(value.is_empty() || field.check(value).is_ok(), "{path}{name} is {value:?}");
        }
        let parent = |path: &str| path[..path.rfind('.').map_or(0, |dot| dot + 1)].len();
        if def.path.ends_with("{i}.") {
            let table = &path[..parent(path.trim_end_matches('.'))];
            tables.entry(table).or_default().push(args);
        }
    }
    assert!(bytes <= MAX_SETTINGS, "{bytes} bytes of settings");
    for (table, rows) in tables {
        let Some(def) = def(&format!("{table}1.")) else { continue };
        assert!(rows.len() <= def.max_rows.max(4), "{table} has {} rows", rows.len());
        for key in def.keys {
            let values = |row: &&Args| key.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect::<Vec<_>>();
            let mut all: Vec<Vec<String>> = rows.iter().map(values).collect();
            all.sort();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "{table} has a key of {key:?} twice");
        }
    }
}

/// What outlives a restart.
fn lasting(settings: &Settings) -> Settings {
    let mut lasting = settings.clone();
    lasting
        .instances
        .retain(|path, args| !path.starts_with("Device.LocalAgent.Subscription.") || args.get("Persistent").is_some_and(|it| it == "true"));
    lasting.highest.clear();
    lasting
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut rig = Rig::new();
    for step in steps.iter().take(MAX_STEPS) {
        let before = rig.settings();
        match step {
            Step::Restart => {
                rig.restart();
                assert_eq!(lasting(&rig.settings()), lasting(&before), "after a restart");
            }
            Step::Full(full) => rig.flash().set_full(*full),
            Step::Pass(seconds) => rig.pass(Duration::from_secs(u64::from(*seconds))),
            _ => {
                let Some(request) = request(step, &before) else { continue };
                if let Some(Err(_)) = rig.ask(request) {
                    assert_eq!(rig.settings(), before, "a refused request changed something");
                }
            }
        }
        check(&rig.settings());
    }
});
