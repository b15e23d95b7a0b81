//! Allowed origins and hosts, and the lifetime of a server.

mod cross_origin;
mod host;
mod lifetime;
