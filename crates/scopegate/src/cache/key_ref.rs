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
    named_by: NamedBy,
    /// The id of the last set in which the token's header led to this key.
    seen_in: AtomicU64,
}

/// How a token names its key.
#[derive(Clone, Copy)]
enum NamedBy {
    /// Not at all: this is the only key that fits.
    Nothing,
    KeyId,
    /// By one of its certificate's thumbprints.
    Thumbprint(usize),
}

impl KeyRef {
    pub(crate) fn new(key: &Arc<Key>, id: Option<&str>, set: &KeySet, keys: &Keys) -> Self {
        let named_by = match id {
            None => NamedBy::Nothing,
            Some(id) => {
                let is_thumbprint = |thumbprint: &Option<Box<str>>| thumbprint.as_deref() == Some(id);
                key.thumbprints.iter().position(is_thumbprint).map_or(NamedBy::KeyId, NamedBy::Thumbprint)
            }
        };
        Self { key: Arc::clone(key), keys: keys.clone(), named_by, seen_in: AtomicU64::new(set.id()) }
    }

    /// The id by which the token names the key.
    pub(crate) fn id_in_token(&self) -> Option<&str> {
        match self.named_by {
            NamedBy::Nothing => None,
            NamedBy::KeyId => self.key.id.as_deref(),
            NamedBy::Thumbprint(at) => self.key.thumbprints.get(at)?.as_deref(),
        }
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
