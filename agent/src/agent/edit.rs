//! Add, Set and Delete: all of it on a draft of the settings, so that a request that may not be done in part changes nothing.

use line3_proto::endpoint::Refusal;
use line3_proto::fault::code;
use line3_proto::path::Path;
use line3_proto::row::{self, Access, Args};
use line3_proto::usp::{
    Add, AddResp, AddRespOperStatus, AddRespOperationFailure, AddRespOperationStatus, AddRespOperationSuccess, AddRespParameterError,
    CreateObject, CreatedObjectResult, Delete, DeleteResp, DeleteRespOperStatus, DeleteRespOperationFailure, DeleteRespOperationStatus,
    DeleteRespOperationSuccess, DeletedObjectResult, ParamError, Set, SetResp, SetRespOperStatus, SetRespOperationFailure,
    SetRespOperationStatus, SetRespOperationSuccess, SetRespParameterError, UpdateObject, UpdatedInstanceFailure, UpdatedInstanceResult,
    UpdatedObjectResult,
};
use line3_proto::{Fault, Now};

use super::get::within_bounds;
use super::look::{Look, is_object};
use super::model::Source;
use crate::settings::{Blame, Edit, SettingDef, Settings};

/// Who edits, and when.
pub(crate) struct Editor<'a> {
    /// The path of the editor's Controller row.
    pub(crate) by: &'a str,
    /// The time.
    pub(crate) now: Now,
}

/// One parameter that was asked to be set.
struct Wish<'a> {
    name: &'a str,
    value: &'a str,
    required: bool,
}

/// What became of the wishes for one row: the new values, and what was wrong with those that were not required.
struct Granted {
    values: Args,
    faults: Vec<(String, Fault)>,
}

/// Why a row was left as it is: the fault, and which parameters are to blame.
struct Denied {
    fault: Fault,
    params: Vec<(String, Fault)>,
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self { fault, params: Vec::new() }
    }
}

impl From<Blame> for Denied {
    fn from((name, fault): Blame) -> Self {
        Self { fault: fault.clone(), params: vec![(name.to_owned(), fault)] }
    }
}

impl Denied {
    fn refusal(self, object: &str) -> Refusal {
        let param = |(name, fault): (String, Fault)| ParamError {
            param_path: format!("{object}{name}"),
            err_code: fault.code,
            err_msg: fault.text,
        };
        let params: Vec<ParamError> = self.params.into_iter().map(param).collect();
        Refusal { fault: self.fault, params }
    }
}

/// Checks the wishes for a row of `def` that has the values `old`.
fn grant(def: &SettingDef, old: &Args, wishes: &[Wish<'_>]) -> Result<Granted, Denied> {
    let mut granted = Granted { values: old.clone(), faults: Vec::new() };
    let mut blamed = Vec::new();
    for wish in wishes {
        let fault = match def.fields.iter().find(|field| field.name == wish.name) {
            None => Some(Fault::new(code::UNSUPPORTED_PARAMETER, format!("{} has no parameter {}", def.path, wish.name))),
            Some(field) if field.access == Access::ReadOnly => Some(Fault::new(code::NOT_WRITABLE, format!("{} is read-only", wish.name))),
            Some(field) => {
                let kept = old.get(wish.name).map_or("", String::as_str);
                let fixed = field.access == Access::WriteOnce && !kept.is_empty() && kept != wish.value;
                if fixed {
                    Some(Fault::new(code::NOT_WRITABLE, format!("{} was set once and stays so", wish.name)))
                } else {
                    field.check(wish.value).err()
                }
            }
        };
        match fault {
            None => {
                granted.values.insert(wish.name.to_owned(), wish.value.to_owned());
            }
            Some(fault) if wish.required => blamed.push((wish.name.to_owned(), fault)),
            Some(fault) => granted.faults.push((wish.name.to_owned(), fault)),
        }
    }
    if let Some((name, first)) = blamed.first() {
        let fault = Fault::new(code::REQUIRED_PARAMETER_FAILED, format!("{name}: {}", first.text));
        return Err(Denied { fault, params: blamed });
    }
    Ok(granted)
}

/// Refuses a row whose unique keys another row of its table has.
fn unique(def: &SettingDef, draft: &Settings, table: &str, path: &str, values: &Args) -> Result<(), Fault> {
    let of = |args: &Args, name: &str| args.get(name).cloned().unwrap_or_default();
    for key in def.keys {
        let same = |other: &Args| key.iter().all(|name| of(other, name) == of(values, name));
        if let Some((other, _)) = draft.rows(table).find(|(other, args)| *other != path && same(args)) {
            let shown: Vec<String> = key.iter().map(|name| format!("{name}={}", of(values, name))).collect();
            return Err(Fault::new(code::DUPLICATE_UNIQUE_KEY, format!("{other} already has {}", shown.join(", "))));
        }
    }
    Ok(())
}

/// Does an Add on the draft.
pub(crate) fn add(look: &mut Look<'_>, draft: &mut Settings, request: &Add, editor: &Editor<'_>) -> Result<AddResp, Refusal> {
    within_bounds(request.create_objs.len())?;
    let mut results = Vec::new();
    for object in &request.create_objs {
        let created = match creatable_tables(look, object) {
            Ok(tables) => tables.into_iter().map(|(table, def)| (create(draft, def, &table, object, editor), table)).collect(),
            Err(fault) => vec![(Err(Denied::from(fault)), object.obj_path.clone())],
        };
        for (created, table) in created {
            let oper_status = match created {
                Ok(success) => AddRespOperStatus::OperSuccess(success),
                Err(denied) if request.allow_partial => {
                    AddRespOperStatus::OperFailure(AddRespOperationFailure { err_code: denied.fault.code, err_msg: denied.fault.text })
                }
                Err(denied) => return Err(denied.refusal(&table)),
            };
            results.push(CreatedObjectResult {
                requested_path: object.obj_path.clone(),
                oper_status: Some(AddRespOperationStatus { oper_status: Some(oper_status) }),
            });
        }
    }
    Ok(AddResp { created_obj_results: results })
}

/// The tables that an Add names, and what rows of them are.
fn creatable_tables(look: &mut Look<'_>, object: &CreateObject) -> Result<Vec<(String, &'static SettingDef)>, Fault> {
    let path = Path::parse(&object.obj_path)?;
    let places = look.resolve(&path)?;
    let def = |template: &str| match look.model.nodes.get(format!("{template}{{i}}.").as_str()).map(|node| node.source) {
        Some(Source::Setting(def)) if is_object(&path) && def.max_rows > 0 => Ok(def),
        Some(_) => Err(Fault::new(code::NOT_CREATABLE, format!("rows of {path} cannot be added from outside"))),
        None => Err(Fault::new(code::NOT_A_TABLE, format!("{path} is no table"))),
    };
    places.into_iter().map(|place| Ok((place.path, def(place.template)?))).collect()
}

fn create(
    draft: &mut Settings,
    def: &'static SettingDef,
    table: &str,
    object: &CreateObject,
    editor: &Editor<'_>,
) -> Result<AddRespOperationSuccess, Denied> {
    if draft.rows(table).count() >= def.max_rows {
        return Err(Fault::new(
            code::RESOURCES_EXCEEDED,
            format!("{table} has {} rows, the most there can be; delete one first", def.max_rows),
        )
        .into());
    }
    // A unique key that is given counts as required (R-ADD.5).
    let is_key = |name: &str| def.keys.iter().any(|key| key.contains(&name));
    let wishes = object.param_settings.iter().map(|s| Wish { name: &s.param, value: &s.value, required: s.required || is_key(&s.param) });
    let wishes: Vec<Wish<'_>> = wishes.collect();
    let Granted { values, faults } = grant(def, &Args::new(), &wishes)?;
    let path = draft.add(table, values);
    let mut values = draft.instances.get(&path).cloned().unwrap_or_default();
    let edit = Edit { at: &path, by: editor.by, now: editor.now, fresh: true, settings: draft };
    let made = (def.complete)(&mut values, &edit).map_err(Denied::from);
    if let Err(denied) = made.and_then(|()| Ok(unique(def, draft, table, &path, &values)?)) {
        draft.remove(&path);
        return Err(denied);
    }
    draft.instances.insert(path.clone(), values.clone());
    let keys = def.keys.iter().flat_map(|key| key.iter());
    Ok(AddRespOperationSuccess {
        instantiated_path: path,
        param_errs: faults
            .into_iter()
            .map(|(param, fault)| AddRespParameterError { param, err_code: fault.code, err_msg: fault.text })
            .collect(),
        unique_keys: row::map(keys.filter_map(|name| Some(((*name).to_owned(), values.get(*name)?.clone())))),
    })
}

/// Does a Set on the draft. A search that matches several rows is done whole or not at all (R-SET.2a).
pub(crate) fn set(look: &mut Look<'_>, draft: &mut Settings, request: &Set, editor: &Editor<'_>) -> Result<SetResp, Refusal> {
    within_bounds(request.update_objs.len())?;
    let mut results = Vec::new();
    for object in &request.update_objs {
        let before = draft.clone();
        let oper_status = match update(look, draft, object, editor) {
            Ok(updated_inst_results) => SetRespOperStatus::OperSuccess(SetRespOperationSuccess { updated_inst_results }),
            Err((place, denied)) if request.allow_partial => {
                *draft = before;
                let param_errs = denied.params.iter().map(|(param, fault)| set_error(param, fault)).collect();
                SetRespOperStatus::OperFailure(SetRespOperationFailure {
                    err_code: denied.fault.code,
                    err_msg: denied.fault.text,
                    updated_inst_failures: vec![UpdatedInstanceFailure { affected_path: place, param_errs }],
                })
            }
            Err((place, denied)) => return Err(denied.refusal(&place)),
        };
        results.push(UpdatedObjectResult {
            requested_path: object.obj_path.clone(),
            oper_status: Some(SetRespOperationStatus { oper_status: Some(oper_status) }),
        });
    }
    Ok(SetResp { updated_obj_results: results })
}

fn set_error(param: &str, fault: &Fault) -> SetRespParameterError {
    SetRespParameterError { param: param.to_owned(), err_code: fault.code, err_msg: fault.text.clone() }
}

fn update(
    look: &mut Look<'_>,
    draft: &mut Settings,
    object: &UpdateObject,
    editor: &Editor<'_>,
) -> Result<Vec<UpdatedInstanceResult>, (String, Denied)> {
    let at_path = |fault: Fault| (object.obj_path.clone(), Denied::from(fault));
    let path = Path::parse(&object.obj_path).map_err(at_path)?;
    if !is_object(&path) {
        return Err(at_path(Fault::new(code::INVALID_PATH_SYNTAX, format!("{path} is no object path; it must end in a dot"))));
    }
    let wishes: Vec<Wish<'_>> =
        object.param_settings.iter().map(|s| Wish { name: &s.param, value: &s.value, required: s.required }).collect();
    let mut results = Vec::new();
    for place in look.resolve(&path).map_err(at_path)? {
        let at_place = |denied: Denied| (place.path.clone(), denied);
        let node = look.model.nodes.get(place.template);
        let Some(Source::Setting(def)) = node.map(|node| node.source) else {
            let fields = node.map(|node| node.fields()).unwrap_or_default();
            let blame = |wish: &Wish<'_>| {
                let known = fields.iter().any(|field| field.name == wish.name);
                let code = if known { code::NOT_WRITABLE } else { code::UNSUPPORTED_PARAMETER };
                (wish.name.to_owned(), Fault::new(code, format!("{}{} cannot be set", place.path, wish.name)))
            };
            let fault = Fault::new(code::NOT_UPDATED, format!("{} holds nothing that can be set", place.path));
            return Err(at_place(Denied { fault, params: wishes.iter().map(blame).collect() }));
        };
        let old = draft.instances.get(&place.path).cloned().unwrap_or_default();
        let Granted { mut values, faults } = grant(def, &old, &wishes).map_err(at_place)?;
        let edit = Edit { at: &place.path, by: editor.by, now: editor.now, fresh: false, settings: draft };
        (def.complete)(&mut values, &edit).map_err(|blame| at_place(blame.into()))?;
        let table = super::model::parent(place.path.trim_end_matches('.'));
        unique(def, draft, table, &place.path, &values).map_err(|fault| at_place(fault.into()))?;
        let set = |wish: &&Wish<'_>| !faults.iter().any(|(name, _)| name == wish.name);
        let updated_params = row::map(wishes.iter().filter(set).map(|wish| (wish.name.to_owned(), wish.value.to_owned())));
        draft.instances.insert(place.path.clone(), values);
        results.push(UpdatedInstanceResult {
            affected_path: place.path,
            param_errs: faults.iter().map(|(param, fault)| set_error(param, fault)).collect(),
            updated_params,
        });
    }
    Ok(results)
}

/// Does a Delete on the draft.
pub(crate) fn delete(look: &mut Look<'_>, draft: &mut Settings, request: &Delete) -> Result<DeleteResp, Refusal> {
    within_bounds(request.obj_paths.len())?;
    let mut results = Vec::new();
    for path in &request.obj_paths {
        let deleted = rows_to_delete(look, path);
        let oper_status = match deleted {
            Ok(affected_paths) => {
                affected_paths.iter().for_each(|path| draft.remove(path));
                DeleteRespOperStatus::OperSuccess(DeleteRespOperationSuccess { affected_paths, unaffected_path_errs: Vec::new() })
            }
            // What is not there need not be deleted (R-DEL.2a).
            Err(fault) if request.allow_partial && fault.code == code::OBJECT_DOES_NOT_EXIST => {
                DeleteRespOperStatus::OperSuccess(DeleteRespOperationSuccess::default())
            }
            Err(fault) if request.allow_partial => {
                DeleteRespOperStatus::OperFailure(DeleteRespOperationFailure { err_code: fault.code, err_msg: fault.text })
            }
            Err(fault) => {
                let blamed = ParamError { param_path: path.clone(), err_code: fault.code, err_msg: fault.text.clone() };
                return Err(Refusal { fault, params: vec![blamed] });
            }
        };
        results.push(DeletedObjectResult {
            requested_path: path.clone(),
            oper_status: Some(DeleteRespOperationStatus { oper_status: Some(oper_status) }),
        });
    }
    Ok(DeleteResp { deleted_obj_results: results })
}

fn rows_to_delete(look: &mut Look<'_>, path: &str) -> Result<Vec<String>, Fault> {
    let path = Path::parse(path)?;
    let places = look.resolve(&path)?;
    let deletable = |template: &str| match look.model.nodes.get(template).map(|node| node.source) {
        Some(Source::Setting(def)) => is_object(&path) && def.max_rows > 0,
        _ => false,
    };
    if places.iter().any(|place| !place.template.ends_with("{i}.")) {
        return Err(Fault::new(
            code::INVALID_PATH_SYNTAX,
            format!("{path} is a table or object; name the rows to delete, e.g. with * or a number"),
        ));
    }
    if let Some(place) = places.iter().find(|place| !deletable(place.template)) {
        return Err(Fault::new(code::DELETE_FAILURE, format!("{} cannot be deleted from outside", place.path)));
    }
    Ok(places.into_iter().map(|place| place.path).collect())
}
