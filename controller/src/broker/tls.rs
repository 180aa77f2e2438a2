//! Who is let in: mutual TLS, and which authority signed.

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::{BrokerError, BrokerTls, access::Role};

/// One set of certificates, ready for use.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    everybody: Arc<dyn ClientCertVerifier>,
    controllers: Arc<dyn ClientCertVerifier>,
}

impl Tls {
    pub(super) fn new(pem: &BrokerTls) -> Result<Self, BrokerError> {
        let provider = Arc::new(ring::default_provider());
        let boxes: Vec<CertificateDer<'static>> = read("the authority of the boxes", &pem.box_ca_pem)?;
        let controllers: Vec<CertificateDer<'static>> = read("the authority of the controllers", &pem.controller_ca_pem)?;
        if boxes.iter().any(|ca| controllers.contains(ca)) {
            return Err(BrokerError::OneAuthority);
        }
        let crls: Vec<CertificateRevocationListDer<'static>> = match &pem.crl_pem {
            Some(crl) => read("the CRL", crl)?,
            None => Vec::new(),
        };
        let everybody = verifier(boxes.iter().chain(&controllers), &crls, &provider)?;
        let controllers = verifier(controllers.iter(), &crls, &provider)?;

        let what = "the broker's certificate and key";
        let chain: Vec<CertificateDer<'static>> = read(what, &pem.cert_pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem.key_pem.as_bytes()).map_err(bad(what))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(bad(what))?
            .with_client_cert_verifier(Arc::clone(&everybody))
            .with_single_cert(chain, key)
            .map_err(bad(what))?;
        config.alpn_protocols = vec![b"mqtt".to_vec()];
        // A resumed session would skip the look at the expiry and the CRL. A box connects rarely.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), everybody, controllers })
    }

    /// What the holder of a chain that the handshake accepted may be. A controller's chain leads to a controllers' authority;
    /// whatever else was let in is a box, which may do less.
    pub(super) fn role(&self, chain: &[CertificateDer<'_>]) -> Role {
        if leads_to(&*self.controllers, chain) { Role::Controller } else { Role::Box }
    }

    /// Whether a handshake with this chain would succeed now.
    pub(super) fn trusts(&self, chain: &[CertificateDer<'_>]) -> bool {
        leads_to(&*self.everybody, chain)
    }
}

fn leads_to(verifier: &dyn ClientCertVerifier, chain: &[CertificateDer<'_>]) -> bool {
    chain.split_first().is_some_and(|(leaf, others)| verifier.verify_client_cert(leaf, others, UnixTime::now()).is_ok())
}

fn verifier<'a>(
    authorities: impl Iterator<Item = &'a CertificateDer<'static>>,
    crls: &[CertificateRevocationListDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, BrokerError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(bad("the authorities"))?;
    }
    // Of two authorities maybe one has a CRL; the other's certificates are good without.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(crls.iter().cloned())
        .only_check_end_entity_revocation()
        .allow_unknown_revocation_status()
        .build()
        .map_err(bad("the authorities and the CRL"))
}

/// All items of one kind in a PEM text; at least one.
fn read<T: PemObject>(what: &'static str, pem: &str) -> Result<Vec<T>, BrokerError> {
    let items = T::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<T>, _>>().map_err(bad(what))?;
    if items.is_empty() {
        return Err(BrokerError::BadPem { what, why: "there is none in it".to_owned() });
    }
    Ok(items)
}

fn bad<E: fmt::Display>(what: &'static str) -> impl FnOnce(E) -> BrokerError {
    move |error| BrokerError::BadPem { what, why: error.to_string() }
}
