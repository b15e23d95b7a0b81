//! The program from outside: its exit codes, its output, and its responses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic here is the failure of the test"
)]

mod check;
mod client;
mod program;
mod reload;
mod serve;
