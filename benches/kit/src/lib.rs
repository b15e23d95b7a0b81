//! What the benchmarks have in common. It measures nothing itself.
//!
//! Panics are this package's errors: a benchmark that is not set up has nothing to measure.
#![forbid(unsafe_code)]

mod cast;
mod signature;

mod routes;

pub use cast::{ALGORITHMS, CLIENT, ISSUER, READ, Signer, WRITE, builder, padded, plain, signer, with_cache};
pub use routes::{NoOp, answer, handler, request};
pub use signature::{RebuiltKey, Signature};
