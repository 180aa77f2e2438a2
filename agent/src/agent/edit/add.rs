//! Add.

use line3_proto::Fault;
use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::path::{Path, Target as PathTarget};
use line3_proto::row::Args;
use line3_proto::sorted::Map;
use line3_proto::usp::{
    Add, AddResp, AddRespOperStatus, AddRespOperationFailure, AddRespOperationStatus, AddRespOperationSuccess, AddRespParameterError,
    CreateObject, CreatedObjectResult,
};

use super::{Denied, Editor, Granted, Target, Wish, grant, is_ones_own, refusal, settle, told};
use crate::agent::get::within_bounds;
use crate::agent::look::Look;
use crate::agent::model::Source;
use crate::agent::rights::{Kind, Right};
use crate::settings::{SettingDef, Settings};

/// Does an Add on the draft: one result for each table that a path matches.
pub(crate) fn add(look: &mut Look<'_>, draft: &mut Settings, request: &Add, editor: &Editor<'_>) -> Result<AddResp, Refusal> {
    within_bounds(request.create_objs.len())?;
    let mut results = Vec::new();
    for object in editor.objects(&request.create_objs) {
        let made: Vec<(String, Result<AddRespOperationSuccess, Denied>)> = match (&editor.refused, tables(look, &object.obj_path)) {
            (Some(refused), _) => vec![(object.obj_path.clone(), Err(refused.fault.clone().into()))],
            (None, Ok(tables)) => tables
                .into_iter()
                .map(|(table, def)| {
                    let made = create(look, draft, def, &table, object, editor);
                    (table, made)
                })
                .collect(),
            (None, Err(fault)) => vec![(object.obj_path.clone(), Err(fault.into()))],
        };
        for (table, made) in made {
            let oper_status = match made {
                Ok(success) => AddRespOperStatus::OperSuccess(success),
                Err(Denied { fault, .. }) if request.allow_partial => {
                    AddRespOperStatus::OperFailure(AddRespOperationFailure { err_code: fault.code, err_msg: fault.text })
                }
                Err(denied) => return Err(blamed(denied, &table, &object.obj_path)),
            };
            results.push(CreatedObjectResult {
                requested_path: object.obj_path.clone(),
                oper_status: Some(AddRespOperationStatus { oper_status: Some(oper_status) }),
            });
        }
    }
    Ok(AddResp { created_obj_results: results })
}

/// The refusal of the request: it blames the parameters, or else the table, spelled as it was asked for.
fn blamed(denied: Denied, table: &str, requested: &str) -> Refusal {
    let Denied { fault, params } = denied;
    // Of a row that the asker may not make like this, what is refused is the row (TP-469 2.24).
    if params.is_empty() || fault.code == code::PERMISSION_DENIED {
        let table = if requested.ends_with('.') { table } else { table.trim_end_matches('.') };
        return refusal(&fault, vec![(table.to_owned(), fault.clone())]);
    }
    refusal(&fault, params.into_iter().map(|(name, fault)| (format!("{table}{name}"), fault)).collect())
}

/// The tables that an Add names, and what rows of them are.
fn tables(look: &mut Look<'_>, requested: &str) -> Result<Vec<(String, &'static SettingDef)>, Fault> {
    let path = Path::parse(requested)?;
    // TP-469 2.23 and 2.24 leave out the last dot of a table.
    let path = if matches!(path.target, PathTarget::Parameter(_)) { Path::parse(&format!("{requested}."))? } else { path };
    let places = look.resolve(&path)?;
    let def = |template: &str| match look.model.nodes.get(format!("{template}{{i}}.").as_str()).map(|node| node.source) {
        Some(Source::Setting(def)) if path.target == PathTarget::Object && def.max_rows > 0 => Ok(def),
        Some(_) => Err(Fault::new(code::NOT_CREATABLE, format!("rows of {path} cannot be added from outside"))),
        None => Err(Fault::new(code::NOT_A_TABLE, format!("{path} is no table"))),
    };
    places.into_iter().map(|place| Ok((place.path, def(place.template)?))).collect()
}

fn create(
    look: &Look<'_>,
    draft: &mut Settings,
    def: &'static SettingDef,
    table: &str,
    object: &CreateObject,
    editor: &Editor<'_>,
) -> Result<AddRespOperationSuccess, Denied> {
    if !look.rights.allows(Kind::Obj, Right::Write, table) {
        return Err(Fault::new(code::PERMISSION_DENIED, format!("your roles do not let you add to {table}")).into());
    }
    // A new row belongs to who makes it; in a profile of another one it would not.
    is_ones_own(look, draft, table, editor)?;
    editor.count(object.param_settings.len())?;
    if draft.rows(table).count() >= def.max_rows {
        let text = format!("{table} has {} rows, the most there can be; delete one first", def.max_rows);
        return Err(Fault::new(code::RESOURCES_EXCEEDED, text).into());
    }
    // A unique key that is given counts as required (R-ADD.5).
    let is_key = |name: &str| def.keys.iter().any(|key| key.contains(&name));
    let wishes = object.param_settings.iter().map(|s| Wish { name: &s.param, value: &s.value, required: s.required || is_key(&s.param) });
    let (wishes, inner): (Vec<Wish<'_>>, Vec<Wish<'_>>) = wishes.partition(|wish| !wish.name.contains('.'));
    let path = draft.next(table).ok_or_else(|| Fault::new(code::RESOURCES_EXCEEDED, format!("{table} has no instance number left")))?;
    let target = Target { path: &path, template: def.path, fields: def.fields, old: None };
    let Granted { values, mut faults } = settle(look, draft, def, &target, &wishes, editor)?;
    let objects = settle_inner(look, draft, &target, inner, editor, &mut faults)?;
    draft.insert_row(&path, values.clone());
    draft.instances.extend(objects);
    let unique_keys = told(look, &target, &values, def.keys.iter().copied().flatten().copied());
    let param_errs = faults.into_iter().map(|(param, fault)| AddRespParameterError { param, err_code: fault.code, err_msg: fault.text });
    Ok(AddRespOperationSuccess { param_errs: param_errs.collect(), unique_keys, instantiated_path: path })
}

/// The values of objects in a new row that are no tables (`MQTT.PublishTopic`), by their paths; adds what was wrong with those that
/// were not required.
fn settle_inner(
    look: &Look<'_>,
    draft: &Settings,
    row: &Target<'_>,
    wishes: Vec<Wish<'_>>,
    editor: &Editor<'_>,
    faults: &mut Vec<(String, Fault)>,
) -> Result<Vec<(String, Args)>, Denied> {
    let mut objects: Map<&str, Vec<Wish<'_>>> = Map::new();
    for wish in wishes {
        let (object, name) = wish.name.split_at(wish.name.rfind('.').map_or(0, |dot| dot + 1));
        objects.or_default(object).push(Wish { name, ..wish });
    }
    let mut settled = Vec::new();
    for (object, wishes) in objects {
        let (path, template) = (format!("{}{object}", row.path), format!("{}{object}", row.template));
        let whole = |(name, fault): (String, Fault)| (format!("{object}{name}"), fault);
        let target = Target { path: &path, template: &template, fields: &[], old: None };
        let granted = match look.model.nodes.get(template.as_str()).map(|node| node.source) {
            Some(Source::Setting(def)) if !object.contains("{i}") => {
                let granted = settle(look, draft, def, &Target { fields: def.fields, ..target }, &wishes, editor);
                granted.inspect(|granted| settled.push((path.clone(), granted.values.clone())))
            }
            // None of them is supported, which is said of each.
            _ => grant(look, &target, &wishes, &[]),
        };
        let whole_all = |denied: Denied| Denied { params: denied.params.into_iter().map(whole).collect(), ..denied };
        faults.extend(granted.map_err(whole_all)?.faults.into_iter().map(whole));
    }
    Ok(settled)
}
