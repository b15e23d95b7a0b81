//! Keys: which keys does an issuer have now?
//!
//! Static keys never change. Fetched keys are a snapshot that a background task replaces, and
//! requests read it without a lock.

pub(crate) mod der;
#[cfg(feature = "fetch")]
pub(crate) mod document_key;
pub(crate) mod ed25519;
#[cfg(feature = "fetch")]
pub(crate) mod endpoint;
#[cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "without an HTTP client, nothing is fetched"))]
pub(crate) mod fetched;
pub(crate) mod issuer_keys;
pub(crate) mod jwk;
pub(crate) mod mac;
pub(crate) mod pem;
#[cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "without an HTTP client, nothing is fetched"))]
pub(crate) mod refresh;
pub(crate) mod set;
pub(crate) mod source;
pub(crate) mod standing;
#[cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "without an HTTP client, nothing is fetched"))]
pub(crate) mod users;
pub(crate) mod verifying_key;

use std::sync::Arc;

use crate::keys::fetched::{FetchedKeys, OverdueKeys, Reading};
use crate::keys::set::KeySet;
use crate::token::numeric_date::NumericDate;

/// The keys of one issuer. Cloning shares them.
#[derive(Clone)]
pub(crate) enum Keys {
    Static(Arc<KeySet>),
    #[cfg_attr(
        not(feature = "fetch"),
        allow(dead_code, reason = "without an HTTP client, nothing is fetched")
    )]
    Fetched(Arc<FetchedKeys>),
}

impl Keys {
    /// Reads the current keys without a lock and without a copy, unless they are overdue. Overdue
    /// keys make a fetch due.
    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        match self {
            Self::Static(keys) => Reading::Current(read(keys)),
            Self::Fetched(keys) => keys.read(now, overdue, read),
        }
    }

    pub(crate) fn is_usable(&self, now: NumericDate) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Fetched(keys) => keys.is_usable(now),
        }
    }
}
