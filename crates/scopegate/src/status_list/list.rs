//! One status list: the snapshot that requests read, and the times of its fetches.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use scopegate_proto::backoff::{Backoff, jitter};
use scopegate_proto::url::SecureUrl;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::causes::with_causes;
use crate::status_list::array::StatusArray;
use crate::status_list::budget::{Budget, Reserved};
use crate::status_list::document::VerifiedList;
use crate::status_list::error::ListError;
use crate::token::numeric_date::NumericDate;

/// Bounds of the backoff after failed fetches, as for key sets.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);

/// The part of the period after which a list is renewed, and its random deviation, as for key sets.
const RENEW_AT: f64 = 0.8;
const JITTER: f64 = 0.1;

/// The shortest period of a list that expires soon.
const MIN_PERIOD: Duration = Duration::from_secs(5);

/// If a list is this much older than its period, requests wait for a fetch. The process may have
/// been suspended.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// Requests use an overdue list for this long before they make another fetch due: the longest delay
/// of a retry, and two fetches.
const USED_OVERDUE: Duration = Duration::from_secs(120);

/// A list that no token uses is not renewed. This is its period without a use.
const IDLE: Duration = Duration::from_secs(3_600);

/// The next fetch of an idle list. The next token makes a fetch due earlier.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3_600);

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

/// The list of one fetch.
#[derive(Clone)]
struct Snapshot {
    array: StatusArray,
    /// If the clock is set back, a list from the far future is unusable.
    not_before: NumericDate,
    /// Requests use the list until then without further checks.
    current_until: NumericDate,
    /// The end by `exp` or by the stale limit.
    usable_until: NumericDate,
}

struct State {
    due: Instant,
    under_way: bool,
    /// The task has ended with its runtime.
    ended: bool,
    backoff: Backoff,
    reserved: Reserved,
    last_use: Instant,
    last_success: Option<(Instant, SystemTime)>,
    last_failure: Option<String>,
}

/// The result of looking up an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The status, or `None` if the list is shorter.
    Found(Option<u8>),
    /// The list is usable, but a fetch should have replaced it.
    Overdue(Option<u8>),
    /// There is no usable list.
    Unusable,
}

impl List {
    /// Creates a list whose first fetch is due at once.
    pub(super) fn new(uri: SecureUrl, budget: &Budget) -> Self {
        let now = Instant::now();
        let state = State {
            due: now,
            under_way: false,
            ended: false,
            backoff: Backoff::new(MIN_RETRY, MAX_RETRY),
            reserved: budget.empty(),
            last_use: now,
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
        let snapshot = self.snapshot.load();
        let Some(snapshot) = snapshot.as_deref() else { return Looked::Unusable };
        if now <= snapshot.not_before || now >= snapshot.usable_until {
            Looked::Unusable
        } else if now < snapshot.current_until {
            Looked::Found(snapshot.array.get(index))
        } else {
            Looked::Overdue(snapshot.array.get(index))
        }
    }

    /// Makes a fetch due, because the list is missing or overdue. After a failure, the backoff
    /// decides. Returns whether a fetch is due or under way.
    pub(super) fn request(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        if state.backoff.failures() == 0 && !state.under_way && state.due > now {
            state.due = now;
            self.wake.notify_one();
        }
        state.is_pending(now)
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

    /// For the task: waits until a fetch is due, and begins it. An idle list is not fetched.
    pub(super) async fn wait_until_due(&self) {
        loop {
            let due = self.state().due;
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// For the task: begins a fetch. Returns `false` if no token has used the list for an hour. The
    /// list is then dropped, and the next token makes a fetch due.
    ///
    /// It also drops a list that has reached the stale limit by the monotonic clock, because the
    /// wall clock may have been set back.
    pub(super) fn begin(&self, max_stale: Duration) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        if self.take_use(BY_TASK) {
            state.last_use = now;
        }
        let is_idle = now.duration_since(state.last_use) >= IDLE;
        if is_idle || state.last_success.is_some_and(|(at, _)| now.duration_since(at) >= max_stale) {
            self.snapshot.store(None);
            state.reserved.set(0);
        }
        if is_idle {
            state.due = now + NEVER;
            state.backoff.reset();
        }
        state.under_way = !is_idle;
        !is_idle
    }

    /// For the task: replaces the list. `asked` is the time before the request, `random` is uniform
    /// in 0..1. Fails if the budget has no room.
    pub(super) fn publish(
        &self,
        list: VerifiedList,
        asked: (Instant, SystemTime),
        max_stale: Duration,
        random: f64,
    ) -> Result<(), ListError> {
        let mut state = self.state();
        if !state.reserved.set(list.array.len()) {
            return Err(ListError::NoMemory);
        }
        let at = NumericDate::from(asked.1);
        let until_expiry = Duration::from_secs(list.expires_at.secs_since(at)).max(MIN_PERIOD);
        let period = list.ttl.min(max_stale / 2).min(until_expiry);
        let stale_at = at.plus(max_stale);
        let usable_until = if list.expires_at < stale_at { list.expires_at } else { stale_at };
        self.snapshot.store(Some(Arc::new(Snapshot {
            array: list.array,
            not_before: at.minus(max_stale),
            current_until: at.plus(period + OVERDUE_AFTER),
            usable_until,
        })));
        state.backoff.reset();
        state.last_success = Some(asked);
        state.last_failure = None;
        state.end_fetch(asked.0 + period.mul_f64(RENEW_AT * jitter(JITTER, random)));
        self.changed.send_replace(());
        Ok(())
    }

    /// For the task: records a failed fetch. The list stays.
    pub(super) fn failed(&self, error: &ListError, now: NumericDate, random: f64) {
        let mut state = self.state();
        self.extend(now);
        let delay = state.backoff.next_delay(random);
        state.last_failure = Some(with_causes(error));
        state.end_fetch(Instant::now() + delay);
        self.changed.send_replace(());
    }

    /// Ends the list, because it makes room for another one.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.ended = true;
        self.snapshot.store(None);
        state.reserved.set(0);
        self.changed.send_replace(());
    }

    /// For the task: records its end.
    pub(super) fn ended(&self) {
        self.state().ended = true;
        self.changed.send_replace(());
    }

    /// Returns whether the list was used since the last call. The first call returns `true`.
    pub(super) fn take_use_by_sweep(&self) -> bool {
        self.take_use(BY_SWEEP)
    }

    /// Returns the inflated bytes, the time of the last success and the last failure.
    pub(super) fn report(&self) -> (Option<usize>, Option<SystemTime>, Option<String>) {
        let bytes = self.snapshot.load().as_ref().map(|snapshot| snapshot.array.len());
        let state = self.state();
        (bytes, state.last_success.map(|(_, at)| at), state.last_failure.clone())
    }

    fn take_use(&self, by: u8) -> bool {
        self.used.fetch_and(!by, Ordering::Relaxed) & by != 0
    }

    /// Extends the use of the list. The caller holds the lock.
    fn extend(&self, now: NumericDate) {
        let until = now.plus(USED_OVERDUE);
        if let Some(snapshot) = self.snapshot.load_full().filter(|snapshot| snapshot.current_until < until) {
            self.snapshot.store(Some(Arc::new(Snapshot { current_until: until, ..(*snapshot).clone() })));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_pending(&self, now: Instant) -> bool {
        !self.ended && (self.under_way || self.due <= now)
    }

    fn end_fetch(&mut self, due: Instant) {
        self.under_way = false;
        self.due = due;
    }
}
