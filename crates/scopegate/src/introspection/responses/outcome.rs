//! The outcome of introspecting a token. Each variant has its own status.

use std::sync::Arc;
use std::time::Duration;

use crate::claims::Claims;
use crate::error::Error;

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Active(Claims),
    /// The client needs another token: 401.
    Rejected(Rejection),
    /// It is unknown whether the token is active: 503.
    Undecided {
        /// In whole seconds, at least one.
        retry_after: Duration,
    },
    /// The authorization server rejects the credentials of this API, or there are none: 500.
    Misconfigured,
}

/// The reason of a rejection.
#[derive(Clone, Debug)]
pub(crate) enum Rejection {
    /// The authorization server says so.
    Inactive,
    /// The token is active, and breaks a rule of its issuer. Shared, because it is cloned under a lock.
    ByRule(Arc<Error>),
}
