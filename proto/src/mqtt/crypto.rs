//! The cryptography of the link: of what ring has, what every broker must speak (RFC 8446, 9.1: AES-GCM, P-256, ECDSA and RSA) and
//! its larger siblings. Curve25519 and ChaCha20-Poly1305 would take 80 KB of a box's flash. Nothing here may name ring's own
//! `default_provider()`, or all of it is linked.

use std::sync::Arc;

use rustls::crypto::ring::cipher_suite as suites;
use rustls::crypto::ring::{kx_group, sign};
use rustls::crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{Error, SignatureScheme as Scheme, SupportedCipherSuite};
use webpki::ring as algorithms;

/// How the broker's certificates may be signed, and what it may prove with.
pub(super) const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        // In TLS 1.2 the name of a scheme does not fix the curve.
        (Scheme::ECDSA_NISTP384_SHA384, &[algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P256_SHA384]),
        (Scheme::ECDSA_NISTP256_SHA256, &[algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256]),
        (Scheme::RSA_PSS_SHA512, &[algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (Scheme::RSA_PSS_SHA384, &[algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (Scheme::RSA_PSS_SHA256, &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (Scheme::RSA_PKCS1_SHA512, &[algorithms::RSA_PKCS1_2048_8192_SHA512]),
        (Scheme::RSA_PKCS1_SHA384, &[algorithms::RSA_PKCS1_2048_8192_SHA384]),
        (Scheme::RSA_PKCS1_SHA256, &[algorithms::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

/// How the link is encrypted.
const SUITES: &[SupportedCipherSuite] = &[
    suites::TLS13_AES_128_GCM_SHA256,
    suites::TLS13_AES_256_GCM_SHA384,
    #[cfg(feature = "tls12")]
    suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    #[cfg(feature = "tls12")]
    suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    #[cfg(feature = "tls12")]
    suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    #[cfg(feature = "tls12")]
    suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// What the link offers and takes.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: vec![kx_group::SECP256R1, kx_group::SECP384R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &Random,
        key_provider: &Keys,
    }
}

/// The kernel's random numbers.
#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buffer).map_err(|_| GetRandomFailed)
    }
}

/// Reads our private key: ECDSA (P-256, P-384) or RSA.
#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        if let Ok(key) = sign::any_ecdsa_type(&key) {
            return Ok(key);
        }
        let rsa = sign::RsaSigningKey::new(&key);
        rsa.map(|key| Arc::new(key) as _).map_err(|_| Error::General("it is neither an ECDSA (P-256, P-384) nor an RSA key".to_owned()))
    }
}
