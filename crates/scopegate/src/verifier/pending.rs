//! Verifications that wait for a key, with bounds on time and number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::jws::CompactJws;
use tokio::time::{Instant, timeout_at};

use crate::cache::key_ref::KeyRef;
use crate::claims::Claims;
use crate::error::Error;
use crate::issuer::registry::{KeyLookup, Missing, MissingKey, TrustedIssuer};
use crate::keys::Keys;
use crate::keys::fetched::OverdueKeys;
use crate::keys::refresh::waiting::WaitPermit;
use crate::token::numeric_date::NumericDate;
use crate::verifier::outcome::{Rejected, UnknownKey};
use crate::verifier::{Verifier, read_payload};

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
    Pending(PendingVerification),
}

/// A verification that needs a key which a fetch may bring. It owns the token and its parts, so
/// nothing is parsed twice.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingVerification {
    verifier: Verifier,
    issuer: Arc<TrustedIssuer>,
    missing: MissingKey,
    token: Box<[u8]>,
    parts: CompactJws,
}

impl PendingVerification {
    pub(crate) fn new(verifier: &Verifier, token: &[u8], unknown: UnknownKey<'_>) -> Self {
        let UnknownKey { issuer, missing, parts } = unknown;
        Self { verifier: verifier.clone(), issuer: Arc::clone(issuer), missing, token: token.into(), parts }
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

    async fn verify_when_settled(&self) -> Result<Claims, Error> {
        let Keys::Fetched(keys) = &self.issuer.keys else {
            return Err(self.issuer.error_without_waiting(&self.missing));
        };
        let (deadline, name) = (Instant::now() + KEY_WAIT_TIMEOUT, &self.missing.name);
        let mut changes = keys.refresh().watch();
        let waiting = keys.refresh().waiting();
        let permit = match self.missing.why {
            Missing::NoKeysYet | Missing::Overdue => waiting.permit_for_keys(name),
            Missing::Unknown(_) => waiting.permit(name),
        };
        // Without a permit, or after the timeout, the current keys are used.
        let mut overdue = if permit.is_some() { OverdueKeys::Wait } else { OverdueKeys::Use };
        loop {
            // Looks up the key before it waits: the key may have arrived before the watch began.
            let now = self.verifier.now();
            let missing = match self.issuer.find_key(&name.id, name.algorithm, now, overdue)? {
                KeyLookup::Found(key) => return self.verify_with(key, now),
                KeyLookup::Missing(missing) => missing,
            };
            if overdue == OverdueKeys::Use {
                return Err(self.issuer.error_without_waiting(&missing));
            }
            if let Some(error) = self.issuer.settled_error(&missing) {
                return Err(error);
            }
            // The keys have arrived without that key, and fewer requests may wait for one key than for all.
            if let (Missing::NoKeysYet | Missing::Overdue, Missing::Unknown(_)) =
                (self.missing.why, missing.why)
                && !permit.as_ref().is_some_and(WaitPermit::is_within_key_limit)
            {
                return Err(self.issuer.error_without_waiting(&missing));
            }
            // The change may come at the same moment, so the key is looked up once more.
            if timeout_at(deadline, changes.changed()).await.is_err() {
                overdue = OverdueKeys::Use;
            }
        }
    }

    fn verify_with(&self, key: KeyRef, now: NumericDate) -> Result<Claims, Error> {
        // Another request may have waited with the same token.
        if let Some(claims) = self.verifier.cached(&self.token, now, OverdueKeys::Use) {
            return Ok(claims);
        }
        let payload = read_payload(&self.parts)?;
        self.verifier.run_checks_with_key(&self.token, &self.parts, &payload, &self.issuer, key, now)
    }
}

impl fmt::Debug for PendingVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingVerification").field("issuer", &self.issuer.identifier).finish_non_exhaustive()
    }
}
