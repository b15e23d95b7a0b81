//! Tests of the cache with more tokens than slots, and with several threads. Entries are created
//! without signatures, so a million of them takes seconds only.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use scopegate_proto::json::JsonObject;

use super::*;
use crate::cache::Insert;
use crate::cache::entry::Entry;
use crate::cache::key_ref::KeyRef;
use crate::checks::course::StopAtFirst;
use crate::checks::lifetime::Lifetime;
use crate::status::cache::CacheUsage;
use crate::token::key_name::KeyId;

const ROOM: usize = 4 * 1024;

struct Maker {
    verifier: Verifier,
    payload: String,
}

impl Maker {
    fn new() -> Self {
        let verifier = trusting(&[SigningKey::generate(KeyAlgorithm::ES256).jwk()]);
        let payload = mint().claims();
        Self { verifier, payload: serde_json::to_string(&payload).unwrap() }
    }

    fn token(number: usize) -> String {
        format!("{}.{number:024}", "h".repeat(300))
    }

    fn entry(&self, token: &str) -> Entry<KeyRef> {
        let inner = &self.verifier.0;
        let issuers = inner.trust.issuers();
        let issuer = issuers.iter().next().unwrap();
        let payload = JsonObject::from_text(&self.payload).unwrap();
        let named = issuer.policy.audience.check(&payload).unwrap();
        let lifetime = Lifetime::read(&payload).unwrap();
        let claims = self
            .verifier
            .read_claims(token.as_bytes(), &payload, issuer, &named, lifetime, None, None, &mut StopAtFirst)
            .unwrap();
        let key_ref = issuer.keys.read_last(None, |keys| {
            let key = keys.find(&KeyId::Absent, Algorithm::ES256).ok().unwrap();
            KeyRef::new(key, &KeyId::Absent, keys, &issuer.keys)
        });
        Entry::new(&claims, key_ref.unwrap(), issuer.leeway)
    }

    /// Returns the bytes that an entry with such a token counts for.
    fn size(&self) -> usize {
        let cache = Cache::new(4, 4 * ROOM);
        cache.insert(self.entry(&Self::token(0)));
        cache.usage().bytes
    }
}

fn found(cache: &Cache<KeyRef>, token: &str) -> bool {
    cache.find(token.as_bytes(), |_| true).is_some()
}

#[test]
fn full_set_evicts_unused_entries() {
    let maker = Maker::new();
    let cache = Cache::new(4, 4 * ROOM);
    let tokens: Vec<String> = (0..8).map(Maker::token).collect();
    for token in &tokens[..4] {
        assert_eq!(cache.insert(maker.entry(token)), Insert::Stored { evicted: 0 });
    }
    assert!(found(&cache, &tokens[0]) && found(&cache, &tokens[2]));
    // A second insertion, as by a concurrent thread, takes the same slot.
    assert_eq!(cache.insert(maker.entry(&tokens[0])), Insert::Stored { evicted: 0 });
    assert_eq!(cache.usage().entries, 4);
    assert!(found(&cache, &tokens[0]));
    for token in &tokens[4..6] {
        assert_eq!(cache.insert(maker.entry(token)), Insert::Stored { evicted: 1 });
    }
    let kept: Vec<bool> = tokens[..6].iter().map(|token| found(&cache, token)).collect();
    assert_eq!(kept, [true, false, true, false, true, true]);
}

#[test]
fn bytes_of_set_are_bounded() {
    let maker = Maker::new();
    let size = maker.size();
    // Room for two and a half.
    let cache = Cache::new(4, 5 * size / 2);
    let tokens: Vec<String> = (0..3).map(Maker::token).collect();
    assert_eq!(cache.insert(maker.entry(&tokens[0])), Insert::Stored { evicted: 0 });
    assert_eq!(cache.insert(maker.entry(&tokens[1])), Insert::Stored { evicted: 0 });
    assert_eq!(cache.insert(maker.entry(&tokens[2])), Insert::Stored { evicted: 1 });
    assert_eq!(cache.usage(), CacheUsage { entries: 2, bytes: 2 * size });
    assert!(!found(&cache, &tokens[0]) && found(&cache, &tokens[1]) && found(&cache, &tokens[2]));
    let large = format!("{}{}", "x".repeat(2 * size), tokens[0]);
    assert_eq!(cache.insert(maker.entry(&large)), Insert::Skipped);
    assert_eq!(cache.usage().entries, 2);
}

#[test]
fn four_threads_have_separate_reference_counts() {
    let entry = Maker::new().entry(&Maker::token(1));
    for (one, other) in [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 3), (0, 3)] {
        assert!(!entry.claims_for(one).share_count_with(entry.claims_for(other)), "{one} and {other}");
    }
    assert!(entry.claims_for(5).share_count_with(entry.claims_for(1)));
    assert!(entry.claims().matches_token(Maker::token(1).as_bytes()));
}

#[test]
fn flood_of_tokens_leaves_used_tokens_cached() {
    let maker = Maker::new();
    let (entries, size) = (4_096, maker.size());
    let cache = Cache::new(entries, entries * ROOM);
    let in_use: Vec<String> = (0..100).map(|at| Maker::token(10_000_000 + at)).collect();
    let (mut hits, mut evicted) = (0_u64, 0);
    for number in 0..1_000_000 {
        match cache.insert(maker.entry(&Maker::token(number))) {
            Insert::Stored { evicted: some } => evicted += some,
            Insert::Skipped => panic!("no other thread writes"),
        }
        if number % 10 == 0 {
            let token = &in_use[number / 10 % in_use.len()];
            if found(&cache, token) {
                hits += 1;
            } else {
                cache.insert(maker.entry(token));
            }
        }
    }
    let usage = cache.usage();
    assert_eq!(usage.entries, entries);
    assert_eq!(usage.bytes, entries * size);
    assert!(evicted >= 1_000_000 - entries, "{evicted}");
    assert!(hits >= 98_000, "of 100,000 look-ups of tokens in use, {hits} were hits");
}

#[test]
fn concurrent_readers_and_writers_find_right_entry() {
    let maker = Maker::new();
    let cache = Cache::new(8, 8 * ROOM);
    let tokens: Vec<String> = (0..32).map(Maker::token).collect();
    let (hits, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread: usize| {
                let (maker, cache, tokens, hits) = (&maker, &cache, &tokens, &hits);
                scope.spawn(move || {
                    for step in 0..20_000 {
                        let token = &tokens[(step * (2 * thread + 1) + thread) % tokens.len()];
                        match cache.find(token.as_bytes(), |_| true) {
                            Some(claims) => {
                                assert_eq!(claims.token(), token.as_bytes());
                                hits.fetch_add(1, Ordering::Relaxed);
                            }
                            None => drop(cache.insert(maker.entry(token))),
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let usage = cache.usage();
                assert!(usage.entries <= 8 && usage.bytes <= 8 * ROOM, "{usage:?}");
            }
        });
        let ended: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    assert!(hits.load(Ordering::Relaxed) > 1_000);
    let usage = cache.usage();
    assert_eq!(usage.bytes, usage.entries * maker.size());
}
