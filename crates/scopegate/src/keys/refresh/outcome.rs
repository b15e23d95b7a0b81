//! The result of a fetch that the application requested.

use std::time::Duration;

/// The result of [`Verifier::refresh`](crate::Verifier::refresh) for one issuer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The issuer publishes other keys than before. New keys are in use, and withdrawn keys are
    /// rejected.
    Changed,
    /// The issuer publishes the same keys as before.
    Unchanged,
    /// The fetch failed, so the current keys stay in use.
    ///
    /// A key set without a usable key is a failure too. The current keys are withdrawn if a second
    /// fetch, 30 s later, returns such a set again.
    #[non_exhaustive]
    Failed {
        /// The reason with all its causes, as in
        /// [`IssuerStatus::last_failure`](crate::IssuerStatus::last_failure).
        reason: String,
    },
    /// Nothing was fetched, because the last request was less than 10 s ago.
    #[non_exhaustive]
    TooSoon {
        /// The time until the next request is accepted.
        retry_after: Duration,
    },
    /// The issuer has static keys, which are never fetched.
    Static,
}
