//! The accepted proofs that have not expired. Each proof is accepted once (RFC 9449 §11.1).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The maximum number of stored proofs, so that a client under test cannot exhaust memory.
const MAX_PROOFS: usize = 10_000;

/// Proofs by the thumbprint of their key and their `jti`, with the last second of their window.
#[derive(Debug, Default)]
pub(super) struct UsedProofs(Mutex<HashMap<(String, String), u64>>);

/// The result of recording a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    First,
    Replay,
    /// There is no room.
    Full,
}

impl UsedProofs {
    /// Records a proof. Expired ones are removed first.
    pub(super) fn record(&self, thumbprint: &str, id: &str, expires: u64, now: u64) -> Use {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expires| now <= *expires);
        let key = (thumbprint.to_owned(), id.to_owned());
        if used.contains_key(&key) {
            return Use::Replay;
        }
        if used.len() >= MAX_PROOFS {
            return Use::Full;
        }
        used.insert(key, expires);
        Use::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_used_once_until_it_expires() {
        // RFC 9449 §11.1
        let used = UsedProofs::default();
        assert_eq!(used.record("k", "a", 100, 40), Use::First);
        assert_eq!(used.record("k", "a", 100, 100), Use::Replay);
        assert_eq!(used.record("other", "a", 100, 100), Use::First);
        assert_eq!(used.record("k", "b", 100, 100), Use::First);
        assert_eq!(used.record("k", "a", 200, 101), Use::First);
    }

    #[test]
    fn number_of_stored_proofs_is_bounded() {
        let used = UsedProofs::default();
        for id in 0..MAX_PROOFS {
            used.0.lock().unwrap().insert(("k".to_owned(), id.to_string()), 100);
        }
        assert_eq!(used.record("k", "new", 100, 50), Use::Full);
        assert_eq!(used.record("k", "7", 100, 50), Use::Replay);
        assert_eq!(used.record("k", "new", 200, 101), Use::First);
    }
}
