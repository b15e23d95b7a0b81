//! One program for all tests that need sockets.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

mod http;
