//! The background task of one issuer: it alone fetches, when the state machine says so, and replaces the snapshot.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::Instant;
use tracing::dispatcher;

use crate::clock::Clock;
use crate::keys::fetch::endpoint::Location;
use crate::keys::fetch::http::{FetchError, Fetched};
use crate::keys::set::KeySet;
use crate::keys::{Failure, KeySource, Usable};
use crate::metrics;
use crate::token::algorithm::Algorithm;

/// Everything the task needs; it holds no handle on the verifier, whose end is the task's end.
pub(crate) struct RefreshTask {
    pub(crate) issuer: Arc<str>,
    pub(crate) source: Arc<KeySource>,
    pub(crate) location: Location,
    pub(crate) algorithms: Arc<[Algorithm]>,
    pub(crate) usable_for: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Held for what happens when it is dropped, also if the task never runs.
    pub(crate) _end: End,
}

/// What a fetch brought.
struct Fresh {
    keys: Arc<KeySet>,
    /// How long the issuer says that they are fresh.
    advice: Option<Duration>,
}

impl RefreshTask {
    /// Runs until it is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            self.source.fetch_due().await;
            self.source.begin();
            // The time before the request: keys are as old as the question, not as the answer.
            let asked = self.clock.now();
            match self.fetch().await {
                Ok(fresh) => self.succeeded(asked, &fresh),
                Err(error) => self.failed(error),
            }
        }
    }

    async fn fetch(&mut self) -> Result<Fresh, FetchError> {
        let current = self.source.snapshot().map(|snapshot| Arc::clone(&snapshot.keys));
        let answer = self.location.fetch(current.is_some()).await?;
        let keys = match (answer.fetched, current) {
            (Fetched::Unchanged, Some(current)) => current,
            (Fetched::Unchanged, None) => return Err(FetchError::NothingToKeep),
            (Fetched::Document(document), current) => {
                let (algorithms, log) = (Arc::clone(&self.algorithms), dispatcher::get_default(Clone::clone));
                let read = move || KeySet::from_json(&document, &algorithms, current.as_deref());
                // Off the threads that serve requests, because the largest set that is read takes a third of a second.
                let keys = spawn_blocking(move || dispatcher::with_default(&log, read)).await;
                Arc::new(keys.map_err(|_| FetchError::TaskEnded)?.map_err(FetchError::NotAKeySet)?)
            }
        };
        self.location.accepted(answer.tag);
        Ok(Fresh { keys, advice: answer.fresh_for })
    }

    fn succeeded(&self, asked: SystemTime, fresh: &Fresh) {
        let before = self.source.snapshot();
        let unchanged = before.is_some_and(|before| before.keys.has_same_keys(&fresh.keys));
        if unchanged {
            tracing::debug!(issuer = %self.issuer, "keys fetched, unchanged");
        } else {
            tracing::info!(issuer = %self.issuer, keys = ?fresh.keys.ids(), "keys fetched");
        }
        let usable = Usable::Around { fetched: asked.into(), limit: self.usable_for };
        metrics::fetched(&self.issuer, asked);
        self.source.update(|state| {
            self.source.replace(Arc::clone(&fresh.keys), usable);
            state.history.succeeded += 1;
            state.history.last_success = Some(asked);
            state.history.failure = None;
            let contains = |key: &_| fresh.keys.contains(key);
            state.refresh.succeeded(Instant::now(), fresh.advice, fastrand::f64(), contains);
        });
    }

    fn failed(&mut self, error: FetchError) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let (issuer, url) = (&self.issuer, self.location.text());
        match self.source.snapshot() {
            Some(_) => {
                tracing::warn!(%issuer, url, %error, cause, "keys could not be fetched; the last good ones stay");
            }
            None => {
                tracing::warn!(%issuer, url, %error, cause, "keys could not be fetched; there are none yet");
            }
        }
        metrics::not_fetched(&self.issuer);
        let failure = Failure { url: url.to_owned(), error: Arc::new(error) };
        self.location.failed();
        self.source.update(|state| {
            state.history.failed += 1;
            state.history.failure = Some(failure);
            state.refresh.failed(Instant::now(), fastrand::f64());
        });
    }
}

/// A task that ends with its handle.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells those who wait that nothing will come any more, however the task ends: with its verifier, with its runtime, or by
/// a panic of somebody else's clock.
pub(crate) struct End(pub(crate) Arc<KeySource>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.update(|state| {
            state.ended = true;
            let error = Arc::new(FetchError::TaskEnded);
            state.history.failure.get_or_insert_with(|| Failure { url: String::new(), error });
        });
    }
}
