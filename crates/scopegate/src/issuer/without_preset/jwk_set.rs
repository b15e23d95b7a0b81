//! An issuer whose keys are a `JwkSet` of the crate jsonwebtoken.

use jsonwebtoken::jwk::JwkSet;

use crate::config_error::ConfigError;
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl Issuer {
    /// Creates an issuer with static keys from a `JwkSet` of the crate jsonwebtoken. It needs the
    /// feature `jsonwebtoken`.
    ///
    /// The keys are never fetched: withdraw a key by building another verifier. Prefer
    /// [`from_jwks_uri`](Self::from_jwks_uri), which follows the issuer's key rotation.
    ///
    /// ```
    /// use jsonwebtoken::jwk::JwkSet;
    /// use scopegate::Issuer;
    ///
    /// let keys: JwkSet = serde_json::from_str(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// let issuer = Issuer::from_jwk_set("https://issuer.example/", &keys)?.audience("https://api.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if `issuer` is empty or no valid identifier, and
    /// [`ConfigError::InvalidKeySet`] if no key of the set can verify a token. HMAC keys cannot.
    pub fn from_jwk_set(issuer: &str, keys: &JwkSet) -> Result<IssuerWithoutAudience, ConfigError> {
        let jwks = serde_json::to_string(keys).map_err(|error| ConfigError::InvalidKeySet {
            issuer: issuer.to_owned(),
            reason: error.to_string(),
        })?;
        Self::from_jwks(issuer, &jwks)
    }
}
