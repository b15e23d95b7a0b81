//! Metrics through the `metrics` facade. Without the feature, these functions do nothing.
//!
//! The crate's page lists names and labels. Labels come from the configuration and from fixed
//! lists, never from a token.

use std::time::SystemTime;
#[cfg(feature = "metrics")]
use std::time::UNIX_EPOCH;

use crate::error::Error;

/// Counts a verification, and an unknown key if that is its error.
pub(crate) fn verified(error: Option<&Error>) {
    #[cfg(feature = "metrics")]
    {
        let outcome = error.map_or("accepted", |error| error.kind().as_str());
        metrics::counter!("scopegate_verifications_total", "outcome" => outcome).increment(1);
        if let Some(Error::UnknownKey { issuer, .. }) = error {
            metrics::counter!("scopegate_unknown_keys_total", "issuer" => issuer.clone()).increment(1);
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = error;
}

/// Counts a decision about a request.
#[cfg(feature = "http")]
pub(crate) fn decided(verdict: &'static str, reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_requests_total", &[("decision", verdict), ("reason", reason)]).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (verdict, reason);
}

/// Records a successful fetch of a key set, and the time of its request.
#[cfg(feature = "fetch")]
pub(crate) fn fetched(issuer: &str, at: SystemTime) {
    #[cfg(feature = "metrics")]
    {
        let issuer = issuer.to_owned();
        metrics::gauge!("scopegate_keys_fetched_timestamp_seconds", "issuer" => issuer.clone())
            .set(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer, "outcome" => "ok").increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, at);
}

/// Counts a failed fetch.
#[cfg(feature = "fetch")]
pub(crate) fn not_fetched(issuer: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer.to_owned(), "outcome" => "failed")
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}

/// Counts a fetch of a status list.
#[cfg(feature = "fetch")]
pub(crate) fn status_list_fetched(issuer: &str, succeeded: bool) {
    #[cfg(feature = "metrics")]
    {
        let outcome = if succeeded { "ok" } else { "failed" };
        metrics::counter!("scopegate_status_list_fetches_total", "issuer" => issuer.to_owned(), "outcome" => outcome)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, succeeded);
}

/// Counts a call of an introspection endpoint, or a request that a stale result accepted.
#[cfg(feature = "fetch")]
pub(crate) fn introspected(issuer: &str, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_introspections_total", "issuer" => issuer.to_owned(), "outcome" => outcome)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, outcome);
}

/// Counts a call of a resolver of issuers.
#[cfg(feature = "fetch")]
pub(crate) fn resolved(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_issuer_resolutions_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
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
