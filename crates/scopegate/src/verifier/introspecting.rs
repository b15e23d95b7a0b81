//! Introspections that are under way, and the error for each outcome.

use std::sync::Arc;
use std::time::Duration;

use crate::claims::Claims;
use crate::error::Error;
use crate::introspection::introspector::PendingIntrospection;
use crate::introspection::outcome::{Outcome, Rejection};
use crate::issuer::trusted::TrustedIssuer;

/// The result of asking an issuer about a token.
pub(super) enum Asked {
    Decided(Result<Claims, Error>),
    Pending(Box<Introspecting>),
}

/// A token whose issuer is being asked.
pub(crate) struct Introspecting {
    pub(super) issuer: Arc<TrustedIssuer>,
    pub(super) pending: PendingIntrospection,
    /// The claims of a verified JWT.
    pub(super) jwt: Option<Claims>,
}

impl Introspecting {
    /// Waits for the outcome.
    pub(super) async fn settled(&self) -> Result<Claims, Error> {
        let claims = result(self.pending.settled().await, &self.issuer)?;
        Ok(self.jwt.clone().unwrap_or(claims))
    }

    /// Returns the error of a verification that does not wait.
    pub(super) fn error(&self) -> Error {
        unavailable(&self.issuer, Duration::from_secs(1))
    }
}

/// Returns the claims of an active token, or the error.
pub(super) fn result(outcome: Outcome, issuer: &TrustedIssuer) -> Result<Claims, Error> {
    Err(match outcome {
        Outcome::Active(claims) => return Ok(claims),
        Outcome::Rejected(Rejection::Inactive) => Error::Inactive { issuer: issuer.identifier.to_string() },
        Outcome::Rejected(Rejection::ByRule(error)) => *error,
        Outcome::Undecided { retry_after } => unavailable(issuer, retry_after),
        Outcome::Misconfigured => Error::IntrospectionMisconfigured { issuer: issuer.identifier.to_string() },
    })
}

pub(super) fn unavailable(issuer: &TrustedIssuer, retry_after: Duration) -> Error {
    Error::IntrospectionUnavailable { issuer: issuer.identifier.to_string(), retry_after }
}
