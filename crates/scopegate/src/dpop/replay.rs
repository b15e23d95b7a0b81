//! Was a proof used before? The stores of used proofs (RFC 9449 §11.1).

pub(crate) mod memory;

use std::any::TypeId;
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

    /// Returns a number that clones of one store share, and no other store of this type has.
    /// Default: `None`, so that only clones of one [`Dpop`](crate::Dpop) share the store.
    ///
    /// A request may pass two layers, whose verifiers have clones of one store. Its proof is
    /// recorded once if the store has an identity, and is rejected as a replay of itself otherwise.
    /// Return the address of the state that clones share: `Some(Arc::as_ptr(&self.state).addr())`.
    fn identity(&self) -> Option<usize> {
        None
    }
}

/// The clocks of instances that share a store may differ by so much.
const CLOCK_MARGIN: Duration = Duration::from_secs(30);

/// The longest age of proofs that a verifier can accept.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);

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
    issued_at: NumericDate,
    max_age: Duration,
    now: NumericDate,
}

impl UsedProof {
    /// Creates the record of a proof by its key's thumbprint and its `jti`.
    pub(crate) fn new(
        thumbprint: &[u8; 32],
        id: &str,
        issued_at: NumericDate,
        max_age: Duration,
        now: NumericDate,
    ) -> Self {
        let hash = sha256(&[thumbprint.as_slice(), id.as_bytes()].concat());
        let key = hash.first_chunk().copied().unwrap_or_default();
        Self { key, issued_at, max_age, now }
    }

    /// Returns the time from which this verifier rejects the proof by its age.
    fn expires_at(&self) -> NumericDate {
        self.issued_at.plus(self.max_age)
    }

    /// Returns the name of the proof: 128 bits of a SHA-256 over the thumbprint of the client's key
    /// and the `jti`. It is the same in every instance, so a `jti` never collides with that of
    /// another key.
    pub fn key(&self) -> [u8; 16] {
        self.key
    }

    /// Returns how long a shared store must keep the proof: until its `iat` is older than any
    /// [`max_age`](crate::Dpop::max_age), which is 300 s, and 30 s more.
    ///
    /// Instances may have different settings while a service is updated, so the time does not
    /// depend on this verifier's. The 30 s are for instances whose clock is behind, and for records
    /// that arrive late at the store.
    pub fn retention(&self) -> Duration {
        let seconds = self.issued_at.plus(MAX_AGE).as_secs_f64() - self.now.as_secs_f64();
        Duration::try_from_secs_f64(seconds).unwrap_or_default() + CLOCK_MARGIN
    }
}

/// The store is full, or cannot be reached.
#[derive(Clone, Debug)]
pub struct ReplayStoreError {
    reason: String,
    retry_after: Duration,
}

/// When a client should try again, if the store does not say it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl ReplayStoreError {
    /// Creates the error. The reason is for the log, so it must not contain secrets.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: RETRY_AFTER }
    }

    /// Sets the time after which a client should try again, for `Retry-After`. Default: 1 s.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// Returns the time after which a client should try again.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
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
    Memory(Arc<MemoryStore>),
    Shared(SharedStore),
}

impl Store {
    /// Returns whether both are the same store.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shared(own), Self::Shared(other)) => own.is_same(other),
            (Self::Memory(own), Self::Memory(other)) => Arc::ptr_eq(own, other),
            (Self::Shared(_), Self::Memory(_)) | (Self::Memory(_), Self::Shared(_)) => false,
        }
    }
}

/// A store of the application.
#[derive(Clone)]
pub(crate) struct SharedStore {
    store: Arc<dyn ReplayStore>,
    kind: TypeId,
}

impl SharedStore {
    pub(crate) fn new<S: ReplayStore>(store: S) -> Self {
        Self { store: Arc::new(store), kind: TypeId::of::<S>() }
    }

    pub(crate) fn get(&self) -> &dyn ReplayStore {
        &*self.store
    }

    fn is_same(&self, other: &Self) -> bool {
        let identity = |shared: &Self| shared.store.identity().map(|number| (shared.kind, number));
        Arc::ptr_eq(&self.store, &other.store)
            || identity(self).is_some_and(|own| identity(other) == Some(own))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const AGE: Duration = Duration::from_secs(60);

    fn at(millis: u64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_millis(millis)).into()
    }

    #[test]
    fn used_proof_is_named_by_key_and_id() {
        // DP24, DP27
        let proof = |thumbprint: u8, id| UsedProof::new(&[thumbprint; 32], id, at(2_000), AGE, at(500));
        assert_eq!(proof(1, "a").key(), proof(1, "a").key());
        assert_ne!(proof(1, "a").key(), proof(2, "a").key());
        assert_ne!(proof(1, "a").key(), proof(1, "b").key());
    }

    #[test]
    fn retention_covers_any_setting() {
        // DP26: the `iat` is up to 60 s in the future, and the age is 300 s at most.
        for max_age in [Duration::from_secs(1), AGE, MAX_AGE] {
            for (issued_at, now, expected) in
                [(2_000, 500, 331_500), (0, 0, 330_000), (0, 60_000, 270_000), (60_000, 0, 390_000)]
            {
                let used = UsedProof::new(&[1; 32], "a", at(issued_at), max_age, at(now));
                assert_eq!(used.retention(), Duration::from_millis(expected), "{max_age:?}");
            }
        }
        assert_eq!(UsedProof::new(&[1; 32], "a", at(2), AGE, at(900_000)).retention(), CLOCK_MARGIN);
    }
}
