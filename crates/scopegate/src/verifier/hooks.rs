//! Revocations, checks over claims and observers of decisions, which an application adds to a
//! verifier.

#[cfg(feature = "http")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::claims::Claims;
#[cfg(feature = "http")]
use crate::decision::{Decision, Observer};
use crate::error::Error;
use crate::error::denied::Denied;
use crate::revocation::Revocations;
use crate::token::numeric_date::NumericDate;

/// A check of the application, over the claims of a valid token.
pub(super) type Check = Arc<dyn Fn(&Claims) -> Result<(), Denied> + Send + Sync>;

/// The checks and observers of the application.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(super) revocations: Option<Revocations>,
    /// A token without `jti` is rejected.
    pub(super) requires_token_id: bool,
    /// A token that is bound neither to a key nor to a certificate is rejected.
    pub(super) requires_binding: bool,
    pub(super) checks: Vec<Check>,
    #[cfg(feature = "http")]
    pub(super) observers: Vec<Observer>,
}

impl Hooks {
    /// Looks up a valid token among the revocations.
    #[inline]
    pub(super) fn check_revocation(
        &self,
        claims: &Claims,
        now: impl Fn() -> NumericDate,
    ) -> Result<(), Error> {
        match (&self.revocations, claims.revocable()) {
            (Some(revocations), Some(names)) => revocations.check(names, claims.issuer(), now),
            _ => Ok(()),
        }
    }

    /// Runs the checks in order, up to the first that denies.
    #[inline]
    pub(super) fn check(&self, claims: &Claims) -> Result<(), Denied> {
        self.checks.iter().try_for_each(|check| check(claims))
    }

    /// Passes a decision to every observer.
    #[cfg(feature = "http")]
    pub(super) fn observe(&self, decision: &Decision<'_>) {
        for observer in &self.observers {
            // The decision is made. A request must not fail because an observer fails.
            if catch_unwind(AssertUnwindSafe(|| observer(decision))).is_err() {
                tracing::error!(reason = decision.reason(), "an observer of decisions panicked");
            }
        }
    }
}
