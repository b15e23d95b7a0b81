//! The assertions of the fuzz targets. Each target takes any bytes, and panics if an invariant does
//! not hold. It compares the result with a second, simpler reading of the bytes by other parsers.
//!
//! Inputs are text if possible, with one part on each line, so that a corpus can be read and
//! written by hand.
#![forbid(unsafe_code)]

pub mod token;
pub mod jwks;
pub mod authorization;
pub mod certificate;
pub mod challenge;
pub mod dpop_proof;
pub mod dpop_nonce;
pub mod metadata;
pub mod token_request;
pub mod token_response;
pub mod revocation_line;
pub mod security_event;
pub mod introspection_response;
pub mod program_config;
pub mod openapi_document;

mod bound_token;
mod trust;
mod signer;
mod text;
mod members;
mod schema;
mod at_once;
mod verdicts;
