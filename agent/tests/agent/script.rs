//! Requests as text.

use line3_proto::row::Args;
use line3_proto::usp::{
    Add, CreateObject, CreateParamSetting, Delete, Deregister, Get, GetInstances, GetSupportedDm, GetSupportedProtocol, Operate, Request,
    Set, UpdateObject, UpdateParamSetting,
};

/// `Operate PATH key=k noresp Name=value…`, `Add PATH partial Name=value Name!=value`, `Get PATH… depth=1` and so on. `+` begins a further
/// object of an Add or Set.
pub(crate) fn request(text: &str) -> Request {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap();
    let words: Vec<&str> = words.collect();
    let flag = |name: &str| words.contains(&name);
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let paths = || words.iter().filter(|word| word.starts_with("Dev") || word.contains('.')).map(|word| (*word).to_owned()).collect();
    match kind {
        "Get" => {
            let paths = words.iter().filter(|word| !word.starts_with("depth=")).map(|word| (*word).to_owned()).collect();
            Request::Get(Get { param_paths: paths, max_depth: option("depth=").map_or(0, |depth| depth.parse().unwrap()) })
        }
        "GetInstances" => Request::GetInstances(GetInstances { obj_paths: paths(), first_level_only: flag("first") }),
        "GetSupportedDM" => Request::GetSupportedDm(GetSupportedDm {
            obj_paths: paths(),
            first_level_only: flag("first"),
            return_commands: flag("commands"),
            return_events: flag("events"),
            return_params: flag("params"),
            return_unique_key_sets: flag("keys"),
        }),
        "GetSupportedProtocol" => {
            Request::GetSupportedProtocol(GetSupportedProtocol { controller_supported_protocol_versions: "1.4".to_owned() })
        }
        "Deregister" => Request::Deregister(Deregister { paths: paths() }),
        "Operate" => {
            let mut input_args = Args::new();
            for (name, value) in words.iter().skip(1).filter_map(|word| word.split_once('=')) {
                match name {
                    "key" => continue,
                    "id" => input_args.insert("X_LINE3_CallId".to_owned(), value.to_owned()),
                    "deadline" => input_args.insert("X_LINE3_Deadline".to_owned(), value.to_owned()),
                    name => input_args.insert(name.to_owned(), value.to_owned()),
                };
            }
            Request::Operate(Operate {
                command: words[0].to_owned(),
                command_key: option("key=").unwrap_or("").to_owned(),
                send_resp: !flag("noresp"),
                input_args,
            })
        }
        "Add" => {
            let objects = words.split(|word| *word == "+").map(|words| CreateObject {
                obj_path: words[0].to_owned(),
                param_settings: settings(words).map(|(param, value, required)| CreateParamSetting { param, value, required }).collect(),
            });
            Request::Add(Add { allow_partial: flag("partial"), create_objs: objects.collect() })
        }
        "Set" => {
            let objects = words.split(|word| *word == "+").map(|words| UpdateObject {
                obj_path: words[0].to_owned(),
                param_settings: settings(words).map(|(param, value, required)| UpdateParamSetting { param, value, required }).collect(),
            });
            Request::Set(Set { allow_partial: flag("partial"), update_objs: objects.collect() })
        }
        "Delete" => Request::Delete(Delete { allow_partial: flag("partial"), obj_paths: paths() }),
        other => panic!("no request {other}"),
    }
}

fn settings<'a>(words: &'a [&'a str]) -> impl Iterator<Item = (String, String, bool)> + 'a {
    words.iter().skip(1).filter_map(|word| word.split_once('=')).map(|(name, value)| {
        let required = name.strip_suffix('!');
        (required.unwrap_or(name).to_owned(), value.to_owned(), required.is_some())
    })
}
