//! Which token does a caller get now?

mod builder;
mod cost;
mod renewal;
