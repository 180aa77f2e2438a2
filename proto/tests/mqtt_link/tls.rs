//! Mutual TLS, and what a person is told when it fails.

use std::sync::Arc;

use line3_proto::mqtt::{MqttLink, client_tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::broker::{Broker, Driver, Peer, plain};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(name: &str, last_year: i32, authority: &Authority) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// A broker with this certificate that wants one of clients from `authority`.
fn acceptor((certificate, key): (rcgen::Certificate, KeyPair), authority: &Authority) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn link_to(broker: &Broker, trusted: &Authority, own: (rcgen::Certificate, KeyPair)) -> Driver {
    let mut config = broker.config();
    let (ca, cert, key) = (trusted.pem(), own.0.pem(), own.1.serialize_pem());
    config.tls = Some(client_tls(ca.as_bytes(), cert.as_bytes(), key.as_bytes()).unwrap());
    Driver::new(MqttLink::new(config))
}

/// What the link says about a broker with this certificate.
async fn complaint(server: (rcgen::Certificate, KeyPair), trusted: &Authority, own: (rcgen::Certificate, KeyPair)) -> String {
    let broker = Broker::new().await;
    let mut driver = link_to(&broker, trusted, own).await;
    let acceptor = acceptor(server, trusted);
    let (stream, _) = broker.0.accept().await.unwrap();
    // TLS 1.3: the client may have sent its CONNECT before it hears that its certificate is not liked.
    let accepted = acceptor.accept(stream).await;
    drop(accepted);
    driver.down().await.0
}

#[tokio::test]
async fn both_sides_show_their_certificates() {
    let authority = authority("A");
    let broker = Broker::new().await;
    let mut driver = link_to(&broker, &authority, certificate("box-1", 2999, &authority)).await;
    let acceptor = acceptor(certificate("127.0.0.1", 2999, &authority), &authority);
    let (stream, _) = broker.0.accept().await.unwrap();
    let stream = acceptor.accept(stream).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 1);
    let mut peer = Peer::new(stream).await;
    peer.connack(false, plain()).await;
    driver.up().await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let (authority, other) = (authority("A"), authority("B"));
    let text = complaint(certificate("127.0.0.1", 2999, &other), &authority, certificate("box-1", 2999, &authority)).await;
    assert!(text.starts_with("the certificate of broker 127.0.0.1:") && text.contains("is not trusted: no authority"), "{text}");
    // The authority was set up anew under its old name.
    let namesake = self::authority("A");
    let text = complaint(certificate("127.0.0.1", 2999, &namesake), &authority, certificate("box-1", 2999, &authority)).await;
    assert!(text.contains("is not trusted: it names an authority of our CA file"), "{text}");
}

#[tokio::test]
async fn an_expired_certificate_is_called_expired() {
    let authority = authority("A");
    let text = complaint(certificate("127.0.0.1", 2020, &authority), &authority, certificate("box-1", 2999, &authority)).await;
    assert!(text.contains("has expired on 2020-01-01T00:00:00Z: renew it"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = authority("A");
    let text = complaint(certificate("other.example", 2999, &authority), &authority, certificate("box-1", 2999, &authority)).await;
    assert!(text.contains("is for another name") && text.contains("other.example"), "{text}");
}

#[tokio::test]
async fn our_own_certificate_is_blamed_when_it_is_at_fault() {
    let (authority, other) = (authority("A"), authority("B"));
    let text = complaint(certificate("127.0.0.1", 2999, &authority), &authority, certificate("box-1", 2020, &authority)).await;
    assert!(text.contains("our certificate has expired: renew it"), "{text}");
    let text = complaint(certificate("127.0.0.1", 2999, &authority), &authority, certificate("box-1", 2999, &other)).await;
    assert!(text.contains("it does not know the authority of our certificate"), "{text}");
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_named() {
    let authority = authority("A");
    let broker = Broker::new().await;
    let mut driver = link_to(&broker, &authority, certificate("box-1", 2999, &authority)).await;
    let (mut stream, _) = broker.0.accept().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let text = driver.down().await.0;
    assert!(text.contains("does not speak TLS"), "{text}");
}
