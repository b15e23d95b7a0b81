//! What can be seen of a token from outside.

use std::time::Duration;

use crate::error::Error;
use crate::token::scope::Scopes;

/// A token's state at one moment, for people and for readiness probes.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Status {
    /// For how long the token in hand will still be given out; `None` when there is none.
    pub usable_for: Option<Duration>,
    /// When it is renewed, if somebody wants it then.
    pub renewed_in: Option<Duration>,
    /// What it grants.
    pub scopes: Option<Scopes>,
    /// Requests that have brought a token.
    pub requests_succeeded: u64,
    /// Requests that have not.
    pub requests_failed: u64,
    /// How the last request failed, if it did.
    pub last_failure: Option<Error>,
}
