//! GetSupportedDM, GetSupportedProtocol, and the catalogue: what this firmware can show and do.

use line3_proto::Fault;
use line3_proto::catalogue::{CommandEntry, EventEntry, FieldEntry, ObjectEntry};
use line3_proto::fault::code;
use line3_proto::path::{Path, Segment, Target};
use line3_proto::row::{Access, Field};
use line3_proto::usp::{
    CmdType, GetSupportedDm, GetSupportedDmResp, ObjAccessType, ParamAccessType, RequestedObjectResult, SupportedCommandResult,
    SupportedEventResult, SupportedObjectResult, SupportedParamResult, SupportedUniqueKeySet, ValueChangeType,
};

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::get::{Size, within_bounds};
use super::look::Look;
use super::model::{EventDef, Model, Node, Source};
use super::rights::{Kind, Right, Rights};
use crate::commands::CommandDef;

/// The versions of USP that the agent speaks. One schema reads them all.
pub(crate) const PROTOCOL_VERSIONS: &str = "1.0,1.1,1.2,1.3,1.4";

/// Where the supported data model is described (`data_model_inst_uri`).
const DATA_MODEL: &str = "urn:broadband-forum-org:tr-181-2-16-0";

/// About as long as the catalogue's JSON is, in bytes: room for it is made once.
const CATALOGUE: usize = 64 * 1024;

/// The catalogue of a model, as JSON.
pub(crate) fn catalogue(model: &Model) -> String {
    let mut json = Vec::with_capacity(CATALOGUE);
    // Plain structs with text keys: serialising them cannot fail.
    let _ = serde_json::to_writer(&mut json, &Entries(model));
    String::from_utf8(json).unwrap_or_default()
}

/// A [`Catalogue`](line3_proto::catalogue::Catalogue) of which one entry at a time is in memory: a box has no 200 KB to spare.
struct Entries<'a>(&'a Model);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = || self.0.below("Device.");
        let known = || nodes().filter(|(_, node)| !matches!(node.source, Source::Bare));
        let mut catalogue = serializer.serialize_struct("Catalogue", 3)?;
        catalogue.serialize_field("objects", &Each(|| known().map(|(path, node)| object_entry(path, node))))?;
        catalogue
            .serialize_field("commands", &Each(|| nodes().flat_map(|(_, node)| &node.commands).map(|command| command_entry(command))))?;
        catalogue.serialize_field("events", &Each(|| nodes().flat_map(|(_, node)| &node.events).map(|event| event_entry(event))))?;
        catalogue.end()
    }
}

/// A list of what this gives, one after the other.
struct Each<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn object_entry(path: &str, node: &Node) -> ObjectEntry {
    ObjectEntry {
        path: path.to_owned(),
        doc: node.doc().to_owned(),
        creatable: is_creatable(node),
        unique_keys: node.keys().iter().map(|key| key.iter().map(|name| (*name).to_owned()).collect()).collect(),
        parameters: FieldEntry::list(node.fields()),
    }
}

fn command_entry(command: &CommandDef) -> CommandEntry {
    CommandEntry {
        path: command.path.to_owned(),
        doc: command.doc.to_owned(),
        effect: Some(command.effect),
        asynchronous: command.asynchronous,
        limit: Some(command.limit.as_secs()),
        input: FieldEntry::list(command.input),
        output: FieldEntry::list(command.output),
    }
}

fn event_entry(event: &EventDef) -> EventEntry {
    EventEntry { path: event.path.to_owned(), doc: event.doc.to_owned(), arguments: FieldEntry::list(event.fields) }
}

fn is_creatable(node: &Node) -> bool {
    matches!(node.source, Source::Setting(def) if def.max_rows > 0)
}

/// Answers a GetSupportedDM.
pub(crate) fn get_supported_dm(look: &mut Look<'_>, request: &GetSupportedDm) -> Result<GetSupportedDmResp, Fault> {
    within_bounds(request.obj_paths.len())?;
    let (mut req_obj_results, mut size) = (Vec::with_capacity(request.obj_paths.len()), Size::default());
    for path in &request.obj_paths {
        let mut result = RequestedObjectResult { req_obj_path: path.clone(), ..RequestedObjectResult::default() };
        match Path::parse(path).and_then(|parsed| supported(look, &parsed, request)) {
            Ok(found) => (result.supported_objs, result.data_model_inst_uri) = (found, DATA_MODEL.to_owned()),
            Err(fault) => (result.err_code, result.err_msg) = (fault.code, fault.text),
        }
        size.add(path.len() + result.err_msg.len() + result.supported_objs.iter().map(bytes).sum::<usize>())?;
        req_obj_results.push(result);
    }
    Ok(GetSupportedDmResp { req_obj_results })
}

fn supported(look: &mut Look<'_>, path: &Path, request: &GetSupportedDm) -> Result<Vec<SupportedObjectResult>, Fault> {
    let unsupported = || Fault::new(code::INVALID_PATH, format!("{path} is not in the data model of this box"));
    let template = supported_object(look, path)?.ok_or_else(unsupported)?;
    let (model, rights) = (look.model, look.rights);
    let seen = |path: &str| rights.allows(Kind::Obj, Right::Read, path);
    if !rights.is_full() && !model.below(template).any(|(path, _)| seen(path)) {
        return Err(unsupported());
    }
    // A table may be named with or without its `{i}`.
    let at = |template: &str| model.prefix(&format!("{template}{{i}}.")).filter(|table| model.nodes.contains_key(table));
    let start = at(template).unwrap_or(template);
    if path.target != Target::Object {
        // Since 1.4 a command, event or parameter can be asked for by itself; the flags do not count then.
        let one = Wanted { commands: true, events: true, params: true, keys: false, only: Some(&path.target) };
        let described = model.nodes.get(start).filter(|_| seen(start)).map(|node| describe(start, node, &one, rights));
        let is_there = |found: &SupportedObjectResult| {
            !(found.supported_commands.is_empty() && found.supported_events.is_empty() && found.supported_params.is_empty())
        };
        if let Some(described) = described.filter(is_there) {
            return Ok(vec![described]);
        }
        // TP-469 1.99 names an object without its last dot.
        let Target::Parameter(name) = &path.target else { return Err(unsupported()) };
        let mut object = path.object();
        object.segments.push(Segment::Name(name.clone()));
        return supported(look, &object, request).map_err(|_| unsupported());
    }
    let wanted = Wanted {
        commands: request.return_commands,
        events: request.return_events,
        params: request.return_params,
        keys: request.return_unique_key_sets,
        only: None,
    };
    // Of the objects one level below only the keys are told.
    let bare = Wanted { commands: false, events: false, params: false, ..wanted };
    let levels = |path: &str| path.split_terminator('.').filter(|level| *level != "{i}").count();
    let objects = model.below(start).filter(|(path, _)| !request.first_level_only || levels(path) <= levels(start) + 1);
    let described =
        |(path, node): (&str, &Node)| describe(path, node, if request.first_level_only && path != start { &bare } else { &wanted }, rights);
    Ok(objects.filter(|(path, _)| seen(path)).map(described).collect())
}

/// The object of the supported data model that a path, of this data model or of the instantiated one, names or names something in.
/// An instance must be there (7016), and none can be in a table that is named by `{i}`.
fn supported_object(look: &mut Look<'_>, path: &Path) -> Result<Option<&'static str>, Fault> {
    let object = path.object();
    let has = |wanted: &Segment| object.segments.contains(wanted);
    let numbered = object.segments.iter().any(|segment| matches!(segment, Segment::Instance(_)));
    if numbered && has(&Segment::Template) {
        let text = format!("{path} has both {{i}} and an instance number; use one of them");
        return Err(Fault::new(code::INVALID_PATH_SYNTAX, text));
    }
    if numbered {
        return Ok(look.resolve(&object)?.first().map(|place| place.template).or_else(|| look.model.prefix(&object.template())));
    }
    Ok(look.model.prefix(&object.template()))
}

/// What a description takes at least.
fn bytes(object: &SupportedObjectResult) -> usize {
    let names = |names: &[String]| names.iter().map(|name| name.len() + 2).sum::<usize>();
    object.supported_obj_path.len()
        + object.supported_params.iter().map(|param| param.param_name.len() + 8).sum::<usize>()
        + object.supported_events.iter().map(|event| event.event_name.len() + names(&event.arg_names)).sum::<usize>()
        + object
            .supported_commands
            .iter()
            .map(|command| command.command_name.len() + names(&command.input_arg_names) + names(&command.output_arg_names))
            .sum::<usize>()
        + object.unique_key_sets.iter().map(|set| names(&set.key_names)).sum::<usize>()
}

/// What of an object is wanted.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    commands: bool,
    events: bool,
    params: bool,
    keys: bool,
    only: Option<&'a Target>,
}

/// What there is in an object for somebody with these rights.
fn describe(path: &str, node: &Node, wanted: &Wanted<'_>, rights: &Rights) -> SupportedObjectResult {
    let within = rights.within(path);
    let seen = |path: &str| rights.allows(Kind::CommandEvent, Right::Read, path);
    let last = |path: &str| path.rsplit('.').next().unwrap_or("").to_owned();
    let named = |target: Target| wanted.only.is_none_or(|only| *only == target);
    let bare_name = |name: &str| name.trim_end_matches("()").trim_end_matches('!').to_owned();
    let commands = node.commands.iter().filter(|c| wanted.commands && named(Target::Command(bare_name(&last(c.path)))) && seen(c.path));
    let events = node.events.iter().filter(|e| wanted.events && named(Target::Event(bare_name(&last(e.path)))) && seen(e.path));
    let params = node.fields().iter().filter(|f| wanted.params && named(Target::Parameter(f.name.to_owned())));
    let params = params.filter(|f| within.allows(Right::Read, f.name));
    let names = |fields: &'static [Field]| FieldEntry::list(fields).into_iter().map(|field| field.name).collect();
    SupportedObjectResult {
        supported_obj_path: path.to_owned(),
        access: if is_creatable(node) { ObjAccessType::ObjAddDelete } else { ObjAccessType::ObjReadOnly }.into(),
        is_multi_instance: path.ends_with("{i}."),
        supported_commands: commands
            .map(|command| SupportedCommandResult {
                command_name: last(command.path),
                input_arg_names: names(command.input),
                output_arg_names: names(command.output),
                command_type: if command.asynchronous { CmdType::CmdAsync } else { CmdType::CmdSync }.into(),
            })
            .collect(),
        supported_events: events
            .map(|event| SupportedEventResult { event_name: last(event.path), arg_names: names(event.fields) })
            .collect(),
        supported_params: params
            .map(|field| SupportedParamResult {
                param_name: field.name.to_owned(),
                access: if field.access == Access::ReadOnly { ParamAccessType::ParamReadOnly } else { ParamAccessType::ParamReadWrite }
                    .into(),
                value_type: field.shape.ty as i32,
                value_change: if field.ticks { ValueChangeType::ValueChangeWillIgnore } else { ValueChangeType::ValueChangeAllowed }.into(),
            })
            .collect(),
        divergent_paths: Vec::new(),
        unique_key_sets: if wanted.keys {
            let set = |key: &&[&str]| SupportedUniqueKeySet { key_names: key.iter().map(|name| (*name).to_owned()).collect() };
            node.keys().iter().filter(|key| within.allows_all(Right::Read, key.iter())).map(set).collect()
        } else {
            Vec::new()
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use line3_proto::catalogue::Catalogue;

    use super::*;

    #[test]
    fn the_catalogue_is_spelled_as_who_reads_it_would_spell_it() {
        let json = crate::agent::catalogue();
        let read: Catalogue = serde_json::from_str(&json).unwrap();
        assert_eq!(read.to_json(), json);
        assert!(!read.objects.is_empty() && !read.commands.is_empty() && !read.events.is_empty());
        assert!(json.len() <= CATALOGUE, "{} bytes: make room for them", json.len());
    }
}
