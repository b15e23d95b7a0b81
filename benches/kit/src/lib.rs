//! Shared parts of the benchmarks: signers and verifiers, baselines, and the cases, which one
//! program counts and another one times.
//!
//! Functions panic on errors, because a benchmark cannot run without its setup.
#![forbid(unsafe_code)]

mod case;
mod cases;

mod cast;
mod signature;
mod routes;
mod grouped;
mod log;

pub use case::{Call, Case};
pub use cases::all as cases;
pub use cast::{ALGORITHMS, CLIENT, ISSUER, READ, Signer, WRITE, builder, padded, plain, signer};
pub use grouped::grouped;
pub use routes::{NoOp, answer, handler, request};
pub use signature::{RebuiltKey, Signature};
