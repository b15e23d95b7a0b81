//! Which tokens that are bound to a key are accepted?

use crate::cache::Cache;
use crate::cache::key_ref::KeyRef;
use crate::checks::confirmation::{Presented, RequestCertificate, Scheme};
use crate::claims::Claims;
use crate::dpop::Policy;
use crate::dpop::proof::{CheckedProof, PresentedProof};
use crate::error::Error;
use crate::keys::fetched::OverdueKeys;
use crate::verifier::Verifier;
use crate::verifier::decide::check_bindings;
use crate::verifier::outcome::{NotAccepted, Rejected};
use crate::verifier::pending::{BoundAttempt, PendingVerification};

/// The rules for tokens that are bound to a key, and their cache.
///
/// Other tokens have another cache, so a token with a key that is presented as a bearer token is never
/// found there. Tokens that are bound to a certificate only are in the cache of bearer tokens.
pub(crate) struct BoundTokens {
    pub(crate) policy: Policy,
    pub(crate) cache: Cache<KeyRef>,
}

impl Verifier {
    /// Like [`attempt`](Self::attempt), for a token that the request presents with a proof.
    pub(crate) fn attempt_bound(
        &self,
        token: &[u8],
        proof: &PresentedProof,
        certificate: RequestCertificate<'_>,
    ) -> BoundAttempt {
        let token = Presented { token, scheme: Scheme::Dpop, certificate };
        let result = match self.verify_inner(token, OverdueKeys::Wait) {
            Ok(claims) => Ok(claims),
            Err(NotAccepted::Rejected(error)) => Err(error),
            Err(NotAccepted::Waits(waits, parts)) => {
                let Some(error) = waits.settled_error() else {
                    let pending = PendingVerification::new(self, token, parts, waits);
                    return BoundAttempt::Pending(Box::new(pending));
                };
                Err(error)
            }
            #[cfg(feature = "fetch")]
            Err(NotAccepted::Introspecting(introspecting)) => {
                let pending = PendingVerification::for_introspection(self, token, introspecting);
                return BoundAttempt::Pending(Box::new(pending));
            }
            // The proof comes first: a stolen token without its key causes no fetch of the list.
            #[cfg(feature = "fetch")]
            Err(NotAccepted::StatusUnknown(claims)) => match self.check_proof(&claims, proof) {
                Ok(_) if self.waits_for_status(&claims) => {
                    let pending = PendingVerification::for_status(self, token, claims);
                    return BoundAttempt::Pending(Box::new(pending));
                }
                Ok(checked) => {
                    let result = self.check_status(claims).map_err(|error| self.rejected(error));
                    let result = result.and_then(|claims| self.conclude(claims));
                    return BoundAttempt::Done(result.map(|claims| (claims, checked)));
                }
                Err(error) => return BoundAttempt::Done(Err(self.rejected(error).with_claims(claims))),
            },
        };
        BoundAttempt::Done(self.decide_bound(result, proof, certificate))
    }

    /// Checks the certificate and the proof of a bound token, and then decides like
    /// [`decide`](Self::decide).
    pub(crate) fn decide_bound(
        &self,
        verified: Result<Claims, Error>,
        proof: &PresentedProof,
        certificate: RequestCertificate<'_>,
    ) -> Result<(Claims, CheckedProof), Rejected> {
        let claims = verified.map_err(|error| self.rejected(error))?;
        let proven = check_bindings(&claims, Scheme::Dpop, certificate);
        match proven.and_then(|()| self.check_proof(&claims, proof)) {
            Ok(checked) => self.conclude(claims).map(|claims| (claims, checked)),
            // The token is valid, and may be stolen: the record must name its client and its user.
            Err(error) => Err(self.rejected(error).with_claims(claims)),
        }
    }

    /// Checks the proof of a bound token.
    pub(super) fn check_proof(&self, claims: &Claims, proof: &PresentedProof) -> Result<CheckedProof, Error> {
        let (Some(bound), Some(binding)) = (&self.0.bound, claims.binding()) else {
            return Err(Error::NotSenderConstrained);
        };
        bound.policy.rules.check(proof, binding, self.now()).map_err(Error::InvalidProof)
    }

    /// Returns the rules for bound tokens.
    pub(crate) fn dpop(&self) -> Option<&Policy> {
        self.0.bound.as_ref().map(|bound| &bound.policy)
    }

    /// Returns whether both record used proofs in one store.
    pub(crate) fn has_replay_store_of(&self, other: &Self) -> bool {
        match (self.dpop(), other.dpop()) {
            (Some(own), Some(others)) => self.is_same(other) || own.store.is_same(&others.store),
            _ => false,
        }
    }

    /// Returns whether bearer tokens are rejected.
    pub(super) fn requires_proof(&self) -> bool {
        self.dpop().is_some_and(|policy| policy.settings.is_required())
    }
}
