//! The tokens of a client.

mod builder;
mod cost;
mod renewal;
