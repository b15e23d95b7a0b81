//! A local OAuth 2.0 authorization server for tests and demonstrations, modeled on Amazon Cognito.
//!
//! Use it to test a service that accepts or fetches access tokens against a real issuer on a real
//! socket. You can rotate its keys, make its endpoints fail, and mint tokens with exactly one
//! defect.
//!
//! ```
//! use scopegate_issuer::{Fault, LocalIssuer};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = LocalIssuer::start().await?;
//!
//! // Configure the resource server under test with these …
//! assert_eq!(issuer.issuer(), format!("{}/eu-west-1_Local0001", issuer.url()));
//! let keys: serde_json::Value = reqwest::get(issuer.jwks_uri()).await?.json().await?;
//! assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
//! assert_eq!(issuer.jwks_fetches(), 1);
//!
//! // … present a token that it accepts, and two that it must reject …
//! let valid = issuer.mint().scope("https://my-api-server.org/api.read").sign();
//! let expired = issuer.mint().expired().sign();
//! let forged = issuer.mint().signed_by_unknown_key().sign();
//!
//! // … and let the issuer fail.
//! issuer.set_fault(Fault::Status(503));
//! assert_eq!(reqwest::get(issuer.jwks_uri()).await?.status(), 503);
//! # let _ = (valid, expired, forged); Ok(()) }
//! ```
//!
//! # Endpoints
//!
//! | path | response |
//! | --- | --- |
//! | `POST /{pool}/oauth2/token` | a token for the client credentials grant (RFC 6749 §4.4), for a resource if one is named (RFC 8707) |
//! | `POST /oauth2/token` | the same, for the pool of the client |
//! | `POST /{pool}/oauth2/revoke` | 200 if the access token is revoked or invalid (RFC 7009): [`Pool::revoked_token_ids`] |
//! | `POST /{pool}/oauth2/introspect` | the claims of an active token, for a client of the pool (RFC 7662): [`Pool::introspection_endpoint`] |
//! | `POST /{pool}/events/poll` | security event tokens (RFC 8936) of [`Pool::queue_event`] |
//! | `GET /{pool}/oauth2/authorize` | always 400; exists for clients that reject metadata without it, such as MCP clients |
//! | `GET /{pool}/.well-known/jwks.json` | the key set of a pool (RFC 7517 §5) |
//! | `GET /{pool}/status-list` | the status list of a pool (draft-ietf-oauth-status-list) |
//! | `GET /{pool}/.well-known/openid-configuration` | metadata, as Cognito publishes it |
//! | `GET /.well-known/oauth-authorization-server/{pool}` | metadata (RFC 8414), which Cognito lacks |
//!
//! # Tokens and keys
//!
//! Tokens have exactly the members of Cognito's machine-to-machine tokens, plus the [further
//! claims](ClientConfig::claim) of their client. [`Mint`] also makes tokens in the form of other
//! providers. As in Cognito, a pool has two RSA keys, and only one of them signs access tokens.
//!
//! Some things differ from Cognito. An unknown scope is rejected with `invalid_scope`. A client can
//! have a key instead of a secret ([`ClientConfig::with_key`]). Tokens can be bound to a key or a
//! certificate.
//!
//! By default, the key set has no `Cache-Control` and no `ETag`. To add them, see
//! [`Pool::set_cache_control`] and [`Pool::enable_etags`].
//!
//! # Bound tokens
//!
//! A token request with a DPoP proof (RFC 9449 §5) gets a token that is bound to the key of the
//! proof, with `cnf.jkt` and the type `DPoP`. [`DpopProof`] makes such proofs.
//!
//! - The proof is checked as §4.3 requires: for `POST` and the URL of the token endpoint, at most
//!   60 s old or 10 s ahead, with one use of its `jti`. It must have no `ath`. Otherwise, the
//!   response is 400 `invalid_dpop_proof`. After 10,000 proofs in a minute, it is 503.
//! - The URL is that of [`Pool::token_endpoint`], whatever the `Host` of the request is, as for an
//!   issuer behind a proxy. So a proof for `localhost` is invalid at an issuer of `127.0.0.1`: sign
//!   the URL of the metadata.
//! - [`ClientConfig::dpop_bound_access_tokens`] requires a proof.
//! - [`PoolConfig::dpop_nonces`] requires a nonce in the proof: 400 `use_dpop_nonce`.
//! - [`ClientConfig::certificate`] binds the client's tokens to a certificate (RFC 8705 §3), with
//!   `cnf.x5t#S256`. There is no TLS, so the client does not present it.
//!
//! To test an API, [`Mint::with_dpop_key`] and [`Mint::with_certificate`] bind minted tokens.
//! [`DpopProof::broken_requests`] makes a request with each [`DpopDefect`].
//!
//! # Opaque tokens
//!
//! A client with [`ClientConfig::opaque_tokens`] gets random strings instead of JWTs, and
//! [`Pool::opaque_token`] makes one of a [`Mint`]. The introspection endpoint returns their claims, and
//! the claims of the pool's JWTs. For a token that is expired, revoked or unknown, it returns
//! `{"active":false}`. [`Pool::set_introspection_fault`] makes it fail.
//!
//! # Hosts
//!
//! The `Host` of a request must be a loopback address, `localhost` or a name under it, at any port.
//! Requests for another host get 421. This prevents DNS rebinding: a web page cannot point its own
//! name at this server and read the responses. [`Config::allow_host`] adds the names that
//! containers and proxies send. HTTP/1.1 without `Host` gets 400 (RFC 9112 §3.2). HTTP/1.0 is
//! served.
//!
//! # Logging
//!
//! Each response is a `tracing` event at `DEBUG` with the fields `method`, `path` and `status`.
//!
//! # The program
//!
//! `cargo run -p scopegate-issuer --features cli` serves the built-in pools of [`Config::default`]
//! on `127.0.0.1:9400`. It prints a `curl` command for each client. `--config FILE`
//! (`SCOPEGATE_ISSUER_CONFIG`) serves the pools of a file in the format of [`Config::from_toml`].
//! `--listen ADDR` (`SCOPEGATE_ISSUER_LISTEN`) overrides its address. In a container, this command
//! makes it available to other containers as `http://issuer:9400`:
//!
//! ```sh
//! scopegate-issuer --listen 0.0.0.0:9400 --allow-other-machines --allow-host issuer:9400
//! ```
//!
//! | option | environment | setting |
//! | --- | --- | --- |
//! | `--allow-other-machines` | `SCOPEGATE_ISSUER_ALLOW_OTHER_MACHINES` | [`Config::allow_other_machines`] |
//! | `--allow-host` | `SCOPEGATE_ISSUER_ALLOW_HOSTS`, separated by commas | [`Config::allow_host`] |
//! | `--url` | `SCOPEGATE_ISSUER_URL` | [`Config::url`] |
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `cli` | off | the program, and its arguments for programs that have it as a command: `program` |
//!
//! # Rehearsals
//!
//! A [`Rehearsal`] plays an [`Event`], such as a rotation or an outage, while callers send requests
//! to the resource server under test. It reports how many valid requests were rejected, how often
//! keys were fetched, and how long a removed key was accepted.
//!
//! # Limits
//!
//! **Not for production.** By default, it listens on loopback addresses only. To change this, set
//! [`allow_other_machines`](Config::allow_other_machines). It has no TLS and no protection against
//! load. Nothing is persisted, so each start makes new keys.
//!
//! Client credentials are the only supported grant: there are no users, login pages or refresh
//! tokens. The crate shares no code with `scopegate`, so that two readings of the RFCs check each
//! other.
#![forbid(unsafe_code)]

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "cli")]
pub mod program;

mod local_issuer;
mod rehearsal;

mod endpoints;
mod client_auth;
mod dpop;
mod pool;
mod push;
mod server;

mod proof;
mod mint;
mod config;
mod keys;
mod fault;
mod http;
mod scope;
mod clock;

pub use self::http::caching::InvalidHeaderValue;
pub use config::client::ClientConfig;
pub use config::error::ConfigError;
pub use config::{Config, PoolConfig};
pub use fault::Fault;
pub use keys::algorithm::{Algorithm, UnknownAlgorithm};
pub use keys::certificate::{Certificate, InvalidCertificate};
pub use keys::signing_key::SigningKey;
pub use local_issuer::{LocalIssuer, StartError};
pub use mint::Mint;
pub use mint::certificate::CertificateDefect;
pub use pool::Pool;
pub use proof::DpopProof;
pub use proof::defect::DpopDefect;
pub use proof::request::DpopRequest;
pub use rehearsal::Rehearsal;
pub use rehearsal::event::Event;
pub use rehearsal::report::Report;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
