//! All of our own cases. `benches/limits` and the tables use their names.

#[cfg(feature = "bound")]
mod bound;
mod dpop;
mod growth;
mod layer;
mod refusal;
mod verify;

use crate::Case;

pub fn all() -> Vec<Case> {
    let all = [verify::cases(), refusal::cases(), layer::cases(), dpop::cases(), growth::cases()];
    #[cfg(feature = "bound")]
    let all = all.into_iter().chain([bound::cases()]);
    all.into_iter().flatten().collect()
}
