//! Is a verified token accepted now: are its bindings proven, is it not revoked, and does the
//! application accept it?

use crate::checks::confirmation::{RequestCertificate, Scheme};
use crate::claims::Claims;
use crate::error::Error;
use crate::telemetry::metrics;
use crate::verifier::Verifier;
use crate::verifier::outcome::Rejected;

impl Verifier {
    /// Decides about a token that was presented without a proof. A token with a key or with another
    /// certificate is rejected, wherever its claims come from. It is valid and may be stolen. The
    /// record of the rejection has its claims.
    #[inline]
    pub(super) fn decide(
        &self,
        verified: Result<Claims, Error>,
        certificate: RequestCertificate<'_>,
    ) -> Result<Claims, Rejected> {
        let claims = verified.map_err(|error| self.rejected(error))?;
        match check_bindings(&claims, Scheme::Bearer, certificate) {
            Ok(()) => self.conclude(claims),
            Err(error) => Err(self.rejected(error).with_claims(claims)),
        }
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
            Err(denied) => Err(self.rejected(denied.into()).with_claims(claims)),
        }
    }

    /// Counts a rejected token.
    #[inline(never)]
    pub(super) fn rejected(&self, error: Error) -> Rejected {
        metrics::rejected(error.kind().as_str());
        if let Error::UnknownKey { issuer, .. } = &error {
            metrics::unknown_key(issuer, self.trusted().labelled());
        }
        Rejected { error, claims: None }
    }
}

/// Checks that a request proves the bindings of a token (RFC 8705 §3, RFC 9449 §7.1). A proof of the
/// key is checked later.
#[inline]
pub(super) fn check_bindings(
    claims: &Claims,
    scheme: Scheme,
    certificate: RequestCertificate<'_>,
) -> Result<(), Error> {
    match claims.bindings() {
        None => Ok(()),
        Some(bindings) => bindings.check(scheme, certificate),
    }
}
