//! Which revocations does the fleet share? A snapshot and a stream, their readers and writers.
//!
//! Keys of the server:
//!
//! | key | type | contents |
//! | --- | --- | --- |
//! | `{prefix}:entries` | hash | each entry: the mark of its last change, a space, and JSON. The fields `generation` (which data is this), `sequence` and `mark` (the number and the mark of the last change) |
//! | `{prefix}:ends` | sorted set | the entries that end, by their ends |
//! | `{prefix}:stream` | stream | the last changes, each with its number, its mark, and the mark of the change before |

mod change;
mod malformed;
mod publish;
mod reader;
mod snapshot;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate::{FeedClaim, Revocation, RevocationSource, Revocations};
use tokio::sync::Mutex;

use crate::connection::Redis;
use crate::connection::open::Connection;
use crate::connection::prefix::check_prefix;
use crate::error::{Chain, RedisError};
use crate::revocations::publish::Change;
use crate::revocations::reader::{BLOCK, Reader};

/// Revocations that a fleet shares through a server. Cloning shares the writer's connection.
///
/// Verifiers [`follow`](Self::follow) them. Any process can [`publish`](Self::publish) and
/// [`withdraw`](Self::withdraw).
#[derive(Clone)]
pub struct RedisRevocations {
    redis: Redis,
    prefix: String,
    max_feed_age: Option<Duration>,
    stream_length: usize,
    writer: Arc<Mutex<Option<Connection>>>,
}

/// The names of the server's keys. The braces make them one slot of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) entries: String,
    pub(crate) ends: String,
    pub(crate) stream: String,
}

const DEFAULT_PREFIX: &str = "scopegate:revocations";

const DEFAULT_STREAM_LENGTH: usize = 10_000;

impl RedisRevocations {
    /// Shares revocations through this server.
    pub fn new(redis: &Redis) -> Self {
        Self {
            redis: redis.clone(),
            prefix: DEFAULT_PREFIX.to_owned(),
            max_feed_age: None,
            stream_length: DEFAULT_STREAM_LENGTH,
            writer: Arc::default(),
        }
    }

    /// Sets the prefix of the server's keys. Default: `scopegate:revocations`. Range: 1–100
    /// characters without braces. Readers and writers need the same one.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long verification continues without the server. Afterwards each token is
    /// [`Error::RevocationsUnavailable`](scopegate::Error::RevocationsUnavailable) (503).
    ///
    /// While it follows changes, a connected reader is never older than 1 s and twice the
    /// [`timeout`](crate::Redis::timeout), so a lower limit is an error. Default: no limit. Range:
    /// 5 s–30 days.
    #[must_use]
    pub fn max_feed_age(mut self, limit: Duration) -> Self {
        self.max_feed_age = Some(limit);
        self
    }

    /// Sets how many changes the stream holds, for writers. Default: 10,000. Range: 100–1,000,000.
    ///
    /// A reader that was away for longer reads the snapshot. The server trims the stream in steps
    /// of about 100 changes.
    #[must_use]
    pub fn stream_length(mut self, changes: usize) -> Self {
        self.stream_length = changes;
        self
    }

    /// Loads all revocations, and follows them in a background task until the last clone of
    /// `revocations` is dropped.
    ///
    /// They are a source of their own, named by address, database and prefix. Its task lives on the
    /// runtime that this is called on.
    ///
    /// # Errors
    /// Returns an error if they cannot be loaded now, or within 10 min. Then they are not followed.
    /// Malformed entries are no error: they are reported. Returns [`RedisError::NothingPublished`] if
    /// the server has no data, which it may have lost. [Publish an empty list](Self::publish_all) if
    /// there are no revocations. Returns [`RedisError::NotFollowed`], and changes nothing, if they are
    /// followed already.
    pub async fn follow(&self, revocations: &Revocations) -> Result<(), RedisError> {
        self.check()?;
        let source = self.source(revocations)?;
        let claim = claim(&source)?;
        source.degraded(None);
        let mut connection = Connection::open(&self.redis).await?;
        let mut reader = Reader::new(self.redis.clone(), self.keys());
        reader.sync(&mut connection, &source).await?;
        reader.connection = Some(connection);
        // After a failure, readiness does not depend on the source.
        self.start(source, claim, reader);
        Ok(())
    }

    /// Follows a server that may be unreachable or without data now. Otherwise like
    /// [`follow`](Self::follow).
    ///
    /// Until the revocations were loaded once, [`Verifier::status`](scopegate::Verifier::status) is
    /// not ready. Tokens are accepted, or rejected with 503 if there is a
    /// [`max_feed_age`](Self::max_feed_age).
    ///
    /// # Errors
    /// Returns an error for a setting. Returns [`RedisError::NotFollowed`], and changes nothing, for
    /// revocations that are followed already.
    pub fn follow_lazy(&self, revocations: &Revocations) -> Result<(), RedisError> {
        self.check()?;
        let source = self.source(revocations)?;
        let claim = claim(&source)?;
        source.degraded(None);
        self.start(source, claim, Reader::new(self.redis.clone(), self.keys()));
        Ok(())
    }

    /// Publishes a revocation. Returns when the server has stored it. Each connected reader rejects
    /// the token some milliseconds later.
    ///
    /// A published entry of the same token, subject, client, session or key is merged with it: the
    /// later times apply. So publishing again changes nothing.
    ///
    /// # Errors
    /// Returns an error if it was not stored. After [`RedisError::Timeout`] or
    /// [`RedisError::Unreachable`] it may be stored. Publish it again.
    pub async fn publish(&self, revocation: &Revocation) -> Result<(), RedisError> {
        self.publish_all([revocation]).await
    }

    /// Publishes revocations, 250 in each step. Other calls take turns with the steps.
    ///
    /// An empty list prepares a server without data, and says that there are no revocations. Before
    /// that, a reader cannot know whether the server has lost them.
    ///
    /// # Errors
    /// Returns an error as [`publish`](Self::publish) does. Some may be stored.
    pub async fn publish_all<'a>(
        &self,
        all: impl IntoIterator<Item = &'a Revocation>,
    ) -> Result<(), RedisError> {
        let lines = all.into_iter().map(publish::line).collect::<Result<_, _>>()?;
        self.write(Change::Revoke, lines).await
    }

    /// Withdraws the published entry of the same token, subject, client, session or key, whatever
    /// its times are.
    ///
    /// # Errors
    /// Returns an error as [`publish`](Self::publish) does. It may be withdrawn then. Withdrawing
    /// again also removes an entry that was published in between.
    pub async fn withdraw(&self, revocation: &Revocation) -> Result<(), RedisError> {
        self.write(Change::Withdraw, vec![publish::line(revocation)?]).await
    }

    fn source(&self, revocations: &Revocations) -> Result<RevocationSource, RedisError> {
        let (address, database) = (self.redis.address(), self.redis.database());
        let source = revocations.source(&format!("redis {address}/{database} {}", self.prefix));
        source.map_err(|source| RedisError::NotStored { source })
    }

    /// Reads in the background.
    fn start(&self, source: RevocationSource, claim: FeedClaim, reader: Reader) {
        let source = source.with_initial_sync();
        if let Some(limit) = self.max_feed_age {
            drop(source.with_max_feed_age(limit));
        }
        let reader = Arc::new(Mutex::new(reader));
        claim.feed(move |source| {
            let reader = Arc::clone(&reader);
            async move { reader.lock().await.run(&source).await.map_err(Chain) }
        });
    }

    fn keys(&self) -> Keys {
        let key = |name| format!("{{{}}}:{name}", self.prefix);
        Keys { entries: key("entries"), ends: key("ends"), stream: key("stream") }
    }

    fn check(&self) -> Result<(), RedisError> {
        self.redis.check()?;
        let error = |setting, expected, found| Err(RedisError::OutOfRange { setting, expected, found });
        if !(100..=1_000_000).contains(&self.stream_length) {
            return error("stream length", "100 to 1,000,000", self.stream_length.to_string());
        }
        check_prefix(&self.prefix)?;
        let Some(age) = self.max_feed_age else { return Ok(()) };
        let found = format!("{} s", age.as_secs_f64());
        let (from, to) = (Duration::from_secs(5), Duration::from_secs(30 * 24 * 3_600));
        if !(from..=to).contains(&age) {
            return error("feed age", "5 s to 30 days", found);
        }
        // A read waits for changes and for its response, and then for the response to a check.
        if age < BLOCK + 2 * self.redis.response_limit() {
            return error("feed age", "at least 1 s and twice the timeout of Redis", found);
        }
        Ok(())
    }
}

/// Only one task follows a source. Nothing changes before it is claimed.
fn claim(source: &RevocationSource) -> Result<FeedClaim, RedisError> {
    source.claim_feed().map_err(|source| RedisError::NotFollowed { source })
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisRevocations");
        shown.field("redis", &self.redis).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> RedisRevocations {
        RedisRevocations::new(&Redis::new("redis://:s3cret@127.0.0.1").unwrap())
    }

    #[test]
    fn settings_have_ranges() {
        let age = |seconds| shared().max_feed_age(Duration::from_secs(seconds));
        let slow = |seconds| {
            let redis = Redis::new("redis://127.0.0.1").unwrap().timeout(Duration::from_secs(30));
            RedisRevocations::new(&redis).max_feed_age(Duration::from_secs(seconds))
        };
        for (settings, valid) in [
            (shared(), true),
            (shared().key_prefix(""), false),
            (shared().key_prefix("a"), true),
            (shared().key_prefix("a".repeat(101)), false),
            (shared().key_prefix("a}b"), false),
            (shared().key_prefix("a\nb"), false),
            (shared().stream_length(99), false),
            (shared().stream_length(100), true),
            (shared().stream_length(1_000_001), false),
            (age(4), false),
            (age(5), true),
            (age(30 * 86_400 + 1), false),
            (slow(60), false),
            (slow(61), true),
        ] {
            assert_eq!(settings.check().is_ok(), valid, "{settings:?}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", shared()).contains("s3cret"));
    }
}
