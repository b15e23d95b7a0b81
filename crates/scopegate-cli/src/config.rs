//! The configuration file: which settings does the service have?
//!
//! The file is TOML. Every mistake is reported with its line and column. A file with a mistake has no
//! effect.

mod algorithms;
pub(crate) mod beside;
pub(crate) mod certificates;
mod credentials;
pub(crate) mod dpop;
pub(crate) mod file;
mod text;
pub(crate) mod form;
pub(crate) mod forward;
mod addresses;
mod hosts;
mod introspection;
pub(crate) mod issuer;
mod number;
pub(crate) mod openapi;
pub(crate) mod problem;
pub(crate) mod public_url;
mod reader;
mod redis;
pub(crate) mod revocations;
mod route;
pub(crate) mod settings;
mod strip_credentials;
mod tenants;
mod trial;
mod user;

#[cfg(test)]
mod tests;
