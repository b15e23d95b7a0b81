//! System tests: a real issuer, a real server and an ordinary HTTP client on loopback sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]
#![allow(clippy::print_stdout, reason = "a rehearsal shows what it has measured")]

mod api;

mod both_halves;
mod dpop_both_halves;
mod dpop_defects;
mod flood;
mod introspection;
mod invented_keys;
mod other_implementations;
mod readme;
mod rehearsal;
mod rehearse_your_own;
mod story;
mod test_it;
