//! The configuration file: which settings does the service have?
//!
//! The file is TOML. Every mistake is reported with its line and column. A file with a mistake has no
//! effect.

mod algorithms;
pub(crate) mod certificates;
mod contents;
pub(crate) mod dpop;
pub(crate) mod file;
pub(crate) mod files;
pub(crate) mod forward;
mod hosts;
pub(crate) mod openapi;
pub(crate) mod issuer;
pub(crate) mod problem;
pub(crate) mod public_url;
mod reader;
mod route;
pub(crate) mod secrets;
pub(crate) mod settings;
mod trial;
mod user;

#[cfg(test)]
mod tests;
