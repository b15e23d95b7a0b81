//! stub page

mod accept_token;
mod bearer;
mod challenge;
mod claims;
mod guard;
mod refusal;
mod require_scope;
mod require_token;
mod rule;

pub use accept_token::AcceptToken;
pub use bearer::MalformedCredentials;
pub use claims::{Claims, ClaimsRejection, Standard};
pub use guard::{Guard, GuardFuture};
pub use refusal::Refusal;
pub use require_scope::RequireScope;
pub use require_token::RequireToken;
pub use scopegate::{
    Algorithm, ConfigError, Error, Issuer, Principal, Requirement, Scope, Scopes, Verifier, all_of, any_of,
};
