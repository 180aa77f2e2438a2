//! Mutual TLS for the link to the broker: the settings from three PEM files, and a clock rule for boxes that boot in 1970.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, InconsistentKeys, RootCertStore, SignatureScheme};

use super::crypto::{SIGNATURES, provider};

/// 2026-01-01T00:00:00Z, before this code existed: a system clock that shows less has not been set.
const CLOCK_FLOOR: Duration = Duration::from_secs(1_767_225_600);

/// How many certificates of one chain may ask for a later time than the one before (see [`FlooredClock`]).
const MAX_STEPS: usize = 4;

/// How many TLS sessions are kept for resumption. One link knows one broker name; two tickets cover a reconnect in a hurry.
const RESUMABLE_SESSIONS: usize = 2;

/// Which of the three files is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificates of the authorities that may vouch for the broker.
    Ca,
    /// Our own certificate, and the intermediates below the authority if there are any.
    Certificate,
    /// The private key of our own certificate.
    Key,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ca => "the CA file",
            Self::Certificate => "the certificate file",
            Self::Key => "the key file",
        })
    }
}

/// Why the TLS files cannot be used. The caller knows their names and puts them in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} {why}")]
pub struct TlsError {
    /// The file.
    pub file: TlsFile,
    /// What is wrong with it, and what to do.
    pub why: String,
}

fn bad(file: TlsFile, why: impl Into<String>) -> TlsError {
    TlsError { file, why: why.into() }
}

/// The TLS settings of a link: TLS 1.3, and 1.2 where the build has it, our certificate shown to the broker, the broker's chain checked against
/// `ca_pem` and nothing else, and its certificate required to name the host (DNS name or IP address) that we connect to.
///
/// A clock that was never set locks nobody out: while it shows less than 2026-01-01 (boxes boot in 1970), the dates of the
/// broker's chain are judged at that day, or at the day on which its newest certificate begins. Names, signatures and purpose
/// are checked as ever.
///
/// # Errors
/// [`TlsError`] names the file and what is wrong with it.
pub fn client_tls(ca_pem: &[u8], cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(TlsFile::Ca, ca_pem)?.into_iter().enumerate() {
        let add = roots.add(certificate);
        add.map_err(|error| bad(TlsFile::Ca, format!("holds a certificate (number {}) that cannot be read: {error}", index + 1)))?;
    }
    let chain = certificates(TlsFile::Certificate, cert_pem)?;
    let key = private_key(key_pem)?;

    let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(TlsFile::Ca, format!("cannot be used: {error}")))?
        // "dangerous" names the possibility of checking less. FlooredClock checks all that rustls' own verifier does.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(FlooredClock(roots)))
        .with_client_auth_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                bad(TlsFile::Key, "does not belong to the certificate: give the key that the certificate was requested with")
            }
            rustls::Error::InvalidCertificate(error) => bad(TlsFile::Certificate, format!("cannot be read: {error}")),
            error => bad(TlsFile::Key, format!("cannot be used: {error}")),
        })?;
    config.resumption = Resumption::in_memory_sessions(RESUMABLE_SESSIONS);
    Ok(Arc::new(config))
}

/// All certificates of a PEM file, at least one.
fn certificates(file: TlsFile, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| bad(file, format!("is broken PEM: {error}")))?;
    if all.is_empty() { Err(bad(file, nothing_found(pem, "certificate", "CERTIFICATE"))) } else { Ok(all) }
}

/// The private key of a PEM file.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(pem, b"ENCRYPTED PRIVATE KEY") => {
            bad(TlsFile::Key, "is encrypted and nobody is there to type the passphrase: decrypt it with `openssl pkey`")
        }
        pem::Error::NoItemsFound => bad(TlsFile::Key, nothing_found(pem, "private key", "PRIVATE KEY")),
        error => bad(TlsFile::Key, format!("is broken PEM: {error}")),
    })
}

/// Tells a PEM file of another kind from what is no PEM at all.
fn nothing_found(pem: &[u8], what: &str, label: &str) -> String {
    if pem.is_empty() {
        "is empty".to_owned()
    } else if contains(pem, b"-----BEGIN ") {
        format!("holds no {what}: it is PEM, but of something else")
    } else {
        format!("is not PEM: it has no line \"-----BEGIN {label}-----\" (DER? convert it with openssl)")
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Checks the broker's certificate as ever, but does not let a clock that was never set lock the box out.
///
/// A box without a battery boots in 1970 and learns the time over the network; until then every certificate is "not yet
/// valid". So when the system clock shows less than [`CLOCK_FLOOR`], the chain is checked at that floor instead, and if a
/// certificate in it was issued later still, at the moment from which that one is valid. Name, signatures, purpose and what
/// had expired by then are checked as always. What is given up, only while the clock is unset, is to notice that a
/// certificate has expired since.
#[derive(Debug)]
struct FlooredClock(RootCertStore);

impl ServerCertVerifier for FlooredClock {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let check = |now| {
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.0, intermediates, now, SIGNATURES.all)?;
            verify_server_name(&certificate, server_name)?;
            Ok(ServerCertVerified::assertion())
        };
        let floor = UnixTime::since_unix_epoch(CLOCK_FLOOR);
        if now >= floor {
            return check(now);
        }
        let mut result = check(floor);
        for _ in 0..MAX_STEPS {
            let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) = &result else {
                break;
            };
            result = check(*not_before);
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &SIGNATURES)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &SIGNATURES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SIGNATURES.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// Whether a certificate valid over these years is taken when the clock shows this many seconds since 1970.
    fn check(from: i32, to: i32, clock: u64, name: &str) -> Result<(), rustls::Error> {
        let authority = authority();
        let mut params = CertificateParams::new(vec!["broker.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(clock));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        FlooredClock(roots).verify_server_cert(certificate.der(), &[], &name, &[], now).map(|_| ())
    }

    const IN_1970: u64 = 1000;
    const IN_2027: u64 = 1_800_000_000;

    #[test]
    fn a_clock_that_was_never_set_locks_nobody_out() {
        assert_eq!(check(2025, 2030, IN_1970, "broker.example"), Ok(()));
        // Issued after this code was built.
        assert_eq!(check(2031, 2040, IN_1970, "broker.example"), Ok(()));
    }

    #[test]
    fn an_unset_clock_still_checks_name_and_what_expired_before_the_build() {
        assert!(matches!(
            check(2025, 2030, IN_1970, "other.example"),
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
        ));
        assert!(matches!(
            check(2020, 2025, IN_1970, "broker.example"),
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
        ));
    }

    #[test]
    fn a_set_clock_judges_dates() {
        assert_eq!(check(2025, 2030, IN_2027, "broker.example"), Ok(()));
        assert!(matches!(
            check(2031, 2040, IN_2027, "broker.example"),
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }))
        ));
        assert!(matches!(
            check(2020, 2025, IN_2027, "broker.example"),
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
        ));
    }

    #[test]
    fn each_file_has_its_own_clear_errors() {
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(vec![]).unwrap().signed_by(&key, &authority).unwrap();
        let (ca, cert, key) = (authority.pem(), certificate.pem(), key.serialize_pem());
        let other_key = KeyPair::generate().unwrap().serialize_pem();
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let said = |ca: &str, cert: &str, key: &str| {
            client_tls(ca.as_bytes(), cert.as_bytes(), key.as_bytes()).err().map_or_else(String::new, |error| error.to_string())
        };

        assert_eq!(said(&ca, &cert, &key), "");
        for (text, part) in [
            (said("", &cert, &key), "the CA file is empty"),
            (said("hello", &cert, &key), "the CA file is not PEM"),
            (said(&key, &cert, &key), "the CA file holds no certificate"),
            (said(broken, &cert, &key), "the CA file is broken PEM"),
            (said(junk, &cert, &key), "the CA file holds a certificate (number 1) that cannot be read"),
            (said(&ca, &key, &key), "the certificate file holds no certificate"),
            (said(&ca, junk, &key), "the certificate file cannot be read"),
            (said(&ca, &cert, &cert), "the key file holds no private key"),
            (said(&ca, &cert, "hello"), "the key file is not PEM"),
            (said(&ca, &cert, encrypted), "the key file is encrypted"),
            (said(&ca, &cert, &other_key), "the key file does not belong to the certificate"),
            (
                said(&ca, &cert, &ed25519),
                "the key file cannot be used: unexpected error: it is neither an ECDSA (P-256, P-384) nor an RSA key",
            ),
        ] {
            assert!(text.starts_with(part), "{text:?} is not {part:?}");
        }
    }
}
