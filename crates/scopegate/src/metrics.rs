//! Counters for whoever runs the API, through the `metrics` facade. Without the feature they are nothing.
//!
//! Names and labels are listed on the crate's page. Labels come from configuration and from a fixed list, never from
//! a token.

use std::time::SystemTime;

use crate::error::Error;
#[cfg(feature = "metrics")]
use crate::token::numeric_date::NumericDate;

/// A token was judged.
pub(crate) fn verified<T>(result: &Result<T, Error>) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_verifications_total", "outcome" => outcome(result)).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = result;
}

/// A key set was fetched that is in use now.
pub(crate) fn fetched(issuer: &str, at: SystemTime) {
    #[cfg(feature = "metrics")]
    {
        let issuer = issuer.to_owned();
        metrics::gauge!("scopegate_keys_fetched_timestamp_seconds", "issuer" => issuer.clone())
            .set(NumericDate::from(at).as_secs_f64());
        metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer, "outcome" => "ok").increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, at);
}

/// A fetch brought no keys.
pub(crate) fn not_fetched(issuer: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_key_fetches_total", "issuer" => issuer.to_owned(), "outcome" => "failed")
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}

/// A token named a key that its issuer does not publish.
pub(crate) fn unknown_key(issuer: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_unknown_keys_total", "issuer" => issuer.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}

/// A token was looked for among those that are kept.
pub(crate) fn looked_up(found: bool) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_cache_lookups_total", "outcome" => if found { "hit" } else { "miss" })
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = found;
}

/// Kept tokens made room for another.
pub(crate) fn evicted(tokens: usize) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_cache_evictions_total").increment(tokens.try_into().unwrap_or(u64::MAX));
    #[cfg(not(feature = "metrics"))]
    let _ = tokens;
}

/// One word for each group of reasons.
#[cfg(feature = "metrics")]
fn outcome<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(Error::KeysUnavailable { .. }) => "keys_unavailable",
        Err(Error::Expired { .. }) => "expired",
        Err(Error::UnknownIssuer { .. }) => "unknown_issuer",
        Err(Error::UnknownKey { .. } | Error::AmbiguousKey { .. }) => "unknown_key",
        Err(Error::BadSignature { .. }) => "bad_signature",
        Err(Error::WrongAudience { .. } | Error::WrongClient { .. }) => "not_for_us",
        Err(_) => "refused",
    }
}
