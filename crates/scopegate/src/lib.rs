//! Verifies OAuth 2.0 access tokens (JWT) for resource servers.
//!
//! Reach for it when an HTTP API is called with bearer tokens from an authorization server: Amazon Cognito,
//! or any other that signs its access tokens and publishes its keys. With axum or another tower server use
//! `scopegate-axum`, which puts this crate behind layers and answers on the wire; this crate knows no web
//! framework.
//!
//! ```
//! use scopegate::{Error, Issuer, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let local = scopegate_issuer::LocalIssuer::start().await?;
//! # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
//! # let (good, forged) = (local.mint().sign(), local.mint().tampered().sign());
//! # let _ = stringify! {
//! let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789");
//! # };
//! let verifier = Verifier::builder().trust(issuer).start().await?;
//!
//! let claims = verifier.verify(&good)?;
//! claims.require("https://my-api-server.org/api.read")?;
//! assert!(matches!(verifier.verify(&forged), Err(Error::BadSignature { .. })));
//! # Ok(()) }
//! ```
//!
//! # What is checked
//!
//! [`Verifier::verify`] lists the checks in their order, with the RFC sections. In short: the form, the header, the
//! issuer, the key, the signature, and then the claims. Nothing that is forgotten leaves a door open: there
//! is no issuer without a rule for whom its tokens must be ([`IssuerWithoutAudience`]), `exp` is required, a
//! scope is compared character by character, and [`Claims`] exist only for a token that passed.
//!
//! # Keys
//!
//! [`VerifierBuilder::start`] fetches each issuer's key set and keeps fetching it in the background: regularly, and when a
//! token names a key that is not known, which is bounded. A fetched set replaces the keys if it has a usable one. A set
//! without any ends them once a second fetch confirms it. Verifying reads the current set without a lock. It never waits
//! for the network, unless asked to ([`Verifier::verify_or_refresh`]).
//!
//! Keys and metadata are fetched over TLS, or from a loopback address. [`Issuer::allow_keys_without_tls`] waives that inside a
//! compose network, and says what is lost. [`Issuer::keys_authorization`] sends credentials for a key set that is protected,
//! and [`VerifierBuilder::root_certificates`] adds a private certificate authority.
//!
//! Keys are used for 24 hours after they were last fetched, then every token is [`Error::KeysUnavailable`]:
//! an outage of the issuer is nobody's bad token. All of these times can be changed at the
//! [`VerifierBuilder`].
//!
//! # Tokens that come again
//!
//! A machine sends the same token until it expires, so verified tokens are kept, 4,096 of them unless
//! [`VerifierBuilder::cache_capacity`] says otherwise. One that comes again is compared with the kept one, byte for byte,
//! and asked again only what may have changed: whether it is in date, and whether its header still leads to the key that
//! verified it. It is accepted and refused as if it were verified in full.
//!
//! # Cryptography
//!
//! aws-lc-rs, called from one file, with keys that are prepared when a set is fetched. There is nothing to
//! install or to choose for a process. Algorithms are those of [`Algorithm`]; there is no HMAC.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `fetch` | issuers whose keys are fetched, with an HTTP client and a TLS stack. On by default |
//! | `http` | the decision about an HTTP request as data: [`http`](mod@crate::http). Off by default |
//! | `metrics` | counters, through the facade of the crate `metrics`; see below. Off by default |
//! | `test-util` | [`Claims::for_test`](Claims), for unit tests. It does not compile without `debug_assertions`. Off by default |
//! | `serde` | `Serialize` for [`Status`], [`IssuerStatus`], [`Principal`], [`NumericDate`], [`Algorithm`], [`Scope`] and [`Scopes`]; `Deserialize` for the last three. Off by default |
//!
//! # Watching it
//!
//! [`Verifier::status`] tells for each issuer which keys are there, how old they are, what came of the fetches and when
//! the next one is due; [`Verifier::ready`] waits for keys. Events go to `tracing`: keys that have changed at `INFO`,
//! unchanged ones at `DEBUG`, a failed fetch at `WARN`.
//!
//! | metric | labels | counts |
//! | --- | --- | --- |
//! | `scopegate_verifications_total` | `outcome`: `accepted`, or the code of an [`ErrorKind`] | tokens judged; what is `expired` may be forged, because times are judged before the signature |
//! | `scopegate_requests_total` | `decision`: `accepted`, `rejected`, `undecidable`; `reason`: a code of [`Decision`](crate::http::Authorizer::record) | requests decided, once for each verifier whose layers they pass; with the feature `http` |
//! | `scopegate_cache_lookups_total` | `outcome`: `hit`, `miss` | looks for what a caller presented, whatever it is, among the tokens that are kept |
//! | `scopegate_cache_evictions_total` | | kept tokens that were pushed out by others. Many of them mean that [`cache_capacity`](VerifierBuilder::cache_capacity) should be larger |
//! | `scopegate_key_fetches_total` | `issuer`; `outcome`: `ok`, `failed` | fetches of key sets |
//! | `scopegate_keys_fetched_timestamp_seconds` | `issuer` | a gauge: when the keys in use were asked for, in seconds since 1970; the time minus it is their age |
//! | `scopegate_unknown_keys_total` | `issuer` | tokens refused because they name a key that the issuer does not publish |
//!
//! # What it does not do
//!
//! It opens no encrypted tokens (JWE), asks no introspection endpoint about opaque ones, and enforces no
//! binding to a key (DPoP, mutual TLS): tokens that are bound are refused as bearer tokens. It does not know
//! of a token that was revoked before its `exp`, except by its key.
#![forbid(unsafe_code)]

pub mod middleware;

mod verifier;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "test-util")]
mod test_util;
mod issuer;
mod status;
mod cache;
#[cfg(feature = "http")]
mod decision;
mod claims;
mod checks;
mod keys;
mod scope;
mod token;
#[cfg(feature = "serde")]
mod serialize;
mod resource_identifier;
mod sharded_arc;
mod metrics;
mod error;
mod denied;

/// The code of this crate's README compiles.
#[cfg(all(doctest, feature = "fetch"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The code of docs/providers.md compiles.
#[cfg(all(doctest, feature = "fetch"))]
#[doc = include_str!("../../../docs/providers.md")]
struct Providers;

#[cfg(test)]
mod published_vectors;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use checks::scopes::source::{ClaimPath, ScopeSource};
pub use claims::identity::Identity;
pub use claims::{Claims, Principal};
#[cfg(feature = "http")]
pub use decision::unverified::Unverified;
#[cfg(feature = "http")]
pub use decision::{Decision, Verdict};
pub use denied::Denied;
pub use error::config::ConfigError;
pub use error::{Error, ErrorKind};
pub use issuer::{Issuer, IssuerWithoutAudience};
#[cfg(feature = "fetch")]
pub use keys::fetch::authorization::FetchAuthorization;
pub use keys::refresh::outcome::RefreshOutcome;
pub use resource_identifier::ResourceIdentifier;
pub use scope::requirement::{Requirement, all_of, any_of};
pub use status::{IssuerStatus, RefreshTaskState, SkippedKey, Status};
pub use token::algorithm::Algorithm;
pub use token::numeric_date::NumericDate;
pub use verifier::Verifier;
pub use verifier::builder::VerifierBuilder;
#[cfg(feature = "fetch")]
pub use verifier::start_policy::StartPolicy;

pub use scopegate_proto::clock::{Clock, SystemClock};
pub use scopegate_proto::excerpt::Excerpt;
pub use scopegate_proto::json::JsonError;
pub use scopegate_proto::jws::Part;
pub use scopegate_proto::scope::{InvalidScope, Scope, Scopes};
