//! Fetching of an issuer's key set: the endpoint, its requests and their credentials.

pub(crate) mod authorization;
pub(crate) mod cache_control;
pub(crate) mod document;
pub(crate) mod endpoint;
pub(crate) mod transport;
