//! Verifications that wait for a key, with bounds on time and number.

use std::fmt;
use std::time::Duration;

use scopegate_proto::jws::CompactJws;
use tokio::time::{Instant, timeout_at};

use crate::checks::confirmation::{Presented, Scheme};
use crate::claims::Claims;
#[cfg(feature = "http")]
use crate::dpop::proof::{CheckedProof, PresentedProof};
use crate::error::Error;
use crate::issuer::registry::{KeyLookup, Missing};
use crate::keys::fetched::OverdueKeys;
use crate::keys::refresh::waiting::WaitPermit;
use crate::verifier::Verifier;
#[cfg(feature = "fetch")]
use crate::verifier::outcome::UnresolvedIssuer;
use crate::verifier::outcome::{Rejected, Undecided, UnknownKey, WaitsFor};

/// Upper bound on how long a request waits for an unknown key: one fetch, and a second one about a
/// second later for issuers that publish keys late. After that, a definite error serves the caller
/// better.
const KEY_WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The result of verifying a token without waiting.
#[derive(Debug)]
#[must_use = "a pending verification has decided nothing yet"]
pub enum Verification {
    /// The token is accepted or rejected.
    Done(Result<Claims, Error>),
    /// The token's key is unknown, or the keys are missing or overdue. A fetch is due or under way.
    Pending(PendingVerification),
}

/// A [`Verification`] that also has the claims of a token that a check of the application denies.
pub(crate) enum Attempt {
    Done(Result<Claims, Rejected>),
    /// Boxed, because it is large and rare.
    Pending(Box<PendingVerification>),
}

/// An [`Attempt`] with a token that is bound to a key.
#[cfg(feature = "http")]
pub(crate) enum BoundAttempt {
    Done(Result<(Claims, CheckedProof), Rejected>),
    Pending(Box<PendingVerification>),
}

/// A verification that needs a key or an issuer which may arrive. It owns the token and its parts,
/// so waiting borrows nothing.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingVerification {
    verifier: Verifier,
    waits_for: WaitsFor,
    token: Box<[u8]>,
    scheme: Scheme,
    parts: CompactJws,
}

impl PendingVerification {
    pub(crate) fn new(
        verifier: &Verifier,
        token: Presented<'_>,
        parts: CompactJws,
        waits_for: WaitsFor,
    ) -> Self {
        let Presented { token, scheme } = token;
        Self { verifier: verifier.clone(), waits_for, token: token.into(), scheme, parts }
    }

    fn presented(&self) -> Presented<'_> {
        Presented { token: &self.token, scheme: self.scheme }
    }

    /// Waits for the key, at most 2 s, and then verifies the token.
    ///
    /// Dropping the future is safe at any time.
    ///
    /// # Errors
    /// Returns the errors of [`Verifier::verify_or_refresh`].
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime, and on a runtime without timers.
    pub async fn wait(self) -> Result<Claims, Error> {
        self.decide().await.map_err(|rejected| rejected.error)
    }

    pub(crate) async fn decide(self) -> Result<Claims, Rejected> {
        let result = self.verify_when_settled().await;
        self.verifier.decide(result)
    }

    /// Like [`decide`](Self::decide), with the proof of a bound token.
    #[cfg(feature = "http")]
    pub(crate) async fn decide_bound(
        self,
        proof: &PresentedProof,
    ) -> Result<(Claims, CheckedProof), Rejected> {
        let result = self.verify_when_settled().await;
        self.verifier.decide_bound(result, proof)
    }

    async fn verify_when_settled(&self) -> Result<Claims, Error> {
        let deadline = Instant::now() + KEY_WAIT_TIMEOUT;
        match &self.waits_for {
            WaitsFor::Key(unknown) => self.verify_with_key(unknown, deadline).await,
            #[cfg(feature = "fetch")]
            WaitsFor::Issuer(unresolved) => {
                self.resolved(unresolved, deadline).await?;
                match self.verifier.verify_parts(self.presented(), &self.parts, OverdueKeys::Wait) {
                    Ok(claims) => Ok(claims),
                    Err(Undecided::Rejected(error)) => Err(error),
                    // The first fetch of its keys.
                    Err(Undecided::Waits(WaitsFor::Key(unknown))) => {
                        self.verify_with_key(&unknown, deadline).await
                    }
                    // It was distrusted meanwhile.
                    Err(Undecided::Waits(WaitsFor::Issuer(unresolved))) => Err(unresolved.error()),
                }
            }
        }
    }

    /// Waits for the resolver's result.
    #[cfg(feature = "fetch")]
    async fn resolved(&self, unresolved: &UnresolvedIssuer, deadline: Instant) -> Result<(), Error> {
        let Some(resolver) = self.verifier.trusted().resolver() else { return Err(unresolved.error()) };
        match timeout_at(deadline, resolver.settled(&unresolved.resolution)).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(unresolved.error()),
        }
    }

    async fn verify_with_key(&self, unknown: &UnknownKey, deadline: Instant) -> Result<Claims, Error> {
        let UnknownKey { issuer, missing } = unknown;
        let first_reason = missing.why;
        let Some(keys) = issuer.keys.fetched() else {
            return Err(issuer.error_without_waiting(missing));
        };
        let name = &missing.name;
        let mut changes = keys.refresh().watch();
        let waiting = keys.refresh().waiting();
        let permit = match first_reason {
            Missing::NoKeysYet | Missing::Overdue => waiting.permit_for_keys(name),
            Missing::Unknown(_) => waiting.permit(name),
        };
        // Without a permit, or after the timeout, the current keys are used.
        let mut overdue = if permit.is_some() { OverdueKeys::Wait } else { OverdueKeys::Use };
        loop {
            // Looks up the key before it waits: the key may have arrived before the watch began.
            let now = self.verifier.now();
            if !issuer.keys.standing().is_trusted(now) {
                return self.verify_again();
            }
            let missing = match issuer.find_key(&name.id, name.algorithm, now, overdue)? {
                KeyLookup::Found(_) => return self.verify_again(),
                KeyLookup::Missing(missing) => missing,
            };
            if overdue == OverdueKeys::Use {
                return Err(issuer.error_without_waiting(&missing));
            }
            if let Some(error) = issuer.settled_error(&missing) {
                return Err(error);
            }
            // The keys have arrived without that key, and fewer requests may wait for one key than for all.
            if let (Missing::NoKeysYet | Missing::Overdue, Missing::Unknown(_)) = (first_reason, missing.why)
                && !permit.as_ref().is_some_and(WaitPermit::is_within_key_limit)
            {
                return Err(issuer.error_without_waiting(&missing));
            }
            // The change may come at the same moment, so the key is looked up once more.
            if timeout_at(deadline, changes.changed()).await.is_err() {
                overdue = OverdueKeys::Use;
            }
        }
    }

    /// Verifies the token when its key has arrived, or when its issuer's trust or rules have
    /// changed.
    fn verify_again(&self) -> Result<Claims, Error> {
        // Another request may have waited with the same token.
        if let Some(claims) = self.verifier.cached(self.presented(), self.verifier.now(), OverdueKeys::Use) {
            return Ok(claims);
        }
        self.verifier.verify_parts(self.presented(), &self.parts, OverdueKeys::Use).map_err(|undecided| {
            match undecided {
                Undecided::Rejected(error) => error,
                Undecided::Waits(waits) => waits.error(),
            }
        })
    }
}

impl fmt::Debug for PendingVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingVerification").finish_non_exhaustive()
    }
}
