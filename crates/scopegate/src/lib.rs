//! Verifies OAuth 2.0 access tokens (JWT) for resource servers.
//!
//! stub page

mod address;
mod algorithm;
mod builder;
mod claims;
mod clock;
mod config_error;
mod error;
mod excerpt;
mod fetch;
mod header;
mod issuer;
mod json_object;
mod jwk;
mod key_set;
mod key_source;
mod numeric_date;
mod recipients;
mod refresh;
mod refresh_task;
mod requirement;
mod scope;
mod scope_claims;
mod signature;
mod token;
mod token_kind;
mod validity;
mod verifier;

pub use algorithm::Algorithm;
pub use builder::VerifierBuilder;
pub use claims::{Claims, Principal};
pub use clock::{Clock, SystemClock};
pub use config_error::ConfigError;
pub use error::{Error, Part};
pub use excerpt::Excerpt;
pub use issuer::{Issuer, IssuerWithoutAudience};
pub use json_object::NotAnObject;
pub use numeric_date::NumericDate;
pub use requirement::{Requirement, all_of, any_of};
pub use scope::{Scope, Scopes};
pub use verifier::Verifier;
