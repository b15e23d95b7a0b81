//! The configured source of an issuer's keys.

use std::fmt;
use std::sync::Arc;

use scopegate_proto::url::{FetchUrl, redacted};

use crate::config_error::ConfigError;
use crate::keys::jwk::AcceptedKeys;
use crate::keys::set::KeySet;
use crate::token::algorithm::Algorithm;

#[derive(Clone)]
pub(crate) enum KeyConfig {
    /// Fetched repeatedly. The URL is parsed when the verifier is built.
    JwksUri(String),
    /// As `JwksUri`, from a URL that a preset derives from the issuer's URL. Errors name the
    /// issuer's URL.
    Derived { issuer: String, jwks_uri: String },
    /// Fetched from the URL in the issuer's metadata. The field is the issuer's URL.
    Discovery(FetchUrl),
    /// Static keys as JSON. If they were read before, the key set is included, so that no key is
    /// prepared twice.
    Static(String, Option<Arc<KeySet>>),
    /// Tokens are opaque.
    #[cfg(feature = "fetch")]
    None,
}

impl KeyConfig {
    pub(super) fn derived(issuer: &str, jwks_uri: String) -> Self {
        Self::Derived { issuer: issuer.to_owned(), jwks_uri }
    }

    pub(super) fn from_json(issuer: &str, jwks: &str) -> Result<Self, ConfigError> {
        let issuers = [issuer.to_owned()];
        let accepted = AcceptedKeys { algorithms: Algorithm::ALL, issuers: Some(&issuers) };
        match KeySet::from_json(jwks.as_bytes(), accepted, None).and_then(KeySet::not_empty) {
            Ok(keys) => Ok(Self::Static(jwks.to_owned(), Some(Arc::new(keys)))),
            Err(reason) => {
                Err(ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason: reason.to_string() })
            }
        }
    }
}

/// Does not print static keys, because they may be private by mistake.
impl fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JwksUri(url) => f.debug_tuple("JwksUri").field(&redacted(url)).finish(),
            Self::Derived { issuer, jwks_uri } => {
                let mut debug = f.debug_struct("Derived");
                debug.field("issuer", issuer).field("jwks_uri", &redacted(jwks_uri)).finish()
            }
            Self::Discovery(address) => f.debug_tuple("Discovery").field(&address.url().as_str()).finish(),
            Self::Static(..) => f.write_str("Static"),
            #[cfg(feature = "fetch")]
            Self::None => f.write_str("None"),
        }
    }
}
