//! Verifications that wait for a key, an issuer, a status list or an introspection, with bounds on
//! time and number.

use std::fmt;

use scopegate_proto::jws::CompactJws;
use tokio::time::Instant;
#[cfg(feature = "fetch")]
use tokio::time::timeout_at;

use crate::claims::Claims;
use crate::error::Error;
use crate::keys::fetched::OverdueKeys;
use crate::verifier::Verifier;
#[cfg(feature = "fetch")]
use crate::verifier::introspecting::{Asked, Introspecting};
use crate::verifier::key_wait::KEY_WAIT_TIMEOUT;
#[cfg(feature = "fetch")]
use crate::verifier::outcome::{NotAccepted, UnresolvedIssuer};
use crate::verifier::outcome::{Rejected, Undecided, UnknownKey, WaitsFor};

/// The result of verifying a token without waiting.
#[derive(Debug)]
#[must_use = "a pending verification has decided nothing yet"]
pub enum Verification {
    /// The token is accepted or rejected.
    Done(Result<Claims, Error>),
    /// The token's key is unknown, or the keys or the token's status list are missing or overdue. A
    /// fetch is due or under way. Or the token is opaque, and an introspection is under way.
    Pending(PendingVerification),
}

/// A [`Verification`] that also has the claims of a token that a check of the application denies.
pub(crate) enum Attempt {
    Done(Result<Claims, Rejected>),
    Pending(PendingVerification),
}

/// A verification that needs a key, an issuer or a status list which may arrive. It owns the token,
/// so waiting borrows nothing.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingVerification {
    verifier: Verifier,
    token: Box<[u8]>,
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
    pub(crate) fn new(verifier: &Verifier, token: &[u8], parts: CompactJws, waits_for: WaitsFor) -> Self {
        let state = State::Unverified(Unverified { waits_for, parts });
        Self { verifier: verifier.clone(), token: token.into(), state }
    }

    /// Waits for the status list of a valid token.
    #[cfg(feature = "fetch")]
    pub(crate) fn for_status(verifier: &Verifier, token: &[u8], claims: Claims) -> Self {
        Self { verifier: verifier.clone(), token: token.into(), state: State::Verified(claims) }
    }

    /// Waits for the outcome of an introspection.
    #[cfg(feature = "fetch")]
    pub(crate) fn for_introspection(
        verifier: &Verifier,
        token: &[u8],
        introspecting: Box<Introspecting>,
    ) -> Self {
        Self { verifier: verifier.clone(), token: token.into(), state: State::Introspecting(introspecting) }
    }

    /// Waits for the key and the status list, at most 2 s, and then verifies the token. Waits for
    /// an introspection at most for its [time limit](crate::Introspection::timeout).
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
        // By reference, so that the future holds the state once.
        let result = match &self.state {
            State::Unverified(unverified) => {
                let verified = unverified.verify_when_settled(&self.verifier, &self.token, deadline).await;
                self.introspected(verified).await
            }
            #[cfg(feature = "fetch")]
            State::Verified(claims) => Ok(claims.clone()),
            #[cfg(feature = "fetch")]
            State::Introspecting(introspecting) => introspecting.settled().await,
        };
        #[cfg(feature = "fetch")]
        let result = match result {
            Ok(claims) => self.with_settled_status(claims, deadline).await,
            Err(error) => Err(error),
        };
        self.verifier.decide(result)
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
            State::Unverified(_) | State::Introspecting(_) | State::Verified(_) => self.verify_again().await,
        }
    }

    /// Verifies the token once more. Its issuer may have to be asked again.
    #[cfg(feature = "fetch")]
    async fn verify_again(&self) -> Result<Claims, Error> {
        match self.verifier.verify_inner(&self.token, OverdueKeys::Use) {
            Err(NotAccepted::Introspecting(introspecting)) => {
                // Rare, so that other requests do not hold the memory of this wait.
                let claims = Box::pin(async move { introspecting.settled().await }).await?;
                self.verifier.check_status(claims)
            }
            verified => self.verifier.without_waiting(verified),
        }
    }

    /// Waits until the issuer was asked about a verified JWT, if it is to be asked.
    #[cfg(feature = "fetch")]
    async fn introspected(&self, verified: Result<Claims, Error>) -> Result<Claims, Error> {
        match self.verifier.introspect_verified(verified?, &self.token, self.verifier.now()) {
            Asked::Decided(result) => result,
            // Rare, so that other requests do not hold the memory of this wait.
            Asked::Pending(introspecting) => Box::pin(async move { introspecting.settled().await }).await,
        }
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, clippy::unused_async, reason = "it is the same call with the feature")]
    async fn introspected(&self, verified: Result<Claims, Error>) -> Result<Claims, Error> {
        verified
    }
}

impl Unverified {
    async fn verify_when_settled(
        &self,
        verifier: &Verifier,
        token: &[u8],
        deadline: Instant,
    ) -> Result<Claims, Error> {
        match &self.waits_for {
            WaitsFor::Key(unknown) => self.verify_with_key(verifier, token, unknown, deadline).await,
            #[cfg(feature = "fetch")]
            WaitsFor::Issuer(unresolved) => {
                // Rare, so that other requests do not hold the memory of these waits.
                Box::pin(self.verify_when_resolved(verifier, token, unresolved, deadline)).await
            }
        }
    }

    #[cfg(feature = "fetch")]
    async fn verify_when_resolved(
        &self,
        verifier: &Verifier,
        token: &[u8],
        unresolved: &UnresolvedIssuer,
        deadline: Instant,
    ) -> Result<Claims, Error> {
        unresolved.settled(deadline).await?;
        // The first resolver may have rejected the name, so the next one is asked.
        let mut asked = 1;
        loop {
            match verifier.verify_parts(token, &self.parts, OverdueKeys::Wait) {
                Ok(claims) => return Ok(claims),
                Err(Undecided::Rejected(error)) => return Err(error),
                // The first fetch of its keys.
                Err(Undecided::Waits(WaitsFor::Key(unknown))) => {
                    return self.verify_with_key(verifier, token, &unknown, deadline).await;
                }
                // It was distrusted meanwhile.
                Err(Undecided::Waits(WaitsFor::Issuer(next)))
                    if asked >= verifier.trusted().asked_at_most() =>
                {
                    return Err(next.error());
                }
                Err(Undecided::Waits(WaitsFor::Issuer(next))) => next.settled(deadline).await?,
            }
            asked += 1;
        }
    }

    async fn verify_with_key(
        &self,
        verifier: &Verifier,
        token: &[u8],
        unknown: &UnknownKey,
        deadline: Instant,
    ) -> Result<Claims, Error> {
        unknown.settled(deadline, || verifier.now()).await?;
        self.verify_again(verifier, token)
    }

    /// Verifies the token when its key has arrived, or when its issuer's trust or rules have
    /// changed.
    fn verify_again(&self, verifier: &Verifier, token: &[u8]) -> Result<Claims, Error> {
        // Another request may have waited with the same token.
        if let Some(claims) = verifier.cached(token, verifier.now(), OverdueKeys::Use) {
            return Ok(claims);
        }
        verifier.verify_parts(token, &self.parts, OverdueKeys::Use).map_err(|undecided| match undecided {
            Undecided::Rejected(error) => error,
            Undecided::Waits(waits) => waits.error(),
        })
    }
}

#[cfg(feature = "fetch")]
impl UnresolvedIssuer {
    /// Waits for the resolver's result.
    async fn settled(&self, deadline: Instant) -> Result<(), Error> {
        match timeout_at(deadline, self.resolution.settled()).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(self.error()),
        }
    }
}

impl fmt::Debug for PendingVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingVerification").finish_non_exhaustive()
    }
}
