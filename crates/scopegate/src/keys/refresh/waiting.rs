//! How many requests of one issuer may wait for its keys.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::token::key_name::KeyName;

/// Maximum number of requests per issuer that wait. Each holds a connection and some kilobytes, and an attacker can
/// invent key ids.
const MAX_WAITING: usize = 4_096;

/// Maximum number of them that name the same key, so that callers who repeat one id leave room for others.
const MAX_WAITING_PER_KEY: usize = 1_024;

/// Keys are counted by a hash that only this process knows: a key shares its count with one key in so many, by chance.
const BUCKETS: usize = 64;

/// Counts the requests that wait.
pub(crate) struct Waiting {
    total: AtomicUsize,
    by_key: [AtomicUsize; BUCKETS],
    secret: RandomState,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        let by_key = std::array::from_fn(|_| AtomicUsize::new(0));
        Self { total: AtomicUsize::new(0), by_key, secret: RandomState::new() }
    }

    /// Returns a permit to wait, or `None` if too many requests wait already.
    pub(crate) fn permit(&self, key: &KeyName) -> Option<WaitPermit<'_>> {
        let bucket = usize::try_from(self.secret.hash_one(key) % BUCKETS as u64).ok()?;
        let permit = WaitPermit { total: &self.total, of_key: self.by_key.get(bucket)? };
        let of_key = permit.of_key.fetch_add(1, Ordering::Relaxed);
        let total = permit.total.fetch_add(1, Ordering::Relaxed);
        (of_key < MAX_WAITING_PER_KEY && total < MAX_WAITING).then_some(permit)
    }
}

/// A permit to wait. It is returned when it is dropped, also by a client that went away.
pub(crate) struct WaitPermit<'a> {
    total: &'a AtomicUsize,
    of_key: &'a AtomicUsize,
}

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        self.total.fetch_sub(1, Ordering::Relaxed);
        self.of_key.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::algorithm::Algorithm;
    use crate::token::key_name::KeyId;

    fn key(id: usize) -> KeyName {
        KeyName { id: Box::new(KeyId::Kid(id.to_string().into())), algorithm: Algorithm::RS256 }
    }

    #[test]
    fn one_key_leaves_room_for_another() {
        // FR-A5
        let waiting = Waiting::new();
        let mut of_one: Vec<_> = (0..MAX_WAITING_PER_KEY).map(|_| waiting.permit(&key(0)).unwrap()).collect();
        assert!(waiting.permit(&key(0)).is_none());
        // One that does not share the count.
        assert!((1..10).any(|id| waiting.permit(&key(id)).is_some()));
        of_one.pop();
        assert!(waiting.permit(&key(0)).is_some());
    }

    #[test]
    fn thousand_invented_keys_leave_room_for_another() {
        // FR-A5
        let waiting = Waiting::new();
        let mut permits: Vec<_> = (1..=1_024).map(|id| waiting.permit(&key(id)).unwrap()).collect();
        permits.extend((0..100).map(|_| waiting.permit(&key(0)).unwrap()));
        let before = permits.len();
        permits.extend((2_000..).map_while(|id| waiting.permit(&key(id))));
        assert!(permits.len() > before && permits.len() == MAX_WAITING);
        drop(permits);
        assert!(waiting.total.load(Ordering::Relaxed) == 0);
        assert!(waiting.by_key.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
