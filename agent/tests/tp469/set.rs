//! Set.

use line3_proto::usp::{MsgType, SetResp, SetRespOperationSuccess};

use crate::controller::Params;
use crate::errors::{is_appropriate, one_blamed};
use crate::eut::Eut;
use crate::setup::{SUBSCRIPTIONS, all, not_updated, own_row, put, shown, subscription, updated, value, values};

cases! {
    tp_1_11_not_partial,
    tp_1_12_partial,
    tp_1_13_not_partial_several_objects,
    tp_1_14_not_partial_required_parameter_fails,
    tp_1_15_not_partial_required_parameter_of_one_object_fails,
    tp_1_16_partial_required_parameter_of_one_object_fails,
    tp_1_17_partial_other_parameter_fails,
    tp_1_18_unique_key_addressing,
    tp_1_19_wildcard,
    tp_1_20_wildcard_required_parameter_fails,
    tp_1_21_wildcard_partial_required_parameter_fails,
    tp_1_22_search_expression,
    tp_1_23_no_object_matches,
}

/// What most cases set.
const RETRY: Params<'_> = &[("NotifRetry", "true", true)];

/// What fails always.
const INVALID: Params<'_> = &[("InvalidParameter", "IrrelevantValue", true)];

/// A Subscription of the setup.
fn one(eut: &mut Eut, id: &str) -> String {
    let path = subscription(eut, id, "ValueChange", "Device.LocalAgent.SoftwareVersion");
    assert_eq!(value(eut, &format!("{path}NotifRetry")), "false");
    path
}

/// This result is of the path that was asked for, and exactly these rows have NotifRetry updated, and nothing else, without errors.
fn updated_retry(response: &SetResp, index: usize, requested: &str, paths: &[&str]) {
    let success = updated(response, index);
    assert_eq!(response.updated_obj_results[index].requested_path, requested, "{response:?}");
    let affected: Vec<_> = success.updated_inst_results.iter().map(|result| result.affected_path.as_str()).collect();
    assert_eq!(affected, paths, "{success:?}");
    for result in &success.updated_inst_results {
        assert_eq!(result.updated_params, [("NotifRetry".to_owned(), "true".to_owned())].into(), "{success:?}");
        assert!(result.param_errs.is_empty(), "{success:?}");
    }
}

fn one_object(eut: &mut Eut, allow_partial: bool) {
    let path = one(eut, "set");
    let response = eut.set(allow_partial, &[(&path, RETRY)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    updated_retry(&response, 0, &path, &[&path]);
    assert_eq!(value(eut, &format!("{path}NotifRetry")), "true");
}

fn tp_1_11_not_partial(eut: &mut Eut) {
    one_object(eut, false);
}

fn tp_1_12_partial(eut: &mut Eut) {
    one_object(eut, true);
}

fn tp_1_13_not_partial_several_objects(eut: &mut Eut) {
    let paths = [one(eut, "set1"), one(eut, "set2")];
    let response = eut.set(false, &[(&paths[0], RETRY), (&paths[1], RETRY)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 2, "{response:?}");
    for (index, path) in paths.iter().enumerate() {
        updated_retry(&response, index, path, &[path]);
    }
    let retries = paths.map(|path| format!("{path}NotifRetry"));
    let values = all(&eut.get(&[&retries[0], &retries[1]]).unwrap());
    assert_eq!(values, retries.map(|path| (path, "true".to_owned())).into());
}

fn tp_1_14_not_partial_required_parameter_fails(eut: &mut Eut) {
    let path = one(eut, "set");
    let error = eut.set(false, &[(&path, INVALID)]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Set), format!("{path}InvalidParameter"));
    let response = eut.get(&[&path]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    let objects = &response.req_path_results[0].resolved_path_results;
    assert_eq!(objects.iter().map(|object| object.resolved_path.as_str()).collect::<Vec<_>>(), [path.as_str()], "{response:?}");
    let values = all(&response);
    assert!(!values.is_empty() && !values.keys().any(|path| path.ends_with("InvalidParameter")), "{values:?}");
}

fn tp_1_15_not_partial_required_parameter_of_one_object_fails(eut: &mut Eut) {
    let paths = [one(eut, "set1"), one(eut, "set2")];
    let error = eut.set(false, &[(&paths[0], RETRY), (&paths[1], INVALID)]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Set), format!("{}InvalidParameter", paths[1]));
    let values = values(eut, SUBSCRIPTIONS);
    assert_eq!(values[&format!("{}NotifRetry", paths[0])], "false");
    assert_eq!(values[&format!("{}NotifRetry", paths[1])], "false");
    assert!(!values.keys().any(|path| path.ends_with("InvalidParameter")), "{values:?}");
}

fn tp_1_16_partial_required_parameter_of_one_object_fails(eut: &mut Eut) {
    let paths = [one(eut, "set1"), one(eut, "set2")];
    let response = eut.set(true, &[(&paths[0], RETRY), (&paths[1], INVALID)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 2, "{response:?}");
    updated_retry(&response, 0, &paths[0], &[&paths[0]]);
    assert_eq!(response.updated_obj_results[1].requested_path, paths[1], "{response:?}");
    let failure = not_updated(&response, 1);
    assert!(is_appropriate(MsgType::Set, failure.err_code), "{response:?}");
    assert_eq!(failure.updated_inst_failures.len(), 1, "{response:?}");
    let instance = &failure.updated_inst_failures[0];
    assert_eq!(instance.affected_path, paths[1]);
    assert_eq!(instance.param_errs.len(), 1, "{response:?}");
    assert_eq!(instance.param_errs[0].param, "InvalidParameter");
    assert!(is_appropriate(MsgType::Set, instance.param_errs[0].err_code), "{response:?}");
    assert_eq!(value(eut, &format!("{}NotifRetry", paths[0])), "true");
}

fn tp_1_17_partial_other_parameter_fails(eut: &mut Eut) {
    let path = one(eut, "set");
    let params = [("NotifRetry", "true", false), ("InvalidParameter", "IrrelevantValue", false)];
    let response = eut.set(true, &[(&path, &params)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    let success = updated(&response, 0);
    assert_eq!(success.updated_inst_results.len(), 1, "{response:?}");
    let result = &success.updated_inst_results[0];
    assert_eq!(result.affected_path, path);
    assert_eq!(result.updated_params.keys().collect::<Vec<_>>(), ["NotifRetry"], "{response:?}");
    assert_eq!(result.param_errs.len(), 1, "{response:?}");
    assert_eq!(result.param_errs[0].param, "InvalidParameter");
    assert!(is_appropriate(MsgType::Set, result.param_errs[0].err_code), "{response:?}");
    assert_eq!(value(eut, &format!("{path}NotifRetry")), "true");
}

fn tp_1_18_unique_key_addressing(eut: &mut Eut) {
    let path = one(eut, "set");
    let other = one(eut, "other");
    let values = values(eut, &path);
    let [alias, recipient] = ["Alias", "Recipient"].map(|name| values[&format!("{path}{name}")].clone());
    let me = own_row(eut);
    assert_eq!(recipient, me.trim_end_matches('.'));
    // Both unique key sets, each by itself.
    for keys in [format!("Alias==\"{alias}\""), format!("Recipient==\"{recipient}\"&&ID==\"set\"")] {
        put(eut, &format!("{path}NotifRetry"), "false");
        let requested = format!("{SUBSCRIPTIONS}[{keys}].");
        let response = eut.set(false, &[(&requested, RETRY)]).unwrap();
        assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
        updated_retry(&response, 0, &requested, &[&path]);
        assert_eq!(value(eut, &format!("{path}NotifRetry")), "true");
        assert_eq!(value(eut, &format!("{other}NotifRetry")), "false");
    }
}

fn tp_1_19_wildcard(eut: &mut Eut) {
    let paths = [one(eut, "set1"), one(eut, "set2")];
    let every = shown(eut, SUBSCRIPTIONS);
    assert!(paths.iter().all(|path| every.contains(path)), "{every:?}");
    let response = eut.set(false, &[("Device.LocalAgent.Subscription.*.", RETRY)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    updated_retry(&response, 0, "Device.LocalAgent.Subscription.*.", &every.iter().map(String::as_str).collect::<Vec<_>>());
    let retries: Vec<_> = every.iter().map(|path| format!("{path}NotifRetry")).collect();
    let values = all(&eut.get(&retries.iter().map(String::as_str).collect::<Vec<_>>()).unwrap());
    assert_eq!(values, retries.into_iter().map(|path| (path, "true".to_owned())).collect());
}

fn tp_1_20_wildcard_required_parameter_fails(eut: &mut Eut) {
    one(eut, "set1");
    one(eut, "set2");
    let paths = shown(eut, SUBSCRIPTIONS);
    let error = eut.set(false, &[("Device.LocalAgent.Subscription.*.", INVALID)]).unwrap_err();
    assert!(error.err_code == 7000 || is_appropriate(MsgType::Set, error.err_code), "{error:?}");
    assert!(!error.param_errs.is_empty(), "{error:?}");
    for blamed in &error.param_errs {
        assert!(paths.iter().any(|path| blamed.param_path == format!("{path}InvalidParameter")), "{error:?}");
        assert!(is_appropriate(MsgType::Set, blamed.err_code), "{error:?}");
    }
    let values = values(eut, SUBSCRIPTIONS);
    assert!(!values.keys().any(|path| path.ends_with("InvalidParameter")), "{values:?}");
}

fn tp_1_21_wildcard_partial_required_parameter_fails(eut: &mut Eut) {
    one(eut, "set1");
    one(eut, "set2");
    let paths = shown(eut, SUBSCRIPTIONS);
    let response = eut.set(true, &[("Device.LocalAgent.Subscription.*.", &[("Enable", "InvalidValue", true)])]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.updated_obj_results[0].requested_path, "Device.LocalAgent.Subscription.*.", "{response:?}");
    let failure = not_updated(&response, 0);
    assert!(is_appropriate(MsgType::Set, failure.err_code), "{response:?}");
    assert!(!failure.updated_inst_failures.is_empty(), "{response:?}");
    for instance in &failure.updated_inst_failures {
        assert!(paths.contains(&instance.affected_path), "{response:?}");
        assert_eq!(instance.param_errs.len(), 1, "{response:?}");
        assert_eq!(instance.param_errs[0].param, "Enable");
        assert!(is_appropriate(MsgType::Set, instance.param_errs[0].err_code), "{response:?}");
    }
    let values = values(eut, SUBSCRIPTIONS);
    for path in paths {
        assert_eq!(values[&format!("{path}Enable")], "true");
    }
}

fn tp_1_22_search_expression(eut: &mut Eut) {
    let path = one(eut, "set");
    let other = one(eut, "other");
    put(eut, &format!("{path}NotifExpiration"), "10");
    let response = eut.set(false, &[("Device.LocalAgent.Subscription.[NotifExpiration>0].", RETRY)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    updated_retry(&response, 0, "Device.LocalAgent.Subscription.[NotifExpiration>0].", &[&path]);
    assert_eq!(value(eut, &format!("{path}NotifRetry")), "true");
    assert_eq!(value(eut, &format!("{other}NotifRetry")), "false");
}

fn tp_1_23_no_object_matches(eut: &mut Eut) {
    // There are rows that it could match.
    one(eut, "set");
    let requested = "Device.LocalAgent.Subscription.[Recipient==\"InvalidValue\"].";
    let response = eut.set(true, &[(requested, RETRY)]).unwrap();
    assert_eq!(response.updated_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.updated_obj_results[0].requested_path, requested, "{response:?}");
    assert_eq!(*updated(&response, 0), SetRespOperationSuccess::default());
}
