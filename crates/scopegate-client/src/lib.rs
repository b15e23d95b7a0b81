//! Fetches, caches and renews OAuth 2.0 access tokens (client credentials grant).
//!
//! Use it in a service or job that calls an API with access tokens of Amazon Cognito or of any
//! other authorization server. One request fetches a token for all callers. The token is renewed
//! before it expires and replaced when an API rejects it.
//!
//! ```no_run
//! # // Not run, because there is no such user pool. The example of `ClientCredentials` has a local issuer.
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
//! [`AddToken`] is a tower layer that adds the token to requests. With the feature `reqwest`, it
//! also has `AddToken::send`.
//!
//! # Behavior
//!
//! 1. The first caller that needs a token causes one request, which serves all waiting callers
//!    (RFC 6749 §4.4). A canceled caller does not cancel the request.
//! 2. A cached token is returned by an atomic load, without a lock or I/O.
//! 3. After 75 % of its lifetime, the next caller gets the current token and causes a renewal in
//!    the background. The fraction varies by ±10 %, so that programs that start together do not
//!    renew together. If renewal fails, the current token is served until 10 s before it expires.
//! 4. A failed request is retried after 1 s. The backoff doubles up to a minute. Without a token,
//!    it doubles [up to 5 s](ClientCredentialsBuilder::max_backoff_without_token). `Retry-After`
//!    can make the waits longer, up to 5 minutes (RFC 9110 §10.2.3).
//! 5. The issuer can reject a request with status 400, 401 or 403 (RFC 6749 §5.2). The error then
//!    has the issuer's description and its code, such as `invalid_client`. Status 200 with an error
//!    in place of a token is a rejection too. Further calls fail immediately for one minute without
//!    another request.
//! 6. A response must have at most 64 KiB and arrive within 5 s (2 s to connect). Redirects are not
//!    followed. For a bearer token, `token_type` must be `Bearer` (RFC 6749 §7.1) or `BearerToken`
//!    as Apigee writes it. Unreadable optional members are logged and ignored. `expires_in` may be
//!    a number in a string. Its maximum is one day. If it is absent or unreadable, the token is
//!    cached for 5 minutes.
//! 7. If fewer scopes are granted than requested (RFC 6749 §3.3), [`AccessToken::missing_scopes`]
//!    and the log list the difference. `scope` may be an array of strings. If it is anything else,
//!    [`AccessToken::has_unknown_scopes`] returns true.
//! 8. If an API responds with `401`, [`AddToken`] discards the token for this API and has it
//!    renewed. Other callers get the old token until the new one is available.
//! 9. With [`dpop`](ClientCredentialsBuilder::dpop), tokens are bound to a key (RFC 9449). Each token
//!    request, each request to an API and each retry has a new proof. `token_type` must be `DPoP`,
//!    unless [`allow_unbound_tokens`](ClientCredentialsBuilder::allow_unbound_tokens) is set. If a
//!    server requires a nonce, the request is repeated once. The last nonces of 64 servers are
//!    stored, with at most 1,024 characters each.
//!
//! An idle program sends no requests.
//!
//! Secrets, assertions and tokens are sent to `https` URLs only. `http` is accepted on a loopback
//! address. Elsewhere, requests to the issuer use the proxies of the environment (`HTTPS_PROXY` and
//! `NO_PROXY`).
//!
//! The memory of secrets, assertions and tokens is zeroized. Buffers of the HTTP client are not. No
//! `Debug`, error or log line contains them. A server's error code or description is shown only if
//! it shares no six characters with the credentials in the request. Usual encodings are compared
//! too.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `reqwest` | `AddToken::send`, for requests of `reqwest` 0.13. Off by default, because its types become part of the API |
//! | `metrics` | counters, through the facade of the crate `metrics`, see below. Off by default |
//! | `serde` | `Serialize` for [`Status`], [`Scope`] and [`Scopes`], and `Deserialize` for the last two. Off by default |
//!
//! # Metrics, logs and status
//!
//! [`ClientCredentials::status`] returns the times of expiry and renewal and the number of
//! requests. `tracing` events report a received token at `INFO`. These are reported at `WARN`:
//!
//! - a failed request
//! - a token with fewer scopes than requested
//! - a token that an API rejected
//! - a bearer token in place of a bound one, if it is allowed
//!
//! | metric | labels | counts |
//! | --- | --- | --- |
//! | `scopegate_client_token_requests_total` | `issuer`; `outcome`: `ok`, `rejected`, `unavailable`, `no_assertion`, `invalid_response` | token requests |
//! | `scopegate_client_token_expiry_timestamp_seconds` | `issuer` | a gauge: the expiry of the cached token, in seconds since 1970 |
//! | `scopegate_client_tokens_rejected_total` | `issuer` | tokens discarded because an API rejected them |
//!
//! # Limitations
//!
//! Only the client credentials grant is supported: no users, no refresh tokens and no token
//! exchange. Tokens are bound to keys (DPoP), but not to certificates: these are presented to the
//! issuer only. DPoP keys are for P-256 or Ed25519. Tokens are opaque to this crate. The API
//! verifies them.
#![forbid(unsafe_code)]

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

mod add_token;
mod credentials;
mod endpoint;
mod dpop;
mod status;
mod token;

mod metrics;
mod error;

/// Doc tests of the README.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use scopegate_proto::client_auth::{
    AssertionSource, ClientAuthError, ClientAuthentication, PrivateKey, Secret, SigningAlgorithm,
};
pub use scopegate_proto::clock::{Clock, SystemClock};
pub use scopegate_proto::excerpt::Excerpt;
pub use scopegate_proto::scope::{InvalidScope, Scope, Scopes};

pub use add_token::AddToken;
pub use add_token::authentication_challenge::AuthenticationChallenge;
pub use add_token::call_error::CallError;
pub use add_token::future::ResponseFuture;
pub use add_token::retry_body::{RetryBody, RetryClonedBody, RetryEmptyBody};
pub use add_token::service::WithToken;
pub use credentials::ClientCredentials;
pub use credentials::builder::ClientCredentialsBuilder;
pub use dpop::key::DpopKey;
pub use error::Error;
pub use error::config::ConfigError;
pub use error::proof::SignProofError;
pub use status::Status;
pub use token::AccessToken;
