//! All of our own cases. `benches/limits` and the tables use their names.

mod dpop;
mod growth;
mod layer;
mod refusal;
mod verify;

use crate::Case;

pub fn all() -> Vec<Case> {
    [verify::cases(), refusal::cases(), layer::cases(), dpop::cases(), growth::cases()]
        .into_iter()
        .flatten()
        .collect()
}
