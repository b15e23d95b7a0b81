//! Times a case that is otherwise counted.

use std::time::{Duration, Instant};

use criterion::Criterion;
use scopegate_bench_kit::Case;

/// The number of calls at a time for operations that consume values.
const AT_ONCE: usize = 256;
/// The number of calls before the measurement, for work that is done only once, such as filling the
/// cache.
const FIRST: usize = 5;

pub fn timed(criterion: &mut Criterion, case: &Case) {
    criterion.bench_function(&case.name, |bencher| {
        let at_once = if case.is_endless() { usize::MAX } else { AT_ONCE };
        bencher.iter_custom(|times| {
            let mut left = usize::try_from(times).unwrap_or(usize::MAX);
            let mut spent = Duration::ZERO;
            while left > 0 {
                let now = left.min(at_once);
                let mut call = case.prepare(FIRST.saturating_add(now));
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
