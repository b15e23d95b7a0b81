//! Revocation: was a valid token revoked?
//!
//! Sources add and withdraw entries. Verifiers look them up at each use of a token.

pub(crate) mod checked;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod feed;
pub(crate) mod file;
pub(crate) mod freshness;
pub(crate) mod issuers;
pub(crate) mod kind;
pub(crate) mod line;
pub(crate) mod replacement;
mod report;
pub(crate) mod revoked;
pub(crate) mod source;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use scopegate_proto::clock::{Clock, SystemClock};
use tokio::sync::watch;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::error::Error;
use crate::revocation::checked::RevocableNames;
use crate::revocation::error::RevocationError;
use crate::revocation::freshness::Freshness;
use crate::revocation::issuers::{Readers, TrustedIssuers};
use crate::revocation::revoked::Revocation;
use crate::revocation::source::{RevocationSource, SourceState};
use crate::revocation::store::Store;
use crate::token::numeric_date::NumericDate;

/// Revoked tokens, subjects, clients, sessions and keys. Cloning shares them.
///
/// A verifier that has them looks up each token at each use, cached tokens included. Reading takes
/// no lock. While nothing is added, a cached token costs one comparison.
///
/// ```
/// use scopegate::{Error, Issuer, Revocation, Revocations, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// # let token = local.mint().claim("jti", "id-1").sign();
/// let revocations = Revocations::new();
/// let verifier = Verifier::builder().trust(issuer).revocations(&revocations).start().await?;
/// let claims = verifier.verify(&token)?;
///
/// let id = claims.token_id().unwrap_or_default();
/// revocations.revoke(Revocation::token(claims.issuer(), id).ends_at(claims.expires_at()))?;
/// assert!(matches!(verifier.verify(&token), Err(Error::Revoked { .. })));
/// # Ok(()) }
/// ```
///
/// Entries are compared by a keyed 128-bit hash of the issuer's name and the revoked name. By
/// chance, one of 2¹⁰⁴ valid tokens is rejected with 1,000,000 entries. No revoked token is
/// accepted.
///
/// An entry ends 10 min after the token's `exp`, later than any leeway. If that is unknown, the
/// entry stays until its source withdraws it. A full store rejects new entries and evicts none.
/// Ended entries are removed while the store is more than three quarters full, or the share of their
/// [transmitter](crate::Transmitter) is full. Until then, they are in force again if the clock was
/// ahead and is set back.
#[derive(Clone)]
pub struct Revocations(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    freshness: Freshness,
    /// The verifiers that look up entries.
    pub(crate) readers: Readers,
    /// By their ids.
    sources: ArcSwap<Vec<Arc<SourceState>>>,
    /// Held while a source or a feed is added.
    adding: Mutex<Vec<AbortOnDrop>>,
    /// Sent when a source was synced or has failed.
    changed: watch::Sender<()>,
}

/// Builds [`Revocations`]. Get one from [`Revocations::builder`].
#[must_use = "a builder does nothing until build()"]
pub struct RevocationsBuilder {
    capacity: usize,
    clock: Arc<dyn Clock>,
}

/// The source of [`Revocations::revoke`].
const APPLICATION: &str = "application";

/// The beginning of the name of a followed file's source.
const FILE_PREFIX: &str = "file:";

const DEFAULT_CAPACITY: usize = 1_000_000;
const MAX_CAPACITY: usize = 1 << 24;

/// An entry has 16 bits for its source.
const MAX_SOURCES: usize = 1 << 16;

/// When a client should try again while a feed is too old: feeds are read every few hundred
/// milliseconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Revocations {
    /// Creates an empty store for 1,000,000 entries.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a store with other settings.
    pub fn builder() -> RevocationsBuilder {
        RevocationsBuilder { capacity: DEFAULT_CAPACITY, clock: Arc::new(SystemClock) }
    }

    /// Adds a revocation of the application. It is effective when this returns, for cached tokens
    /// too.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if the store is full.
    pub fn revoke(&self, revocation: Revocation) -> Result<(), RevocationError> {
        self.source_named(APPLICATION)?.revoke(revocation)
    }

    /// Adds revocations of the application, as many as there is room for.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn revoke_all(&self, all: impl IntoIterator<Item = Revocation>) -> Result<(), RevocationError> {
        self.source_named(APPLICATION)?.revoke_all(all)
    }

    /// Withdraws the entries that [`revoke`](Self::revoke) has added for the same token, subject,
    /// client, session or key. Entries of other sources stay.
    pub fn withdraw(&self, revocation: &Revocation) {
        if let Ok(source) = self.source_named(APPLICATION) {
            source.withdraw(revocation);
        }
    }

    /// Returns the source with this name, and creates it if there is none.
    ///
    /// # Errors
    /// Returns [`RevocationError::ReservedName`] for `application`, the source of
    /// [`revoke`](Self::revoke), and for a name that begins with `file:`, a followed file's.
    /// Returns [`RevocationError::TooManySources`] if there are 65,536 sources with other names.
    pub fn source(&self, name: &str) -> Result<RevocationSource, RevocationError> {
        // The application's own entries must not be replaced by a feed.
        if name == APPLICATION {
            return Err(RevocationError::ReservedName { reserved: APPLICATION });
        }
        if name.starts_with(FILE_PREFIX) {
            return Err(RevocationError::ReservedName { reserved: FILE_PREFIX });
        }
        self.source_named(name)
    }

    fn source_named(&self, name: &str) -> Result<RevocationSource, RevocationError> {
        let find = || self.0.sources.load().iter().find(|source| &*source.name == name).cloned();
        let source = |state| RevocationSource { shared: Arc::clone(&self.0), state };
        if let Some(state) = find() {
            return Ok(source(state));
        }
        let _adding = self.0.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = find() {
            return Ok(source(state));
        }
        let mut sources = Vec::clone(&self.0.sources.load());
        let id = u16::try_from(sources.len());
        let id = id.map_err(|_| RevocationError::TooManySources { limit: MAX_SOURCES })?;
        let state = Arc::new(SourceState::new(id, name));
        sources.push(Arc::clone(&state));
        self.0.sources.store(Arc::new(sources));
        Ok(source(state))
    }

    /// Waits until each source that readiness waits for was synced once:
    /// [`with_initial_sync`](RevocationSource::with_initial_sync),
    /// [`with_max_feed_age`](RevocationSource::with_max_feed_age).
    pub async fn ready(&self) {
        let mut changes = self.0.changed.subscribe();
        while !self.is_ready() {
            // The sender is not dropped before this.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.sources.load().iter().all(|source| source.is_ready())
    }

    /// Tells the sources which issuers this verifier trusts.
    pub(crate) fn add_reader(&self, reader: Weak<dyn TrustedIssuers>) {
        self.0.readers.add(reader);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Looks up a valid token.
    #[inline]
    pub(crate) fn check(
        &self,
        names: &RevocableNames,
        issuer: &str,
        now: impl Fn() -> NumericDate,
    ) -> Result<(), Error> {
        if let Some(found) = names.find_in(&self.0.store, &now) {
            let source =
                self.0.sources.load().get(usize::from(found.source)).map(|source| source.name.to_string());
            let (issuer, claim) = (issuer.to_owned(), found.kind.claim());
            return Err(Error::Revoked { issuer, claim, source: source.unwrap_or_default() });
        }
        if self.0.freshness.is_fresh(now) {
            Ok(())
        } else {
            Err(Error::RevocationsUnavailable { retry_after: RETRY_AFTER })
        }
    }
}

impl Shared {
    /// Finds the source that will be too old first, and wakes the waiters for readiness.
    pub(crate) fn update_freshness(&self) {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = self.sources.load();
        self.freshness.set(sources.iter().filter_map(|source| {
            let feed = source.feed();
            feed.max_age.map(|max_age| (max_age, feed.synced_at))
        }));
        self.changed.send_replace(());
    }
}

impl RevocationsBuilder {
    /// Sets how many entries can be stored. Default: 1,000,000. Range: 1–16,777,216; other numbers
    /// are cut to it.
    ///
    /// An empty store of the default capacity takes 130 KB, a full one 26 MB. A
    /// [transmitter](crate::Transmitter) has a quarter at most.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries.clamp(1, MAX_CAPACITY);
        self
    }

    /// Sets the clock. Default: the system's clock. Use the clock of the verifier.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Creates the empty store.
    pub fn build(self) -> Revocations {
        Revocations(Arc::new(Shared {
            store: Store::new(self.capacity),
            clock: self.clock,
            freshness: Freshness::unlimited(),
            readers: Readers::default(),
            sources: ArcSwap::default(),
            adding: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("entries", &self.0.store.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RevocationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationsBuilder").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
