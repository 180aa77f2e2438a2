//! The private certificate authority: who a box is, who a controller is, and that the broker is the broker.
//!
//! There are two authorities, and the one that signed a certificate says what its holder is: `ca.pem` signs boxes and the
//! broker itself, `controller-ca.pem` signs controllers. Nothing that a box holds can make a controller.
//!
//! Everything is ECDSA P-256. A certificate carries its endpoint id as SAN URI `urn:bbf:usp:id:<id>` (TR-369, "Security")
//! and as CN, because a stock broker reads only the CN. X.520 limits a CN to 64 characters and an endpoint id may be
//! longer; the id is written whole all the same: OpenSSL (Mosquitto) and rustls read it, and a shortened name would name
//! nobody.
#![allow(clippy::disallowed_methods, reason = "tests do what the code may not")]

mod files;
mod identity;
pub mod mosquitto;

use std::{
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use line3_proto::EndpointId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SanType,
};

pub use identity::{IdentityError, identity_of};

use crate::broker::BrokerTls;

/// How the SAN URI of an endpoint id begins (TR-369, "Security").
pub const ID_URN: &str = "urn:bbf:usp:id:";

/// How long an authority is valid, in years from its making. A new one has to reach every box before that.
pub const CA_YEARS: u32 = 20;

/// How long a box's, a controller's or the broker's certificate is valid, in years from its making: longer than a box lives.
pub const LEAF_YEARS: u32 = 10;

/// When every certificate begins to be valid: a box without a battery clock starts up in 1970 and has to trust the broker
/// before it can learn the time.
pub const VALID_FROM: SystemTime = SystemTime::UNIX_EPOCH;

/// A year, leap days shared out.
const YEAR: Duration = Duration::from_secs(31_557_600);

/// What went wrong with the certificate authority.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of an authority is there already.
    #[error(
        "{} is there already, and an authority is never overwritten: everything that it signed would be worthless. \
         Use another directory, or move the old files away yourself", path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no authority here.
    #[error("there is no certificate authority in {}: {file} is missing. Create one there, or restore the file from its backup", dir.display())]
    Missing {
        /// Where it was looked for.
        dir: PathBuf,
        /// Which file is missing.
        file: &'static str,
    },
    /// A file cannot be read, written or made.
    #[error("cannot {action} {}: {cause}. Check the directory's owner, its permissions and the free space", path.display())]
    Io {
        /// What was tried: `read`, `write` or `create`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is there and is not what it should be.
    #[error("{} is damaged: {why}. Restore it from its backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The broker's name is none.
    #[error("{name:?} cannot stand in the broker's certificate: give the host names and addresses by which boxes reach it")]
    BadName {
        /// The name; empty when there was none.
        name: String,
    },
    /// A path cannot be written into the configuration.
    #[error("{} cannot be written into mosquitto.conf: choose a path of printable characters", path.display())]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {what}: {cause}")]
    Signing {
        /// Whose.
        what: String,
        /// What the library said.
        cause: rcgen::Error,
    },
}

/// A certificate and its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, PEM.
    pub cert_pem: String,
    /// The private key, PEM (PKCS #8). Secret.
    pub key_pem: String,
}

impl fmt::Debug for Issued {
    /// The key is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

/// One authority: its certificate as text, and what signs.
struct Authority {
    cert_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The two authorities of a controller.
pub struct Pki {
    boxes: Authority,
    controllers: Authority,
}

/// The files of an authority, and its name.
struct Files {
    cert: &'static str,
    key: &'static str,
    name: &'static str,
}

const BOXES: Files = Files { cert: "ca.pem", key: "ca.key", name: "Line3 boxes" };
const CONTROLLERS: Files = Files { cert: "controller-ca.pem", key: "controller-ca.key", name: "Line3 controllers" };

impl Pki {
    /// Makes both authorities in `dir`, which is made if need be: `ca.pem`, `ca.key`, `controller-ca.pem`,
    /// `controller-ca.key`; the keys are readable by their owner alone. Errors when one of the files exists.
    pub fn create(dir: &Path) -> Result<Self, PkiError> {
        files::make_private_dir(dir)?;
        for file in [BOXES.key, BOXES.cert, CONTROLLERS.key, CONTROLLERS.cert] {
            if dir.join(file).exists() {
                return Err(PkiError::Exists { path: dir.join(file) });
            }
        }
        Ok(Self { boxes: Authority::create(dir, &BOXES)?, controllers: Authority::create(dir, &CONTROLLERS)? })
    }

    /// Opens the authorities that [`Pki::create`] made in `dir`.
    pub fn open(dir: &Path) -> Result<Self, PkiError> {
        Ok(Self { boxes: Authority::open(dir, &BOXES)?, controllers: Authority::open(dir, &CONTROLLERS)? })
    }

    /// The certificate of the authority that signs boxes and the broker, PEM: what a box needs to know the broker.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.boxes.cert_pem
    }

    /// The certificate of the authority that signs controllers, PEM.
    #[must_use]
    pub fn controller_ca_pem(&self) -> &str {
        &self.controllers.cert_pem
    }

    /// A new key and certificate for the box `id`.
    pub fn issue_box(&self, id: &EndpointId) -> Result<Issued, PkiError> {
        self.boxes.issue_client(id)
    }

    /// A new key and certificate for the controller `id`.
    pub fn issue_controller(&self, id: &EndpointId) -> Result<Issued, PkiError> {
        self.controllers.issue_client(id)
    }

    /// A new key and certificate for the broker that boxes reach under `names`: host names and IP addresses, at least one.
    pub fn issue_server(&self, names: &[&str]) -> Result<Issued, PkiError> {
        if names.is_empty() {
            return Err(PkiError::BadName { name: String::new() });
        }
        let mut alternatives = Vec::with_capacity(names.len());
        for name in names {
            alternatives.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if is_host_name(name) => {
                    SanType::DnsName((*name).try_into().map_err(|_| PkiError::BadName { name: (*name).to_owned() })?)
                }
                Err(_) => return Err(PkiError::BadName { name: (*name).to_owned() }),
            });
        }
        self.boxes.issue("Line3 broker", alternatives, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Writes what the box `id` needs into `dir`: `ca.pem`, `box.pem` and `box.key`. An older certificate there is replaced.
    pub fn write_box(&self, dir: &Path, id: &EndpointId) -> Result<(), PkiError> {
        self.write(dir, "box", &self.issue_box(id)?)
    }

    /// Writes what the controller `id` needs into `dir`: `ca.pem` (to know the broker), `controller.pem`, `controller.key`.
    pub fn write_controller(&self, dir: &Path, id: &EndpointId) -> Result<(), PkiError> {
        self.write(dir, "controller", &self.issue_controller(id)?)
    }

    /// Writes what a broker reached under `names` needs into `dir`: `ca.pem`, `controller-ca.pem`, `server.pem`, `server.key`.
    pub fn write_server(&self, dir: &Path, names: &[&str]) -> Result<(), PkiError> {
        self.write(dir, "server", &self.issue_server(names)?)?;
        files::replace(&dir.join(CONTROLLERS.cert), self.controller_ca_pem(), files::PUBLIC)
    }

    /// What the embedded broker needs: a fresh certificate for `names`, and both authorities.
    pub fn broker_tls(&self, names: &[&str]) -> Result<BrokerTls, PkiError> {
        let Issued { cert_pem, key_pem } = self.issue_server(names)?;
        Ok(BrokerTls {
            cert_pem,
            key_pem,
            box_ca_pem: self.ca_pem().to_owned(),
            controller_ca_pem: self.controller_ca_pem().to_owned(),
            crl_pem: None,
        })
    }

    fn write(&self, dir: &Path, name: &str, issued: &Issued) -> Result<(), PkiError> {
        files::make_private_dir(dir)?;
        files::replace(&dir.join(BOXES.cert), self.ca_pem(), files::PUBLIC)?;
        files::replace(&dir.join(format!("{name}.key")), &issued.key_pem, files::SECRET)?;
        files::replace(&dir.join(format!("{name}.pem")), &issued.cert_pem, files::PUBLIC)
    }
}

impl Authority {
    fn create(dir: &Path, files: &Files) -> Result<Self, PkiError> {
        let signing = |cause| PkiError::Signing { what: files.name.to_owned(), cause };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(signing)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, files.name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = validity(CA_YEARS);
        let cert_pem = params.self_signed(&key).map_err(signing)?.pem();
        files::create(&dir.join(files.key), &key.serialize_pem(), files::SECRET)?;
        files::create(&dir.join(files.cert), &cert_pem, files::PUBLIC)?;
        Ok(Self { cert_pem, issuer: Issuer::new(params, key) })
    }

    fn open(dir: &Path, files: &Files) -> Result<Self, PkiError> {
        let read = |file: &'static str| {
            files::read(&dir.join(file)).map_err(|error| match error {
                PkiError::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound => PkiError::Missing { dir: dir.to_owned(), file },
                other => other,
            })
        };
        let (cert_pem, key_pem) = (read(files.cert)?, read(files.key)?);
        let damaged = |file: &str, why: String| PkiError::Damaged { path: dir.join(file), why };
        let key = KeyPair::from_pem(&key_pem).map_err(|e| damaged(files.key, e.to_string()))?;
        let public = key.subject_public_key_info();
        let issuer = Issuer::from_ca_cert_pem(&cert_pem, key).map_err(|e| damaged(files.cert, e.to_string()))?;
        if identity::public_key_of(&cert_pem) != Some(public) {
            return Err(damaged(files.key, format!("it is not the key of {}", files.cert)));
        }
        Ok(Self { cert_pem, issuer })
    }

    fn issue_client(&self, id: &EndpointId) -> Result<Issued, PkiError> {
        let urn = format!("{ID_URN}{id}");
        let uri = urn.as_str().try_into().map_err(|cause| PkiError::Signing { what: id.to_string(), cause })?;
        self.issue(id.as_str(), vec![SanType::URI(uri)], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// One purpose a certificate: a box's key cannot play the broker, the broker's cannot play a box.
    fn issue(&self, name: &str, alternatives: Vec<SanType>, purpose: ExtendedKeyUsagePurpose) -> Result<Issued, PkiError> {
        let signing = |cause| PkiError::Signing { what: name.to_owned(), cause };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(signing)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = alternatives;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(LEAF_YEARS);
        let cert = params.signed_by(&key, &self.issuer).map_err(signing)?;
        Ok(Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }
}

/// From [`VALID_FROM`] until so many years from now. This machine's clock has to be right when it issues.
fn validity<T: From<SystemTime>>(years: u32) -> (T, T) {
    (VALID_FROM.into(), (SystemTime::now() + YEAR * years).into())
}

/// Whether a text may stand as a DNS name: letters, digits, `-`, dots between labels; 253 characters at most (RFC 1035).
fn is_host_name(text: &str) -> bool {
    text.len() <= 253
        && text
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
}

#[cfg(test)]
mod tests;
