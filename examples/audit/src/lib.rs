//! An append-only audit file: one JSON line for each decision about a request.
//!
//! Copy the module `audit` into your service. docs/guide/audit.md describes it.

pub mod api;
pub mod audit;
