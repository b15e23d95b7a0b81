//! Changes of the trusted issuers while a verifier runs, in the log and in the metrics.

#[cfg(feature = "fetch")]
use std::sync::Arc;

#[cfg(feature = "fetch")]
use scopegate_proto::excerpt::Excerpt;
#[cfg(feature = "fetch")]
use tracing::Level;

#[cfg(feature = "fetch")]
use crate::telemetry::log_limit::{IssuerLogLimit, LogLimit};
use crate::telemetry::metrics;

/// Records a call of `Verifier::trust` that has an effect.
pub(super) fn trusted(issuer: &str, is_new: bool) {
    if is_new {
        tracing::info!(issuer, "issuer trusted");
        metrics::issuers_changed("trusted");
    } else {
        tracing::info!(issuer, "rules of issuer replaced");
        metrics::issuers_changed("replaced");
    }
}

/// Records a call of `Verifier::distrust` that has an effect.
pub(super) fn distrusted(issuer: &str) {
    tracing::info!(issuer, "issuer distrusted");
    metrics::issuers_changed("distrusted");
}

/// A change that a resolver causes.
#[cfg(feature = "fetch")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The resolver has returned an issuer that was not live.
    Trusted,
    /// It has returned a live issuer with other rules.
    Replaced,
    /// It has not returned a live issuer again.
    Withdrawn,
    /// There were more issuers than the limit.
    Evicted,
    /// The lifetime is over, and the issuer was not in use.
    Unused,
    /// The lifetime is over, the issuer was in use, and no renewal has succeeded.
    Lapsed,
}

/// The log of one resolver. Each event is bounded, because attackers can cause all of them.
#[cfg(feature = "fetch")]
pub(super) struct ResolverLog {
    changes: IssuerLogLimit,
    /// For each of the other events: one in a window.
    evicted: LogLimit,
    lapsed: LogLimit,
    full: LogLimit,
    other_name: LogLimit,
}

#[cfg(feature = "fetch")]
impl ResolverLog {
    pub(super) fn new() -> Self {
        let one = || LogLimit::new(1);
        Self { changes: IssuerLogLimit::new(), evicted: one(), lapsed: one(), full: one(), other_name: one() }
    }

    pub(super) fn record(&self, changes: Vec<(Change, Arc<str>)>) {
        for (change, issuer) in changes {
            self.record_one(change, &issuer);
        }
    }

    fn record_one(&self, change: Change, issuer: &str) {
        let (issuer, may_inform) = (Excerpt::identifier(issuer), || self.changes.allows_one(Level::INFO));
        metrics::issuers_changed(match change {
            Change::Trusted => "trusted",
            Change::Replaced => "replaced",
            Change::Withdrawn => "withdrawn",
            Change::Evicted => "evicted",
            Change::Unused => "unused",
            Change::Lapsed => "lapsed",
        });
        match change {
            Change::Trusted if may_inform() => tracing::info!(%issuer, "issuer resolved"),
            Change::Replaced if may_inform() => tracing::info!(%issuer, "rules of resolved issuer replaced"),
            Change::Withdrawn if may_inform() => tracing::info!(%issuer, "issuer withdrawn by the resolver"),
            Change::Evicted if self.evicted.allows_one() => {
                tracing::warn!(%issuer, "issuer evicted, there are more than the limit");
            }
            Change::Lapsed if self.lapsed.allows_one() => {
                tracing::warn!(%issuer, "issuer lapsed, no renewal has succeeded");
            }
            _ => tracing::debug!(%issuer, ?change, "issuers of the resolver changed"),
        }
    }

    /// Records a token whose issuer is not requested, because too many names wait.
    pub(super) fn queue_is_full(&self, name: &str, limit: usize) {
        metrics::resolver_queue_full();
        if self.full.allows_one() {
            let issuer = Excerpt::identifier(name);
            tracing::warn!(%issuer, limit, "too many issuers to resolve, rejecting tokens of further ones");
        }
    }

    /// Records an issuer with another name than the requested one.
    pub(super) fn other_name(&self, requested: &str, found: &str) {
        if self.other_name.allows_one() {
            let (requested, found) = (Excerpt::identifier(requested), Excerpt::identifier(found));
            tracing::warn!(%requested, %found, "resolver returned an issuer with another name");
        }
    }
}
