//! Is a verified token accepted now: is it unbound, not revoked, and accepted by the application?

use crate::checks::confirmation;
use crate::claims::Claims;
use crate::error::Error;
use crate::metrics;
use crate::verifier::Verifier;
use crate::verifier::outcome::Rejected;

impl Verifier {
    /// Decides about a token that was presented without a proof. A token that is bound to a key is
    /// rejected, wherever its claims come from.
    #[inline]
    pub(super) fn decide(&self, verified: Result<Claims, Error>) -> Result<Claims, Rejected> {
        let claims = verified.map_err(|error| self.rejected(error))?;
        if claims.is_sender_constrained() {
            return Err(self.rejected(confirmation::unproven()));
        }
        self.conclude(claims)
    }

    /// Looks up revocations of a valid token, runs the application's checks, and counts the result.
    #[inline]
    pub(super) fn conclude(&self, claims: Claims) -> Result<Claims, Rejected> {
        let hooks = &self.0.hooks;
        hooks.check_revocation(&claims, || self.now()).map_err(|error| self.rejected(error))?;
        match hooks.check(&claims) {
            Ok(()) => {
                metrics::accepted();
                Ok(claims)
            }
            Err(denied) => Err(Rejected { claims: Some(claims), ..self.rejected(denied.into()) }),
        }
    }

    /// Counts a rejected token.
    #[inline(never)]
    pub(super) fn rejected(&self, error: Error) -> Rejected {
        metrics::rejected(&error, self.trusted().labelled());
        Rejected { error, claims: None }
    }
}
