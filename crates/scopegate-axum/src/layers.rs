//! What does a route require? One file for each layer.

pub(crate) mod optional_token;
pub(crate) mod require_scope;
pub(crate) mod require_token;
