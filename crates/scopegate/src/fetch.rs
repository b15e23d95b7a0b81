//! Fetching: how is a document of an issuer requested, with which credentials, and how many at once?

pub(crate) mod authorization;
pub(crate) mod cache_control;
pub(crate) mod document;
pub(crate) mod permits;
pub(crate) mod transport;
