//! The accepted client assertions that are not yet expired. Each assertion is accepted once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Assertions by client and `jti`, with their `exp`.
#[derive(Debug, Default)]
pub(crate) struct ReplayCache(Mutex<HashMap<(String, String), u64>>);

impl ReplayCache {
    /// Records an assertion. Returns whether this is its first use.
    pub(crate) fn insert(&self, client: &str, id: &str, expires: u64, now: u64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, expires| now < *expires);
        seen.insert((client.to_owned(), id.to_owned()), expires).is_none()
    }
}
