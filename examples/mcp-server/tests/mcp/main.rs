//! Tests of the program with real clients, issuers and sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was seen is shown, and what was not run is said"
)]

mod client;
mod rig;
mod rmcp_client;

mod documentation;
mod official_clients;
mod requests;
mod sessions;
