//! Security events (RFC 8417): which tokens does an issuer revoke?
//!
//! They are tokens themselves. They are verified as tokens are, and become revocations.

pub(crate) mod builder;
pub(crate) mod error;
mod event;
mod held;
#[cfg(feature = "fetch")]
mod poll;
mod receiver;
mod seen;
mod set;
mod subject;
pub(crate) mod transmitter;

use std::fmt;
use std::sync::Arc;

use scopegate_proto::excerpt::Excerpt;
use tokio::time::Instant;

#[cfg(feature = "fetch")]
use crate::background::abort_on_drop::AbortOnDrop;
use crate::security_events::builder::SecurityEventsBuilder;
use crate::security_events::error::SecurityEventError;
use crate::security_events::receiver::Receiver;
use crate::telemetry::metrics;
use crate::verifier::Verifier;

/// Receives security event tokens (SETs, RFC 8417) of trusted transmitters, and revokes the tokens
/// that they are about. Cloning shares the state.
///
/// Give it SETs that a transmitter pushes (RFC 8935): `scopegate-axum` has a service for them. Or
/// let it [poll](crate::Transmitter::poll_endpoint) the transmitter (RFC 8936).
///
/// Each transmitter is a source of revocations. When the last clone is dropped, its source has
/// [failed](crate::RevocationSource::failed): it is logged, and the status shows it.
///
/// ```
/// use scopegate::{Issuer, Revocations, SecurityEvents, Transmitter, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// let revocations = Revocations::new();
/// let verifier = Verifier::builder().trust(issuer).revocations(&revocations).start().await?;
///
/// # let _ = stringify! {
/// let transmitter = Issuer::keycloak("https://sso.example/realms/acme")?;
/// # };
/// # let transmitter = Issuer::from_metadata(local.issuer())?;
/// let transmitter = Transmitter::new(transmitter.audience("https://api.example/security-events"));
/// let events = SecurityEvents::builder(&verifier).transmitter(transmitter).start()?;
/// # let set = local.mint().sign();
/// if let Err(error) = events.receive(&set).await {
///     println!("{}: {error}", error.code());
/// }
/// # Ok(()) }
/// ```
///
/// # Checks
///
/// A SET is accepted if
///
/// 1. it has the form of a token: at most 16 KiB, signed, JSON without repeated members;
/// 2. `iss` is a transmitter, and `alg` is one of its algorithms;
/// 3. `typ` is `secevent+jwt` (RFC 8417 §2.3), so no access token and no ID token passes;
/// 4. its signature verifies with a key of the transmitter;
/// 5. `aud` contains the configured audience;
/// 6. `iat` and `jti` are present, and `iat` is not in the future (§2.2);
/// 7. `exp` and `sub` are absent. RFC 8417 §2.2 advises against `exp`, and the Shared Signals
///    Framework forbids both, so that a SET cannot be taken for another token;
/// 8. `events` is an object with at least one member;
/// 9. each subject belongs to an issuer that the transmitter may
///    [revoke for](crate::Transmitter::subject_issuer).
///
/// A SET that fails one of them changes nothing. A SET with a `jti` that was received before is
/// accepted, and changes nothing. The last 10,000 ids are remembered.
///
/// # Events
///
/// | event of CAEP 1.0 | revokes |
/// | --- | --- |
/// | `session-revoked` | the session, and the tokens of the user that were issued up to the event |
/// | `credential-change` with `revoke`, `update` or `delete` | the tokens of the user that were issued up to the event |
///
/// Other events have no effect. The time of an event is its `event_timestamp`, or else the SET's
/// `toe`, or else its `iat`. If the time is after `iat`, `iat` is used, and it is logged: the time
/// may be in milliseconds.
///
/// The subject is the SET's `sub_id` (RFC 9493), or the event's `subject`. It may be a complex
/// subject with a `user` and a `session`. The formats are
///
/// - `iss_sub`: the user, also as a `session`;
/// - `jwt_id`: the one token with this `jti`;
/// - `opaque`: the user or the session. If it is neither a `user` nor a `session`, both are revoked;
/// - `aliases`: each of its identifiers that has one of these formats and a permitted issuer.
///
/// If a complex subject names a user and a session, both are revoked, because tokens may have no
/// `sid`. Other formats, such as `email`, have no effect, and are logged.
#[derive(Clone)]
#[must_use = "transmitters are polled until it is dropped"]
pub struct SecurityEvents(Arc<Running>);

struct Running {
    // Dropped first: a task that is aborted afterwards was ended on purpose.
    receiver: Arc<Receiver>,
    /// The tasks that poll transmitters.
    #[cfg(feature = "fetch")]
    _polls: Vec<AbortOnDrop>,
}

/// The effect of an accepted security event token.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Tokens are revoked now.
    #[non_exhaustive]
    Applied {
        /// How many entries were added to the revocations.
        revocations: usize,
    },
    /// It has no event that revokes tokens.
    Ignored,
    /// A token with this `jti` was received before.
    Repeated,
}

impl SecurityEvents {
    /// Returns a builder of a receiver that feeds the revocations of this verifier.
    ///
    /// The receiver shares the verifier's clock, its settings for keys, and the key sets of issuers
    /// that are transmitters as well.
    pub fn builder(verifier: &Verifier) -> SecurityEventsBuilder {
        SecurityEventsBuilder::new(verifier)
    }

    /// Verifies a SET, and revokes the tokens that it is about. The revocations are effective when
    /// this returns.
    ///
    /// If the transmitter's key is unknown, it waits for a fetch, as
    /// [`Verifier::verify_or_refresh`](crate::Verifier::verify_or_refresh) does. During the cooldown
    /// of unknown keys, there is no fetch. Then the transmitter should send the SET again:
    /// [`UnconfirmedKey`](SecurityEventError::UnconfirmedKey). If a fetch lacks the key, the SET is
    /// held for a refresh period: [`UnpublishedKey`](SecurityEventError::UnpublishedKey).
    ///
    /// # Errors
    /// Returns a [`SecurityEventError`] with a code of RFC 8935. Nothing was revoked then, or in
    /// the case of [`NotStored`](SecurityEventError::NotStored) not everything.
    ///
    /// # Panics
    /// Panics if it has to wait outside of a Tokio runtime, or on a runtime without timers.
    pub async fn receive(&self, set: impl AsRef<[u8]>) -> Result<Received, SecurityEventError> {
        let receiver = &self.0.receiver;
        let result = receiver.receive(set.as_ref(), Instant::now()).await;
        result.inspect_err(|error| receiver.report_pushed(error))
    }

    /// Counts and logs a request whose sender is not authenticated. Call it in an endpoint of your
    /// own; the one of `scopegate-axum` does.
    ///
    /// The outcome of the metric is `authentication_failed`. A warning is logged once in 10 s, and
    /// further requests at `DEBUG`.
    pub fn sender_rejected(&self) {
        metrics::security_event("authentication_failed");
        if self.0.receiver.may_warn_of_sender() {
            tracing::warn!("security event rejected, its sender has no accepted bearer token");
        } else {
            tracing::debug!("security event rejected, its sender has no accepted bearer token");
        }
    }
}

impl Received {
    fn outcome(self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Ignored => "ignored",
            Self::Repeated => "repeated",
        }
    }
}

/// Reports an accepted SET.
fn report_received(transmitter: &str, id: &str, received: Received) {
    metrics::security_event(received.outcome());
    let jti = Excerpt::identifier(id);
    match received {
        Received::Applied { revocations } => {
            tracing::info!(transmitter, %jti, revocations, "security event received");
        }
        Received::Ignored | Received::Repeated => {
            tracing::debug!(transmitter, %jti, outcome = received.outcome(), "security event received");
        }
    }
}

/// Reports a SET that is not accepted.
fn report_error(error: &SecurityEventError, may_warn: bool) {
    if let SecurityEventError::UnpublishedKey { held_for, .. } = error {
        metrics::security_event("held");
        let held_for = held_for.as_secs();
        if may_warn {
            tracing::warn!(%error, held_for, "security event waits for its key");
        } else {
            tracing::debug!(%error, held_for, "security event waits for its key");
        }
        return;
    }
    let outcome = if error.retry_after().is_some() { "unavailable" } else { error.code() };
    metrics::security_event(outcome);
    if may_warn {
        tracing::warn!(outcome, %error, "security event rejected");
    } else {
        tracing::debug!(outcome, %error, "security event rejected");
    }
}

impl fmt::Debug for SecurityEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transmitters: Vec<&str> = self.0.receiver.transmitters().collect();
        f.debug_struct("SecurityEvents").field("transmitters", &transmitters).finish_non_exhaustive()
    }
}
