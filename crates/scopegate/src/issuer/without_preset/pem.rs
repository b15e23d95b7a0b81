//! An issuer with static keys in PEM.

use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::only_compared;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::keys::pem;

impl Issuer {
    /// Creates an issuer with static keys in PEM, each with the `kid` that tokens name it by.
    ///
    /// A key is one block: `PUBLIC KEY` (`SubjectPublicKeyInfo`, RFC 7468 §13) or `CERTIFICATE`
    /// (RFC 7468 §5). From a certificate, only the key and the SHA-1 and SHA-256 thumbprints are
    /// used. A token can name the key by a thumbprint. **The certificate's dates and signature are
    /// not checked.** Keys may be RSA (2,048 to 8,192 bits), EC (P-256, P-384, P-521) and Ed25519.
    ///
    /// ```
    /// use scopegate::Issuer;
    ///
    /// # let key = "-----BEGIN PUBLIC KEY-----\n\
    /// #     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    /// #     -----END PUBLIC KEY-----\n";
    /// // let key = include_str!("issuer.pem");
    /// let issuer = Issuer::from_pem("https://issuer.example/", [("2026-01", key)])?
    ///     .audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// A token without `kid` finds its key if exactly one key fits its algorithm. To withdraw a
    /// key, build another verifier.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] as [`from_jwks_uri`](Self::from_jwks_uri) does.
    ///
    /// Returns [`ConfigError::InvalidKeySet`] if there is no key, if a `kid` is empty or listed
    /// twice, or if a string is not exactly one such block. The reason has the `kid`, and the
    /// expected and the found value. A private key is named as such, and its content is never
    /// shown.
    pub fn from_pem<K, P>(
        issuer: &str,
        keys: impl IntoIterator<Item = (K, P)>,
    ) -> Result<IssuerWithoutAudience, ConfigError>
    where
        K: AsRef<str>,
        P: AsRef<str>,
    {
        let identifier = only_compared(issuer)?;
        let invalid = |reason| ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason };
        let mut jwks = Vec::new();
        for (kid, pem) in keys {
            let kid = kid.as_ref();
            if kid.is_empty() || jwks.iter().any(|(known, _)| known == kid) {
                return Err(invalid(format!(
                    "expected a `kid` for each key, no two the same, found {kid:?}"
                )));
            }
            let jwk =
                pem::jwk(kid, pem.as_ref()).map_err(|error| invalid(format!("key {kid:?}: {error}")))?;
            jwks.push((kid.to_owned(), jwk));
        }
        let set = pem::set(jwks.into_iter().map(|(_, jwk)| jwk));
        let keys = KeyConfig::from_json(&identifier, &set)?;
        Ok(IssuerWithoutAudience::without_preset(identifier, keys))
    }
}
