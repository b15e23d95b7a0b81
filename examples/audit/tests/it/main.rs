//! The audit file of an API, with real files, pipes and full disks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is the test's failure"
)]
#![cfg(unix)]

mod full;
mod in_flight;
mod lines;
mod rotation;
mod service;
mod slow;
