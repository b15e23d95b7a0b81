//! Counters for whoever runs the caller, through the `metrics` facade. Without the feature they are nothing.
//!
//! Names and labels are listed on the crate's page. Labels come from configuration and from a fixed list, never from
//! an answer.

use std::time::SystemTime;

use crate::error::Error;

/// A request has brought a token, which ends then.
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

/// A request has brought no token.
pub(crate) fn request_failed(issuer: &str, error: &Error) {
    #[cfg(feature = "metrics")]
    {
        let outcome = match error {
            Error::Refused { .. } => "refused",
            Error::Unreachable { .. } => "unreachable",
            Error::NotUnderstood { .. } => "not_understood",
        };
        let issuer = issuer.to_owned();
        metrics::counter!("scopegate_client_token_requests_total", "issuer" => issuer, "outcome" => outcome)
            .increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, error);
}

/// A server has rejected a token, which was dropped for that.
pub(crate) fn token_rejected(issuer: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("scopegate_client_tokens_rejected_total", "issuer" => issuer.to_owned()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = issuer;
}
