//! The settings of a store of used proofs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::connection::Redis;
use crate::connection::prefix::check_prefix;
use crate::error::RedisError;
use crate::replay::RedisReplayStore;
use crate::replay::link::Link;
use crate::replay::opened::BACKOFF;

/// The settings of a [`RedisReplayStore`].
#[derive(Clone, Debug)]
#[must_use = "nothing is stored until it is connected"]
pub struct RedisReplayStoreBuilder {
    redis: Redis,
    prefix: String,
    limit: Duration,
    allows_eviction: bool,
}

const DEFAULT_PREFIX: &str = "scopegate:dpop";

impl RedisReplayStoreBuilder {
    pub(super) fn new(redis: &Redis) -> Self {
        Self {
            redis: redis.clone(),
            prefix: DEFAULT_PREFIX.to_owned(),
            limit: Duration::from_millis(250),
            allows_eviction: false,
        }
    }

    /// Sets the prefix of the server's keys. Default: `scopegate:dpop`. Range: 1–100 characters
    /// without braces.
    ///
    /// All instances of an API need the same one. Give each API its own, if a server has several.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a request waits for the server, with its second attempt. Default: 250 ms.
    /// Range: 10–900 ms.
    ///
    /// If there is no response for half of it, the command is sent on another connection too, and
    /// the first response counts. The verifier gives up after 1 s. A server in the same network
    /// responds within a millisecond. [`Redis::timeout`] applies to opening a connection, which
    /// goes on when a request gives up.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Allows a server that evicts keys.
    ///
    /// A proof whose key was evicted is accepted again. The log has a warning. Without it, such a
    /// server is an error: [`RedisError::EvictsKeys`].
    pub fn allow_eviction(mut self) -> Self {
        self.allows_eviction = true;
        self
    }

    /// Connects, and writes a key that expires after 1 s, to see that it may.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range, or if the server cannot be reached, rejects the
    /// login, does not accept the key, or [evicts keys](RedisError::EvictsKeys).
    pub async fn connect(self) -> Result<RedisReplayStore, RedisError> {
        self.check()?;
        let link = Link::new(&self.redis, self.allows_eviction);
        let opened = Arc::new(link.open(BACKOFF).await?);
        let store = RedisReplayStore::new(Arc::clone(&link), self.prefix, self.limit);
        let key = fastrand::u128(..).to_be_bytes();
        let entry = store.shared.entry(key, Duration::from_secs(1));
        let (address, limit) = (link.address().to_owned(), link.redis.response_limit());
        let response = timeout(limit, entry.insert(&opened)).await;
        let _ = response.unwrap_or(Err(RedisError::Timeout { address, limit }))?;
        link.set(opened);
        Ok(store)
    }

    /// Returns a store that connects when the first request with a proof needs it.
    ///
    /// Until the server can be reached, requests with proofs get a 503.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range.
    pub fn connect_lazy(self) -> Result<RedisReplayStore, RedisError> {
        self.check()?;
        let link = Link::new(&self.redis, self.allows_eviction);
        Ok(RedisReplayStore::new(link, self.prefix, self.limit))
    }

    fn check(&self) -> Result<(), RedisError> {
        self.redis.check()?;
        check_prefix(&self.prefix)?;
        if !(Duration::from_millis(10)..=Duration::from_millis(900)).contains(&self.limit) {
            let (setting, expected) = ("timeout of the replay store", "10 ms to 900 ms");
            let found = format!("{} s", self.limit.as_secs_f64());
            return Err(RedisError::OutOfRange { setting, expected, found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> RedisReplayStoreBuilder {
        RedisReplayStore::builder(&Redis::new("redis://:s3cret@127.0.0.1").unwrap())
    }

    #[test]
    fn settings_have_ranges() {
        let limit = |milliseconds| builder().timeout(Duration::from_millis(milliseconds));
        let remote = RedisReplayStore::builder(&Redis::new("redis://redis.example").unwrap());
        for (settings, valid) in [
            (builder(), true),
            (builder().key_prefix(""), false),
            (builder().key_prefix("a".repeat(101)), false),
            (builder().key_prefix("a{b"), false),
            (builder().key_prefix("orders:dpop"), true),
            (limit(9), false),
            (limit(10), true),
            (limit(900), true),
            (limit(901), false),
            (remote, false),
        ] {
            assert_eq!(settings.clone().connect_lazy().is_ok(), valid, "{settings:?}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?} {:?}", builder(), builder().connect_lazy().unwrap());
        assert!(!shown.contains("s3cret") && shown.contains("127.0.0.1:6379"), "{shown}");
    }
}
