//! The keys of one issuer: a view of its source, and how long the issuer is trusted.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::keys::Keys;
use crate::keys::fetched::{FetchedKeys, KeyRequested, OverdueKeys, Reading};
use crate::keys::set::KeySet;
use crate::keys::standing::Standing;
use crate::token::key_name::KeyName;
use crate::token::numeric_date::NumericDate;

/// Issuers that publish their keys at one URL share the source, and each has its own view of it.
pub(crate) struct IssuerKeys {
    source: Keys,
    /// The accepted values of a key's member `issuer`.
    names: Vec<String>,
    /// The view of the source's current set. `None` if no key of the set names its issuer.
    view: ArcSwapOption<View>,
    standing: Standing,
}

struct View {
    /// The id of the set that it was taken from.
    of: u64,
    keys: KeySet,
}

impl IssuerKeys {
    pub(crate) fn new(source: Keys, names: Vec<String>, standing: Standing) -> Self {
        Self { source, names, view: ArcSwapOption::empty(), standing }
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Returns the source if its keys are fetched.
    pub(crate) fn fetched(&self) -> Option<&Arc<FetchedKeys>> {
        match &self.source {
            Keys::Static(_) => None,
            Keys::Fetched(keys) => Some(keys),
        }
    }

    /// Reads the current keys without a lock. See [`Keys::read`].
    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        self.source.read(now, overdue, |set| self.in_view(set, read))
    }

    /// Reads the current set of the source, which may hold other issuers' keys:
    /// [`in_view`](Self::in_view) leaves them out.
    #[inline]
    pub(crate) fn read_source<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        self.source.read(now, overdue, read)
    }

    /// Reads the last keys, even if they are no longer usable. Returns `None` if there are none
    /// yet.
    pub(crate) fn read_last<T>(&self, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match &self.source {
            Keys::Static(set) => Some(read(set)),
            Keys::Fetched(keys) => keys.snapshot().map(|snapshot| self.in_view(&snapshot.keys, read)),
        }
    }

    /// Returns whether there are usable keys. It makes no fetch due.
    pub(crate) fn is_usable(&self, now: NumericDate) -> bool {
        self.source.is_usable(now) && self.read_last(|set| !set.is_empty()).unwrap_or(false)
    }

    /// Requests a key that was not in the set when it was looked up. Returns `None` if the keys are
    /// static.
    pub(crate) fn request(&self, key: &KeyName) -> Option<KeyRequested> {
        let has_arrived = |set: &KeySet| self.in_view(set, |view| view.contains(key));
        Some(self.fetched()?.request(key, has_arrived))
    }

    /// Passes the keys of a set that may verify this issuer's tokens to `read`.
    #[inline]
    pub(crate) fn in_view<T>(&self, set: &KeySet, read: impl FnOnce(&KeySet) -> T) -> T {
        if set.names_issuers() { read(&self.view(set).keys) } else { read(set) }
    }

    #[cold]
    fn view(&self, set: &KeySet) -> Arc<View> {
        let current = self.view.load();
        if let Some(view) = current.as_ref().filter(|view| view.of == set.id()) {
            return Arc::clone(view);
        }
        let view = Arc::new(View { of: set.id(), keys: set.for_issuers(&self.names) });
        self.view.store(Some(Arc::clone(&view)));
        view
    }
}
