//! Times of the cases that `counts` counts: signatures, valid tokens, rejections, the layer and
//! growth.

use criterion::{Criterion, criterion_group, criterion_main};
use scopegate_bench_kit::Case;

#[path = "timed.rs"]
mod timed;

use timed::timed;

fn cases(criterion: &mut Criterion) {
    // Each call needs a new token, and signing it with RSA takes thirty times as long as verifying it.
    let new =
        |case: &Case| case.name.starts_with("verify for the first time") && !case.name.ends_with("EdDSA");
    scopegate_bench_kit::cases().iter().filter(|case| !new(case)).for_each(|case| timed(criterion, case));
}

criterion_group!(benches, cases);
criterion_main!(benches);
