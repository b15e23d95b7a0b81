//! The background task of one status list, which fetches it when it is due.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::clock::Clock;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::causes::with_causes;
use crate::keys::fetch::transport::Transport;
use crate::keys::fetched::{KeyRequested, OverdueKeys, Reading};
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::jwk::Key;
use crate::keys::refresh::catch_panic::{catch_panic, ignore_panic};
use crate::keys::refresh::permits::{FetchPermits, LastFetch};
use crate::keys::refresh::reader::Reader;
use crate::keys::refresh::schedule::{FETCH_TIMEOUT, RefreshState};
use crate::keys::set::KeyLookupError;
use crate::metrics;
use crate::status_list::budget::Budget;
use crate::status_list::document::{UnverifiedList, VerifiedList};
use crate::status_list::error::ListError;
use crate::status_list::fetch;
use crate::status_list::list::List;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::KeyName;

/// Upper bound on the wait for a key that the list names and that is unknown. It is shorter than the
/// wait of requests for the list.
const KEY_WAIT: Duration = Duration::from_millis(1_500);

/// The parts that the status lists of all issuers of a verifier share.
pub(crate) struct ListClient {
    transport: Transport,
    pub(super) clock: Arc<dyn Clock>,
    permits: FetchPermits,
    pub(super) budget: Budget,
}

impl ListClient {
    pub(crate) fn new(transport: Transport, clock: Arc<dyn Clock>) -> Self {
        Self { transport, clock, permits: FetchPermits::new(), budget: Budget::default() }
    }
}

/// The issuer whose keys sign a list.
pub(crate) struct Signer {
    pub(crate) issuer: Arc<str>,
    pub(crate) keys: Arc<IssuerKeys>,
    pub(crate) algorithms: Arc<[Algorithm]>,
    pub(crate) leeway: Duration,
}

/// The background task of a list. It ends with the issuer's lists.
pub(super) struct ListTask {
    pub(super) list: Arc<List>,
    pub(super) signer: Arc<Signer>,
    pub(super) client: Arc<ListClient>,
    pub(super) max_stale: Duration,
    pub(super) reader: Reader,
    pub(super) last: LastFetch,
    /// Dropping the guard reports the end of the task, even if it never runs.
    pub(super) _ended: EndedGuard,
}

/// A guard that wakes waiting requests when the task ends.
pub(super) struct EndedGuard(pub(super) Arc<List>);

impl Drop for EndedGuard {
    fn drop(&mut self) {
        self.0.ended();
    }
}

impl ListTask {
    /// Runs until the task is aborted.
    pub(super) async fn run(mut self) {
        loop {
            self.list.wait_until_due().await;
            // Subscribers, recorders and clocks are the application's code, as in the task of keys.
            if let Err(message) = catch_panic(Box::pin(self.attempt())).await {
                let error = ListError::Panicked(message);
                let mut now = SystemTime::now();
                ignore_panic(|| now = self.client.clock.now());
                self.list.failed(&error, now.into(), fastrand::f64());
                ignore_panic(|| self.log_failure(&error));
            }
        }
    }

    async fn attempt(&mut self) {
        let client = Arc::clone(&self.client);
        let _permit = client.permits.acquire(self.last).await;
        // What becomes of it if it panics.
        self.last = LastFetch::Failed;
        if !self.list.begin(self.max_stale) {
            return;
        }
        // The time before the request: a list is as old as the request.
        let asked = (Instant::now(), self.client.clock.now());
        let fetched = timeout(FETCH_TIMEOUT, self.fetch()).await.unwrap_or(Err(ListError::TooSlow));
        let published =
            fetched.and_then(|list| self.list.publish(list, asked, self.max_stale, fastrand::f64()));
        match published {
            Ok(()) => {
                self.last = LastFetch::Succeeded;
                let url = self.list.uri().without_query();
                tracing::debug!(issuer = %self.signer.issuer, url, "status list fetched");
                metrics::status_list_fetched(&self.signer.issuer, true);
            }
            Err(error) => {
                self.list.failed(&error, asked.1.into(), fastrand::f64());
                self.log_failure(&error);
                metrics::status_list_fetched(&self.signer.issuer, false);
            }
        }
    }

    async fn fetch(&mut self) -> Result<VerifiedList, ListError> {
        let uri = self.list.uri().clone();
        let client = self.client.transport.client(&uri).map_err(ListError::Client)?;
        let document = fetch::get(&client, &uri).await?;
        let (size, algorithms) = (document.len(), Arc::clone(&self.signer.algorithms));
        let read = move || UnverifiedList::read(document, &algorithms);
        let list = self.reader.read(size, read).await.map_err(|_| ListError::NotRead)??;
        let key = self.key(&list.key).await?;
        let (now, leeway) = (self.client.clock.now().into(), self.signer.leeway);
        let verify = move || list.verify(&key, uri.written(), now, leeway);
        self.reader.read(size, verify).await.map_err(|_| ListError::NotRead)?
    }

    /// Returns the issuer's key with this name. Waits for a fetch of the keys that may bring it.
    async fn key(&self, name: &KeyName) -> Result<Arc<Key>, ListError> {
        let (keys, deadline) = (&self.signer.keys, Instant::now() + KEY_WAIT);
        loop {
            let changes = keys.fetched().map(|fetched| fetched.refresh().watch());
            let find = |set: &crate::keys::set::KeySet| set.find(&name.id, name.algorithm).map(Arc::clone);
            let error = match keys.read(self.client.clock.now().into(), OverdueKeys::Use, None, find) {
                Reading::Current(Ok(key)) => return Ok(key),
                Reading::Current(Err(KeyLookupError::Ambiguous(found))) => {
                    return Err(ListError::AmbiguousKey(found));
                }
                Reading::Current(Err(KeyLookupError::Unknown)) => match keys.request(name, None) {
                    Some(KeyRequested::Arrived) => continue,
                    Some(KeyRequested::Missing(RefreshState::Pending)) => ListError::UnknownKey,
                    _ => return Err(ListError::UnknownKey),
                },
                Reading::Overdue | Reading::Unusable
                    if keys.fetched().is_some_and(|fetched| fetched.refresh().keys_unusable()) =>
                {
                    ListError::NoKeys
                }
                Reading::Overdue | Reading::Unusable => return Err(ListError::NoKeys),
            };
            let Some(mut changes) = changes else { return Err(error) };
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(error);
            }
        }
    }

    fn log_failure(&self, error: &ListError) {
        let (issuer, url, error) = (&self.signer.issuer, self.list.uri().without_query(), with_causes(error));
        if self.list.report().0.is_some() {
            tracing::warn!(%issuer, url, error, "status list refresh failed, keeping current list");
        } else {
            tracing::warn!(%issuer, url, error, "status list fetch failed, no list yet");
        }
    }
}
