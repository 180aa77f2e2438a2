//! What a box answered, in the words of the controller: full paths, texts safe to show, nothing of it dropped.

use std::collections::BTreeMap;

use line3_proto::Fault;
use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::usp::{
    AddRespOperStatus, AddRespParameterError, DeleteRespOperStatus, GetResp, Response, SetRespOperStatus, SetRespParameterError,
};

use super::call::{Change, Done, Wrong};
use super::ends::state_of;
use super::supported::catalogue_of;
use super::{Outcome, is_secret, shown, shown_map};
use crate::audit::MAX_WORDS;
use crate::report::clean;
use crate::store::CallState;

/// The longest value of a box that is kept, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// How a call ends by an answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) state: CallState,
    pub(super) result: Option<Outcome>,
    /// What there is to say besides.
    pub(super) words: String,
}

/// What came of a request. It succeeded if any of it was found or done, or if there was nothing to find or do.
pub(super) fn outcome(response: Response) -> Answered {
    let result = match response {
        Response::GetResp(response) => values(response),
        Response::GetInstancesResp(response) => {
            let (mut instances, mut faults) = (BTreeMap::new(), Vec::new());
            for result in response.req_path_results {
                faults.extend(wrong(&result.requested_path, result.err_code, &result.err_msg));
                let rows = result.curr_insts.into_iter();
                instances.extend(rows.map(|row| (shown(&row.instantiated_obj_path), shown_map(row.unique_keys, MAX_VALUE))));
            }
            Outcome::Instances { instances, faults }
        }
        Response::GetSupportedDmResp(response) => {
            let results = response.req_obj_results.iter();
            let faults = results.filter_map(|result| wrong(&result.req_obj_path, result.err_code, &result.err_msg)).collect();
            Outcome::Supported { catalogue: catalogue_of(&response), faults }
        }
        Response::AddResp(response) => {
            let results = response.created_obj_results.into_iter();
            let changes = results.map(|result| added(result.requested_path, result.oper_status.and_then(|status| status.oper_status)));
            Outcome::Changed { changes: changes.collect() }
        }
        Response::SetResp(response) => {
            let results = response.updated_obj_results.into_iter();
            let changes = results.map(|result| set(result.requested_path, result.oper_status.and_then(|status| status.oper_status)));
            Outcome::Changed { changes: changes.collect() }
        }
        Response::DeleteResp(response) => {
            let results = response.deleted_obj_results.into_iter();
            let changes = results.map(|result| deleted(result.requested_path, result.oper_status.and_then(|status| status.oper_status)));
            Outcome::Changed { changes: changes.collect() }
        }
        _ => {
            let fault = Fault::new(code::INTERNAL, "the box answered something that was not asked");
            return Answered { state: state_of(&fault), result: None, words: fault.to_string() };
        }
    };
    let faults = result.faults();
    let Some(first) = faults.first().map(|wrong| wrong.fault()) else {
        return Answered { state: CallState::Succeeded, result: Some(result), words: String::new() };
    };
    let more = if faults.len() > 1 { format!(" (and {} more)", faults.len() - 1) } else { String::new() };
    let words = shown(&format!("{first}{more}"));
    if result.is_empty() {
        return Answered { state: state_of(&first), result: Some(result), words };
    }
    Answered { state: CallState::Succeeded, result: Some(result), words: format!("not all of it: {words}") }
}

/// A refusal of the whole: what it says, and what it says is to blame.
pub(super) fn refused(refusal: &Refusal) -> Answered {
    let Refusal { fault, params } = refusal;
    let blamed = params.iter().map(|param| Wrong::new(&param.param_path, param.err_code, &param.err_msg));
    let faults: Vec<Wrong> = std::iter::once(Wrong::new("", fault.code, &fault.text)).chain(blamed).collect();
    let words = params.iter().map(|param| format!("; {}: {} {}", param.param_path, param.err_code, param.err_msg));
    let words = clean(&format!("{fault}{}", words.collect::<String>()), MAX_WORDS);
    Answered { state: state_of(fault), result: (faults.len() > 1).then_some(Outcome::Refused { faults }), words }
}

/// What is wrong with a path that was asked for, if anything is.
fn wrong(path: &str, code: u32, text: &str) -> Option<Wrong> {
    (code != 0).then(|| Wrong::new(path, code, text))
}

fn values(response: GetResp) -> Outcome {
    let (mut values, mut faults) = (BTreeMap::new(), Vec::new());
    for result in response.req_path_results {
        faults.extend(wrong(&result.requested_path, result.err_code, &result.err_msg));
        for resolved in result.resolved_path_results {
            let path = shown(&resolved.resolved_path);
            let params = resolved.result_params.into_iter();
            values.extend(params.map(|(name, value)| (format!("{path}{}", shown(&name)), clean(&value, MAX_VALUE))));
        }
    }
    Outcome::Values { values, faults }
}

/// A box that says neither: it cannot be told what became of the path.
fn nothing_said(requested: String) -> Change {
    let faults = vec![Wrong::new(&requested, code::INTERNAL, "the box did not say what became of it")];
    Change { requested: shown(&requested), done: Vec::new(), faults }
}

fn added(requested: String, status: Option<AddRespOperStatus>) -> Change {
    match status {
        Some(AddRespOperStatus::OperSuccess(row)) => {
            let wrong = |error: &AddRespParameterError| {
                Wrong::new(&format!("{}{}", row.instantiated_path, error.param), error.err_code, &error.err_msg)
            };
            let faults = row.param_errs.iter().map(wrong).collect();
            let done = Done { path: shown(&row.instantiated_path), values: shown_map(row.unique_keys, MAX_VALUE) };
            Change { requested: shown(&requested), done: vec![done], faults }
        }
        Some(AddRespOperStatus::OperFailure(failure)) => {
            let faults = vec![Wrong::new(&requested, failure.err_code, &failure.err_msg)];
            Change { requested: shown(&requested), done: Vec::new(), faults }
        }
        None => nothing_said(requested),
    }
}

fn set(requested: String, status: Option<SetRespOperStatus>) -> Change {
    let wrong = |path: &str, errors: &[SetRespParameterError]| -> Vec<Wrong> {
        errors.iter().map(|error| Wrong::new(&format!("{path}{}", error.param), error.err_code, &error.err_msg)).collect()
    };
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    match status {
        Some(SetRespOperStatus::OperSuccess(success)) => {
            for row in success.updated_inst_results {
                faults.extend(wrong(&row.affected_path, &row.param_errs));
                let mut values = shown_map(row.updated_params, MAX_VALUE);
                // A box has no reason to repeat a secret; one that does is not helped to spread it.
                values.iter_mut().filter(|(name, _)| is_secret(name)).for_each(|(_, value)| "***".clone_into(value));
                done.push(Done { path: shown(&row.affected_path), values });
            }
        }
        Some(SetRespOperStatus::OperFailure(failure)) => {
            faults.push(Wrong::new(&requested, failure.err_code, &failure.err_msg));
            faults.extend(failure.updated_inst_failures.iter().flat_map(|row| wrong(&row.affected_path, &row.param_errs)));
        }
        None => return nothing_said(requested),
    }
    Change { requested: shown(&requested), done, faults }
}

fn deleted(requested: String, status: Option<DeleteRespOperStatus>) -> Change {
    match status {
        Some(DeleteRespOperStatus::OperSuccess(success)) => {
            let stayed = success.unaffected_path_errs.iter();
            Change {
                requested: shown(&requested),
                done: success.affected_paths.iter().map(|path| Done { path: shown(path), values: BTreeMap::new() }).collect(),
                faults: stayed.map(|row| Wrong::new(&row.unaffected_path, row.err_code, &row.err_msg)).collect(),
            }
        }
        Some(DeleteRespOperStatus::OperFailure(failure)) => {
            let faults = vec![Wrong::new(&requested, failure.err_code, &failure.err_msg)];
            Change { requested: shown(&requested), done: Vec::new(), faults }
        }
        None => nothing_said(requested),
    }
}

#[cfg(test)]
mod tests;
