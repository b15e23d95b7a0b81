//! The background task of one key set, which fetches it on schedule and publishes snapshots.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use tokio::time::{Instant, timeout};
use tracing::Level;

use crate::background::catch_panic::{catch_panic, ignore_panic};
use crate::fetch::document::Fetched;
use crate::fetch::permits::{FetchPermits, LastFetch};
use crate::keys::endpoint::JwksEndpoint;
use crate::keys::fetched::{FetchedKeys, Withdrawal};
use crate::keys::refresh::error::{Failure, RefreshError};
use crate::keys::refresh::reader::Reader;
use crate::keys::refresh::schedule::FETCH_TIMEOUT;
use crate::keys::set::{JwksError, KeySet};
use crate::keys::users::Users;
use crate::telemetry::causes::with_causes;
use crate::telemetry::log_limit::IssuerLogLimit;
use crate::telemetry::metrics;
use crate::token::algorithm::Algorithm;

/// The background task of one key set. It holds no handle on the verifier, because it ends with the
/// verifier, or with the last issuer that uses the key set.
pub(crate) struct RefreshTask {
    /// The issuers that use the keys now, for logs and metrics.
    pub(crate) users: Arc<Users>,
    /// The bound on log events about issuers that are trusted while the verifier runs.
    pub(crate) log_limit: Arc<IssuerLogLimit>,
    pub(crate) keys: Arc<FetchedKeys>,
    pub(crate) endpoint: JwksEndpoint,
    pub(crate) accepted: Arc<[Algorithm]>,
    pub(crate) max_stale: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Bounds the number of the verifier's fetches that run at the same time.
    pub(crate) permits: Arc<FetchPermits>,
    pub(crate) progress: Progress,
    /// Dropping the guard reports the end of the task, even if the task never runs.
    pub(crate) _ended: RefreshEndedGuard,
}

/// The task's state between fetches.
#[derive(Default)]
pub(crate) struct Progress {
    reader: Reader,
    last: LastFetch,
    /// The time of the last request that returned a whole document, by both clocks.
    complete_at: Option<(Instant, SystemTime)>,
}

/// The result of a successful fetch.
struct Fresh {
    keys: Arc<KeySet>,
    /// The issuer's `max-age`.
    advice: Option<Duration>,
    /// The entity tag of the document, which may be the document of an earlier fetch.
    tag: Option<String>,
    is_complete: bool,
}

/// Writes an event. Events beyond the limit are written at `DEBUG`.
macro_rules! event {
    ($task:expr, $level:ident, $($fields:tt)+) => {{
        let issuer = &$task.users;
        if $task.may_log(Level::$level) {
            tracing::event!(Level::$level, %issuer, $($fields)+);
        } else {
            tracing::debug!(%issuer, $($fields)+);
        }
    }};
}

impl RefreshTask {
    /// Runs until the task is aborted. On a runtime without timers, it ends at the first wait.
    pub(crate) async fn run(mut self) {
        loop {
            self.keys.refresh().wait_until_due().await;
            // Subscribers, recorders and clocks are the application's code. A panic there must not end the
            // refresh, so it counts as a failed attempt and the backoff follows.
            // The attempt is on the heap, so that a waiting task is small.
            if let Err(message) = catch_panic(Box::pin(self.attempt())).await {
                self.panicked(message);
            }
        }
    }

    async fn attempt(&mut self) {
        let permits = Arc::clone(&self.permits);
        let _permit = permits.acquire(self.progress.last).await;
        // What becomes of it if it panics.
        self.progress.last = LastFetch::Failed;
        let begun = self.keys.begin();
        // The time before the request: keys are as old as the request, not as the response.
        let asked = (Instant::now(), self.clock.now());
        let fetched = timeout(FETCH_TIMEOUT, self.fetch(asked, begun.forced)).await;
        match fetched.unwrap_or(Err(RefreshError::TooSlow)) {
            Ok(fresh) if fresh.keys.is_empty() => self.none_usable(asked.1, &fresh.keys),
            Ok(fresh) => self.succeeded(asked, fresh),
            Err(error) => self.failed(asked.1, error),
        }
    }

    async fn fetch(&mut self, asked: (Instant, SystemTime), forced: bool) -> Result<Fresh, RefreshError> {
        let current = self.keys.keys();
        let conditional = current.is_some() && !forced && !self.needs_complete(asked);
        let response = self.endpoint.fetch(conditional).await?;
        let (advice, tag) = (response.fresh_for, response.tag);
        let (keys, is_complete) = match (response.fetched, current) {
            (Fetched::Unchanged, Some(current)) => (current, false),
            (Fetched::Unchanged, None) => return Err(RefreshError::NothingToKeep),
            (Fetched::Document(document), current) => {
                let (accepted, size) = (Arc::clone(&self.accepted), document.len());
                let read = move || KeySet::from_json(&document, &*accepted, current.as_deref());
                (Arc::new(self.progress.reader.read(size, read).await??), true)
            }
        };
        Ok(Fresh { keys, advice, tag, is_complete })
    }

    /// Returns whether the whole document must be requested. That is once per stale limit, so that
    /// a cache which always responds "not modified" cannot keep a withdrawn key alive.
    fn needs_complete(&self, (now, wall): (Instant, SystemTime)) -> bool {
        self.progress.complete_at.is_none_or(|(at, wall_at)| {
            let age = now.duration_since(at).max(wall.duration_since(wall_at).unwrap_or_default());
            age >= self.max_stale
        })
    }

    fn succeeded(&mut self, asked: (Instant, SystemTime), fresh: Fresh) {
        let Fresh { keys, advice, tag, is_complete } = fresh;
        let earlier = self.keys.snapshot();
        self.progress.last = LastFetch::Succeeded;
        self.endpoint.accepted(tag);
        if is_complete {
            self.progress.complete_at = Some(asked);
        }
        // Publish before logging, because a subscriber or a recorder may panic.
        let changed = self.keys.publish(&keys, asked.1, self.max_stale, advice, fastrand::f64());
        let url = self.endpoint.redacted_url();
        if changed {
            event!(self, INFO, url, keys = ?keys.ids(), "keys fetched");
        } else {
            tracing::debug!(issuer = %self.users, url, "keys fetched, unchanged");
        }
        let earlier = earlier.as_ref().map(|earlier| &*earlier.keys);
        keys.log_skipped(&self.users, earlier, |level| self.may_log(level));
        for label in self.users.labels() {
            metrics::fetched(&label, asked.1);
        }
    }

    fn none_usable(&mut self, asked: SystemTime, set: &Arc<KeySet>) {
        let earlier = self.keys.snapshot();
        let error = RefreshError::from(JwksError::NoneUsable(set.skipped().to_vec()));
        let failure = self.failure(error);
        let (url, error) = (failure.url.clone(), with_causes(&failure.error));
        let withdrawal = self.keys.none_usable(set, failure, asked, fastrand::f64());
        match withdrawal {
            Withdrawal::NoKeys => event!(self, WARN, url, error, "JWKS fetch failed, no keys yet"),
            Withdrawal::Unconfirmed => {
                event!(
                    self,
                    WARN,
                    url,
                    error,
                    "JWKS without usable keys, keeping current keys until it is confirmed"
                );
            }
            Withdrawal::Confirmed => event!(self, WARN, url, error, "keys withdrawn by the issuer"),
        }
        let earlier = earlier.as_ref().map(|earlier| &*earlier.keys);
        set.log_skipped(&self.users, earlier, |level| self.may_log(level));
        self.count_failure();
    }

    fn failed(&mut self, asked: SystemTime, error: RefreshError) {
        let failure = self.failure(error);
        let (url, error) = (failure.url.clone(), with_causes(&failure.error));
        self.endpoint.failed();
        self.keys.fetch_failed(failure, asked, fastrand::f64());
        if self.keys.keys().is_some() {
            event!(self, WARN, url, error, "JWKS refresh failed, keeping current keys");
        } else {
            event!(self, WARN, url, error, "JWKS fetch failed, no keys yet");
        }
        self.count_failure();
    }

    fn count_failure(&self) {
        for label in self.users.labels() {
            metrics::not_fetched(&label);
        }
    }

    /// Returns whether one more event may be logged. Thousands of issuers may be trusted while the
    /// verifier runs, and an attacker may name them.
    fn may_log(&self, level: Level) -> bool {
        self.users.have_own_label() || self.log_limit.allows_one(level)
    }

    /// Records an attempt that panicked in the application's code. Logging and metrics may panic
    /// again.
    fn panicked(&mut self, message: Excerpt) {
        let failure = self.failure(RefreshError::Panicked(message));
        let error = with_causes(&failure.error);
        let mut now = SystemTime::now();
        // The clock may be the cause of the panic.
        ignore_panic(|| now = self.clock.now());
        self.keys.fetch_failed(failure, now, fastrand::f64());
        ignore_panic(|| event!(self, ERROR, error, "JWKS refresh panicked, retrying"));
        ignore_panic(|| self.count_failure());
    }

    fn failure(&self, error: RefreshError) -> Failure {
        Failure { url: self.endpoint.redacted_url().to_owned(), error: Arc::new(error) }
    }
}

/// A guard that wakes waiting requests when the task ends: with its verifier, with its runtime, or
/// because the runtime has no timers.
pub(crate) struct RefreshEndedGuard(pub(crate) Arc<FetchedKeys>);

impl Drop for RefreshEndedGuard {
    fn drop(&mut self) {
        self.0.refresh().update(|state| {
            state.ended = true;
            let error = Arc::new(RefreshError::TaskEnded);
            state.history.last_failure.get_or_insert_with(|| Failure { url: String::new(), error });
        });
    }
}
