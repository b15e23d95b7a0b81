//! Fetches, caches and renews OAuth 2.0 access tokens (client credentials grant).
//!
//! Use it in a service or job that calls an API with access tokens of Amazon Cognito, or of any
//! other authorization server. One request fetches a token for all callers. The token is renewed
//! before it expires, and replaced when an API rejects it.
//!
//! ```no_run
//! # // Not run, because there is no such user pool; the example of `ClientCredentials` is, with a local issuer.
//! use scopegate_client::{ClientAuthentication, ClientCredentials};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientAuthentication::client_secret_basic("1example23456789", std::env::var("CLIENT_SECRET")?);
//! let credentials = ClientCredentials::builder(client)
//!     .token_endpoint("https://YOUR-DOMAIN.auth.eu-west-1.amazoncognito.com/oauth2/token")
//!     .scope("https://my-api-server.org/api.read")
//!     .build()?;
//!
//! let token = credentials.token().await?; // returns immediately, except for the first time
//! # Ok(()) }
//! ```
//!
//! [`AddToken`] puts the token into requests: as a tower layer, or by `AddToken::send` for
//! `reqwest` (feature).
//!
//! # Behavior
//!
//! 1. The first caller that needs a token causes one request, which serves all callers that wait
//!    (RFC 6749 §4.4). A caller that is canceled does not cancel the request.
//! 2. A cached token is returned by an atomic load, with no lock and no I/O.
//! 3. When 75 % of its lifetime have passed, the next caller causes a renewal in the background,
//!    and gets the current token. This varies by ±10 %, so that programs that start together do not
//!    renew together. If renewal fails, the current token is served until 10 s before it expires.
//!    Attempts are repeated after 1 s, with waits that double up to a minute. While there is no
//!    token, they double [up to 5 s](ClientCredentialsBuilder::max_backoff_without_token).
//!    `Retry-After` can make the waits longer, up to 5 minutes (RFC 9110 §10.2.3).
//! 4. If the issuer rejects the request (400, 401, 403: `invalid_client`, `invalid_scope`; RFC 6749
//!    §5.2), the caller gets an error with the issuer's words. So it does if the status is 200, and
//!    the body has an error in place of a token. Further calls fail immediately for one minute,
//!    without another request.
//! 5. A response is invalid if it is not a bearer token, is larger than 64 KiB, takes longer than 5
//!    s (2 s to connect), or is a redirect. `token_type` must be `Bearer` (RFC 6749 §7.1), or
//!    `BearerToken`, as Apigee writes it. Optional members that cannot be read are logged and
//!    ignored. `expires_in` may be a number in a string. If it is absent or unreadable, the token is
//!    cached for 5 minutes; it is capped at one day.
//! 6. If fewer scopes are granted than requested (RFC 6749 §3.3), [`AccessToken::missing_scopes`]
//!    and the log list the difference. `scope` may be an array of strings. If it is anything else,
//!    [`AccessToken::has_unknown_scopes`] returns true.
//! 7. If an API responds with `401`, [`AddToken`] gives up the token for this API, and the token is
//!    renewed. Other callers get it until the new one is there.
//!
//! An idle program sends no requests.
//!
//! Secrets, assertions and tokens are sent to `https` URLs only, or to `http` on a loopback
//! address. Requests to the issuer use the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`),
//! except on a loopback address.
//!
//! The memory of secrets, assertions and tokens is zeroized, except in the buffers of the HTTP
//! client. No `Debug`, error or log line contains them. A server's words are shown only if they share
//! no six characters with a credential that the server was sent, in any usual encoding.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `reqwest` | `AddToken::send`, for requests of `reqwest` 0.13; off by default, because its types become part of the API |
//! | `metrics` | counters, through the facade of the crate `metrics`; see below. Off by default |
//! | `serde` | `Serialize` for [`Status`], [`Scope`] and [`Scopes`]; `Deserialize` for the last two. Off by default |
//!
//! # Metrics, logs and status
//!
//! [`ClientCredentials::status`] returns how long the token is served, when it is renewed, and the
//! number of requests. `tracing` events report a received token at `INFO`. A failed request, a
//! token with fewer scopes than requested, and a token that an API rejected are reported at `WARN`.
//!
//! | metric | labels | counts |
//! | --- | --- | --- |
//! | `scopegate_client_token_requests_total` | `issuer`; `outcome`: `ok`, `rejected`, `unavailable`, `no_assertion`, `invalid_response` | token requests |
//! | `scopegate_client_token_expiry_timestamp_seconds` | `issuer` | a gauge: the expiry of the cached token, in seconds since 1970 |
//! | `scopegate_client_tokens_rejected_total` | `issuer` | tokens discarded because an API rejected them |
//!
//! # Limitations
//!
//! There is no other grant: no users, no refresh tokens, no token exchange. Tokens are not
//! sender-constrained (DPoP; certificates are presented to the issuer only). Tokens are opaque to
//! this crate: the API verifies them.
#![forbid(unsafe_code)]

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

mod add_token;
mod credentials;
mod endpoint;
mod client_auth;
mod status;
mod token;

mod metrics;
mod error;

/// The example of the README is compiled.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use scopegate_proto::clock::{Clock, SystemClock};
pub use scopegate_proto::excerpt::Excerpt;
pub use scopegate_proto::scope::{InvalidScope, Scope, Scopes};

pub use add_token::AddToken;
pub use add_token::call_error::CallError;
pub use add_token::future::ResponseFuture;
pub use add_token::retry_body::{RetryBody, RetryClonedBody, RetryEmptyBody};
pub use add_token::service::WithToken;
pub use client_auth::ClientAuthentication;
pub use client_auth::assertion_source::AssertionSource;
pub use client_auth::private_key::PrivateKey;
pub use client_auth::secret::Secret;
pub use client_auth::signing_algorithm::SigningAlgorithm;
pub use credentials::ClientCredentials;
pub use credentials::builder::ClientCredentialsBuilder;
pub use error::Error;
pub use error::config::ConfigError;
pub use status::Status;
pub use token::AccessToken;
