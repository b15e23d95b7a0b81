//! The state that requests and the refresh task share: the schedule under a lock, and signals.
//!
//! Requests use it only if a key is unknown, or if the keys are overdue or unusable.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::keys::refresh::error::{Failure, RefreshError};
use crate::keys::refresh::outcome::RefreshOutcome;
use crate::keys::refresh::schedule::{Forced, RefreshConfig, RefreshSchedule, RefreshState};
use crate::keys::refresh::waiting::Waiting;
use crate::telemetry::causes::with_causes;

pub(crate) struct RefreshHandle {
    state: Mutex<Shared>,
    /// Wakes the task, because a fetch may be due earlier.
    wake: Notify,
    /// Wakes waiting requests after a change.
    changed: watch::Sender<()>,
    waiting: Waiting,
}

/// The state behind the lock.
pub(crate) struct Shared {
    pub(crate) schedule: RefreshSchedule,
    pub(crate) history: RefreshHistory,
    /// The task has ended with its runtime, or its runtime has no timers.
    pub(crate) ended: bool,
}

/// The results of the fetches so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefreshHistory {
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) last_success: Option<SystemTime>,
    /// The failure of the last attempt, or `None` if it succeeded.
    pub(crate) last_failure: Option<Failure>,
    /// Whether the last attempt panicked.
    pub(crate) panicked: bool,
    /// The number of the last fetch that has ended, as the schedule counts them.
    ended: u64,
    /// Whether that fetch brought other keys.
    changed: bool,
}

impl RefreshHistory {
    pub(crate) fn succeeded(&mut self, fetch: u64, at: SystemTime, changed: bool) {
        self.successes += 1;
        self.last_success = Some(at);
        self.last_failure = None;
        self.panicked = false;
        (self.ended, self.changed) = (fetch, changed);
    }

    pub(crate) fn failed(&mut self, fetch: u64, failure: Failure) {
        self.failures += 1;
        self.panicked = matches!(*failure.error, RefreshError::Panicked(_));
        self.last_failure = Some(failure);
        (self.ended, self.changed) = (fetch, false);
    }

    /// Returns the result of this fetch or of a later one, or `None` if it has not ended.
    fn outcome_of(&self, fetch: u64) -> Option<RefreshOutcome> {
        if self.ended < fetch {
            return None;
        }
        Some(match &self.last_failure {
            Some(failure) => RefreshOutcome::Failed { reason: with_causes(&failure.error) },
            None if self.changed => RefreshOutcome::Changed,
            None => RefreshOutcome::Unchanged,
        })
    }
}

impl RefreshHandle {
    pub(crate) fn new(config: RefreshConfig) -> Self {
        let schedule = RefreshSchedule::new(config, Instant::now());
        Self {
            state: Mutex::new(Shared { schedule, history: RefreshHistory::default(), ended: false }),
            wake: Notify::new(),
            changed: watch::Sender::new(()),
            waiting: Waiting::new(),
        }
    }

    /// For requests: changes the schedule. If that moves the time of the next fetch, wakes the task
    /// and the waiting requests.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        let mut state = self.state();
        let before = state.schedule.due();
        let result = change(&mut state);
        let moved = state.schedule.due() != before;
        drop(state);
        if moved {
            self.wake.notify_one();
            // Requests that wait for another key may have to stop waiting.
            self.changed.send_replace(());
        }
        result
    }

    /// For the task: changes the state, and wakes the waiting requests.
    pub(crate) fn update<T>(&self, update: impl FnOnce(&mut Shared) -> T) -> T {
        let result = update(&mut self.state());
        self.changed.send_replace(());
        result
    }

    /// For the task: records the beginning of a fetch, without waking requests.
    pub(crate) fn begin<T>(&self, begin: impl FnOnce(&mut Shared) -> T) -> T {
        begin(&mut self.state())
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Shared) -> T) -> T {
        read(&self.state())
    }

    /// For requests: makes a fetch due, because the keys are unusable before the schedule expected
    /// it. Returns whether a fetch is due or under way.
    pub(crate) fn keys_unusable(&self) -> bool {
        self.change(|state| {
            let now = Instant::now();
            state.schedule.outdated(false, now);
            !state.ended && state.schedule.is_pending(now)
        })
    }

    /// For the application: waits for the result of the fetch with this number.
    pub(crate) async fn outcome_of(&self, fetch: u64, deadline: Instant) -> RefreshOutcome {
        let mut changes = self.watch();
        loop {
            let (outcome, ended) = self.read(|state| (state.history.outcome_of(fetch), state.ended));
            if let Some(outcome) = outcome {
                return outcome;
            }
            if ended {
                return RefreshOutcome::Failed { reason: with_causes(&RefreshError::TaskEnded) };
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return RefreshOutcome::Failed { reason: with_causes(&RefreshError::TooSlow) };
            }
        }
    }

    /// For the application: makes a new fetch due and returns its number. A fetch that is under way
    /// does not count. Returns [`RefreshOutcome::TooSoon`] as an error during the cooldown.
    pub(crate) fn ask(&self) -> Result<u64, RefreshOutcome> {
        self.change(|state| match state.schedule.force(Instant::now()) {
            Forced::Fetch(fetch) => Ok(fetch),
            Forced::TooSoon(retry_after) => Err(RefreshOutcome::TooSoon { retry_after }),
        })
    }

    /// For requests: returns the state for an unknown key, without waiting for a fetch.
    pub(crate) fn settled_state(&self) -> RefreshState {
        self.state().schedule.settled_state(Instant::now())
    }

    /// Returns the time until a client should retry, in whole seconds for `Retry-After`
    /// (RFC 9110 §10.2.3). It is at least 1 s.
    pub(crate) fn retry_after(&self) -> Duration {
        whole_seconds(self.state().schedule.wait(Instant::now()))
    }

    /// Returns the time until a request with an unknown key should be repeated, in the same form.
    pub(crate) fn retry_after_unknown_key(&self) -> Duration {
        whole_seconds(self.state().schedule.wait_for_unknown_key(Instant::now()))
    }

    /// Returns whether a fetch that began at this time or later has succeeded.
    pub(crate) fn has_fetched_since(&self, time: Instant) -> bool {
        self.state().schedule.has_fetched_since(time)
    }

    /// Returns the refresh period.
    pub(crate) fn interval(&self) -> Duration {
        self.state().schedule.interval()
    }

    /// Waits until the first fetch has ended. Returns its failure, or `None` if it succeeded.
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

    /// Starts to watch. Each change from now on completes one [`KeyWatcher::changed`].
    pub(crate) fn watch(&self) -> KeyWatcher {
        KeyWatcher(self.changed.subscribe())
    }

    /// Counts the requests that wait.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    fn state(&self) -> MutexGuard<'_, Shared> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1))
}

/// Watches the keys of one issuer for changes.
pub(crate) struct KeyWatcher(watch::Receiver<()>);

impl KeyWatcher {
    /// Waits for a change since the last call.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The issuer is dropped, so no change follows.
            std::future::pending::<()>().await;
        }
    }
}
