//! Get.

use std::collections::{BTreeMap, BTreeSet};

use line3_proto::usp::{GetResp, GetRespRequestedPathResult, MsgType};

use crate::errors::is_appropriate;
use crate::eut::Eut;
use crate::setup::{SUBSCRIPTIONS, all, put, remove_all, rows, subscription, supported_path, value};
use crate::supported::supported_objects;

cases! {
    tp_1_36_full_parameter_path,
    tp_1_37_several_paths_of_one_object,
    tp_1_38_several_paths_of_several_objects,
    tp_1_39_object_path,
    tp_1_40_object_instance_path,
    tp_1_41_invalid_parameter,
    tp_1_42_invalid_and_valid_parameter,
    tp_1_43_unique_key_addressing,
    tp_1_44_wildcard_on_full_parameter,
    tp_1_45_wildcard_on_object_path,
    tp_1_46_equivalence,
    tp_1_47_non_equivalence,
    tp_1_48_exclusive_greater,
    tp_1_49_exclusive_lesser,
    tp_1_50_inclusive_greater,
    tp_1_51_inclusive_lesser,
    tp_1_82_unmatched_search_expression,
    tp_1_86_search_path_without_instances,
    tp_1_87_object_path_without_instances,
    tp_1_89_max_depth,
}

const ID: &str = "Device.LocalAgent.EndpointID";
const VERSION: &str = "Device.LocalAgent.SoftwareVersion";

/// A Subscription of the setup.
fn one(eut: &mut Eut, id: &str) -> String {
    subscription(eut, id, "ValueChange", VERSION)
}

/// The result with this index, for this path, without errors.
fn fine<'a>(response: &'a GetResp, index: usize, requested: &str) -> &'a GetRespRequestedPathResult {
    let result = &response.req_path_results[index];
    assert_eq!(result.requested_path, requested, "{response:?}");
    assert_eq!((result.err_code, result.err_msg.as_str()), (0, ""), "{response:?}");
    result
}

/// The result of a path that means one parameter: its object, and its value.
fn single(result: &GetRespRequestedPathResult, object: &str, name: &str) -> String {
    assert_eq!(result.resolved_path_results.len(), 1, "{result:?}");
    assert_eq!(result.resolved_path_results[0].resolved_path, object);
    let params = &result.resolved_path_results[0].result_params;
    assert_eq!(params.keys().collect::<Vec<_>>(), [name], "{result:?}");
    params[name].clone()
}

fn tp_1_36_full_parameter_path(eut: &mut Eut) {
    let response = eut.get(&[ID]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    assert_eq!(single(fine(&response, 0, ID), "Device.LocalAgent.", "EndpointID"), eut.agent.as_str());
}

fn tp_1_37_several_paths_of_one_object(eut: &mut Eut) {
    let response = eut.get(&[ID, VERSION]).unwrap();
    assert_eq!(response.req_path_results.len(), 2, "{response:?}");
    assert_eq!(single(fine(&response, 0, ID), "Device.LocalAgent.", "EndpointID"), eut.agent.as_str());
    assert_eq!(single(fine(&response, 1, VERSION), "Device.LocalAgent.", "SoftwareVersion"), env!("CARGO_PKG_VERSION"));
}

fn tp_1_38_several_paths_of_several_objects(eut: &mut Eut) {
    let path = one(eut, "get");
    let enable = format!("{path}Enable");
    let response = eut.get(&[ID, &enable]).unwrap();
    assert_eq!(response.req_path_results.len(), 2, "{response:?}");
    assert_eq!(single(fine(&response, 0, ID), "Device.LocalAgent.", "EndpointID"), eut.agent.as_str());
    assert_eq!(single(fine(&response, 1, &enable), &path, "Enable"), "true");
}

/// The parameters that each resolved object has, by its path; every object comes once.
fn objects(result: &GetRespRequestedPathResult) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut objects = BTreeMap::new();
    for object in &result.resolved_path_results {
        let names: BTreeSet<_> = object.result_params.keys().map(String::as_str).collect();
        assert!(names.iter().all(|name| !name.is_empty() && !name.contains('.')), "the keys are no relative paths: {object:?}");
        assert!(objects.insert(object.resolved_path.as_str(), names).is_none(), "twice: {object:?}");
    }
    objects
}

/// The readable parameters of each supported object below this one that says to have some.
fn readable(eut: &mut Eut, below: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut readable = BTreeMap::new();
    for object in supported_objects(eut, below) {
        let names: BTreeSet<_> = object.supported_params.iter().map(|param| param.param_name.clone()).collect();
        if !names.is_empty() {
            readable.insert(object.supported_obj_path, names);
        }
    }
    readable
}

/// Each resolved object has exactly the parameters that the data model says it has.
fn whole(found: &BTreeMap<&str, BTreeSet<&str>>, model: &BTreeMap<String, BTreeSet<String>>) {
    for (path, names) in found {
        let supported = model.get(&supported_path(path)).unwrap_or_else(|| panic!("{path} is not supported"));
        assert_eq!(*names, supported.iter().map(String::as_str).collect::<BTreeSet<_>>(), "{path}");
    }
}

/// Every object below Device.LocalAgent. that there is for certain is among those found: the single ones, and the rows of tables, of
/// which these Subscriptions.
fn complete(found: &BTreeSet<&str>, model: &BTreeMap<String, BTreeSet<String>>, subscriptions: &[String]) {
    let single = model.keys().filter(|path| !path.contains("{i}"));
    let several = [
        "Device.LocalAgent.MTP.1.",
        "Device.LocalAgent.MTP.1.MQTT.",
        "Device.LocalAgent.Controller.1.",
        "Device.LocalAgent.Controller.1.MTP.1.",
        "Device.LocalAgent.Controller.1.MTP.1.MQTT.",
    ];
    for path in single.chain(subscriptions).map(String::as_str).chain(several) {
        assert!(found.contains(path), "{path} is missing: {found:?}");
    }
}

fn tp_1_39_object_path(eut: &mut Eut) {
    one(eut, "get");
    let subscriptions = rows(eut, SUBSCRIPTIONS);
    let model = readable(eut, "Device.LocalAgent.");
    let response = eut.get(&["Device.LocalAgent."]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let found = objects(fine(&response, 0, "Device.LocalAgent."));
    assert!(found.contains_key("Device.LocalAgent."), "{response:?}");
    whole(&found, &model);
    complete(&found.into_keys().collect(), &model, &subscriptions);
}

fn tp_1_40_object_instance_path(eut: &mut Eut) {
    let path = one(eut, "get");
    let model = readable(eut, SUBSCRIPTIONS);
    let response = eut.get(&[&path]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let found = objects(fine(&response, 0, &path));
    assert_eq!(found.keys().collect::<Vec<_>>(), [&path.as_str()]);
    whole(&found, &model);
    assert_eq!(all(&response)[&format!("{path}ID")], "get");
}

/// The result of a path that cannot be read.
fn failed(response: &GetResp, index: usize, requested: &str) {
    let result = &response.req_path_results[index];
    assert_eq!(result.requested_path, requested, "{response:?}");
    assert!(is_appropriate(MsgType::Get, result.err_code) && !result.err_msg.is_empty(), "{response:?}");
    assert!(result.resolved_path_results.is_empty(), "{response:?}");
}

const INVALID: &str = "Device.LocalAgent.InvalidParameter";

fn tp_1_41_invalid_parameter(eut: &mut Eut) {
    let response = eut.get(&[INVALID]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    failed(&response, 0, INVALID);
}

fn tp_1_42_invalid_and_valid_parameter(eut: &mut Eut) {
    let response = eut.get(&[ID, INVALID]).unwrap();
    assert_eq!(response.req_path_results.len(), 2, "{response:?}");
    assert_eq!(single(fine(&response, 0, ID), "Device.LocalAgent.", "EndpointID"), eut.agent.as_str());
    failed(&response, 1, INVALID);
}

fn tp_1_43_unique_key_addressing(eut: &mut Eut) {
    let path = one(eut, "get");
    one(eut, "other");
    let [alias, recipient] = ["Alias", "Recipient"].map(|name| value(eut, &format!("{path}{name}")));
    for keys in [format!("Alias==\"{alias}\""), format!("Recipient==\"{recipient}\"&&ID==\"get\"")] {
        let requested = format!("{SUBSCRIPTIONS}[{keys}].Enable");
        let response = eut.get(&[&requested]).unwrap();
        assert_eq!(response.req_path_results.len(), 1, "{response:?}");
        assert_eq!(single(fine(&response, 0, &requested), &path, "Enable"), "true");
    }
}

fn tp_1_44_wildcard_on_full_parameter(eut: &mut Eut) {
    one(eut, "get1");
    let off = one(eut, "get2");
    put(eut, &format!("{off}Enable"), "false");
    let paths = rows(eut, SUBSCRIPTIONS);
    let requested = "Device.LocalAgent.Subscription.*.Enable";
    let response = eut.get(&[requested]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let found = objects(fine(&response, 0, requested));
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), paths);
    assert!(found.values().all(|names| names.iter().eq(["Enable"].iter())), "{response:?}");
    for (path, value) in all(&response) {
        assert_eq!(value, if path.starts_with(&off) { "false" } else { "true" }, "{path}");
    }
}

fn tp_1_45_wildcard_on_object_path(eut: &mut Eut) {
    one(eut, "get1");
    one(eut, "get2");
    let paths = rows(eut, SUBSCRIPTIONS);
    search(eut, "*", &paths.iter().map(String::as_str).collect::<Vec<_>>());
}

/// What `Device.LocalAgent.Subscription.<search>.` finds: all parameters of exactly these rows.
fn search(eut: &mut Eut, search: &str, paths: &[&str]) {
    let model = readable(eut, SUBSCRIPTIONS);
    let requested = format!("{SUBSCRIPTIONS}{search}.");
    let response = eut.get(&[&requested]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let found = objects(fine(&response, 0, &requested));
    assert_eq!(found.keys().copied().collect::<BTreeSet<_>>(), paths.iter().copied().collect(), "{response:?}");
    whole(&found, &model);
}

fn on_and_off(eut: &mut Eut) -> [String; 2] {
    let paths = [one(eut, "on"), one(eut, "off")];
    put(eut, &format!("{}Enable", paths[1]), "false");
    paths
}

fn tp_1_46_equivalence(eut: &mut Eut) {
    let [on, _] = on_and_off(eut);
    search(eut, "[Enable==true]", &[&on]);
}

fn tp_1_47_non_equivalence(eut: &mut Eut) {
    let [_, off] = on_and_off(eut);
    search(eut, "[Enable!=true]", &[&off]);
}

/// Subscriptions with a NotifExpiration of 5, 10 and 20.
fn expirations(eut: &mut Eut) -> [String; 3] {
    ["5", "10", "20"].map(|seconds| {
        let path = one(eut, &format!("after-{seconds}"));
        put(eut, &format!("{path}NotifExpiration"), seconds);
        path
    })
}

fn tp_1_48_exclusive_greater(eut: &mut Eut) {
    let [_, _, twenty] = expirations(eut);
    search(eut, "[NotifExpiration>10]", &[&twenty]);
}

fn tp_1_49_exclusive_lesser(eut: &mut Eut) {
    let [five, _, _] = expirations(eut);
    search(eut, "[NotifExpiration<10]", &[&five]);
}

fn tp_1_50_inclusive_greater(eut: &mut Eut) {
    let [_, ten, twenty] = expirations(eut);
    search(eut, "[NotifExpiration>=10]", &[&ten, &twenty]);
}

fn tp_1_51_inclusive_lesser(eut: &mut Eut) {
    let [five, ten, _] = expirations(eut);
    search(eut, "[NotifExpiration<=10]", &[&five, &ten]);
}

/// This path gives a result without errors and without objects.
fn nothing(eut: &mut Eut, requested: &str) {
    let response = eut.get(&[requested]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    assert!(fine(&response, 0, requested).resolved_path_results.is_empty(), "{response:?}");
}

fn tp_1_82_unmatched_search_expression(eut: &mut Eut) {
    remove_all(eut, SUBSCRIPTIONS);
    nothing(eut, "Device.LocalAgent.Subscription.[Enable==true].");
}

fn tp_1_86_search_path_without_instances(eut: &mut Eut) {
    let [on, _] = on_and_off(eut);
    put(eut, &format!("{on}Enable"), "false");
    nothing(eut, "Device.LocalAgent.Subscription.[Enable==true].");
}

fn tp_1_87_object_path_without_instances(eut: &mut Eut) {
    remove_all(eut, SUBSCRIPTIONS);
    nothing(eut, SUBSCRIPTIONS);
}

fn tp_1_89_max_depth(eut: &mut Eut) {
    let model = readable(eut, "Device.LocalAgent.");
    let path = one(eut, "get");
    let mut depth = |depth: u32| {
        let response = eut.get_to_depth(&["Device.LocalAgent."], depth).unwrap();
        assert_eq!(response.req_path_results.len(), 1, "{response:?}");
        let found = objects(fine(&response, 0, "Device.LocalAgent."));
        whole(&found, &model);
        found.into_keys().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (first, second, all) = (depth(1), depth(2), depth(0));
    assert_eq!(first, ["Device.LocalAgent.".to_owned()].into());
    // The immediate children: single objects, and rows of tables.
    let child = |path: &&String| {
        let below = path.strip_prefix("Device.LocalAgent.").unwrap().trim_end_matches('.');
        below.split('.').filter(|level| level.parse::<u32>().is_err()).count() <= 1
    };
    assert_eq!(second, all.iter().filter(child).cloned().collect());
    assert!(second.contains(&path) && second.contains("Device.LocalAgent.Controller.1."), "{second:?}");
    assert!(all.len() > second.len(), "{all:?}");
    complete(&all.iter().map(String::as_str).collect(), &model, &[path]);
}
