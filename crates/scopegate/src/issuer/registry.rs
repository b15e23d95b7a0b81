//! The trusted issuers of a verifier, looked up by the `iss` of a token.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, shortlex, string};
use scopegate_proto::url::{issuer_identifier, redacted};

use crate::config_error::ConfigError;
use crate::error::Error;
#[cfg(feature = "fetch")]
use crate::issuer::opaque::OpaqueIssuers;
use crate::issuer::trusted::TrustedIssuer;

/// Maximum number of issuers in an error, because a verifier may trust hundreds.
const MAX_LISTED: usize = 3;

/// The configured issuers of a verifier. A change replaces all of it.
#[derive(Default)]
pub(crate) struct Registry {
    /// The names come from the configuration and not from attackers, so no keyed hash is needed.
    issuers: HashMap<Arc<str>, Arc<TrustedIssuer>, FxBuildHasher>,
    /// The issuers in the order of the configuration.
    declared: Vec<Arc<TrustedIssuer>>,
    /// The first issuers by [`shortlex`], for errors.
    listed: Vec<Arc<str>>,
    /// The issuers with a name for each tenant. They are not in the map: no token has the form of a
    /// name as its issuer.
    with_tenants: Vec<Arc<TrustedIssuer>>,
    /// The issuer whose tokens may lack `iss`.
    unnamed: Option<Arc<TrustedIssuer>>,
    /// `None` if every token is a JWT.
    #[cfg(feature = "fetch")]
    opaque: Option<OpaqueIssuers>,
}

impl Registry {
    pub(crate) fn new(declared: Vec<Arc<TrustedIssuer>>) -> Self {
        let named = |issuer: &Arc<TrustedIssuer>| (Arc::clone(&issuer.identifier), Arc::clone(issuer));
        let has_tenants = |issuer: &&Arc<TrustedIssuer>| issuer.policy.tenancy.name_template().is_some();
        let issuers = declared.iter().filter(|issuer| !has_tenants(issuer)).map(named).collect();
        let with_tenants = declared.iter().filter(has_tenants).map(Arc::clone).collect();
        let mut listed: Vec<_> = declared.iter().map(|issuer| &issuer.identifier).collect();
        if listed.len() > MAX_LISTED {
            listed.select_nth_unstable_by(MAX_LISTED, |a, b| shortlex(a, b));
            listed.truncate(MAX_LISTED);
        }
        listed.sort_unstable_by(|a, b| shortlex(a, b));
        let listed = listed.into_iter().map(Arc::clone).collect();
        let unnamed = declared.iter().find(|issuer| issuer.policy.accepts_missing_iss).map(Arc::clone);
        Self {
            issuers,
            #[cfg(feature = "fetch")]
            opaque: OpaqueIssuers::new(&declared),
            declared,
            listed,
            with_tenants,
            unnamed,
        }
    }

    /// Returns the issuers of opaque tokens, if there are some.
    #[cfg(feature = "fetch")]
    pub(crate) fn opaque(&self) -> Option<&OpaqueIssuers> {
        self.opaque.as_ref()
    }

    /// Returns the issuer that the payload names. Without `iss`, returns the issuer whose tokens
    /// may lack it.
    pub(crate) fn named_by(&self, payload: &JsonObject<'_>) -> Option<Arc<TrustedIssuer>> {
        match payload.get("iss") {
            None => self.unnamed.clone(),
            Some(value) => self.get(&string(value)?),
        }
    }

    /// Returns the error for a token whose issuer is not trusted.
    pub(crate) fn unknown_issuer(&self, payload: &JsonObject<'_>) -> Error {
        let value = payload.get("iss");
        Error::UnknownIssuer {
            expected: self.listed.iter().map(ToString::to_string).collect(),
            found: value.map(|value| Excerpt::of_json(value, Excerpt::IDENTIFIER_LIMIT)),
        }
    }

    /// Returns the issuer with this name. An issuer with this name alone is preferred to one with a
    /// name for each tenant. The rule for tenants is not applied.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<TrustedIssuer>> {
        let one = self.issuers.get(name).map(Arc::clone);
        one.or_else(|| self.with_tenants.iter().find_map(|issuer| issuer.for_name(name)))
    }

    /// Returns the issuer with this name, or with this form of names. Tokens are never looked up by
    /// it.
    pub(crate) fn get_for_operator(&self, name: &str) -> Option<Arc<TrustedIssuer>> {
        let declared = self.declared.iter().find(|issuer| &*issuer.identifier == name).map(Arc::clone);
        declared
            .or_else(|| self.get(name).filter(|issuer| issuer.trusts_tenant().is_ok_and(|trusted| trusted)))
    }

    /// Returns the issuers in the order of the configuration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.declared.iter()
    }

    /// Returns the identifiers in the order of the configuration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|issuer| &*issuer.identifier)
    }

    /// Returns the identifiers that are URLs, in the order of the configuration. Clients can
    /// discover the metadata of these issuers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &str> {
        let has_one_name = |issuer: &&Arc<TrustedIssuer>| issuer.policy.tenancy.name_template().is_none();
        let names = self.iter().filter(has_one_name).map(|issuer| &*issuer.identifier);
        names.filter(|name| issuer_identifier(name).is_ok())
    }

    /// Returns the issuers with these names, in the order given, that are trusted or that
    /// `is_other` accepts. Names are compared character by character.
    pub(crate) fn select<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
        is_other: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, ConfigError> {
        let is_trusted = |issuer: &Arc<TrustedIssuer>| issuer.trusts_tenant().is_ok_and(|trusted| trusted);
        select_if(names, |name| {
            if !self.get(name).as_ref().is_some_and(is_trusted) && !is_other(name) {
                return Ok(false);
            }
            issuer_identifier(name)
                .map(|_| true)
                .map_err(|error| ConfigError::invalid_url("authorization server", error))
        })
    }

    /// Returns the issuers that were configured with these names, or these forms of names.
    #[cfg(feature = "fetch")]
    pub(crate) fn select_declared<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>, ConfigError> {
        select_if(names, |name| Ok(self.declared.iter().any(|issuer| &*issuer.identifier == name)))
    }
}

/// Returns the names that are trusted, in the order given. An empty list and repeated names are errors.
fn select_if<S: AsRef<str>>(
    names: impl IntoIterator<Item = S>,
    is_trusted: impl Fn(&str) -> Result<bool, ConfigError>,
) -> Result<Vec<String>, ConfigError> {
    let mut selected = Vec::new();
    for name in names {
        let name = name.as_ref();
        if !is_trusted(name)? {
            return Err(ConfigError::UntrustedIssuer { found: redacted(name) });
        }
        if selected.iter().any(|earlier| earlier == name) {
            return Err(ConfigError::RepeatedIssuer { issuer: name.to_owned() });
        }
        selected.push(name.to_owned());
    }
    if selected.is_empty() { Err(ConfigError::EmptyIssuerList) } else { Ok(selected) }
}
