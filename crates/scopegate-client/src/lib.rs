//! Access tokens for machine-to-machine calls (the `client_credentials` grant), always there.
//!
//! Reach for it in a service or a job that calls an API with tokens of an authorization server: Amazon Cognito, or any
//! other. A token that is fetched for each call costs a request, which some issuers charge for, and one that is kept
//! without care fails at its end. Here it is fetched once for all callers, renewed before its end, and replaced when an API
//! no longer takes it.
//!
//! ```no_run
//! # // Not run, because there is no such user pool; the example of `ClientCredentials` is, with a local issuer.
//! use scopegate_client::{ClientAuthentication, ClientCredentials};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientAuthentication::client_secret_basic("1example23456789", std::env::var("CLIENT_SECRET")?);
//! let credentials =
//!     ClientCredentials::at("https://YOUR-DOMAIN.auth.eu-west-1.amazoncognito.com/oauth2/token", client)
//!         .with_scope("https://my-api-server.org/api.read")
//!         .build()?;
//!
//! let token = credentials.token().await?; // at once, but for the first time
//! # Ok(()) }
//! ```
//!
//! [`AddToken`] puts it into requests: a tower layer, or `AddToken::send` for `reqwest` (feature).
//!
//! # What is done
//!
//! 1. The token is asked for when it is first wanted, by one request for any number of callers. A caller that goes away
//!    takes nothing from the others (RFC 6749 §4.4).
//! 2. It is given out by an atomic load, with no lock and no I/O.
//! 3. When 75 % of its lifetime have passed (±10 %, so that programs started together do not renew together), the next
//!    caller causes its renewal in the background, and gets the old one. If renewal fails, the old one is given out until its
//!    end, less 10 s, and attempts go on: after 1 s, twice as long each time, a minute at most, or as `Retry-After` says
//!    within 5 minutes (RFC 9110 §10.2.3).
//! 4. What the issuer refuses (400, 401, 403: `invalid_client`, `invalid_scope`; RFC 6749 §5.2) is told to the caller, and
//!    not asked for again for a minute.
//! 5. An answer that is not a bearer token, is larger than 64 KiB, takes longer than 5 s (2 s to connect), or leads elsewhere
//!    is not used: `token_type` has to be `Bearer` (RFC 6749 §7.1), and redirects are not followed. `expires_in` may be a
//!    number in a string; when it is absent, the token is kept for 5 minutes; longer than a day it is not believed.
//! 6. If less is granted than was asked for (RFC 6749 §3.3), [`AccessToken::missing_scopes`] and the log say so.
//!
//! Nothing happens that nobody asked for: a program that has gone quiet makes no requests.
//!
//! Secrets, assertions and tokens go to addresses with `https` only, or to `http` on a loopback address. On the way to an
//! issuer the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) are used, but not to a loopback address.
//!
//! The memory of secrets, assertions and tokens is wiped, as far as it is ours: the HTTP client's buffers are not. No `Debug`,
//! error or log line shows them.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `reqwest` | `AddToken::send`, for requests of `reqwest` 0.13; off by default, because its types become part of the API |
//! | `metrics` | counters, through the facade of the crate `metrics`; see below. Off by default |
//!
//! # Watching it
//!
//! [`ClientCredentials::status`] tells for how long there is a token, when it is renewed and what came of the requests.
//! Events go to `tracing`: a token received at `INFO`, one that was not at `WARN`, also one that grants less than was asked
//! for, and one that an API rejected.
//!
//! | metric | labels | counts |
//! | --- | --- | --- |
//! | `scopegate_client_token_requests_total` | `issuer`; `outcome`: `ok`, `refused`, `unreachable`, `not_understood` | requests for tokens |
//! | `scopegate_client_token_expiry_timestamp_seconds` | `issuer` | a gauge: when the token in use ends, in seconds since 1970 |
//! | `scopegate_client_tokens_rejected_total` | `issuer` | tokens dropped because an API rejected them |
//!
//! # What it does not do
//!
//! No other grant: no users, no refresh tokens, no token exchange. No tokens that are bound to a key (DPoP; certificates
//! are presented to the issuer only). It does not look into tokens, and does not verify them: that is for the API they are
//! for.
#![forbid(unsafe_code)]

mod add_token;
mod credentials;
mod endpoint;
mod client_auth;
mod status;
mod token;

mod metrics;
mod json;
mod url;
mod clock;
mod error;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use add_token::AddToken;
pub use add_token::call_error::CallError;
pub use add_token::future::ResponseFuture;
pub use add_token::retry_body::{RetryBody, RetryClonedBody, RetryEmptyBody};
pub use add_token::service::WithToken;
pub use client_auth::ClientAuthentication;
pub use client_auth::private_key::PrivateKey;
pub use client_auth::secret::Secret;
pub use clock::{Clock, SystemClock};
pub use credentials::ClientCredentials;
pub use credentials::builder::ClientCredentialsBuilder;
pub use error::Error;
pub use error::config::ConfigError;
pub use error::excerpt::Excerpt;
pub use status::Status;
pub use token::AccessToken;
pub use token::scope::Scopes;
