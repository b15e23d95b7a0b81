//! The issuers that one verifier trusts, found by the name that a token has in `iss`.

use std::sync::Arc;

use crate::error::Error;
use crate::error::config::ConfigError;
use crate::error::excerpt::Excerpt;
use crate::issuer::Policy;
use crate::keys::KeySource;
use crate::token::json::{JsonObject, by_length, string};
use crate::url::presentable;

/// An error lists at most this many issuers, because a verifier may trust hundreds.
const MAX_LISTED: usize = 3;

/// One issuer, its rules and its keys.
pub(crate) struct TrustedIssuer {
    pub(crate) identifier: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) keys: Arc<KeySource>,
}

/// All issuers of a verifier.
pub(crate) struct Registry {
    /// Sorted by [`by_length`].
    issuers: Vec<TrustedIssuer>,
    /// Their identifiers, in the order of the configuration.
    declared: Vec<Arc<str>>,
}

impl Registry {
    pub(crate) fn new(mut issuers: Vec<TrustedIssuer>) -> Self {
        let declared = issuers.iter().map(|issuer| Arc::clone(&issuer.identifier)).collect();
        issuers.sort_unstable_by(|a, b| by_length(&a.identifier, &b.identifier));
        Self { issuers, declared }
    }

    /// Returns the issuer that the payload names.
    pub(crate) fn named_by(&self, payload: &JsonObject<'_>) -> Result<&TrustedIssuer, Error> {
        let named = payload.get("iss").and_then(string);
        let trusted = named.as_deref().and_then(|named| {
            let at = self.issuers.binary_search_by(|issuer| by_length(&issuer.identifier, named)).ok()?;
            self.issuers.get(at)
        });
        trusted.ok_or_else(|| Error::UnknownIssuer {
            expected: self.iter().take(MAX_LISTED).map(|issuer| issuer.identifier.to_string()).collect(),
            found: named.as_deref().map(Excerpt::new),
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.issuers.iter()
    }

    /// The identifiers in the order of the configuration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(AsRef::as_ref)
    }

    /// Returns the trusted issuers with these names, in the order given. Names are compared character
    /// by character.
    pub(crate) fn select<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<&str>, ConfigError> {
        let mut selected = Vec::new();
        for name in names {
            let name = name.as_ref();
            let Some(issuer) = self.names().find(|issuer| *issuer == name) else {
                return Err(ConfigError::UntrustedIssuer { found: presentable(name) });
            };
            if selected.contains(&issuer) {
                return Err(ConfigError::IssuerNamedTwice { issuer: issuer.to_owned() });
            }
            selected.push(issuer);
        }
        if selected.is_empty() { Err(ConfigError::NoIssuerNamed) } else { Ok(selected) }
    }
}
