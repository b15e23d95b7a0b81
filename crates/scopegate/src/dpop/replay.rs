//! Was a proof used before? The stores of used proofs (RFC 9449 §11.1).

pub(crate) mod memory;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::dpop::replay::memory::MemoryStore;
use crate::keys::verifying_key::sha256;
use crate::token::numeric_date::NumericDate;

/// A store of used proofs that several instances share. Give it to
/// [`Dpop::replay_store`](crate::Dpop::replay_store).
///
/// Recording must be atomic: of several simultaneous calls with one key, exactly one may return
/// [`ProofUse::First`]. The crate `scopegate-redis` has a store for Redis and Valkey.
///
/// A store must be bounded. If it is full or unreachable, it returns [`ReplayStoreError`], and the
/// request gets a 503. Only proofs that passed every other check of a request are recorded.
///
/// The clocks of instances may differ by 30 s at most. Otherwise an instance whose clock is behind
/// may accept a proof that the store has forgotten.
pub trait ReplayStore: Send + Sync + 'static {
    /// Records the use of a proof. The call may take 1 s, then the request gets a 503.
    fn record(
        &self,
        proof: UsedProof,
    ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>>;
}

/// The clocks of instances that share a store may differ by so much.
const CLOCK_MARGIN: Duration = Duration::from_secs(30);

/// The result of recording a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofUse {
    /// The proof was not used before.
    First,
    /// The proof was used before, so the request is a replay.
    Repeated,
}

/// A used proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsedProof {
    key: [u8; 16],
    expires_at: NumericDate,
    now: NumericDate,
}

impl UsedProof {
    /// Creates the record of a proof by its key's thumbprint and its `jti`.
    pub(crate) fn new(thumbprint: &[u8; 32], id: &str, expires_at: NumericDate, now: NumericDate) -> Self {
        let hash = sha256(&[thumbprint.as_slice(), id.as_bytes()].concat());
        let key = hash.first_chunk().copied().unwrap_or_default();
        Self { key, expires_at, now }
    }

    /// Returns the name of the proof: 128 bits of a SHA-256 over the thumbprint of the client's key
    /// and the `jti`. It is the same in every instance, so a `jti` never collides with that of
    /// another key.
    pub fn key(&self) -> [u8; 16] {
        self.key
    }

    /// Returns how long a shared store must keep the proof: until its `iat` is too old, and 30 s more.
    ///
    /// The 30 s are for instances whose clock is behind, and for records that arrive late at the
    /// store.
    pub fn retention(&self) -> Duration {
        let seconds = self.expires_at.as_secs_f64() - self.now.as_secs_f64();
        Duration::try_from_secs_f64(seconds).unwrap_or_default() + CLOCK_MARGIN
    }
}

/// The store is full, or cannot be reached.
#[derive(Clone, Debug)]
pub struct ReplayStoreError {
    reason: String,
}

impl ReplayStoreError {
    /// Creates the error. The reason is for the log, so it must not contain secrets.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for ReplayStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReplayStoreError {}

/// The configured store.
pub(crate) enum Store {
    Memory(MemoryStore),
    Shared(Arc<dyn ReplayStore>),
}

impl Store {
    /// Returns whether both are the same shared store.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shared(own), Self::Shared(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(millis: u64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_millis(millis)).into()
    }

    #[test]
    fn used_proof_is_named_by_key_and_id() {
        // DP24, DP27
        let proof = |thumbprint: u8, id| UsedProof::new(&[thumbprint; 32], id, at(2_000), at(500));
        assert_eq!(proof(1, "a").key(), proof(1, "a").key());
        assert_ne!(proof(1, "a").key(), proof(2, "a").key());
        assert_ne!(proof(1, "a").key(), proof(1, "b").key());
        assert_eq!(proof(1, "a").retention(), Duration::from_millis(31_500));
        assert_eq!(UsedProof::new(&[1; 32], "a", at(2), at(9)).retention(), Duration::from_secs(30));
    }
}
