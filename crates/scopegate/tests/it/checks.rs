//! What does each check accept, and what does it reject? Every test has an accepted and a rejected token that differ in
//! that check only. Row ids (A15, …) are those of docs/conformance.md.
//!
//! The files have the order of the list at `Verifier::verify`. The last two are about the claims of an accepted token,
//! and about secrecy.

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
