//! The private key of a client, which signs assertions. This is the only file that calls the
//! cryptography crate.
//!
//! PEM is read here, and not by `rustls-pki-types`, because that reader leaves its base64 buffer in
//! memory, and takes the first of several keys. It would save ten lines.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::config::ConfigError;

/// The private key of a client that authenticates by `private_key_jwt`.
///
/// Its type determines the algorithm: RS256 for RSA (2048 bits or more), ES256 for P-256, `EdDSA`
/// for Ed25519. Cloning is cheap; `Debug` does not show the key. To create one, run `openssl
/// genpkey -algorithm ed25519`.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    id: Option<String>,
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
    /// Returns [`ConfigError::InvalidKey`] if the string is not one such key, or the key cannot
    /// sign.
    pub fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        let der = der(pem).ok_or(ConfigError::InvalidKey {
            expected: "one private key as PKCS #8 in PEM (\"-----BEGIN PRIVATE KEY-----\")",
        })?;
        Self::from_der(&der)
    }

    /// Reads a key from DER: PKCS #8 (RFC 5208, RFC 5958).
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidKey`] if the bytes are not such a key, or the key cannot sign.
    pub fn from_der(der: &[u8]) -> Result<Self, ConfigError> {
        let rsa = || rsa::KeyPair::from_pkcs8(der).map(Pair::Rsa);
        let p256 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256);
        let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519);
        let pair = rsa().or_else(|_| p256()).or_else(|_| ed25519());
        let pair = pair.map_err(|_| ConfigError::InvalidKey {
            expected: "a PKCS #8 key for RSA (2048 bits or more), P-256 or Ed25519",
        })?;
        Ok(Self { pair: Arc::new(pair), id: None })
    }

    /// Sets the `kid` in the header of assertions, for an issuer that has several keys of the
    /// client.
    #[must_use]
    pub fn with_key_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the JOSE name of its algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
    pub(crate) fn algorithm(&self) -> &'static str {
        match &*self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Returns the signature in the form of JWS (RFC 7518 §3, RFC 8037 §3.1); `None` if the system
    /// has no randomness.
    pub(crate) fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).ok()?;
                Some(signature)
            }
            Pair::P256(pair) => Some(pair.sign(&random, input).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(input).ok()?.as_ref().to_vec()),
        }
    }
}

/// Returns random bytes; `None` if the system has no randomness.
pub(crate) fn random_bytes() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm())
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
        assert_eq!(key.algorithm(), "EdDSA");
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
            assert!(matches!(error, ConfigError::InvalidKey { .. }), "{text}");
        }
    }

    #[test]
    fn debug_shows_key_id_and_hides_key() {
        let key = PrivateKey::from_pem(ED25519).unwrap().with_key_id("k1");
        assert_eq!(format!("{key:?}"), r#"PrivateKey { algorithm: "EdDSA", id: Some("k1"), .. }"#);
    }
}
