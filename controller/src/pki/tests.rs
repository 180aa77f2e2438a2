#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, os::unix::fs::PermissionsExt as _};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::*;

fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn an_authority_is_made_once_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("new/pki");
    let made = Pki::create(&place).unwrap();
    let key = fs::read_to_string(place.join("ca.key")).unwrap();
    let error = Pki::create(&place).err().unwrap();
    assert!(matches!(error, PkiError::Exists { .. }) && error.to_string().contains("ca.key"), "{error}");
    assert_eq!(fs::read_to_string(place.join("ca.key")).unwrap(), key, "left alone");
    let opened = Pki::open(&place).unwrap();
    assert_eq!((opened.ca_pem(), opened.controller_ca_pem()), (made.ca_pem(), made.controller_ca_pem()));
    assert_ne!(opened.ca_pem(), opened.controller_ca_pem());
}

#[test]
fn a_directory_without_an_authority_says_which_file_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let error = Pki::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("ca.pem is missing") && error.contains(dir.path().to_str().unwrap()), "{error}");
}

#[test]
fn a_strangers_key_is_noticed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Pki::create(dir.path()).unwrap();
    Pki::create(other.path()).unwrap();
    fs::copy(other.path().join("ca.key"), dir.path().join("ca.key")).unwrap();
    let error = Pki::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("not the key of ca.pem"), "{error}");
    fs::write(dir.path().join("ca.key"), "nonsense").unwrap();
    assert!(matches!(Pki::open(dir.path()), Err(PkiError::Damaged { .. })));
}

#[test]
fn the_files_of_a_box_are_whole_and_its_key_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::create(&dir.path().join("pki")).unwrap();
    let place = dir.path().join("box");
    for _ in 0..2 {
        pki.write_box(&place, &id("os::00256D-1")).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["box.key", "box.pem", "ca.pem"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.join("box.key")), 0o600);
    assert_eq!(mode(&place.join("box.pem")) & 0o600, 0o600);
    assert_eq!(mode(&dir.path().join("pki/ca.key")), 0o600);
    assert_eq!(mode(&dir.path().join("pki/controller-ca.key")), 0o600);
    assert_eq!(fs::read_to_string(place.join("ca.pem")).unwrap(), pki.ca_pem());
    assert_eq!(identity_of(&der(&fs::read_to_string(place.join("box.pem")).unwrap())), Ok(id("os::00256D-1")));
    assert!(fs::read_to_string(place.join("box.key")).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn a_certificate_is_valid_from_1970_for_a_box_without_a_clock() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::create(dir.path()).unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let years = |n: u32| now + i64::try_from((YEAR * n).as_secs()).unwrap();
    let server = pki.issue_server(&["broker.example.org", "192.0.2.1", "2001:db8::1"]).unwrap();
    for (pem, end) in [(pki.ca_pem(), years(CA_YEARS)), (server.cert_pem.as_str(), years(LEAF_YEARS))] {
        let cert = der(pem);
        let (_, cert) = x509_parser::parse_x509_certificate(&cert).unwrap();
        assert_eq!(cert.validity().not_before.timestamp(), 0);
        assert!((cert.validity().not_after.timestamp() - end).abs() < 60);
    }
}

#[test]
fn an_identity_comes_from_the_san_and_else_from_the_cn() {
    let cert = |common: &str, uris: &[&str]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    };
    let identity = |common, uris: &[&str]| identity_of(&cert(common, uris));
    assert_eq!(identity("a box", &["urn:bbf:usp:id:oui:00256D:my%20box"]), Ok(id("oui:00256D:my%20box")));
    assert_eq!(identity("os::1-2", &["urn:bbf:usp:id:os::1-2"]), Ok(id("os::1-2")));
    assert_eq!(identity("os::1-2", &["https://example.org"]), Ok(id("os::1-2")));
    assert_eq!(identity("os::1-2", &["urn:bbf:usp:id:os::9-9"]), Err(IdentityError::Ambiguous(id("os::9-9"), id("os::1-2"))));
    assert!(matches!(identity("x", &["urn:bbf:usp:id:os::1", "urn:bbf:usp:id:os::2"]), Err(IdentityError::Ambiguous(..))));
    assert!(matches!(identity("os::a/+", &["urn:bbf:usp:id:#"]), Err(IdentityError::Nobody { .. })));
    assert!(matches!(identity_of(b"nonsense"), Err(IdentityError::Unreadable(_))));
}

#[test]
fn only_names_stand_in_the_brokers_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::create(dir.path()).unwrap();
    for bad in ["", "a b", "a/b", "a..b", "mqtts://x"] {
        assert!(matches!(pki.issue_server(&[bad]), Err(PkiError::BadName { .. })), "{bad:?}");
    }
    assert!(matches!(pki.issue_server(&[]), Err(PkiError::BadName { .. })));
}

#[test]
fn a_key_is_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    let issued = Pki::create(dir.path()).unwrap().issue_box(&id("os::1-2")).unwrap();
    assert!(!format!("{issued:?}").contains("PRIVATE"));
}
