//! The classification of failed token requests.

/// The prospects of a retry after a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The failure may pass. Callers wait for the next attempt.
    Transient,
    /// The response is invalid. It is retried later, but callers do not wait for it.
    Unclear,
    /// The issuer rejected the request.
    Permanent,
}
