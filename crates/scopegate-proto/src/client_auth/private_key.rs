//! The private key of a client, which signs assertions. Only the files of this folder call the
//! cryptography crate.
//!
//! PEM is not read by `rustls-pki-types`, because that crate leaves its base64 buffer in memory,
//! and uses the first of several keys. It would save ten lines.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::client_auth::certificate::Certificate;
use crate::client_auth::error::ClientAuthError;
use crate::client_auth::signing_algorithm::{KeyType, SigningAlgorithm};

/// The private key of a client that authenticates by `private_key_jwt`.
///
/// Its type determines the default algorithm: RS256 for RSA (2048 bits or more), ES256 for P-256,
/// `EdDSA` for Ed25519. Cloning is cheap; `Debug` does not show the key. To create one, run
/// `openssl genpkey -algorithm ed25519`.
///
/// For Microsoft Entra ID, which identifies keys by their certificates:
///
/// ```no_run
/// # // Not run, because the files are examples.
/// use scopegate_proto::client_auth::{ClientAuthentication, PrivateKey, SigningAlgorithm};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = PrivateKey::from_pem(&std::fs::read_to_string("key.pem")?)?
///     .with_algorithm(SigningAlgorithm::Ps256)
///     .with_certificate(std::fs::read_to_string("certificate.pem")?);
/// let client = ClientAuthentication::private_key_jwt("1example-client", key);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    id: Option<String>,
    algorithm: SigningAlgorithm,
    certificate: CertificateSetting,
    has_sha1_thumbprint: bool,
}

#[derive(Clone)]
enum CertificateSetting {
    Absent,
    /// The first certificate in the PEM belongs to another key, or there is none.
    Invalid,
    Present(Certificate),
}

enum Pair {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Reads a key from PEM: PKCS #8, which begins with `-----BEGIN PRIVATE KEY-----` (RFC 7468
    /// §10).
    ///
    /// # Errors
    /// Returns [`ClientAuthError::InvalidKey`] if the string is not one such key, or the key cannot
    /// sign.
    pub fn from_pem(pem: &str) -> Result<Self, ClientAuthError> {
        let der = der(pem).ok_or(ClientAuthError::InvalidKey {
            expected: "one private key as PKCS #8 in PEM (\"-----BEGIN PRIVATE KEY-----\")",
        })?;
        Self::from_der(&der)
    }

    /// Reads a key from DER: PKCS #8 (RFC 5208, RFC 5958).
    ///
    /// # Errors
    /// Returns [`ClientAuthError::InvalidKey`] if the bytes are not such a key, or the key cannot
    /// sign.
    pub fn from_der(der: &[u8]) -> Result<Self, ClientAuthError> {
        let rsa = || rsa::KeyPair::from_pkcs8(der).map(Pair::Rsa);
        let p256 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256);
        let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519);
        let pair = rsa().or_else(|_| p256()).or_else(|_| ed25519());
        let pair = pair.map_err(|_| ClientAuthError::InvalidKey {
            expected: "a PKCS #8 key for RSA (2048 bits or more), P-256 or Ed25519",
        })?;
        Ok(Self::new(pair))
    }

    fn new(pair: Pair) -> Self {
        let algorithm = pair.key_type().default_algorithm();
        Self {
            pair: Arc::new(pair),
            id: None,
            algorithm,
            certificate: CertificateSetting::Absent,
            has_sha1_thumbprint: false,
        }
    }

    /// Generates a key for ES256 or `EdDSA`. Returns `None` for other algorithms, or if the system has
    /// no randomness.
    pub fn generate(algorithm: SigningAlgorithm) -> Option<Self> {
        let pair = match algorithm {
            SigningAlgorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?)
            }
            SigningAlgorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().ok()?),
            _ => return None,
        };
        Some(Self::new(pair))
    }

    /// Sets the `kid` in the header of assertions. Use it if the client has several keys at the
    /// issuer.
    #[must_use]
    pub fn with_key_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the algorithm of assertions. Default: see [`PrivateKey`].
    ///
    /// An algorithm for another type of key is reported when the client is built.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Adds the SHA-256 thumbprint of the key's certificate to the header of assertions
    /// (`x5t#S256`, RFC 7515 §4.1.8), for issuers that identify keys by certificates.
    ///
    /// The PEM contains the certificate, and may contain its chain behind it. A certificate of
    /// another key is reported when the client is built.
    #[must_use]
    pub fn with_certificate(mut self, pem: impl AsRef<str>) -> Self {
        let certificate = Certificate::of_key(pem.as_ref(), self.pair.public_key());
        self.certificate = certificate.map_or(CertificateSetting::Invalid, CertificateSetting::Present);
        self
    }

    /// Also adds the SHA-1 thumbprint of the certificate (`x5t`, RFC 7515 §4.1.7). Use it for
    /// issuers that do not read `x5t#S256`, such as AD FS. It has no effect without a
    /// [certificate](Self::with_certificate).
    #[must_use]
    pub fn with_sha1_thumbprint(mut self) -> Self {
        self.has_sha1_thumbprint = true;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ClientAuthError> {
        let key_type = self.pair.key_type();
        if self.algorithm.key_type() != key_type {
            let (expected, found) = (key_type.algorithms(), self.algorithm.name());
            return Err(ClientAuthError::WrongAlgorithm { expected, found });
        }
        match &self.certificate {
            CertificateSetting::Invalid => Err(ClientAuthError::InvalidCertificate {
                setting: "certificate of the private key",
                source: "the first certificate in the PEM is not that of this key, or there is none".into(),
            }),
            CertificateSetting::Absent | CertificateSetting::Present(_) => Ok(()),
        }
    }

    /// Returns the members of the header that identify the key.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let certificate = match &self.certificate {
            CertificateSetting::Present(certificate) => Some(certificate),
            CertificateSetting::Absent | CertificateSetting::Invalid => None,
        };
        let sha1 = certificate.filter(|_| self.has_sha1_thumbprint).map(|found| ("x5t", found.sha1.as_str()));
        let sha256 = certificate.map(|found| ("x5t#S256", found.sha256.as_str()));
        self.id.as_deref().map(|id| ("kid", id)).into_iter().chain(sha256).chain(sha1)
    }

    /// Returns the algorithm of signatures.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Returns the public key: a point (P-256), 32 bytes (Ed25519) or DER (RSA).
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key()
    }

    /// Returns the signature in the form of JWS (RFC 7518 §3, RFC 8037 §3.1). Returns `None` if the
    /// system has no randomness.
    pub fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(self.algorithm.rsa_encoding()?, &random, input, &mut signature).ok()?;
                Some(signature)
            }
            Pair::P256(pair) => Some(pair.sign(&random, input).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(input).ok()?.as_ref().to_vec()),
        }
    }
}

impl Pair {
    fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa(_) => KeyType::Rsa,
            Self::P256(_) => KeyType::P256,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::P256(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }
}

/// Returns random bytes, or `None` if the system has no randomness.
pub fn random_bytes() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm.name())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Decodes the one private key of a PEM file. Two keys are rejected, because it would be unclear
/// which one signs.
fn der(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (base64, rest) = rest.split_once("-----END PRIVATE KEY-----")?;
    if rest.contains("-----BEGIN") {
        return None;
    }
    let mut text = Zeroizing::new(String::with_capacity(base64.len()));
    text.extend(base64.chars().filter(|character| !character.is_ascii_whitespace()));
    STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The private key of RFC 8410 §10.3, first example.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn pem_key_signs_with_algorithm_of_its_type() {
        let key = PrivateKey::from_pem(ED25519).unwrap();
        assert_eq!(key.algorithm().name(), "EdDSA");
        assert_eq!(key.sign(b"input").unwrap().len(), 64);
    }

    #[test]
    fn pem_without_exactly_one_key_is_rejected() {
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----";
        let two = [ED25519, ED25519].concat();
        for text in ["", "x", public, &two, &ED25519.replace("MC4C", "MC4D"), &ED25519.replace("MC4C", "é")]
        {
            let error = PrivateKey::from_pem(text).unwrap_err();
            assert!(matches!(error, ClientAuthError::InvalidKey { .. }), "{text}");
        }
    }

    #[test]
    fn debug_shows_key_id_and_hides_key() {
        let key = PrivateKey::from_pem(ED25519).unwrap().with_key_id("k1");
        assert_eq!(format!("{key:?}"), r#"PrivateKey { algorithm: "EdDSA", id: Some("k1"), .. }"#);
    }
}
