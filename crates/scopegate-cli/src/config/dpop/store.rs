//! `replay_store`: the place of used proofs.

use std::fmt;

use scopegate::Dpop;
use scopegate_redis::{Redis, RedisError, RedisReplayStore};

use crate::config::beside::{Beside, Found, SecretText};
use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};

/// The store of used proofs.
#[derive(Clone)]
pub(super) enum Store {
    /// The memory of this process.
    Memory,
    /// A server that several instances share.
    Redis { url: String, password: Option<SecretText>, store: RedisReplayStore },
}

impl Store {
    pub(super) fn password(&self) -> Option<&SecretText> {
        match self {
            Self::Memory => None,
            Self::Redis { password, .. } => password.as_ref(),
        }
    }

    /// Returns settings whose used proofs are in this store.
    pub(super) fn add_to(&self, dpop: Dpop) -> Dpop {
        match self {
            Self::Memory => dpop,
            Self::Redis { store, .. } => dpop.replay_store(store.clone()),
        }
    }
}

/// Equal stores are one server with one user.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Redis { url, password, .. }, Self::Redis { url: other, password: with, .. }) => {
                (url, password.is_some()) == (other, with.is_some())
            }
            (Self::Memory, Self::Redis { .. }) | (Self::Redis { .. }, Self::Memory) => false,
        }
    }
}

impl Eq for Store {}

/// Shows no URL, which may have a password.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Redis { store, .. } => f.debug_tuple("Redis").field(store).finish(),
        }
    }
}

/// Reads the store.
pub(super) fn read(table: &mut Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Store {
    let url = table.string("replay_store", problems);
    let file = table.string("replay_store_password_file", problems);
    match (url, file) {
        (Some(url), file) if url.text != "memory" => {
            let password = match file.and_then(|file| beside.secret_in_file(&file, problems)) {
                Some(Found::Secret(password)) => Some(password),
                // No service runs with this configuration.
                Some(Found::Unavailable) | None => None,
            };
            match connect(&url, password.as_ref()) {
                Ok(store) => return Store::Redis { url: url.text.to_owned(), password, store },
                // The message has no part of the URL, because any part may be a password.
                Err(RedisError::InvalidUrl { expected, .. }) => {
                    problems.add(&url.span, format_args!("expected \"memory\" or a URL: {expected}"));
                }
                Err(error) => problems.add(&url.span, error),
            }
        }
        (_, Some(file)) => problems.add(&file.span, "expected `replay_store` with a URL beside it"),
        (_, None) => {}
    }
    Store::Memory
}

/// Returns the store of a server. It connects when the first proof needs it.
fn connect(url: &Text<'_>, password: Option<&SecretText>) -> Result<RedisReplayStore, RedisError> {
    let redis = Redis::new(url.text)?;
    let redis = match password {
        Some(password) => redis.password(password.expose()),
        None => redis,
    };
    RedisReplayStore::builder(&redis).connect_lazy()
}
