//! The trusted issuers of a verifier, looked up by the `iss` of a token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, shortlex, string};
use scopegate_proto::jws::CompactJws;
use scopegate_proto::url::{issuer_identifier, redacted};

use crate::cache::key_ref::KeyRef;
use crate::error::Error;
use crate::error::config::ConfigError;
use crate::issuer::policy::Policy;
use crate::keys::fetched::{FetchedKeys, KeyRequested, OverdueKeys, Reading};
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::refresh::schedule::RefreshState;
use crate::keys::set::{KeyLookupError, KeySet};
#[cfg(feature = "fetch")]
use crate::status_list::lists::Lists;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{KeyId, KeyName};
use crate::token::numeric_date::NumericDate;

/// Maximum number of issuers in an error, because a verifier may trust hundreds.
const MAX_LISTED: usize = 3;

/// One issuer, its rules and its keys.
pub(crate) struct TrustedIssuer {
    pub(crate) identifier: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) keys: Arc<IssuerKeys>,
    /// The issuer's own leeway, or the verifier's.
    pub(crate) leeway: Duration,
    /// `None` if the claim `status` is ignored.
    #[cfg(feature = "fetch")]
    pub(crate) status_lists: Option<Arc<Lists>>,
}

/// The result of looking up the key that a token names.
pub(crate) enum KeyLookup {
    Found(KeyRef),
    Missing(MissingKey),
}

/// A key that is unavailable.
#[derive(Debug)]
pub(crate) struct MissingKey {
    pub(crate) name: KeyName,
    pub(crate) why: Missing,
    /// Whether the issuer may have published the key since the last success, by the wall clock.
    may_be_published: bool,
}

/// The reason why a key is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The current set has no such key. The state shows whether a fetch may bring it.
    Unknown(RefreshState),
    /// There are no usable keys, and a fetch is due or under way.
    NoKeysYet,
    /// The keys are overdue, and a fetch is due or under way.
    Overdue,
}

impl TrustedIssuer {
    /// Looks up the one key with this id and for this algorithm. If the key is unknown, or the keys
    /// are overdue or have expired, this may make a fetch due.
    pub(crate) fn find_key(
        &self,
        id: &KeyId<'_>,
        algorithm: Algorithm,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Result<KeyLookup, Error> {
        loop {
            let find = |keys: &KeySet| {
                let found = keys.find(id, algorithm);
                found.map(|key| KeyRef::new(key, id, keys, &self.keys)).map_err(|error| match error {
                    KeyLookupError::Unknown => Err(()),
                    KeyLookupError::Ambiguous(found) => {
                        Ok((found, keys.used_name(id).map(|name| Excerpt::identifier(&name.shown()))))
                    }
                })
            };
            let missing = |why| {
                let name = KeyName { id: Box::new(id.to_owned()), algorithm };
                let may_be_published = self.keys.fetched().is_some_and(|keys| keys.may_be_incomplete(now));
                Ok(KeyLookup::Missing(MissingKey { name, why, may_be_published }))
            };
            let found = match (self.keys.read(now, overdue, find), self.keys.fetched()) {
                (Reading::Current(found), _) => found,
                (Reading::Overdue, _) => return missing(Missing::Overdue),
                (Reading::Unusable, Some(keys)) if keys.refresh().keys_unusable() => {
                    return missing(Missing::NoKeysYet);
                }
                (Reading::Unusable, _) => return Err(self.unavailable()),
            };
            match found {
                Ok(key) => return Ok(KeyLookup::Found(key)),
                Err(Ok((found, key_id))) => {
                    let issuer = self.identifier.to_string();
                    return Err(Error::AmbiguousKey { issuer, key_id, algorithm, found });
                }
                Err(Err(())) => {}
            }
            match self.keys.request(&KeyName { id: Box::new(id.to_owned()), algorithm }) {
                None => return missing(Missing::Unknown(RefreshState::UpToDate)),
                Some(KeyRequested::Missing(state)) => return missing(Missing::Unknown(state)),
                Some(KeyRequested::Arrived) => {}
            }
        }
    }

    pub(crate) fn check_signature(
        &self,
        key: &KeyRef,
        token: &[u8],
        parts: &CompactJws,
    ) -> Result<(), Error> {
        if key.key.verifying.verifies(parts.signing_input(token), parts.signature()) {
            return Ok(());
        }
        Err(Error::BadSignature {
            issuer: self.identifier.to_string(),
            key_id: key.used_name().map(|name| Excerpt::identifier(&name.shown())),
        })
    }

    /// Returns the error for a key that the issuer does not publish, or that is skipped.
    pub(crate) fn unknown_key(&self, key: &KeyName) -> Error {
        let found = self.keys.read_last(|keys| {
            let skipped = keys.reason_to_skip(&key.id).map(|reason| reason.to_string());
            (keys.used_name(&key.id), skipped)
        });
        let (used, skipped) = found.unwrap_or_default();
        Error::UnknownKey {
            issuer: self.identifier.to_string(),
            key_id: used.or_else(|| key.id.first()).map(|name| Excerpt::identifier(&name.shown())),
            algorithm: key.algorithm,
            skipped,
        }
    }

    /// Returns the error for an unavailable key, or `None` if a fetch may bring the key.
    pub(crate) fn settled_error(&self, missing: &MissingKey) -> Option<Error> {
        match missing.why {
            Missing::Unknown(RefreshState::Pending) | Missing::NoKeysYet | Missing::Overdue => None,
            Missing::Unknown(RefreshState::UpToDate | RefreshState::Stale) => {
                Some(self.error_without_waiting(missing))
            }
        }
    }

    /// Returns the error for an unavailable key, without waiting for a fetch. The issuer may have
    /// published the key only if the last successful fetch is at least a refresh period ago.
    pub(crate) fn error_without_waiting(&self, missing: &MissingKey) -> Error {
        let state = match (missing.why, self.keys.fetched()) {
            (Missing::NoKeysYet | Missing::Overdue, _) => RefreshState::Stale,
            (Missing::Unknown(_), _) if missing.may_be_published => RefreshState::Stale,
            (Missing::Unknown(RefreshState::Pending), Some(keys)) => keys.refresh().settled_state(),
            (Missing::Unknown(state), _) => state,
        };
        match state {
            RefreshState::Stale => self.unavailable(),
            RefreshState::UpToDate | RefreshState::Pending => self.unknown_key(&missing.name),
        }
    }

    /// Returns the error if the keys are unusable, or if it is unknown whether the issuer publishes
    /// a key.
    pub(crate) fn unavailable(&self) -> Error {
        let of_source = |keys: &Arc<FetchedKeys>| keys.refresh().retry_after();
        let retry_after = self.keys.fetched().map_or(Duration::from_secs(1), of_source);
        Error::KeysUnavailable { issuer: self.identifier.to_string(), retry_after }
    }
}

/// The configured issuers of a verifier. A change replaces all of it.
#[derive(Default)]
pub(crate) struct Registry {
    /// The names come from the configuration and not from attackers, so no keyed hash is needed.
    issuers: HashMap<Arc<str>, Arc<TrustedIssuer>, FxBuildHasher>,
    /// The issuers in the order of the configuration.
    declared: Vec<Arc<TrustedIssuer>>,
    /// The first issuers by [`shortlex`], for errors.
    listed: Vec<Arc<str>>,
    /// The issuer whose tokens may lack `iss`.
    unnamed: Option<Arc<TrustedIssuer>>,
}

impl Registry {
    pub(crate) fn new(declared: Vec<Arc<TrustedIssuer>>) -> Self {
        let named = |issuer: &Arc<TrustedIssuer>| (Arc::clone(&issuer.identifier), Arc::clone(issuer));
        let issuers = declared.iter().map(named).collect();
        let mut listed: Vec<_> = declared.iter().map(|issuer| &issuer.identifier).collect();
        if listed.len() > MAX_LISTED {
            listed.select_nth_unstable_by(MAX_LISTED, |a, b| shortlex(a, b));
            listed.truncate(MAX_LISTED);
        }
        listed.sort_unstable_by(|a, b| shortlex(a, b));
        let listed = listed.into_iter().map(Arc::clone).collect();
        let unnamed = declared.iter().find(|issuer| issuer.policy.accepts_missing_iss).map(Arc::clone);
        Self { issuers, declared, listed, unnamed }
    }

    /// Returns the issuer that the payload names. Without `iss`, returns the issuer whose tokens
    /// may lack it.
    pub(crate) fn named_by(&self, payload: &JsonObject<'_>) -> Option<&Arc<TrustedIssuer>> {
        match payload.get("iss") {
            None => self.unnamed.as_ref(),
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

    /// Returns the issuer with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<TrustedIssuer>> {
        self.issuers.get(name)
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
        self.names().filter(|name| issuer_identifier(name).is_ok())
    }

    /// Returns the trusted issuers with these names, in the order given. Names are compared
    /// character by character.
    pub(crate) fn select<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>, ConfigError> {
        let mut selected = Vec::new();
        for name in names {
            let name = name.as_ref();
            if self.get(name).is_none() {
                return Err(ConfigError::UntrustedIssuer { found: redacted(name) });
            }
            issuer_identifier(name)
                .map_err(|error| ConfigError::invalid_url("authorization server", error))?;
            if selected.iter().any(|earlier| earlier == name) {
                return Err(ConfigError::RepeatedIssuer { issuer: name.to_owned() });
            }
            selected.push(name.to_owned());
        }
        if selected.is_empty() { Err(ConfigError::EmptyIssuerList) } else { Ok(selected) }
    }
}
