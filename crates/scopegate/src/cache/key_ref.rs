//! The key that verified a token, and a check that the issuer still publishes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::keys::Keys;
use crate::keys::fetched::{OverdueKeys, Reading};
use crate::keys::jwk::Key;
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// A key that was found for a token, and where.
pub(crate) struct KeyRef {
    pub(crate) key: Arc<Key>,
    keys: Keys,
    /// Whether the token names the key's id. If it names none, this is the only key that fits.
    by_id: bool,
    /// The id of the last set in which the token's header led to this key.
    seen_in: AtomicU64,
}

impl KeyRef {
    pub(crate) fn new(key: &Arc<Key>, by_id: bool, set: &KeySet, keys: &Keys) -> Self {
        Self { key: Arc::clone(key), keys: keys.clone(), by_id, seen_in: AtomicU64::new(set.id()) }
    }

    /// The `kid` by which the token names the key.
    pub(crate) fn id_in_token(&self) -> Option<&str> {
        self.key.id.as_deref().filter(|_| self.by_id)
    }

    /// Returns whether the token's header leads to this key in the current set, and the set may be used.
    pub(crate) fn is_current(&self, now: NumericDate, overdue: OverdueKeys) -> bool {
        let leads_here = |set: &KeySet| {
            // Usually the set is unchanged. Set ids are never reused, so an outdated one costs one more
            // look-up and cannot give a wrong answer.
            if self.seen_in.load(Ordering::Relaxed) == set.id() {
                return true;
            }
            let found = set.find(self.id_in_token(), self.key.algorithm);
            let same = found.is_ok_and(|found| Arc::ptr_eq(found, &self.key));
            if same {
                self.seen_in.store(set.id(), Ordering::Relaxed);
            }
            same
        };
        matches!(self.keys.read(now, overdue, leads_here), Reading::Current(true))
    }
}
