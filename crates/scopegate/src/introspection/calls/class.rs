//! The class of a token: calls, queues and circuit breakers of unseen tokens are separate, so that
//! invented tokens do not affect known ones.

/// The class of a token when its call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The token was accepted before, or its issuer has signed it.
    Known,
    Unseen,
}
