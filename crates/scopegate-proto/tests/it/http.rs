//! Tests of the HTTP client with real sockets.

mod server;

mod bounds;
mod plain;
mod requests;
mod tls;
