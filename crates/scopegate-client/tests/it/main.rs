//! The tests of the client over real sockets, against a server that records its requests, and
//! against the local issuer. The folders have the names of the folders in `src/`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod bounds;
mod recorder;

mod add_token;
mod credentials;
mod endpoint;
mod dpop;
mod client_auth;
mod secrecy;
