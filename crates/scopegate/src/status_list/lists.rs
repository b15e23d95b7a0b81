//! The status lists of one issuer: a bounded number, each with a background task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use scopegate_proto::url::SecureUrl;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Level;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::fetch::permits::LastFetch;
use crate::keys::refresh::reader::Reader;
use crate::status::status_list::StatusListStatus;
use crate::status_list::ListRules;
use crate::status_list::budget::Share;
use crate::status_list::list::List;
use crate::status_list::newest::Newest;
use crate::status_list::task::{EndedGuard, ListClient, ListTask, Signer, event};
use crate::token::numeric_date::NumericDate;

/// The minimum time between two searches for unused lists. A list that no token has used in
/// between makes room for another.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum number of fetches of one issuer at the same time. A server that does not respond delays
/// the issuer's other lists, and no lists of other issuers.
const MAX_ISSUER_FETCHES: usize = 4;

/// The lists of an issuer. Cached tokens do not hold them, so the tasks end with the issuer.
pub(crate) struct Lists {
    rules: ListRules,
    signer: Arc<Signer>,
    client: Arc<ListClient>,
    runtime: Handle,
    /// By their URLs. The number is bounded.
    running: ArcSwap<HashMap<Box<str>, Arc<Running>>>,
    /// The issuer's part of the verifier's memory.
    share: Arc<Share>,
    fetches: Arc<Semaphore>,
    /// Only changes take the lock.
    changes: Mutex<Changes>,
}

/// The state of changes to the lists.
#[derive(Default)]
struct Changes {
    /// The time of the last search for unused lists.
    swept_at: Option<Instant>,
    /// Lists that were dropped, which are not replaced by older ones when they are started again.
    newest: Newest,
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
        let (running, changes) = (ArcSwap::default(), Mutex::default());
        let (share, fetches) = (client.budget.share(), Arc::new(Semaphore::new(MAX_ISSUER_FETCHES)));
        Arc::new(Self { rules, signer: Arc::new(signer), client, runtime, running, share, fetches, changes })
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
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = self.find(uri) {
            return Some(list);
        }
        if self.is_full() && !self.sweep(&mut changes) {
            return None;
        }
        // It was such a URL when the token was verified.
        let url = SecureUrl::parse(uri).ok()?;
        let list = Arc::new(List::new(url, &self.share, changes.newest.take(uri)));
        let task = ListTask {
            list: Arc::clone(&list),
            signer: Arc::clone(&self.signer),
            client: Arc::clone(&self.client),
            fetches: Arc::clone(&self.fetches),
            max_stale: self.rules.max_stale,
            reader: Reader::default(),
            last: LastFetch::None,
            _ended: EndedGuard(Arc::clone(&list)),
        };
        let task = AbortOnDrop(self.runtime.spawn(task.run()).abort_handle());
        let mut running = HashMap::clone(&self.running.load());
        running.insert(uri.into(), Arc::new(Running { list: Arc::clone(&list), _task: task }));
        self.running.store(Arc::new(running));
        Some(list)
    }

    fn is_full(&self) -> bool {
        self.running.load().len() >= self.rules.max_lists
    }

    /// Removes the lists that no token has used since the last search. Returns whether there is room
    /// for another list. If the last search was less than a minute ago, it does nothing.
    fn sweep(&self, changes: &mut Changes) -> bool {
        let now = Instant::now();
        if changes.swept_at.is_some_and(|at| now.duration_since(at) < SWEEP_INTERVAL) {
            return false;
        }
        let is_first = changes.swept_at.is_none();
        changes.swept_at = Some(now);
        let mut running = HashMap::clone(&self.running.load());
        running.retain(|uri, running| {
            let stays = running.list.take_use_by_sweep() || is_first;
            if !stays {
                if let Some(issued_at) = running.list.newest() {
                    changes.newest.remember(uri, issued_at);
                }
                running.list.close();
            }
            stays
        });
        let has_room = running.len() < self.rules.max_lists;
        if has_room {
            self.running.store(Arc::new(running));
        } else {
            let (issuer, limit) = (&self.signer.issuer, self.rules.max_lists);
            event!(
                self.signer,
                WARN,
                %issuer,
                limit,
                "too many status lists, rejecting tokens of further lists"
            );
        }
        has_room
    }
}

impl Drop for Lists {
    /// Returns the memory of the lists at once. Cached tokens may hold them for longer.
    fn drop(&mut self) {
        for running in self.running.load().values() {
            running.list.close();
        }
    }
}
