//! Set.

use line3_proto::Fault;
use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::path::Path;
use line3_proto::row::Args;
use line3_proto::usp::{
    ParamError, Set, SetResp, SetRespOperStatus, SetRespOperationFailure, SetRespOperationStatus, SetRespOperationSuccess,
    SetRespParameterError, UpdateObject, UpdatedInstanceFailure, UpdatedInstanceResult, UpdatedObjectResult,
};

use super::{Denied, Editor, Granted, Target, Wish, grant, is_ones_own, refusal, settle, told};
use crate::agent::get::within_bounds;
use crate::agent::look::{Look, Place, is_object};
use crate::agent::model::Source;
use crate::settings::Settings;

/// What of one object failed: where, and why.
type Failures = Vec<(String, Denied)>;

/// Does a Set on the draft. A search that matches several rows is done whole or not at all (R-SET.2a).
pub(crate) fn set(look: &mut Look<'_>, draft: &mut Settings, request: &Set, editor: &Editor<'_>) -> Result<SetResp, Refusal> {
    within_bounds(request.update_objs.len())?;
    let mut results = Vec::new();
    for object in editor.objects(&request.update_objs) {
        let updated = match &editor.refused {
            Some(refused) => Err(refused_as(refused, object)),
            None => update(look, draft, object, editor),
        };
        let oper_status = match updated {
            Ok(updated_inst_results) => SetRespOperStatus::OperSuccess(SetRespOperationSuccess { updated_inst_results }),
            Err(failures) if request.allow_partial => SetRespOperStatus::OperFailure(failure(failures)),
            Err(failures) => return Err(blamed(failures)),
        };
        results.push(UpdatedObjectResult {
            requested_path: object.obj_path.clone(),
            oper_status: Some(SetRespOperationStatus { oper_status: Some(oper_status) }),
        });
    }
    Ok(SetResp { updated_obj_results: results })
}

fn error((param, fault): (String, Fault)) -> SetRespParameterError {
    SetRespParameterError { param, err_code: fault.code, err_msg: fault.text }
}

/// The first fault of all.
fn first(failures: &Failures) -> Fault {
    failures.first().map_or_else(|| Fault::new(code::NOT_UPDATED, "nothing was updated"), |(_, denied)| denied.fault.clone())
}

fn failure(failures: Failures) -> SetRespOperationFailure {
    let Fault { code, text } = first(&failures);
    let instance = |(affected_path, denied): (String, Denied)| UpdatedInstanceFailure {
        affected_path,
        param_errs: denied.params.into_iter().map(error).collect(),
    };
    SetRespOperationFailure { err_code: code, err_msg: text, updated_inst_failures: failures.into_iter().map(instance).collect() }
}

/// The refusal of the request: it blames the parameters, or else the object.
fn blamed(failures: Failures) -> Refusal {
    let fault = first(&failures);
    let mut blamed = Vec::new();
    for (path, denied) in failures {
        if denied.params.is_empty() {
            blamed.push((path.clone(), denied.fault));
        }
        blamed.extend(denied.params.into_iter().map(|(name, fault)| (format!("{path}{name}"), fault)));
    }
    refusal(&fault, blamed)
}

/// What of an object failed that is refused as a whole.
fn refused_as(refused: &Refusal, object: &UpdateObject) -> Failures {
    let failure = |param: &ParamError| {
        let (at, name) = param.param_path.split_at(param.param_path.rfind('.').map_or(0, |dot| dot + 1));
        let fault = Fault::new(param.err_code, param.err_msg.as_str());
        (at.to_owned(), Denied { fault: refused.fault.clone(), params: vec![(name.to_owned(), fault)] })
    };
    if refused.params.is_empty() {
        return vec![(object.obj_path.clone(), refused.fault.clone().into())];
    }
    refused.params.iter().map(failure).collect()
}

/// Updates all rows that an object's path matches, or none.
fn update(
    look: &mut Look<'_>,
    draft: &mut Settings,
    object: &UpdateObject,
    editor: &Editor<'_>,
) -> Result<Vec<UpdatedInstanceResult>, Failures> {
    let at_path = |fault: Fault| vec![(object.obj_path.clone(), Denied::from(fault))];
    let places = places(look, object).map_err(at_path)?;
    let wishes: Vec<Wish<'_>> =
        object.param_settings.iter().map(|s| Wish { name: &s.param, value: &s.value, required: s.required }).collect();
    let (mut results, mut failures, mut undo) = (Vec::new(), Failures::new(), Vec::new());
    for place in places {
        if let Err(fault) = editor.count(wishes.len()) {
            failures.push((place.path, fault.into()));
            break;
        }
        match update_one(look, draft, &place, &wishes, editor) {
            Ok((result, before)) => {
                undo.extend(before.map(|before| (place.path, before)));
                results.push(result);
            }
            Err(denied) => failures.push((place.path, denied)),
        }
    }
    if failures.is_empty() {
        return Ok(results);
    }
    // A row that matched twice gets its oldest values back last.
    undo.into_iter().rev().for_each(|(path, before)| {
        draft.instances.insert(path, before);
    });
    Err(failures)
}

fn places(look: &mut Look<'_>, object: &UpdateObject) -> Result<Vec<Place>, Fault> {
    let path = Path::parse(&object.obj_path)?;
    if !is_object(&path) {
        return Err(Fault::new(code::INVALID_PATH_SYNTAX, format!("{path} is no object path; it must end in a dot")));
    }
    look.resolve(&path)
}

/// Updates one row, or looks at an object that holds nothing that can be set. Gives what it was before, if it is another now.
fn update_one(
    look: &mut Look<'_>,
    draft: &mut Settings,
    place: &Place,
    wishes: &[Wish<'_>],
    editor: &Editor<'_>,
) -> Result<(UpdatedInstanceResult, Option<Args>), Denied> {
    let model = look.model;
    let Some(node) = model.nodes.get(place.template) else {
        return Err(Fault::new(code::NOT_UPDATED, format!("{} is a table; name its rows, e.g. with * or a number", place.path)).into());
    };
    let old = draft.instances.get(&place.path).cloned().unwrap_or_default();
    let target = Target { path: &place.path, template: place.template, fields: node.fields(), old: Some(&old) };
    let Granted { values, faults } = match node.source {
        Source::Setting(def) => {
            is_ones_own(look, draft, &place.path, editor)?;
            settle(look, draft, def, &target, wishes, editor)?
        }
        _ => {
            let granted = grant(look, &target, wishes, &[])?;
            stays(look, place, &granted.values)?;
            granted
        }
    };
    let set = wishes.iter().map(|wish| wish.name).filter(|name| !faults.iter().any(|(faulty, _)| faulty == name));
    let updated_params = told(look, &target, &values, set);
    let result =
        UpdatedInstanceResult { affected_path: place.path.clone(), param_errs: faults.into_iter().map(error).collect(), updated_params };
    if values == old || !matches!(node.source, Source::Setting(_)) {
        return Ok((result, None));
    }
    draft.instances.insert(place.path.clone(), values);
    Ok((result, Some(old)))
}

/// What of the box itself can be written takes only the value that it has: there is one firmware image, and no other to choose.
fn stays(look: &mut Look<'_>, place: &Place, values: &Args) -> Result<(), Denied> {
    let rows = look.rows(place.template);
    let row = rows.as_ref().as_ref().ok().and_then(|rows| rows.iter().find(|row| row.path == place.path));
    for (name, value) in values {
        let now = row.and_then(|row| row.value(name)).and_then(|value| value.as_ref().ok()).map_or("", String::as_str);
        if now != value {
            let fault = Fault::new(code::INVALID_VALUE, format!("{}{name} is {now:?} and can be nothing else on this box", place.path));
            return Err(Denied { fault: fault.clone(), params: vec![(name.clone(), fault)] });
        }
    }
    Ok(())
}
