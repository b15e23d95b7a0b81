//! Tokens that were accepted before. They need no budget, also when their results are evicted.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scopegate_proto::token_digest::TokenDigest;

/// Maximum number of tokens of a generation, in 8 bytes each. There are two generations, so the
/// last 131,072 accepted tokens are known at least.
const GENERATION: usize = 131_072;

/// The tokens that were accepted last. An introspector that replaces another one continues it.
#[derive(Default)]
pub(crate) struct AcceptedTokens(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

impl AcceptedTokens {
    pub(crate) fn contains(&self, digest: &TokenDigest) -> bool {
        let (id, generations) = (id(digest), self.generations());
        generations.young.contains(&id) || generations.old.contains(&id)
    }

    pub(crate) fn insert(&self, digest: &TokenDigest) {
        let mut generations = self.generations();
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(id(digest));
    }

    /// Removes a token that is rejected now.
    pub(crate) fn remove(&self, digest: &TokenDigest) {
        let (id, mut generations) = (id(digest), self.generations());
        generations.young.remove(&id);
        generations.old.remove(&id);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // No code that runs under this lock leaves the sets half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a part of the digest. Its random prefix prevents an attacker from finding a token with
/// the same part. Two such tokens would share their budget only.
fn id(digest: &TokenDigest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |part| u64::from_le_bytes(*part))
}

#[cfg(test)]
mod tests {
    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    #[test]
    fn accepted_tokens_are_known_until_rejected() {
        // IN12
        let (digests, accepted) = (TokenDigests::default(), AcceptedTokens::default());
        accepted.insert(&digests.of(b"one"));
        assert!(accepted.contains(&digests.of(b"one")) && !accepted.contains(&digests.of(b"other")));
        accepted.remove(&digests.of(b"one"));
        assert!(!accepted.contains(&digests.of(b"one")));
    }

    #[test]
    fn last_accepted_tokens_are_known_in_bounded_memory() {
        // IN12
        let (digests, accepted) = (TokenDigests::default(), AcceptedTokens::default());
        let token = |n: usize| digests.of(&n.to_le_bytes());
        for n in 0..=2 * GENERATION {
            accepted.insert(&token(n));
        }
        assert!(!accepted.contains(&token(0)));
        assert!((GENERATION..=2 * GENERATION).all(|n| accepted.contains(&token(n))));
        let generations = accepted.generations();
        assert_eq!((generations.young.len(), generations.old.len()), (1, GENERATION));
    }
}
