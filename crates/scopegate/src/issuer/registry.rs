//! The trusted issuers of a verifier, looked up by the `iss` of a token.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, shortlex, string};
use scopegate_proto::jws::CompactJws;
use scopegate_proto::url::{issuer_identifier, redacted};

use crate::cache::key_ref::KeyRef;
use crate::error::Error;
use crate::error::config::ConfigError;
use crate::issuer::policy::Policy;
use crate::keys::Keys;
use crate::keys::fetched::{KeyRequested, OverdueKeys, Reading};
use crate::keys::refresh::schedule::RefreshState;
use crate::keys::set::{KeyLookupError, KeySet};
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{KeyId, KeyName};
use crate::token::numeric_date::NumericDate;

/// Maximum number of issuers in an error, because a verifier may trust hundreds.
const MAX_LISTED: usize = 3;

/// One issuer, its rules and its keys.
pub(crate) struct TrustedIssuer {
    pub(crate) identifier: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) keys: Keys,
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
                let may_be_published =
                    matches!(&self.keys, Keys::Fetched(keys) if keys.may_be_incomplete(now));
                Ok(KeyLookup::Missing(MissingKey { name, why, may_be_published }))
            };
            let found = match (self.keys.read(now, overdue, find), &self.keys) {
                (Reading::Current(found), _) => found,
                (Reading::Overdue, _) => return missing(Missing::Overdue),
                (Reading::Unusable, Keys::Fetched(keys)) if keys.refresh().keys_unusable() => {
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
            let Keys::Fetched(keys) = &self.keys else {
                return missing(Missing::Unknown(RefreshState::UpToDate));
            };
            match keys.request(&KeyName { id: Box::new(id.to_owned()), algorithm }) {
                KeyRequested::Missing(state) => return missing(Missing::Unknown(state)),
                KeyRequested::Arrived => {}
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
        let set = match &self.keys {
            Keys::Static(keys) => Some(Arc::clone(keys)),
            Keys::Fetched(keys) => keys.snapshot().map(|snapshot| Arc::clone(&snapshot.keys)),
        };
        let used = set.as_ref().and_then(|keys| keys.used_name(&key.id));
        Error::UnknownKey {
            issuer: self.identifier.to_string(),
            key_id: used.or_else(|| key.id.first()).map(|name| Excerpt::identifier(&name.shown())),
            algorithm: key.algorithm,
            skipped: set.and_then(|keys| keys.reason_to_skip(&key.id)).map(|reason| reason.to_string()),
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
        let state = match (missing.why, &self.keys) {
            (Missing::NoKeysYet | Missing::Overdue, _) => RefreshState::Stale,
            (Missing::Unknown(_), _) if missing.may_be_published => RefreshState::Stale,
            (Missing::Unknown(RefreshState::Pending), Keys::Fetched(keys)) => keys.refresh().settled_state(),
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
        let retry_after = match &self.keys {
            Keys::Static(_) => Duration::from_secs(1),
            Keys::Fetched(keys) => keys.refresh().retry_after(),
        };
        Error::KeysUnavailable { issuer: self.identifier.to_string(), retry_after }
    }
}

/// All issuers of a verifier.
pub(crate) struct Registry {
    /// Sorted by [`shortlex`].
    issuers: Vec<Arc<TrustedIssuer>>,
    /// Their identifiers, in the order of the configuration.
    declared: Vec<Arc<str>>,
    /// The issuer whose tokens may lack `iss`.
    unnamed: Option<Arc<TrustedIssuer>>,
}

impl Registry {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>) -> Self {
        let declared = issuers.iter().map(|issuer| Arc::clone(&issuer.identifier)).collect();
        let mut issuers: Vec<_> = issuers.into_iter().map(Arc::new).collect();
        issuers.sort_unstable_by(|a, b| shortlex(&a.identifier, &b.identifier));
        let unnamed = issuers.iter().find(|issuer| issuer.policy.accepts_missing_iss).map(Arc::clone);
        Self { issuers, declared, unnamed }
    }

    /// Returns the issuer that the payload names. Without `iss`, returns the issuer whose tokens
    /// may lack it.
    pub(crate) fn named_by(&self, payload: &JsonObject<'_>) -> Result<&Arc<TrustedIssuer>, Error> {
        let value = payload.get("iss");
        if value.is_none()
            && let Some(unnamed) = &self.unnamed
        {
            return Ok(unnamed);
        }
        let trusted = value.and_then(string).and_then(|named| self.get(&named));
        trusted.ok_or_else(|| Error::UnknownIssuer {
            expected: self.iter().take(MAX_LISTED).map(|issuer| issuer.identifier.to_string()).collect(),
            found: value.map(|value| Excerpt::of_json(value, Excerpt::IDENTIFIER_LIMIT)),
        })
    }

    /// Returns the issuer with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<TrustedIssuer>> {
        let at = self.issuers.binary_search_by(|issuer| shortlex(&issuer.identifier, name)).ok()?;
        self.issuers.get(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.issuers.iter()
    }

    /// Returns the identifiers in the order of the configuration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(AsRef::as_ref)
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
    ) -> Result<Vec<&str>, ConfigError> {
        let mut selected = Vec::new();
        for name in names {
            let name = name.as_ref();
            let Some(issuer) = self.names().find(|issuer| *issuer == name) else {
                return Err(ConfigError::UntrustedIssuer { found: redacted(name) });
            };
            issuer_identifier(issuer)
                .map_err(|error| ConfigError::invalid_url("authorization server", error))?;
            if selected.contains(&issuer) {
                return Err(ConfigError::RepeatedIssuer { issuer: issuer.to_owned() });
            }
            selected.push(issuer);
        }
        if selected.is_empty() { Err(ConfigError::EmptyIssuerList) } else { Ok(selected) }
    }
}
