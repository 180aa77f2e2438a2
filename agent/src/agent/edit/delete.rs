//! Delete.

use line3_proto::Fault;
use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::path::Path;
use line3_proto::usp::{
    Delete, DeleteResp, DeleteRespOperStatus, DeleteRespOperationFailure, DeleteRespOperationStatus, DeleteRespOperationSuccess,
    DeletedObjectResult, UnaffectedPathError,
};

use super::{Editor, is_ones_own, refusal};
use crate::agent::get::within_bounds;
use crate::agent::look::{Look, is_object};
use crate::agent::model::Source;
use crate::agent::rights::{Kind, Right};
use crate::settings::{SettingDef, Settings};

/// Does a Delete on the draft.
pub(crate) fn delete(look: &mut Look<'_>, draft: &mut Settings, request: &Delete, editor: &Editor<'_>) -> Result<DeleteResp, Refusal> {
    within_bounds(request.obj_paths.len())?;
    let mut results = Vec::new();
    for path in editor.objects(&request.obj_paths) {
        let rows = match &editor.refused {
            Some(refused) => Err(refused.fault.clone()),
            None => rows(look, path),
        };
        let oper_status = match rows {
            Ok(rows) => delete_rows(look, draft, rows, request.allow_partial, editor)?,
            Err(fault) if request.allow_partial => {
                DeleteRespOperStatus::OperFailure(DeleteRespOperationFailure { err_code: fault.code, err_msg: fault.text })
            }
            Err(fault) => return Err(refusal(&fault, vec![(path.clone(), fault.clone())])),
        };
        results.push(DeletedObjectResult {
            requested_path: path.clone(),
            oper_status: Some(DeleteRespOperationStatus { oper_status: Some(oper_status) }),
        });
    }
    Ok(DeleteResp { deleted_obj_results: results })
}

/// The rows that a path names and that are there: none is fine (R-DEL.2a, TP-469 1.25), whatever `allow_partial` says.
fn rows(look: &mut Look<'_>, path: &str) -> Result<Vec<(String, Option<&'static SettingDef>)>, Fault> {
    let path = Path::parse(path)?;
    let template = path.template();
    if is_object(&path) && look.model.prefix(&template).is_some() && !template.ends_with("{i}.") {
        let text = format!("{path} is a table or object; name the rows to delete, e.g. with * or a number");
        return Err(Fault::new(code::INVALID_PATH_SYNTAX, text));
    }
    let places = match look.resolve(&path) {
        Err(fault) if fault.code == code::OBJECT_DOES_NOT_EXIST => return Ok(Vec::new()),
        places => places?,
    };
    let row = |template: &str| match look.model.nodes.get(template).map(|node| node.source) {
        Some(Source::Setting(def)) if is_object(&path) && def.max_rows > 0 => Some(def),
        _ => None,
    };
    // A path that follows a reference shows only here that it leads to no row.
    if let Some(place) = places.iter().find(|place| !place.template.ends_with("{i}.")) {
        return Err(Fault::new(code::INVALID_PATH_SYNTAX, format!("{} is no row of a table", place.path)));
    }
    Ok(places.into_iter().map(|place| (place.path, row(place.template))).collect())
}

fn delete_rows(
    look: &Look<'_>,
    draft: &mut Settings,
    rows: Vec<(String, Option<&'static SettingDef>)>,
    allow_partial: bool,
    editor: &Editor<'_>,
) -> Result<DeleteRespOperStatus, Refusal> {
    let (mut affected, mut unaffected) = (Vec::new(), Vec::new());
    for (path, def) in rows {
        match deletable(look, draft, &path, def, editor) {
            // Of a row that an earlier path of the request has deleted, nothing is left to delete.
            Ok(_) if !draft.instances.contains_key(&path) => {}
            Ok(def) => {
                draft.remove(&path);
                (def.gone)(draft, &path);
                affected.push(path);
            }
            Err(fault) => unaffected.push((path, fault)),
        }
    }
    match unaffected.first() {
        Some((_, fault)) if !allow_partial => {
            let fault = fault.clone();
            return Err(refusal(&fault, unaffected));
        }
        Some((_, fault)) if affected.is_empty() => {
            let (err_code, err_msg) = (fault.code, fault.text.clone());
            return Ok(DeleteRespOperStatus::OperFailure(DeleteRespOperationFailure { err_code, err_msg }));
        }
        _ => {}
    }
    let readable = |path: &String| look.rights.allows(Kind::InstantiatedObj, Right::Read, path);
    let error =
        |(unaffected_path, fault): (String, Fault)| UnaffectedPathError { unaffected_path, err_code: fault.code, err_msg: fault.text };
    Ok(DeleteRespOperStatus::OperSuccess(DeleteRespOperationSuccess {
        affected_paths: affected.into_iter().filter(readable).collect(),
        unaffected_path_errs: unaffected.into_iter().filter(|(path, _)| readable(path)).map(error).collect(),
    }))
}

/// Whether a row may be deleted: its definition, or why not.
fn deletable(
    look: &Look<'_>,
    draft: &Settings,
    path: &str,
    def: Option<&'static SettingDef>,
    editor: &Editor<'_>,
) -> Result<&'static SettingDef, Fault> {
    let Some(def) = def else {
        return Err(Fault::new(code::DELETE_FAILURE, format!("{path} cannot be deleted from outside")));
    };
    if !look.rights.allows(Kind::InstantiatedObj, Right::Write, path) {
        return Err(Fault::new(code::PERMISSION_DENIED, format!("your roles do not let you delete {path}")));
    }
    is_ones_own(look, draft, path, editor)?;
    // Nobody cuts off himself by accident: so there is always a controller that can mend what was done.
    let way = format!("{}MTP.", editor.by);
    if !editor.by.is_empty() && (path == editor.by || path.starts_with(&way)) {
        let text = format!("{path} is you, or your way: let another controller delete it, so that the box stays in somebody's reach");
        return Err(Fault::new(code::DELETE_FAILURE, text));
    }
    Ok(def)
}
