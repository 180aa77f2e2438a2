//! The agent's Objects and Settings against the standard: every path and every parameter is TR-181's, with its type, unit and values, or it
//! is the agent's own and says so (`X_LINE3_`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use line3_agent::objects::OBJECTS;
use line3_agent::settings::SETTINGS;
use line3_proto::row::{Access, Field};

/// A parameter as the standard has it.
struct Parameter {
    writable: bool,
    ty: String,
    unit: String,
    values: Vec<String>,
}

/// The objects of tests/standard/*.txt.
fn standard() -> BTreeMap<String, BTreeMap<String, Parameter>> {
    let mut objects: BTreeMap<String, BTreeMap<String, Parameter>> = BTreeMap::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standard");
    for entry in fs::read_dir(directory).expect("the standard") {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("text");
        let mut path = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some(parameter) = line.strip_prefix("  ") else {
                path = line.to_owned();
                objects.entry(path.clone()).or_default();
                continue;
            };
            let mut columns = parameter.split('|').map(str::trim);
            let mut next = || columns.next().unwrap_or_default().to_owned();
            let (name, ty, unit, values) = (next(), next(), next(), next());
            let values = values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect();
            let parameter = Parameter { writable: name.ends_with('*'), ty, unit, values };
            objects.entry(path.clone()).or_default().insert(name.trim_end_matches('*').to_owned(), parameter);
        }
    }
    objects
}

/// What is wrong with a field, if anything.
fn wrong(field: &Field, parameter: &Parameter) -> Option<String> {
    let ty = format!("{}{}", field.shape.ty, if field.shape.list { "[]" } else { "" });
    let strange = field.shape.values.iter().find(|value| !parameter.values.iter().any(|standard| standard == *value));
    if ty != parameter.ty {
        Some(format!("is {ty}, not {}", parameter.ty))
    } else if !parameter.unit.is_empty() && field.unit.text() != parameter.unit {
        Some(format!("is in {:?}, not {:?}", field.unit.text(), parameter.unit))
    } else if let Some(strange) = strange.filter(|value| !value.starts_with("X_LINE3_")) {
        Some(format!("has the value {strange}"))
    } else if field.access != Access::ReadOnly && !parameter.writable {
        Some("is writable".to_owned())
    } else {
        None
    }
}

#[test]
fn every_object_and_parameter_is_of_the_standard_or_marked_as_our_own() {
    let standard = standard();
    let mut troubles = Vec::new();
    let objects = OBJECTS.iter().map(|def| (def.path, def.fields, def.keys, def.doc));
    let settings = SETTINGS.iter().map(|def| (def.path, def.fields, def.keys, def.doc));
    for (path, fields, keys, doc) in objects.chain(settings) {
        let own = path.contains(".X_LINE3_");
        let object = standard.get(path);
        if object.is_none() && !own {
            troubles.push(format!("{path} is not in the standard"));
        }
        for field in fields {
            let trouble = match object.and_then(|object| object.get(field.name)) {
                _ if own || field.name.starts_with("X_LINE3_") => None,
                Some(parameter) => wrong(field, parameter),
                None => Some("is not in the standard".to_owned()),
            };
            troubles.extend(trouble.map(|trouble| format!("{path}{} {trouble}", field.name)));
            troubles.extend(field.doc.trim().is_empty().then(|| format!("{path}{} has no documentation", field.name)));
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for key in keys.iter().copied().flatten().filter(|key| !names.contains(*key)) {
            troubles.push(format!("{path} has the key {key}, which is none of its parameters"));
        }
        if !path.starts_with("Device.") || !path.ends_with('.') || doc.is_empty() {
            troubles.push(format!("{path} is no path of an object, or has no documentation"));
        }
    }
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn objects_are_sorted_and_each_is_there_once() {
    for pair in OBJECTS.windows(2) {
        assert!(pair[0].path < pair[1].path, "{} stands before {}", pair[0].path, pair[1].path);
    }
    for object in OBJECTS {
        let names: std::collections::BTreeSet<&str> = object.fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), object.fields.len(), "{} has a parameter twice", object.path);
    }
}

#[test]
fn every_file_of_an_object_is_registered() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/objects");
    let mut files = 0;
    for entry in fs::read_dir(directory).expect("the objects") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        let Some((_, rest)) = text.split_once("\n    const PATH: &'static str = \"") else { continue };
        let (object, _) = rest.split_once('"').expect("the end of the path");
        assert!(OBJECTS.iter().any(|registered| registered.path == object), "{} is not in OBJECTS", path.display());
        files += 1;
    }
    assert_eq!(files, OBJECTS.len());
}
