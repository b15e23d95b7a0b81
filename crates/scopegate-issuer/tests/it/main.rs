//! Tests of the public API, with one module for each folder of the crate.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic here is the failure of the test"
)]

mod client_auth;
mod config;
mod endpoints;
mod fault;
mod http;
mod keys;
mod mint;
mod rehearsal;
mod secrecy;
mod server;

mod independent;
