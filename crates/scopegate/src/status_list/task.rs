//! The background task of one status list, which fetches it when it is due.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::clock::Clock;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::Level;

use crate::background::catch_panic::{catch_panic, ignore_panic};
use crate::fetch::permits::{FetchPermits, LastFetch};
use crate::fetch::transport::Transport;
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::refresh::handle::KeyWatcher;
use crate::keys::refresh::reader::Reader;
use crate::keys::refresh::schedule::FETCH_TIMEOUT;
use crate::keys::set::KeySet;
use crate::status_list::budget::Budget;
use crate::status_list::document::{SignedBy, UnverifiedList, VerifiedList};
use crate::status_list::error::ListError;
use crate::status_list::fetch;
use crate::status_list::list::List;
use crate::status_list::memory::FetchMemory;
use crate::telemetry::causes::with_causes;
use crate::telemetry::log_limit::IssuerLogLimit;
use crate::telemetry::metrics;
use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::token::algorithm::Algorithm;

/// Upper bound on the wait for a key that the list names and that is unknown. It is shorter than the
/// wait of requests for the list.
const KEY_WAIT: Duration = Duration::from_millis(1_500);

/// The parts that the status lists of all issuers of a verifier share.
pub(crate) struct ListClient {
    transport: Transport,
    pub(super) clock: Arc<dyn Clock>,
    permits: FetchPermits,
    pub(super) budget: Budget,
    memory: FetchMemory,
}

impl ListClient {
    pub(crate) fn new(transport: Transport, clock: Arc<dyn Clock>) -> Self {
        let (permits, budget, memory) = (FetchPermits::new(), Budget::default(), FetchMemory::new());
        Self { transport, clock, permits, budget, memory }
    }
}

/// The issuer whose keys sign a list.
pub(crate) struct Signer {
    pub(crate) issuer: Arc<str>,
    /// The issuer in metrics.
    pub(crate) label: IssuerLabel,
    /// The bound on log events, if the builder did not get the issuer.
    pub(crate) log_limit: Arc<IssuerLogLimit>,
    pub(crate) keys: Arc<IssuerKeys>,
    pub(crate) algorithms: Arc<[Algorithm]>,
    pub(crate) leeway: Duration,
}

impl Signer {
    /// Returns whether one more event about the issuer's lists may be logged at this level.
    pub(super) fn may_log(&self, level: Level) -> bool {
        self.log_limit.allows(&self.label, level)
    }

    /// Returns whether the name in a list's header still leads to this key in the last set.
    fn publishes(&self, SignedBy { key, name }: &SignedBy) -> bool {
        let leads_here =
            |set: &KeySet| set.find(&name.id, name.algorithm).is_ok_and(|found| Arc::ptr_eq(found, key));
        self.keys.read_last(None, leads_here).unwrap_or(false)
    }
}

/// Writes an event about the lists of an issuer. Events beyond the limit are written at `DEBUG`.
macro_rules! event {
    ($signer:expr, $level:ident, $($fields:tt)+) => {{
        if $signer.may_log(Level::$level) {
            tracing::event!(Level::$level, $($fields)+);
        } else {
            tracing::debug!($($fields)+);
        }
    }};
}

pub(super) use event;

/// The background task of a list. It ends with the issuer's lists.
pub(super) struct ListTask {
    pub(super) list: Arc<List>,
    pub(super) signer: Arc<Signer>,
    pub(super) client: Arc<ListClient>,
    /// The fetches of the issuer.
    pub(super) fetches: Arc<Semaphore>,
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
        let mut keys = self.signer.keys.fetched().map(|fetched| fetched.refresh().watch());
        loop {
            self.wait_until_due(&mut keys).await;
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

    /// Waits until a fetch is due. Meanwhile, checks the list's key after each change of the keys.
    async fn wait_until_due(&self, keys: &mut Option<KeyWatcher>) {
        let mut due = pin!(self.list.wait_until_due());
        loop {
            let changed = async {
                match keys {
                    Some(keys) => keys.changed().await,
                    // Static keys never change.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut due => return,
                () = changed => self.check_key(),
            }
        }
    }

    fn check_key(&self) {
        let mut now = SystemTime::now();
        ignore_panic(|| now = self.client.clock.now());
        if self.list.check_key(now.into(), |signed_by| self.signer.publishes(signed_by)) {
            let (issuer, url) = (&self.signer.issuer, self.list.uri().without_query());
            ignore_panic(|| {
                event!(self.signer, INFO, %issuer, url, "status list key withdrawn, fetching the list again");
            });
        }
    }

    async fn attempt(&mut self) {
        let (client, of_issuer) = (Arc::clone(&self.client), Arc::clone(&self.fetches));
        // In this order, so that an issuer's waiting lists hold no permit that others need.
        let _permit_of_issuer = of_issuer.acquire().await;
        let _permit = client.permits.acquire(self.last).await;
        // What becomes of it if it panics.
        self.last = LastFetch::Failed;
        if !self.list.begin() {
            // The list is dropped without a fetch, so its next fetch is a first one.
            self.last = LastFetch::None;
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
                metrics::status_list_fetched(&self.signer.label, true);
            }
            Err(error) => {
                self.list.failed(&error, asked.1.into(), fastrand::f64());
                self.log_failure(&error);
                metrics::status_list_fetched(&self.signer.label, false);
            }
        }
    }

    async fn fetch(&mut self) -> Result<VerifiedList, ListError> {
        let uri = self.list.uri().clone();
        let client = self.client.transport.client(&uri).map_err(ListError::Client)?;
        let document = fetch::get(&client, &uri, &self.client.memory).await?;
        let (size, algorithms) = (document.bytes.len(), Arc::clone(&self.signer.algorithms));
        let read = move || UnverifiedList::read(document, &algorithms);
        let list = self.reader.read(size, read).await.map_err(|_| ListError::NotRead)??;
        let deadline = Instant::now() + KEY_WAIT;
        let key = self.signer.keys.key_of_document(&list.key, &*self.client.clock, deadline).await?;
        let memory = self.client.memory.inflating().await;
        let (now, leeway) = (self.client.clock.now().into(), self.signer.leeway);
        let verify = move || list.verify(key, uri.written(), now, leeway, memory);
        self.reader.read(size, verify).await.map_err(|_| ListError::NotRead)?
    }

    fn log_failure(&self, error: &ListError) {
        let (issuer, url, error) = (&self.signer.issuer, self.list.uri().without_query(), with_causes(error));
        if self.list.report().0.is_some() {
            event!(self.signer, WARN, %issuer, url, error, "status list refresh failed, keeping current list");
        } else {
            event!(self.signer, WARN, %issuer, url, error, "status list fetch failed, no list yet");
        }
    }
}
