//! Whether a failed request for a token is worth another attempt.

/// What can be expected after a request that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It may pass by itself: whoever needs a token waits for the next attempt.
    Passing,
    /// There is an answer, and it makes no sense. There will be another attempt, but nobody waits for it.
    Doubtful,
    /// The issuer has said no.
    Final,
}
