//! A trusted issuer: the keys and the rules for the tokens that name it.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::jws::CompactJws;

use crate::cache::key_ref::KeyRef;
use crate::error::Error;
#[cfg(feature = "fetch")]
use crate::introspection::introspector::Introspector;
use crate::issuer::policy::{Policy, Tenancy};
use crate::keys::fetched::{FetchedKeys, KeyRequested, OverdueKeys, Reading};
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::refresh::schedule::RefreshState;
use crate::keys::set::{KeyLookupError, KeySet};
#[cfg(feature = "fetch")]
use crate::status_list::lists::Lists;
use crate::tenants;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{KeyId, KeyName};
use crate::token::numeric_date::NumericDate;

/// One issuer, its rules and its keys.
pub(crate) struct TrustedIssuer {
    /// The configured name. For many tenants, it is the form of their names.
    pub(crate) identifier: Arc<str>,
    /// The tenant, if the issuer has one or was looked up for one.
    pub(crate) tenant: Option<Tenant>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) keys: Arc<IssuerKeys>,
    /// The issuer's own leeway, or the verifier's.
    pub(crate) leeway: Duration,
    /// `None` if the claim `status` is ignored.
    #[cfg(feature = "fetch")]
    pub(crate) status_lists: Option<Arc<Lists>>,
    /// `None` if tokens are JWTs.
    #[cfg(feature = "fetch")]
    pub(crate) introspection: Option<Arc<TrustedIntrospection>>,
}

/// The tokens that are introspected.
#[cfg(feature = "fetch")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Introspected {
    /// Tokens that are no JWTs. The issuer has no keys.
    OpaqueTokens,
    /// Every token, also JWTs. The issuer has no keys.
    AllTokens,
    /// JWTs, after they were verified.
    VerifiedJwts,
}

/// The introspection of a trusted issuer.
#[cfg(feature = "fetch")]
pub(crate) struct TrustedIntrospection {
    pub(crate) introspector: Arc<Introspector>,
    pub(crate) prefix: Option<Box<str>>,
    pub(crate) applies_to: Introspected,
}

/// The tenant of a token, by the name of its issuer.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) id: Arc<str>,
    /// The tenant's name, if the issuer has a name for each tenant.
    name: Option<Arc<str>>,
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
    pub(crate) fn new(identifier: String, policy: Policy, keys: IssuerKeys, leeway: Duration) -> Self {
        let tenant = match &policy.tenancy {
            Tenancy::One(id) => Some(Tenant { id: Arc::clone(id), name: None }),
            Tenancy::Unknown | Tenancy::Many(_) => None,
        };
        let (policy, keys) = (Arc::new(policy), Arc::new(keys));
        Self {
            identifier: identifier.into(),
            tenant,
            policy,
            keys,
            leeway,
            #[cfg(feature = "fetch")]
            status_lists: None,
            #[cfg(feature = "fetch")]
            introspection: None,
        }
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn with_status_lists(self, lists: Arc<Lists>) -> Self {
        Self { status_lists: Some(lists), ..self }
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn with_introspection(self, introspection: TrustedIntrospection) -> Self {
        Self { introspection: Some(Arc::new(introspection)), ..self }
    }

    /// Returns whether the issuer's tokens are introspected, at this point.
    #[cfg(feature = "fetch")]
    pub(crate) fn introspects(&self, tokens: Introspected) -> bool {
        self.introspection.as_ref().is_some_and(|introspection| introspection.applies_to == tokens)
    }

    /// Returns whether the issuer's tokens are accepted by introspection alone.
    #[cfg(feature = "fetch")]
    pub(crate) fn is_opaque(&self) -> bool {
        self.introspects(Introspected::OpaqueTokens) || self.introspects(Introspected::AllTokens)
    }

    /// Returns the prefix of opaque tokens.
    #[cfg(feature = "fetch")]
    pub(crate) fn token_prefix(&self) -> Option<&str> {
        self.introspection.as_ref()?.prefix.as_deref()
    }

    /// Returns the same issuer without its cached tokens.
    pub(crate) fn without_cached_tokens(&self) -> Self {
        Self {
            identifier: Arc::clone(&self.identifier),
            tenant: self.tenant.clone(),
            policy: Arc::clone(&self.policy),
            keys: Arc::new(self.keys.with_new_standing()),
            leeway: self.leeway,
            #[cfg(feature = "fetch")]
            status_lists: self.status_lists.clone(),
            #[cfg(feature = "fetch")]
            introspection: self.introspection.clone(),
        }
    }

    /// Returns whether the issuer has a name for each tenant, and this is one of them.
    pub(crate) fn has_tenant(&self, name: &str) -> bool {
        self.policy.tenancy.name_template().is_some_and(|template| template.tenant_of(name).is_some())
    }

    /// Returns the issuer for the tenant that this name names, with the shared keys and rules.
    pub(super) fn for_name(&self, name: &str) -> Option<Arc<Self>> {
        let id = self.policy.tenancy.name_template()?.tenant_of(name)?;
        Some(Arc::new(Self {
            identifier: Arc::clone(&self.identifier),
            tenant: Some(Tenant { id: id.into(), name: Some(name.into()) }),
            policy: Arc::clone(&self.policy),
            keys: Arc::clone(&self.keys),
            leeway: self.leeway,
            #[cfg(feature = "fetch")]
            status_lists: self.status_lists.clone(),
            #[cfg(feature = "fetch")]
            introspection: self.introspection.clone(),
        }))
    }

    /// Returns the name that tokens have in `iss`.
    pub(crate) fn name(&self) -> &Arc<str> {
        self.tenant.as_ref().and_then(|tenant| tenant.name.as_ref()).unwrap_or(&self.identifier)
    }

    /// Returns the id of the tenant, if it is known.
    pub(crate) fn tenant_id(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref().map(|tenant| &tenant.id)
    }

    /// Returns whether the rule for tenants accepts this one now.
    pub(crate) fn trusts_tenant(&self) -> Result<bool, tenants::RulePanicked> {
        self.keys.trusts(|| self.tenant_id().map(AsRef::as_ref))
    }

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
            let tenant = self.tenant_id().map(AsRef::as_ref);
            let missing = |why| {
                let name = KeyName { id: Box::new(id.to_owned()), algorithm };
                let may_be_published = self.keys.fetched().is_some_and(|keys| keys.may_be_incomplete(now));
                Ok(KeyLookup::Missing(MissingKey { name, why, may_be_published }))
            };
            let found = match (self.keys.read(now, overdue, tenant, find), self.keys.fetched()) {
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
            match self.keys.request(&KeyName { id: Box::new(id.to_owned()), algorithm }, tenant) {
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
        let tenant = self.tenant_id().map(AsRef::as_ref);
        let found = self.keys.read_last(tenant, |keys| {
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
