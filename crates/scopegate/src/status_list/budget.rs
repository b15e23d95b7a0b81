//! The memory of the status lists of a verifier, and the share of one issuer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The upper bound for all lists of a verifier: 64 lists of the largest size. Without it, each of
/// thousands of issuers could have as many lists as one issuer may have.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The upper bound for the lists of one issuer: 16 lists of the largest size, the default number.
/// Without it, one issuer could leave no room for the lists of another.
const MAX_ISSUER_BYTES: usize = MAX_BYTES / 4;

/// The bytes that all lists have reserved.
#[derive(Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// The bytes that the lists of one issuer may reserve.
pub(super) struct Share {
    used: AtomicUsize,
    all: Budget,
}

/// Bytes of an issuer's share. Dropping it returns them.
pub(super) struct Reserved {
    share: Arc<Share>,
    bytes: usize,
}

/// The limit that a reservation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Issuer,
    Verifier,
}

impl Budget {
    /// Returns the share of a further issuer.
    pub(super) fn share(&self) -> Arc<Share> {
        Arc::new(Share { used: AtomicUsize::new(0), all: self.clone() })
    }

    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Returns a reservation of no bytes.
    pub(super) fn empty(self: &Arc<Self>) -> Reserved {
        Reserved { share: Arc::clone(self), bytes: 0 }
    }
}

impl Reserved {
    /// Changes the number of reserved bytes. If too few are left, it changes nothing.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), Exceeded> {
        let Share { used, all } = &*self.share;
        if !replace(used, self.bytes, bytes, MAX_ISSUER_BYTES) {
            return Err(Exceeded::Issuer);
        }
        if !replace(&all.0, self.bytes, bytes, MAX_BYTES) {
            // The share has had this many bytes for this list.
            replace(used, bytes, self.bytes, usize::MAX);
            return Err(Exceeded::Verifier);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Returns all bytes.
    pub(super) fn clear(&mut self) {
        self.share.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.share.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

/// Replaces `before` bytes of a sum by `after` bytes. Returns `false` if the sum would exceed the
/// limit.
fn replace(sum: &AtomicUsize, before: usize, after: usize, limit: usize) -> bool {
    let changed = |sum: usize| (sum - before).checked_add(after).filter(|sum| *sum <= limit);
    sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed).is_ok()
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer => {
                write!(f, "the status lists of the issuer have more than {MAX_ISSUER_BYTES} bytes")
            }
            Self::Verifier => write!(f, "all status lists together have more than {MAX_BYTES} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_bounded_and_bytes_return() {
        // SL12
        let budget = Budget::default();
        let full: Vec<_> = (0..4)
            .map(|_| {
                let mut list = budget.share().empty();
                assert_eq!(list.set(MAX_ISSUER_BYTES), Ok(()));
                list
            })
            .collect();
        let mut other = budget.share().empty();
        assert_eq!((other.set(0), other.set(1)), (Ok(()), Err(Exceeded::Verifier)));
        drop(full);
        assert_eq!(other.set(MAX_ISSUER_BYTES), Ok(()));
        // The attempt that failed has left nothing in the share.
        assert_eq!(other.share.used.load(Ordering::Relaxed), MAX_ISSUER_BYTES);
        other.clear();
        assert_eq!(budget.reserved(), 0);
        assert_eq!(other.set(MAX_ISSUER_BYTES), Ok(()));
        drop(other);
        assert_eq!(budget.reserved(), 0);
    }

    #[test]
    fn one_issuer_has_a_quarter_at_most() {
        // SL12
        let budget = Budget::default();
        let share = budget.share();
        let (mut one, mut other) = (share.empty(), share.empty());
        assert_eq!((one.set(MAX_ISSUER_BYTES), other.set(1)), (Ok(()), Err(Exceeded::Issuer)));
        assert_eq!(other.set(usize::MAX), Err(Exceeded::Issuer));
        assert_eq!((one.set(MAX_ISSUER_BYTES - 1), other.set(1)), (Ok(()), Ok(())));
        assert_eq!(one.set(MAX_ISSUER_BYTES), Err(Exceeded::Issuer));
        assert_eq!(budget.share().empty().set(MAX_ISSUER_BYTES), Ok(()));
    }
}
