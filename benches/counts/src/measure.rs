//! The inner of the two processes: calls each case, and prints what it allocates. The instructions of the calls in
//! [`collected`] are what callgrind collects.

use std::hint::black_box;

use scopegate_bench_kit::{Call, Case};

use crate::allocator::allocations_of;

/// What is done once for all is done here.
const FIRST: usize = 5;
/// A mean of so many, for instance because every eighth call makes something larger.
pub(crate) const TIMES: usize = 20;

/// The function between whose beginning and end callgrind collects.
pub(crate) const COLLECTED: &str = "scopegate_bench_counts::measure::collected*";
/// The function at whose end callgrind writes what it has collected.
pub(crate) const WRITTEN: &str = "scopegate_bench_counts::measure::collect_and_write*";

pub(crate) struct Allocations {
    pub(crate) count: f64,
    pub(crate) bytes: f64,
}

#[allow(clippy::cast_precision_loss, reason = "they are small numbers")]
pub(crate) fn allocations(case: &Case) -> Allocations {
    let mut call = case.prepare(FIRST + 2 * TIMES);
    for _ in 0..FIRST {
        call();
    }
    let (count, bytes) = allocations_of(|| {
        for _ in 0..TIMES {
            call();
        }
    });
    collect_and_write(&mut call);
    let times = TIMES as f64;
    Allocations { count: count as f64 / times, bytes: bytes as f64 / times }
}

/// Two functions, because callgrind does one thing at the end of each.
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
    // Something to come back for: a call in the last place would become a jump, which a profile does not show.
    black_box(call);
}
