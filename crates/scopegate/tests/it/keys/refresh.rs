//! How do keys get there, how do they change, and how often are they asked for? Over real sockets, against
//! the local issuer. One file for each question, from the start to the end of the background task.

mod fixture;

mod start;
mod rotation;
mod unknown_keys;
mod waiting;
mod race;
mod responses;
mod outage;
mod freshness;
mod unchanged;
mod stale_limit;
mod runtime;
