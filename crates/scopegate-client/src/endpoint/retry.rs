//! Classifies failed token requests by whether a retry can help.

/// The prospects of a retry after a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The failure may pass. Callers wait for the next attempt.
    Transient,
    /// The response is invalid. There is another attempt later, but callers do not wait for it.
    Unclear,
    /// The issuer rejected the request.
    Permanent,
}
