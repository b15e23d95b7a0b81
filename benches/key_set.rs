//! Reads of the current key set while another thread replaces it every 10 ms. In a verifier, the
//! background task does so every few minutes. Compared are the verifier's method, a lock, and a
//! plain reference.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "threads.rs"]
mod threads;

use threads::on_threads;

/// A snapshot like the verifier's: it holds the key set, and the set has its keys by id.
struct Snapshot {
    keys: Arc<HashMap<Box<str>, Arc<u64>>>,
    fetched: u64,
}

impl Snapshot {
    fn new(fetched: u64) -> Self {
        let keys = (0..10).map(|key| (format!("{key:044}").into(), Arc::new(key))).collect();
        Self { keys: Arc::new(keys), fetched }
    }

    fn find(&self, id: &str) -> Option<u64> {
        self.keys.get(id).map(|key| **key + self.fetched)
    }
}

fn reads(criterion: &mut Criterion) {
    let id = format!("{:044}", 7);
    let swap: ArcSwapOption<Snapshot> = ArcSwapOption::from_pointee(Snapshot::new(0));
    let lock = RwLock::new(Some(Arc::new(Snapshot::new(0))));
    let alone = Snapshot::new(0);
    let by_swap = || swap.load().as_ref().and_then(|snapshot| snapshot.find(black_box(&id)));
    let by_lock =
        || lock.read().expect("not poisoned").as_ref().and_then(|snapshot| snapshot.find(black_box(&id)));
    let by_lock_and_arc = || {
        let snapshot = lock.read().expect("not poisoned").clone();
        snapshot.and_then(|snapshot| snapshot.find(black_box(&id)))
    };
    for (readers, name) in [(1, "1 thread"), (2, "2 threads")] {
        let mut group = criterion.benchmark_group(format!("find a key, {name} and a writer"));
        let mut bench =
            |name: &str, read: &(dyn Fn() -> Option<u64> + Sync), write: &(dyn Fn(u64) + Sync)| {
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|times| {
                        while_written(write, || on_threads(readers, times, |_, _| assert!(read().is_some())))
                    });
                });
            };
        bench("floor", &|| black_box(&alone).find(black_box(&id)), &|_| {});
        bench("ArcSwapOption", &by_swap, &|now| swap.store(Some(Arc::new(Snapshot::new(now)))));
        let write = |now| *lock.write().expect("not poisoned") = Some(Arc::new(Snapshot::new(now)));
        bench("RwLock", &by_lock, &write);
        bench("RwLock, and an Arc kept", &by_lock_and_arc, &write);
        group.finish();
    }
}

/// Replaces the key set every 10 ms until the work is done.
fn while_written(write: &(dyn Fn(u64) + Sync), work: impl FnOnce() -> Duration) -> Duration {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut now = 0;
            while !done.load(Ordering::Relaxed) {
                now += 1;
                write(now);
                thread::park_timeout(Duration::from_millis(10));
            }
        });
        let spent = work();
        done.store(true, Ordering::Relaxed);
        writer.thread().unpark();
        spent
    })
}

criterion_group!(benches, reads);
criterion_main!(benches);
