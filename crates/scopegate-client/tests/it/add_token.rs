//! How does an outgoing request get its token?

#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
