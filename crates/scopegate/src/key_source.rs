//! Where the current keys of one issuer are: a snapshot that requests read without a lock, and the signals
//! between requests and the task that replaces it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::NumericDate;
use crate::fetch::FetchError;
use crate::key_set::KeySet;

/// How long a request waits for the fetch that its unknown key caused. A fetch takes milliseconds; a caller
/// that has waited a second is better served by a clear answer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// So many requests of one issuer wait at the same time. Each holds a connection and some kilobytes, and
/// whoever invents key ids must not fill the server with them.
const MOST_WAITING: usize = 1_024;

/// The keys of one issuer.
pub(crate) struct KeySource {
    current: ArcSwapOption<Snapshot>,
    unknown_key: Notify,
    progress: watch::Sender<Progress>,
    waiting: AtomicUsize,
}

struct Snapshot {
    keys: KeySet,
    usable: Usable,
}

/// How long keys may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Usable {
    /// Keys that were given, not fetched.
    Always,
    /// Fetched keys. A key that was withdrawn while the issuer could not be reached must not live for ever.
    Until(NumericDate),
}

/// What the refresh task has done and will do.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// How many attempts have ended.
    pub(crate) attempts: u64,
    pub(crate) fetching: bool,
    /// Why the last attempt failed, if it did.
    pub(crate) failure: Option<Arc<FetchError>>,
    pub(crate) next: Instant,
    /// From when on an unknown key causes a fetch; `None` where nothing is ever fetched.
    pub(crate) extra_from: Option<Instant>,
}

impl Progress {
    fn starting() -> Self {
        let now = Instant::now();
        Self { attempts: 0, fetching: true, failure: None, next: now, extra_from: Some(now) }
    }
}

/// What became of the fetch that a request waited for.
pub(crate) enum Waited {
    /// The keys are fresh: what is unknown now is unknown.
    Fresh,
    /// Nobody can say whether the issuer has the key.
    Undecided { retry_after: Duration },
}

/// The issuer's keys cannot be used now.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
}

impl KeySource {
    /// Keys that never change.
    pub(crate) fn given(keys: KeySet) -> Self {
        let source = Self::new(Progress { fetching: false, extra_from: None, ..Progress::starting() });
        source.replace(keys, Usable::Always);
        source
    }

    /// No keys yet; a task is about to fetch them.
    pub(crate) fn to_be_fetched() -> Self {
        Self::new(Progress::starting())
    }

    fn new(progress: Progress) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            unknown_key: Notify::new(),
            progress: watch::Sender::new(progress),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Reads the current keys: no lock, no copy.
    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Result<T, Unavailable> {
        let current = self.current.load();
        match current.as_deref() {
            Some(Snapshot { keys, usable: Usable::Always }) => Ok(read(keys)),
            Some(Snapshot { keys, usable: Usable::Until(end) }) if now < *end => Ok(read(keys)),
            _ => Err(Unavailable { retry_after: self.retry_after() }),
        }
    }

    pub(crate) fn replace(&self, keys: KeySet, usable: Usable) {
        self.current.store(Some(Arc::new(Snapshot { keys, usable })));
    }

    /// Tells the task that a token named a key that is not here.
    pub(crate) fn report_unknown_key(&self) {
        self.unknown_key.notify_one();
    }

    /// Until the next such report.
    pub(crate) async fn unknown_key_reported(&self) {
        self.unknown_key.notified().await;
    }

    pub(crate) fn update_progress(&self, update: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(update);
    }

    /// Until the first attempt to fetch has ended; says how.
    pub(crate) async fn first_attempt(&self) -> Option<Arc<FetchError>> {
        let mut progress = self.progress.subscribe();
        match progress.wait_for(|progress| progress.attempts > 0).await {
            Ok(progress) => progress.failure.clone(),
            // The sender is ours and lives as long as `self`.
            Err(_closed) => None,
        }
    }

    /// Waits for the fetch that an unknown key causes, if it causes one: at most a second.
    pub(crate) async fn fetched_for_unknown_key(&self) -> Waited {
        let mut progress = self.progress.subscribe();
        let seen = progress.borrow_and_update().clone();
        let extra = u64::from(seen.extra_from.is_some_and(|from| Instant::now() >= from));
        // A fetch that is under way may have been answered before the key was published.
        let awaited = seen.attempts + u64::from(seen.fetching) + extra;
        if awaited > seen.attempts {
            let Some(_place) = Place::take(&self.waiting) else { return self.undecided() };
            let done = progress.wait_for(|progress| progress.attempts >= awaited);
            if timeout(LONGEST_WAIT, done).await.is_err() {
                return self.undecided();
            }
        }
        if self.progress.borrow().failure.is_some() { self.undecided() } else { Waited::Fresh }
    }

    fn undecided(&self) -> Waited {
        Waited::Undecided { retry_after: self.retry_after() }
    }

    /// Until the next attempt, in whole seconds, at least one: what `Retry-After` can say (RFC 9110 §10.2.3).
    fn retry_after(&self) -> Duration {
        let wait = self.progress.borrow().next.saturating_duration_since(Instant::now());
        let begun = u64::from(wait.subsec_nanos() > 0);
        Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1))
    }
}

/// A place among the waiting, given back when it is dropped, also by a caller that went away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
