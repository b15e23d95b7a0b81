//! Valid DPoP proofs (RFC 9449 §4.2), which tests change and sign.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::{Mint, SigningKey};
use serde_json::{Map, Value, json};

use crate::names::{CLIENT, ISSUER, NOW};

/// A proof for one request, made at [`NOW`].
#[derive(Clone, Debug)]
pub struct Proof {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_payload: Option<String>,
    raw_header: Option<String>,
}

impl Proof {
    /// Creates a proof of this key, for a request with this token. Its `jti` is unique.
    pub fn new(key: &SigningKey, method: &str, url: &str, token: &str) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let id = format!("proof-{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        Self {
            header: members(json!({ "typ": "dpop+jwt", "alg": key.alg().to_string(), "jwk": key.jwk() })),
            claims: members(json!({
                "jti": id, "htm": method, "htu": url, "iat": NOW, "ath": token_hash(token),
            })),
            raw_payload: None,
            raw_header: None,
        }
    }

    /// Sets a header parameter.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header parameter.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Replaces the payload by this string.
    #[must_use]
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// Replaces the header by this string.
    #[must_use]
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Returns the payload as JSON.
    pub fn payload(&self) -> String {
        self.raw_payload.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string())
    }

    /// Returns the header as JSON.
    pub fn header_text(&self) -> String {
        self.raw_header.clone().unwrap_or_else(|| Value::Object(self.header.clone()).to_string())
    }

    /// Returns the proof as a draft of a token, for damaged signatures.
    pub fn mint(&self) -> Mint {
        Mint::cognito(ISSUER, CLIENT).raw_header(self.header_text()).raw_payload(self.payload())
    }

    /// Signs the proof.
    pub fn sign_with(&self, key: &SigningKey) -> String {
        self.mint().sign_with(key)
    }
}

/// Returns the token with a confirmation of this key (RFC 9449 §6.1).
pub fn bound_to(key: &SigningKey, token: Mint) -> Mint {
    token.claim("cnf", json!({ "jkt": thumbprint(key) }))
}

/// Returns the SHA-256 thumbprint of a key (RFC 7638, RFC 9964 §6).
pub fn thumbprint(key: &SigningKey) -> String {
    let jwk = key.jwk();
    // serde_json writes the members in alphabetical order.
    let members: &[&str] = match jwk.get("kty").and_then(Value::as_str) {
        Some("AKP") => &["alg", "kty", "pub"],
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let text: Vec<String> =
        members.iter().map(|name| format!("\"{name}\":{}", jwk.get(name).unwrap_or(&Value::Null))).collect();
    hash(format!("{{{}}}", text.join(",")))
}

/// Returns the hash of a token for `ath` (RFC 9449 §4.2).
pub fn token_hash(token: &str) -> String {
    hash(token)
}

/// Returns the thumbprint of a certificate in DER, for `x5t#S256` (RFC 8705 §3.1).
pub fn certificate_thumbprint(der: &[u8]) -> String {
    hash(der)
}

fn hash(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_hash_is_that_of_rfc_9449() {
        // RFC 9449 §7.1
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(token_hash(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }
}
