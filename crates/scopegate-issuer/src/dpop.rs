//! DPoP at the token endpoint (RFC 9449 §5): does the sender of a token request hold the key that
//! it wants the token to be bound to?

mod json;
mod proof_check;
mod used_proofs;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName};

use self::used_proofs::{Use, UsedProofs};
use crate::http::oauth_error::OAuthError;

/// The header of a proof (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The header of a nonce (RFC 9449 §8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The state of a pool: its nonce, and the proofs that were used.
pub(crate) struct DpopState {
    /// `None` if no nonce is required.
    nonce: Option<Mutex<String>>,
    used: UsedProofs,
}

/// The valid proof of a request. It is not recorded yet.
pub(crate) struct Proven(proof_check::CheckedProof);

impl Proven {
    /// Returns the thumbprint of the key.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }
}

impl DpopState {
    pub(crate) fn new(requires_nonces: bool) -> Self {
        Self { nonce: requires_nonces.then(|| Mutex::new(random_nonce())), used: UsedProofs::default() }
    }

    /// Returns the nonce that proofs must have now, if one is required.
    pub(crate) fn nonce(&self) -> Option<String> {
        self.nonce.as_ref().map(|nonce| locked(nonce).clone())
    }

    /// Replaces the nonce, if one is required. The earlier one is invalid at once.
    pub(crate) fn renew_nonce(&self) {
        if let Some(nonce) = &self.nonce {
            *locked(nonce) = random_nonce();
        }
    }

    /// Checks the proof of a request to this endpoint. Returns `None` if the request has none.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        endpoint: &str,
        now: u64,
    ) -> Result<Option<Proven>, OAuthError> {
        let mut proofs = headers.get_all(DPOP).iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(OAuthError::InvalidDpopProof);
        }
        let checked = proof_check::check(proof.as_bytes(), endpoint, now);
        let checked = checked.ok_or(OAuthError::InvalidDpopProof)?;
        let expected = self.nonce();
        if expected.is_some() && checked.nonce != expected {
            return Err(OAuthError::UseDpopNonce);
        }
        Ok(Some(Proven(checked)))
    }

    /// Records a proof. This is the last step that can reject a request.
    pub(crate) fn record(&self, proven: &Proven, now: u64) -> Result<(), OAuthError> {
        let Proven(proof) = proven;
        match self.used.record(&proof.thumbprint, &proof.id, proof.expires, now) {
            Use::First => Ok(()),
            Use::Replay => Err(OAuthError::InvalidDpopProof),
            Use::Full => Err(OAuthError::TooManyProofs),
        }
    }
}

impl fmt::Debug for DpopState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopState").finish_non_exhaustive()
    }
}

/// Returns 32 hexadecimal digits. Not secret: each client gets the nonce.
fn random_nonce() -> String {
    format!("{:032x}", fastrand::u128(..))
}

fn locked(nonce: &Mutex<String>) -> MutexGuard<'_, String> {
    // The nonce is replaced as a whole, so a poisoned lock is used as well.
    nonce.lock().unwrap_or_else(PoisonError::into_inner)
}
