//! Tokens for outgoing requests.

mod fixture;
mod rejected_token;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
mod step_up;
