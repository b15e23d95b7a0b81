//! The configuration file: which settings does the service have?
//!
//! The file is TOML. Every mistake is reported with its line and column. A file with a mistake has no
//! effect.

pub(crate) mod file;
mod text;
pub(crate) mod forward;
mod addresses;
mod hosts;
pub(crate) mod openapi;
pub(crate) mod issuer;
pub(crate) mod problem;
pub(crate) mod public_url;
mod reader;
mod route;
pub(crate) mod settings;
mod trial;

#[cfg(test)]
mod tests;
