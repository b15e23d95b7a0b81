//! The result of a fetch that the application has asked for.

use std::time::Duration;

/// The result of [`Verifier::refresh`](crate::Verifier::refresh) for one issuer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The issuer publishes other keys than before. They are in use, and withdrawn keys no longer are.
    Changed,
    /// The issuer publishes the same keys as before.
    Unchanged,
    /// The fetch failed, so the current keys stay.
    ///
    /// A key set without a usable key counts as a failure too: the current keys are withdrawn when a second fetch,
    /// 30 s later, finds the same.
    #[non_exhaustive]
    Failed {
        /// The reason with all its causes, as in [`IssuerStatus::last_failure`](crate::IssuerStatus::last_failure).
        reason: String,
    },
    /// Nothing was fetched, because less than 10 s have passed since the last request.
    #[non_exhaustive]
    TooSoon {
        /// How long until the next request is accepted.
        retry_after: Duration,
    },
    /// The issuer has static keys, which are never fetched.
    Static,
}
