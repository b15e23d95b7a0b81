//! The primitive operations of a cache lookup, as the lower bound of its time.

use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use criterion::{Criterion, criterion_group, criterion_main};
use scopegate_bench_kit::signer;
use scopegate_issuer::Algorithm;

/// The number of bytes at the end of a token. They belong to the signature, which attackers cannot
/// choose.
const END: usize = 32;

fn look_up(criterion: &mut Criterion) {
    let token = signer(Algorithm::RS256).token();
    let kept = Arc::new(token.clone());
    let hash = RandomState::new();
    let mut group = criterion.benchmark_group("look up a token of 900 bytes");
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let hash = hash.hash_one(black_box(&token.as_bytes()[token.len() - END..]));
            (hash, *black_box(kept.as_str()) == *black_box(token.as_str()), Arc::clone(&kept))
        });
    });
    group.bench_function("hash of its end", |bencher| {
        bencher.iter(|| hash.hash_one(black_box(&token.as_bytes()[token.len() - END..])));
    });
    group.bench_function("hash of all of it", |bencher| {
        bencher.iter(|| hash.hash_one(black_box(token.as_bytes())));
    });
    group.bench_function("comparison with another one", |bencher| {
        bencher.iter(|| *black_box(kept.as_str()) == *black_box(token.as_str()));
    });
    group.bench_function("keeping an Arc", |bencher| bencher.iter(|| Arc::clone(black_box(&kept))));
    group.bench_function("the time of day", |bencher| bencher.iter(SystemTime::now));
    group.finish();
}

fn read_shared(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read what is shared");
    let value = Arc::new(1_u64);
    group.bench_function("floor", |bencher| bencher.iter(|| **black_box(&value)));
    let swap = ArcSwap::from_pointee(1_u64);
    group.bench_function("ArcSwap::load", |bencher| bencher.iter(|| **swap.load()));
    let swap = ArcSwapOption::from_pointee(1_u64);
    group.bench_function("ArcSwapOption::load", |bencher| bencher.iter(|| swap.load().as_deref().copied()));
    let lock = RwLock::new(1_u64);
    group.bench_function("RwLock::read", |bencher| bencher.iter(|| *lock.read().expect("not poisoned")));
    group.finish();
}

criterion_group!(benches, look_up, read_shared);
criterion_main!(benches);
