//! Where an issuer's keys come from, as it was configured.

use std::fmt;
use std::sync::Arc;

use scopegate_proto::url::{FetchUrl, redacted};

use crate::error::config::ConfigError;
use crate::keys::jwk::AcceptedKeys;
use crate::keys::set::KeySet;
use crate::token::algorithm::Algorithm;

#[derive(Clone)]
pub(crate) enum KeyConfig {
    /// Fetched, again and again. The URL is parsed when the verifier is built.
    JwksUri(String),
    /// As `JwksUri`, from a URL that a preset derives from the issuer's. Errors name the latter.
    Derived { issuer: String, jwks_uri: String },
    /// Fetched from where the issuer's metadata says. The address is the issuer's.
    Discovery(FetchUrl),
    /// Static keys as JSON. If they were read before, the key set too, so that no key is prepared twice.
    Static(String, Option<Arc<KeySet>>),
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

/// Static keys are not shown: they may be private ones by mistake.
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
        }
    }
}
