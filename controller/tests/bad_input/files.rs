//! Files, directories and ports that are wrong: `line3 serve` and the agent end with 2, name the thing and the next step, and leave
//! what was there as it was.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use line3_controller::setup::prepare;

/// Runs `line3` to its end, which comes by itself: what it says.
fn refused(args: &[&str], path: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_line3")).args(args).arg(path).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn names(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // A cause that is in the message already is not said again.
    let end = said.trim_end().rsplit(": ").next().unwrap_or_default();
    assert_eq!(said.matches(end).count(), 1, "said twice: {said}");
}

/// A data directory whose server listens on these ports.
fn data(api: u16, broker: u16) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).unwrap();
    let file = dir.path().join("line3.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("api-listen = \"127.0.0.1:{api}\"\n[embedded-broker]\nlisten = \"127.0.0.1:{broker}\"\n{text}")).unwrap();
    (dir, file)
}

#[test]
fn a_configuration_that_is_wrong_is_named_with_its_line() {
    let (dir, file) = data(0, 0);
    for (text, parts) in [
        (b"garbage {{{".to_vec(), vec!["line 1", "expected `=`"]),
        (b"\n\xff\xfe".to_vec(), vec!["UTF-8"]),
        (b"\napi-liste = 3".to_vec(), vec!["line 2", "unknown field `api-liste`", "`api-listen`"]),
        (b"\nretention-days = \"x\"".to_vec(), vec!["line 2", "invalid type"]),
        (b"retention-days = 0".to_vec(), vec!["retention-days = 0: it takes 1 to 3650"]),
    ] {
        fs::write(&file, &text).unwrap();
        let said = refused(&["serve", "--data"], dir.path());
        names(&said, &[&[file.to_str().unwrap()], parts.as_slice()].concat());
        assert_eq!(fs::read(&file).unwrap(), text, "it is left as it was");
    }
    fs::write(&file, "").unwrap();
    let missing = dir.path().join("none.toml");
    let said = refused(&["serve", "--data", dir.path().to_str().unwrap(), "--config"], &missing);
    names(&said, &[missing.to_str().unwrap(), "No such file"]);
}

#[test]
fn a_data_directory_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    for place in [file.clone(), file.join("sub")] {
        names(&refused(&["serve", "--data"], &place), &[place.to_str().unwrap(), "choose another directory with --data DIR"]);
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_damaged_database_is_named_and_kept() {
    let (dir, _) = data(0, 0);
    let file = dir.path().join("line3.db");
    let garbage = b"no database at all ".repeat(1000);
    fs::write(&file, &garbage).unwrap();
    names(&refused(&["serve", "--data"], dir.path()), &[file.to_str().unwrap(), "is damaged", "restore a backup"]);
    assert_eq!(fs::read(&file).unwrap(), garbage);
}

#[test]
fn a_damaged_or_incomplete_authority_is_named_and_kept() {
    let (dir, _) = data(0, 0);
    let (cert, key) = (dir.path().join("pki/ca.pem"), dir.path().join("pki/ca.key"));
    let (good, secret) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
    fs::write(&cert, "x").unwrap();
    names(&refused(&["serve", "--data"], dir.path()), &[cert.to_str().unwrap(), "is damaged", "Restore it"]);
    fs::remove_file(&cert).unwrap();
    names(&refused(&["serve", "--data"], dir.path()), &["ca.pem is missing", "estore"]);
    assert!(!cert.exists() && fs::read(&key).unwrap() == secret, "no other authority was made in its place");
    fs::write(&cert, good).unwrap();
    fs::remove_file(&key).unwrap();
    names(&refused(&["serve", "--data"], dir.path()), &["ca.key is missing", "estore"]);
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, port) = (taken.local_addr().unwrap().to_string(), taken.local_addr().unwrap().port());
    let (dir, _) = data(port, 0);
    names(&refused(&["serve", "--data"], dir.path()), &[&address, "set api-listen in line3.toml"]);
    let (dir, _) = data(0, port);
    names(&refused(&["serve", "--data"], dir.path()), &[&address, "choose another port"]);
}

#[test]
fn an_agents_configuration_that_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agent.toml");
    let missing = dir.path().join("ca.pem");
    names(&refused(&["agent", "--config"], &file), &[file.to_str().unwrap(), "No such file"]);
    let tls = format!("endpoint-id = \"os::00256D-1\"\n[broker]\nca = {missing:?}\ncertificate = {missing:?}\nkey = {missing:?}\n");
    for (text, parts) in [
        ("garbage {{{", [file.to_str().unwrap(), "line 1"]),
        ("\nintervall = 3", [file.to_str().unwrap(), "unknown field `intervall`"]),
        (&tls, [missing.to_str().unwrap(), "broker.ca"]),
    ] {
        fs::write(&file, text).unwrap();
        names(&refused(&["agent", "--config"], &file), &parts);
    }
}
