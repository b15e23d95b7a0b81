//! Building blocks that the scopegate crates share.
//!
//! The verifier (`scopegate`) and the token client (`scopegate-client`) read the same formats and
//! follow the same security rules. This crate implements each of them once. Applications should use
//! those crates: this one contains only the parts that they need, and it has their version numbers.
//!
//! | module | contains |
//! | --- | --- |
//! | [`json`] | JSON objects without repeated member names |
//! | [`base64url`] | canonical base64url |
//! | [`jws`] | the three parts of a compact JWS |
//! | [`jwk`], [`thumbprint`] | members of a public JWK, and its RFC 7638 thumbprint |
//! | [`token_digest`] | digests of tokens, for tables that hold no token |
//! | [`scope`] | the scope grammar, and sets of scopes |
//! | [`url`] | URLs for secrets, URLs of public documents, and the rules against SSRF |
//! | [`metadata`] | authorization server metadata |
//! | `challenge` | challenges of a response, `WWW-Authenticate` (feature `fetch`) |
//! | `http` | a bounded HTTP client that no other crate's features change (feature `fetch`) |
//! | `secret_file` | secrets in small files (feature `fetch`) |
//! | `client_auth` | authentication of a client by a secret, an assertion or a certificate (feature `client-auth`) |
//! | `sent_secrets` | strings of a server; a string that quotes a credential is hidden (feature `client-auth`) |
//! | [`clock`], [`backoff`] | the current time; delays between retries |
//! | [`excerpt`] | untrusted strings, cut and escaped for logs |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `fetch` (default) | the modules `challenge`, `http` and `secret_file`, and with them `reqwest` and a TLS stack |
//! | `client-auth` | the modules `client_auth` and `sent_secrets`, and with them `tokio`. It enables `fetch` |
//! | `serde` | `Serialize` and `Deserialize` for [`Scope`](scope::Scope) and [`Scopes`](scope::Scopes) |
//!
//! # Foreign types in the API
//!
//! [`serde_json::value::RawValue`], [`url::Url`](::url::Url), and with the feature `fetch`
//! `StatusCode`, `HeaderMap`, `HeaderName` and `HeaderValue` of the `http` crate and `Zeroizing` of
//! the `zeroize` crate. `reqwest` is not part of the API.
#![forbid(unsafe_code)]

#[cfg(feature = "client-auth")]
pub mod client_auth;
#[cfg(feature = "client-auth")]
pub mod sent_secrets;

#[cfg(feature = "fetch")]
pub mod challenge;
#[cfg(feature = "fetch")]
pub mod http;
pub mod metadata;
#[cfg(feature = "fetch")]
pub mod secret_file;
pub mod url;

pub mod thumbprint;
pub mod jwk;
pub mod jws;

pub mod json;
pub mod base64url;

pub mod token_digest;

pub mod scope;

pub mod backoff;
pub mod clock;
pub mod excerpt;
