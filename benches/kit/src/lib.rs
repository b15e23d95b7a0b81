//! What the benchmarks have in common: who signs and who verifies, what it is compared with, and the cases that are
//! counted by one program and timed by another. It measures nothing itself.
//!
//! Panics are this package's errors: a benchmark that is not set up has nothing to measure.
#![forbid(unsafe_code)]

mod case;
mod cases;

mod cast;
mod signature;
mod routes;
mod grouped;

pub use case::{Call, Case};
pub use cases::all as cases;
pub use cast::{ALGORITHMS, CLIENT, ISSUER, READ, Signer, WRITE, builder, padded, plain, signer};
pub use grouped::grouped;
pub use routes::{NoOp, answer, handler, request};
pub use signature::{RebuiltKey, Signature};
