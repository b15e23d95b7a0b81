//! The live issuers of a resolver, found by name without a lock.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustc_hash::FxBuildHasher;

use crate::issuer::trusted::TrustedIssuer;

/// Number of shards. A change copies one of them: 160 references for 10,000 issuers.
const SHARDS: usize = 64;

/// Only names that the resolver has returned are here, so that a keyed hash would protect nothing.
type Shard = HashMap<Arc<str>, Arc<TrustedIssuer>, FxBuildHasher>;

pub(super) struct Directory {
    shards: Box<[ArcSwap<Shard>]>,
}

impl Directory {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| ArcSwap::default()).collect() }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<TrustedIssuer>> {
        self.shard(name)?.load().get(name).map(Arc::clone)
    }

    /// Adds an issuer, or replaces the issuer with this name. The caller holds the lock of the
    /// resolver.
    pub(super) fn insert(&self, issuer: &Arc<TrustedIssuer>) {
        self.change(&issuer.identifier, |shard| {
            shard.insert(Arc::clone(&issuer.identifier), Arc::clone(issuer));
        });
    }

    /// Removes an issuer. The caller holds the lock of the resolver.
    pub(super) fn remove(&self, name: &str) {
        self.change(name, |shard| drop(shard.remove(name)));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Shard)) {
        if let Some(current) = self.shard(name) {
            let mut shard = Shard::clone(&current.load());
            change(&mut shard);
            current.store(Arc::new(shard));
        }
    }

    fn shard(&self, name: &str) -> Option<&ArcSwap<Shard>> {
        // Bits that the maps themselves use less.
        let hash = FxBuildHasher.hash_one(name) >> 32;
        self.shards.get(usize::try_from(hash).ok()? % SHARDS)
    }
}
