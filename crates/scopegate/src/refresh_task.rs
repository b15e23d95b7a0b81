//! The background task of one issuer: it alone fetches, when the state machine says so, and replaces the
//! snapshot.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::fetch::{FetchError, Fetcher};
use crate::key_set::KeySet;
use crate::key_source::{KeySource, Usable};
use crate::refresh::{Pace, Refresh};
use crate::{Algorithm, Clock, NumericDate};

/// Everything the task needs; it holds no handle on the verifier, whose end is the task's end.
pub(crate) struct RefreshTask {
    pub(crate) issuer: Arc<str>,
    pub(crate) source: Arc<KeySource>,
    pub(crate) fetcher: Fetcher,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) pace: Pace,
    pub(crate) usable_for: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RefreshTask {
    /// Runs until it is aborted.
    pub(crate) async fn run(self) {
        let mut refresh = Refresh::new(self.pace, Instant::now());
        loop {
            tokio::select! {
                () = sleep_until(refresh.due()) => {}
                () = self.source.unknown_key_reported() => {
                    if !refresh.unknown_key(Instant::now()) {
                        continue;
                    }
                }
            }
            self.source.update_progress(|progress| {
                progress.fetching = true;
                progress.extra_from = Some(refresh.extra_from());
            });
            let failure = self.fetch().await.err();
            let (now, random) = (Instant::now(), fastrand::f64());
            match &failure {
                None => refresh.succeeded(now, random),
                Some(_) => refresh.failed(now, random),
            }
            self.source.update_progress(|progress| {
                progress.attempts += 1;
                progress.fetching = false;
                progress.failure = failure.map(Arc::new);
                progress.next = refresh.due();
            });
        }
    }

    async fn fetch(&self) -> Result<(), FetchError> {
        // The time before the request: keys are as old as the question, not as the answer.
        let usable = Usable::Until(NumericDate::from(self.clock.now()).plus(self.usable_for));
        match self.fetch_keys().await {
            Ok(keys) => {
                tracing::debug!(issuer = %self.issuer, keys = ?keys.ids().collect::<Vec<_>>(), "keys fetched");
                self.source.replace(keys, usable);
                Ok(())
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(
                    issuer = %self.issuer,
                    url = self.fetcher.url(),
                    %error,
                    cause,
                    "keys could not be fetched; those that were fetched before, if any, stay in use"
                );
                Err(error)
            }
        }
    }

    async fn fetch_keys(&self) -> Result<KeySet, FetchError> {
        let body = self.fetcher.get().await?;
        KeySet::from_json(&body, &self.algorithms).map_err(FetchError::NotAKeySet)
    }
}
