//! The background task of one issuer. It alone fetches, when the schedule says so, and publishes snapshots.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::keys::fetch::document::Fetched;
use crate::keys::fetch::endpoint::JwksEndpoint;
use crate::keys::fetched::{FetchedKeys, Withdrawal};
use crate::keys::jwk::KeyRules;
use crate::keys::refresh::catch_panic::{catch_panic, ignore_panic};
use crate::keys::refresh::error::{Failure, RefreshError};
use crate::keys::refresh::reader::Reader;
use crate::keys::refresh::schedule::FETCH_TIMEOUT;
use crate::keys::set::{JwksError, KeySet};
use crate::metrics;

/// Everything the task needs. It holds no handle on the verifier, because it ends with the verifier.
pub(crate) struct RefreshTask {
    pub(crate) issuer: Arc<str>,
    pub(crate) keys: Arc<FetchedKeys>,
    pub(crate) endpoint: JwksEndpoint,
    pub(crate) accepted: Arc<KeyRules>,
    pub(crate) max_stale: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Bounds how many issuers of a verifier are fetched for the first time at once.
    pub(crate) starts: Arc<Semaphore>,
    pub(crate) progress: Progress,
    /// Held, because dropping it reports the end of the task, even if the task never runs.
    pub(crate) _ended: RefreshEndedGuard,
}

/// What the task remembers from one fetch to the next.
#[derive(Default)]
pub(crate) struct Progress {
    reader: Reader,
    started: bool,
    /// When a whole document was requested last that is in use now, by both clocks.
    complete_at: Option<(Instant, SystemTime)>,
}

/// The result of a successful fetch.
struct Fresh {
    keys: Arc<KeySet>,
    /// The issuer's `max-age`.
    advice: Option<Duration>,
    /// The entity tag, if the document is the one of an earlier fetch or a new one.
    tag: Option<String>,
    is_complete: bool,
}

impl RefreshTask {
    /// Runs until it is aborted, or its runtime turns out to have no timers.
    pub(crate) async fn run(mut self) {
        loop {
            self.keys.refresh().wait_until_due().await;
            // Subscribers, recorders and clocks are the application's. Their panic must not end the refresh: the pause
            // before the next attempt is that of any failure.
            if let Err(message) = catch_panic(self.attempt()).await {
                self.panicked(message);
            }
        }
    }

    async fn attempt(&mut self) {
        let starts = Arc::clone(&self.starts);
        let _first = if self.progress.started { None } else { starts.acquire().await.ok() };
        self.progress.started = true;
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

    /// Whether the document has to come as a whole: once per stale limit, so that a cache which answers "not modified"
    /// for ever does not keep a withdrawn key alive.
    fn needs_complete(&self, (now, wall): (Instant, SystemTime)) -> bool {
        self.progress.complete_at.is_none_or(|(at, wall_at)| {
            let age = now.duration_since(at).max(wall.duration_since(wall_at).unwrap_or_default());
            age >= self.max_stale
        })
    }

    fn succeeded(&mut self, asked: (Instant, SystemTime), fresh: Fresh) {
        let Fresh { keys, advice, tag, is_complete } = fresh;
        let earlier = self.keys.snapshot();
        self.endpoint.accepted(tag);
        if is_complete {
            self.progress.complete_at = Some(asked);
        }
        // First of all: a subscriber or a recorder may panic.
        let changed = self.keys.publish(&keys, asked.1, self.max_stale, advice, fastrand::f64());
        if changed {
            tracing::info!(issuer = %self.issuer, keys = ?keys.ids(), "keys fetched");
        } else {
            tracing::debug!(issuer = %self.issuer, "keys fetched, unchanged");
        }
        keys.log_skipped(&self.issuer, earlier.as_ref().map(|earlier| &*earlier.keys));
        metrics::fetched(&self.issuer, asked.1);
    }

    fn none_usable(&mut self, asked: SystemTime, set: &Arc<KeySet>) {
        let earlier = self.keys.snapshot();
        let error = RefreshError::from(JwksError::NoneUsable(set.skipped().to_vec()));
        let failure = self.failure(error);
        let (issuer, url, error) = (&self.issuer, failure.url.clone(), failure.error.chain());
        let withdrawal = self.keys.none_usable(set, failure, asked, fastrand::f64());
        match withdrawal {
            Withdrawal::NoKeys => tracing::warn!(%issuer, url, error, "JWKS fetch failed, no keys yet"),
            Withdrawal::Unconfirmed => {
                tracing::warn!(%issuer, url, error, "JWKS without usable keys, keeping current keys until it is confirmed");
            }
            Withdrawal::Confirmed => tracing::warn!(%issuer, url, error, "keys withdrawn by the issuer"),
        }
        set.log_skipped(issuer, earlier.as_ref().map(|earlier| &*earlier.keys));
        metrics::not_fetched(issuer);
    }

    fn failed(&mut self, asked: SystemTime, error: RefreshError) {
        let failure = self.failure(error);
        let (issuer, url, error) = (&self.issuer, failure.url.clone(), failure.error.chain());
        self.endpoint.failed();
        self.keys.fetch_failed(failure, asked, fastrand::f64());
        if self.keys.keys().is_some() {
            tracing::warn!(%issuer, url, error, "JWKS refresh failed, keeping current keys");
        } else {
            tracing::warn!(%issuer, url, error, "JWKS fetch failed, no keys yet");
        }
        metrics::not_fetched(issuer);
    }

    /// The attempt has panicked, in code of the application. So the report of it may panic too.
    fn panicked(&mut self, message: Excerpt) {
        let failure = self.failure(RefreshError::Panicked(message));
        let error = failure.error.chain();
        let mut now = SystemTime::now();
        // It may be what has panicked.
        ignore_panic(|| now = self.clock.now());
        self.keys.fetch_failed(failure, now, fastrand::f64());
        ignore_panic(|| tracing::error!(issuer = %self.issuer, error, "JWKS refresh panicked, retrying"));
        ignore_panic(|| metrics::not_fetched(&self.issuer));
    }

    fn failure(&self, error: RefreshError) -> Failure {
        Failure { url: self.endpoint.redacted_url().to_owned(), error: Arc::new(error) }
    }
}

/// Wakes waiting requests when the task ends, however it ends: with its verifier, with its runtime, or because its
/// runtime has no timers.
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
