//! Rejected tokens, which are remembered for some seconds.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::outcome::Rejection;

/// The time for which a rejected token is remembered. A token may become active later, because a
/// replica of the authorization server has not seen it yet.
const REMEMBERED: Duration = Duration::from_secs(5);

/// Maximum number of tokens. The default budget of unseen tokens fills it in about seven seconds.
const MAX_TOKENS: usize = 1_024;

/// The tokens that were rejected last. They never take the place of an accepted token.
#[derive(Default)]
pub(super) struct RejectedTokens {
    by_digest: HashMap<TokenDigest, Rejection>,
    /// The oldest first.
    order: VecDeque<(Instant, TokenDigest)>,
}

impl RejectedTokens {
    pub(super) fn find(&mut self, digest: &TokenDigest, now: Instant) -> Option<Rejection> {
        self.forget_old(now);
        self.by_digest.get(digest).cloned()
    }

    pub(super) fn insert(&mut self, digest: TokenDigest, rejection: Rejection, now: Instant) {
        self.forget_old(now);
        if self.by_digest.insert(digest, rejection).is_some() {
            return;
        }
        self.order.push_back((now, digest));
        if self.order.len() > MAX_TOKENS {
            self.forget_first();
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= REMEMBERED) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, digest)) = self.order.pop_front() {
            self.by_digest.remove(&digest);
        }
    }
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
        rejected.insert(token(1), Rejection::Inactive, now);
        assert_eq!((rejected.order.len(), rejected.by_digest.len()), (MAX_TOKENS, MAX_TOKENS));
        assert!(rejected.find(&token(1), now + REMEMBERED).is_none());
        assert_eq!((rejected.order.len(), rejected.by_digest.len()), (0, 0));
    }
}
