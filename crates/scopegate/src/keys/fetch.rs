//! Where does an issuer publish its keys, and how are they fetched?

pub(crate) mod authorization;
pub(crate) mod cache_control;
pub(crate) mod document;
pub(crate) mod endpoint;
pub(crate) mod transport;
