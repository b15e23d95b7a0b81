//! Signing keys, and the JWKS that publishes them.

use std::sync::LazyLock;

use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};

/// The key of the issuer. Generating an RSA key is slow, so all tests of a program share this one.
pub static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256));

/// Another key. The fixtures do not publish it.
pub static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256));

/// Returns a JWKS document that consists of these JWKs.
pub fn jwks(keys: impl IntoIterator<Item = Value>) -> String {
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() }).to_string()
}
