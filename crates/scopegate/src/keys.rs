//! Which keys does an issuer have now? Static keys never change; fetched keys are a snapshot that a
//! background task replaces and requests read without a lock.

#![cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "without an HTTP client, nothing is fetched"))]

pub(crate) mod ed25519;
#[cfg(feature = "fetch")]
pub(crate) mod fetch;
pub(crate) mod fetched;
pub(crate) mod jwk;
pub(crate) mod name;
pub(crate) mod refresh;
pub(crate) mod set;
pub(crate) mod verifying_key;

use std::sync::Arc;

use crate::keys::fetched::{FetchedKeys, Reading};
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// The keys of one issuer. Cloning shares them.
#[derive(Clone)]
pub(crate) enum Keys {
    Static(Arc<KeySet>),
    Fetched(Arc<FetchedKeys>),
}

impl Keys {
    /// Reads the current keys without a lock and without a copy.
    pub(crate) fn read<T>(&self, now: NumericDate, read: impl FnOnce(&KeySet) -> T) -> Reading<T> {
        match self {
            Self::Static(keys) => Reading::Current(read(keys)),
            Self::Fetched(keys) => keys.read(now, read),
        }
    }

    /// Reads the current keys as `read` does. Returns `None` if none may be used now, or a fetch should have replaced
    /// them.
    pub(crate) fn current<T>(&self, now: NumericDate, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self.read(now, read) {
            Reading::Current(value) => Some(value),
            Reading::Overdue(_) | Reading::Unusable => None,
        }
    }

    pub(crate) fn is_usable(&self, now: NumericDate) -> bool {
        !matches!(self.read(now, |_| ()), Reading::Unusable)
    }
}
