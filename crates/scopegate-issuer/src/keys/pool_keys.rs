//! The keys of one pool behind their locks: made when first used, and shared by the pool and its mints.
//!
//! The rules of rotation are in `keys/ring.rs`.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::keys::algorithm::Algorithm;
use crate::keys::ring::KeyRing;
use crate::keys::signing_key::SigningKey;

/// The key ring of a pool, and a spare key for its next rotation.
#[derive(Default)]
pub(crate) struct PoolKeys {
    /// Made when first used, because that is slow, and not every pool of a configuration is used.
    ring: OnceLock<Mutex<KeyRing>>,
    /// A new key that nothing has used yet.
    spare: Mutex<Option<SigningKey>>,
}

impl PoolKeys {
    /// Locks the key ring, and makes it if this is its first use.
    pub(crate) fn ring(&self) -> MutexGuard<'_, KeyRing> {
        locked(self.ring.get_or_init(|| Mutex::new(two_rsa_keys())))
    }

    /// Makes the keys if they have not been used yet.
    pub(crate) fn prepare(&self) {
        drop(self.ring());
    }

    /// Returns the key that signs access tokens now.
    pub(crate) fn signing_key(&self) -> SigningKey {
        self.ring().current().clone()
    }

    /// Returns a new key of the current algorithm. Slow, so call it before you lock the ring to use the key.
    pub(crate) fn new_key(&self) -> SigningKey {
        let alg = self.ring().current().alg();
        let spare = locked(&self.spare).take();
        spare.filter(|spare| spare.alg() == alg).unwrap_or_else(|| SigningKey::generate(alg))
    }

    /// Makes the next new key now, so that [`new_key`](Self::new_key) is quick.
    pub(crate) fn prepare_new_key(&self) {
        let key = self.new_key();
        *locked(&self.spare) = Some(key);
    }
}

impl fmt::Debug for PoolKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolKeys").finish_non_exhaustive()
    }
}

/// A panic while a lock is held leaves whole values behind, so a poisoned lock can be used like any other.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Side by side, since each takes some tens of milliseconds.
fn two_rsa_keys() -> KeyRing {
    let id_token = thread::spawn(|| SigningKey::generate(Algorithm::RS256));
    let access_token = SigningKey::generate(Algorithm::RS256);
    KeyRing::new(access_token, id_token.join().unwrap_or_else(|_| SigningKey::generate(Algorithm::RS256)))
}
