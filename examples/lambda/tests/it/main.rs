//! Tests of the functions. They start the programs, and serve the HTTP interface of Lambda's
//! runtime on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the test's failure")]
#![allow(clippy::indexing_slicing, reason = "a panic is the test's failure")]

mod api;
mod authorizer;
mod events;
mod function;
mod runtime_api;
mod startup;

// Lambda runs Linux, where /proc shows that a process is stopped.
#[cfg(target_os = "linux")]
mod clocked;
#[cfg(target_os = "linux")]
mod freezing;
#[cfg(target_os = "linux")]
mod relay;
