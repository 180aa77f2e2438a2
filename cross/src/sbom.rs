//! `cargo cross sbom`: the parts of the agent in CycloneDX's form. cargo-cyclonedx tells what cargo knows; what is not linked is taken
//! out, and what cargo does not know is added. Nothing in it is of the machine, nor of the hour.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::crates::{self, Crate};
use crate::parts::Part;
use crate::place::{self, Prefix};
use crate::say;
use crate::setup::Tools;
use crate::source::Source;
use crate::target::Target;

/// The version of CycloneDX.
pub const FORM: &str = "1.5";

/// The list of parts, as JSON.
pub fn sbom(root: &Path, prefix: &Prefix, target: &Target, source: &Source, linked: &[Crate], others: &[Other]) -> Result<String> {
    let copy = place::built(root).join(&target.name).join("sbom");
    skeleton(root, prefix, &copy)?;
    let mut cyclonedx = Command::new(prefix.bin().join("cargo-cyclonedx"));
    cyclonedx.args(["cyclonedx", "--format", "json", "--spec-version", FORM, "--no-build-deps", "--target", &target.triple]);
    cyclonedx.args(crates::features(target)).arg("--manifest-path").arg(copy.join("agent").join("Cargo.toml"));
    crates::clean(&mut cyclonedx, prefix);
    cyclonedx.env("SOURCE_DATE_EPOCH", source.epoch.to_string()).current_dir(&copy);
    say::quietly("the list of parts", &mut cyclonedx)?;
    let text = std::fs::read_to_string(copy.join("agent").join("line3-agent.cdx.json")).context("what cargo-cyclonedx wrote")?;
    std::fs::remove_dir_all(&copy)?;
    let mut document: Value = serde_json::from_str(&text)?;
    // The end of the folder, for its other parts may be spelled otherwise in an address: a blank as %20.
    let here = format!("/{}/sbom/", target.name);
    each_text(&mut document, &|text| portable(text, &here));
    keep_linked(&mut document, linked)?;
    let tools = Tools::read(prefix)?.tools;
    add(&mut document, others, &tools)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&document)?);
    ensure!(!text.contains("file:///"), "the list of parts names a folder of this machine");
    for path in [root, prefix.path()] {
        ensure!(!text.contains(&*path.to_string_lossy()), "the list of parts names {}, a folder of this machine", path.display());
    }
    check(&text, source, linked)?;
    Ok(text)
}

/// A part that cargo does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    name: String,
    version: String,
    licence: String,
    about: String,
    /// It is a crate that crates.io has.
    published: bool,
}

/// The parts that cargo does not know: the standard library's crates, the C library and the like, and ring's C.
#[must_use]
pub fn others(linked: &[Crate], library: &[Crate], parts: &[Part]) -> Vec<Other> {
    let of_library = library.iter().map(|one| Other {
        name: one.name.clone(),
        version: one.version.clone(),
        licence: one.licence.clone().unwrap_or_default(),
        about: "Rust's standard library, built with the agent".to_owned(),
        published: one.published,
    });
    let of_ring = linked.iter().filter(|one| one.name == "ring").map(|ring| Other {
        name: "ring-core".to_owned(),
        version: ring.version.clone(),
        licence: ring.licence.clone().unwrap_or_default(),
        about: "The C and assembly in ring, most of it from BoringSSL; its version is ring's".to_owned(),
        published: false,
    });
    let of_c = parts.iter().map(|part| Other {
        name: part.name.to_owned(),
        version: part.version.clone(),
        licence: part.licence.to_owned(),
        about: part.about.to_owned(),
        published: false,
    });
    of_library.chain(of_ring).chain(of_c).collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    manifest_path: PathBuf,
    targets: Vec<Goal>,
}

#[derive(Deserialize)]
struct Goal {
    src_path: PathBuf,
}

/// The manifests of the workspace with empty sources: cargo-cyclonedx writes beside every manifest that it reads.
fn skeleton(root: &Path, prefix: &Prefix, copy: &Path) -> Result<()> {
    let mut metadata = crates::cargo(prefix, root)?;
    metadata.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&say::quietly("the members of the workspace", &mut metadata)?)?;
    let place = |file: &Path| -> Result<PathBuf> {
        let to = copy.join(file.strip_prefix(root).with_context(|| format!("{} is not in {}", file.display(), root.display()))?);
        std::fs::create_dir_all(to.parent().unwrap_or(copy))?;
        Ok(to)
    };
    for member in metadata.packages {
        std::fs::copy(&member.manifest_path, place(&member.manifest_path)?)?;
        for goal in member.targets {
            std::fs::write(place(&goal.src_path)?, "")?;
        }
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        std::fs::copy(root.join(file), place(&root.join(file))?)?;
    }
    Ok(())
}

fn each_text(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Without what is of this machine: where the sources are, which is in a folder that ends in `here`.
fn portable(text: &str, here: &str) -> String {
    let after = text.strip_prefix("path+file://").and_then(|address| address.split_once(here));
    let text = after.map_or(text, |(_, rest)| rest).to_owned();
    match text.split_once("?download_url=file://") {
        Some((crate_, rest)) => format!("{crate_}{}", rest.find('#').and_then(|at| rest.get(at..)).unwrap_or_default()),
        None => text,
    }
}

/// Takes out what other members of the workspace need, and what runs only while the agent is built.
fn keep_linked(document: &mut Value, linked: &[Crate]) -> Result<()> {
    let linked: BTreeSet<_> = linked.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
    let components = list(document, "components")?;
    components.retain(|one| linked.contains(&(text(one, "name"), text(one, "version"))));
    let mut kept: BTreeSet<_> = components.iter().map(|one| text(one, "bom-ref").to_owned()).collect();
    kept.insert(agent(document));
    let dependencies = list(document, "dependencies")?;
    dependencies.retain(|one| kept.contains(text(one, "ref")));
    for one in dependencies {
        if let Some(needs) = one.get_mut("dependsOn").and_then(Value::as_array_mut) {
            needs.retain(|need| need.as_str().is_some_and(|need| kept.contains(need)));
        }
    }
    Ok(())
}

fn add(document: &mut Value, others: &[Other], tools: &BTreeMap<String, String>) -> Result<()> {
    let agent = agent(document);
    let mut references = Vec::new();
    for other in others {
        let Other { name, version, licence, about, published } = other;
        let kind = if *published { "cargo" } else { "generic" };
        let reference = format!("built-in/{name}@{version}");
        list(document, "components")?.push(json!({
            "type": "library", "bom-ref": reference, "name": name, "version": version, "description": about, "scope": "required",
            "licenses": [{ "expression": licence }], "purl": format!("pkg:{kind}/{name}@{version}"),
        }));
        list(document, "dependencies")?.push(json!({ "ref": reference }));
        references.push(json!(reference));
    }
    for one in list(document, "dependencies")?.iter_mut().filter(|one| text(one, "ref") == agent) {
        one.get_mut("dependsOn").and_then(Value::as_array_mut).context("the agent depends on nothing")?.append(&mut references);
    }
    let used = document.pointer_mut("/metadata/tools").and_then(Value::as_array_mut).context("the list of parts names no tools")?;
    for name in ["rustc", "cargo", "zig"] {
        used.extend(tools.get(name).map(|version| json!({ "name": name, "version": version })));
    }
    Ok(())
}

/// Fails if `sbom` is no list of parts of this version of the agent, or if a linked crate is not in it.
pub fn check(sbom: &str, source: &Source, linked: &[Crate]) -> Result<()> {
    let document: Value = serde_json::from_str(sbom).context("it is no JSON")?;
    ensure!(text(&document, "bomFormat") == "CycloneDX" && text(&document, "specVersion") == FORM, "it is no CycloneDX {FORM}");
    let named = document.pointer("/metadata/component").map(|one| (text(one, "name"), text(one, "version")));
    let told = named.unwrap_or_default();
    ensure!(told == ("line3-agent", &source.version), "it is of {} {}, not of line3-agent {}", told.0, told.1, source.version);
    let components = document.get("components").and_then(Value::as_array).context("it has no components")?;
    let there: BTreeSet<_> = components.iter().map(|one| (text(one, "name"), text(one, "version"))).chain(named).collect();
    for one in linked {
        ensure!(there.contains(&(&one.name, &one.version)), "{} {} is linked, and not in the list of parts", one.name, one.version);
    }
    Ok(())
}

fn agent(document: &Value) -> String {
    document.pointer("/metadata/component").map(|one| text(one, "bom-ref").to_owned()).unwrap_or_default()
}

fn list<'a>(document: &'a mut Value, name: &str) -> Result<&'a mut Vec<Value>> {
    document.get_mut(name).and_then(Value::as_array_mut).with_context(|| format!("the list of parts has no {name}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Crate {
        Crate { name: name.to_owned(), version: "1.0.0".to_owned(), licence: None, folder: PathBuf::new(), published: true }
    }

    fn source() -> Source {
        Source { version: "1.0.0".to_owned(), commit: None, epoch: 0 }
    }

    fn document() -> Value {
        let component = |name: &str| json!({ "bom-ref": name, "name": name, "version": "1.0.0" });
        json!({
            "bomFormat": "CycloneDX", "specVersion": FORM,
            "metadata": { "component": component("line3-agent"), "tools": [] },
            "components": [component("linked"), component("macro")],
            "dependencies": [{ "ref": "line3-agent", "dependsOn": ["linked", "macro"] }, { "ref": "linked", "dependsOn": ["macro"] }, { "ref": "macro" }],
        })
    }

    #[test]
    fn no_folder_of_this_machine_is_left() {
        let here = "/armv7/sbom/";
        let named = "path+file:///home/a%20b/line3/target/cross/armv7/sbom/agent#line3-agent@1.0.0";
        assert_eq!(portable(named, here), "agent#line3-agent@1.0.0");
        assert_eq!(
            portable("pkg:cargo/line3-agent@1.0.0?download_url=file://.#src/main.rs", here),
            "pkg:cargo/line3-agent@1.0.0#src/main.rs"
        );
        assert_eq!(portable("pkg:cargo/line3-proto@1.0.0?download_url=file://../proto", here), "pkg:cargo/line3-proto@1.0.0");
    }

    #[test]
    fn what_is_not_linked_goes_and_what_cargo_does_not_know_comes() {
        let mut document = document();
        keep_linked(&mut document, &[of("linked"), of("line3-agent")]).expect("it has all lists");
        let musl = Part { name: "musl", version: "1.2.5".to_owned(), licence: "MIT", about: "", text: None };
        add(&mut document, &others(&[], &[], &[musl]), &BTreeMap::new()).expect("it has all lists");
        let names: Vec<_> = list(&mut document, "components").expect("a list").iter().map(|one| text(one, "name").to_owned()).collect();
        assert_eq!(names, ["linked", "musl"]);
        let wanted = json!([
            { "ref": "line3-agent", "dependsOn": ["linked", "built-in/musl@1.2.5"] },
            { "ref": "linked", "dependsOn": [] },
            { "ref": "built-in/musl@1.2.5" },
        ]);
        assert_eq!(document["dependencies"], wanted);
    }

    #[test]
    fn a_linked_crate_that_is_not_listed_is_named() {
        let text = document().to_string();
        check(&text, &source(), &[of("linked"), of("line3-agent")]).expect("both are in it");
        let error = check(&text, &source(), &[of("forgotten")]).expect_err("it is not in it").to_string();
        assert_eq!(error, "forgotten 1.0.0 is linked, and not in the list of parts");
    }
}
