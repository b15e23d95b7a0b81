//! Rejected tokens, which are remembered for some seconds.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::responses::outcome::Rejection;

/// The time for which a rejected token is remembered. A token may become active later, because a
/// replica of the authorization server has not seen it yet.
const REMEMBERED: Duration = Duration::from_secs(5);

/// Maximum number of tokens. The default budget of unseen tokens fills it in about seven seconds.
const MAX_TOKENS: usize = 1_024;

/// Maximum number of old tokens that one operation forgets, in a list that grows by one at a time.
const FORGOTTEN_AT_ONCE: usize = 2;

/// The tokens that were rejected last. They never take the place of an accepted token.
#[derive(Default)]
pub(crate) struct RejectedTokens {
    by_digest: HashMap<TokenDigest, (Instant, Rejection)>,
    /// The oldest first. A token is here once for each time that it was rejected.
    order: VecDeque<(Instant, TokenDigest)>,
}

impl RejectedTokens {
    pub(crate) fn find(&mut self, digest: &TokenDigest, now: Instant) -> Option<Rejection> {
        self.forget_old(now);
        let (at, rejection) = self.by_digest.get(digest)?;
        is_remembered(*at, now).then(|| rejection.clone())
    }

    pub(crate) fn insert(&mut self, digest: TokenDigest, rejection: Rejection, now: Instant) {
        self.forget_old(now);
        self.by_digest.insert(digest, (now, rejection));
        self.order.push_back((now, digest));
        if self.order.len() > MAX_TOKENS {
            self.forget_first();
        }
    }

    /// Forgets some old tokens. All of them at once would delay each request that waits for the lock.
    fn forget_old(&mut self, now: Instant) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.order.front().is_some_and(|(at, _)| !is_remembered(*at, now)) {
                self.forget_first();
            }
        }
    }

    fn forget_first(&mut self) {
        // The token may have been rejected again since.
        if let Some((at, digest)) = self.order.pop_front()
            && self.by_digest.get(&digest).is_some_and(|(last, _)| *last == at)
        {
            self.by_digest.remove(&digest);
        }
    }
}

fn is_remembered(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < REMEMBERED
}

#[cfg(test)]
mod tests {
    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rejected_token_is_remembered_for_five_seconds() {
        // IN12
        let (digests, now) = (TokenDigests::default(), Instant::now());
        let mut rejected = RejectedTokens::default();
        rejected.insert(digests.of(b"one"), Rejection::Inactive, now);
        let almost = now + REMEMBERED - Duration::from_nanos(1);
        assert!(rejected.find(&digests.of(b"one"), almost).is_some());
        assert!(rejected.find(&digests.of(b"other"), almost).is_none());
        assert!(rejected.find(&digests.of(b"one"), now + REMEMBERED).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn oldest_rejected_token_is_forgotten_first() {
        // IN12
        let (digests, now) = (TokenDigests::default(), Instant::now());
        let token = |n: usize| digests.of(&n.to_le_bytes());
        let mut rejected = RejectedTokens::default();
        for n in 0..=MAX_TOKENS {
            rejected.insert(token(n), Rejection::Inactive, now);
        }
        assert!(rejected.find(&token(0), now).is_none() && rejected.find(&token(1), now).is_some());
        assert_eq!((rejected.order.len(), rejected.by_digest.len()), (MAX_TOKENS, MAX_TOKENS));
    }

    #[tokio::test(start_paused = true)]
    async fn old_rejected_tokens_are_forgotten_two_at_a_time() {
        // IN12
        let (digests, now) = (TokenDigests::default(), Instant::now());
        let token = |n: usize| digests.of(&n.to_le_bytes());
        let mut rejected = RejectedTokens::default();
        for n in 0..MAX_TOKENS {
            rejected.insert(token(n), Rejection::Inactive, now);
        }
        let later = now + REMEMBERED;
        assert!(rejected.find(&token(MAX_TOKENS - 1), later).is_none(), "it is there, and old");
        assert_eq!(rejected.by_digest.len(), MAX_TOKENS - 2);
        rejected.insert(token(MAX_TOKENS - 1), Rejection::Inactive, later);
        for _ in 0..MAX_TOKENS {
            assert!(rejected.find(&token(MAX_TOKENS - 1), later).is_some(), "it was rejected again");
        }
        assert_eq!((rejected.order.len(), rejected.by_digest.len()), (1, 1));
    }
}
