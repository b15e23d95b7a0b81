//! Times of the cases that `peer-counts` counts.

use criterion::{Criterion, criterion_group, criterion_main};
use scopegate_bench_peers::{all, cases};
use tokio::runtime::Builder;

#[path = "../timed.rs"]
mod timed;

fn peers(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cases = cases(all(), &runtime);
    let _entered = runtime.enter();
    cases.iter().for_each(|case| timed::timed(criterion, case));
}

criterion_group!(benches, peers);
criterion_main!(benches);
