//! Do the functions do on Lambda what they promise? The tests start the programs, and serve the runtime's
//! HTTP interface to them on loopback, as Lambda does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the test's failure")]
#![allow(clippy::indexing_slicing, reason = "a panic is the test's failure")]

mod api;
mod authorizer;
mod events;
mod function;
mod runtime_api;
mod startup;

// Lambda is Linux, and /proc shows that a process stands still.
#[cfg(target_os = "linux")]
mod clocked;
#[cfg(target_os = "linux")]
mod freezing;
#[cfg(target_os = "linux")]
mod relay;
