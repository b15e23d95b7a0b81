//! Keys that are fetched again and again: the snapshot that requests read, and the one method that
//! replaces it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::keys::name::KeyName;
use crate::keys::refresh::handle::{Failure, RefreshHandle, RefreshHistory};
use crate::keys::refresh::schedule::{RefreshConfig, RefreshState};
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// The keys of an issuer that publishes them.
pub(crate) struct FetchedKeys {
    snapshot: ArcSwapOption<Snapshot>,
    refresh: RefreshHandle,
}

/// The keys of one fetch.
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<KeySet>,
    /// The time before the request was sent.
    pub(crate) fetched_at: SystemTime,
    pub(crate) max_age: Duration,
}

impl Snapshot {
    /// A withdrawn key must not live for ever while the issuer cannot be reached. If the clock was set back
    /// after the fetch, keys from too far in the future are as old as those from too far in the past.
    fn is_usable(&self, now: NumericDate) -> bool {
        let fetched_at = NumericDate::from(self.fetched_at);
        now < fetched_at.plus(self.max_age) && fetched_at < now.plus(self.max_age)
    }
}

/// The result of a request for a key that the current set lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRequested {
    /// The key has arrived meanwhile. Look it up again.
    Arrived,
    Missing(RefreshState),
}

/// All that an operator can see of fetched keys, at one moment.
pub(crate) struct KeyState {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) usable: bool,
    pub(crate) history: RefreshHistory,
    pub(crate) next_fetch: Instant,
}

impl FetchedKeys {
    /// Creates a source without keys. The first fetch is due at once.
    pub(crate) fn new(config: RefreshConfig) -> Self {
        Self { snapshot: ArcSwapOption::empty(), refresh: RefreshHandle::new(config) }
    }

    pub(crate) fn usable<T>(&self, now: NumericDate, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self.snapshot.load().as_deref() {
            Some(snapshot) if snapshot.is_usable(now) => Some(read(&snapshot.keys)),
            _ => None,
        }
    }

    /// Returns the current snapshot, whether or not it may still be used.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    pub(crate) fn refresh(&self) -> &RefreshHandle {
        &self.refresh
    }

    /// Asks for a key that was not in the set when it was looked up. This may make a fetch due.
    pub(crate) fn request(&self, key: &KeyName) -> KeyRequested {
        self.refresh.change(|state| {
            // `publish` replaces the snapshot under the same lock, so no key can arrive in between.
            if self.snapshot.load().as_ref().is_some_and(|snapshot| snapshot.keys.contains(key)) {
                return KeyRequested::Arrived;
            }
            KeyRequested::Missing(match state.schedule.unknown_key(key, Instant::now()) {
                RefreshState::Pending if state.ended => RefreshState::Failed,
                other => other,
            })
        })
    }

    /// Replaces the snapshot, then wakes the requests that wait for it. `advice` is the issuer's
    /// `max-age`, `random` is uniform in 0..1.
    pub(crate) fn publish(&self, snapshot: Snapshot, advice: Option<Duration>, random: f64) {
        let (keys, fetched_at) = (Arc::clone(&snapshot.keys), snapshot.fetched_at);
        self.refresh.update(|state| {
            self.snapshot.store(Some(Arc::new(snapshot)));
            state.history.succeeded(fetched_at);
            state.schedule.succeeded(Instant::now(), advice, random, |key| keys.contains(key));
        });
    }

    /// Records a failed fetch. The snapshot stays.
    pub(crate) fn fetch_failed(&self, failure: Failure, random: f64) {
        self.refresh.update(|state| {
            state.history.failed(failure);
            state.schedule.failed(Instant::now(), random);
        });
    }

    pub(crate) fn state(&self, now: NumericDate) -> KeyState {
        self.refresh.read(|state| {
            let snapshot = self.snapshot();
            KeyState {
                usable: snapshot.as_ref().is_some_and(|snapshot| snapshot.is_usable(now)),
                snapshot,
                history: state.history.clone(),
                next_fetch: state.schedule.due(),
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
        source.publish(Snapshot { keys, fetched_at, max_age: HOUR }, None, 0.5);
        source.refresh.update(|_held| {
            // The lock is held here, so a reader that needed it would not return.
            let (reader, (sender, receiver)) = (Arc::clone(&source), mpsc::channel());
            thread::spawn(move || sender.send(reader.usable(fetched_at.into(), |_| ()).is_some()));
            assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(true));
        });
    }
}
