//! The token cache with many tokens, on one thread and on two. Tokens are signed with EdDSA,
//! because a hundred thousand of them can be signed in seconds.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use scopegate::Verifier;
use scopegate_bench_kit::{builder, signer};
use scopegate_issuer::Algorithm;

#[path = "threads.rs"]
mod threads;

use threads::on_threads;

const MANY: usize = 100_000;
/// The maximum capacity of a cache.
const MOST: usize = 1 << 20;

/// All lookups are hits. Each thread begins with another token.
fn hits(criterion: &mut Criterion) {
    let all = LazyCell::new(|| tokens(MANY));
    for number in [1, 1_000, MANY] {
        let mut group = criterion.benchmark_group(format!("from the cache, {number} tokens"));
        // The capacity is large enough that almost no token is evicted because of collisions. With a factor of 4, one in
        // fifty would be evicted, and a single miss takes as long as hundreds of hits.
        let full = LazyCell::new(|| {
            let verifier = verifier((16 * number).clamp(1_024, MOST));
            let tokens = &all[..number];
            (0..2).for_each(|_| tokens.iter().for_each(|token| verify(&verifier, token)));
            verifier
        });
        for (threads, name) in [(1, "1 thread"), (2, "2 threads")] {
            group.bench_function(name, |bencher| {
                let (verifier, tokens) = (&*full, &all[..number]);
                bencher.iter_custom(|times| {
                    on_threads(threads, times, |thread, time| {
                        let start = thread * number / threads;
                        verify(verifier, &tokens[(start + time as usize) % number]);
                    })
                });
            });
        }
        group.finish();
    }
}

/// All lookups are misses. Each token is verified and cached, and in a full cache, it evicts
/// another one.
fn misses(criterion: &mut Criterion) {
    let all = LazyCell::new(|| tokens(MANY));
    for (threads, name) in [(1, "1 thread"), (2, "2 threads")] {
        let mut group = criterion.benchmark_group(format!("tokens that are new, {name}"));
        group.sampling_mode(SamplingMode::Flat);
        for (name, entries) in [("floor", 0), ("room for 1,000", 1_000), ("room for all", 4 * MANY)] {
            group.bench_function(name, |bencher| {
                let mut next = 0;
                let mut verifier = verifier(entries);
                bencher.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    let mut left = times as usize;
                    while left > 0 {
                        if next + threads > MANY {
                            // All tokens are used, so the cache must be emptied.
                            next = 0;
                            verifier = self::verifier(entries);
                        }
                        let now = left.min((MANY - next) / threads);
                        let tokens = &all[next..next + now * threads];
                        spent += on_threads(threads, now as u64, |thread, time| {
                            verify(&verifier, &tokens[thread * now + time as usize]);
                        });
                        (next, left) = (next + now * threads, left - now);
                    }
                    spent
                });
            });
        }
        group.finish();
    }
}

/// The overhead of lookups in a full cache for tokens with invalid signatures.
fn forged(criterion: &mut Criterion) {
    let forged = signer(Algorithm::EdDSA).mint().bad_signature().sign_with(&signer(Algorithm::EdDSA).key);
    let mut group = criterion.benchmark_group("a forged token");
    for (name, entries) in [("floor", 0), ("1,000 others are kept", 4_000)] {
        group.bench_function(name, |bencher| {
            let verifier = verifier(entries);
            tokens(1_000).iter().for_each(|token| verify(&verifier, token));
            bencher.iter_custom(|times| {
                let start = Instant::now();
                (0..times).for_each(|_| assert!(verifier.verify(black_box(&forged)).is_err()));
                start.elapsed()
            });
        });
    }
    group.finish();
}

fn tokens(number: usize) -> Vec<String> {
    (0..number).map(|_| signer(Algorithm::EdDSA).token()).collect()
}

fn verifier(entries: usize) -> Verifier {
    builder([signer(Algorithm::EdDSA).issuer()]).cache_capacity(entries).build().expect("a verifier")
}

fn verify(verifier: &Verifier, token: &str) {
    assert!(verifier.verify(black_box(token)).is_ok());
}

criterion_group!(benches, hits, misses, forged);
criterion_main!(benches);
