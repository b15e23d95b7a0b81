//! Limits on the number of requests that wait for the keys of one issuer.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::token::key_name::KeyName;

/// Maximum number of requests per issuer that wait for a key. Each holds a connection and some
/// kilobytes, and attackers can invent key ids.
const MAX_WAITING: usize = 4_096;

/// Maximum number of waiting requests with the same key, so that callers who repeat one id leave
/// room for other keys. It does not apply while the issuer has no usable keys: then most callers
/// name its one key.
const MAX_WAITING_PER_KEY: usize = 1_024;

/// Number of counters. A hash with a random key selects a key's counter, so an attacker cannot
/// choose ids that share the counter of another key.
const BUCKETS: usize = 64;

/// Counters of the waiting requests.
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

    /// Returns a permit to wait for a key, or `None` if too many requests wait already.
    pub(crate) fn permit(&self, key: &KeyName) -> Option<WaitPermit<'_>> {
        self.permit_for_keys(key).filter(WaitPermit::is_within_key_limit)
    }

    /// The same while there are no keys, or overdue ones: only the limit of the issuer holds.
    pub(crate) fn permit_for_keys(&self, key: &KeyName) -> Option<WaitPermit<'_>> {
        let bucket = usize::try_from(self.secret.hash_one(key) % BUCKETS as u64).ok()?;
        let permit = WaitPermit { total: &self.total, of_key: self.by_key.get(bucket)? };
        permit.of_key.fetch_add(1, Ordering::Relaxed);
        let total = permit.total.fetch_add(1, Ordering::Relaxed);
        (total < MAX_WAITING).then_some(permit)
    }
}

/// A permit to wait. Dropping it returns the permit, even if the client has disconnected.
pub(crate) struct WaitPermit<'a> {
    total: &'a AtomicUsize,
    of_key: &'a AtomicUsize,
}

impl WaitPermit<'_> {
    /// Returns whether no more requests wait for its key than may. Ask again when the keys have
    /// arrived without that key.
    pub(crate) fn is_within_key_limit(&self) -> bool {
        self.of_key.load(Ordering::Relaxed) <= MAX_WAITING_PER_KEY
    }
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
        // At least one of nine other keys has another counter.
        assert!((1..10).any(|id| waiting.permit(&key(id)).is_some()));
        of_one.pop();
        assert!(waiting.permit(&key(0)).is_some());
    }

    #[test]
    fn key_limit_does_not_hold_without_keys() {
        // FR-A7
        let waiting = Waiting::new();
        let mut permits: Vec<_> =
            (0..MAX_WAITING).map(|_| waiting.permit_for_keys(&key(0)).unwrap()).collect();
        assert!(waiting.permit_for_keys(&key(0)).is_none() && waiting.permit_for_keys(&key(1)).is_none());
        // The keys have arrived without that key.
        permits.retain(WaitPermit::is_within_key_limit);
        assert_eq!(permits.len(), MAX_WAITING_PER_KEY);
        assert!(waiting.permit(&key(0)).is_none());
        permits.pop();
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
