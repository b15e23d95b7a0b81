//! Which verified tokens are still valid?

use std::time::Duration;

use crate::cache::entry::Entry;
use crate::cache::key_ref::KeyRef;
use crate::cache::{Cache, Insert};
use crate::checks::confirmation::{Presented, Scheme};
use crate::claims::Claims;
use crate::keys::fetched::OverdueKeys;
use crate::telemetry::metrics;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;

impl Verifier {
    /// Returns the claims of a cached token, if the token is still valid.
    #[inline]
    pub(super) fn cached(
        &self,
        token: Presented<'_>,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Option<Claims> {
        let cache = self.cache_of(token.scheme)?;
        if cache.is_off() {
            return None;
        }
        let claims = cache.find(token.token, |entry| {
            let tenant = || entry.claims().tenant();
            entry.valid.contain(now) && entry.basis.is_current(now, overdue, tenant)
        });
        if claims.is_some() {
            metrics::looked_up(true);
        }
        claims
    }

    /// Counts a token that is not cached. Opaque tokens are not counted: they have another cache.
    pub(super) fn count_miss(&self, scheme: Scheme) {
        if self.cache_of(scheme).is_some_and(|cache| !cache.is_off()) {
            metrics::looked_up(false);
        }
    }

    /// Returns the cache for tokens that are presented in this scheme.
    #[inline]
    pub(super) fn cache_of(&self, scheme: Scheme) -> Option<&Cache<KeyRef>> {
        match scheme {
            Scheme::Bearer => Some(&self.0.cache),
            #[cfg(feature = "http")]
            Scheme::Dpop => self.0.bound.as_ref().map(|bound| &bound.cache),
            #[cfg(not(feature = "http"))]
            Scheme::Dpop => None,
        }
    }

    pub(super) fn cache(&self, claims: &Claims, key: KeyRef, leeway: Duration, scheme: Scheme) {
        let Some(cache) = self.cache_of(scheme) else { return };
        if !cache.is_off()
            && let Insert::Stored { evicted: evicted @ 1.. } = cache.insert(Entry::new(claims, key, leeway))
        {
            metrics::evicted(evicted);
        }
    }
}
