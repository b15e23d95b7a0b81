//! What requests and the refresh task share: the schedule under a lock, and the signals between them.
//! Requests come here only if a key is unknown or the keys may not be used.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::keys::refresh::error::RefreshError;
use crate::keys::refresh::schedule::{RefreshConfig, RefreshSchedule};

/// Maximum number of requests per issuer that wait for a key. Each holds a connection and some kilobytes,
/// and an attacker can invent key ids.
const MAX_WAITING: usize = 1_024;

pub(crate) struct RefreshHandle {
    state: Mutex<Shared>,
    /// Wakes the task: something may be due earlier.
    wake: Notify,
    /// Wakes waiting requests: something has changed.
    changed: watch::Sender<()>,
    waiting: AtomicUsize,
}

/// What the lock protects.
pub(crate) struct Shared {
    pub(crate) schedule: RefreshSchedule,
    pub(crate) history: RefreshHistory,
    /// The task has ended: with its runtime, or by a panic of an application's clock.
    pub(crate) ended: bool,
}

/// The results of the fetches so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefreshHistory {
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) last_success: Option<SystemTime>,
    /// Why the last attempt failed, if it did.
    pub(crate) last_failure: Option<Failure>,
}

/// A fetch that returned no keys.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The URL, without its query.
    pub(crate) url: String,
    pub(crate) error: Arc<RefreshError>,
}

impl RefreshHistory {
    pub(crate) fn succeeded(&mut self, at: SystemTime) {
        self.successes += 1;
        self.last_success = Some(at);
        self.last_failure = None;
    }

    pub(crate) fn failed(&mut self, failure: Failure) {
        self.failures += 1;
        self.last_failure = Some(failure);
    }
}

impl RefreshHandle {
    pub(crate) fn new(config: RefreshConfig) -> Self {
        let schedule = RefreshSchedule::new(config, Instant::now());
        Self {
            state: Mutex::new(Shared { schedule, history: RefreshHistory::default(), ended: false }),
            wake: Notify::new(),
            changed: watch::Sender::new(()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// For requests: changes the schedule, and wakes the task and the waiting requests if the next fetch
    /// is due at another time then.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        let mut state = self.state();
        let before = state.schedule.due();
        let result = change(&mut state);
        let moved = state.schedule.due() != before;
        drop(state);
        if moved {
            self.wake.notify_one();
            // A chance for another key may be gone.
            self.changed.send_replace(());
        }
        result
    }

    /// For the task: records what requests may wait for.
    pub(crate) fn update(&self, update: impl FnOnce(&mut Shared)) {
        update(&mut self.state());
        self.changed.send_replace(());
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Shared) -> T) -> T {
        read(&self.state())
    }

    /// For requests: makes a fetch due, because the keys have expired before the schedule expected it.
    pub(crate) fn keys_expired(&self) {
        self.change(|state| state.schedule.expired(Instant::now()));
    }

    /// Returns after how long a client may try again: whole seconds, at least one, as `Retry-After` has
    /// them (RFC 9110 §10.2.3).
    pub(crate) fn retry_after(&self) -> Duration {
        let wait = self.state().schedule.wait(Instant::now());
        let begun = u64::from(wait.subsec_nanos() > 0);
        Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1))
    }

    /// Waits until the first fetch has ended. Returns why it failed, if it did.
    pub(crate) async fn initial_fetch(&self) -> Option<Failure> {
        let mut changes = self.watch();
        loop {
            let history = self.read(|state| state.history.clone());
            if history.successes > 0 {
                return None;
            }
            if history.last_failure.is_some() {
                return history.last_failure;
            }
            changes.changed().await;
        }
    }

    /// For the task: waits until a fetch is due.
    pub(crate) async fn wait_until_due(&self) {
        loop {
            let due = self.state().schedule.due();
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// For the task: a fetch begins.
    pub(crate) fn begin(&self) {
        self.state().schedule.begin(Instant::now());
    }

    /// Starts to watch: each change from now on ends one [`KeyWatcher::changed`].
    pub(crate) fn watch(&self) -> KeyWatcher {
        KeyWatcher(self.changed.subscribe())
    }

    /// Returns a permit to wait, or `None` if too many requests wait already.
    pub(crate) fn wait_permit(&self) -> Option<WaitPermit<'_>> {
        let permit = WaitPermit(&self.waiting);
        (self.waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(permit)
    }

    fn state(&self) -> MutexGuard<'_, Shared> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the keys of one issuer for changes.
pub(crate) struct KeyWatcher(watch::Receiver<()>);

impl KeyWatcher {
    /// Waits for a change since the last call.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The issuer is gone and with it every change.
            std::future::pending::<()>().await;
        }
    }
}

/// A permit to wait. It is returned when it is dropped, also by a client that went away.
pub(crate) struct WaitPermit<'a>(&'a AtomicUsize);

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
