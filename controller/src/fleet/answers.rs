//! What a box answered, in the words of the controller: full paths, texts safe to show.

use std::collections::BTreeMap;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::usp::{AddRespOperStatus, DeleteRespOperStatus, Response, SetRespOperStatus};

use super::supported::catalogue_of;
use super::{Outcome, shown, shown_map};
use crate::report::clean;

/// The longest value of a box that is kept, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// What came of a request, and what there is to say besides.
pub(super) fn outcome(response: Response) -> Result<(Outcome, String), Fault> {
    match response {
        Response::GetResp(response) => {
            let (mut values, mut faults, mut first) = (BTreeMap::new(), BTreeMap::new(), None);
            for result in response.req_path_results {
                if result.err_code != 0 {
                    let fault = Fault::new(result.err_code, result.err_msg);
                    faults.insert(shown(&result.requested_path), shown(&fault.to_string()));
                    first.get_or_insert(fault);
                }
                for resolved in result.resolved_path_results {
                    let path = shown(&resolved.resolved_path);
                    values.extend(
                        resolved
                            .result_params
                            .into_iter()
                            .map(|(name, value)| (format!("{path}{}", shown(&name)), clean(&value, MAX_VALUE))),
                    );
                }
            }
            match first {
                Some(fault) if values.is_empty() => Err(fault),
                _ => Ok((Outcome::Values { values, faults }, String::new())),
            }
        }
        Response::GetInstancesResp(response) => {
            let (mut instances, mut faults, mut first) = (BTreeMap::new(), BTreeMap::new(), None);
            for result in response.req_path_results {
                if result.err_code != 0 {
                    let fault = Fault::new(result.err_code, result.err_msg);
                    faults.insert(shown(&result.requested_path), shown(&fault.to_string()));
                    first.get_or_insert(fault);
                }
                let rows = result.curr_insts.into_iter();
                instances.extend(rows.map(|row| (shown(&row.instantiated_obj_path), shown_map(row.unique_keys, MAX_VALUE))));
            }
            match first {
                Some(fault) if instances.is_empty() => Err(fault),
                _ => Ok((Outcome::Instances { instances, faults }, String::new())),
            }
        }
        Response::GetSupportedDmResp(response) => {
            let failed = response.req_obj_results.iter().find(|result| result.err_code != 0);
            match failed {
                Some(result) => Err(Fault::new(result.err_code, result.err_msg.clone())),
                None => Ok((Outcome::Supported { catalogue: catalogue_of(&response) }, String::new())),
            }
        }
        Response::AddResp(response) => {
            let statuses = response.created_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            changed(statuses.map(|status| match status {
                AddRespOperStatus::OperSuccess(success) => Ok(vec![success.instantiated_path]),
                AddRespOperStatus::OperFailure(failure) => Err(Fault::new(failure.err_code, failure.err_msg)),
            }))
        }
        Response::SetResp(response) => {
            let statuses = response.updated_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            changed(statuses.map(|status| match status {
                SetRespOperStatus::OperSuccess(success) => {
                    let rows = success.updated_inst_results.into_iter();
                    Ok(rows
                        .flat_map(|row| row.updated_params.into_keys().map(move |name| format!("{}{name}", row.affected_path)))
                        .collect())
                }
                SetRespOperStatus::OperFailure(failure) => Err(Fault::new(failure.err_code, failure.err_msg)),
            }))
        }
        Response::DeleteResp(response) => {
            let statuses = response.deleted_obj_results.into_iter().filter_map(|result| result.oper_status?.oper_status);
            changed(statuses.map(|status| match status {
                DeleteRespOperStatus::OperSuccess(success) => Ok(success.affected_paths),
                DeleteRespOperStatus::OperFailure(failure) => Err(Fault::new(failure.err_code, failure.err_msg)),
            }))
        }
        _ => Err(Fault::new(code::INTERNAL, "the box answered something that was not asked")),
    }
}

/// The paths of all that went well; the first fault if anything did not.
fn changed(statuses: impl Iterator<Item = Result<Vec<String>, Fault>>) -> Result<(Outcome, String), Fault> {
    let lists: Vec<Vec<String>> = statuses.collect::<Result<_, Fault>>()?;
    let paths = lists.into_iter().flatten().map(|path| shown(&path)).collect();
    Ok((Outcome::Changed { paths }, String::new()))
}
