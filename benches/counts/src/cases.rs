//! All cases. Names are what `benches/limits` and the tables speak of.

mod growth;
mod layer;
mod refusal;
mod verify;

use scopegate_bench_counts::Case;

pub(crate) fn all() -> Vec<Case> {
    [verify::cases(), refusal::cases(), layer::cases(), growth::cases()].into_iter().flatten().collect()
}
