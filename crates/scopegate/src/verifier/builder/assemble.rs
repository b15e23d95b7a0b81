//! How do settings become a verifier?

use crate::cache::Cache;
#[cfg(feature = "http")]
use crate::certificate::ClientCertificates;
use crate::config_error::ConfigError;
#[cfg(feature = "http")]
use crate::dpop::Dpop;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::verifier::Verifier;
#[cfg(feature = "http")]
use crate::verifier::bound::BoundTokens;
use crate::verifier::builder::VerifierBuilder;
#[cfg(feature = "http")]
use crate::verifier::fapi2::{self, Fapi2};
use crate::verifier::trust::Trust;
use crate::verifier::trust::factory::MemberFactory;

/// Default budget for an entry: a token of more than 1 KiB, its claims, and values that the
/// application reads from them.
const BYTES_PER_ENTRY: usize = 4 * 1024;

impl VerifierBuilder {
    /// Builds a verifier whose issuers are created by this factory.
    #[cfg_attr(not(feature = "http"), allow(unused_mut, reason = "FAPI 2.0 needs requests"))]
    pub(crate) fn build_with(mut self, mut factory: MemberFactory) -> Result<Verifier, ConfigError> {
        self.check_settings()?;
        #[cfg(feature = "http")]
        if self.requires_fapi2 {
            self.hooks.requires_binding = true;
            (self.dpop, self.certificates) = fapi2::limit_bindings(self.dpop, self.certificates)?;
            factory.fapi2 = Some(Fapi2 { has_revocations: self.hooks.revocations.is_some() });
        }
        let hierarchy = ScopeHierarchy::new(&self.implied_scopes)?;
        let bytes = self.cache_bytes.unwrap_or(self.cache_entries.saturating_mul(BYTES_PER_ENTRY));
        #[cfg(feature = "http")]
        let policy = self.dpop.map(Dpop::into_policy).transpose()?;
        #[cfg(feature = "http")]
        let certificates = self.certificates.map(ClientCertificates::into_policy).transpose()?;
        #[cfg(feature = "http")]
        let requires_proof = policy.as_ref().is_some_and(|policy| policy.settings.is_required());
        #[cfg(not(feature = "http"))]
        let requires_proof = false;
        #[cfg(feature = "http")]
        let bound = policy.map(|policy| BoundTokens { policy, cache: Cache::new(self.cache_entries, bytes) });
        // A verifier that requires proofs finds no bearer token in its cache.
        let cache = Cache::new(if requires_proof { 0 } else { self.cache_entries }, bytes);
        let trust = Trust::new(factory, self.issuers)?;
        #[cfg(feature = "fetch")]
        let trust = trust.with_resolvers(self.resolvers, &self.clock)?;
        Ok(Verifier::new(
            trust,
            self.clock,
            cache,
            hierarchy,
            self.hooks,
            #[cfg(feature = "http")]
            bound,
            #[cfg(feature = "http")]
            certificates,
        ))
    }
}
