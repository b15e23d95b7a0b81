//! The behavior that users observe, one module for each topic. It is one program, because every
//! other program would be linked separately. Row ids (D08, …) refer to docs/generated/conformance.md.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod layers;
mod issuers;
mod tenants;
mod resource;
mod claims;
mod authorize;
mod rejection;
#[cfg(feature = "tonic")]
mod tonic;
mod decision;
mod introspection;
#[cfg(feature = "dpop")]
mod dpop;
#[cfg(not(feature = "dpop"))]
mod without_dpop;
#[cfg(feature = "mtls")]
mod certificates;
#[cfg(all(feature = "dpop", feature = "mtls"))]
mod fapi2;
mod rules;
mod ml_dsa;
mod step_up;
mod security_events;
#[cfg(feature = "jsonwebtoken")]
mod migration;
#[cfg(feature = "test-util")]
mod test_util;
mod fixture;
