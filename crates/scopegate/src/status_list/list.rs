//! One status list: the snapshot that requests read, and the times of its fetches.

mod renewal;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use scopegate_proto::backoff::Backoff;
use scopegate_proto::url::SecureUrl;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::status_list::budget::{Reserved, Share};
use crate::status_list::document::SignedBy;
use crate::status_list::snapshot::{Looked, Snapshot};
use crate::token::numeric_date::NumericDate;

/// Bounds of the backoff after failed fetches, as for key sets.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);

/// The shortest time from the end of a fetch to the next one, for lists that expire soon or have
/// expired.
const MIN_PERIOD: Duration = Duration::from_secs(5);

/// Requests use an overdue list for this long before they make another fetch due: the longest delay
/// of a retry, and two fetches.
const USED_OVERDUE: Duration = Duration::from_secs(120);

/// Maximum number of requests that wait for one list. Each holds a connection.
const MAX_WAITING: usize = 4_096;

/// The parties that want to know whether a list was used, as bits.
const BY_TASK: u8 = 1;
const BY_SWEEP: u8 = 2;

/// A status list of one issuer.
pub(crate) struct List {
    uri: SecureUrl,
    snapshot: ArcSwapOption<Snapshot>,
    /// The parties that have not yet seen the last use.
    used: AtomicU8,
    state: Mutex<State>,
    /// Wakes the task, because a fetch may be due earlier.
    wake: Notify,
    /// Wakes waiting requests after a fetch.
    changed: watch::Sender<()>,
    waiting: Semaphore,
}

struct State {
    due: Instant,
    under_way: bool,
    /// The task has ended, or ends soon.
    ended: bool,
    backoff: Backoff,
    reserved: Reserved,
    last_use: Instant,
    /// The end of the last successful fetch, by both clocks.
    fetched: Option<(Instant, NumericDate)>,
    /// The end of the list by the monotonic clock.
    usable_until: Option<Instant>,
    /// The newest `iat` of this list so far. It stays when the list is dropped.
    newest: Option<NumericDate>,
    signed_by: Option<SignedBy>,
    last_success: Option<SystemTime>,
    last_failure: Option<String>,
}

impl List {
    /// Creates a list whose first fetch is due at once. `newest` is the `iat` that it had earlier.
    pub(super) fn new(uri: SecureUrl, share: &Arc<Share>, newest: Option<NumericDate>) -> Self {
        let now = Instant::now();
        let state = State {
            due: now,
            under_way: false,
            ended: false,
            backoff: Backoff::new(MIN_RETRY, MAX_RETRY),
            reserved: share.empty(),
            last_use: now,
            fetched: None,
            usable_until: None,
            newest,
            signed_by: None,
            last_success: None,
            last_failure: None,
        };
        Self {
            uri,
            snapshot: ArcSwapOption::empty(),
            used: AtomicU8::new(BY_TASK | BY_SWEEP),
            state: Mutex::new(state),
            wake: Notify::new(),
            changed: watch::Sender::new(()),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    pub(super) fn uri(&self) -> &SecureUrl {
        &self.uri
    }

    /// Looks up an index without a lock, and records a use.
    #[inline]
    pub(super) fn look_up(&self, index: u64, now: NumericDate) -> Looked {
        // Written only if it changes. Otherwise each use would invalidate the cache line of other cores.
        if self.used.load(Ordering::Relaxed) != BY_TASK | BY_SWEEP {
            self.used.store(BY_TASK | BY_SWEEP, Ordering::Relaxed);
        }
        self.peek(index, now)
    }

    /// Returns whether there is a usable list.
    pub(super) fn is_usable(&self, now: NumericDate) -> bool {
        self.peek(0, now) != Looked::Unusable
    }

    #[inline]
    fn peek(&self, index: u64, now: NumericDate) -> Looked {
        self.snapshot.load().as_deref().map_or(Looked::Unusable, |snapshot| snapshot.look_up(index, now))
    }

    /// Makes a fetch due, because the list is missing or overdue. After a failure, the backoff
    /// decides, and after a success at least 5 s pass. Returns whether a fetch is due or under way.
    pub(super) fn request(&self, now: NumericDate) -> bool {
        let mut state = self.state();
        if state.backoff.failures() == 0 && !state.under_way {
            self.make_due(&mut state, now);
        }
        state.is_pending(Instant::now())
    }

    /// Lets requests use an overdue list for some minutes. Its end stays.
    pub(super) fn use_overdue(&self, now: NumericDate) {
        let _locked = self.state();
        self.extend(now);
    }

    /// Returns the time until the next attempt in whole seconds, for `Retry-After`. At least 1 s.
    pub(super) fn retry_after(&self) -> Duration {
        let state = self.state();
        let wait = if state.under_way {
            Duration::ZERO
        } else {
            state.due.saturating_duration_since(Instant::now())
        };
        Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(Duration::from_secs(1))
    }

    /// Waits until no fetch is due or under way. At most 4,096 requests wait.
    pub(super) async fn settled(&self, deadline: Instant) {
        let Ok(_permit) = self.waiting.try_acquire() else { return };
        let mut changes = self.changed.subscribe();
        while self.state().is_pending(Instant::now()) {
            // The sender lives as long as the list.
            if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Ends the list, because its issuer has ended or it makes room for another one. Cached tokens
    /// may hold it, so it returns its memory at once.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.ended = true;
        self.drop_snapshot(&mut state);
        self.changed.send_replace(());
    }

    /// Returns the newest `iat` of the list so far.
    pub(super) fn newest(&self) -> Option<NumericDate> {
        self.state().newest
    }

    /// Returns whether the list was used since the last call. The first call returns `true`.
    pub(super) fn take_use_by_sweep(&self) -> bool {
        self.take_use(BY_SWEEP)
    }

    /// Returns the inflated bytes, the time of the last success and the last failure.
    pub(super) fn report(&self) -> (Option<usize>, Option<SystemTime>, Option<String>) {
        let bytes = self.snapshot.load().as_ref().map(|snapshot| snapshot.len());
        let state = self.state();
        (bytes, state.last_success, state.last_failure.clone())
    }

    fn take_use(&self, by: u8) -> bool {
        self.used.fetch_and(!by, Ordering::Relaxed) & by != 0
    }

    /// Extends the use of the list. The caller holds the lock.
    fn extend(&self, now: NumericDate) {
        if let Some(snapshot) = self.snapshot.load().as_deref() {
            snapshot.extend(now.plus(USED_OVERDUE));
        }
    }

    /// Makes a fetch due as early as the pause after the last one allows.
    fn make_due(&self, state: &mut State, now: NumericDate) {
        let due = state.earliest(Instant::now(), now);
        if due < state.due {
            state.due = due;
            self.wake.notify_one();
        }
    }

    fn drop_snapshot(&self, state: &mut State) {
        self.snapshot.store(None);
        state.reserved.clear();
        (state.signed_by, state.usable_until) = (None, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the time from which on a request may cause a fetch. If the process was suspended, the
    /// monotonic clock may have stopped, so a pause by either clock is enough.
    fn earliest(&self, monotonic: Instant, now: NumericDate) -> Instant {
        let is_near = |date: NumericDate| date.minus(MIN_PERIOD) < now && now < date.plus(MIN_PERIOD);
        match self.fetched {
            Some((at, date)) if is_near(date) => (at + MIN_PERIOD).max(monotonic),
            _ => monotonic,
        }
    }

    fn is_pending(&self, now: Instant) -> bool {
        !self.ended && (self.under_way || self.due <= now)
    }

    fn end_fetch(&mut self, due: Instant) {
        self.under_way = false;
        self.due = due;
    }
}

#[cfg(test)]
mod tests;
