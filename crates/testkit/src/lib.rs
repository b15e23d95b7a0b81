//! Fixtures for the tests of this workspace: one issuer, its keys and tokens, verifiers that trust it, and a readable log.
//!
//! | module | feature | provides |
//! | --- | --- | --- |
//! | [`names`] | | the issuer, the client, the audience and the time of all fixtures |
//! | [`keys`] | | RSA keys that all tests share, and their JWKS |
//! | [`tokens`] | | valid tokens to change, and [`assert_rejected!`] |
//! | [`time`] | | virtual time for tests that use real sockets |
//! | [`verifiers`] | `verifier` | verifiers that accept these tokens |
//! | [`log`] | `log` | a log that a test can read |
//!
//! The unit tests of `scopegate` cannot use [`verifiers`]: Cargo builds the crate twice, and the types of the two builds differ.
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a panic is the test's failure")]

pub mod names;
pub mod keys;
pub mod tokens;
pub mod time;
#[cfg(feature = "verifier")]
pub mod verifiers;
#[cfg(feature = "log")]
pub mod log;
