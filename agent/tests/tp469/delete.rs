//! Delete.

use line3_proto::usp::{DeleteResp, DeleteRespOperationSuccess, MsgType};

use crate::errors::{is_appropriate, one_blamed};
use crate::eut::{CONTROLLER, Eut};
use crate::setup::{CONTROLLERS, SUBSCRIPTIONS, deleted, not_deleted, own_row, put, remove_all, row, shown, subscription, values};

cases! {
    tp_1_24_not_partial,
    tp_1_25_not_partial_no_such_row,
    tp_1_26_not_partial_invalid_object,
    tp_1_27_not_partial_several_objects,
    tp_1_28_not_partial_one_object_invalid,
    tp_1_29_partial_no_such_row,
    tp_1_30_partial_invalid_object,
    tp_1_31_partial_one_object_invalid,
    tp_1_32_partial_one_row_does_not_exist,
    tp_1_33_unique_key_addressing,
    tp_1_34_wildcard,
    tp_1_35_search_expression,
    tp_1_90_no_object_matches,
}

/// A Subscription of the setup.
fn one(eut: &mut Eut, id: &str) -> String {
    subscription(eut, id, "ValueChange", "Device.LocalAgent.SoftwareVersion")
}

/// What can be no row's path: a number that was never given.
const NO_ROW: &str = "Device.LocalAgent.Subscription.4242.";

/// What is not in the data model.
const INVALID: &str = "Device.LocalAgent.InvalidObject.";

/// The result of this path: these rows were deleted, and none failed to be.
fn gone(response: &DeleteResp, index: usize, requested: &str, paths: &[&str]) {
    assert_eq!(response.deleted_obj_results[index].requested_path, requested, "{response:?}");
    let success = deleted(response, index);
    assert_eq!(success.affected_paths, paths, "{response:?}");
    assert!(success.unaffected_path_errs.is_empty(), "{response:?}");
}

fn tp_1_24_not_partial(eut: &mut Eut) {
    let path = one(eut, "delete");
    let response = eut.delete(false, &[&path]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    gone(&response, 0, &path, &[&path]);
    assert!(!shown(eut, SUBSCRIPTIONS).contains(&path));
}

fn no_such_row(eut: &mut Eut, allow_partial: bool) {
    let before = shown(eut, SUBSCRIPTIONS);
    assert!(!before.iter().any(|row| row == NO_ROW), "{before:?}");
    let response = eut.delete(allow_partial, &[NO_ROW]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.deleted_obj_results[0].requested_path, NO_ROW);
    assert_eq!(*deleted(&response, 0), DeleteRespOperationSuccess::default());
    assert_eq!(shown(eut, SUBSCRIPTIONS), before);
}

fn tp_1_25_not_partial_no_such_row(eut: &mut Eut) {
    no_such_row(eut, false);
}

fn tp_1_26_not_partial_invalid_object(eut: &mut Eut) {
    let error = eut.delete(false, &[INVALID]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Delete), INVALID);
}

fn tp_1_27_not_partial_several_objects(eut: &mut Eut) {
    let (first, second) = (one(eut, "delete1"), one(eut, "delete2"));
    let response = eut.delete(false, &[&first, &second]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 2, "{response:?}");
    gone(&response, 0, &first, &[&first]);
    gone(&response, 1, &second, &[&second]);
    let left = shown(eut, SUBSCRIPTIONS);
    assert!(!left.contains(&first) && !left.contains(&second), "{left:?}");
}

fn tp_1_28_not_partial_one_object_invalid(eut: &mut Eut) {
    let path = one(eut, "delete");
    let error = eut.delete(false, &[&path, INVALID]).unwrap_err();
    assert_eq!(one_blamed(&error, MsgType::Delete), INVALID);
    let left = values(eut, SUBSCRIPTIONS);
    assert_eq!(left.get(&format!("{path}ID")).map(String::as_str), Some("delete"), "{left:?}");
}

fn tp_1_29_partial_no_such_row(eut: &mut Eut) {
    no_such_row(eut, true);
}

fn tp_1_30_partial_invalid_object(eut: &mut Eut) {
    let response = eut.delete(true, &[INVALID]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.deleted_obj_results[0].requested_path, INVALID);
    assert!(is_appropriate(MsgType::Delete, not_deleted(&response, 0).err_code), "{response:?}");
}

fn tp_1_31_partial_one_object_invalid(eut: &mut Eut) {
    let path = one(eut, "delete");
    let response = eut.delete(true, &[&path, INVALID]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 2, "{response:?}");
    gone(&response, 0, &path, &[&path]);
    assert_eq!(response.deleted_obj_results[1].requested_path, INVALID);
    assert!(is_appropriate(MsgType::Delete, not_deleted(&response, 1).err_code), "{response:?}");
    assert!(!shown(eut, SUBSCRIPTIONS).contains(&path));
}

fn tp_1_32_partial_one_row_does_not_exist(eut: &mut Eut) {
    let path = one(eut, "delete");
    let response = eut.delete(true, &[&path, NO_ROW]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 2, "{response:?}");
    gone(&response, 0, &path, &[&path]);
    assert_eq!(response.deleted_obj_results[1].requested_path, NO_ROW);
    assert_eq!(*deleted(&response, 1), DeleteRespOperationSuccess::default());
    assert!(!shown(eut, SUBSCRIPTIONS).contains(&path));
}

/// A BootParameter of the asking controller.
fn boot_parameter(eut: &mut Eut, parameter: &str, enable: &str) -> String {
    let table = format!("{}BootParameter.", own_row(eut));
    row(eut, &table, &[("Enable", enable), ("ParameterName", parameter)])
}

fn tp_1_33_unique_key_addressing(eut: &mut Eut) {
    let me = own_row(eut);
    let alias = &values(eut, &me)[&format!("{me}Alias")];
    let path = boot_parameter(eut, "Device.LocalAgent.SoftwareVersion", "true");
    let number = path.trim_end_matches('.').rsplit('.').next().unwrap();
    let requested = format!("{CONTROLLERS}[EndpointID==\"{CONTROLLER}\"&&Alias==\"{alias}\"].BootParameter.{number}.");
    let response = eut.delete(false, &[&requested]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    gone(&response, 0, &requested, &[&path]);
    assert!(!shown(eut, &format!("{me}BootParameter.")).contains(&path));
}

fn tp_1_34_wildcard(eut: &mut Eut) {
    let paths = [one(eut, "delete1"), one(eut, "delete2")];
    let all = shown(eut, SUBSCRIPTIONS);
    assert!(paths.iter().all(|path| all.contains(path)), "{all:?}");
    let response = eut.delete(false, &["Device.LocalAgent.Subscription.*."]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    gone(&response, 0, "Device.LocalAgent.Subscription.*.", &all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(shown(eut, SUBSCRIPTIONS), [""; 0]);
}

fn tp_1_35_search_expression(eut: &mut Eut) {
    let me = own_row(eut);
    let on = boot_parameter(eut, "Device.LocalAgent.SoftwareVersion", "true");
    let off = boot_parameter(eut, "Device.LocalAgent.EndpointID", "false");
    let on_too = boot_parameter(eut, "Device.LocalAgent.UpTime", "true");
    let requested = format!("{me}BootParameter.[Enable==true].");
    let response = eut.delete(false, &[&requested]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    gone(&response, 0, &requested, &[&on, &on_too]);
    assert_eq!(shown(eut, &format!("{me}BootParameter.")), [off.as_str()]);
    assert_eq!(values(eut, &format!("{me}BootParameter."))[&format!("{off}Enable")], "false");
}

fn tp_1_90_no_object_matches(eut: &mut Eut) {
    remove_all(eut, SUBSCRIPTIONS);
    let path = one(eut, "delete");
    put(eut, &format!("{path}Enable"), "true");
    let requested = "Device.LocalAgent.Subscription.[Enable==false].";
    let response = eut.delete(false, &[requested]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1, "{response:?}");
    assert_eq!(response.deleted_obj_results[0].requested_path, requested);
    assert_eq!(*deleted(&response, 0), DeleteRespOperationSuccess::default());
    assert_eq!(shown(eut, SUBSCRIPTIONS), [path]);
}
