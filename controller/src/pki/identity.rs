//! Reading who somebody is out of a certificate. Whether it is to be believed, the TLS handshake has settled before.

use line3_proto::EndpointId;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use super::ID_URN;

/// Why a certificate names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It is no certificate.
    #[error("the client's certificate cannot be read: {0}")]
    Unreadable(String),
    /// Neither SAN nor CN has an endpoint id.
    #[error("the certificate of {subject:?} names no endpoint: issue one with the SAN URI {ID_URN}<id> or the id as CN")]
    Nobody {
        /// Its subject, for a person.
        subject: String,
    },
    /// It has several endpoint ids, and brokers would choose differently.
    #[error("the certificate names two endpoints, {0} and {1}: issue one with a single id")]
    Ambiguous(EndpointId, EndpointId),
}

/// The endpoint that a certificate (DER) was issued to: the SAN URI `urn:bbf:usp:id:<id>`, or the CN where there is none.
/// A CN that is another endpoint's id than the SAN's makes it invalid. What its holder may do is not in it: that depends on
/// which authority signed.
pub fn identity_of(cert_der: &[u8]) -> Result<EndpointId, IdentityError> {
    let (_, cert) = X509Certificate::from_der(cert_der).map_err(|e| IdentityError::Unreadable(e.to_string()))?;
    let names = cert.subject_alternative_name().map_err(|e| IdentityError::Unreadable(e.to_string()))?;
    let alternatives = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => uri.strip_prefix(ID_URN),
        _ => None,
    });
    let common = cert.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut ids = alternatives.chain(common).filter_map(|text| EndpointId::parse(text).ok());
    let Some(id) = ids.next() else {
        // A person reads this, and a stranger may have written it.
        return Err(IdentityError::Nobody { subject: cert.subject().to_string().chars().take(100).collect() });
    };
    match ids.find(|other| *other != id) {
        Some(other) => Err(IdentityError::Ambiguous(id, other)),
        None => Ok(id),
    }
}

/// The public key (SubjectPublicKeyInfo, DER) of a certificate in PEM.
pub(super) fn public_key_of(cert_pem: &str) -> Option<Vec<u8>> {
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes()).ok()?;
    let (_, cert) = X509Certificate::from_der(&der).ok()?;
    Some(cert.public_key().raw.to_vec())
}
