//! Tokens for outgoing requests.

#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
