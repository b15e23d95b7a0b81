//! Verifies OAuth 2.0 access tokens (JWT) for resource servers.
//!
//! Use it if clients call your HTTP API with bearer tokens from an authorization server such as
//! Amazon Cognito. The server must sign its access tokens and publish its keys. With axum or
//! another tower server, use `scopegate-axum`, which has layers and responses. This crate is
//! independent of web frameworks.
//!
//! ```
//! use scopegate::{Error, Issuer, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let local = scopegate_issuer::LocalIssuer::start().await?;
//! # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
//! # let (valid, forged) = (local.mint().sign(), local.mint().tampered().sign());
//! # let _ = stringify! {
//! let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789");
//! # };
//! let verifier = Verifier::builder().trust(issuer).start().await?;
//!
//! let claims = verifier.verify(&valid)?;
//! claims.require("https://my-api-server.org/api.read")?;
//! assert!(matches!(verifier.verify(&forged), Err(Error::BadSignature { .. })));
//! # Ok(()) }
//! ```
//!
//! # Checks
//!
//! [`Verifier::verify`] lists the checks in their order, with the RFC sections: form, header,
//! issuer, key, lifetime, signature, and the other claims.
//!
//! Defaults fail closed:
//!
//! - An issuer cannot be added without an audience or client rule ([`IssuerWithoutAudience`]).
//! - `exp` is required.
//! - Scopes are compared character by character.
//! - [`Claims`] exist only for tokens that passed all checks.
//!
//! # Keys
//!
//! [`VerifierBuilder::start`] fetches each issuer's key set and refreshes it in the background. An
//! unknown key in a token also causes a fetch, with a cooldown. A fetched set replaces the keys if
//! it has a usable key. A set without usable keys ends the keys once a second fetch confirms it.
//!
//! [`Verifier::verify`] reads the current set without a lock and never waits for the network.
//! [`Verifier::verify_or_refresh`] may wait for a fetch.
//!
//! Keys and metadata are fetched over TLS, or from a loopback address.
//! [`Issuer::allow_keys_without_tls`] waives this inside a compose network, and documents the risk.
//! [`Issuer::keys_authorization`] sends credentials for a protected key set.
//! [`VerifierBuilder::root_certificates`] adds a private certificate authority.
//!
//! Keys expire 24 hours after the last successful fetch. From then on, verification fails with
//! [`Error::KeysUnavailable`] (503) rather than 401, because the token itself may be valid.
//! [`VerifierBuilder`] has settings for these times.
//!
//! # Token cache
//!
//! Clients send the same token until it expires, so verified tokens are cached. The default
//! capacity is 4,096, see [`VerifierBuilder::cache_capacity`]. A cached token is compared byte for
//! byte. A hit re-checks everything that can change: the token's lifetime, the key that its header
//! leads to, the trust in its issuer and tenant, its proof or certificate, revocations and status.
//! The result is the same as without a cache.
//!
//! # Revocation
//!
//! [`VerifierBuilder::revocations`] rejects tokens before their `exp`: single tokens, and the tokens
//! of a subject, a client, a session or a key. [`Revocations`] are fed by your code, by a followed
//! [`RevocationFile`], by the [`SecurityEvents`] of an issuer, or by a [`RevocationSource`] of your
//! own. They are looked up at each use of a token.
//!
//! # Status lists
//!
//! With [`Issuer::status_list`], the verifier looks up each token in the list that the token names
//! (draft-ietf-oauth-status-list). Lists are fetched in the background, and tokens whose status is
//! not `VALID` are rejected. See [`StatusList`].
//!
//! # Opaque tokens
//!
//! With [`Issuer::opaque`], the verifier asks an issuer's introspection endpoint about its
//! opaque tokens (RFC 7662). With [`Issuer::and_introspect`], it also asks about JWTs that the issuer
//! can revoke. Results are cached for 10 s, and calls are bounded. See [`Introspection`].
//!
//! # DPoP
//!
//! With the feature `http`, `VerifierBuilder::dpop` accepts or requires tokens that are bound to a key
//! of their client (RFC 9449). Each request has a proof, which is accepted once. Without it, such
//! tokens are rejected.
//!
//! # Client certificates
//!
//! With the feature `http`, `VerifierBuilder::client_certificates` accepts or requires tokens that are
//! bound to a certificate of their client (mutual TLS, RFC 8705 §3). The certificate comes from the TLS
//! connection, or from a header of a trusted proxy. Without it, such tokens are rejected.
//!
//! # Cryptography
//!
//! The crate uses aws-lc-rs, called from two files. Keys are prepared when a set is fetched. You
//! don't need to install or select a provider. [`Algorithm`] lists the algorithms, which are all
//! asymmetric.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `fetch` | issuers whose keys are fetched, with an HTTP client and a TLS stack. On by default |
//! | `http` | the decision about an HTTP request as data: [`http`](mod@crate::http). Off by default |
//! | `jsonwebtoken` | `Claims::token_data` and `Issuer::from_jwk_set`, for applications that migrate from that crate. Off by default |
//! | `metrics` | counters through the facade of the crate `metrics`; see below. Off by default |
//! | `serde` | `Serialize` for [`Status`], [`IssuerStatus`], [`Principal`], [`NumericDate`], [`Algorithm`], [`Scope`] and [`Scopes`]; `Deserialize` for the last three. Off by default |
//! | `test-util` | [`Claims::for_test`](Claims), for unit tests. It does not compile without `debug_assertions`. Off by default |
//!
//! # Observability
//!
//! [`Verifier::status`] returns each issuer's keys, their age, the results of the fetches, and the
//! time of the next fetch. [`Verifier::ready`] waits for keys. Events go to `tracing`: changed keys
//! at `INFO`, unchanged keys at `DEBUG`, failed fetches at `WARN`. [`Verifier::explain`] returns each
//! check of one token, for tools and support.
//!
//! | metric | labels | counts |
//! | --- | --- | --- |
//! | `scopegate_verifications_total` | `outcome`: `accepted`, or the code of an [`ErrorKind`] | verifications. An `expired` token may be forged, because lifetimes are checked before the signature |
//! | `scopegate_requests_total` | `decision`: `accepted`, `rejected`, `undecidable`; `reason`: a code of [`Decision`](crate::http::Authorizer::record) | decided requests, once for each verifier whose layers they pass. Needs the feature `http` |
//! | `scopegate_dpop_proofs_total` | `outcome`: `recorded`, `replayed`, `unavailable` | valid DPoP proofs, when their use is recorded. `unavailable`: the store is full or unreachable. Needs the feature `http` |
//! | `scopegate_cache_lookups_total` | `outcome`: `hit`, `miss` | look-ups in the token cache, including invalid tokens, without opaque ones |
//! | `scopegate_cache_evictions_total` | | evicted tokens. If there are many, increase [`cache_capacity`](VerifierBuilder::cache_capacity) |
//! | `scopegate_key_fetches_total` | `issuer`; `outcome`: `ok`, `failed` | fetches of key sets |
//! | `scopegate_keys_fetched_timestamp_seconds` | `issuer`, without `other` | a gauge: the time at which the current keys were requested, in seconds since 1970. `NaN` when the issuer is no longer trusted |
//! | `scopegate_issuer_resolutions_total` | `outcome`: `trusted`, `unknown`, `failed` | calls of the [resolver of issuers](Issuers) |
//! | `scopegate_issuer_queue_full_total` | | tokens that are rejected because too many issuers wait for a call of the resolver |
//! | `scopegate_issuer_changes_total` | `change`: `trusted`, `replaced`, `distrusted`, `withdrawn`, `evicted`, `unused`, `lapsed` | changes of the trusted issuers while the verifier runs |
//! | `scopegate_trusted_issuers` | `origin`: `application`, `resolver` | a gauge: trusted issuers, of the verifier that changed last |
//! | `scopegate_revocations` | | a gauge: stored entries, of the store that changed last |
//! | `scopegate_revocations_not_stored_total` | `source` | revocations that a full store, or the full share of a transmitter, rejected. Their tokens are accepted |
//! | `scopegate_revocation_syncs_total` | `source`; `outcome`: `ok`, `failed` | attempts to read a source of revocations |
//! | `scopegate_revocations_synced_timestamp_seconds` | `source` | a gauge: when the source was last complete and current, in seconds since 1970 |
//! | `scopegate_revocations_malformed` | `source` | a gauge: malformed entries |
//! | `scopegate_security_events_total` | `outcome`: `applied`, `ignored`, `repeated`, `held`, `unavailable`, `authentication_failed`, or a [code](SecurityEventError::code) | received security events |
//! | `scopegate_status_list_fetches_total` | `issuer`; `outcome`: `ok`, `failed` | fetches of [status lists](StatusList) |
//! | `scopegate_introspections_total` | `issuer`; `outcome`: `active`, `rejected`, `failed`, `misconfigured`, `stale` | calls of [introspection endpoints](Introspection); with `stale`, requests that an old result accepted |
//! | `scopegate_introspection_lookups_total` | `outcome`: `hit`, `miss` | look-ups of introspected tokens in the cache of results |
//! | `scopegate_introspection_cache_changes_total` | `issuer`; `change`: `stored`, `evicted`, `skipped` | cached results; `skipped` is a result that was too large or met another insertion |
//! | `scopegate_introspections_prevented_total` | `issuer`; `reason`: `over_budget`, `suspended`, `queue_full`, `not_called`, `too_many_waiting`, `timed_out` | requests without a result of a call; with `not_called`, calls that got no place |
//! | `scopegate_introspection_suspended` | `issuer`, without `other` | 1 while the calls of an introspection endpoint are suspended; 0 afterwards, and after a change of the issuer |
//! | `scopegate_unknown_keys_total` | `issuer` | tokens that are rejected because the issuer does not publish their key |
//!
//! The label `issuer` has the issuers that were given to the builder, and transmitters of security
//! events. Issuers that are trusted later share the value `other`.
//!
//! # Not supported
//!
//! - Encrypted tokens (JWE).
//! - Other questions to the issuer whether a token was revoked than introspection and
//!   [status lists](StatusList). [`Revocations`] contain the entries that the application and its
//!   feeds add.
#![forbid(unsafe_code)]

// What does a service call?
pub mod middleware;
#[cfg(feature = "http")]
pub mod http;
mod security_events;
mod verifier;
#[cfg(any(test, feature = "test-util"))]
mod test_util;

// Whose tokens are trusted, and what have their issuers said about them since?
mod issuer;
#[cfg(feature = "fetch")]
mod introspection;
#[cfg(feature = "fetch")]
mod status_list;
mod revocation;
mod cache;

// What was decided, and what is shown of it?
#[cfg(feature = "http")]
mod decision;
mod explain;
#[cfg(feature = "serde")]
mod serialize;

// What does a token say, who presents it, and is it acceptable?
mod claims;
mod checks;
#[cfg_attr(not(feature = "http"), allow(dead_code, unreachable_pub, reason = "only requests have proofs"))]
mod dpop;
#[cfg(feature = "http")]
mod certificate;
mod error;

// What do all of these share? Nothing below knows about tokens that are verified.
mod status;
mod keys;
mod tenants;
mod scope;
mod token;
mod resource_identifier;
#[cfg(feature = "fetch")]
mod fetch;
mod config_error;
mod telemetry;
mod background;

/// The code of this crate's README compiles.
#[cfg(all(doctest, feature = "fetch"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod published_vectors;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "http")]
pub use certificate::ClientCertificates;
#[cfg(feature = "http")]
pub use certificate::peer::PeerCertificate;
#[cfg(feature = "http")]
pub use certificate::source::{CertificateSource, ForwardedElement};
pub use checks::course::CheckName;
pub use checks::scopes::source::{ClaimPath, ScopeSource};
pub use claims::accepted_issuers::AcceptedIssuers;
pub use claims::identity::Identity;
pub use claims::token_ref::TokenRef;
pub use claims::{Claims, Principal};
pub use config_error::ConfigError;
#[cfg(feature = "http")]
pub use decision::unverified::Unverified;
#[cfg(feature = "http")]
pub use decision::{Decision, Verdict};
#[cfg(feature = "http")]
pub use dpop::Dpop;
pub use dpop::error::DpopProofError;
#[cfg(feature = "http")]
pub use dpop::nonce::DpopNonces;
#[cfg(feature = "http")]
pub use dpop::replay::{ProofUse, ReplayStore, ReplayStoreError, UsedProof};
pub use error::Error;
pub use error::authentication::AuthenticationError;
pub use error::denied::Denied;
pub use error::kind::ErrorKind;
pub use explain::key_set::{ExplainedKey, explain_jwks};
pub use explain::{Check, CheckOutcome, Explanation};
#[cfg(feature = "fetch")]
pub use fetch::authorization::FetchAuthorization;
#[cfg(feature = "fetch")]
pub use introspection::Introspection;
#[cfg(feature = "fetch")]
pub use issuer::issuers::Issuers;
pub use issuer::{Issuer, IssuerWithoutAudience};
pub use keys::refresh::outcome::RefreshOutcome;
pub use resource_identifier::ResourceIdentifier;
pub use revocation::error::RevocationError;
pub use revocation::feed::WeakRevocationSource;
pub use revocation::feed::claim::FeedClaim;
pub use revocation::file::RevocationFile;
pub use revocation::line::InvalidRevocation;
pub use revocation::replacement::RevocationReplacement;
pub use revocation::revoked::Revocation;
pub use revocation::source::RevocationSource;
pub use revocation::{Revocations, RevocationsBuilder};
pub use scope::requirement::{Requirement, all_of, any_of};
pub use security_events::builder::SecurityEventsBuilder;
pub use security_events::error::SecurityEventError;
pub use security_events::transmitter::Transmitter;
pub use security_events::{Received, SecurityEvents};
pub use status::introspection::{IntrospectionStatus, IntrospectionSuspended};
pub use status::revocation::{RevocationSourceStatus, RevocationStatus};
pub use status::status_list::StatusListStatus;
pub use status::{IssuerStatus, RefreshTaskState, ResolverStatus, SkippedKey, Status};
#[cfg(feature = "fetch")]
pub use status_list::StatusList;
pub use tenants::Tenants;
pub use tenants::list::TenantList;
pub use token::algorithm::Algorithm;
pub use token::numeric_date::NumericDate;
pub use verifier::Verifier;
pub use verifier::builder::VerifierBuilder;
#[cfg(feature = "fetch")]
pub use verifier::builder::start_policy::StartPolicy;

#[cfg(feature = "fetch")]
pub use scopegate_proto::client_auth::{
    AssertionSource, ClientAuthError, ClientAuthentication, PrivateKey, Secret, SigningAlgorithm,
};
pub use scopegate_proto::clock::{Clock, SystemClock};
pub use scopegate_proto::excerpt::Excerpt;
pub use scopegate_proto::json::JsonError;
pub use scopegate_proto::jws::Part;
pub use scopegate_proto::scope::{InvalidScope, Scope, Scopes};
