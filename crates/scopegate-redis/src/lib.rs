//! Shares revocations and used DPoP proofs of [`scopegate`] between all instances of a service,
//! through Redis or Valkey.
//!
//! # Revocations
//!
//! Use [`RedisRevocations`] if a service has several instances, and a revoked token must be rejected
//! by all of them within milliseconds. One process publishes a revocation. Each verifier that follows
//! the feed rejects the token at its next use. A request never waits for Redis: verifiers look up
//! tokens in their own memory.
//!
//! ```no_run
//! # // Not run, because it needs a Redis server.
//! use scopegate::{Issuer, Revocation, Revocations, Verifier};
//! use scopegate_redis::{Redis, RedisRevocations};
//!
//! # async fn run(issuer: Issuer) -> Result<(), Box<dyn std::error::Error>> {
//! let redis = Redis::new("rediss://orders:secret@redis.example:6379")?;
//! let shared = RedisRevocations::new(&redis);
//!
//! // In each instance: returns when all revocations are loaded.
//! let revocations = Revocations::new();
//! shared.follow(&revocations).await?;
//! let verifier = Verifier::builder().trust(issuer).revocations(&revocations).start().await?;
//!
//! // In any process: returns when the server has stored it.
//! let revocation = Revocation::session("https://issuer.example", "session-1");
//! shared.publish(&revocation).await?;
//! # let _ = verifier;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! - A revocation is in a snapshot and in a stream, written by one script. A new instance reads the
//!   snapshot, so a restart forgets nothing.
//! - Each stream entry has the next number, and the mark of the entry before. A reader that misses
//!   one reads the snapshot again, for example because the stream was trimmed.
//! - If the connection fails, all entries stay in effect. The source reports it, and connects again
//!   after a pause with jitter. [`max_feed_age`](RedisRevocations::max_feed_age) limits how long
//!   tokens are accepted without the server.
//! - If the server lost data, also after a failover or while a snapshot is read, a running instance
//!   keeps the entries that it has.
//! - A malformed entry is reported with its id, and costs no other entry.
//!
//! # Used proofs
//!
//! Use [`RedisReplayStore`] if several instances accept bound tokens (DPoP), so that
//! all of them together accept a proof once. Each request with a proof waits for one command. If the
//! server cannot record it, the request gets a 503. Bearer tokens are not affected.
//!
//! # Server
//!
//! The server is trusted: a program that can write to its keys can withdraw every revocation, and
//! delete used proofs. Give it a password and TLS.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `tls` | `rediss` URLs, with rustls and the system's certificate authorities. On by default |
//!
//! # Not supported
//!
//! - Redis Cluster and Sentinel. A proxy or a managed endpoint that leads to the primary works.
//! - Unix sockets.
#![forbid(unsafe_code)]

mod revocations;
mod replay;
mod connection;
mod error;

/// The code of this crate's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use connection::Redis;
pub use error::RedisError;
pub use replay::{RedisReplayStore, RedisReplayStoreBuilder};
pub use revocations::RedisRevocations;
