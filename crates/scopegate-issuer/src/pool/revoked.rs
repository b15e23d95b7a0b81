//! Access tokens that their clients have revoked (RFC 7009).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The revoked tokens by `jti`, with their `exp`.
#[derive(Debug, Default)]
pub(crate) struct RevokedTokens(Mutex<HashMap<String, u64>>);

impl RevokedTokens {
    pub(crate) fn insert(&self, id: &str, expires: u64, now: u64) {
        let mut revoked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.retain(|_, expires| now < *expires);
        revoked.insert(id.to_owned(), expires);
    }

    /// Returns the ids of the tokens that are not expired, in alphabetical order.
    pub(crate) fn ids(&self, now: u64) -> Vec<String> {
        let revoked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let valid = revoked.iter().filter(|(_, expires)| now < **expires);
        let mut ids: Vec<String> = valid.map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        ids
    }
}
