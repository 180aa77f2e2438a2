//! Get and GetInstances.

use std::collections::BTreeMap;

use line3_proto::Fault;
use line3_proto::fault::code;
use line3_proto::path::{Path, Target};
use line3_proto::record::MAX_RECORD;
use line3_proto::row;
use line3_proto::usp::{
    CurrInstance, Get, GetInstances, GetInstancesResp, GetInstancesRespRequestedPathResult, GetResp, GetRespRequestedPathResult,
    ResolvedPathResult,
};

use super::look::{Look, Row};
use super::rights::{Kind, Right, Rights};

/// The most paths in one request; a longer list is refused with 7004.
pub(crate) const MAX_PATHS: usize = 256;

/// Answers a Get: a result for each path, a fault in one touching no other (R-GET.1).
pub(crate) fn get(look: &mut Look<'_>, request: &Get) -> Result<GetResp, Fault> {
    within_bounds(request.param_paths.len())?;
    let (mut req_path_results, mut bytes) = (Vec::new(), 0);
    for path in &request.param_paths {
        let found = Path::parse(path).and_then(|parsed| values(look, &parsed, request.max_depth));
        let (err_code, err_msg, resolved_path_results) = match found.map_err(as_get) {
            Ok(found) => (0, String::new(), found),
            Err(fault) => (fault.code, fault.text, Vec::new()),
        };
        bytes += resolved_path_results.iter().map(size).sum::<usize>();
        // The same object can be asked for many times over; it need not all be made before it is found to be too much.
        if bytes > MAX_RECORD {
            return Err(Fault::new(
                code::RESOURCES_EXCEEDED,
                format!("the answer is larger than {MAX_RECORD} bytes; ask for less at a time"),
            ));
        }
        req_path_results.push(GetRespRequestedPathResult { requested_path: path.clone(), err_code, err_msg, resolved_path_results });
    }
    Ok(GetResp { req_path_results })
}

fn size(result: &ResolvedPathResult) -> usize {
    result.resolved_path.len() + result.result_params.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

pub(crate) fn within_bounds(paths: usize) -> Result<(), Fault> {
    if paths > MAX_PATHS {
        return Err(Fault::new(code::INVALID_ARGUMENTS, format!("{paths} paths in one request; at most {MAX_PATHS} are taken")));
    }
    Ok(())
}

/// A Get says 7026 also of an instance that is not there (R-GET.0).
fn as_get(fault: Fault) -> Fault {
    if fault.code == code::OBJECT_DOES_NOT_EXIST { Fault { code: code::INVALID_PATH, ..fault } } else { fault }
}

/// The values that a path names, by object instance.
pub(crate) fn values(look: &mut Look<'_>, path: &Path, max_depth: u32) -> Result<Vec<ResolvedPathResult>, Fault> {
    match &path.target {
        Target::Object => objects(look, path, max_depth),
        Target::Parameter(name) => parameters(look, path, name),
        Target::Command(_) | Target::Event(_) => {
            Err(Fault::new(code::INVALID_PATH, format!("{path} is no parameter or object; a command is run by Operate")))
        }
    }
}

fn objects(look: &mut Look<'_>, path: &Path, max_depth: u32) -> Result<Vec<ResolvedPathResult>, Fault> {
    let mut results = Vec::new();
    for place in look.resolve(path)? {
        let depth = place.template.matches('.').count();
        let deep_enough = |template: &str| max_depth == 0 || levels_below(template, depth) < max_depth as usize;
        let templates: Vec<&'static str> =
            look.model.below(&place.template).map(|(template, _)| template).filter(|t| deep_enough(t)).collect();
        for template in templates {
            // An object that cannot be read is listed in Device.X_LINE3_Absent.; the others are given all the same.
            if let Ok(rows) = &*look.rows(template) {
                results.extend(rows.iter().filter(|row| row.path.starts_with(&place.path)).map(|row| resolved(row, look.rights)));
            }
        }
    }
    results.retain(|result| !result.result_params.is_empty());
    if results.is_empty() && !sees(look, path) {
        return Err(unsupported(path));
    }
    Ok(results)
}

/// Whether something of an object, or of what is below it, may be seen in the supported data model (R-GET.1).
fn sees(look: &Look<'_>, path: &Path) -> bool {
    let template = path.object().template();
    look.rights.is_full() || path.follows() || look.model.below(&template).any(|(path, _)| look.rights.allows(Kind::Obj, Right::Read, path))
}

/// What is not there, and what may not be seen.
fn unsupported(path: &Path) -> Fault {
    Fault::new(code::INVALID_PATH, format!("{path} is not in the data model of this box"))
}

/// How many levels of objects a template lies below a depth; a table's `{i}` is no level of its own.
fn levels_below(template: &str, depth: usize) -> usize {
    template.split_terminator('.').skip(depth).filter(|level| *level != "{i}").count()
}

/// The values of a row that may be read.
fn resolved(row: &Row, rights: &Rights) -> ResolvedPathResult {
    let within = rights.within(&row.path);
    let seen = rights.allows(Kind::Obj, Right::Read, &row.path);
    let readable = row.values.iter().filter(|(name, _)| seen && within.allows(Right::Read, name));
    let known = readable.filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref().ok()?.clone())));
    ResolvedPathResult { resolved_path: row.path.clone(), result_params: row::map(known) }
}

fn parameters(look: &mut Look<'_>, path: &Path, name: &str) -> Result<Vec<ResolvedPathResult>, Fault> {
    let (mut results, mut absent) = (Vec::new(), None);
    for place in look.resolve(path)? {
        let node = look.model.nodes.get(place.template.as_str());
        if !node.is_some_and(|node| node.fields().iter().any(|field| field.name == name)) {
            return Err(unsupported(path));
        }
        let rights = look.rights;
        let seen = rights.allows(Kind::Obj, Right::Read, &place.path) && rights.within(&place.path).allows(Right::Read, name);
        if !seen {
            // It is as if it were not there: of a search's many places one less, else a fault.
            let of_all = || format!("{}{name}", place.template);
            if path.is_search() && rights.allows(Kind::Param, Right::Read, &of_all()) {
                continue;
            }
            return Err(unsupported(path));
        }
        let rows = look.rows(&place.template);
        let rows = rows.as_ref().as_ref().map_err(|fault| Fault::new(code::VALUE_ABSENT, format!("{path}: {}", fault.text)))?;
        match rows.iter().find(|row| row.path == place.path).and_then(|row| row.value(name)) {
            Some(Ok(value)) => {
                let result_params = row::map([(name.to_owned(), value.clone())]);
                results.push(ResolvedPathResult { resolved_path: place.path, result_params });
            }
            Some(Err(reason)) => absent = Some(Fault::new(code::VALUE_ABSENT, format!("{}{name}: {}", place.path, reason.0))),
            None => {}
        }
    }
    match absent {
        Some(fault) if results.is_empty() => Err(fault),
        _ => Ok(results),
    }
}

/// Answers a GetInstances.
pub(crate) fn get_instances(look: &mut Look<'_>, request: &GetInstances) -> Result<GetInstancesResp, Fault> {
    within_bounds(request.obj_paths.len())?;
    let result = |path: &String| {
        let found = Path::parse(path).and_then(|parsed| instances(look, &parsed, request.first_level_only));
        let (err_code, err_msg, curr_insts) = match found {
            Ok(found) => (0, String::new(), found),
            Err(fault) => {
                let fault = as_get(fault);
                (fault.code, fault.text, Vec::new())
            }
        };
        GetInstancesRespRequestedPathResult { requested_path: path.clone(), err_code, err_msg, curr_insts }
    };
    Ok(GetInstancesResp { req_path_results: request.obj_paths.iter().map(result).collect() })
}

fn instances(look: &mut Look<'_>, path: &Path, first_level_only: bool) -> Result<Vec<CurrInstance>, Fault> {
    let mut found = Vec::new();
    for place in look.resolve_by(path, Kind::InstantiatedObj)? {
        let table = format!("{}{{i}}.", place.template);
        // A search or wildcard names rows, not a table: then these rows are the first level.
        let named = place.template.ends_with("{i}.");
        if path.target != Target::Object || !(named || look.model.nodes.contains_key(table.as_str())) {
            return Err(Fault::new(code::NOT_A_TABLE, format!("{path} is no table; give one, e.g. Device.IP.Interface.")));
        }
        let first = if named { place.template.clone() } else { table };
        let templates: Vec<&'static str> = look
            .model
            .below(&first)
            .map(|(template, _)| template)
            .filter(|template| template.ends_with("{i}.") && (!first_level_only || *template == first))
            .collect();
        for template in templates {
            let keys = look.model.nodes.get(template).map(|node| node.keys()).unwrap_or_default();
            if let Ok(rows) = &*look.rows(template) {
                let seen =
                    |row: &&Row| row.path.starts_with(&place.path) && look.rights.allows(Kind::InstantiatedObj, Right::Read, &row.path);
                let instance =
                    |row: &Row| CurrInstance { instantiated_obj_path: row.path.clone(), unique_keys: unique_keys(row, keys, look.rights) };
                found.extend(rows.iter().filter(seen).map(instance));
            }
        }
    }
    Ok(found)
}

/// The values of a row's unique keys that may be read (R-GIN.1).
pub(crate) fn unique_keys(found: &Row, keys: &[&[&str]], rights: &Rights) -> BTreeMap<String, String> {
    let within = rights.within(&found.path);
    let names = keys.iter().flat_map(|key| key.iter()).filter(|name| within.allows(Right::Read, name));
    row::map(names.filter_map(|name| Some(((*name).to_owned(), found.value(name)?.as_ref().ok()?.clone()))))
}
