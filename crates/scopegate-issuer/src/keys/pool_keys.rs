//! The keys of one pool with their locks, shared by the pool and its mints.
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
    /// Created on first use, because this is slow, and some pools of a configuration are never
    /// used.
    ring: OnceLock<Mutex<KeyRing>>,
    /// A new key that is still unused.
    spare: Mutex<Option<SigningKey>>,
}

impl PoolKeys {
    /// Locks the key ring. Creates it on first use.
    pub(crate) fn ring(&self) -> MutexGuard<'_, KeyRing> {
        locked(self.ring.get_or_init(|| Mutex::new(two_rsa_keys())))
    }

    /// Creates the keys if they were not used yet.
    pub(crate) fn prepare(&self) {
        drop(self.ring());
    }

    /// Returns the key that currently signs access tokens.
    pub(crate) fn signing_key(&self) -> SigningKey {
        self.ring().current().clone()
    }

    /// Returns a new key of the current algorithm. This is slow, so call it before you lock the
    /// ring.
    pub(crate) fn new_key(&self) -> SigningKey {
        let alg = self.ring().current().alg();
        let spare = locked(&self.spare).take();
        spare.filter(|spare| spare.alg() == alg).unwrap_or_else(|| SigningKey::generate(alg))
    }

    /// Creates the next new key now, so that [`new_key`](Self::new_key) returns quickly.
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

/// Locks a mutex. A panic under the lock leaves its value valid, so a poisoned lock is used as
/// well.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Generates two keys in parallel, because each takes tens of milliseconds.
fn two_rsa_keys() -> KeyRing {
    let id_token = thread::spawn(|| SigningKey::generate(Algorithm::RS256));
    let access_token = SigningKey::generate(Algorithm::RS256);
    KeyRing::new(access_token, id_token.join().unwrap_or_else(|_| SigningKey::generate(Algorithm::RS256)))
}
