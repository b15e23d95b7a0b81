//! When are keys fetched, and how do they change? The tests run against the local issuer, over real
//! sockets. Their files follow the background task from its start to its end.

mod fixture;

mod start;
mod start_policy;
mod rotation;
mod withdrawal;
mod unknown_keys;
mod waiting;
mod race;
mod responses;
mod outage;
mod freshness;
mod unchanged;
mod stale_limit;
mod suspension;
mod on_request;
mod supervision;
mod runtime;
