//! Tests that need sockets, in one program.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

mod http;
