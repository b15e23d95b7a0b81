//! Is the status of a token valid, by its list as it is now?

use crate::claims::Claims;
use crate::error::Error;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::outcome::NotAccepted;

impl Verifier {
    /// Returns whether a valid token waits for its status list. A revoked token does not, and causes
    /// no fetch.
    pub(super) fn waits_for_status(&self, claims: &Claims) -> bool {
        let Some(status) = claims.status() else { return false };
        let now = self.now();
        self.0.hooks.check_revocation(claims, || now).is_ok() && status.is_pending(now)
    }

    /// Checks the status of a valid token by its list as it is. A revoked token is rejected for that
    /// reason, and causes no fetch.
    pub(super) fn check_status(&self, claims: Claims) -> Result<Claims, Error> {
        let Some(status) = claims.status() else { return Ok(claims) };
        let now = self.now();
        self.0.hooks.check_revocation(&claims, || now)?;
        status.check(claims.issuer(), now)?;
        Ok(claims)
    }
}

/// Returns whether the token has no status, or a valid one by a current list.
#[inline]
pub(super) fn has_valid_status(claims: &Claims, now: NumericDate) -> bool {
    claims.status().is_none_or(|status| status.is_valid(now))
}

/// Returns the claims if the token has no status, or a valid one by a current list.
pub(super) fn with_valid_status(claims: Claims, now: NumericDate) -> Result<Claims, NotAccepted> {
    if has_valid_status(&claims, now) { Ok(claims) } else { Err(NotAccepted::StatusUnknown(claims)) }
}
