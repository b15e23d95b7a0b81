//! Nonces of this API (RFC 9449 §9), which are not stored.
//!
//! A nonce is the number of a time slice and its HMAC. Every client gets the same nonce in one
//! slice. The nonces of the current and the previous slice are accepted, so a nonce lives for one to
//! two slices.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use scopegate_proto::base64url;

use crate::config_error::ConfigError;
use crate::dpop::error::DpopProofError;
use crate::keys::mac::{MacKey, TAG_LENGTH};
use crate::token::numeric_date::NumericDate;

/// Nonces that clients must put into their proofs (RFC 9449 §9). Cloning shares the keys.
///
/// A nonce proves that a proof was made recently: an attacker cannot make proofs in advance
/// (§11.2). It does not replace the check of `iat`, so the clocks of clients must be right as
/// without nonces.
///
/// A request without a valid nonce gets a 401 with `error="use_dpop_nonce"` and a nonce in
/// `DPoP-Nonce`. The client sends the request again, with a new proof. Every client gets the same
/// nonce at one time. When it is replaced, accepted responses to proofs with the earlier one have
/// the next nonce. See [`Dpop::nonce_lifetime`](crate::Dpop::nonce_lifetime).
///
/// Nothing is stored for a nonce. Instances that share a secret accept each other's nonces.
///
/// ```
/// use scopegate::{Dpop, DpopNonces};
///
/// # fn secret(of: &str) -> [u8; 32] { [of.len() as u8; 32] }
/// let nonces = DpopNonces::from_secret(secret("november"))?;
/// let dpop = Dpop::accept().origin("https://api.example").nonces(&nonces);
/// # let _ = dpop;
/// nonces.rotate_to(secret("december"))?; // nonces of the earlier secret stay valid until their end
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct DpopNonces(Arc<ArcSwap<Keys>>);

struct Keys {
    current: MacKey,
    previous: Option<MacKey>,
}

/// Minimum length of a secret in bytes: the length of its hash (RFC 2104 §3).
const MIN_SECRET: usize = 32;

/// The number of the time slice.
const SLICE_LENGTH: usize = 8;

/// The result of checking a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceAge {
    /// A nonce of the current slice and key.
    Current,
    /// The response must contain the next nonce.
    Old,
}

impl DpopNonces {
    /// Creates nonces with a random key. They are valid for this process only. With several instances,
    /// a client would get a 401 from each of them: use [`from_secret`](Self::from_secret).
    pub fn new() -> Self {
        Self::with_key(MacKey::random())
    }

    /// Creates nonces with a secret that several instances share.
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] if the secret has fewer than 32 bytes.
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self::with_key(key(secret.as_ref())?))
    }

    fn with_key(current: MacKey) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Keys { current, previous: None })))
    }

    /// Replaces the key by that of another secret. Give every instance the same secret. Nonces of the
    /// current key stay valid until their end, or until the next call.
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] if the secret has fewer than 32 bytes.
    pub fn rotate_to(&self, secret: impl AsRef<[u8]>) -> Result<(), ConfigError> {
        let next = key(secret.as_ref())?;
        self.0.rcu(|keys| Keys { current: next.clone(), previous: Some(keys.current.clone()) });
        Ok(())
    }

    /// Returns the nonce of the current slice.
    pub(crate) fn current(&self, now: NumericDate, lifetime: Duration) -> String {
        self.0.load().current.nonce(slice(now, lifetime))
    }

    /// Checks a nonce from a proof.
    pub(crate) fn check(
        &self,
        nonce: &str,
        now: NumericDate,
        lifetime: Duration,
    ) -> Result<NonceAge, DpopProofError> {
        let decoded = base64url::decode(nonce).ok_or(DpopProofError::UnknownNonce)?;
        let (number, tag) = decoded.split_at_checked(SLICE_LENGTH).ok_or(DpopProofError::UnknownNonce)?;
        let number = number.try_into().map(u64::from_be_bytes).map_err(|_| DpopProofError::UnknownNonce)?;
        let keys = self.0.load();
        let is_current_key = keys.current.verifies(&number.to_be_bytes(), tag);
        let is_ours = is_current_key
            || keys.previous.as_ref().is_some_and(|key| key.verifies(&number.to_be_bytes(), tag));
        if !is_ours {
            return Err(DpopProofError::UnknownNonce);
        }
        let now = slice(now, lifetime);
        match now.checked_sub(number) {
            Some(0) if is_current_key => Ok(NonceAge::Current),
            Some(0 | 1) => Ok(NonceAge::Old),
            // The clock of another instance is ahead.
            None if number - now == 1 => Ok(NonceAge::Current),
            _ => Err(DpopProofError::UnknownNonce),
        }
    }
}

impl MacKey {
    fn nonce(&self, slice: u64) -> String {
        let mut bytes = [0; SLICE_LENGTH + TAG_LENGTH];
        let (number, tag) = bytes.split_at_mut(SLICE_LENGTH);
        number.copy_from_slice(&slice.to_be_bytes());
        tag.copy_from_slice(&self.tag(&slice.to_be_bytes()));
        base64url::encode(bytes)
    }
}

fn key(secret: &[u8]) -> Result<MacKey, ConfigError> {
    if secret.len() < MIN_SECRET {
        return Err(ConfigError::OutOfRange {
            setting: "secret of DPoP nonces",
            expected: "at least 32 bytes",
            found: format!("{} bytes", secret.len()),
        });
    }
    Ok(MacKey::new(secret))
}

/// Returns the number of the time slice. A lifetime is two slices.
fn slice(now: NumericDate, lifetime: Duration) -> u64 {
    let seconds = u64::try_from(now.as_secs()).unwrap_or(0);
    seconds / (lifetime.as_secs() / 2).max(1)
}

impl Default for DpopNonces {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no key.
impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_secs(1_500_000_000 + seconds)).into()
    }

    #[test]
    fn nonce_lives_for_one_to_two_slices() {
        // DP33, DP34, DP35
        let nonces = DpopNonces::new();
        let nonce = nonces.current(at(0), LIFETIME);
        let check = |seconds| nonces.check(&nonce, at(seconds), LIFETIME).ok();
        assert_eq!(
            [0, 149, 150, 299, 300].map(check),
            [
                Some(NonceAge::Current),
                Some(NonceAge::Current),
                Some(NonceAge::Old),
                Some(NonceAge::Old),
                None
            ]
        );
        assert_ne!(nonces.current(at(150), LIFETIME), nonce);
        // RFC 9449 §8.1: NQCHAR
        assert!(
            nonce.len() == 32
                && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }

    #[test]
    fn nonce_of_clock_one_slice_ahead_is_accepted() {
        let nonces = DpopNonces::new();
        assert!(nonces.check(&nonces.current(at(150), LIFETIME), at(149), LIFETIME).is_ok());
        assert!(nonces.check(&nonces.current(at(300), LIFETIME), at(149), LIFETIME).is_err());
    }

    #[test]
    fn any_other_nonce_is_unknown() {
        // DP34
        let nonces = DpopNonces::new();
        let nonce = nonces.current(at(0), LIFETIME);
        let other = DpopNonces::new().current(at(0), LIFETIME);
        let mut bytes = base64url::decode(&nonce).unwrap();
        bytes[7] ^= 1;
        let moved = base64url::encode(&bytes);
        for wrong in [
            "",
            "garbage",
            &other,
            &moved,
            &nonce[..31],
            &nonce[..10],
            &format!("{nonce}AAAA"),
            &format!("{nonce}="),
        ] {
            assert!(nonces.check(wrong, at(0), LIFETIME).is_err(), "{wrong}");
        }
        assert!(nonces.check(&nonce, at(0), LIFETIME).is_ok());
    }

    #[test]
    fn nonce_survives_one_rotation_of_keys() {
        // DP36
        let nonces = DpopNonces::from_secret([1; 32]).unwrap();
        let nonce = nonces.current(at(0), LIFETIME);
        nonces.rotate_to([2; 32]).unwrap();
        assert_eq!(nonces.check(&nonce, at(0), LIFETIME).ok(), Some(NonceAge::Old));
        let next = nonces.current(at(0), LIFETIME);
        nonces.rotate_to([3; 32]).unwrap();
        assert!(nonces.check(&nonce, at(0), LIFETIME).is_err());
        assert!(nonces.check(&next, at(0), LIFETIME).is_ok());
    }

    #[test]
    fn instances_with_one_secret_share_nonces() {
        let [one, other] =
            [DpopNonces::from_secret([7; 32]).unwrap(), DpopNonces::from_secret([7; 32]).unwrap()];
        assert!(other.check(&one.current(at(0), LIFETIME), at(0), LIFETIME).is_ok());
        assert!(matches!(DpopNonces::from_secret([7; 31]), Err(ConfigError::OutOfRange { .. })));
        assert!(one.rotate_to("short").is_err());
        assert_eq!(format!("{one:?}"), "DpopNonces { .. }");
    }
}
