//! The key that vouches for a token, and whether it still does. A verified token is worth no more than the key that
//! verified it, so whoever keeps the one asks the other again at each use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::keys::KeySource;
use crate::keys::jwk::Key;
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// A key that was found for a token, and where.
pub(crate) struct Voucher {
    pub(crate) key: Arc<Key>,
    source: Arc<KeySource>,
    /// The token names the key's id. One that names none is for the only key that fits.
    by_id: bool,
    /// The last set in which the token's header was seen to lead to this key.
    seen_in: AtomicU64,
}

impl Voucher {
    pub(crate) fn new(key: &Arc<Key>, by_id: bool, set: &KeySet, source: &Arc<KeySource>) -> Self {
        Self { key: Arc::clone(key), source: Arc::clone(source), by_id, seen_in: AtomicU64::new(set.id()) }
    }

    /// Whether the token's header leads to this key in the keys of now, and they may be used.
    pub(crate) fn still_vouches(&self, now: NumericDate) -> bool {
        let leads_here = |keys: &KeySet| {
            // Most often it is the same set. Ids are never given again, so one that is out of date costs one more look and
            // no wrong answer.
            if self.seen_in.load(Ordering::Relaxed) == keys.id() {
                return true;
            }
            let id = self.key.id.as_deref().filter(|_| self.by_id);
            let same = keys.find(id, self.key.algorithm).is_ok_and(|found| Arc::ptr_eq(found, &self.key));
            if same {
                self.seen_in.store(keys.id(), Ordering::Relaxed);
            }
            same
        };
        self.source.usable(now, leads_here).unwrap_or(false)
    }
}
