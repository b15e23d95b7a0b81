//! Verifications that wait for a key, an issuer, a status list or an introspection, with bounds on
//! time and number.

use std::fmt;

use scopegate_proto::jws::CompactJws;
use tokio::time::Instant;
#[cfg(feature = "fetch")]
use tokio::time::timeout_at;

use crate::checks::confirmation::{Presented, PresentedCertificate, RequestCertificate, Scheme};
#[cfg(feature = "fetch")]
use crate::checks::form;
use crate::claims::Claims;
#[cfg(feature = "http")]
use crate::dpop::proof::{CheckedProof, PresentedProof};
use crate::error::Error;
use crate::keys::fetched::OverdueKeys;
use crate::verifier::Verifier;
#[cfg(feature = "fetch")]
use crate::verifier::decide::check_bindings;
#[cfg(feature = "fetch")]
use crate::verifier::introspecting::{Introspecting, Lookup};
use crate::verifier::key_wait::KEY_WAIT_TIMEOUT;
#[cfg(feature = "fetch")]
use crate::verifier::outcome::{NotAccepted, UnresolvedIssuer};
use crate::verifier::outcome::{Rejected, Undecided, UnknownKey, WaitsFor};
#[cfg(feature = "fetch")]
use crate::verifier::trust::resolver::End;

/// The result of verifying a token without waiting.
#[derive(Debug)]
#[must_use = "a pending verification has decided nothing yet"]
pub enum Verification {
    /// The token is accepted or rejected.
    Done(Result<Claims, Error>),
    /// The verification depends on one of these:
    ///
    /// - The token's issuer is being looked up by a [resolver](crate::VerifierBuilder::trust_dynamic).
    /// - The token's key is unknown, or the issuer's keys are missing or overdue. A fetch is due or
    ///   under way.
    /// - The token's status list is missing or overdue. A fetch is due or under way.
    /// - The token is introspected, and a call to its issuer is under way.
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

/// A verification that needs a key, an issuer or a status list which may arrive. It owns the token,
/// so waiting borrows nothing.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingVerification {
    verifier: Verifier,
    token: Box<[u8]>,
    scheme: Scheme,
    /// `None` is [`RequestCertificate::NotAccepted`]. Boxed, because thousands of requests may wait, and
    /// few have a certificate.
    certificate: Option<Box<PresentedCertificate>>,
    state: State,
}

enum State {
    Unverified(Unverified),
    /// A valid token, whose status list is missing or overdue.
    #[cfg(feature = "fetch")]
    Verified(Claims),
    /// An opaque token.
    #[cfg(feature = "fetch")]
    Introspecting(Box<Introspecting>),
}

/// The parts of a token that could not be verified yet.
struct Unverified {
    waits_for: WaitsFor,
    parts: CompactJws,
}

impl PendingVerification {
    pub(crate) fn new(
        verifier: &Verifier,
        token: Presented<'_>,
        parts: CompactJws,
        waits_for: WaitsFor,
    ) -> Self {
        Self::in_state(verifier, token, State::Unverified(Unverified { waits_for, parts }))
    }

    /// Waits for the status list of a valid token.
    #[cfg(feature = "fetch")]
    pub(crate) fn for_status(verifier: &Verifier, token: Presented<'_>, claims: Claims) -> Self {
        Self::in_state(verifier, token, State::Verified(claims))
    }

    fn in_state(verifier: &Verifier, token: Presented<'_>, state: State) -> Self {
        let Presented { token, scheme, certificate } = token;
        // The request is gone when the decision is made.
        let certificate = certificate.read().map(Box::new);
        Self { verifier: verifier.clone(), token: token.into(), scheme, certificate, state }
    }

    fn presented(&self) -> Presented<'_> {
        Presented { token: &self.token, scheme: self.scheme, certificate: self.certificate() }
    }

    fn certificate(&self) -> RequestCertificate<'_> {
        match &self.certificate {
            Some(certificate) => RequestCertificate::Read(certificate),
            None => RequestCertificate::NotAccepted,
        }
    }

    /// Waits for the outcome of an introspection.
    #[cfg(feature = "fetch")]
    pub(crate) fn for_introspection(
        verifier: &Verifier,
        token: Presented<'_>,
        introspecting: Box<Introspecting>,
    ) -> Self {
        Self::in_state(verifier, token, State::Introspecting(introspecting))
    }

    /// Waits for the issuer, the key, the status list and the introspection, at most 2 s in all, and then
    /// verifies the token. If the [time limit](crate::Introspection::timeout) of the introspection
    /// is longer, waits as long as that.
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
        let deadline = Instant::now() + KEY_WAIT_TIMEOUT;
        let result = self.settled(deadline).await;
        #[cfg(feature = "fetch")]
        let result = match result {
            Ok(claims) if self.is_proven(&claims) => self.with_settled_status(claims, deadline).await,
            // It is rejected, and a stolen token causes no fetch of its list.
            result => result,
        };
        self.verifier.decide(result, self.certificate())
    }

    /// Like [`decide`](Self::decide), with the proof of a bound token.
    #[cfg(feature = "http")]
    pub(crate) async fn decide_bound(
        self,
        proof: &PresentedProof,
    ) -> Result<(Claims, CheckedProof), Rejected> {
        let deadline = Instant::now() + KEY_WAIT_TIMEOUT;
        let result = self.settled(deadline).await;
        #[cfg(feature = "fetch")]
        let result = match (result, &self.state) {
            (Ok(claims), _) if !self.is_proven(&claims) => Ok(claims),
            // As without waiting: the proof is checked before the status list is fetched.
            (Ok(claims), State::Unverified(_) | State::Introspecting(_))
                if self.verifier.waits_for_status(&claims) =>
            {
                match self.verifier.check_proof(&claims, proof) {
                    Ok(_) => self.with_settled_status(claims, deadline).await,
                    Err(error) => return Err(self.verifier.rejected(error).with_claims(claims)),
                }
            }
            (Ok(claims), _) => self.with_settled_status(claims, deadline).await,
            (Err(error), _) => Err(error),
        };
        // Again after the wait, because the proof may have expired meanwhile.
        self.verifier.decide_bound(result, proof, self.certificate())
    }

    /// Returns whether the request proves the bindings of the token, except for the proof of a key.
    #[cfg(feature = "fetch")]
    fn is_proven(&self, claims: &Claims) -> bool {
        check_bindings(claims, self.scheme, self.certificate()).is_ok()
    }

    /// Waits for the key of the token, if it is not verified yet, and for its introspection.
    async fn settled(&self, deadline: Instant) -> Result<Claims, Error> {
        // By reference, so that the future holds the state once.
        let verified = match &self.state {
            State::Unverified(Unverified { waits_for: WaitsFor::Key(unknown), parts }) => {
                self.verify_with_key(parts, unknown, deadline).await
            }
            // Rare, so that other requests do not hold the memory of these waits.
            #[cfg(feature = "fetch")]
            State::Unverified(Unverified { waits_for: WaitsFor::Issuer(unresolved), parts }) => {
                Box::pin(self.verify_when_resolved(parts, unresolved, deadline)).await
            }
            #[cfg(feature = "fetch")]
            State::Verified(claims) => return Ok(claims.clone()),
            #[cfg(feature = "fetch")]
            State::Introspecting(introspecting) => {
                // Rare, so that other requests do not hold the memory of this wait.
                return Box::pin(self.introspected(introspecting, deadline)).await;
            }
        };
        #[cfg(feature = "fetch")]
        {
            let introspecting = match self.looked_up(verified) {
                Lookup::Decided(result) => return result,
                Lookup::Pending(introspecting) => introspecting,
            };
            // Rare, so that other requests do not hold the memory of this wait.
            Box::pin(self.introspected(&introspecting, deadline)).await
        }
        #[cfg(not(feature = "fetch"))]
        verified
    }

    /// Asks the issuer about a verified JWT, if the request proves its bindings.
    #[cfg(feature = "fetch")]
    fn looked_up(&self, verified: Result<Claims, Error>) -> Lookup {
        match verified {
            Ok(claims) if self.is_proven(&claims) => {
                self.verifier.introspect_verified(claims, self.verifier.now())
            }
            result => Lookup::Decided(result),
        }
    }

    /// Waits for the outcome of an introspection. Meanwhile the token may have expired, its key may
    /// be withdrawn, and its issuer may be distrusted.
    #[cfg(feature = "fetch")]
    async fn introspected(&self, introspecting: &Introspecting, deadline: Instant) -> Result<Claims, Error> {
        let claims = introspecting.settled(longer_deadline(introspecting, deadline)).await?;
        if introspecting.is_about_jwt() {
            return self.verify_again(&form::split(&self.token)?);
        }
        if introspecting.is_trusted(self.verifier.now()) {
            return Ok(claims);
        }
        Box::pin(self.verify_once_more(deadline)).await
    }

    /// Verifies the token once more. Its issuer may have to be asked again.
    #[cfg(feature = "fetch")]
    async fn verify_once_more(&self, deadline: Instant) -> Result<Claims, Error> {
        match self.verifier.verify_inner(self.presented(), OverdueKeys::Use) {
            Err(NotAccepted::Introspecting(introspecting)) => {
                // Rare, so that other requests do not hold the memory of this wait.
                let deadline = longer_deadline(&introspecting, deadline);
                let claims = Box::pin(async move { introspecting.settled(deadline).await }).await?;
                self.verifier.check_status(claims)
            }
            verified => self.verifier.without_waiting(verified),
        }
    }

    /// Waits for the status list of a valid token. The token may expire meanwhile, its key may be
    /// withdrawn, and its issuer may be distrusted. So it is verified once more.
    #[cfg(feature = "fetch")]
    async fn with_settled_status(&self, claims: Claims, deadline: Instant) -> Result<Claims, Error> {
        let waits = self.verifier.waits_for_status(&claims);
        if waits && let Some(status) = claims.status() {
            // Rare, so that other requests do not hold the memory of this wait.
            Box::pin(status.settled(deadline)).await;
        }
        match self.state {
            // It was verified a moment ago.
            State::Unverified(_) | State::Introspecting(_) if !waits => self.verifier.check_status(claims),
            State::Unverified(_) | State::Introspecting(_) | State::Verified(_) => {
                Box::pin(self.verify_once_more(deadline)).await
            }
        }
    }

    #[cfg(feature = "fetch")]
    async fn verify_when_resolved(
        &self,
        parts: &CompactJws,
        unresolved: &UnresolvedIssuer,
        deadline: Instant,
    ) -> Result<Claims, Error> {
        // The first resolver may have rejected the name, so the next one is asked.
        let mut asked = usize::from(unresolved.ended(deadline).await? == End::Settled);
        loop {
            match self.verifier.verify_parts(self.presented(), parts, OverdueKeys::Wait) {
                Ok(claims) => return Ok(claims),
                Err(Undecided::Rejected(error)) => return Err(error),
                // The first fetch of its keys.
                Err(Undecided::Waits(WaitsFor::Key(unknown))) => {
                    return self.verify_with_key(parts, &unknown, deadline).await;
                }
                // Its trust has ended since the last call.
                Err(Undecided::Waits(WaitsFor::Issuer(next)))
                    if asked >= self.verifier.trusted().asked_at_most() =>
                {
                    return Err(next.error());
                }
                // After `distrust`, the resolver is called again. The deadline stays.
                Err(Undecided::Waits(WaitsFor::Issuer(next))) => {
                    asked += usize::from(next.ended(deadline).await? == End::Settled);
                }
            }
        }
    }

    async fn verify_with_key(
        &self,
        parts: &CompactJws,
        unknown: &UnknownKey,
        deadline: Instant,
    ) -> Result<Claims, Error> {
        unknown.settled(deadline, || self.verifier.now()).await?;
        self.verify_again(parts)
    }

    /// Verifies the token when its key has arrived, or when its issuer's trust or rules have
    /// changed.
    fn verify_again(&self, parts: &CompactJws) -> Result<Claims, Error> {
        let verifier = &self.verifier;
        // Another request may have waited with the same token.
        if let Some(claims) = verifier.cached(self.presented(), verifier.now(), OverdueKeys::Use) {
            return Ok(claims);
        }
        verifier.count_miss(self.scheme);
        verifier.verify_parts(self.presented(), parts, OverdueKeys::Use).map_err(
            |undecided| match undecided {
                Undecided::Rejected(error) => error,
                Undecided::Waits(waits) => waits.error(),
            },
        )
    }
}

/// Returns the deadline of a verification. If the time limit of the introspection is longer than
/// other waits, the deadline is later by the difference.
#[cfg(feature = "fetch")]
fn longer_deadline(introspecting: &Introspecting, deadline: Instant) -> Instant {
    deadline + introspecting.time_limit().saturating_sub(KEY_WAIT_TIMEOUT)
}

#[cfg(feature = "fetch")]
impl UnresolvedIssuer {
    /// Waits for the resolver's result.
    async fn ended(&self, deadline: Instant) -> Result<End, Error> {
        match timeout_at(deadline, self.resolution.ended()).await {
            Ok(Some(end)) => Ok(end),
            Ok(None) | Err(_) => Err(self.error()),
        }
    }
}

impl fmt::Debug for PendingVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingVerification").finish_non_exhaustive()
    }
}
