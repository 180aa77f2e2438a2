//! What the plan asks of everything that the agent sends (its "universal test metrics"): records and messages as the schemas want
//! them, path names that hold, and instances by their numbers.

use line3_proto::path::{Path, Segment};
use line3_proto::record::VERSION;
use line3_proto::usp::{
    AddRespOperStatus, DeleteRespOperStatus, Msg, MsgContent, Notification, OperateRespOperationResp, PayloadSecurity, Record, RecordType,
    Request, Response, SetRespOperStatus,
};
use line3_proto::{EndpointId, Publication};
use prost::Message as _;

/// Judges one record from the agent.
pub(crate) fn check(publication: &Publication, from: &EndpointId, to: &EndpointId) {
    let record = Record::decode(publication.payload.as_slice()).unwrap();
    assert_eq!((record.from_id.as_str(), record.to_id.as_str()), (from.as_str(), to.as_str()), "{record:?}");
    assert_eq!((record.version.as_str(), record.payload_security()), (VERSION, PayloadSecurity::Plaintext), "{record:?}");
    assert_eq!(publication.content_type.as_deref(), Some("usp.msg"), "{record:?}");
    let Some(RecordType::NoSessionContext(inner)) = record.record_type else { return };
    let message = Msg::decode(inner.payload.as_slice()).unwrap();
    let header = message.header.as_ref().unwrap_or_else(|| panic!("no header: {message:?}"));
    assert!(!header.msg_id.is_empty(), "{message:?}");
    assert_eq!(Some(header.msg_type()), message.kind(), "{message:?}");
    let content = message.clone().into_content().unwrap_or_else(|| panic!("no content: {message:?}")).1;
    for path in paths(content) {
        let parsed = Path::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}: {message:?}"));
        let concrete = parsed.segments.iter().all(|segment| matches!(segment, Segment::Name(_) | Segment::Instance(_)));
        assert!(concrete, "{path} does not name its instances by number: {message:?}");
    }
}

/// The path names that the agent has put into a message; those that repeat a request's are not its own.
fn paths(content: MsgContent) -> Vec<String> {
    match content {
        MsgContent::Response(response) => answered(response),
        MsgContent::Request(Request::Notify(notify)) => notify.notification.map(notified).into_iter().collect(),
        MsgContent::Request(_) | MsgContent::Error(_) => Vec::new(),
    }
}

fn notified(notification: Notification) -> String {
    match notification {
        Notification::Event(event) => format!("{}{}", event.obj_path, event.event_name),
        Notification::ValueChange(change) => change.param_path,
        Notification::ObjCreation(creation) => creation.obj_path,
        Notification::ObjDeletion(deletion) => deletion.obj_path,
        Notification::OperComplete(complete) => format!("{}{}", complete.obj_path, complete.command_name),
        Notification::OnBoardReq(_) => "Device.".to_owned(),
    }
}

fn answered(response: Response) -> Vec<String> {
    match response {
        Response::GetResp(response) => {
            let objects = response.req_path_results.into_iter().flat_map(|result| result.resolved_path_results);
            let full = |object: line3_proto::usp::ResolvedPathResult| {
                let names: Vec<_> = object.result_params.into_keys().collect();
                names.into_iter().map(move |name| format!("{}{name}", object.resolved_path))
            };
            objects.flat_map(full).collect()
        }
        Response::GetInstancesResp(response) => {
            let rows = response.req_path_results.into_iter().flat_map(|result| result.curr_insts);
            rows.map(|row| row.instantiated_obj_path).collect()
        }
        Response::AddResp(response) => {
            let statuses = response.created_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            let path = |status| match status {
                AddRespOperStatus::OperSuccess(success) => Some(success.instantiated_path),
                AddRespOperStatus::OperFailure(_) => None,
            };
            statuses.filter_map(path).collect()
        }
        Response::SetResp(response) => {
            let statuses = response.updated_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            let paths = |status| -> Vec<String> {
                match status {
                    SetRespOperStatus::OperSuccess(done) => done.updated_inst_results.into_iter().map(|row| row.affected_path).collect(),
                    SetRespOperStatus::OperFailure(failed) => {
                        failed.updated_inst_failures.into_iter().map(|row| row.affected_path).collect()
                    }
                }
            };
            statuses.flat_map(paths).collect()
        }
        Response::DeleteResp(response) => {
            let statuses = response.deleted_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            let paths = |status| match status {
                DeleteRespOperStatus::OperSuccess(done) => done.affected_paths,
                DeleteRespOperStatus::OperFailure(_) => Vec::new(),
            };
            statuses.flat_map(paths).collect()
        }
        Response::OperateResp(response) => {
            let paths = |result: line3_proto::usp::OperationResult| match result.operation_resp {
                Some(OperateRespOperationResp::ReqObjPath(row)) => vec![result.executed_command, row],
                Some(OperateRespOperationResp::ReqOutputArgs(_)) => vec![result.executed_command],
                // A command that cannot be is named as it was asked for.
                Some(OperateRespOperationResp::CmdFailure(_)) | None => Vec::new(),
            };
            response.operation_results.into_iter().flat_map(paths).collect()
        }
        _ => Vec::new(),
    }
}
