//! What a box says, as text.

use line3_proto::row::Args;
use line3_proto::usp::{
    AddRespOperStatus, DeleteRespOperStatus, Msg, MsgContent, Notification, NotifyOperationResp, OperateRespOperationResp, Request,
    Response, SetRespOperStatus,
};

pub(crate) fn message(msg: Msg) -> Vec<String> {
    let Some((id, content)) = msg.into_content() else { return vec!["an empty message".to_owned()] };
    match content {
        MsgContent::Request(Request::Notify(notify)) => {
            let retried = if notify.send_resp { " answer wanted" } else { "" };
            vec![format!("Notify {}{retried}: {}", notify.subscription_id, notification(notify.notification))]
        }
        MsgContent::Request(_) => vec!["some request".to_owned()],
        MsgContent::Response(response) => answer(response).into_iter().map(|line| format!("#{id} {line}")).collect(),
        MsgContent::Error(error) => {
            let params = error.param_errs.into_iter().map(|e| format!("#{id}   {}: {} {}", e.param_path, e.err_code, e.err_msg));
            let head = format!("#{id} Error {} {}", error.err_code, error.err_msg);
            std::iter::once(head).chain(params).collect()
        }
    }
}

fn args(args: &Args) -> String {
    let arg = |(name, value): (&String, &String)| match value.len() {
        0..=200 => format!(" {name}={value}"),
        long => format!(" {name}=<{long} bytes>"),
    };
    args.iter().map(arg).collect()
}

fn notification(notification: Option<Notification>) -> String {
    match notification {
        Some(Notification::Event(event)) => format!("{}{}{}", event.obj_path, event.event_name, args(&event.params)),
        Some(Notification::OperComplete(done)) => {
            let result = match done.operation_resp {
                Some(NotifyOperationResp::ReqOutputArgs(output)) => args(&output.output_args),
                Some(NotifyOperationResp::CmdFailure(failure)) => format!(" {} {}", failure.err_code, failure.err_msg),
                None => " nothing".to_owned(),
            };
            format!("OperationComplete {}{} key={}{result}", done.obj_path, done.command_name, done.command_key)
        }
        Some(Notification::ValueChange(change)) => format!("ValueChange {}={}", change.param_path, change.param_value),
        Some(Notification::ObjCreation(made)) => format!("ObjectCreation {}{}", made.obj_path, args(&made.unique_keys)),
        Some(Notification::ObjDeletion(gone)) => format!("ObjectDeletion {}", gone.obj_path),
        Some(Notification::OnBoardReq(who)) => {
            format!("OnBoardRequest {} {} {} {}", who.oui, who.product_class, who.serial_number, who.agent_supported_protocol_versions)
        }
        None => "nothing".to_owned(),
    }
}

fn answer(response: Response) -> Vec<String> {
    let fault = |code: u32, text: &str| format!("{code} {text}");
    match response {
        Response::GetResp(get) => {
            let path = |result: line3_proto::usp::GetRespRequestedPathResult| {
                if result.err_code != 0 {
                    return vec![format!("GetResp {}: {}", result.requested_path, fault(result.err_code, &result.err_msg))];
                }
                if result.resolved_path_results.is_empty() {
                    return vec![format!("GetResp {}: nothing", result.requested_path)];
                }
                result.resolved_path_results.iter().map(|r| format!("GetResp {}{}", r.resolved_path, args(&r.result_params))).collect()
            };
            get.req_path_results.into_iter().flat_map(path).collect()
        }
        Response::GetInstancesResp(get) => {
            let path = |result: line3_proto::usp::GetInstancesRespRequestedPathResult| {
                if result.err_code != 0 {
                    return vec![format!("GetInstancesResp {}: {}", result.requested_path, fault(result.err_code, &result.err_msg))];
                }
                let instances = result.curr_insts.iter();
                instances.map(|i| format!("GetInstancesResp {}{}", i.instantiated_obj_path, args(&i.unique_keys))).collect()
            };
            get.req_path_results.into_iter().flat_map(path).collect()
        }
        Response::GetSupportedDmResp(get) => get.req_obj_results.into_iter().flat_map(supported).collect(),
        Response::GetSupportedProtocolResp(versions) => {
            vec![format!("GetSupportedProtocolResp {}", versions.agent_supported_protocol_versions)]
        }
        Response::AddResp(add) => {
            let object = |result: line3_proto::usp::CreatedObjectResult| match result.oper_status.and_then(|s| s.oper_status) {
                Some(AddRespOperStatus::OperSuccess(done)) => {
                    let errors = done.param_errs.iter().map(|e| format!(" [{}: {} {}]", e.param, e.err_code, e.err_msg));
                    format!("AddResp {}{}{}", done.instantiated_path, args(&done.unique_keys), errors.collect::<String>())
                }
                Some(AddRespOperStatus::OperFailure(e)) => format!("AddResp {}: {} {}", result.requested_path, e.err_code, e.err_msg),
                None => "AddResp nothing".to_owned(),
            };
            add.created_obj_results.into_iter().map(object).collect()
        }
        Response::SetResp(set) => set.updated_obj_results.into_iter().flat_map(updated).collect(),
        Response::DeleteResp(delete) => {
            let object = |result: line3_proto::usp::DeletedObjectResult| match result.oper_status.and_then(|s| s.oper_status) {
                Some(DeleteRespOperStatus::OperSuccess(done)) => {
                    let stays = done.unaffected_path_errs.iter().map(|e| format!(" [{}: {} {}]", e.unaffected_path, e.err_code, e.err_msg));
                    let gone = done.affected_paths.join(" ");
                    format!("DeleteResp {}: gone [{gone}]{}", result.requested_path, stays.collect::<String>())
                }
                Some(DeleteRespOperStatus::OperFailure(e)) => {
                    format!("DeleteResp {}: {} {}", result.requested_path, e.err_code, e.err_msg)
                }
                None => "DeleteResp nothing".to_owned(),
            };
            delete.deleted_obj_results.into_iter().map(object).collect()
        }
        Response::OperateResp(operate) if operate.operation_results.is_empty() => vec!["OperateResp of nothing".to_owned()],
        Response::OperateResp(operate) => {
            let result = |result: line3_proto::usp::OperationResult| {
                let text = match result.operation_resp {
                    Some(OperateRespOperationResp::ReqObjPath(path)) => format!(" as {path}"),
                    Some(OperateRespOperationResp::ReqOutputArgs(output)) => format!(" done{}", args(&output.output_args)),
                    Some(OperateRespOperationResp::CmdFailure(e)) => format!(": {} {}", e.err_code, e.err_msg),
                    None => " nothing".to_owned(),
                };
                format!("OperateResp {}{text}", result.executed_command)
            };
            operate.operation_results.into_iter().map(result).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

fn updated(result: line3_proto::usp::UpdatedObjectResult) -> Vec<String> {
    match result.oper_status.and_then(|s| s.oper_status) {
        Some(SetRespOperStatus::OperSuccess(done)) => {
            let row = |row: &line3_proto::usp::UpdatedInstanceResult| {
                let errors = row.param_errs.iter().map(|e| format!(" [{}: {} {}]", e.param, e.err_code, e.err_msg));
                format!("SetResp {}{}{}", row.affected_path, args(&row.updated_params), errors.collect::<String>())
            };
            done.updated_inst_results.iter().map(row).collect()
        }
        Some(SetRespOperStatus::OperFailure(e)) => {
            let row = |row: &line3_proto::usp::UpdatedInstanceFailure| {
                let errors = row.param_errs.iter().map(|e| format!(" [{}: {} {}]", e.param, e.err_code, e.err_msg));
                format!("SetResp   {}{}", row.affected_path, errors.collect::<String>())
            };
            let head = format!("SetResp {}: {} {}", result.requested_path, e.err_code, e.err_msg);
            std::iter::once(head).chain(e.updated_inst_failures.iter().map(row)).collect()
        }
        None => vec!["SetResp nothing".to_owned()],
    }
}

fn supported(result: line3_proto::usp::RequestedObjectResult) -> Vec<String> {
    if result.err_code != 0 {
        return vec![format!("GetSupportedDMResp {}: {} {}", result.req_obj_path, result.err_code, result.err_msg)];
    }
    let object = |object: line3_proto::usp::SupportedObjectResult| {
        let mut text = format!("GetSupportedDMResp {}", object.supported_obj_path);
        text += if object.is_multi_instance { " table" } else { "" };
        text += &format!(" {:?}", object.access());
        for param in &object.supported_params {
            text += &format!(" {}:{:?}:{:?}", param.param_name, param.value_type(), param.access());
        }
        for command in &object.supported_commands {
            let (ins, outs) = (command.input_arg_names.join(","), command.output_arg_names.join(","));
            text += &format!(" {}({ins})->({outs}):{:?}", command.command_name, command.command_type());
        }
        object.supported_events.iter().for_each(|event| text += &format!(" {}({})", event.event_name, event.arg_names.join(",")));
        object.unique_key_sets.iter().for_each(|set| text += &format!(" key({})", set.key_names.join(",")));
        text
    };
    result.supported_objs.into_iter().map(object).collect()
}
