//! The security event tokens whose keys are not published, and since when, in bounded memory.
//!
//! A transmitter may sign with a key before each of its caches publishes it. A rejected SET is lost,
//! so it is held for a refresh period: the transmitter sends it again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::revocation::digest::{Digest, DigestKey};
use crate::revocation::kind::Kind;

/// Names of held SETs, as keyed hashes.
///
/// The oldest one is forgotten for a new one. Then its SET is held for longer. So an attacker who
/// invents SETs cannot cause the rejection of another one.
pub(super) struct HeldSets {
    key: DigestKey,
    order: VecDeque<Digest>,
    since: BTreeMap<Digest, Instant>,
    capacity: usize,
}

impl HeldSets {
    pub(super) fn new(capacity: usize) -> Self {
        Self { key: DigestKey::default(), order: VecDeque::new(), since: BTreeMap::new(), capacity }
    }

    /// Returns whether a SET that has arrived now may still wait for its key.
    pub(super) fn hold(&mut self, transmitter: &str, name: &str, arrived: Instant, period: Duration) -> bool {
        let digest = self.key.digest(Kind::Token, transmitter, name);
        if let Some(since) = self.since.get(&digest) {
            return since.elapsed() < period;
        }
        self.since.insert(digest, arrived);
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.since.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn set_is_held_for_one_period() {
        let mut sets = HeldSets::new(10);
        assert!(sets.hold("t", "a", Instant::now(), PERIOD));
        tokio::time::advance(Duration::from_secs(599)).await;
        assert!(sets.hold("t", "a", Instant::now(), PERIOD));
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..2 {
            assert!(!sets.hold("t", "a", Instant::now(), PERIOD));
        }
        // Others have a period of their own.
        assert!(sets.hold("t", "b", Instant::now(), PERIOD) && sets.hold("u", "a", Instant::now(), PERIOD));
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_held_sets_is_bounded() {
        let mut sets = HeldSets::new(3);
        for id in ["a", "b", "b", "c", "d"] {
            assert!(sets.hold("t", id, Instant::now(), PERIOD));
        }
        assert_eq!((sets.order.len(), sets.since.len()), (3, 3));
        tokio::time::advance(PERIOD).await;
        // The forgotten one is held again, and no other one is rejected earlier.
        assert!(!sets.hold("t", "d", Instant::now(), PERIOD));
        assert!(sets.hold("t", "a", Instant::now(), PERIOD));
    }
}
