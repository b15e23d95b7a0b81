//! The HTTP client against real sockets.

mod server;

mod bounds;
mod plain;
mod requests;
mod tls;
