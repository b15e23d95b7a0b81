//! Which tokens does each check accept, and which does it reject? Every test has an accepted and a
//! rejected token that differ in that check only. docs/generated/conformance.md has the row ids
//! (A15, …).
//!
//! The files have the order of the list at `Verifier::verify`. The last ones are about the claims
//! of an accepted token, about the texts of errors, and about secrecy.

mod form;
mod json;
mod critical_extensions;
mod algorithm;
mod issuer;
mod issuer_name;
mod kind;
mod key;
mod lifetime;
mod signature;
mod audience;
mod client;
mod audience_and_client;
mod confirmation;
mod scopes;
mod scope_sources;
mod optional_claims;

mod claims;
mod found;
mod secrecy;
