//! Functions for authors of middleware. Applications don't need them.
//!
//! `scopegate-axum` is built on public items only, such as these. A layer for another framework
//! takes four steps:
//!
//! 1. When you set up a route, [`compile`] its requirement for the verifier.
//! 2. At each request, call [`try_verify`]. It returns at once for nearly every token, so you don't
//!    have to box a future. If the result is [`Verification::Pending`], await
//!    [`PendingVerification::wait`].
//! 3. Call [`Claims::require`](crate::Claims::require) with the compiled requirement.
//! 4. If layers nest, verify the token in each of them. An inner layer uses the cache, and rejects
//!    the token if it has expired since or if its key is withdrawn. [`same_verifier`] returns
//!    whether an outer layer records the request.
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

use crate::config_error::ConfigError;
#[cfg(feature = "http")]
use crate::resource_identifier::ResourceIdentifier;
use crate::scope::requirement::Requirement;
use crate::verifier::Verifier;

pub use crate::verifier::pending::{PendingVerification, Verification};

/// Verifies a token without waiting. Returns [`Verification::Pending`] if a fetch may bring the
/// token's key.
pub fn try_verify(verifier: &Verifier, token: impl AsRef<[u8]>) -> Verification {
    verifier.try_verify(token.as_ref())
}

/// Compiles a requirement for tokens of this verifier.
///
/// The time of [`Claims::require`](crate::Claims::require) is then independent of the number of
/// scopes: a token of 200 scopes and a requirement of ten take as long as one of each.
/// [`Requirement::challenge_scopes`] leaves out scopes that another scope of the requirement
/// [implies](crate::VerifierBuilder::implied_scopes).
///
/// Compile at startup, before the first token. For tokens that were verified earlier, scopes are
/// compared as strings. A verifier interns up to 256 different scopes during its life. A
/// requirement with further scopes works, but stays uncompiled.
#[must_use = "it returns the compiled requirement"]
pub fn compile(verifier: &Verifier, requirement: impl Into<Requirement>) -> Requirement {
    verifier.compile(requirement.into())
}

/// Returns the [DPoP settings](crate::VerifierBuilder::dpop) of a verifier, or `None` if it accepts no
/// proofs. Use it for the metadata of RFC 9728 §2.
#[cfg(feature = "http")]
pub fn dpop(verifier: &Verifier) -> Option<&crate::dpop::Dpop> {
    verifier.dpop().map(|policy| &policy.settings)
}

/// Returns the settings for [client certificates](crate::VerifierBuilder::client_certificates) of a
/// verifier, or `None` if it rejects tokens that are bound to one. Use it for the metadata of RFC 9728
/// §2.
#[cfg(feature = "http")]
pub fn client_certificates(verifier: &Verifier) -> Option<&crate::certificate::ClientCertificates> {
    verifier.certificates().map(|policy| &policy.settings)
}

/// Reads the [identifier](ResourceIdentifier) of an API whose tokens the verifier verifies.
///
/// # Errors
/// Returns [`ConfigError::InvalidUrl`] if it is not an `https` URL in normal form without query and
/// fragment. Returns [`ConfigError::OutOfRange`] if the verifier accepts
/// [DPoP proofs](crate::VerifierBuilder::dpop) for another origin: clients would sign URLs that it does
/// not accept.
#[cfg(feature = "http")]
pub fn resource_identifier(verifier: &Verifier, text: &str) -> Result<ResourceIdentifier, ConfigError> {
    let identifier: ResourceIdentifier = text.parse()?;
    if verifier.dpop().is_none_or(|policy| policy.rules.target.is_origin_of(identifier.as_str())) {
        return Ok(identifier);
    }
    let (setting, expected) = ("resource identifier", "a URL with the origin of DPoP proofs");
    Err(ConfigError::OutOfRange { setting, expected, found: text.to_owned() })
}

/// Returns whether one verifier is a clone of the other.
pub fn same_verifier(one: &Verifier, other: &Verifier) -> bool {
    one.is_same(other)
}

/// Returns the identifiers of the trusted issuers that are URLs, in the order of the configuration.
/// Use it for `authorization_servers` of RFC 9728 §2.
///
/// Other names such as `acme.com` are left out, because clients cannot discover an issuer by them
/// (RFC 8414 §2).
pub fn authorization_servers(verifier: &Verifier) -> Vec<String> {
    verifier.authorization_servers()
}

/// Returns the trusted issuers with these names, in the order of the names. Use it for a document
/// that lists only some of the issuers. Names are compared character by character.
///
/// # Errors
/// Returns
///
/// - [`ConfigError::UntrustedIssuer`] if no trusted issuer has a name,
/// - [`ConfigError::InvalidUrl`] if a name is not a URL, see [`authorization_servers`],
/// - [`ConfigError::RepeatedIssuer`] if a name occurs twice,
/// - [`ConfigError::EmptyIssuerList`] if there are no names.
pub fn select_issuers<S: AsRef<str>>(
    verifier: &Verifier,
    names: impl IntoIterator<Item = S>,
) -> Result<Vec<String>, ConfigError> {
    verifier.select_issuers(names)
}

/// Like [`select_issuers`], but also accepts names for which the verifier's
/// [resolver](crate::VerifierBuilder::trust_dynamic) may be called. The resolver is not called: only
/// its [filter](crate::Issuers::filter) and the rule of
/// [`cognito_pools`](crate::Issuers::cognito_pools) decide.
///
/// Take the names from your list of tenants, and never from a request.
///
/// # Errors
/// Returns the errors of [`select_issuers`]. It is [`ConfigError::UntrustedIssuer`] if the filter
/// panics.
pub fn select_resolvable_issuers<S: AsRef<str>>(
    verifier: &Verifier,
    names: impl IntoIterator<Item = S>,
) -> Result<Vec<String>, ConfigError> {
    verifier.select_resolvable_issuers(names)
}
