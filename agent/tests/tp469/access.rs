//! Roles and permissions: 2.9 to 2.27.

use std::time::Duration;

use line3_proto::fault::code;
use line3_proto::usp::{AddResp, Error, Notification, OperateRespOperationResp, Response};

use crate::controller::{Controller, LIMIT};
use crate::eut::Eut;
use crate::setup::{
    CONTROLLERS, SUBSCRIPTIONS, added, all, controller_row, deleted, not_added, put, row, rows, subscription, updated, value, values,
};

cases! {
    tp_2_9_untrusted_role: "UntrustedRole is set to Observe first: the factory setting lets nobody unknown in",
    tp_2_10_adding_a_role,
    tp_2_11_object_creation_allowed,
    tp_2_12_object_creation_not_allowed,
    tp_2_13_object_deletion_allowed: "the plan's path lacks the last dot",
    tp_2_14_object_deletion_not_allowed: "the plan's path lacks the last dot",
    tp_2_15_parameter_update_allowed,
    tp_2_16_parameter_update_not_allowed,
    tp_2_17_operation_allowed,
    tp_2_18_operation_not_allowed,
    tp_2_19_value_change_allowed,
    tp_2_20_value_change_not_allowed,
    tp_2_21_overlapping_permissions: "the plan's path of the Permission table is read as that of the role",
    tp_2_22_get_leaves_out_what_is_not_readable,
    tp_2_23_add_by_search_in_part,
    tp_2_24_add_by_search_whole,
    tp_2_25_parameter_of_added_object_omitted,
    tp_2_26_parameter_of_added_object_included,
    tp_2_27_secured_role: "Device.MQTT.Client.1.Username is this agent's secured parameter: a password nobody reads",
}

/// The plan's Controller has this row.
const ME: &str = "Device.LocalAgent.Controller.1.";
const TRUST: &str = "Device.LocalAgent.ControllerTrust.";
const ROLES: &str = "Device.LocalAgent.ControllerTrust.Role.";
const SECOND: &str = "self::tp-second";

/// The table of the permissions of the role that the plan's Controller has.
fn permissions(eut: &mut Eut) -> String {
    format!("{}.Permission.", value(eut, &format!("{ME}AssignedRole")))
}

/// Adds permissions as the plan does, in one message: targets; the letters of Param, Obj, InstantiatedObj and CommandEvent; order,
/// where the plan gives one.
fn permit(eut: &mut Eut, wanted: &[(&str, [&str; 4], &str)]) -> AddResp {
    let table = permissions(eut);
    let params: Vec<Vec<_>> = wanted
        .iter()
        .map(|(targets, [param, obj, instantiated, command], order)| {
            let all = [
                ("Enable", "true", false),
                ("Targets", *targets, false),
                ("Param", *param, false),
                ("Obj", *obj, false),
                ("InstantiatedObj", *instantiated, false),
                ("CommandEvent", *command, false),
                ("Order", *order, false),
            ];
            all.into_iter().filter(|(_, value, _)| !value.is_empty()).collect()
        })
        .collect();
    let objects: Vec<_> = params.iter().map(|params| (table.as_str(), params.as_slice())).collect();
    let response = eut.add(false, &objects).unwrap();
    assert_eq!(response.created_obj_results.len(), wanted.len());
    for index in 0..wanted.len() {
        let done = added(&response, index);
        assert!(done.instantiated_path.starts_with(&table), "{done:?}");
        assert!(done.param_errs.is_empty(), "{done:?}");
    }
    response
}

#[track_caller]
fn denied<T: std::fmt::Debug>(answer: Result<T, Error>) -> Error {
    let error = answer.expect_err("it should be refused");
    assert_eq!(error.err_code, code::PERMISSION_DENIED, "{error:?}");
    error
}

fn tp_2_9_untrusted_role(eut: &mut Eut) {
    let role = format!("{ROLES}1");
    put(eut, &format!("{TRUST}UntrustedRole"), &role);
    let mut second = eut.controller(SECOND);
    second.get(&["Device.LocalAgent.EndpointID"]).unwrap();
    let controllers = values(eut, CONTROLLERS);
    let (path, _) = controllers.iter().find(|(path, value)| path.ends_with(".EndpointID") && *value == SECOND).expect("its row");
    let assigned = path.replace("EndpointID", "AssignedRole");
    assert_eq!(controllers[&assigned], role);
    assert_eq!(controllers[&assigned], value(eut, &format!("{TRUST}UntrustedRole")));
}

fn tp_2_10_adding_a_role(eut: &mut Eut) {
    let response = eut.add(false, &[(ROLES, &[("Enable", "true", false), ("Name", "Trusted", false)])]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1);
    let role = added(&response, 0).instantiated_path.clone();
    assert!(role.starts_with(ROLES), "{role}");
    assert_eq!((value(eut, &format!("{role}Name")), value(eut, &format!("{role}Enable"))), ("Trusted".to_owned(), "true".to_owned()));
}

fn tp_2_11_object_creation_allowed(eut: &mut Eut) {
    permit(eut, &[(SUBSCRIPTIONS, ["rwxn", "rw--", "rwxn", "rwxn"], "")]);
    let response = eut.add(false, &[(SUBSCRIPTIONS, &[])]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1);
    assert!(added(&response, 0).instantiated_path.starts_with(SUBSCRIPTIONS));
}

fn tp_2_12_object_creation_not_allowed(eut: &mut Eut) {
    permit(eut, &[(SUBSCRIPTIONS, ["rwxn", "r---", "rwxn", "rwxn"], "")]);
    denied(eut.add(false, &[(SUBSCRIPTIONS, &[])]));
    assert!(rows(eut, SUBSCRIPTIONS).is_empty());
}

fn tp_2_13_object_deletion_allowed(eut: &mut Eut) {
    let row = subscription(eut, "tp", "Event", "Device.Boot!");
    permit(eut, &[(SUBSCRIPTIONS, ["rwxn", "rwxn", "rw--", "rwxn"], "")]);
    let response = eut.delete(false, &[&row]).unwrap();
    assert_eq!(response.deleted_obj_results.len(), 1);
    assert_eq!(deleted(&response, 0).affected_paths, [row]);
    assert!(rows(eut, SUBSCRIPTIONS).is_empty());
}

fn tp_2_14_object_deletion_not_allowed(eut: &mut Eut) {
    let row = subscription(eut, "tp", "Event", "Device.Boot!");
    permit(eut, &[(SUBSCRIPTIONS, ["rwxn", "rwxn", "r---", "rwxn"], "")]);
    denied(eut.delete(false, &[&row]));
    assert_eq!(rows(eut, SUBSCRIPTIONS), [row]);
}

fn tp_2_15_parameter_update_allowed(eut: &mut Eut) {
    let row = subscription(eut, "tp", "Event", "Device.Boot!");
    permit(eut, &[(&row, ["rw--", "rwxn", "rwxn", "rwxn"], "")]);
    let response = eut.set(false, &[(&row, &[("Enable", "false", true)])]).unwrap();
    let done = &updated(&response, 0).updated_inst_results;
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].affected_path, row);
    assert_eq!(done[0].updated_params, [("Enable".to_owned(), "false".to_owned())].into());
}

fn tp_2_16_parameter_update_not_allowed(eut: &mut Eut) {
    let row = subscription(eut, "tp", "Event", "Device.Boot!");
    permit(eut, &[(&row, ["r---", "rwxn", "rwxn", "rwxn"], "")]);
    denied(eut.set(false, &[(&row, &[("Enable", "false", true)])]));
    assert_eq!(value(eut, &format!("{row}Enable")), "true");
}

fn tp_2_17_operation_allowed(eut: &mut Eut) {
    permit(eut, &[("Device.Reboot()", ["rwxn", "rwxn", "rwxn", "r-x-"], "")]);
    let response = eut.operate("Device.Reboot()", "", &[]).unwrap();
    assert_eq!(response.operation_results.len(), 1);
    let result = response.operation_results[0].operation_resp.as_ref();
    assert!(matches!(result, Some(OperateRespOperationResp::ReqOutputArgs(_))), "{response:?}");
}

fn tp_2_18_operation_not_allowed(eut: &mut Eut) {
    permit(eut, &[("Device.Reboot()", ["rwxn", "rwxn", "rwxn", "r---"], "")]);
    let starts = eut.log().matches(" runs as ").count();
    // The plan does not set send_resp, and wants the refusal all the same.
    let id = eut.operate_silently("Device.Reboot()", "", &[]);
    let Some(Ok(Response::OperateResp(response))) = eut.answer(&id, LIMIT) else { panic!("no OperateResp") };
    assert_eq!(response.operation_results.len(), 1);
    match response.operation_results[0].operation_resp.as_ref() {
        Some(OperateRespOperationResp::CmdFailure(failure)) => assert_eq!(failure.err_code, code::PERMISSION_DENIED),
        other => panic!("no failure: {other:?}"),
    }
    eut.hears_nothing(Duration::from_secs(2));
    assert_eq!(eut.log().matches(" runs as ").count(), starts, "it has rebooted");
}

const INTERVAL: &str = "Device.LocalAgent.Controller.1.PeriodicNotifInterval";

/// What 2.19 and 2.20 do: subscribes, and sets the parameter anew. Gives the ID of the subscription.
fn change_what_is_subscribed(eut: &mut Eut, param: &str) -> String {
    permit(eut, &[(INTERVAL, [param, "rwxn", "rwxn", "rwxn"], "")]);
    let params = [("Enable", "true", false), ("NotifType", "ValueChange", false), ("ReferenceList", INTERVAL, false)];
    let response = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap();
    let row = added(&response, 0).instantiated_path.clone();
    assert!(added(&response, 0).param_errs.is_empty(), "{response:?}");
    let id = value(eut, &format!("{row}ID"));
    let response = eut.set(false, &[(ME, &[("PeriodicNotifInterval", "4321", true)])]).unwrap();
    let done = &updated(&response, 0).updated_inst_results[0];
    assert_eq!((done.affected_path.as_str(), done.updated_params.contains_key("PeriodicNotifInterval")), (ME, true));
    id
}

fn tp_2_19_value_change_allowed(eut: &mut Eut) {
    let id = change_what_is_subscribed(eut, "rw-n");
    let notify = eut.notify_of(&id, LIMIT);
    match notify.notification {
        Some(Notification::ValueChange(change)) => {
            assert_eq!((change.param_path.as_str(), change.param_value.as_str()), (INTERVAL, "4321"));
        }
        other => panic!("no ValueChange: {other:?}"),
    }
}

fn tp_2_20_value_change_not_allowed(eut: &mut Eut) {
    let id = change_what_is_subscribed(eut, "rw--");
    // Neither this subscription nor anything else tells of it.
    eut.no_notify_of(&id, Duration::from_secs(30));
    eut.no_notify(Duration::ZERO);
}

/// Adds a BootParameter to a controller; gives its path.
fn boot_parameter(eut: &mut Eut) -> String {
    let params = [("Enable", "true"), ("ParameterName", "Device.LocalAgent.SoftwareVersion")];
    row(eut, &format!("{ME}BootParameter."), &params)
}

fn tp_2_21_overlapping_permissions(eut: &mut Eut) {
    let row = boot_parameter(eut);
    let [nothing, some] = [["----", "rwxn", "rwxn", "rwxn"], ["rw--", "rwxn", "rwxn", "rwxn"]];
    // "The lowest available value": below these is only what the role had.
    let table = permissions(eut);
    let orders = values(eut, &format!("{table}*.Order"));
    assert!(orders.values().all(|order| order == "0"), "{orders:?}");
    permit(eut, &[(&row, nothing, "1"), (&row, some, "2")]);
    let found = values(eut, &format!("{ME}BootParameter."));
    assert_eq!(found[&format!("{row}ParameterName")], "Device.LocalAgent.SoftwareVersion");
    assert_eq!(found[&format!("{row}Enable")], "true");
    permit(eut, &[(&row, nothing, "3")]);
    let response = eut.get(&[&format!("{ME}BootParameter.")]).unwrap();
    assert!(all(&response).is_empty(), "{response:?}");
    assert!(response.req_path_results.iter().all(|result| result.resolved_path_results.iter().all(|found| found.resolved_path != row)));
}

fn tp_2_22_get_leaves_out_what_is_not_readable(eut: &mut Eut) {
    let row = boot_parameter(eut);
    let before = values(eut, &row);
    let name = format!("{row}ParameterName");
    permit(eut, &[(&row, ["rw--", "rwxn", "rwxn", "rwxn"], ""), (&name, ["----", "rwxn", "rwxn", "rwxn"], "")]);
    let mut expected = before;
    assert!(expected.remove(&name).is_some());
    assert!(!expected.is_empty());
    assert_eq!(values(eut, &row), expected);
}

/// The tables that 2.23 and 2.24 add to; the plan leaves out the last dot.
const TABLES: &str = "Device.LocalAgent.Controller.*.BootParameter";

/// What 2.23 and 2.24 begin with: a second Controller row, whose BootParameter table takes no values from the plan's Controller.
fn second_without_writing(eut: &mut Eut, orders: [&str; 2]) -> String {
    let second = controller_row(eut, SECOND);
    let (mine, its) = (format!("{ME}BootParameter."), format!("{second}BootParameter."));
    permit(eut, &[(&mine, ["rw--", "rwxn", "rwxn", "rwxn"], orders[0]), (&its, ["r---", "rwxn", "rwxn", "rwxn"], orders[1])]);
    second
}

fn tp_2_23_add_by_search_in_part(eut: &mut Eut) {
    second_without_writing(eut, ["1", "1"]);
    let response = eut.add(true, &[(TABLES, &[("Enable", "false", true)])]).unwrap();
    assert_eq!(response.created_obj_results.len(), 2, "{response:?}");
    assert!(added(&response, 0).instantiated_path.starts_with(&format!("{ME}BootParameter.")), "{response:?}");
    assert_eq!(not_added(&response, 1).err_code, code::PERMISSION_DENIED, "{response:?}");
}

fn tp_2_24_add_by_search_whole(eut: &mut Eut) {
    let second = second_without_writing(eut, ["1", "2"]);
    let error = denied(eut.add(false, &[(TABLES, &[("Enable", "false", true)])]));
    assert_eq!(error.param_errs.len(), 1, "{error:?}");
    let blamed = &error.param_errs[0];
    assert_eq!((blamed.param_path.as_str(), blamed.err_code), (format!("{second}BootParameter").as_str(), code::PERMISSION_DENIED));
    assert!(values(eut, &format!("{TABLES}.")).is_empty());
}

fn tp_2_25_parameter_of_added_object_omitted(eut: &mut Eut) {
    permit(eut, &[("Device.LocalAgent.Subscription.*.Enable", ["r---", "rwxn", "rwxn", "rwxn"], "1")]);
    let params = [("ID", "add1", false), ("NotifType", "ValueChange", false), ("ReferenceList", "Device.LocalAgent.SoftwareVersion", true)];
    let response = eut.add(false, &[(SUBSCRIPTIONS, &params)]).unwrap();
    let row = added(&response, 0).instantiated_path.clone();
    assert_eq!(value(eut, &format!("{row}Enable")), "false");
}

fn tp_2_26_parameter_of_added_object_included(eut: &mut Eut) {
    permit(eut, &[("Device.LocalAgent.Subscription.*.Enable", ["r---", "rwxn", "rwxn", "rwxn"], "1")]);
    let params = [
        ("ID", "add26", false),
        ("NotifType", "ValueChange", false),
        ("ReferenceList", "Device.LocalAgent.SoftwareVersion", true),
        ("Enable", "true", true),
    ];
    let response = eut.add(true, &[(SUBSCRIPTIONS, &params)]).unwrap();
    assert_eq!(response.created_obj_results.len(), 1);
    assert_eq!(not_added(&response, 0).err_code, code::PERMISSION_DENIED, "{response:?}");
    assert!(!values(eut, SUBSCRIPTIONS).values().any(|value| value == "add26"));
}

fn tp_2_27_secured_role(eut: &mut Eut) {
    const SECURED: &str = "Device.MQTT.Client.1.Username";
    put(eut, SECURED, "tp-user");
    let role = row(eut, ROLES, &[("Enable", "true"), ("Name", "Reader")]);
    let all = [("Param", "r---"), ("Obj", "r---"), ("InstantiatedObj", "r---"), ("CommandEvent", "r---")];
    let permission = [&[("Enable", "true"), ("Targets", "Device.MQTT.")][..], &all[..]].concat();
    row(eut, &format!("{role}Permission."), &permission);
    let second = controller_row(eut, SECOND);
    put(eut, &format!("{second}AssignedRole"), role.trim_end_matches('.'));
    assert!(!value(eut, &format!("{TRUST}SecuredRoles")).contains(role.trim_end_matches('.')));
    let mut second: Controller = eut.controller(SECOND);
    assert_eq!(value(&mut second, SECURED), "");
    let response = eut.set(false, &[(TRUST, &[("SecuredRoles", role.trim_end_matches('.'), true)])]).unwrap();
    updated(&response, 0);
    assert_eq!(value(&mut second, SECURED), "tp-user");
}
