//! What the fuzz targets assert. Each takes any bytes and panics when an invariant does not hold; what it compares
//! with is a second, simpler reading of the same bytes, made of other people's parsers.
//!
//! Inputs are text wherever they can be, one part to a line, so that a corpus can be read and written by hand.
#![forbid(unsafe_code)]

pub mod token;
pub mod jwks;
pub mod authorization;
pub mod challenge;
pub mod metadata;
pub mod token_request;
pub mod token_response;

mod trust;
mod signer;
mod text;
mod members;
mod at_once;
mod verdicts;
