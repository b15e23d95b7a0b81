//! Signing keys.
//!
//! Rotation and publication are in `keys/ring.rs`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair,
    PqdsaSigningAlgorithm, RsaEncoding, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::keys::algorithm::Algorithm;
use crate::keys::public_key;

/// A private key with its key id and algorithm.
///
/// Cloning is cheap and shares the key. `Debug` shows the key id and the algorithm, never the key.
///
/// ```
/// use scopegate_issuer::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::ES256).with_kid("2024-05");
/// assert_eq!(key.jwk()["kid"], "2024-05");
/// assert_eq!(key.sign(b"signing input").len(), 64);
/// ```
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    alg: Algorithm,
    pair: Arc<Pair>,
}

impl SigningKey {
    /// Generates a random key for this algorithm: RSA of 2048 bits (as in Cognito), P-256, P-384,
    /// Ed25519 or ML-DSA.
    ///
    /// Its key id has Cognito's format, standard base64 of 32 random bytes. It may contain `+` and
    /// `/`, and ends in `=`. RSA takes tens of milliseconds, the others take microseconds.
    ///
    /// # Panics
    ///
    /// Panics if the operating system provides no randomness.
    #[must_use]
    pub fn generate(alg: Algorithm) -> Self {
        let pair = match alg {
            Algorithm::ES256 => Pair::ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => Pair::ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::EdDSA => Pair::Ed25519(Ed25519KeyPair::generate().expect(NO_RANDOMNESS)),
            Algorithm::MlDsa44 => Pair::ml_dsa(&signature::ML_DSA_44_SIGNING),
            Algorithm::MlDsa65 => Pair::ml_dsa(&signature::ML_DSA_65_SIGNING),
            Algorithm::MlDsa87 => Pair::ml_dsa(&signature::ML_DSA_87_SIGNING),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Pair::rsa(KeySize::Rsa2048),
        };
        Self::new(alg, pair)
    }

    /// Generates a random RSA key of 2048, 3072, 4096 or 8192 bits. A key of 8192 bits takes
    /// seconds.
    ///
    /// # Panics
    ///
    /// Panics if `alg` is not an RSA algorithm, or `bits` is another number.
    #[must_use]
    pub fn generate_rsa(alg: Algorithm, bits: u32) -> Self {
        assert!(alg.is_rsa(), "{alg} is not an RSA algorithm");
        let size = match bits {
            2048 => Some(KeySize::Rsa2048),
            3072 => Some(KeySize::Rsa3072),
            4096 => Some(KeySize::Rsa4096),
            8192 => Some(KeySize::Rsa8192),
            _ => None,
        };
        Self::new(alg, Pair::rsa(size.expect("an RSA key has 2048, 3072, 4096 or 8192 bits")))
    }

    fn new(alg: Algorithm, pair: Pair) -> Self {
        let mut id = [0; 32];
        aws_lc_rs::rand::fill(&mut id).expect(NO_RANDOMNESS);
        Self { kid: STANDARD.encode(id), alg, pair: Arc::new(pair) }
    }

    /// Returns the same key with another key id.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        self
    }

    /// Returns the key id, as in the header of a token and in the key set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the only algorithm of this key.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// Returns the public key as a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964 §3). Its members
    /// are `kid`, `alg`, `use`, `kty`, and:
    ///
    /// - RSA: `n` and `e`.
    /// - ECDSA: `crv`, `x` and `y`.
    /// - Ed25519: `crv` and `x`.
    /// - ML-DSA: `pub`.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &*self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                    "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Ecdsa(pair) => {
                // SEC 1 §2.3.3, uncompressed: 0x04, then both coordinates at their full, equal length, as RFC
                // 7518 §6.2.1.2 requires for `x` and `y`.
                let point = pair.public_key().as_ref();
                let coordinates = point.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                json!({
                    "kty": "EC",
                    "crv": if self.alg == Algorithm::ES384 { "P-384" } else { "P-256" },
                    "x": URL_SAFE_NO_PAD.encode(x),
                    "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
            Pair::Ed25519(pair) => json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            }),
            Pair::MlDsa(pair, _) => json!({
                "kty": "AKP",
                "pub": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            }),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), self.kid.as_str().into());
            members.insert("alg".into(), self.alg.to_string().into());
            members.insert("use".into(), "sig".into());
        }
        jwk
    }

    /// Returns the SHA-256 thumbprint of the public key (RFC 7638, RFC 9964 §6), as in `cnf.jkt`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        jwk.as_object().and_then(public_key::thumbprint).unwrap_or_default()
    }

    /// Returns the signature of `signing_input` in JWS format, which for ECDSA is `R || S` of fixed
    /// length (RFC 7518 §3.4).
    ///
    /// # Panics
    ///
    /// Panics if the operating system provides no randomness.
    #[must_use]
    pub fn sign(&self, signing_input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(self.rsa_encoding(), &random, signing_input, &mut signature).expect(NO_RANDOMNESS);
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, signing_input).expect(NO_RANDOMNESS).as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(signing_input).as_ref().to_vec(),
            Pair::MlDsa(pair, algorithm) => {
                let mut signature = vec![0; algorithm.signature_len()];
                pair.sign(signing_input, &mut signature).expect(NO_RANDOMNESS);
                signature
            }
        }
    }

    /// Returns whether this signature was made with this key.
    pub(crate) fn verifies(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.alg {
            Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDSA => &signature::ED25519,
            Algorithm::MlDsa44 => &signature::ML_DSA_44,
            Algorithm::MlDsa65 => &signature::ML_DSA_65,
            Algorithm::MlDsa87 => &signature::ML_DSA_87,
        };
        let public = match &*self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::MlDsa(pair, _) => pair.public_key().as_ref(),
        };
        UnparsedPublicKey::new(algorithm, public).verify(signing_input, signature).is_ok()
    }

    /// Returns the private key as PKCS #8 in PEM, for a client under test that signs with it.
    ///
    /// ```
    /// use scopegate_issuer::{Algorithm, SigningKey};
    ///
    /// let pem = SigningKey::generate(Algorithm::EdDSA).private_key_pem();
    /// assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the cryptography library cannot allocate memory for the encoding.
    #[must_use]
    pub fn private_key_pem(&self) -> String {
        const ENCODED: &str = "a key that was generated can be encoded";
        let der = match &*self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect(ENCODED);
                der.as_ref().to_vec()
            }
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().expect(ENCODED).as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().expect(ENCODED).as_ref().to_vec(),
            Pair::MlDsa(pair, _) => pair.to_pkcs8v1().expect(ENCODED).as_ref().to_vec(),
        };
        pem("PRIVATE KEY", &der)
    }

    /// Returns the public key as a `SubjectPublicKeyInfo` in PEM (RFC 7468 §13), for a server under
    /// test that is configured with it.
    ///
    /// ```
    /// use scopegate_issuer::{Algorithm, SigningKey};
    ///
    /// let pem = SigningKey::generate(Algorithm::ES256).public_key_pem();
    /// assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the cryptography library cannot allocate memory for the encoding.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        const ENCODED: &str = "a key that was generated can be encoded";
        let der: PublicKeyX509Der<'_> = match &*self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der().expect(ENCODED),
            Pair::Ecdsa(pair) => pair.public_key().as_der().expect(ENCODED),
            Pair::Ed25519(pair) => pair.public_key().as_der().expect(ENCODED),
            Pair::MlDsa(pair, _) => pair.public_key().as_der().expect(ENCODED),
        };
        pem("PUBLIC KEY", der.as_ref())
    }

    fn rsa_encoding(&self) -> &'static dyn RsaEncoding {
        match self.alg {
            Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
            Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
            Algorithm::PS256 => &signature::RSA_PSS_SHA256,
            Algorithm::PS384 => &signature::RSA_PSS_SHA384,
            Algorithm::PS512 => &signature::RSA_PSS_SHA512,
            // RS256. The constructors create no RSA key for the others.
            _ => &signature::RSA_PKCS1_SHA256,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair, &'static PqdsaSigningAlgorithm),
}

impl Pair {
    fn rsa(size: KeySize) -> Self {
        Self::Rsa(rsa::KeyPair::generate(size).expect(NO_RANDOMNESS))
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(algorithm).expect(NO_RANDOMNESS))
    }

    fn ml_dsa(algorithm: &'static PqdsaSigningAlgorithm) -> Self {
        Self::MlDsa(PqdsaKeyPair::generate(algorithm).expect(NO_RANDOMNESS), algorithm)
    }
}

/// The only remaining cause of failure, because sizes and algorithms are fixed above.
/// Writes PEM with lines of 64 characters (RFC 7468 §2).
fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem + "-----END " + label + "-----\n"
}

const NO_RANDOMNESS: &str = "the operating system has randomness";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_key_id_looks_like_cognitos() {
        let key = SigningKey::generate(Algorithm::EdDSA);
        assert_eq!(key.kid().len(), 44);
        assert!(key.kid().ends_with('='));
        assert_ne!(key.kid(), SigningKey::generate(Algorithm::EdDSA).kid());
    }

    #[test]
    fn signing_key_debug_shows_only_its_id() {
        let key = SigningKey::generate(Algorithm::RS256).with_kid("k1");
        assert_eq!(format!("{key:?}"), r#"SigningKey { kid: "k1", alg: RS256, .. }"#);
    }

    #[test]
    fn larger_rsa_key_has_longer_signature() {
        assert_eq!(SigningKey::generate(Algorithm::RS256).sign(b"x").len(), 256);
        assert_eq!(SigningKey::generate_rsa(Algorithm::PS256, 3072).sign(b"x").len(), 384);
    }
}
