//! The keys of bound tokens.

use std::fmt;
use std::sync::Arc;

use scopegate_proto::base64url;
use serde_json::{Value, json};

use crate::error::config::ConfigError;
use scopegate_proto::client_auth::{PrivateKey, SigningAlgorithm};

/// The key to which tokens are bound (DPoP, RFC 9449). Pass it to
/// [`ClientCredentialsBuilder::dpop`](crate::ClientCredentialsBuilder::dpop).
///
/// A stolen token is useless without this key. It never leaves the process, and `Debug` does not
/// show it. Cloning is cheap.
///
/// | constructor | key |
/// | --- | --- |
/// | [`per_token`](Self::per_token) | a new one in memory for each token, for `ES256` |
/// | [`ed25519_per_token`](Self::ed25519_per_token) | a new one in memory for each token, for `EdDSA` |
/// | [`from_pem`](Self::from_pem) | one for all tokens, for instances that share a key |
#[derive(Clone)]
pub struct DpopKey(Source);

#[derive(Clone)]
enum Source {
    PerToken(SigningAlgorithm),
    Fixed(Arc<ProofKey>),
}

impl DpopKey {
    /// Generates a P-256 key for each token, in memory only. Proofs are signed by `ES256`, which
    /// authorization servers support most. The key is dropped with the token.
    pub fn per_token() -> Self {
        Self(Source::PerToken(SigningAlgorithm::Es256))
    }

    /// Generates an Ed25519 key for each token, in memory only. Proofs are signed by `EdDSA`, which
    /// is faster. The issuer and the APIs must support it.
    pub fn ed25519_per_token() -> Self {
        Self(Source::PerToken(SigningAlgorithm::EdDsa))
    }

    /// Reads one key for all tokens from PEM: PKCS #8, for P-256 (`ES256`) or Ed25519 (`EdDSA`).
    ///
    /// Use it if the issuer has registered the key. Prefer a key for each token otherwise, because
    /// a key in a file can be stolen.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidKey`] if the string is not one such key. RSA keys are
    /// rejected: each proof contains the public key and a signature, which would take a kilobyte.
    pub fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        let key = PrivateKey::from_pem(pem).ok().and_then(ProofKey::new);
        let expected = "one PKCS #8 key in PEM for P-256 or Ed25519, for DPoP";
        Ok(Self(Source::Fixed(Arc::new(key.ok_or(ConfigError::InvalidKey { expected })?))))
    }

    /// Returns the key for the next token. Returns `None` if the system has no randomness.
    pub(crate) fn next_key(&self) -> Option<Arc<ProofKey>> {
        match &self.0 {
            Source::PerToken(algorithm) => ProofKey::new(PrivateKey::generate(*algorithm)?).map(Arc::new),
            Source::Fixed(key) => Some(Arc::clone(key)),
        }
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, algorithm) = match &self.0 {
            Source::PerToken(algorithm) => ("per token", *algorithm),
            Source::Fixed(key) => ("fixed", key.key.algorithm()),
        };
        f.debug_struct("DpopKey")
            .field("kind", &kind)
            .field("algorithm", &algorithm.name())
            .finish_non_exhaustive()
    }
}

/// A key that signs proofs.
pub(crate) struct ProofKey {
    key: PrivateKey,
    /// The encoded header of each proof.
    header: String,
}

impl ProofKey {
    /// Returns `None` if proofs with such a key are not supported.
    fn new(key: PrivateKey) -> Option<Self> {
        let jwk = public_jwk(&key)?;
        let header = json!({ "typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": jwk });
        let header = base64url::encode(header.to_string());
        Some(Self { key, header })
    }

    /// Returns a JWS of these claims. Returns `None` if the system has no randomness.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let mut text = [&self.header, ".", &base64url::encode(claims.to_string())].concat();
        let signature = self.key.sign(text.as_bytes())?;
        text.push('.');
        text.push_str(&base64url::encode(signature));
        Some(text)
    }
}

/// Returns the public key as a JWK, with its required members only (RFC 7518 §6.2.1, RFC 8037 §2).
fn public_jwk(key: &PrivateKey) -> Option<Value> {
    match (key.algorithm(), key.public_key()) {
        (SigningAlgorithm::Es256, [0x04, point @ ..]) if point.len() == 64 => {
            let (x, y) = point.split_at(32);
            let [x, y] = [x, y].map(base64url::encode);
            Some(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }))
        }
        (SigningAlgorithm::EdDsa, x) => {
            Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x) }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use scopegate_proto::jwk::Jwk;
    use scopegate_proto::thumbprint::Thumbprint;

    use super::*;

    /// The private key of RFC 8410 §10.3, and its public key.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";

    fn thumbprint(key: &DpopKey) -> String {
        let jwk = public_jwk(&key.next_key().unwrap().key).unwrap().to_string();
        Thumbprint::of(&Jwk::from_text(&jwk).unwrap()).unwrap().to_string()
    }

    #[test]
    fn generated_key_is_another_for_each_token() {
        // DP53
        for key in [DpopKey::per_token(), DpopKey::ed25519_per_token()] {
            assert_ne!(thumbprint(&key), thumbprint(&key), "{key:?}");
        }
        let fixed = DpopKey::from_pem(ED25519).unwrap();
        assert_eq!(thumbprint(&fixed), thumbprint(&fixed));
    }

    #[test]
    fn header_has_public_members_only() {
        // DP53: RFC 9449 §4.2
        let key = DpopKey::from_pem(ED25519).unwrap().next_key().unwrap();
        let header: Value = serde_json::from_slice(&base64url::decode(&key.header).unwrap()).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": PUBLIC });
        assert_eq!(header, json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk }));
    }

    #[test]
    fn debug_hides_the_key() {
        // DP53
        let fixed = DpopKey::from_pem(ED25519).unwrap();
        assert_eq!(format!("{fixed:?}"), r#"DpopKey { kind: "fixed", algorithm: "EdDSA", .. }"#);
        let per_token = format!("{:?}", DpopKey::per_token());
        assert_eq!(per_token, r#"DpopKey { kind: "per token", algorithm: "ES256", .. }"#);
    }
}
