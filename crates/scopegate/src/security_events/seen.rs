//! The ids of the last security event tokens, in bounded memory.

use std::collections::{BTreeSet, VecDeque};

use crate::revocation::digest::{Digest, DigestKey};
use crate::revocation::kind::Kind;

/// The last ids, as keyed hashes. The oldest one is forgotten for a new one: a SET that comes again
/// later is processed again, which revokes the same tokens.
pub(super) struct SeenIds {
    key: DigestKey,
    order: VecDeque<Digest>,
    ids: BTreeSet<Digest>,
    capacity: usize,
}

impl SeenIds {
    pub(super) fn new(capacity: usize) -> Self {
        Self { key: DigestKey::default(), order: VecDeque::new(), ids: BTreeSet::new(), capacity }
    }

    pub(super) fn contains(&self, transmitter: &str, id: &str) -> bool {
        self.ids.contains(&self.key.digest(Kind::Token, transmitter, id))
    }

    pub(super) fn insert(&mut self, transmitter: &str, id: &str) {
        let digest = self.key.digest(Kind::Token, transmitter, id);
        if !self.ids.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_ids_are_remembered_and_older_forgotten() {
        // RV06
        let mut seen = SeenIds::new(3);
        for id in ["a", "b", "b", "c"] {
            seen.insert("t", id);
        }
        assert!(["a", "b", "c"].iter().all(|id| seen.contains("t", id)));
        assert!(!seen.contains("u", "a") && !seen.contains("t", "A"));
        seen.insert("t", "d");
        assert!(!seen.contains("t", "a"));
        assert!(["b", "c", "d"].iter().all(|id| seen.contains("t", id)));
        assert_eq!((seen.order.len(), seen.ids.len()), (3, 3));
    }
}
