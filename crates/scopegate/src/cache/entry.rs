//! The entry of a cached token, and its weight in the cache's budget.

use std::array;
use std::time::Duration;

use crate::checks::lifetime::ValidTimes;
use crate::claims::Claims;
use crate::claims::sharded_arc::{SHARD_SIZE, shard_index};

/// Number of threads that can hit the same token without contention on a reference count. Each
/// costs an allocation when a token is inserted.
const SHARDS: usize = 4;

/// The reason why a token was accepted, which may end before the token does.
pub(crate) trait Basis {
    /// Returns an upper bound of the bytes that it points to and does not share.
    fn weight(&self) -> usize;
}

/// A verified token.
pub(crate) struct Entry<B> {
    /// The same claims with a reference count for each shard. A thread's number selects its shard.
    claims: [Claims; SHARDS],
    /// For a JWT, its key.
    pub(crate) basis: B,
    /// By the issuer's leeway.
    pub(crate) valid: ValidTimes,
}

impl<B: Basis> Entry<B> {
    pub(crate) fn new(claims: &Claims, basis: B, leeway: Duration) -> Self {
        let valid = claims.lifetime().valid_times(leeway);
        Self { claims: array::from_fn(|_| claims.new_shard()), basis, valid }
    }

    /// Returns the claims for this thread.
    pub(crate) fn claims(&self) -> &Claims {
        self.claims_for(shard_index())
    }

    pub(crate) fn claims_for(&self, thread: usize) -> &Claims {
        let [first, ..] = &self.claims;
        self.claims.get(thread % SHARDS).unwrap_or(first)
    }

    /// Returns an upper bound of the bytes of the entry and of the data it points to.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.claims().weight() + self.basis.weight() + SHARDS * SHARD_SIZE
    }
}
