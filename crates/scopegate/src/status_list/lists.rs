//! The status lists of one issuer: a bounded number, each with a background task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use scopegate_proto::url::SecureUrl;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::keys::refresh::abort_on_drop::AbortOnDrop;
use crate::keys::refresh::permits::LastFetch;
use crate::keys::refresh::reader::Reader;
use crate::status::status_list::StatusListStatus;
use crate::status_list::ListRules;
use crate::status_list::list::List;
use crate::status_list::task::{EndedGuard, ListClient, ListTask, Signer};
use crate::token::numeric_date::NumericDate;

/// The minimum time between two searches for unused lists. A list that no token has used in
/// between makes room for another.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The lists of an issuer. Cached tokens do not hold them, so the tasks end with the issuer.
pub(crate) struct Lists {
    rules: ListRules,
    signer: Arc<Signer>,
    client: Arc<ListClient>,
    runtime: Handle,
    /// By their URLs. The number is bounded.
    running: ArcSwap<HashMap<Box<str>, Arc<Running>>>,
    /// The time of the last search for unused lists. Only changes take the lock.
    swept_at: Mutex<Option<Instant>>,
}

/// A list and its task.
struct Running {
    list: Arc<List>,
    /// Dropping it ends the task.
    _task: AbortOnDrop,
}

impl Lists {
    pub(crate) fn new(
        rules: ListRules,
        signer: Signer,
        client: Arc<ListClient>,
        runtime: Handle,
    ) -> Arc<Self> {
        let (running, swept_at) = (ArcSwap::default(), Mutex::default());
        Arc::new(Self { rules, signer: Arc::new(signer), client, runtime, running, swept_at })
    }

    pub(super) fn rules(&self) -> &ListRules {
        &self.rules
    }

    /// Returns the state of each list, in the alphabetical order of the URLs.
    pub(crate) fn status(&self, now: NumericDate) -> Vec<StatusListStatus> {
        let running = self.running.load();
        let mut all: Vec<_> = running
            .values()
            .map(|running| {
                let (bytes, fetched_at, last_failure) = running.list.report();
                let usable = running.list.is_usable(now);
                let url = running.list.uri().without_query();
                StatusListStatus { url, usable, fetched_at, bytes: bytes.unwrap_or_default(), last_failure }
            })
            .collect();
        all.sort_by(|a, b| a.url.cmp(&b.url));
        all
    }

    /// Returns the list with this URL if it is running, without a lock.
    pub(super) fn find(&self, uri: &str) -> Option<Arc<List>> {
        self.running.load().get(uri).map(|running| Arc::clone(&running.list))
    }

    /// Returns the list with this URL. If it is not running, starts it. Returns `None` if there are
    /// too many lists.
    pub(super) fn open(&self, uri: &str) -> Option<Arc<List>> {
        if let Some(list) = self.find(uri) {
            return Some(list);
        }
        // No code that runs under this lock leaves the lists half changed.
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = self.find(uri) {
            return Some(list);
        }
        let mut running = HashMap::clone(&self.running.load());
        if running.len() >= self.rules.max_lists {
            self.sweep(&mut running, &mut swept_at);
        }
        if running.len() >= self.rules.max_lists {
            return None;
        }
        // It was such a URL when the token was verified.
        let list = Arc::new(List::new(SecureUrl::parse(uri).ok()?, &self.client.budget));
        let task = ListTask {
            list: Arc::clone(&list),
            signer: Arc::clone(&self.signer),
            client: Arc::clone(&self.client),
            max_stale: self.rules.max_stale,
            reader: Reader::default(),
            last: LastFetch::None,
            _ended: EndedGuard(Arc::clone(&list)),
        };
        let task = AbortOnDrop(self.runtime.spawn(task.run()).abort_handle());
        running.insert(uri.into(), Arc::new(Running { list: Arc::clone(&list), _task: task }));
        self.running.store(Arc::new(running));
        Some(list)
    }

    /// Removes the lists that no token has used since the last search, which was a minute ago or
    /// earlier.
    fn sweep(&self, running: &mut HashMap<Box<str>, Arc<Running>>, swept_at: &mut Option<Instant>) {
        let now = Instant::now();
        if swept_at.is_some_and(|at| now.duration_since(at) < SWEEP_INTERVAL) {
            return;
        }
        let is_first = swept_at.is_none();
        *swept_at = Some(now);
        running.retain(|_, running| {
            let stays = running.list.take_use_by_sweep() || is_first;
            if !stays {
                running.list.close();
            }
            stays
        });
        if running.len() >= self.rules.max_lists {
            let (issuer, limit) = (&self.signer.issuer, self.rules.max_lists);
            tracing::warn!(%issuer, limit, "too many status lists, rejecting tokens of further lists");
        } else {
            self.running.store(Arc::new(running.clone()));
        }
    }
}
