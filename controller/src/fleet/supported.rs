//! What a GetSupportedDM told, as a catalogue.

use line3_proto::catalogue::{Catalogue, CommandEntry, EventEntry, FieldEntry, ObjectEntry};
use line3_proto::usp::{CmdType, GetSupportedDmResp, ObjAccessType, ParamAccessType, ValueChangeType};
use line3_proto::value::ValueType;

use super::shown;

/// What a GetSupportedDM told, as a catalogue: names and types, without documentation, units and effects.
pub(super) fn catalogue_of(response: &GetSupportedDmResp) -> Catalogue {
    let field = |name: &str, ty: ValueType, writable: bool| FieldEntry {
        name: shown(name),
        doc: String::new(),
        ty,
        list: false,
        unit: String::new(),
        min: None,
        max: None,
        values: Vec::new(),
        writable,
        once: false,
        ticks: false,
        mandatory: false,
        default: None,
    };
    let arguments = |names: &[String]| names.iter().map(|name| field(name, ValueType::String, false)).collect();
    let mut made = Catalogue::default();
    for object in response.req_obj_results.iter().flat_map(|result| &result.supported_objs) {
        let path = shown(&object.supported_obj_path);
        made.commands.extend(object.supported_commands.iter().map(|command| CommandEntry {
            path: format!("{path}{}", shown(&command.command_name)),
            doc: String::new(),
            effect: None,
            asynchronous: command.command_type() == CmdType::CmdAsync,
            limit: None,
            input: arguments(&command.input_arg_names),
            output: arguments(&command.output_arg_names),
        }));
        made.events.extend(object.supported_events.iter().map(|event| EventEntry {
            path: format!("{path}{}", shown(&event.event_name)),
            doc: String::new(),
            arguments: arguments(&event.arg_names),
        }));
        made.objects.push(ObjectEntry {
            doc: String::new(),
            creatable: matches!(object.access(), ObjAccessType::ObjAddDelete | ObjAccessType::ObjAddOnly),
            unique_keys: object.unique_key_sets.iter().map(|set| set.key_names.iter().map(|name| shown(name)).collect()).collect(),
            parameters: object
                .supported_params
                .iter()
                .map(|param| FieldEntry {
                    ticks: param.value_change() == ValueChangeType::ValueChangeWillIgnore,
                    ..field(&param.param_name, ValueType::from_number(param.value_type), param.access() != ParamAccessType::ParamReadOnly)
                })
                .collect(),
            path,
        });
    }
    made
}
