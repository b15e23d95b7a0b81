//! Metrics through the `metrics` facade. Without the feature, these functions do nothing.
//!
//! The crate's page lists names and labels. Labels come from the configuration and from fixed
//! lists, never from a token. An issuer that is trusted while the verifier runs has no label of its
//! own, because a token may have named it.

pub(crate) mod issuer_label;
#[cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "without an HTTP client, nothing is fetched"))]
pub(crate) mod keys_in_use;

use std::time::SystemTime;
#[cfg(feature = "metrics")]
use std::time::UNIX_EPOCH;

#[cfg(feature = "fetch")]
use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::telemetry::metrics::issuer_label::LabelledIssuers;

/// Counts a verification that accepts a token.
pub(crate) fn accepted() {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_verifications_total", "outcome" => "accepted").increment(1);
}

/// Counts a verification that accepts no token, with the code of its error.
pub(crate) fn rejected(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_verifications_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// Counts a token whose issuer does not publish its key.
pub(crate) fn unknown_key(issuer: &str, issuers: &LabelledIssuers) {
    #[cfg(feature = "metrics")]
    {
        let issuer = issuers.label(issuer).as_str().to_owned();
        metrics::counter!("scopegate_unknown_keys_total", "issuer" => issuer).increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, issuers);
}

/// Counts a decision about a request.
#[cfg(feature = "http")]
pub(crate) fn decided(verdict: &'static str, reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_requests_total", &[("decision", verdict), ("reason", reason)]).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (verdict, reason);
}

/// Counts the last check of a request with a valid DPoP proof.
#[cfg(feature = "http")]
pub(crate) fn proof_used(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_dpop_proofs_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// Records a successful fetch of a key set for the issuers with this label, and the time of its
/// request.
#[cfg(feature = "fetch")]
pub(crate) fn fetched(issuer: &IssuerLabel, at: SystemTime) {
    #[cfg(feature = "metrics")]
    {
        if let Some(name) = issuer.name() {
            keys_in_use::keys_fetched(name, at);
        }
        let issuer = issuer.as_str().to_owned();
        metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer, "outcome" => "ok").increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, at);
}

/// Counts a failed fetch.
#[cfg(feature = "fetch")]
pub(crate) fn not_fetched(issuer: &IssuerLabel) {
    #[cfg(feature = "metrics")]
    {
        let issuer = issuer.as_str().to_owned();
        metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer, "outcome" => "failed")
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}

/// Counts a fetch of a status list.
#[cfg(feature = "fetch")]
pub(crate) fn status_list_fetched(issuer: &IssuerLabel, succeeded: bool) {
    #[cfg(feature = "metrics")]
    {
        let (issuer, outcome) = (issuer.as_str().to_owned(), if succeeded { "ok" } else { "failed" });
        metrics::counter!("scopegate_status_list_fetches_total", "issuer" => issuer, "outcome" => outcome)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, succeeded);
}

/// Counts a call of an introspection endpoint, or a request that a stale result accepted.
#[cfg(feature = "fetch")]
pub(crate) fn introspected(issuer: &IssuerLabel, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_introspections_total", "issuer" => issuer.as_str().to_owned(), "outcome" => outcome)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, outcome);
}

/// Counts a look-up of an introspected token in the cache of results.
#[cfg(feature = "fetch")]
pub(crate) fn introspection_looked_up(hit: bool) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_introspection_lookups_total", "outcome" => if hit { "hit" } else { "miss" })
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = hit;
}

/// Counts results that were stored, evicted or not stored.
#[cfg(feature = "fetch")]
pub(crate) fn introspection_cache_changed(issuer: &IssuerLabel, change: &'static str, count: usize) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_introspection_cache_changes_total", "issuer" => issuer.as_str().to_owned(), "change" => change)
        .increment(u64::try_from(count).unwrap_or(u64::MAX));
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, change, count);
}

/// Counts a request without a result, because its call is prevented or not awaited.
#[cfg(feature = "fetch")]
pub(crate) fn introspection_prevented(issuer: &IssuerLabel, reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_introspections_prevented_total", "issuer" => issuer.as_str().to_owned(), "reason" => reason)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, reason);
}

/// Sets whether the calls of an introspection endpoint are suspended. Issuers without a label of
/// their own have no such series, because they would share it.
#[cfg(feature = "fetch")]
pub(crate) fn introspection_suspended(issuer: &IssuerLabel, is_suspended: bool) {
    #[cfg(feature = "metrics")]
    if let Some(issuer) = issuer.name() {
        metrics::gauge!("scopegate_introspection_suspended", "issuer" => issuer.to_owned())
            .set(if is_suspended { 1.0 } else { 0.0 });
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, is_suspended);
}

/// Counts a call of a resolver of issuers.
#[cfg(feature = "fetch")]
pub(crate) fn resolved(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_issuer_resolutions_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// Counts a token whose issuer is not requested, because the queue of a resolver is full.
#[cfg(feature = "fetch")]
pub(crate) fn resolver_queue_full() {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_issuer_queue_full_total").increment(1);
}

/// Counts a change of the trusted issuers while the verifier runs.
pub(crate) fn issuers_changed(change: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_issuer_changes_total", "change" => change).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = change;
}

/// Sets the number of trusted issuers, by their origin.
pub(crate) fn trusted_issuers(origin: &'static str, count: usize) {
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "each takes kilobytes, so there are fewer than 2⁵²")]
    metrics::gauge!("scopegate_trusted_issuers", "origin" => origin).set(count as f64);
    #[cfg(not(feature = "metrics"))]
    let _ = (origin, count);
}

/// Counts a look-up in the token cache.
pub(crate) fn looked_up(found: bool) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_cache_lookups_total", "outcome" => if found { "hit" } else { "miss" })
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = found;
}

/// Counts evicted tokens.
pub(crate) fn evicted(tokens: usize) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_cache_evictions_total").increment(tokens.try_into().unwrap_or(u64::MAX));
    #[cfg(not(feature = "metrics"))]
    let _ = tokens;
}

/// An attempt to read a source of revocations has ended.
pub(crate) fn revocation_feed(source: &str, succeeded: bool) {
    #[cfg(feature = "metrics")]
    {
        let outcome = if succeeded { "ok" } else { "failed" };
        metrics::counter!("scopegate_revocation_syncs_total", "source" => source.to_owned(), "outcome" => outcome)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (source, succeeded);
}

/// Sets the number of stored revocations.
pub(crate) fn revocations(stored: usize) {
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "there are at most 16,777,216")]
    metrics::gauge!("scopegate_revocations").set(stored as f64);
    #[cfg(not(feature = "metrics"))]
    let _ = stored;
}

/// Records when a source of revocations was complete and current.
pub(crate) fn revocations_synced(source: &str, at: SystemTime) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("scopegate_revocations_synced_timestamp_seconds", "source" => source.to_owned())
        .set(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (source, at);
}

/// Records how many lines of a source are malformed.
pub(crate) fn revocations_malformed(source: &str, lines: usize) {
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "a file has fewer lines than 2⁵²")]
    metrics::gauge!("scopegate_revocations_malformed", "source" => source.to_owned()).set(lines as f64);
    #[cfg(not(feature = "metrics"))]
    let _ = (source, lines);
}

/// Revocations found no place.
pub(crate) fn revocations_not_stored(source: &str, count: usize) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_revocations_not_stored_total", "source" => source.to_owned())
        .increment(count.try_into().unwrap_or(u64::MAX));
    #[cfg(not(feature = "metrics"))]
    let _ = (source, count);
}

/// A security event token was received or rejected.
pub(crate) fn security_event(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_security_events_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}
