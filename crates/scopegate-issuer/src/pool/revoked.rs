//! Access tokens that their clients have revoked (RFC 7009).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long an entry stays after the token's `exp`, in seconds. A verifier with a leeway accepts
/// the token for longer. Twice the longest one, because their clocks differ.
const AFTER_EXPIRY: u64 = 600;

/// The revoked tokens by `jti`, with their `exp`.
#[derive(Debug, Default)]
pub(crate) struct RevokedTokens(Mutex<HashMap<String, u64>>);

impl RevokedTokens {
    pub(crate) fn insert(&self, id: &str, expires: u64, now: u64) {
        let mut revoked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.retain(|_, expires| may_be_accepted(*expires, now));
        revoked.insert(id.to_owned(), expires);
    }

    /// Returns whether the token with this id was revoked.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Returns the ids of the tokens that a verifier may still accept, in alphabetical order.
    pub(crate) fn ids(&self, now: u64) -> Vec<String> {
        let revoked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let valid = revoked.iter().filter(|(_, expires)| may_be_accepted(**expires, now));
        let mut ids: Vec<String> = valid.map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        ids
    }
}

fn may_be_accepted(expires: u64, now: u64) -> bool {
    now < expires.saturating_add(AFTER_EXPIRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_outlives_leeway_of_verifiers() {
        let revoked = RevokedTokens::default();
        revoked.insert("a", 1_000, 0);
        assert_eq!(revoked.ids(1_599), ["a"]);
        assert!(revoked.ids(1_600).is_empty());
        revoked.insert("b", 3_000, 1_599);
        assert_eq!(revoked.ids(1_599), ["a", "b"]);
        revoked.insert("c", 3_000, 1_600);
        assert_eq!(revoked.ids(0), ["b", "c"]);
        revoked.insert("d", u64::MAX, u64::MAX - 1);
        assert_eq!(revoked.ids(u64::MAX - 1), ["d"]);
    }
}
