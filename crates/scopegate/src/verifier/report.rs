//! What does an operator see of a running verifier?

use std::time::SystemTime;

use crate::cache::Cache;
use crate::checks::confirmation::Scheme;
use crate::issuer::trusted::TrustedIssuer;
use crate::revocation::Revocations;
use crate::status::cache::CacheUsage;
use crate::status::{IssuerStatus, Status};
use crate::verifier::Verifier;

impl Verifier {
    /// Returns the status for operators: the size of the token cache, and for each issuer its keys,
    /// their age and the results of the fetches.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        let issuers = self.trusted().issuers();
        let issuers = issuers.iter();
        Status::new(
            issuers.map(|issuer| status_of(issuer, now)),
            self.cache_usage(),
            self.0.hooks.revocations.as_ref().map(Revocations::status),
            self.trusted().resolver_status(),
        )
    }

    /// Returns the size of the caches for bearer tokens and for bound tokens.
    fn cache_usage(&self) -> CacheUsage {
        let bearer = self.0.cache.usage();
        let bound = self.cache_of(Scheme::Dpop).map(Cache::usage).unwrap_or_default();
        CacheUsage { entries: bearer.entries + bound.entries, bytes: bearer.bytes + bound.bytes }
    }

    /// Returns the status of one issuer that is trusted now, by its name as tokens have it. It may
    /// be one of a [resolver](crate::VerifierBuilder::trust_dynamic).
    pub fn issuer_status(&self, issuer: &str) -> Option<IssuerStatus> {
        let now = self.0.clock.now();
        let issuer = self.trusted().get_for_operator(issuer, now.into())?;
        Some(status_of(&issuer, now))
    }

    /// Returns the identifiers of the trusted issuers, in the order of the configuration. Issuers
    /// that were [trusted](Self::trust) later follow.
    pub fn issuers(&self) -> impl Iterator<Item = String> + use<> {
        let names: Vec<_> = self.trusted().snapshot().names().map(str::to_owned).collect();
        names.into_iter()
    }
}

fn status_of(issuer: &TrustedIssuer, now: SystemTime) -> IssuerStatus {
    let status = IssuerStatus::new(&issuer.identifier, &issuer.keys, now);
    #[cfg(feature = "fetch")]
    let status = match &issuer.status_lists {
        Some(lists) => status.with_status_lists(lists.status(now.into())),
        None => status,
    };
    #[cfg(feature = "fetch")]
    let status = match &issuer.introspection {
        Some(introspection) => status.with_introspection(introspection.introspector.status()),
        None => status,
    };
    status
}
