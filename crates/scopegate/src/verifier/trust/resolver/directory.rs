//! The live issuers of a resolver, found by name without a lock.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustc_hash::FxBuildHasher;

use crate::issuer::trusted::TrustedIssuer;

/// Number of shards. A change copies one of them: 40 references for 10,000 issuers.
const SHARDS: usize = 256;

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

    pub(super) fn all(&self) -> Vec<Arc<TrustedIssuer>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.load().values().map(Arc::clone).collect::<Vec<_>>())
            .collect()
    }

    /// Adds an issuer, or replaces the issuer with this name. The caller holds the lock of the
    /// resolver.
    pub(super) fn insert(&self, issuer: &Arc<TrustedIssuer>) {
        if let Some(current) = self.shard(&issuer.identifier) {
            let mut shard = Shard::clone(&current.load());
            shard.insert(Arc::clone(&issuer.identifier), Arc::clone(issuer));
            current.store(Arc::new(shard));
        }
    }

    /// Removes issuers that no other one has replaced. Each shard is copied once at most, because
    /// thousands of issuers may end at the same time. The caller holds the lock of the resolver.
    pub(super) fn remove<'i>(&self, issuers: impl Iterator<Item = &'i Arc<TrustedIssuer>>) {
        let mut by_shard: HashMap<usize, Vec<&Arc<TrustedIssuer>>> = HashMap::new();
        for issuer in issuers {
            by_shard.entry(index_of(&issuer.identifier)).or_default().push(issuer);
        }
        for (index, issuers) in by_shard {
            let Some(current) = self.shards.get(index) else { continue };
            let mut shard = Shard::clone(&current.load());
            for issuer in issuers {
                if shard.get(&issuer.identifier).is_some_and(|current| Arc::ptr_eq(current, issuer)) {
                    shard.remove(&issuer.identifier);
                }
            }
            current.store(Arc::new(shard));
        }
    }

    fn shard(&self, name: &str) -> Option<&ArcSwap<Shard>> {
        self.shards.get(index_of(name))
    }
}

fn index_of(name: &str) -> usize {
    // Bits that the maps themselves use less.
    let hash = FxBuildHasher.hash_one(name) >> 32;
    usize::try_from(hash).map_or(0, |hash| hash % SHARDS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::issuer::Issuer;
    use crate::keys::standing::Standing;
    use crate::verifier::trust::factory::MemberFactory;

    const JWKS: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn issuer(name: &str) -> Arc<TrustedIssuer> {
        let issuer =
            Issuer::from_jwks(name, JWKS).unwrap().audience("api").algorithms([crate::Algorithm::EdDSA]);
        let factory = MemberFactory::new(Duration::ZERO, None);
        Arc::clone(&factory.member(issuer, Standing::configured()).unwrap().0.issuer)
    }

    #[test]
    fn removal_leaves_successors_and_other_issuers() {
        let (directory, names) = (Directory::new(), |n: usize| format!("https://tenants.example/{n}"));
        // Several of each shard.
        let issuers: Vec<_> = (0..4 * SHARDS).map(|n| issuer(&names(n))).collect();
        for issuer in &issuers {
            directory.insert(issuer);
        }
        assert_eq!(directory.all().len(), issuers.len());
        let successor = issuer(&names(7));
        directory.insert(&successor);
        directory.remove(issuers.iter().skip(2));
        for (n, issuer) in issuers.iter().enumerate() {
            let found = directory.get(&names(n));
            match n {
                0 | 1 => assert!(Arc::ptr_eq(&found.unwrap(), issuer)),
                7 => assert!(Arc::ptr_eq(&found.unwrap(), &successor)),
                _ => assert!(found.is_none(), "{n}"),
            }
        }
    }
}
