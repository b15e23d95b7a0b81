//! The key that verified a token, and a check that the issuer still publishes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::entry::Basis;
use crate::keys::fetched::{OverdueKeys, Reading};
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::jwk::Key;
use crate::keys::set::{KeyLookupError, KeySet};
use crate::token::key_name::{KeyId, UsedName, thumbprints};
use crate::token::numeric_date::NumericDate;

/// The key of a token, with the keys in which it was found.
pub(crate) struct KeyRef {
    pub(crate) key: Arc<Key>,
    keys: Arc<IssuerKeys>,
    named_by: NamedBy,
    /// The id of the last set of the source in which the token's header led to this key.
    seen_in: AtomicU64,
}

/// Overhead of the allocator for two boxes and two strings.
const AROUND_ALLOCATIONS: usize = 64;

/// How a token names its key.
enum NamedBy {
    /// The token has no key id, and this is the only key that fits.
    Nothing,
    KeyId,
    /// By thumbprints. The key need not have them, because another set may publish other members.
    Thumbprints(Box<KeyId<'static>>),
}

impl KeyRef {
    pub(crate) fn new(key: &Arc<Key>, id: &KeyId<'_>, set: &KeySet, keys: &Arc<IssuerKeys>) -> Self {
        let named_by = match id {
            KeyId::Absent => NamedBy::Nothing,
            KeyId::Kid(_) => NamedBy::KeyId,
            KeyId::Thumbprints(_) => NamedBy::Thumbprints(Box::new(id.to_owned())),
        };
        Self { key: Arc::clone(key), keys: Arc::clone(keys), named_by, seen_in: AtomicU64::new(set.id()) }
    }

    /// Returns the name by which the token leads to the key.
    pub(crate) fn used_name(&self) -> Option<UsedName<'_>> {
        match &self.named_by {
            NamedBy::Nothing => None,
            NamedBy::KeyId => self.key.id.as_deref().map(UsedName::Kid),
            NamedBy::Thumbprints(names) => {
                let KeyId::Thumbprints(names) = &**names else { return None };
                thumbprints(names)
                    .find(|name| thumbprints(&self.key.thumbprints).any(|thumbprint| thumbprint == *name))
            }
        }
    }

    /// Looks up the names in the token's header.
    fn find_in<'s>(&self, set: &'s KeySet) -> Result<&'s Arc<Key>, KeyLookupError> {
        let algorithm = self.key.algorithm;
        match &self.named_by {
            NamedBy::Nothing => set.find(&KeyId::Absent, algorithm),
            NamedBy::KeyId => set.find(&self.key.id.as_deref().into(), algorithm),
            NamedBy::Thumbprints(names) => set.find(names, algorithm),
        }
    }

    /// Returns whether the token's header leads to this key in the current set, the set may be
    /// used, and the issuer and the tenant are still trusted. That counts as a use of the issuer.
    pub(crate) fn is_current<'t>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        tenant: impl Fn() -> Option<&'t str>,
    ) -> bool {
        // Usually the set is unchanged. Set ids are never reused, so an outdated id costs one more
        // look-up and cannot give a wrong result.
        let leads_here = |set: &KeySet| {
            self.seen_in.load(Ordering::Relaxed) == set.id() || self.leads_here_again(set, tenant())
        };
        self.keys.accepts(now, &tenant)
            && matches!(self.keys.read_source(now, overdue, leads_here), Reading::Current(true))
    }

    #[cold]
    #[inline(never)]
    fn leads_here_again(&self, set: &KeySet, tenant: Option<&str>) -> bool {
        let same = self
            .keys
            .in_view(set, tenant, |view| self.find_in(view).is_ok_and(|found| Arc::ptr_eq(found, &self.key)));
        if same {
            self.seen_in.store(set.id(), Ordering::Relaxed);
        }
        same
    }
}

impl Basis for KeyRef {
    fn weight(&self) -> usize {
        match &self.named_by {
            NamedBy::Nothing | NamedBy::KeyId => 0,
            NamedBy::Thumbprints(names) => {
                let KeyId::Thumbprints(names) = &**names else { return 0 };
                let bytes: usize = names.iter().flatten().map(|name| name.len()).sum();
                size_of::<KeyId<'_>>() + size_of_val(&**names) + bytes + AROUND_ALLOCATIONS
            }
        }
    }
}
