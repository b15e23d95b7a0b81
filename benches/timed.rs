//! Times a case that otherwise is counted.

use std::time::{Duration, Instant};

use criterion::Criterion;
use scopegate_bench_kit::Case;

/// A case makes what it needs for so many calls at a time, requests for instance.
const AT_ONCE: usize = 256;
/// What is done once for all, such as filling the cache, is done in these.
const FIRST: usize = 5;

pub fn timed(criterion: &mut Criterion, case: &Case) {
    criterion.bench_function(&case.name, |bencher| {
        bencher.iter_custom(|times| {
            let mut left = usize::try_from(times).unwrap_or(usize::MAX);
            let mut spent = Duration::ZERO;
            while left > 0 {
                let now = left.min(AT_ONCE);
                let mut call = (case.prepare)(FIRST + now);
                (0..FIRST).for_each(|_| call());
                let start = Instant::now();
                (0..now).for_each(|_| call());
                spent += start.elapsed();
                left -= now;
            }
            spent
        });
    });
}
