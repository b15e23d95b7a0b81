//! Revocations and used proofs that a fleet shares, with real servers.
//!
//! Each test starts servers of its own on loopback ports. Without `redis-server`, the tests print a
//! note and pass. With the environment variable `SCOPEGATE_REQUIRE_REDIS`, they fail.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is the test's failure"
)]

mod failover;
mod fleet;
mod gate;
mod loss;
mod malformed;
mod memory;
mod outage;
mod reader;
mod replay;
mod scripted;
mod secrets;
mod server;
mod snapshot;
#[cfg(feature = "tls")]
mod tls;
mod writer;
