//! How do keys get there, how do they change, and how often are they asked for? Over real sockets, against
//! the local issuer. One file for each question, from the start to the end of the background task.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

mod fixture;

mod start;
mod rotation;
mod strangers;
mod waiting;
mod answers;
mod outage;
mod freshness;
mod unchanged;
mod stale_limit;
mod runtime;
