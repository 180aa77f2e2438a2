//! GetSupportedDM and GetSupportedProtocol.

use std::collections::BTreeSet;

use line3_proto::usp::{
    CmdType, GetSupportedDm, GetSupportedDmResp, MsgType, ObjAccessType, ParamAccessType, ParamValueType, RequestedObjectResult,
    SupportedObjectResult, ValueChangeType,
};

use crate::controller::Controller;
use crate::errors::is_appropriate;
use crate::eut::Eut;
use crate::setup::{SUBSCRIPTIONS, split, supported_path, values};

cases! {
    tp_1_72_all_levels_all_options,
    tp_1_73_first_level_all_options: "children tell their unique keys too, as the last metric of 1.75 wants",
    tp_1_74_first_level_no_options,
    tp_1_75_several_objects,
    tp_1_76_root,
    tp_1_77_unsupported_object,
    tp_1_80_supported_protocol,
    tp_1_97_commands,
    tp_1_98_events,
    tp_1_99_unique_key_sets,
    tp_1_105_a_command,
    tp_1_106_an_event,
    tp_1_107_a_parameter,
}

/// A request with all options.
fn everything(paths: &[&str], first_level_only: bool) -> GetSupportedDm {
    GetSupportedDm {
        obj_paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        first_level_only,
        return_commands: true,
        return_events: true,
        return_params: true,
        return_unique_key_sets: true,
    }
}

/// All that is supported below an object, with everything about it.
pub(crate) fn supported_objects(controller: &mut Controller, below: &str) -> Vec<SupportedObjectResult> {
    let response = controller.supported(everything(&[below], false)).unwrap();
    fine(&response, 0, below).supported_objs.clone()
}

/// The result with this index, for this path, without errors.
fn fine<'a>(response: &'a GetSupportedDmResp, index: usize, requested: &str) -> &'a RequestedObjectResult {
    let result = &response.req_obj_results[index];
    assert_eq!(result.req_obj_path, requested);
    assert_eq!((result.err_code, result.err_msg.as_str()), (0, ""), "{result:?}");
    assert!(!result.data_model_inst_uri.is_empty(), "{result:?}");
    result
}

/// The objects of a result, each named once.
fn paths(result: &RequestedObjectResult) -> BTreeSet<&str> {
    let paths: BTreeSet<_> = result.supported_objs.iter().map(|object| object.supported_obj_path.as_str()).collect();
    assert_eq!(paths.len(), result.supported_objs.len(), "{paths:?}");
    paths
}

/// A name in an object: no path.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// The name of an argument: relative to the command or the event, maybe of an object within.
fn is_argument(name: &str) -> bool {
    !name.starts_with("Device.") && name.split('.').all(|level| is_name(level) || level == "{i}")
}

fn different<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = BTreeSet::new();
    names.into_iter().all(|name| seen.insert(name))
}

/// Everything that is said about an object can be true.
fn valid(object: &SupportedObjectResult) {
    let path = &object.supported_obj_path;
    assert!(path.ends_with('.') && !path.contains(".*.") && !path.contains('['), "{path}");
    assert_eq!(object.is_multi_instance, path.ends_with(".{i}."), "{path}");
    let access = ObjAccessType::try_from(object.access).unwrap();
    assert!(object.is_multi_instance || access == ObjAccessType::ObjReadOnly, "{path}: {access:?}");
    for param in &object.supported_params {
        assert!(is_name(&param.param_name), "{path}{}", param.param_name);
        ParamAccessType::try_from(param.access).unwrap();
        let value_type = ParamValueType::try_from(param.value_type).unwrap();
        assert_ne!(value_type, ParamValueType::ParamUnknown, "{path}{}", param.param_name);
        let value_change = ValueChangeType::try_from(param.value_change).unwrap();
        assert_ne!(value_change, ValueChangeType::ValueChangeUnknown, "{path}{}", param.param_name);
    }
    assert!(different(object.supported_params.iter().map(|param| param.param_name.as_str())), "{path}");
    for command in &object.supported_commands {
        let name = &command.command_name;
        assert!(name.strip_suffix("()").is_some_and(is_name), "{path}{name}");
        let command_type = CmdType::try_from(command.command_type).unwrap();
        assert_ne!(command_type, CmdType::CmdUnknown, "{path}{name}");
        for arguments in [&command.input_arg_names, &command.output_arg_names] {
            assert!(arguments.iter().all(|name| is_argument(name)), "{path}{name}: {arguments:?}");
            assert!(different(arguments.iter().map(String::as_str)), "{path}{name}: {arguments:?}");
        }
    }
    assert!(different(object.supported_commands.iter().map(|command| command.command_name.as_str())), "{path}");
    for event in &object.supported_events {
        let name = &event.event_name;
        assert!(name.strip_suffix('!').is_some_and(is_name), "{path}{name}");
        assert!(event.arg_names.iter().all(|name| is_argument(name)), "{path}{name}: {:?}", event.arg_names);
        assert!(different(event.arg_names.iter().map(String::as_str)), "{path}{name}: {:?}", event.arg_names);
    }
    for keys in &object.unique_key_sets {
        assert!(!keys.key_names.is_empty(), "{path}");
        for name in &keys.key_names {
            // A key may also be a parameter of an object below.
            assert!(is_argument(name), "{path}{name}");
            let own = object.supported_params.iter().any(|param| param.param_name == *name);
            assert!(own || name.contains('.'), "{path} has no parameter {name}");
        }
    }
    assert!(object.is_multi_instance || object.unique_key_sets.is_empty(), "{path} is no table and has unique keys");
}

/// Whether nothing but its own description is said about an object.
fn is_bare(object: &SupportedObjectResult) -> bool {
    let SupportedObjectResult { supported_params, supported_commands, supported_events, unique_key_sets, .. } = object;
    supported_params.is_empty() && supported_commands.is_empty() && supported_events.is_empty() && unique_key_sets.is_empty()
}

fn tp_1_72_all_levels_all_options(eut: &mut Eut) {
    let response = eut.supported(everything(&["Device.LocalAgent."], false)).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let result = fine(&response, 0, "Device.LocalAgent.");
    result.supported_objs.iter().for_each(valid);
    let paths = paths(result);
    assert!(paths.iter().all(|path| path.starts_with("Device.LocalAgent.")), "{paths:?}");
    for path in [
        "Device.LocalAgent.",
        "Device.LocalAgent.MTP.{i}.",
        "Device.LocalAgent.MTP.{i}.MQTT.",
        "Device.LocalAgent.Controller.{i}.",
        "Device.LocalAgent.Controller.{i}.MTP.{i}.",
        "Device.LocalAgent.Controller.{i}.MTP.{i}.MQTT.",
        "Device.LocalAgent.Controller.{i}.BootParameter.{i}.",
        "Device.LocalAgent.Subscription.{i}.",
        "Device.LocalAgent.Request.{i}.",
    ] {
        assert!(paths.contains(path), "{path} is missing: {paths:?}");
    }
    cover(eut, "Device.LocalAgent.", &result.supported_objs);
    has(result, "Device.LocalAgent.", &["Periodic!"]);
    has(result, "Device.LocalAgent.Controller.{i}.", &["SendOnBoardRequest()"]);
    // Neither more nor less than is said about it from the root.
    let mut all = supported_objects(eut, "Device.");
    all.retain(|object| object.supported_obj_path.starts_with("Device.LocalAgent."));
    assert_eq!(result.supported_objs, all);
    // Each table with rows that can be told apart says how.
    for object in result.supported_objs.iter().filter(|object| object.is_multi_instance) {
        assert!(!object.unique_key_sets.is_empty(), "{} has no unique keys", object.supported_obj_path);
    }
}

/// An object has these commands and events.
fn has(result: &RequestedObjectResult, object: &str, names: &[&str]) {
    let object = result.supported_objs.iter().find(|known| known.supported_obj_path == object).unwrap();
    let commands = object.supported_commands.iter().map(|command| command.command_name.as_str());
    let known: BTreeSet<_> = commands.chain(object.supported_events.iter().map(|event| event.event_name.as_str())).collect();
    assert!(names.iter().all(|name| known.contains(name)), "{names:?} are not all in {known:?}");
}

/// Whether a value can be of this type.
fn is_of(value: &str, value_type: ParamValueType) -> bool {
    match value_type {
        ParamValueType::ParamBoolean => ["true", "false"].contains(&value),
        ParamValueType::ParamInt => value.parse::<i32>().is_ok(),
        ParamValueType::ParamLong => value.parse::<i64>().is_ok(),
        ParamValueType::ParamUnsignedInt => value.parse::<u32>().is_ok(),
        ParamValueType::ParamUnsignedLong => value.parse::<u64>().is_ok(),
        ParamValueType::ParamDecimal => value.parse::<f64>().is_ok(),
        ParamValueType::ParamDateTime => value.len() >= "0001-01-01T00:00:00Z".len() && value.contains('T'),
        ParamValueType::ParamHexBinary => value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        ParamValueType::ParamBase64 | ParamValueType::ParamString => true,
        ParamValueType::ParamUnknown => false,
    }
}

/// What the instantiated data model has below this object is all supported, and of the type that is said.
fn cover(eut: &mut Eut, below: &str, supported: &[SupportedObjectResult]) {
    for (path, value) in values(eut, below) {
        let (object, name) = split(&path);
        let object = supported.iter().find(|known| known.supported_obj_path == supported_path(object));
        let known = object.and_then(|object| object.supported_params.iter().find(|param| param.param_name == name));
        let known = known.unwrap_or_else(|| panic!("{path} is not supported"));
        assert!(is_of(&value, known.value_type()), "{path} = {value:?} is no {:?}", known.value_type());
    }
}

/// The objects one level below, a table's rows counting as the table.
fn is_child(path: &str, of: &str) -> bool {
    let below = path.strip_prefix(of).unwrap_or_default().trim_end_matches('.');
    !below.is_empty() && below.split('.').filter(|level| *level != "{i}").count() == 1
}

/// A result of one level: the object itself, whose path in the supported data model is `own`, and its children, which have no
/// details but their unique keys.
fn one_level(eut: &mut Eut, result: &RequestedObjectResult, own: &str) -> SupportedObjectResult {
    let whole = supported_objects(eut, own);
    let children = whole.iter().filter(|object| is_child(&object.supported_obj_path, own));
    let expected: BTreeSet<_> = children.clone().map(|object| object.supported_obj_path.as_str()).chain([own]).collect();
    assert_eq!(paths(result), expected);
    assert!(expected.len() > 1, "{own} has no children");
    for child in children {
        let bare = SupportedObjectResult {
            supported_params: Vec::new(),
            supported_commands: Vec::new(),
            supported_events: Vec::new(),
            ..child.clone()
        };
        assert!(!child.is_multi_instance || !child.unique_key_sets.is_empty(), "{child:?}");
        assert!(result.supported_objs.contains(&bare), "{bare:?} is not in {result:?}");
    }
    let itself = result.supported_objs.iter().find(|object| object.supported_obj_path == own).unwrap();
    assert!(whole.contains(itself), "{itself:?}");
    valid(itself);
    assert!(!itself.supported_params.is_empty(), "{itself:?}");
    itself.clone()
}

fn tp_1_73_first_level_all_options(eut: &mut Eut) {
    let response = eut.supported(everything(&["Device.LocalAgent."], true)).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let itself = one_level(eut, fine(&response, 0, "Device.LocalAgent."), "Device.LocalAgent.");
    // It is no table.
    assert!(itself.unique_key_sets.is_empty(), "{itself:?}");
}

fn tp_1_74_first_level_no_options(eut: &mut Eut) {
    let whole = supported_objects(eut, "Device.LocalAgent.");
    let request = GetSupportedDm { obj_paths: vec!["Device.LocalAgent.".to_owned()], first_level_only: true, ..GetSupportedDm::default() };
    let response = eut.supported(request).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let result = fine(&response, 0, "Device.LocalAgent.");
    let children = whole.iter().map(|object| object.supported_obj_path.as_str()).filter(|path| is_child(path, "Device.LocalAgent."));
    assert_eq!(paths(result), children.chain(["Device.LocalAgent."]).collect());
    assert!(result.supported_objs.iter().all(is_bare), "{result:?}");
}

fn tp_1_75_several_objects(eut: &mut Eut) {
    let requested = ["Device.LocalAgent.Controller.", "Device.LocalAgent.MTP."];
    let response = eut.supported(everything(&requested, true)).unwrap();
    assert_eq!(response.req_obj_results.len(), 2);
    for (index, requested) in requested.iter().enumerate() {
        let itself = one_level(eut, fine(&response, index, requested), &format!("{requested}{{i}}."));
        assert!(!itself.unique_key_sets.is_empty(), "{itself:?}");
    }
}

fn tp_1_76_root(eut: &mut Eut) {
    let response = eut.supported(everything(&["Device."], false)).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let result = fine(&response, 0, "Device.");
    result.supported_objs.iter().for_each(valid);
    let paths = paths(result);
    for path in ["Device.", "Device.DeviceInfo.", "Device.LocalAgent.", "Device.MQTT.Client.{i}.", "Device.LocalAgent.Subscription.{i}."] {
        assert!(paths.contains(path), "{path} is missing: {paths:?}");
    }
    let any = |has: fn(&SupportedObjectResult) -> bool| result.supported_objs.iter().any(has);
    assert!(any(|object| !object.supported_params.is_empty()) && any(|object| !object.supported_commands.is_empty()));
    assert!(any(|object| !object.supported_events.is_empty()) && any(|object| !object.unique_key_sets.is_empty()));
    cover(eut, "Device.", &result.supported_objs);
    has(result, "Device.", &["Reboot()", "ScheduleTimer()", "Boot!"]);
}

fn tp_1_77_unsupported_object(eut: &mut Eut) {
    let response = eut.supported(everything(&["Device.LocalAgent.UnsupportedObject."], false)).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let result = &response.req_obj_results[0];
    assert_eq!(result.req_obj_path, "Device.LocalAgent.UnsupportedObject.");
    assert!(is_appropriate(MsgType::GetSupportedDm, result.err_code) && !result.err_msg.is_empty(), "{result:?}");
    assert!(result.supported_objs.is_empty(), "{result:?}");
}

fn tp_1_80_supported_protocol(eut: &mut Eut) {
    let response = eut.supported_protocol("1.0,1.1,1.2,1.3,1.4").unwrap();
    let versions: Vec<_> = response.agent_supported_protocol_versions.split(',').map(str::trim).collect();
    assert!(versions.contains(&"1.4") && different(versions.iter().copied()), "{response:?}");
    let is_version = |version: &&str| {
        let (major, minor) = version.split_once('.').unwrap();
        major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok()
    };
    assert!(versions.iter().all(is_version), "{response:?}");
}

fn tp_1_97_commands(eut: &mut Eut) {
    let request = GetSupportedDm { obj_paths: vec!["Device.".to_owned()], return_commands: true, ..GetSupportedDm::default() };
    let response = eut.supported(request).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let objects = &fine(&response, 0, "Device.").supported_objs;
    objects.iter().for_each(valid);
    let only = |object: &SupportedObjectResult| {
        object.supported_params.is_empty() && object.supported_events.is_empty() && object.unique_key_sets.is_empty()
    };
    assert!(objects.iter().all(only));
    let whole = supported_objects(eut, "Device.");
    let of = |objects: &[SupportedObjectResult]| -> Vec<_> {
        objects.iter().map(|object| (object.supported_obj_path.clone(), object.supported_commands.clone())).collect()
    };
    assert_eq!(of(objects), of(&whole));
    let mut commands = objects.iter().flat_map(|object| &object.supported_commands);
    assert!(commands.clone().any(|command| command.command_type() == CmdType::CmdSync));
    assert!(commands.any(|command| command.command_type() == CmdType::CmdAsync && !command.input_arg_names.is_empty()));
}

fn tp_1_98_events(eut: &mut Eut) {
    let request = GetSupportedDm { obj_paths: vec!["Device.".to_owned()], return_events: true, ..GetSupportedDm::default() };
    let response = eut.supported(request).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let objects = &fine(&response, 0, "Device.").supported_objs;
    objects.iter().for_each(valid);
    let only = |object: &SupportedObjectResult| {
        object.supported_params.is_empty() && object.supported_commands.is_empty() && object.unique_key_sets.is_empty()
    };
    assert!(objects.iter().all(only));
    let whole = supported_objects(eut, "Device.");
    let of = |objects: &[SupportedObjectResult]| -> Vec<_> {
        objects.iter().map(|object| (object.supported_obj_path.clone(), object.supported_events.clone())).collect()
    };
    assert_eq!(of(objects), of(&whole));
    assert!(objects.iter().flat_map(|object| &object.supported_events).any(|event| !event.arg_names.is_empty()));
}

fn tp_1_99_unique_key_sets(eut: &mut Eut) {
    // The plan writes the path without its final dot; the object is meant either way.
    for path in ["Device.LocalAgent.Subscription", SUBSCRIPTIONS] {
        let request = GetSupportedDm { obj_paths: vec![path.to_owned()], return_unique_key_sets: true, ..GetSupportedDm::default() };
        let response = eut.supported(request).unwrap();
        assert_eq!(response.req_obj_results.len(), 1);
        let result = fine(&response, 0, path);
        assert_eq!(result.supported_objs.len(), 1, "{result:?}");
        let object = &result.supported_objs[0];
        assert_eq!(object.supported_obj_path, "Device.LocalAgent.Subscription.{i}.");
        assert!(object.supported_params.is_empty() && object.supported_commands.is_empty() && object.supported_events.is_empty());
        let sets: BTreeSet<BTreeSet<&str>> =
            object.unique_key_sets.iter().map(|keys| keys.key_names.iter().map(String::as_str).collect()).collect();
        assert_eq!(object.unique_key_sets.len(), 2, "{object:?}");
        assert_eq!(sets, [["Alias"].into(), ["Recipient", "ID"].into()].into());
    }
}

/// What is said about exactly one element of an object.
fn element(eut: &mut Eut, path: &str, object: &str) -> SupportedObjectResult {
    let response = eut.supported(everything(&[path], false)).unwrap();
    assert_eq!(response.req_obj_results.len(), 1);
    let result = fine(&response, 0, path);
    assert_eq!(result.supported_objs.len(), 1, "{result:?}");
    assert_eq!(result.supported_objs[0].supported_obj_path, object, "{result:?}");
    assert!(result.supported_objs[0].unique_key_sets.is_empty(), "{result:?}");
    valid(&result.supported_objs[0]);
    result.supported_objs[0].clone()
}

fn tp_1_105_a_command(eut: &mut Eut) {
    let object = element(eut, "Device.Reboot()", "Device.");
    assert_eq!(object.supported_commands.iter().map(|command| command.command_name.as_str()).collect::<Vec<_>>(), ["Reboot()"]);
    assert!(object.supported_events.is_empty() && object.supported_params.is_empty(), "{object:?}");
}

fn tp_1_106_an_event(eut: &mut Eut) {
    let object = element(eut, "Device.Boot!", "Device.");
    assert_eq!(object.supported_events.iter().map(|event| event.event_name.as_str()).collect::<Vec<_>>(), ["Boot!"]);
    assert!(object.supported_commands.is_empty() && object.supported_params.is_empty(), "{object:?}");
}

fn tp_1_107_a_parameter(eut: &mut Eut) {
    let object = element(eut, "Device.LocalAgent.EndpointID", "Device.LocalAgent.");
    assert_eq!(object.supported_params.iter().map(|param| param.param_name.as_str()).collect::<Vec<_>>(), ["EndpointID"]);
    assert!(object.supported_commands.is_empty() && object.supported_events.is_empty(), "{object:?}");
}
