//! What does each check accept, and what does it refuse? Every test has at least one accepted and one refused
//! token that differ in that check only. Row ids (A15, …) are those of docs/conformance.md.
//!
//! One file for each check, in the order of the list at `Verifier::verify`; then what an accepted token says, and what
//! nobody gets to see.

mod form;
mod json;
mod critical_extensions;
mod algorithm;
mod issuer;
mod kind;
mod key;
mod lifetime;
mod signature;
mod audience;
mod client;
mod audience_and_client;
mod confirmation;
mod scopes;

mod claims;
mod secrecy;
