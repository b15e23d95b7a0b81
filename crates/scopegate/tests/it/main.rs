//! Tests of the verifier's observable behavior: one folder for each module, one file for each
//! question.
//!
//! Three tests are separate programs: `limits` counts allocations and is profiled, `metrics`
//! installs a recorder for its process, and `no_lock` runs under `strace`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod checks;
#[cfg(feature = "http")]
mod certificates;
#[cfg(feature = "http")]
mod dpop;
#[cfg(feature = "http")]
mod fapi2;
mod keys;
mod revocation;
mod security_events;
mod scopes;
mod status_list;
mod introspection;
mod trust;
mod presets;
mod configuration;
mod attacks;
mod bounds;
mod explain;
#[cfg(feature = "jsonwebtoken")]
mod migration;
