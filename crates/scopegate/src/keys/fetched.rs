//! Keys that are fetched repeatedly: the snapshot that requests read, and the methods that replace
//! it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::keys::refresh::error::Failure;
use crate::keys::refresh::handle::{RefreshHandle, RefreshHistory};
use crate::keys::refresh::schedule::{
    Begun, FETCH_TIMEOUT, MAX_RETRY, MAX_UNCONFIRMED, OVERDUE_AFTER, RefreshConfig, RefreshState,
};
use crate::keys::set::KeySet;
use crate::token::key_name::KeyName;
use crate::token::numeric_date::NumericDate;

/// After a failed fetch, requests use the keys for this long without reading the schedule. The next
/// fetch must have ended by then.
const USED_AFTER_FAILURE: Duration = MAX_RETRY.saturating_add(FETCH_TIMEOUT.saturating_mul(2));

/// The keys of an issuer that publishes them.
pub(crate) struct FetchedKeys {
    snapshot: ArcSwapOption<Snapshot>,
    refresh: RefreshHandle,
}

/// The keys of one fetch.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<KeySet>,
    /// The time before the request was sent.
    pub(crate) fetched_at: SystemTime,
    max_age: Duration,
    /// If the clock is set back after the fetch, keys from the far future are unusable like keys
    /// from the far past.
    not_before: NumericDate,
    /// Requests use the keys until then without further checks. A fetch should replace them
    /// earlier.
    current_until: NumericDate,
    /// The last successful fetch is at most one period ago until then. After that, the issuer may
    /// have published more keys.
    complete_until: NumericDate,
    /// Bounds the life of a withdrawn key while the issuer is unreachable.
    usable_until: NumericDate,
}

/// The state of a snapshot at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Current,
    /// A fetch should have replaced it: the clock has jumped, the process was suspended, or the
    /// task does not run.
    Overdue,
    Unusable,
}

impl Snapshot {
    /// Creates a snapshot. `current_for` is the time within which a fetch should replace it.
    pub(crate) fn new(
        keys: Arc<KeySet>,
        fetched_at: SystemTime,
        max_age: Duration,
        current_for: Duration,
    ) -> Self {
        // A set without keys can verify nothing.
        let max_age = if keys.is_empty() { Duration::ZERO } else { max_age };
        let at = NumericDate::from(fetched_at);
        Self {
            keys,
            fetched_at,
            max_age,
            not_before: at.minus(max_age),
            current_until: at.plus(current_for.min(max_age)),
            complete_until: at.plus(current_for),
            usable_until: at.plus(max_age),
        }
    }

    fn standing(&self, now: NumericDate) -> Standing {
        if now <= self.not_before || now >= self.usable_until {
            Standing::Unusable
        } else if now < self.current_until {
            Standing::Current
        } else {
            Standing::Overdue
        }
    }

    /// Returns the snapshot with an earlier end.
    fn ends_in(&self, now: SystemTime, rest: Duration) -> Self {
        let max_age = now.duration_since(self.fetched_at).unwrap_or_default() + rest;
        let ends = Self::new(Arc::clone(&self.keys), self.fetched_at, max_age.min(self.max_age), max_age);
        Self { complete_until: self.complete_until, ..ends }
    }

    /// Returns the snapshot with another time until which requests use the keys without further
    /// checks.
    fn used_until(&self, date: NumericDate) -> Self {
        let current_until = if date < self.usable_until { date } else { self.usable_until };
        Self { current_until, ..self.clone() }
    }
}

/// The result of reading the current keys.
pub(crate) enum Reading<T> {
    Current(T),
    /// The keys are usable, but a fetch should have replaced them. A fetch is due or under way.
    Overdue,
    /// There are no usable keys.
    Unusable,
}

/// How a lookup treats keys that are usable, but should have been replaced by a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverdueKeys {
    /// Wait for the fetch.
    Wait,
    Use,
}

/// The result of a request for a key that the current set lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRequested {
    /// The key has arrived in the meantime. Look it up again.
    Arrived,
    Missing(RefreshState),
}

/// The effect on the keys if a fetch has returned no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// There were no keys.
    NoKeys,
    /// A second fetch has to return the same result.
    Unconfirmed,
    Confirmed,
}

/// The state of fetched keys at one time, for operators.
pub(crate) struct KeyState {
    pub(crate) history: RefreshHistory,
    pub(crate) next_fetch: Instant,
    pub(crate) interval: Duration,
    pub(crate) overdue: bool,
    pub(crate) ended: bool,
}

impl FetchedKeys {
    /// Creates a source without keys. The first fetch is due at once.
    pub(crate) fn new(config: RefreshConfig) -> Self {
        Self { snapshot: ArcSwapOption::empty(), refresh: RefreshHandle::new(config) }
    }

    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        let snapshot = self.snapshot.load();
        let Some(snapshot) = snapshot.as_deref() else { return Reading::Unusable };
        match snapshot.standing(now) {
            Standing::Current => Reading::Current(read(&snapshot.keys)),
            Standing::Overdue if self.overdue() && overdue == OverdueKeys::Wait => Reading::Overdue,
            Standing::Overdue => {
                self.use_overdue(now);
                Reading::Current(read(&snapshot.keys))
            }
            Standing::Unusable => Reading::Unusable,
        }
    }

    /// Returns whether there are usable keys. It makes no fetch due.
    pub(crate) fn is_usable(&self, now: NumericDate) -> bool {
        self.snapshot.load().as_ref().is_some_and(|snapshot| snapshot.standing(now) != Standing::Unusable)
    }

    /// Returns whether the issuer may have published keys since the last success, by the wall
    /// clock.
    pub(crate) fn may_be_incomplete(&self, now: NumericDate) -> bool {
        self.snapshot.load().as_ref().is_none_or(|snapshot| snapshot.complete_until <= now)
    }

    /// Returns the current snapshot, even if it is no longer usable.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Returns the current keys, even if they are no longer usable. Returns `None` for an empty
    /// set.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        self.snapshot().map(|snapshot| Arc::clone(&snapshot.keys)).filter(|keys| !keys.is_empty())
    }

    pub(crate) fn refresh(&self) -> &RefreshHandle {
        &self.refresh
    }

    /// Requests a key that was not in the set when it was looked up. This may make a fetch due.
    pub(crate) fn request(&self, key: &KeyName, has_arrived: impl FnOnce(&KeySet) -> bool) -> KeyRequested {
        self.refresh.change(|state| {
            // `publish` replaces the snapshot under the same lock, so no key can arrive in between.
            if self.snapshot.load().as_ref().is_some_and(|snapshot| has_arrived(&snapshot.keys)) {
                return KeyRequested::Arrived;
            }
            let now = Instant::now();
            KeyRequested::Missing(match state.schedule.unknown_key(key, now) {
                RefreshState::Pending if state.ended => state.schedule.settled_state(now),
                other => other,
            })
        })
    }

    /// Makes a fetch due for a request that found overdue keys. Returns whether a fetch follows.
    /// After a failed fetch, requests use the keys for some minutes, so they make a fetch due no
    /// more often than that.
    #[cold]
    fn overdue(&self) -> bool {
        self.refresh.change(|state| {
            state.schedule.outdated(true, Instant::now());
            !state.ended
        })
    }

    /// Lets requests use overdue keys for some minutes, because no fetch follows.
    #[cold]
    fn use_overdue(&self, now: NumericDate) {
        self.refresh.read(|_locked| self.use_until(now.plus(USED_AFTER_FAILURE)));
    }

    /// Begins a fetch, for the task. It also ends keys that have reached the stale limit by the
    /// monotonic clock, because the wall clock may have been set back.
    pub(crate) fn begin(&self) -> Begun {
        self.refresh.begin(|state| {
            let begun = state.schedule.begin(Instant::now());
            if let (true, Some(snapshot)) = (begun.keys_expired, self.snapshot()) {
                let ended = Snapshot::new(
                    Arc::clone(&snapshot.keys),
                    snapshot.fetched_at,
                    Duration::ZERO,
                    Duration::ZERO,
                );
                self.snapshot.store(Some(Arc::new(ended)));
            }
            begun
        })
    }

    /// Replaces the snapshot, then wakes the requests that wait for it. `advice` is the issuer's
    /// `max-age`, `random` is uniform in 0..1. Returns whether the keys have changed.
    pub(crate) fn publish(
        &self,
        keys: &Arc<KeySet>,
        fetched_at: SystemTime,
        max_age: Duration,
        advice: Option<Duration>,
        random: f64,
    ) -> bool {
        self.refresh.update(|state| {
            let changed = !self.snapshot().is_some_and(|before| before.keys.has_same_keys(keys));
            state.schedule.succeeded(Instant::now(), advice, random, |key| keys.contains(key));
            let current_for = state.schedule.interval() + OVERDUE_AFTER;
            let snapshot = Snapshot::new(Arc::clone(keys), fetched_at, max_age, current_for);
            self.snapshot.store(Some(Arc::new(snapshot)));
            state.history.succeeded(state.schedule.begun(), fetched_at, changed);
            changed
        })
    }

    /// Records a failed fetch that began at this time. The snapshot stays.
    pub(crate) fn fetch_failed(&self, failure: Failure, began: SystemTime, random: f64) {
        self.refresh.update(|state| {
            state.history.failed(state.schedule.begun(), failure);
            state.schedule.failed(Instant::now(), random);
            self.use_until(NumericDate::from(began).plus(USED_AFTER_FAILURE));
        });
    }

    /// Records a fetch that has returned a set without a usable key. The current keys end when a
    /// second fetch confirms it, or after some minutes if no fetch can confirm it.
    pub(crate) fn none_usable(
        &self,
        set: &Arc<KeySet>,
        failure: Failure,
        began: SystemTime,
        random: f64,
    ) -> Withdrawal {
        self.refresh.update(|state| {
            state.history.failed(state.schedule.begun(), failure);
            let now = Instant::now();
            let snapshot = self.snapshot().filter(|snapshot| !snapshot.keys.is_empty());
            let withdrawal = match &snapshot {
                None => {
                    state.schedule.failed(now, random);
                    Withdrawal::NoKeys
                }
                Some(_) if state.schedule.none_usable(now, random) => Withdrawal::Confirmed,
                Some(_) => Withdrawal::Unconfirmed,
            };
            let next = match snapshot {
                Some(snapshot) if withdrawal == Withdrawal::Unconfirmed => {
                    snapshot.ends_in(began, MAX_UNCONFIRMED)
                }
                _ => Snapshot::new(Arc::clone(set), began, Duration::ZERO, Duration::ZERO),
            };
            self.snapshot.store(Some(Arc::new(next)));
            withdrawal
        })
    }

    /// Extends the use of the keys. The caller must hold the lock. The stale limit stays.
    fn use_until(&self, date: NumericDate) {
        if let Some(snapshot) = self.snapshot().filter(|snapshot| snapshot.current_until < date) {
            self.snapshot.store(Some(Arc::new(snapshot.used_until(date))));
        }
    }

    pub(crate) fn state(&self) -> KeyState {
        self.refresh.read(|state| {
            let monotonic = Instant::now();
            KeyState {
                history: state.history.clone(),
                next_fetch: state.schedule.due(),
                interval: state.schedule.interval(),
                overdue: state.schedule.is_overdue(monotonic),
                ended: state.ended,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::keys::refresh::schedule::Interval;
    use crate::token::algorithm::Algorithm;

    #[tokio::test]
    async fn reading_usable_keys_takes_no_lock() {
        const HOUR: Duration = Duration::from_secs(3_600);
        // The example key of RFC 8037 Appendix A.2.
        let set =
            br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = Arc::new(KeySet::from_json(set, Algorithm::ALL, None).unwrap());
        let config = RefreshConfig { interval: Interval::Fixed(HOUR), cooldown: HOUR, max_stale: HOUR };
        let source = Arc::new(FetchedKeys::new(config));
        let fetched_at = SystemTime::now();
        source.publish(&keys, fetched_at, HOUR, None, 0.5);
        source.refresh.update(|_held| {
            // The lock is held here, so a reader that needed it would not return.
            let (reader, (sender, receiver)) = (Arc::clone(&source), mpsc::channel());
            thread::spawn(move || {
                sender.send(matches!(
                    reader.read(fetched_at.into(), OverdueKeys::Wait, |_| ()),
                    Reading::Current(())
                ))
            });
            assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(true));
        });
    }
}
