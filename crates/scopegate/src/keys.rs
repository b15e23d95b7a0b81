//! Where the current keys of one issuer are: a snapshot that requests read without a lock, and the place where
//! requests and the task that replaces it meet.

pub(crate) mod ed25519;
pub(crate) mod fetch;
pub(crate) mod jwk;
pub(crate) mod name;
pub(crate) mod refresh;
pub(crate) mod set;
pub(crate) mod verifying_key;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::keys::fetch::http::FetchError;
use crate::keys::name::KeyName;
use crate::keys::refresh::schedule::{Pace, Refresh, Standing};
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// So many requests of one issuer wait at the same time. Each holds a connection and some kilobytes, and whoever
/// invents key ids must not fill the server with them.
const MOST_WAITING: usize = 1_024;

/// The keys of one issuer.
pub(crate) struct KeySource {
    current: ArcSwapOption<Snapshot>,
    /// `None` for keys that were given.
    fetching: Option<Fetching>,
}

/// The keys at one time.
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<KeySet>,
    pub(crate) usable: Usable,
}

/// How long keys may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Usable {
    /// Keys that were given, not fetched.
    Always,
    /// Fetched keys. A key that was withdrawn while the issuer could not be reached must not live for ever, also when the
    /// clock is set back after the fetch: then keys from too far in the future are as good as too old.
    Around { fetched: NumericDate, limit: Duration },
}

impl Usable {
    fn at(self, now: NumericDate) -> bool {
        match self {
            Self::Always => true,
            Self::Around { fetched, limit } => now < fetched.plus(limit) && fetched < now.plus(limit),
        }
    }
}

/// What requests and the task share beyond the snapshot. Requests come here only when a key is unknown or the keys
/// cannot be used.
struct Fetching {
    state: Mutex<FetchState>,
    /// Tells the task that something may be due earlier.
    sooner: Notify,
    /// Tells waiting requests that something has changed.
    changed: watch::Sender<()>,
    waiting: AtomicUsize,
}

/// When to fetch, and what came of it.
pub(crate) struct FetchState {
    pub(crate) refresh: Refresh,
    pub(crate) history: History,
    /// The task is gone: with its runtime, or by a panic of somebody else's clock.
    pub(crate) ended: bool,
}

/// What came of the fetches so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) last_success: Option<SystemTime>,
    /// How the last attempt failed, if it did.
    pub(crate) failure: Option<Failure>,
}

/// A fetch that brought nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What was asked, without its query.
    pub(crate) url: String,
    pub(crate) error: Arc<FetchError>,
}

/// What can be seen of an issuer's keys at one moment.
pub(crate) struct View {
    pub(crate) keys: Option<Arc<KeySet>>,
    pub(crate) usable: bool,
    pub(crate) history: History,
    /// When the next fetch is due; `None` for keys that were given.
    pub(crate) next: Option<Instant>,
}

/// What became of a key that was not in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// It is there now: look again.
    Arrived,
    Missing(Standing),
}

/// The issuer's keys cannot be used now.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
}

impl KeySource {
    /// Keys that never change.
    pub(crate) fn given(keys: KeySet) -> Self {
        let snapshot = Snapshot { keys: Arc::new(keys), usable: Usable::Always };
        Self { current: ArcSwapOption::from_pointee(snapshot), fetching: None }
    }

    /// No keys yet; a task is about to fetch them.
    pub(crate) fn to_be_fetched(pace: Pace) -> Self {
        let refresh = Refresh::new(pace, Instant::now());
        let fetching = Fetching {
            state: Mutex::new(FetchState { refresh, history: History::default(), ended: false }),
            sooner: Notify::new(),
            changed: watch::Sender::new(()),
            waiting: AtomicUsize::new(0),
        };
        Self { current: ArcSwapOption::empty(), fetching: Some(fetching) }
    }

    /// Reads the current keys: no lock, no copy.
    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Result<T, Unavailable> {
        self.usable(now, read).ok_or_else(|| {
            self.expired();
            self.unavailable()
        })
    }

    /// Reads the current keys, if there are any that may be used now.
    pub(crate) fn usable<T>(&self, now: NumericDate, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self.current.load().as_deref() {
            Some(Snapshot { keys, usable }) if usable.at(now) => Some(read(keys)),
            _ => None,
        }
    }

    /// The current keys, whether or not they may still be used.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    pub(crate) fn replace(&self, keys: Arc<KeySet>, usable: Usable) {
        self.current.store(Some(Arc::new(Snapshot { keys, usable })));
    }

    /// A token names a key that was not in the set when it was looked for.
    pub(crate) fn unknown_key(&self, key: &KeyName) -> Sought {
        let Some(fetching) = &self.fetching else { return Sought::Missing(Standing::Absent) };
        fetching.change(|state| {
            // The task replaces the set before it reports, so under this lock there is nothing between.
            if self.current.load().as_ref().is_some_and(|snapshot| snapshot.keys.contains(key)) {
                return Sought::Arrived;
            }
            Sought::Missing(match state.refresh.unknown_key(key, Instant::now()) {
                Standing::Pending if state.ended => Standing::Undecided,
                standing => standing,
            })
        })
    }

    /// The keys are too old, which nobody expected yet.
    fn expired(&self) {
        if let Some(fetching) = &self.fetching {
            fetching.change(|state| state.refresh.expired(Instant::now()));
        }
    }

    pub(crate) fn unavailable(&self) -> Unavailable {
        let wait = self.fetching.as_ref().map(|fetching| fetching.state().refresh.wait(Instant::now()));
        let wait = wait.unwrap_or_default();
        // Whole seconds, at least one: what `Retry-After` can say (RFC 9110 §10.2.3).
        let begun = u64::from(wait.subsec_nanos() > 0);
        let retry_after = Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1));
        Unavailable { retry_after }
    }

    /// Everything that can be seen from outside, at one moment.
    pub(crate) fn view(&self, now: NumericDate) -> View {
        let state = self.fetching.as_ref().map(Fetching::state);
        let snapshot = self.current.load_full();
        View {
            usable: snapshot.as_ref().is_some_and(|snapshot| snapshot.usable.at(now)),
            keys: snapshot.map(|snapshot| Arc::clone(&snapshot.keys)),
            history: state.as_ref().map(|state| state.history.clone()).unwrap_or_default(),
            next: state.as_ref().map(|state| state.refresh.due()),
        }
    }

    /// Until the first attempt to fetch has ended; says how it failed, if it did.
    pub(crate) async fn first_attempt(&self) -> Option<Failure> {
        let mut changes = self.changes();
        loop {
            let history = self.fetching.as_ref()?.state().history.clone();
            if history.succeeded > 0 {
                return None;
            }
            if history.failure.is_some() {
                return history.failure;
            }
            changes.next().await;
        }
    }

    /// Begins to look out for changes: what happens from now on ends [`Changes::next`].
    pub(crate) fn changes(&self) -> Changes<'_> {
        Changes(self.fetching.as_ref().map(|fetching| (fetching, fetching.changed.subscribe())))
    }

    /// For the task: until a fetch is due.
    pub(crate) async fn fetch_due(&self) {
        let Some(fetching) = &self.fetching else { return std::future::pending().await };
        loop {
            let due = fetching.state().refresh.due();
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(due) => {}
                () = fetching.sooner.notified() => {}
            }
        }
    }

    /// For the task: a fetch begins.
    pub(crate) fn begin(&self) {
        if let Some(fetching) = &self.fetching {
            fetching.state().refresh.begin(Instant::now());
        }
    }

    /// For the task: something has happened that others may wait for.
    pub(crate) fn update(&self, update: impl FnOnce(&mut FetchState)) {
        if let Some(fetching) = &self.fetching {
            update(&mut fetching.state());
            fetching.changed.send_replace(());
        }
    }
}

impl Fetching {
    /// For requests: changes what is due, and tells those who wait for it if it is due at another time then.
    fn change<T>(&self, change: impl FnOnce(&mut FetchState) -> T) -> T {
        let mut state = self.state();
        let before = state.refresh.due();
        let result = change(&mut state);
        let moved = state.refresh.due() != before;
        drop(state);
        if moved {
            self.sooner.notify_one();
            // A chance for another key may be gone.
            self.changed.send_replace(());
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, FetchState> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-out for changes of one issuer's keys.
pub(crate) struct Changes<'a>(Option<(&'a Fetching, watch::Receiver<()>)>);

impl<'a> Changes<'a> {
    /// A place among the waiting; `None` when too many wait.
    pub(crate) fn place(&self) -> Option<Place<'a>> {
        let (fetching, _) = self.0.as_ref()?;
        let place = Place(&fetching.waiting);
        (fetching.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(place)
    }

    /// Until something has changed since the last time.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            // The sender lives as long as what it is borrowed from.
            Some((_, changed)) => drop(changed.changed().await),
            None => std::future::pending().await,
        }
    }
}

/// A place among the waiting, given back when it is dropped, also by a caller that went away.
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::keys::refresh::schedule::Period;
    use crate::token::algorithm::Algorithm;

    #[tokio::test]
    async fn reading_usable_keys_takes_no_lock() {
        const HOUR: Duration = Duration::from_secs(3_600);
        // The example key of RFC 8037 Appendix A.2.
        let set =
            br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keys = Arc::new(KeySet::from_json(set, Algorithm::ALL, None).unwrap());
        let pace = Pace { period: Period::Fixed(HOUR), cooldown: HOUR, usable_for: HOUR };
        let source = Arc::new(KeySource::to_be_fetched(pace));
        let now = NumericDate::from(SystemTime::now());
        source.replace(keys, Usable::Around { fetched: now, limit: HOUR });
        source.update(|_held| {
            // The lock is held here, so whoever needs it would not come back.
            let (reader, (sender, receiver)) = (Arc::clone(&source), mpsc::channel());
            thread::spawn(move || sender.send(reader.read(now, |_| ()).is_ok()));
            assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(true));
        });
    }
}
