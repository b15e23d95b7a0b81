//! A trusted issuer as a verifier holds it: what stays when it is replaced?

use std::sync::Arc;

use crate::issuer::trusted::TrustedIssuer;
use crate::keys::source::KeySource;
use crate::keys::users::Use;
#[cfg(feature = "fetch")]
use crate::token::numeric_date::NumericDate;

/// A trusted issuer, and the source that keeps its keys fresh.
pub(crate) struct Member {
    pub(crate) issuer: Arc<TrustedIssuer>,
    /// Dropping the last reference ends the refresh.
    pub(in crate::verifier) source: Option<Arc<KeySource>>,
    pub(super) source_use: Option<Use>,
    pub(super) static_jwks: Option<String>,
}

impl Member {
    /// Returns whether both accept the same tokens, so cached tokens may stay.
    pub(in crate::verifier) fn is_same_as(&self, other: &Self) -> bool {
        // Credentials are not compared. The replaced introspector leaves its memory to the new one.
        #[cfg(feature = "fetch")]
        if self.issuer.introspection.is_some() || other.issuer.introspection.is_some() {
            return false;
        }
        self.has_keys_of(other)
            && self.issuer.identifier == other.issuer.identifier
            && self.issuer.policy.is_same_as(&other.issuer.policy)
    }

    fn has_keys_of(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (None, None) => self.static_jwks == other.static_jwks,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }

    /// Takes the status lists of the issuer that it will replace, unless their rules or the keys that
    /// sign them have changed. Otherwise each change would fetch all lists again.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn take_lists_of(&mut self, before: &Self) {
        let same_keys = self.has_keys_of(before);
        let (ours, theirs) = (&self.issuer, &before.issuer);
        if same_keys
            && ours.identifier == theirs.identifier
            && ours.leeway == theirs.leeway
            && ours.policy.has_same_lists_as(&theirs.policy)
            && let Some(issuer) = Arc::get_mut(&mut self.issuer)
        {
            issuer.status_lists.clone_from(&theirs.status_lists);
        }
    }

    /// Takes over the memory of the introspector that it will replace. Otherwise each change would
    /// ask about all tokens again, and take them for invented ones.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn take_introspections_of(&mut self, before: &Self) {
        let (ours, theirs) = (&self.issuer, &before.issuer);
        let same_rules = ours.leeway == theirs.leeway && ours.policy.is_same_as(&theirs.policy);
        if let Some(theirs) = &theirs.introspection
            && let Some(issuer) = Arc::get_mut(&mut self.issuer)
            && let Some(ours) = issuer.introspection.as_mut().and_then(Arc::get_mut)
        {
            let same_rules = same_rules && ours.applies_to == theirs.applies_to;
            if let Some(introspector) = Arc::get_mut(&mut ours.introspector) {
                introspector.take_over(&theirs.introspector, same_rules);
            }
        }
    }

    /// Returns whether the issuer's keys are fetched for the first time now, although the issuer
    /// that it will replace has keys.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn lacks_keys_of(&self, before: &Self, now: NumericDate) -> bool {
        let keys = &before.issuer.keys;
        keys.standing().is_trusted(now) && keys.is_usable(now) && !self.issuer.keys.is_usable(now)
    }

    /// Returns the same member without its cached tokens.
    pub(in crate::verifier) fn without_cached_tokens(&self) -> Self {
        Self {
            issuer: Arc::new(self.issuer.without_cached_tokens()),
            source: self.source.clone(),
            source_use: self.source_use.as_ref().map(Use::again),
            static_jwks: self.static_jwks.clone(),
        }
    }

    /// Ends the trust, also for cached tokens.
    pub(in crate::verifier) fn end(&self) {
        self.issuer.keys.standing().end();
    }
}
