//! Whatever is changed in a folder of packages, `verify` sees it and names the file.
#![allow(clippy::disallowed_methods, reason = "it changes files to see that this is noticed")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use line3_cross::manifest::{self, Manifest, SIGNATURE, SUMS, Sum};
use line3_cross::package::dist::{CATALOGUE_FILE, Dist, LICENCES_FILE, SBOM_FILE};
use line3_cross::package::layout::{CATALOGUE, PROGRAM};
use line3_cross::package::tree::Tree;
use line3_cross::package::{deb, ipk};
use line3_cross::source::Source;
use line3_cross::target::Target;
use line3_cross::{place, sign, verify};

const DEB: &str = "line3-agent_1.0.0_amd64.deb";

/// A folder of packages, and the keys.
struct World {
    _place: tempfile::TempDir,
    folder: PathBuf,
    key: PathBuf,
    public: PathBuf,
}

fn source() -> Source {
    Source { version: "1.0.0".to_owned(), commit: None, epoch: 1_700_000_000 }
}

fn tree(program: &str) -> Tree {
    let mut tree = Tree::default();
    tree.program(PROGRAM, program);
    tree.file(CATALOGUE, "{}");
    tree
}

fn control() -> Tree {
    let mut tree = Tree::default();
    tree.file("control", "Package: line3-agent\n");
    tree
}

fn parts(version: &str) -> String {
    let component = format!(r#"{{"name":"line3-agent","version":"{version}"}}"#);
    format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{{"component":{component}}},"components":[]}}"#)
}

impl World {
    fn new(signed: bool) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let (folder, key) = (place.path().join("dist"), place.path().join("key"));
        let public = sign::make_key(&key).expect("a key");
        let world = Self { _place: place, folder, key, public };
        world.pack(&tree("the program"), &parts("1.0.0"), signed);
        world
    }

    /// Packs the program, but `in_deb` into the .deb.
    fn pack(&self, in_deb: &Tree, sbom: &str, signed: bool) {
        let target = Target::named(&place::root(), "x86_64-unknown-linux-musl").expect("it is there").remove(0);
        let (source, right) = (source(), tree("the program"));
        let packages = BTreeMap::from([
            (DEB.to_owned(), deb::pack(&control(), in_deb, source.epoch).expect("a .deb")),
            ("line3-agent_1.0.0_x86_64.ipk".to_owned(), ipk::pack(&control(), &right, source.epoch).expect("an .ipk")),
            ("line3-agent-1.0.0.tar.gz".to_owned(), right.tar_gz(source.epoch).expect("a tar")),
        ]);
        let dist = Dist {
            target: &target,
            source: &source,
            tools: BTreeMap::from([("zig".to_owned(), "1".to_owned())]),
            program: b"the program",
            catalogue: b"{}",
            sbom: sbom.to_owned(),
            licences: "MIT\n".to_owned(),
            packages,
        };
        dist.write(&self.folder, signed.then_some(self.key.as_path())).expect("it is written");
    }

    fn verify(&self) -> Result<String, String> {
        let signed = self.folder.join(SIGNATURE).exists();
        verify::verify(&self.folder, signed.then_some(self.public.as_path())).map_err(|error| format!("{error:#}"))
    }

    fn files(&self) -> Vec<(String, PathBuf)> {
        let entries = std::fs::read_dir(&self.folder).expect("it is there").map(|entry| entry.expect("an entry"));
        let mut files: Vec<_> = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect();
        files.sort();
        assert!(files.len() >= 8, "{files:?}");
        files
    }

    /// Makes the sums anew for what is there now, and signs them: as the maker itself would, or whoever has the key.
    fn seal(&self, change: impl FnOnce(&mut Manifest)) {
        let text = std::fs::read(self.folder.join(manifest::MANIFEST)).expect("a manifest");
        let mut manifest: Manifest = serde_json::from_slice(&text).expect("a manifest");
        for (name, sum) in &mut manifest.files {
            *sum = Sum::of(&std::fs::read(self.folder.join(name)).expect("it is there"));
        }
        change(&mut manifest);
        manifest::seal(&self.folder, &manifest).expect("sums");
        sign::sign(&self.folder, &self.key, &manifest).expect("a signature");
    }
}

/// Flips bits all over each file, and gives every change that was not seen, or whose error does not name the file. Of the file that
/// all others hang on it flips each byte: the lowest bit makes another letter, the sixth the same one in the other case.
fn unseen_flips(world: &World, root: &str) -> Vec<String> {
    let mut unseen = Vec::new();
    for (name, path) in world.files() {
        let bytes = std::fs::read(&path).expect("it is there");
        let (step, bits) = if name == root { (1, &[0x01, 0x20][..]) } else { (bytes.len().div_ceil(40), &[0x10][..]) };
        let places = (0..bytes.len()).step_by(step).chain([bytes.len() - 1]);
        for (at, bit) in places.flat_map(|at| bits.iter().map(move |bit| (at, bit))) {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            std::fs::write(&path, changed).expect("it is written");
            match world.verify() {
                Err(error) if error.contains(&name) => {}
                other => unseen.push(format!("{name}, byte {at} of {}, bit {bit:#x}: {other:?}", bytes.len())),
            }
        }
        std::fs::write(&path, bytes).expect("it is written");
    }
    world.verify().expect("it is as it was");
    unseen
}

/// What `verify` says after `change`.
fn after(signed: bool, change: impl FnOnce(&World)) -> String {
    let world = World::new(signed);
    world.verify().expect("before the change it is whole");
    change(&world);
    world.verify().expect_err("it is changed")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("it is written");
}

#[test]
fn a_whole_folder_is_told_by_whom() {
    assert!(
        World::new(true).verify().expect("it is whole").starts_with("line3-agent 1.0.0 for x86_64-unknown-linux-musl: 8 files, signed")
    );
    assert!(World::new(false).verify().expect("it is whole").ends_with("NOT SIGNED: whole, but nobody vouches for it"));
}

#[test]
fn a_changed_byte_anywhere_in_a_signed_folder_is_seen() {
    assert_eq!(unseen_flips(&World::new(true), SIGNATURE), [""; 0]);
}

#[test]
fn a_changed_byte_anywhere_in_an_unsigned_folder_is_seen() {
    assert_eq!(unseen_flips(&World::new(false), SUMS), [""; 0]);
}

#[test]
fn a_cut_file_is_named() {
    for (name, path) in World::new(true).files() {
        for rest in [0, 1] {
            let error = after(true, |world| {
                let path = world.folder.join(path.file_name().expect("it has one"));
                let bytes = std::fs::read(&path).expect("it is there");
                std::fs::write(&path, &bytes[..(bytes.len() - 1) * rest]).expect("it is written");
            });
            assert!(error.contains(&name), "{name}: {error}");
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    for (name, _) in World::new(true).files() {
        let world = World::new(true);
        std::fs::remove_file(world.folder.join(&name)).expect("it is removed");
        let error = format!("{:#}", verify::verify(&world.folder, Some(&world.public)).expect_err("it is missing"));
        assert!(error.starts_with(&format!("{name} is missing")), "{name}: {error}");
    }
}

#[test]
fn an_additional_file_or_folder_is_named() {
    let error = after(true, |world| write(&world.folder, "more", ""));
    assert_eq!(error, "more is not listed in SHA256SUMS");
    let error = after(true, |world| std::fs::create_dir(world.folder.join("more")).expect("it is made"));
    assert_eq!(error, "more is no file, and not listed");
}

#[test]
fn sums_in_another_order_or_twice_are_seen() {
    for change in [|lines: &mut Vec<String>| lines.reverse(), |lines: &mut Vec<String>| lines.push(lines[0].clone())] {
        let error = after(false, |world| {
            let sums = std::fs::read_to_string(world.folder.join(SUMS)).expect("sums");
            let mut lines: Vec<_> = sums.lines().map(str::to_owned).collect();
            change(&mut lines);
            write(&world.folder, SUMS, &(lines.join("\n") + "\n"));
        });
        assert_eq!(error, "SHA256SUMS is not as it was written");
    }
}

#[test]
fn another_keys_signature_is_refused() {
    let error = after(true, |world| {
        let other = World::new(true);
        std::fs::copy(other.folder.join(SIGNATURE), world.folder.join(SIGNATURE)).expect("it is copied");
    });
    assert!(error.starts_with("SHA256SUMS.minisig of SHA256SUMS: it is not of these sums by this key: "), "{error}");
}

#[test]
fn a_signature_that_nobody_can_check_is_no_signature() {
    let world = World::new(true);
    let error = verify::verify(&world.folder, None).expect_err("no key is named").to_string();
    assert!(error.ends_with("name the key with --public-key"), "{error}");
    std::fs::remove_file(world.folder.join(SIGNATURE)).expect("it is removed");
    let error = verify::verify(&world.folder, Some(&world.public)).expect_err("it is not signed").to_string();
    assert_eq!(error, "SHA256SUMS.minisig is missing: it is not signed");
}

#[test]
fn a_package_with_another_program_is_named_even_if_its_sums_are_right() {
    let world = World::new(true);
    world.pack(&tree("another program"), &parts("1.0.0"), true);
    let error = world.verify().expect_err("the program is another");
    assert!(error.starts_with(&format!("{DEB}: {PROGRAM} is not the one of manifest.json")), "{error}");
}

#[test]
fn a_package_with_more_than_the_manifest_lists_is_named() {
    let error = after(true, |world| {
        let mut tree = tree("the program");
        tree.file("etc/cron.d/more", "");
        std::fs::write(world.folder.join(DEB), deb::pack(&control(), &tree, 0).expect("a .deb")).expect("it is written");
        world.seal(|_| {});
    });
    assert_eq!(error, format!("{DEB}: the file in the package etc/cron.d/more is not listed in manifest.json"));
}

#[test]
fn a_catalogue_of_another_build_is_named() {
    let error = after(true, |world| {
        write(&world.folder, CATALOGUE_FILE, "{\"another\":1}");
        world.seal(|_| {});
    });
    assert_eq!(error, "catalogue.json is not the one of manifest.json");
}

#[test]
fn a_list_of_parts_of_another_version_is_named() {
    let error = after(true, |world| world.pack(&tree("the program"), &parts("1.0.1"), true));
    assert_eq!(error, format!("{SBOM_FILE}: it is of line3-agent 1.0.1, not of line3-agent 1.0.0"));
    let error = after(true, |world| world.pack(&tree("the program"), "{", true));
    assert!(error.starts_with(&format!("{SBOM_FILE}: it is no JSON: ")), "{error}");
}

#[test]
fn a_manifest_that_lists_too_little_is_named() {
    let error = after(true, |world| world.seal(|manifest| drop(manifest.packages.remove(DEB))));
    assert_eq!(error, "manifest.json lists 2 packages, not 3");
    let error = after(true, |world| {
        world.seal(|manifest| drop(manifest.files.remove(LICENCES_FILE)));
        let sums = std::fs::read_to_string(world.folder.join(SUMS)).expect("sums");
        let mut files: Vec<_> = sums.lines().map(str::to_owned).collect();
        files.push(format!("{}  {LICENCES_FILE}", Sum::of(b"MIT\n").sha256));
        files.sort_by_key(|line| line.split_once("  ").map(|(_, name)| name.to_owned()));
        write(&world.folder, SUMS, &(files.join("\n") + "\n"));
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(world.folder.join(manifest::MANIFEST)).expect("it")).expect("it");
        sign::sign(&world.folder, &world.key, &manifest).expect("a signature");
    });
    assert_eq!(error, "manifest.json: the file LICENSES.txt is not listed in manifest.json");
}

#[test]
fn a_secret_key_is_for_its_owner_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(true);
    assert_eq!(std::fs::metadata(&world.key).expect("it is there").permissions().mode() & 0o777, 0o600);
    let error = sign::make_key(&world.key).expect_err("it is there").to_string();
    assert!(error.ends_with("key cannot be made"), "{error}");
}

#[test]
fn the_same_input_gives_the_same_bytes_but_for_the_signature() {
    let (one, other) = (World::new(true), World::new(true));
    for (name, path) in one.files().into_iter().filter(|(name, _)| name != SIGNATURE) {
        assert_eq!(std::fs::read(path).expect("it"), std::fs::read(other.folder.join(&name)).expect("it"), "{name}");
    }
}
