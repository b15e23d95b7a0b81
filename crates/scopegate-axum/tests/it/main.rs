//! What users observe, room by room. One program for all, because each further one is linked anew.
//! Row ids (D08, …) are those of docs/conformance.md.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod layers;
mod resource;
mod claims;
mod authorize;
mod rejection;
#[cfg(feature = "tonic")]
mod tonic;
mod decision;
mod rules;
#[cfg(feature = "test-util")]
mod test_util;
mod fixture;
