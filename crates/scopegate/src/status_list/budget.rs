//! The memory of all status lists of a verifier.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The upper bound for all lists of a verifier: 64 lists of the largest size. Without it, each of
/// thousands of issuers could have as many lists as one issuer may have.
pub(crate) const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The bytes that are reserved.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// Bytes of the budget. Dropping it returns them.
pub(crate) struct Reserved {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// Returns a reservation of no bytes.
    pub(super) fn empty(&self) -> Reserved {
        Reserved { budget: self.clone(), bytes: 0 }
    }
}

impl Reserved {
    /// Changes the number of reserved bytes. Returns `false`, and changes nothing, if too few are
    /// left.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let before = self.bytes;
        let changed = |used: usize| (used - before).checked_add(bytes).filter(|used| *used <= MAX_BYTES);
        if self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed).is_err() {
            return false;
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_bounded_and_bytes_return() {
        // SL12
        let budget = Budget::default();
        let (mut one, mut other) = (budget.empty(), budget.empty());
        assert!(one.set(MAX_BYTES) && other.set(0) && !other.set(1) && !other.set(usize::MAX));
        assert!(one.set(MAX_BYTES - 1) && other.set(1) && !one.set(MAX_BYTES));
        drop(one);
        assert!(other.set(MAX_BYTES));
        drop(other);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
