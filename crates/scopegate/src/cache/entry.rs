//! One cached token, and what it counts against the cache's budget.

use std::array;

use crate::cache::key_ref::KeyRef;
use crate::claims::Claims;
use crate::sharded_arc::{SHARD_SIZE, shard_index};

/// So many threads that all find the same token do not slow each other down. Each costs an allocation when a
/// token is inserted.
const SHARDS: usize = 4;

/// A verified token.
pub(crate) struct Entry {
    /// The same claims, each for the threads whose number leads to it.
    claims: [Claims; SHARDS],
    pub(crate) key: KeyRef,
}

impl Entry {
    pub(crate) fn new(claims: &Claims, key: KeyRef) -> Self {
        Self { claims: array::from_fn(|_| claims.new_shard()), key }
    }

    /// Those for this thread.
    pub(crate) fn claims(&self) -> &Claims {
        self.claims_for(shard_index())
    }

    pub(crate) fn claims_for(&self, thread: usize) -> &Claims {
        let [first, ..] = &self.claims;
        self.claims.get(thread % SHARDS).unwrap_or(first)
    }

    /// The bytes of the entry and of all that it points to, at most.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.claims().weight() + self.key.weight() + SHARDS * SHARD_SIZE
    }
}

/// How many tokens are cached, and how many bytes they count for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}
