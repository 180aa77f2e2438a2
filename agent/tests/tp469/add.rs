//! Add.

use std::collections::BTreeMap;

use line3_proto::usp::{AddResp, MsgType};

use crate::controller::Params;
use crate::errors::{is_appropriate, one_blamed};
use crate::eut::{CONTROLLER, Eut};
use crate::setup::{CONTROLLERS, SUBSCRIPTIONS, added, all, controller_row, not_added, own_row, remove_all, shown, split, value, values};

cases! {
    tp_1_1_not_partial_one_object,
    tp_1_2_partial_one_object,
    tp_1_3_not_partial_required_parameter_fails,
    tp_1_4_not_partial_invalid_object,
    tp_1_5_not_partial_several_objects,
    tp_1_6_not_partial_several_objects_one_invalid,
    tp_1_7_not_partial_required_parameter_of_one_object_fails,
    tp_1_8_partial_required_parameter_of_invalid_type,
    tp_1_9_partial_required_parameter_of_one_object_fails: "also with another ID, so that the parameter is seen to be refused",
    tp_1_10_unique_key_addressing,
    tp_1_81_automatic_unique_keys,
    tp_1_88_invalid_unique_key: "also with a valid Enable, so that the Alias is seen to be refused",
    tp_1_95_search_expression,
    tp_1_96_unique_keys_do_not_change,
    tp_1_104_write_once_read_only,
}

/// A Subscription as the cases want it; the reference is required.
fn wanted<'a>(id: &'a str, reference: &'a str) -> [(&'a str, &'a str, bool); 4] {
    [("Enable", "true", false), ("ID", id, false), ("NotifType", "ValueChange", false), ("ReferenceList", reference, true)]
}

const VERSION: &str = "Device.LocalAgent.SoftwareVersion";

/// The row was made without errors and tells these unique keys, and a Get of it shows what was set; gives its path.
fn created(eut: &mut Eut, response: &AddResp, index: usize, keys: &[&str], params: Params<'_>) -> String {
    let path = made(response, index, keys).to_owned();
    let values = values(eut, &path);
    holds(&values, response, index, params);
    path
}

/// The row was made without errors and tells these unique keys; gives its path.
fn made<'a>(response: &'a AddResp, index: usize, keys: &[&str]) -> &'a str {
    let success = added(response, index);
    assert!(success.param_errs.is_empty(), "{response:?}");
    let mut told: Vec<_> = success.unique_keys.keys().map(String::as_str).collect();
    told.sort_unstable();
    assert_eq!(told, keys, "{response:?}");
    &success.instantiated_path
}

/// The row that was made has what was set, and the unique keys that it was said to have.
fn holds(values: &BTreeMap<String, String>, response: &AddResp, index: usize, params: Params<'_>) {
    let success = added(response, index);
    let path = &success.instantiated_path;
    for (name, value) in params.iter().map(|(name, value, _)| (*name, *value)) {
        assert_eq!(values[&format!("{path}{name}")], value, "{name}: {values:?}");
    }
    for (name, value) in &success.unique_keys {
        assert_eq!(&values[&format!("{path}{name}")], value, "{name}: {values:?}");
    }
}

/// The unique keys of a Subscription.
const KEYS: &[&str] = &["Alias", "ID", "Recipient"];

fn one_object(eut: &mut Eut, allow_partial: bool, id: &str) {
    let params = wanted(id, VERSION);
    let response = eut.add(allow_partial, &[(SUBSCRIPTIONS, &params)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.created_obj_results[0].requested_path, SUBSCRIPTIONS);
    let path = created(eut, &response, 0, KEYS, &params);
    assert!(path.starts_with(SUBSCRIPTIONS), "{path}");
    eut.delete(false, &[&path]).unwrap();
    assert_eq!(shown(eut, SUBSCRIPTIONS), [""; 0]);
}

fn tp_1_1_not_partial_one_object(eut: &mut Eut) {
    remove_all(eut, SUBSCRIPTIONS);
    one_object(eut, false, "add1");
}

fn tp_1_2_partial_one_object(eut: &mut Eut) {
    remove_all(eut, SUBSCRIPTIONS);
    one_object(eut, true, "add2");
}

fn tp_1_3_not_partial_required_parameter_fails(eut: &mut Eut) {
    let before = shown(eut, SUBSCRIPTIONS);
    let params =
        [("Enable", "InvalidValue", true), ("ID", "add3", false), ("NotifType", "ValueChange", false), ("ReferenceList", VERSION, false)];
    let error = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap_err();
    assert!(indicates(one_blamed(&error, MsgType::Add), "Enable"), "{error:?}");
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
}

/// Whether a path of an error means this parameter of a Subscription.
fn indicates(path: &str, parameter: &str) -> bool {
    path.starts_with(SUBSCRIPTIONS) && split(path).1 == parameter
}

fn tp_1_4_not_partial_invalid_object(eut: &mut Eut) {
    let before = shown(eut, SUBSCRIPTIONS);
    let params = [("Enable", "true", false), ("ID", "add4", false), ("NotifType", "ValueChange", false), ("ReferenceList", VERSION, false)];
    let error = eut.add(false, &[("Device.LocalAgent.InvalidObject.", &params)]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Add), "Device.LocalAgent.InvalidObject.");
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
}

fn tp_1_5_not_partial_several_objects(eut: &mut Eut) {
    let (one, other) = (wanted("add51", VERSION), wanted("add52", "Device.LocalAgent.EndpointID"));
    let response = eut.add(false, &[(SUBSCRIPTIONS, &one), (SUBSCRIPTIONS, &other)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 2, "{response:?}");
    let paths = [made(&response, 0, KEYS), made(&response, 1, KEYS)];
    assert_ne!(paths[0], paths[1]);
    let values = all(&eut.get(&paths).unwrap());
    holds(&values, &response, 0, &one);
    holds(&values, &response, 1, &other);
    eut.delete(false, &paths).unwrap();
    assert!(!shown(eut, SUBSCRIPTIONS).iter().any(|row| paths.contains(&row.as_str())));
}

fn tp_1_6_not_partial_several_objects_one_invalid(eut: &mut Eut) {
    let before = shown(eut, SUBSCRIPTIONS);
    let (one, other) = (wanted("add61", VERSION), wanted("add62", "Device.LocalAgent.EndpointID"));
    let error = eut.add(false, &[(SUBSCRIPTIONS, &one), ("Device.LocalAgent.InvalidObject.", &other)]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Add), "Device.LocalAgent.InvalidObject.");
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
}

fn tp_1_7_not_partial_required_parameter_of_one_object_fails(eut: &mut Eut) {
    let mut one = wanted("add71", VERSION);
    one[0] = ("Enable", "InvalidValue", true);
    let other = [("Enable", "true", false), ("ID", "add72", false), ("NotifType", "ValueChange", false)];
    let error = eut.add(false, &[(SUBSCRIPTIONS, &one), (SUBSCRIPTIONS, &other)]).unwrap_err();
    assert!(indicates(one_blamed(&error, MsgType::Add), "Enable"), "{error:?}");
    let left = values(eut, SUBSCRIPTIONS);
    assert!(!left.values().any(|value| value == "add71" || value == "add72"), "{left:?}");
}

fn tp_1_8_partial_required_parameter_of_invalid_type(eut: &mut Eut) {
    let mut params = wanted("add8", VERSION);
    params[0] = ("Enable", "InvalidValue", true);
    let response = eut.add(true, &[(SUBSCRIPTIONS, &params)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1, "{response:?}");
    assert!(is_appropriate(MsgType::Add, not_added(&response, 0).err_code), "{response:?}");
    let left = values(eut, SUBSCRIPTIONS);
    assert!(!left.values().any(|value| value == "add8"), "{left:?}");
}

fn tp_1_9_partial_required_parameter_of_one_object_fails(eut: &mut Eut) {
    let before = shown(eut, SUBSCRIPTIONS);
    let mut one = wanted("add91", VERSION);
    one[3].2 = false;
    let mut other = one.to_vec();
    other.push(("InvalidParameter", "IrrelevantValue", true));
    let response = eut.add(true, &[(SUBSCRIPTIONS, &one), (SUBSCRIPTIONS, &other)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 2, "{response:?}");
    let path = created(eut, &response, 0, KEYS, &one);
    assert!(is_appropriate(MsgType::Add, not_added(&response, 1).err_code), "{response:?}");
    let after = shown(eut, SUBSCRIPTIONS);
    assert_eq!(after.iter().filter(|row| !before.contains(row)).collect::<Vec<_>>(), [&path]);
    assert_eq!(after.len(), before.len() + 1);
    // The plan gives both the same ID, which alone would make the second fail; so that the parameter is seen to:
    other[1].1 = "add92";
    let response = eut.add(true, &[(SUBSCRIPTIONS, &other)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1, "{response:?}");
    assert!(is_appropriate(MsgType::Add, not_added(&response, 0).err_code), "{response:?}");
    assert_eq!(shown(eut, SUBSCRIPTIONS), after);
    eut.delete(false, &[&path]).unwrap();
}

fn tp_1_10_unique_key_addressing(eut: &mut Eut) {
    let me = own_row(eut);
    let alias = value(eut, &format!("{me}Alias"));
    // By all keys that the plan names, and by those of each unique key set alone.
    let all = format!("EndpointID==\"{CONTROLLER}\"&&Alias==\"{alias}\"");
    for (keys, parameter) in [
        (all, VERSION),
        (format!("EndpointID==\"{CONTROLLER}\""), "Device.LocalAgent.EndpointID"),
        (format!("Alias==\"{alias}\""), "Device.LocalAgent.UpTime"),
    ] {
        let params = [("Enable", "true", false), ("ParameterName", parameter, false)];
        let response = eut.add(false, &[(&format!("{CONTROLLERS}[{keys}].BootParameter."), &params)]).unwrap();
        assert_eq!(response.created_obj_results.len(), 1, "{response:?}");
        let path = created(eut, &response, 0, &["Alias", "ParameterName"], &params);
        assert!(path.starts_with(&format!("{me}BootParameter.")), "{path}");
        eut.delete(false, &[&path]).unwrap();
    }
}

fn tp_1_81_automatic_unique_keys(eut: &mut Eut) {
    let one = [("Enable", "true", false), ("NotifType", "ValueChange", false), ("ReferenceList", VERSION, false)];
    let mut other = one;
    other[2].1 = "Device.LocalAgent.EndpointID";
    let response = eut.add(false, &[(SUBSCRIPTIONS, &one), (SUBSCRIPTIONS, &other)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 2, "{response:?}");
    let paths = [created(eut, &response, 0, KEYS, &one), created(eut, &response, 1, KEYS, &other)];
    let (one, other) = (&added(&response, 0).unique_keys, &added(&response, 1).unique_keys);
    assert_ne!(one["Alias"], other["Alias"]);
    assert_ne!(one["ID"], other["ID"]);
    assert_eq!(one["Recipient"], other["Recipient"]);
    eut.delete(false, &[&paths[0], &paths[1]]).unwrap();
}

fn tp_1_88_invalid_unique_key(eut: &mut Eut) {
    let before = shown(eut, SUBSCRIPTIONS);
    // An Alias has to begin with a letter.
    let params = [
        ("Enable", "True", false),
        ("Alias", "88InvalidAlias", false),
        ("NotifType", "ValueChange", false),
        ("ReferenceList", VERSION, false),
    ];
    let error = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap_err();
    assert!(error.err_code == 7000 || is_appropriate(MsgType::Add, error.err_code), "{error:?}");
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
    // The plan's Enable is none either; so that the Alias is seen to be refused:
    let mut params = params;
    params[0].1 = "true";
    let error = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap_err();
    assert!(indicates(one_blamed(&error, MsgType::Add), "Alias"), "{error:?}");
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
}

fn tp_1_95_search_expression(eut: &mut Eut) {
    let second = controller_row(eut, "self::second");
    let me = own_row(eut);
    let params = [("Enable", "true", false), ("ParameterName", VERSION, false)];
    let response = eut.add(false, &[("Device.LocalAgent.Controller.[Enable==true].BootParameter.", &params)]).unwrap();
    // One result for each Controller that the expression selects.
    assert_eq!(response.created_obj_results.len(), 2, "{response:?}");
    for result in &response.created_obj_results {
        assert_eq!(result.requested_path, "Device.LocalAgent.Controller.[Enable==true].BootParameter.", "{response:?}");
    }
    let values = values(eut, "Device.LocalAgent.Controller.*.BootParameter.");
    for (index, controller) in [me, second].iter().enumerate() {
        let path = &added(&response, index).instantiated_path;
        assert!(path.starts_with(&format!("{controller}BootParameter.")), "{response:?}");
        assert_eq!(values[&format!("{path}ParameterName")], VERSION);
        assert_eq!(values[&format!("{path}Enable")], "true");
    }
}

fn tp_1_96_unique_keys_do_not_change(eut: &mut Eut) {
    let response = eut.add(false, &[(SUBSCRIPTIONS, &[("ID", "add96", false)])]).unwrap();
    let path = added(&response, 0).instantiated_path.clone();
    assert_eq!(value(eut, &format!("{path}ID")), "add96");
    let error = eut.set(false, &[(&path, &[("ID", "add96-NEW", true)])]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Set), format!("{path}ID"));
    assert_eq!(value(eut, &format!("{path}ID")), "add96");
}

fn tp_1_104_write_once_read_only(eut: &mut Eut) {
    let response = eut.add(false, &[(SUBSCRIPTIONS, &[("Alias", "test-1-104", false)])]).unwrap();
    let path = added(&response, 0).instantiated_path.clone();
    let error = eut.set(false, &[(&path, &[("Alias", "test-1-104-new-alias", true)])]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Set), format!("{path}Alias"));
    assert_eq!(value(eut, &format!("{path}Alias")), "test-1-104");
}
