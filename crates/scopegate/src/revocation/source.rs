//! Where revocations come from. Each source has entries of its own, and a state that operators can
//! see.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use scopegate_proto::excerpt::Excerpt;
use tokio::time::Instant;

use crate::revocation::Shared;
use crate::revocation::error::RevocationError;
use crate::revocation::issuers::{MAX_LISTED, NamedIssuers, Untrusted};
use crate::revocation::revoked::{Revocation, Target};
use crate::revocation::store::Placed;
use crate::revocation::store::collected::Collected;
use crate::telemetry::metrics;

/// A source of revocations, such as a file or a stream. Get one from
/// [`Revocations::source`](crate::Revocations::source).
///
/// Sources do not withdraw each other's entries: a token stays revoked until each source that
/// revoked it has withdrawn its entry, or the entry has ended. Cloning shares the source. Entries
/// stay if it is dropped.
///
/// A program that feeds a source reports the result of each attempt with [`synced`](Self::synced)
/// or [`failed`](Self::failed). A failure keeps all entries. [`feed`](Self::feed) runs such a program
/// in the background.
#[derive(Clone)]
pub struct RevocationSource {
    pub(super) shared: Arc<Shared>,
    pub(super) state: Arc<SourceState>,
}

pub(crate) struct SourceState {
    pub(crate) id: u16,
    pub(crate) name: Box<str>,
    feed: Mutex<Feed>,
    issuers: Mutex<Issuers>,
    /// The number of the task that follows the source. 0 if there is none.
    followed_by: AtomicU64,
    /// The last number that a task was given.
    followers: AtomicU64,
}

#[derive(Debug, Default)]
struct Issuers {
    named: NamedIssuers,
    /// The untrusted issuers in the log.
    logged: Vec<String>,
}

/// The results of a source's updates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    /// Whether readiness waits for the first success.
    pub(crate) required: bool,
    pub(crate) max_age: Option<Duration>,
    /// When the source was last known to be complete, by both clocks.
    pub(crate) synced_at: Option<(Instant, SystemTime)>,
    pub(crate) last_failure: Option<String>,
    /// Why the entries may differ from the source's data, although it was read.
    pub(crate) degraded: Option<String>,
    /// The number of polled security events that wait for a key.
    pub(crate) held: usize,
    /// The number of malformed entries, and the first of them.
    pub(crate) malformed: (usize, Vec<String>),
}

impl SourceState {
    pub(super) fn new(id: u16, name: &str) -> Self {
        Self {
            id,
            name: name.into(),
            feed: Mutex::default(),
            issuers: Mutex::default(),
            followed_by: AtomicU64::new(0),
            followers: AtomicU64::new(0),
        }
    }

    pub(crate) fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issuers(&self) -> MutexGuard<'_, Issuers> {
        self.issuers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of a task that may follow the source, or `None` if another task does.
    pub(super) fn follow(&self) -> Option<u64> {
        let number = self.followers.fetch_add(1, Ordering::Relaxed) + 1;
        let followed = self.followed_by.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
        followed.ok().map(|_| number)
    }

    /// Allows another task to follow the source. Returns whether the task with this number did.
    pub(super) fn unfollow(&self, number: u64) -> bool {
        self.followed_by.compare_exchange(number, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn is_ready(&self) -> bool {
        let feed = self.feed();
        feed.synced_at.is_some() || !(feed.required || feed.max_age.is_some())
    }
}

impl RevocationSource {
    /// Makes readiness wait until the source was [synced](Self::synced) once.
    #[must_use]
    pub fn with_initial_sync(self) -> Self {
        self.state.feed().required = true;
        self
    }

    /// Sets how long verification continues after the source was last [synced](Self::synced).
    /// Afterwards each token is
    /// [`Error::RevocationsUnavailable`](crate::Error::RevocationsUnavailable) (503) until it is
    /// synced again.
    ///
    /// Default: no limit. Verification continues with the entries that are there, and the status
    /// shows the age.
    #[must_use]
    pub fn with_max_feed_age(self, limit: Duration) -> Self {
        self.state.feed().max_age = Some(limit);
        self.shared.update_freshness();
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Adds a revocation. It is effective when this returns, for cached tokens too.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if the store is full.
    pub fn revoke(&self, revocation: Revocation) -> Result<(), RevocationError> {
        self.revoke_all([revocation])
    }

    /// Removes the source's entries for the same token, subject, client, session or key, whatever
    /// their times are.
    pub fn withdraw(&self, revocation: &Revocation) {
        self.shared.store.withdraw(self.place(&revocation.0));
        metrics::revocations(self.shared.store.len());
    }

    /// Reports that the source's entries are complete and current.
    pub fn synced(&self) {
        let now = (Instant::now(), self.shared.clock.now());
        let mut feed = self.state.feed();
        let recovered = feed.last_failure.take();
        let first = feed.synced_at.replace(now).is_none();
        drop(feed);
        self.shared.update_freshness();
        metrics::revocation_feed(&self.state.name, true);
        metrics::revocations_synced(&self.state.name, now.1);
        metrics::revocations(self.shared.store.len());
        if let Some(failure) = recovered {
            tracing::info!(source = %self.state.name, failure, "revocation feed recovered");
        } else if first {
            let entries = self.shared.store.len_of(self.state.id);
            tracing::info!(source = %self.state.name, entries, "revocation feed synced");
        }
    }

    /// Reports that the source could not be read. Its entries stay.
    ///
    /// It is logged when it begins, and when its reason changes.
    pub fn failed(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let mut feed = self.state.feed();
        let before = feed.last_failure.replace(reason.clone());
        let age = feed.synced_at.map(|(at, _)| at.elapsed().as_secs());
        drop(feed);
        self.shared.update_freshness();
        metrics::revocation_feed(&self.state.name, false);
        if before.as_ref() != Some(&reason) {
            tracing::error!(source = %self.state.name, reason, age, "revocation feed failed, keeping its entries");
        }
    }

    /// Sets the malformed entries that the status shows: how many there are, and descriptions of the
    /// first 10. Call it with 0 when there are none any more.
    ///
    /// A description has the position of the entry, such as its id, and no name of a subject.
    pub fn malformed(&self, count: usize, first: impl IntoIterator<Item = String>) {
        let first = first.into_iter().take(MAX_LISTED).collect();
        self.state.feed().malformed = (count, first);
        metrics::revocations_malformed(&self.state.name, count);
    }

    /// Sets a reason why the entries may differ from the source's data, although it can be read.
    /// The status shows it. Call it with `None` when the reason has ended.
    ///
    /// A later [`synced`](Self::synced) does not remove it, and a new feed does.
    pub fn degraded(&self, reason: impl Into<Option<String>>) {
        self.state.feed().degraded = reason.into();
    }

    /// Returns whether ended entries were removed that have not ended by the present clock: the
    /// clock was ahead when they were removed.
    ///
    /// If so, give the source all of its entries, with [`replace_all`](Self::replace_all). A followed
    /// file does it by itself.
    pub fn is_incomplete(&self) -> bool {
        self.shared.store.lacks_entries(self.state.id, || self.shared.clock.now().into())
    }

    /// Sets the number of polled security events that wait for a key.
    #[cfg(feature = "fetch")]
    pub(crate) fn held(&self, events: usize) {
        self.state.feed().held = events;
    }

    pub(crate) fn place(&self, target: &Target<'_>) -> Placed {
        self.shared.store.place(target, self.state.id)
    }

    /// Limits the source to a share of the store.
    pub(crate) fn limit_to_share(&self) {
        self.shared.store.limit_to_share(self.state.id);
    }

    /// Begins to collect entries of the source.
    pub(crate) fn collected(&self) -> Collected {
        Collected::new(&self.shared.store, self.shared.clock.now().into())
    }

    pub(crate) fn add(&self, all: Collected) -> Result<(), RevocationError> {
        let result = self.shared.store.add(self.state.id, all, self.shared.clock.now().into());
        self.report(result)
    }

    pub(crate) fn replace(&self, all: Collected) -> Result<(), RevocationError> {
        self.report(self.shared.store.replace(self.state.id, all, self.shared.clock.now().into()))
    }

    fn report(&self, result: Result<(), RevocationError>) -> Result<(), RevocationError> {
        metrics::revocations(self.shared.store.len());
        self.report_untrusted();
        match result {
            Err(RevocationError::Full { capacity, not_stored }) => {
                metrics::revocations_not_stored(&self.state.name, not_stored);
                tracing::error!(source = %self.state.name, capacity, not_stored, "store of revocations is full");
            }
            Err(RevocationError::SourceFull { limit, not_stored }) => {
                let source = self.name();
                metrics::revocations_not_stored(source, not_stored);
                tracing::error!(source, limit, not_stored, "share of a source of revocations is full");
            }
            _ => {}
        }
        result
    }

    /// Sets the issuers that all of its entries name.
    pub(crate) fn name_issuers(&self, issuers: NamedIssuers) {
        self.state.issuers().named = issuers;
    }

    /// Adds issuers that some of its entries name.
    pub(super) fn name_more_issuers(&self, issuers: &NamedIssuers) {
        self.state.issuers().named.add_all(issuers);
    }

    pub(super) fn untrusted(&self) -> Untrusted {
        self.shared.readers.untrusted(&self.state.issuers().named)
    }

    /// Logs issuers that no verifier trusts, each once.
    pub(crate) fn report_untrusted(&self) {
        let mut new = self.untrusted().names;
        {
            let mut issuers = self.state.issuers();
            new.retain(|name| !issuers.logged.contains(name));
            new.truncate(MAX_LISTED.saturating_sub(issuers.logged.len()));
            issuers.logged.extend_from_slice(&new);
        }
        for issuer in new {
            let (source, issuer) = (self.name(), Excerpt::identifier(&issuer));
            tracing::warn!(source, %issuer, "revocation of an untrusted issuer has no effect");
        }
    }
}

impl RevocationSource {
    /// Forgets the settings and the failure of an earlier feed.
    pub(super) fn begin_anew(&self) {
        let mut feed = self.state.feed();
        let (synced_at, malformed) = (feed.synced_at, mem::take(&mut feed.malformed));
        *feed = Feed { synced_at, malformed, ..Feed::default() };
        drop(feed);
        self.shared.update_freshness();
    }

    /// Forgets the state of the feed that has this number, so that readiness and freshness no longer
    /// depend on it.
    pub(super) fn abandon(&self, follower: u64) {
        if !self.state.unfollow(follower) && self.state.followed_by.load(Ordering::Relaxed) != 0 {
            // The task has ended, and another one follows the source.
            return;
        }
        *self.state.feed() = Feed::default();
        *self.state.issuers() = Issuers::default();
        metrics::revocations_malformed(&self.state.name, 0);
        self.shared.update_freshness();
    }
}

impl fmt::Debug for RevocationSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationSource").field("name", &self.name()).finish_non_exhaustive()
    }
}
