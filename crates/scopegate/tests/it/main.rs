//! What does the verifier do that its users can observe? One folder for each room of the crate, one file for each question.
//!
//! Programs of their own are `limits` (counts allocations, and is profiled), `metrics` (installs a recorder for its process) and
//! `no_lock` (is run under `strace`).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod checks;
mod keys;
mod scopes;
mod presets;
mod configuration;
mod attacks;
mod bounds;
