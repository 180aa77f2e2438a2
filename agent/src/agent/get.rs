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

use super::look::{Look, Row, row_at, rows_below};
use super::rights::{Kind, Right, Rights};

/// The most paths in one request; a longer list is refused with 7005.
pub(crate) const MAX_PATHS: usize = 256;

/// Answers a Get: a result for each path, a fault in one touching no other (R-GET.1).
pub(crate) fn get(look: &mut Look<'_>, request: &Get) -> Result<GetResp, Fault> {
    within_bounds(request.param_paths.len())?;
    let (mut req_path_results, mut size) = (Vec::with_capacity(request.param_paths.len()), Size::default());
    for path in &request.param_paths {
        let parsed = Path::parse(path);
        // Whoever watches one value need not make the box read all those beside it.
        if let (Ok(path), [_]) = (&parsed, &*request.param_paths)
            && let Target::Parameter(name) = &path.target
            && path.is_concrete()
        {
            look.only(name);
        }
        let found = parsed.and_then(|parsed| values(look, &parsed, request.max_depth));
        let (err_code, err_msg, resolved_path_results) = match found.map_err(as_get) {
            Ok(found) => (0, String::new(), found),
            Err(fault) => (fault.code, fault.text, Vec::new()),
        };
        size.add(
            path.len()
                + err_msg.len()
                + resolved_path_results.iter().map(|found| bytes(&found.resolved_path, &found.result_params)).sum::<usize>(),
        )?;
        req_path_results.push(GetRespRequestedPathResult { requested_path: path.clone(), err_code, err_msg, resolved_path_results });
    }
    Ok(GetResp { req_path_results })
}

/// What an answer has grown to. The same object can be asked for many times over; it need not all be made before it is found to be
/// too much.
#[derive(Default)]
pub(crate) struct Size(usize);

impl Size {
    /// Counts these bytes; 7005 beyond what a record can carry.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > MAX_RECORD {
            let text = format!("the answer is larger than {MAX_RECORD} bytes; ask for less at a time");
            return Err(Fault::new(code::RESOURCES_EXCEEDED, text));
        }
        Ok(())
    }
}

/// What a path with values by name takes at least.
fn bytes(path: &str, values: &BTreeMap<String, String>) -> usize {
    path.len() + values.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

pub(crate) fn within_bounds(paths: usize) -> Result<(), Fault> {
    if paths > MAX_PATHS {
        return Err(Fault::new(code::RESOURCES_EXCEEDED, format!("{paths} paths in one request; at most {MAX_PATHS} are taken")));
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
        let model = look.model;
        for (template, node) in model.below(place.template).filter(|(template, _)| deep_enough(template)) {
            // An object that cannot be read is listed in Device.X_LINE3_Absent.; the others are given all the same.
            if let Ok(rows) = &*look.rows(template) {
                let rows = rows_below(rows, &place);
                look.spend(rows.len().saturating_mul(node.fields().len()).saturating_add(1))?;
                results.extend(rows.iter().map(|row| resolved(row, look.rights)).filter(|result| !result.result_params.is_empty()));
            }
        }
    }
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
    let (mut results, mut absent, mut lacking) = (Vec::new(), None, None);
    for place in look.resolve(path)? {
        let rights = look.rights;
        let seen = rights.allows(Kind::Obj, Right::Read, &place.path) && rights.within(&place.path).allows(Right::Read, name);
        if !seen || look.model.field(place.template, name).is_none() {
            // It is as if it were not there: of a search's many places one less, else a fault.
            let of_all = || format!("{}{name}", place.template);
            if seen || !path.is_search() || !rights.allows(Kind::Param, Right::Read, &of_all()) {
                lacking = Some(unsupported(path));
            }
            continue;
        }
        look.spend(1)?;
        let rows = look.rows(place.template);
        let rows = rows.as_ref().as_ref().map_err(|fault| Fault::new(code::VALUE_ABSENT, format!("{path}: {}", fault.text)))?;
        match row_at(rows, &place).and_then(|row| row.value(name)) {
            Some(Ok(value)) => {
                let result_params = row::map([(name.to_owned(), value.clone())]);
                results.push(ResolvedPathResult { resolved_path: place.path, result_params });
            }
            Some(Err(reason)) => absent = Some(Fault::new(code::VALUE_ABSENT, format!("{}{name}: {}", place.path, reason.0))),
            None => {}
        }
    }
    match lacking.or(absent) {
        Some(fault) if results.is_empty() => Err(fault),
        _ => Ok(results),
    }
}

/// Answers a GetInstances.
pub(crate) fn get_instances(look: &mut Look<'_>, request: &GetInstances) -> Result<GetInstancesResp, Fault> {
    within_bounds(request.obj_paths.len())?;
    let (mut req_path_results, mut size) = (Vec::with_capacity(request.obj_paths.len()), Size::default());
    for path in &request.obj_paths {
        let found = Path::parse(path).and_then(|parsed| instances(look, &parsed, request.first_level_only));
        let (err_code, err_msg, curr_insts) = match found {
            Ok(found) => (0, String::new(), found),
            Err(fault) => (fault.code, fault.text, Vec::new()),
        };
        size.add(
            path.len()
                + err_msg.len()
                + curr_insts.iter().map(|found| bytes(&found.instantiated_obj_path, &found.unique_keys)).sum::<usize>(),
        )?;
        req_path_results.push(GetInstancesRespRequestedPathResult { requested_path: path.clone(), err_code, err_msg, curr_insts });
    }
    Ok(GetInstancesResp { req_path_results })
}

fn instances(look: &mut Look<'_>, path: &Path, first_level_only: bool) -> Result<Vec<CurrInstance>, Fault> {
    let no_table = || Fault::new(code::NOT_A_TABLE, format!("{path} is no table; give one, e.g. Device.IP.Interface."));
    let model = look.model;
    let table = |template: &str| model.prefix(&format!("{template}{{i}}.")).filter(|table| model.nodes.contains_key(table));
    // A search or wildcard names rows, not a table: then these rows are the first level.
    let first_level = |template: &'static str| if template.ends_with("{i}.") { Some(template) } else { table(template) };
    if path.target != Target::Object {
        return Err(no_table());
    }
    let mut found = Vec::new();
    let places = look.resolve_by(path, Kind::InstantiatedObj)?;
    // What a search that found nothing would have found can be told unless it follows references.
    if places.is_empty() && !path.follows() && model.prefix(&path.template()).and_then(first_level).is_none() {
        return Err(no_table());
    }
    for place in places {
        let first = first_level(place.template).ok_or_else(no_table)?;
        for (template, node) in model.below(first) {
            if !template.ends_with("{i}.") || (first_level_only && template != first) {
                continue;
            }
            if let Ok(rows) = &*look.rows(template) {
                let rows = rows_below(rows, &place);
                look.spend(rows.len().saturating_add(1))?;
                let rights = look.rights;
                let seen = |row: &&Row| rights.allows(Kind::InstantiatedObj, Right::Read, &row.path);
                let instance = |row: &Row| CurrInstance {
                    instantiated_obj_path: row.path.clone(),
                    unique_keys: unique_keys(row, node.keys(), rights),
                };
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
