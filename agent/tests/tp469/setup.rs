//! The setup steps that many cases begin with, and looks at answers that many end with.

use std::collections::BTreeMap;

use line3_proto::usp::{
    AddResp, AddRespOperStatus, AddRespOperationFailure, AddRespOperationSuccess, DeleteResp, DeleteRespOperStatus,
    DeleteRespOperationFailure, DeleteRespOperationSuccess, GetResp, SetResp, SetRespOperStatus, SetRespOperationFailure,
    SetRespOperationSuccess,
};

use crate::controller::{Controller, Params};

/// The table that most cases work on.
pub(crate) const SUBSCRIPTIONS: &str = "Device.LocalAgent.Subscription.";

/// The table of controllers.
pub(crate) const CONTROLLERS: &str = "Device.LocalAgent.Controller.";

/// Adds a row; gives its path, which ends with a dot.
pub(crate) fn row(controller: &mut Controller, table: &str, params: &[(&str, &str)]) -> String {
    let params: Vec<_> = params.iter().map(|(name, value)| (*name, *value, true)).collect();
    let response = controller.add(false, &[(table, &params)]).unwrap_or_else(|error| panic!("setup: {table} {params:?}: {error:?}"));
    added(&response, 0).instantiated_path.clone()
}

/// Adds an enabled Subscription of the asking controller; gives its path.
pub(crate) fn subscription(controller: &mut Controller, id: &str, notif_type: &str, references: &str) -> String {
    row(controller, SUBSCRIPTIONS, &[("Enable", "true"), ("ID", id), ("NotifType", notif_type), ("ReferenceList", references)])
}

/// Adds an enabled Controller row; gives its path.
pub(crate) fn controller_row(controller: &mut Controller, endpoint_id: &str) -> String {
    row(controller, CONTROLLERS, &[("Enable", "true"), ("EndpointID", endpoint_id)])
}

/// Sets one parameter by its full path.
pub(crate) fn put(controller: &mut Controller, path: &str, value: &str) {
    let (object, name) = split(path);
    let params: Params<'_> = &[(name, value, true)];
    let response = controller.set(false, &[(object, params)]).unwrap_or_else(|error| panic!("setup: {path} = {value}: {error:?}"));
    updated(&response, 0);
}

/// A full path's object, which ends with a dot, and its parameter.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('.').unwrap() + 1)
}

/// A concrete path's one in the supported data model: every number becomes `{i}`.
pub(crate) fn supported_path(path: &str) -> String {
    let level = |level: &str| if level.parse::<u32>().is_ok() { "{i}".to_owned() } else { level.to_owned() };
    path.split('.').map(level).collect::<Vec<_>>().join(".")
}

/// All values that a path gives, by full path.
pub(crate) fn values(controller: &mut Controller, path: &str) -> BTreeMap<String, String> {
    all(&controller.get(&[path]).unwrap())
}

/// The value of a parameter.
pub(crate) fn value(controller: &mut Controller, path: &str) -> String {
    let response = controller.get(&[path]).unwrap();
    all(&response).remove(path).unwrap_or_else(|| panic!("{path} has no value: {response:?}"))
}

/// All values of an answer, by full path. Fails where a path has an error.
pub(crate) fn all(response: &GetResp) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for result in &response.req_path_results {
        assert_eq!((result.err_code, result.err_msg.as_str()), (0, ""), "{result:?}");
        for object in &result.resolved_path_results {
            assert!(object.resolved_path.ends_with('.'), "{object:?}");
            for (name, value) in &object.result_params {
                values.insert(format!("{}{name}", object.resolved_path), value.clone());
            }
        }
    }
    values
}

/// The rows of a table.
pub(crate) fn rows(controller: &mut Controller, table: &str) -> Vec<String> {
    let response = controller.instances(&[table], true).unwrap();
    response.req_path_results[0].curr_insts.iter().map(|row| row.instantiated_obj_path.clone()).collect()
}

/// The rows of a table that a Get of it shows.
pub(crate) fn shown(controller: &mut Controller, table: &str) -> Vec<String> {
    let response = controller.get(&[table]).unwrap();
    assert_eq!(response.req_path_results.len(), 1, "{response:?}");
    all(&response);
    let is_row = |path: &&str| {
        let number = path.strip_prefix(table).and_then(|path| path.strip_suffix('.'));
        number.unwrap_or_else(|| panic!("{path} is not below {table}")).parse::<u32>().is_ok()
    };
    let paths = response.req_path_results[0].resolved_path_results.iter().map(|object| object.resolved_path.as_str());
    paths.filter(is_row).map(str::to_owned).collect()
}

/// The result of an AddResp with this index, a success.
pub(crate) fn added(response: &AddResp, index: usize) -> &AddRespOperationSuccess {
    match status(response, index) {
        AddRespOperStatus::OperSuccess(success) => success,
        AddRespOperStatus::OperFailure(_) => panic!("not added: {response:?}"),
    }
}

/// The result of an AddResp with this index, a failure.
pub(crate) fn not_added(response: &AddResp, index: usize) -> &AddRespOperationFailure {
    match status(response, index) {
        AddRespOperStatus::OperFailure(failure) => failure,
        AddRespOperStatus::OperSuccess(_) => panic!("added: {response:?}"),
    }
}

fn status(response: &AddResp, index: usize) -> &AddRespOperStatus {
    let status = || response.created_obj_results.get(index)?.oper_status.as_ref()?.oper_status.as_ref();
    status().unwrap_or_else(|| panic!("no result {index}: {response:?}"))
}

/// The result of a SetResp with this index, a success.
pub(crate) fn updated(response: &SetResp, index: usize) -> &SetRespOperationSuccess {
    let status = || response.updated_obj_results.get(index)?.oper_status.as_ref()?.oper_status.as_ref();
    match status().unwrap_or_else(|| panic!("no result {index}: {response:?}")) {
        SetRespOperStatus::OperSuccess(success) => success,
        SetRespOperStatus::OperFailure(_) => panic!("not updated: {response:?}"),
    }
}

/// The result of a SetResp with this index, a failure.
pub(crate) fn not_updated(response: &SetResp, index: usize) -> &SetRespOperationFailure {
    let status = || response.updated_obj_results.get(index)?.oper_status.as_ref()?.oper_status.as_ref();
    match status().unwrap_or_else(|| panic!("no result {index}: {response:?}")) {
        SetRespOperStatus::OperFailure(failure) => failure,
        SetRespOperStatus::OperSuccess(_) => panic!("updated: {response:?}"),
    }
}

/// The result of a DeleteResp with this index, a success.
pub(crate) fn deleted(response: &DeleteResp, index: usize) -> &DeleteRespOperationSuccess {
    let status = || response.deleted_obj_results.get(index)?.oper_status.as_ref()?.oper_status.as_ref();
    match status().unwrap_or_else(|| panic!("no result {index}: {response:?}")) {
        DeleteRespOperStatus::OperSuccess(success) => success,
        DeleteRespOperStatus::OperFailure(_) => panic!("not deleted: {response:?}"),
    }
}

/// The result of a DeleteResp with this index, a failure.
pub(crate) fn not_deleted(response: &DeleteResp, index: usize) -> &DeleteRespOperationFailure {
    let status = || response.deleted_obj_results.get(index)?.oper_status.as_ref()?.oper_status.as_ref();
    match status().unwrap_or_else(|| panic!("no result {index}: {response:?}")) {
        DeleteRespOperStatus::OperFailure(failure) => failure,
        DeleteRespOperStatus::OperSuccess(_) => panic!("deleted: {response:?}"),
    }
}

/// Removes all rows of a table, for a case that wants none.
pub(crate) fn remove_all(controller: &mut Controller, table: &str) {
    controller.delete(false, &[&format!("{table}*.")]).unwrap();
    assert_eq!(rows(controller, table), [""; 0]);
}

/// The row of the asking controller in the table of controllers.
pub(crate) fn own_row(controller: &mut Controller) -> String {
    let path = format!("{CONTROLLERS}[EndpointID==\"{}\"].", controller.me);
    let response = controller.instances(&[CONTROLLERS], true).unwrap();
    let rows = &response.req_path_results[0].curr_insts;
    let own = rows.iter().find(|row| row.unique_keys["EndpointID"] == controller.me.as_str());
    own.unwrap_or_else(|| panic!("no {path}: {response:?}")).instantiated_obj_path.clone()
}
