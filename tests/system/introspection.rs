//! Effects of a failing introspection endpoint, and of invented tokens, on callers.
//!
//! `cargo test -p system-tests introspection -- --nocapture` prints the measured tables.
//! `scripts/limits introspection` prints them for a release build.

mod api;
mod flood;
mod rehearsal;
