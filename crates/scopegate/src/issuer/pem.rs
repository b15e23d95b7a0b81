//! An issuer whose keys are given as PEM.

use super::key_config::KeyConfig;
use super::{Issuer, IssuerWithoutAudience};
use crate::error::config::ConfigError;
use crate::issuer::name::only_compared;
use crate::keys::pem;

impl Issuer {
    /// An issuer whose keys are given here as PEM, each with the `kid` that tokens name it by, and never fetched.
    ///
    /// A key is one block: `PUBLIC KEY` (`SubjectPublicKeyInfo`, RFC 7468 §13) or `CERTIFICATE` (RFC 7468 §5). Of a
    /// certificate only the key is used, and its SHA-1 and SHA-256 thumbprints, by which a token may name the key too:
    /// neither its dates nor its signature are checked. Keys may be RSA (2,048 to 8,192 bits), EC (P-256, P-384, P-521)
    /// and Ed25519.
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
    /// A token without `kid` finds its key if only one fits its algorithm. A key can only be withdrawn by building another
    /// verifier.
    ///
    /// # Errors
    /// [`ConfigError::InvalidName`] as for [`from_jwks_uri`](Self::from_jwks_uri); [`ConfigError::InvalidKeySet`] if there is
    /// no key, if a `kid` is empty or listed twice, or if a string is not exactly one such block. The reason says which
    /// `kid`, what was expected and what was found; a private key is named as such, and never shown.
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
