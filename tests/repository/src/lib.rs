//! Tests of the repository itself: its documents, manifests and source text. The tests are in
//! `tests/it/`.
//!
//! The library measures the source text and the prose. The programs `house` and `prose` print the
//! measurements, and tests enforce the rules.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is the test's failure, or the program's"
)]

pub mod checkout;
pub mod house;
pub mod prose;
