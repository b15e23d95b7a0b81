//! The inner of the two processes. It calls each case, and prints its allocations. callgrind
//! collects the instructions of the calls in [`collected`].

use std::hint::black_box;

use scopegate_bench_kit::{Call, Case};

use crate::allocator::allocations_of;

/// The number of calls before the measurement, for work that is done only once.
const FIRST: usize = 5;
/// The number of measured calls. Their mean is used, because for example every eighth call may grow
/// a buffer.
pub(crate) const TIMES: usize = 20;

/// The number of times that callgrind collects. The smallest count is used, because the allocator
/// may tidy up during any of them, for some thousand instructions.
pub(crate) const COLLECTIONS: usize = 3;

/// The function in which callgrind collects.
pub(crate) const COLLECTED: &str = "scopegate_bench_counts::measure::collected*";
/// The function after which callgrind writes the collected counts.
pub(crate) const WRITTEN: &str = "scopegate_bench_counts::measure::collect_and_write*";

pub(crate) struct Allocations {
    pub(crate) count: f64,
    pub(crate) bytes: f64,
}

#[allow(clippy::cast_precision_loss, reason = "they are small numbers")]
pub(crate) fn allocations(case: &Case) -> Allocations {
    let mut call = case.prepare(FIRST + (1 + COLLECTIONS) * TIMES);
    for _ in 0..FIRST {
        call();
    }
    let (count, bytes) = allocations_of(|| {
        for _ in 0..TIMES {
            call();
        }
    });
    for _ in 0..COLLECTIONS {
        collect_and_write(&mut call);
    }
    let times = TIMES as f64;
    Allocations { count: count as f64 / times, bytes: bytes as f64 / times }
}

/// Calls `collected`. There are two functions, because callgrind does only one thing at the end of
/// a function.
#[inline(never)]
fn collect_and_write(call: &mut Call) {
    collected(call);
    black_box(call);
}

#[inline(never)]
fn collected(call: &mut Call) {
    for _ in 0..TIMES {
        call();
    }
    // Prevents a tail call, which would become a jump and be missing in the profile.
    black_box(call);
}
