//! Which keys of a published set can verify tokens, and why the others cannot?

use scopegate_proto::json::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config_error::ConfigError;
use crate::keys::jwk::Key;
use crate::keys::set::{JwksError, KeySet};
use crate::token::algorithm::Algorithm;

/// One key of a published set. [`explain_jwks`] returns it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedKey {
    /// The index of the key in the set, from 0.
    pub position: usize,
    /// The key's `kid`.
    pub key_id: Option<String>,
    /// The algorithms that the key is used for. Empty if the key is not used.
    pub algorithms: Vec<Algorithm>,
    /// The reason why the key is not used, such as "is not for verifying signatures".
    pub skipped: Option<String>,
}

/// Returns each key of a JWKS (RFC 7517 §5), as the verifier reads it for tokens with these
/// algorithms. Keys of every issuer are used.
///
/// ```
/// use scopegate::{Algorithm, explain_jwks};
///
/// let keys = explain_jwks(br#"{"keys":[{"kty":"oct","kid":"shared","k":"AQAB"}]}"#, Algorithm::DEFAULT)?;
/// assert_eq!(keys[0].key_id.as_deref(), Some("shared"));
/// assert!(keys[0].algorithms.is_empty() && keys[0].skipped.is_some());
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
///
/// # Errors
/// Returns [`ConfigError::InvalidKeySet`] if the document is no JWKS, or has more than 100 keys.
pub fn explain_jwks(jwks: &[u8], algorithms: &[Algorithm]) -> Result<Vec<ExplainedKey>, ConfigError> {
    let invalid = |error: JwksError| ConfigError::InvalidKeySet {
        issuer: "any issuer".to_owned(),
        reason: error.to_string(),
    };
    // The rules for the document: strict JSON, and the maximum number of keys.
    KeySet::from_json(jwks, algorithms, None).map_err(invalid)?;
    let set = JsonObject::from_slice(jwks).map_err(JwksError::InvalidJson).map_err(invalid)?;
    let keys = set.get("keys").ok_or(JwksError::NoKeys).map_err(invalid)?;
    let keys = <Vec<&RawValue>>::deserialize(keys).map_err(|_| invalid(JwksError::NoKeys))?;
    let explain = |(position, jwk): (usize, &RawValue)| {
        let key_id = Key::names_of(jwk).0.map(String::from);
        let (algorithms, skipped) = match Key::from_jwk(jwk, algorithms.into(), &[]) {
            Ok(keys) => (keys.iter().map(|key| key.algorithm).collect(), None),
            Err(reason) => (Vec::new(), Some(reason.to_string())),
        };
        ExplainedKey { position, key_id, algorithms, skipped }
    };
    Ok(keys.into_iter().enumerate().map(explain).collect())
}
