//! The counters, through the `metrics` facade. Without the feature, these functions do nothing.
//!
//! The crate page lists names and labels. Labels come from the configuration and from a fixed list.
//! They never come from a response.

use std::time::SystemTime;

use crate::error::Error;

/// Counts a request that returned a token, and records when the token expires.
pub(crate) fn token_received(issuer: &str, ends: SystemTime) {
    #[cfg(feature = "metrics")]
    {
        let issuer = issuer.to_owned();
        let ends = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        metrics::gauge!("scopegate_client_token_expiry_timestamp_seconds", "issuer" => issuer.clone())
            .set(ends.as_secs_f64());
        metrics::counter!("scopegate_client_token_requests_total", "issuer" => issuer, "outcome" => "ok")
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, ends);
}

/// Counts a request that returned no token.
pub(crate) fn request_failed(issuer: &str, error: &Error) {
    #[cfg(feature = "metrics")]
    {
        let outcome = match error {
            Error::Rejected { .. } => "rejected",
            Error::Unavailable { .. } => "unavailable",
            Error::NoAssertion { .. } => "no_assertion",
            Error::InvalidResponse { .. } => "invalid_response",
        };
        let issuer = issuer.to_owned();
        metrics::counter!("scopegate_client_token_requests_total", "issuer" => issuer, "outcome" => outcome)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, error);
}

/// Counts a token that was discarded because an API rejected it.
pub(crate) fn token_rejected(issuer: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_client_tokens_rejected_total", "issuer" => issuer.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}
