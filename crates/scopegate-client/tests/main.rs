//! How does a client get its tokens, keep them and use them? Over real sockets, against a server that records what it is
//! sent, and against the local issuer. One file per question.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod recorder;

mod answers;
mod api_calls;
mod authentication;
mod configuration;
mod cost;
mod discovery;
mod over_time;
mod requests;
mod secrecy;
mod tls;
#[cfg(feature = "reqwest")]
mod with_reqwest;
