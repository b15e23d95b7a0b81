//! Fixtures for the tests of this workspace: one issuer, its keys and tokens, verifiers that trust
//! it, servers, and a readable log.
//!
//! | fixture | feature | provides |
//! | --- | --- | --- |
//! | [`ISSUER`], [`CLIENT`], [`AUDIENCE`], [`NOW`] | | the names and the time of all fixtures |
//! | [`KEY`], [`OTHER_KEY`], [`jwks`] | | RSA keys that all tests share, and their JWKS |
//! | [`cognito_token`], [`client_token`], [`rfc9068_token`] | | valid tokens, which tests can change |
//! | [`Proof`], [`bound_to`], [`thumbprint`] | | DPoP proofs, and tokens that are bound to a key |
//! | [`assert_rejected!`] | | the error of an invalid token |
//! | [`pass`], [`StillClock`], [`poll_once`] | | virtual time for tests that use real sockets |
//! | [`bearer`] | | the value of an `Authorization` header |
//! | [`with_causes`] | | an error and its causes as one line |
//! | `cognito_verifier`, `verifier_for_audience`, … | `verifier` | verifiers that accept these tokens |
//! | `Log` | `log` | a log that a test can read |
//! | `listen`, `serve`, `read_request`, … | `server` | servers on free ports |
//! | `Authority`, `TlsListener` | `tls` | certificates, and servers that have them |
//!
//! The unit tests of `scopegate` cannot use the feature `verifier`: Cargo builds that crate twice
//! for them, and the types of the two builds differ.
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a panic is the test's failure")]

mod names;
mod keys;
mod tokens;
mod proofs;
mod time;
mod errors;
#[cfg(feature = "verifier")]
mod verifiers;
#[cfg(feature = "log")]
mod log;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "tls")]
mod tls;

pub use errors::with_causes;
pub use keys::{KEY, OTHER_KEY, jwks};
#[cfg(feature = "log")]
pub use log::{Log, ThreadLog};
pub use names::{AUDIENCE, CLIENT, ISSUER, LOCAL_CLIENT, NOW};
pub use proofs::{Proof, bound_to, certificate_thumbprint, thumbprint, token_hash};
#[cfg(feature = "server")]
pub use server::{listen, read_request, response, serve, serve_on};
pub use time::{StillClock, pass, poll_once};
#[cfg(feature = "tls")]
pub use tls::{Authority, TlsListener};
pub use tokens::{Token, bearer, client_token, cognito_token, rfc9068_token};
#[cfg(feature = "verifier")]
pub use verifiers::{
    accepted, builder_at, builder_trusting, cognito_issuer, cognito_verifier, issuer_for_client,
    issuer_with_keys, rejected, verifier_for_audience, verifier_for_client, verifier_trusting,
};
