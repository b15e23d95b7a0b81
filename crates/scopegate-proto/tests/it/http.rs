//! The HTTP client against real sockets.

mod server;

mod bounds;
mod requests;
mod tls;
