//! What authors of middleware need beside [`Verifier::verify`]. Applications do not.
//!
//! `scopegate-axum` is built on these functions alone. A layer for another framework needs four steps:
//!
//! 1. When a route is set up, [`compile`] its requirement for the verifier.
//! 2. At each request, call [`try_verify`]. It returns at once for nearly every token, so no future has to be
//!    boxed. If the result is [`Verification::Pending`], await [`PendingVerification::wait`].
//! 3. Call [`Claims::require`](crate::Claims::require) with the compiled requirement.
//! 4. If layers nest, verify the token in each of them. An inner layer finds it in the cache, and sees that it has
//!    expired since, or that its key is gone. [`same_verifier`] tells whether an outer layer records the request.
//!
//! ```
//! use scopegate::middleware::{self, Verification};
//! use scopegate::{Claims, Error, Issuer, Requirement, Verifier};
//!
//! async fn authorize(verifier: &Verifier, required: &Requirement, token: &str) -> Result<Claims, Error> {
//!     let claims = match middleware::try_verify(verifier, token) {
//!         Verification::Done(result) => result?,
//!         Verification::Pending(pending) => pending.wait().await?,
//!     };
//!     claims.require(required)?;
//!     Ok(claims)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let local = scopegate_issuer::LocalIssuer::start().await?;
//! # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
//! # let verifier = Verifier::builder().trust(issuer).start().await?;
//! let required = middleware::compile(&verifier, "orders/read");
//! let (reader, writer) = (local.mint().scope("orders/read").sign(), local.mint().scope("orders/write").sign());
//! assert!(authorize(&verifier, &required, &reader).await.is_ok());
//! assert!(authorize(&verifier, &required, &writer).await.is_err());
//! # Ok(()) }
//! ```

use crate::error::config::ConfigError;
use crate::scope::requirement::Requirement;
use crate::verifier::Verifier;

pub use crate::verifier::pending::{PendingVerification, Verification};

/// Verifies a token without waiting, as [`Verifier::verify`] does, except that a token whose key may be about
/// to arrive is [`Verification::Pending`].
pub fn try_verify(verifier: &Verifier, token: impl AsRef<[u8]>) -> Verification {
    verifier.try_verify(token.as_ref())
}

/// Compiles a requirement for tokens of this verifier.
///
/// [`Claims::require`](crate::Claims::require) then takes as long for a token of 200 scopes and a requirement of ten as for one of
/// each, and [`Requirement::challenge_scopes`] leaves out the scopes that another one
/// [implies](crate::VerifierBuilder::implied_scopes).
///
/// Compile when the program starts, before the first token: scopes of a token that was verified earlier are
/// compared as strings. The verifier interns up to 256 different scopes for as long as it lives; requirements
/// with further ones work as if they were not compiled.
#[must_use = "it returns the compiled requirement"]
pub fn compile(verifier: &Verifier, requirement: impl Into<Requirement>) -> Requirement {
    verifier.compile(requirement.into())
}

/// Returns whether one verifier is a clone of the other.
pub fn same_verifier(one: &Verifier, other: &Verifier) -> bool {
    one.is_same(other)
}

/// Returns the identifiers of the trusted issuers that are URLs, in the order of the configuration: for the member
/// `authorization_servers` of RFC 9728 §2. A name that is only compared, such as `acme.com`, is not among them, because
/// clients could not find an issuer by it (RFC 8414 §2).
pub fn authorization_servers(verifier: &Verifier) -> impl Iterator<Item = &str> {
    verifier.authorization_servers()
}

/// Returns those trusted issuers that have these names, in the order of the names: for a document that
/// tells clients of some issuers only. Names are compared character by character.
///
/// # Errors
/// - [`ConfigError::UntrustedIssuer`] for a name that no trusted issuer has;
/// - [`ConfigError::InvalidUrl`] for a name that is not a URL, see [`authorization_servers`];
/// - [`ConfigError::RepeatedIssuer`] for a name that occurs twice;
/// - [`ConfigError::EmptyIssuerList`] if there are no names.
pub fn select_issuers<S: AsRef<str>>(
    verifier: &Verifier,
    names: impl IntoIterator<Item = S>,
) -> Result<Vec<&str>, ConfigError> {
    verifier.select_issuers(names)
}
