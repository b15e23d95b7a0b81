//! Introspections that are under way, and the error for each outcome.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::claims::Claims;
use crate::error::Error;
use crate::introspection::introspector::PendingIntrospection;
use crate::introspection::responses::outcome::{Outcome, Rejection};
use crate::issuer::trusted::TrustedIssuer;
use crate::token::numeric_date::NumericDate;

/// The result of asking an issuer about a token.
pub(super) enum Lookup {
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
    /// Returns the maximum time of the call.
    pub(super) fn time_limit(&self) -> Duration {
        self.pending.time_limit()
    }

    /// Waits for the outcome until the deadline.
    pub(super) async fn settled(&self, deadline: Instant) -> Result<Claims, Error> {
        let claims = result(self.pending.settled(deadline).await, &self.issuer)?;
        Ok(self.jwt.clone().unwrap_or(claims))
    }

    /// Returns whether the token is a JWT.
    pub(super) fn is_about_jwt(&self) -> bool {
        self.jwt.is_some()
    }

    /// Returns whether the issuer of an opaque token is still trusted with its rules.
    pub(super) fn is_trusted(&self, now: NumericDate) -> bool {
        self.issuer.keys.standing().accepts(now)
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
        Outcome::Rejected(Rejection::ByRule(error)) => Arc::unwrap_or_clone(error),
        Outcome::Undecided { retry_after } => unavailable(issuer, retry_after),
        Outcome::Misconfigured => Error::IntrospectionMisconfigured { issuer: issuer.identifier.to_string() },
    })
}

pub(super) fn unavailable(issuer: &TrustedIssuer, retry_after: Duration) -> Error {
    Error::IntrospectionUnavailable { issuer: issuer.identifier.to_string(), retry_after }
}
