//! A verification that waits for a key, bounded in time and number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::jws::CompactJws;
use tokio::time::{Instant, timeout_at};

use crate::cache::key_ref::KeyRef;
use crate::claims::Claims;
use crate::error::Error;
use crate::issuer::registry::{KeyLookup, TrustedIssuer};
use crate::keys::Keys;
use crate::keys::name::KeyName;
use crate::metrics;
use crate::token::numeric_date::NumericDate;
use crate::verifier::outcome::UnknownKey;
use crate::verifier::{Verifier, read_payload};

/// Upper bound on how long a request waits for an unknown key: one fetch, and a second one about a second
/// later for issuers that publish keys late. After that a clear answer serves the caller better.
const KEY_WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The result of verifying a token without waiting.
#[derive(Debug)]
#[must_use = "a pending verification has decided nothing yet"]
pub enum Verification {
    /// The token is accepted or rejected.
    Done(Result<Claims, Error>),
    /// The token's key is unknown, and a fetch that may bring it is due or under way.
    Pending(PendingVerification),
}

/// A token whose key may be about to arrive. It owns the token and what was read of it, so that waiting reads
/// nothing twice.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingVerification {
    verifier: Verifier,
    issuer: Arc<TrustedIssuer>,
    key: KeyName,
    token: Box<[u8]>,
    parts: CompactJws,
}

impl PendingVerification {
    pub(crate) fn new(verifier: &Verifier, token: &[u8], unknown: UnknownKey<'_>) -> Self {
        let UnknownKey { issuer, key, parts, .. } = unknown;
        Self { verifier: verifier.clone(), issuer: Arc::clone(issuer), key, token: token.into(), parts }
    }

    /// Waits for the key, at most 2 s, and then verifies the token.
    ///
    /// Dropping the future is safe at any time.
    ///
    /// # Errors
    /// As for [`Verifier::verify_or_refresh`].
    ///
    /// # Panics
    /// On a Tokio runtime without timers, and outside of any.
    pub async fn wait(self) -> Result<Claims, Error> {
        let result = self.verify_when_settled().await;
        metrics::verified(&result);
        result
    }

    async fn verify_when_settled(&self) -> Result<Claims, Error> {
        let deadline = Instant::now() + KEY_WAIT_TIMEOUT;
        let Keys::Fetched(keys) = &self.issuer.keys else { return Err(self.issuer.unknown_key(&self.key)) };
        let mut changes = keys.refresh().watch();
        let Some(_permit) = keys.refresh().wait_permit() else { return Err(self.issuer.unavailable()) };
        // Looks before it waits: the key may have arrived before the watch began.
        let mut timed_out = false;
        loop {
            let now = self.verifier.now();
            let state = match self.issuer.find_key(self.key.id.as_deref(), self.key.algorithm, now)? {
                KeyLookup::Found(key) => return self.verify_with(key, now),
                KeyLookup::Unknown(_, state) => state,
            };
            if timed_out {
                return Err(self.issuer.unavailable());
            }
            if let Some(error) = self.issuer.settled_error(&self.key, state) {
                return Err(error);
            }
            // The change may come at the same moment, so the key is looked up once more.
            timed_out = timeout_at(deadline, changes.changed()).await.is_err();
        }
    }

    fn verify_with(&self, key: KeyRef, now: NumericDate) -> Result<Claims, Error> {
        // Another request may have waited with the same token.
        if let Some(claims) = self.verifier.cached(&self.token, now) {
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
