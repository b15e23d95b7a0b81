//! The cases that `counts` counts, timed: signatures, good tokens, refusals, the layer, growth.

use criterion::{Criterion, criterion_group, criterion_main};
use scopegate_bench_kit::Case;

#[path = "timed.rs"]
mod timed;

use timed::timed;

fn cases(criterion: &mut Criterion) {
    // A new token for each call, signed with RSA, takes thirty times as long to make as to verify.
    let new =
        |case: &Case| case.name.starts_with("verify for the first time") && !case.name.ends_with("EdDSA");
    scopegate_bench_kit::cases().iter().filter(|case| !new(case)).for_each(|case| timed(criterion, case));
}

criterion_group!(benches, cases);
criterion_main!(benches);
