//! A local OAuth 2.0 authorization server in the shape of Amazon Cognito, for tests and demonstrations.
//!
//! Reach for it when something that accepts or fetches access tokens is to be tested against a real issuer on
//! a real socket: keys that rotate, a key set endpoint that misbehaves, tokens that are wrong in exactly one
//! way.
//!
//! ```
//! use scopegate_issuer::{Fault, LocalIssuer};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = LocalIssuer::start().await?;
//!
//! // What a resource server under test is configured with …
//! assert_eq!(issuer.issuer(), format!("{}/eu-west-1_Local0001", issuer.url()));
//! let keys: serde_json::Value = reqwest::get(issuer.jwks_uri()).await?.json().await?;
//! assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
//! assert_eq!(issuer.jwks_fetches(), 1);
//!
//! // … a token it accepts, and two that it must refuse …
//! let good = issuer.mint().scope("https://my-api-server.org/api.read").sign();
//! let expired = issuer.mint().expired().sign();
//! let forged = issuer.mint().signed_by_unknown_key().sign();
//!
//! // … and an issuer that does not work.
//! issuer.set_fault(Fault::Status(503));
//! assert_eq!(reqwest::get(issuer.jwks_uri()).await?.status(), 503);
//! # let _ = (good, expired, forged); Ok(()) }
//! ```
//!
//! # What it serves
//!
//! | path | answer |
//! | --- | --- |
//! | `POST /{pool}/oauth2/token` | a token for the client credentials grant (RFC 6749 §4.4), for a resource if one is named (RFC 8707) |
//! | `POST /oauth2/token` | the same, for whichever pool the client belongs to |
//! | `GET /{pool}/oauth2/authorize` | 400, always: it is there for clients that refuse metadata without it, such as those of MCP |
//! | `GET /{pool}/.well-known/jwks.json` | the key set of a pool (RFC 7517 §5) |
//! | `GET /{pool}/.well-known/openid-configuration` | metadata, as Cognito has it |
//! | `GET /.well-known/oauth-authorization-server/{pool}` | metadata (RFC 8414), which Cognito does not have |
//!
//! Tokens have exactly the members of Cognito's machine-to-machine tokens, and a pool has two RSA keys, as in
//! Cognito: one signs access tokens, the other one does not. Unlike Cognito, an unknown scope is refused with
//! `invalid_scope`, and a client may have a key instead of a secret ([`ClientConfig::with_key`]).
//!
//! The key set comes without `Cache-Control` and `ETag`, until a test asks for them:
//! [`Pool::set_cache_control`], [`Pool::enable_etags`].
//!
//! A request has to be for a loopback address, `localhost` or a name under it, at any port: whatever its `Host` says
//! otherwise is answered with 421, so that no web page can have its own name point here and read along (DNS rebinding).
//! A proxy in front has to send one of these. HTTP/1.0 without `Host` is answered, HTTP/1.1 is 400 then (RFC 9112
//! §3.2).
//!
//! Each answer is an event of `tracing` at `DEBUG`, with method, path and status: what a client looks for, and what it finds.
//!
//! # The program
//!
//! `cargo run -p scopegate-issuer --features cli` serves the built-in pools of [`Config::default`] on
//! `127.0.0.1:9400`, and prints a line to copy for each client. `--config FILE` (`SCOPEGATE_ISSUER_CONFIG`)
//! serves what a file says, see [`Config::from_toml`]; `--listen ADDR` (`SCOPEGATE_ISSUER_LISTEN`) wins over
//! the file.
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `cli` | off | the program |
//!
//! # Rehearsals
//!
//! A [`Rehearsal`] plays an [`Event`] (a rotation, a withdrawn key, an outage) while callers keep asking the resource
//! server under test, and reports how many valid requests were refused, how often keys were fetched, and how long a
//! removed key lived on.
//!
//! # What it is not for
//!
//! **Not for production.** It listens on loopback addresses only and refuses any other. There is no TLS, no protection
//! against load, and no persistence: each start makes new keys. It knows client credentials and no other
//! grant: no users, no login pages, no refresh tokens, no introspection. Nothing of it is taken from the
//! `scopegate` crate, so that two readings of the RFCs check each other.
#![forbid(unsafe_code)]

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

mod local_issuer;
mod rehearsal;

mod endpoints;
mod client_auth;
mod pool;
mod server;

mod mint;
mod config;
mod keys;
mod fault;
mod http;
mod scope;
mod clock;

pub use self::http::caching::InvalidHeaderValue;
pub use config::error::ConfigError;
pub use config::{ClientConfig, Config, PoolConfig};
pub use fault::Fault;
pub use keys::algorithm::{Algorithm, UnknownAlgorithm};
pub use keys::signing_key::SigningKey;
pub use local_issuer::{LocalIssuer, StartError};
pub use mint::Mint;
pub use pool::Pool;
pub use rehearsal::Rehearsal;
pub use rehearsal::event::Event;
pub use rehearsal::report::Report;
