//! Tests of the program `scopegate` from outside: its output, exit codes, requests and responses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic here is the failure of the test"
)]

mod program;
mod service;
mod client;
mod serve;
mod grpc;
mod introspection;
mod revocations;
mod reload;
mod tenants;
mod sender;
mod client_certificate;
mod fleet;
mod undo;
mod strip_credentials;
mod redis;
mod check;
mod explain;
mod request;
mod openapi;
mod schema;
mod guide;
mod mistakes;
mod doctor;
mod conform;
mod token;
mod issuer;
