//! The background task of one issuer. It alone fetches, when the schedule says so, and publishes snapshots.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::clock::Clock;
use tokio::task::spawn_blocking;
use tracing::dispatcher;

use crate::keys::fetch::document::Fetched;
use crate::keys::fetch::endpoint::JwksEndpoint;
use crate::keys::fetched::{FetchedKeys, Snapshot};
use crate::keys::refresh::error::RefreshError;
use crate::keys::refresh::handle::Failure;
use crate::keys::set::KeySet;
use crate::metrics;
use crate::token::algorithm::Algorithm;

/// Everything the task needs. It holds no handle on the verifier, because it ends with the verifier.
pub(crate) struct RefreshTask {
    pub(crate) issuer: Arc<str>,
    pub(crate) keys: Arc<FetchedKeys>,
    pub(crate) endpoint: JwksEndpoint,
    pub(crate) algorithms: Arc<[Algorithm]>,
    pub(crate) max_stale: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Held, because dropping it reports the end of the task, even if the task never runs.
    pub(crate) _ended: RefreshEndedGuard,
}

/// The result of a successful fetch.
struct Fresh {
    keys: Arc<KeySet>,
    /// The issuer's `max-age`.
    advice: Option<Duration>,
}

impl RefreshTask {
    /// Runs until it is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            self.keys.refresh().wait_until_due().await;
            self.keys.refresh().begin();
            // The time before the request: keys are as old as the request, not as the response.
            let asked = self.clock.now();
            match self.fetch().await {
                Ok(fresh) => self.succeeded(asked, fresh),
                Err(error) => self.failed(error),
            }
        }
    }

    async fn fetch(&mut self) -> Result<Fresh, RefreshError> {
        let current = self.keys.snapshot().map(|snapshot| Arc::clone(&snapshot.keys));
        let response = self.endpoint.fetch(current.is_some()).await?;
        let keys = match (response.fetched, current) {
            (Fetched::Unchanged, Some(current)) => current,
            (Fetched::Unchanged, None) => return Err(RefreshError::NothingToKeep),
            (Fetched::Document(document), current) => {
                let (algorithms, log) = (Arc::clone(&self.algorithms), dispatcher::get_default(Clone::clone));
                let read = move || KeySet::from_json(&document, &algorithms, current.as_deref());
                // Off the threads that serve requests: the largest set that is read takes a third of a second.
                let keys = spawn_blocking(move || dispatcher::with_default(&log, read)).await;
                Arc::new(keys.map_err(|_| RefreshError::TaskEnded)??)
            }
        };
        self.endpoint.accepted(response.tag);
        Ok(Fresh { keys, advice: response.fresh_for })
    }

    fn succeeded(&self, asked: SystemTime, fresh: Fresh) {
        let Fresh { keys, advice } = fresh;
        let unchanged = self.keys.snapshot().is_some_and(|before| before.keys.has_same_keys(&keys));
        if unchanged {
            tracing::debug!(issuer = %self.issuer, "keys fetched, unchanged");
        } else {
            tracing::info!(issuer = %self.issuer, keys = ?keys.ids(), "keys fetched");
        }
        metrics::fetched(&self.issuer, asked);
        let snapshot = Snapshot { keys, fetched_at: asked, max_age: self.max_stale };
        self.keys.publish(snapshot, advice, fastrand::f64());
    }

    fn failed(&mut self, error: RefreshError) {
        let cause = error.source().map(ToString::to_string);
        let (issuer, url) = (&self.issuer, self.endpoint.redacted_url());
        if self.keys.snapshot().is_some() {
            tracing::warn!(%issuer, url, %error, cause, "JWKS refresh failed, keeping current keys");
        } else {
            tracing::warn!(%issuer, url, %error, cause, "JWKS fetch failed, no keys yet");
        }
        metrics::not_fetched(&self.issuer);
        let failure = Failure { url: url.to_owned(), error: Arc::new(error) };
        self.endpoint.failed();
        self.keys.fetch_failed(failure, fastrand::f64());
    }
}

/// Wakes waiting requests when the task ends, however it ends: with its verifier, with its runtime, or by a
/// panic of an application's clock.
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
