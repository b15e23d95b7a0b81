//! A bound on events of the log that any peer can cause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Allows one event in [`WINDOW`] seconds.
pub(crate) struct LogLimit {
    /// In seconds since 1970.
    next: AtomicU64,
}

const WINDOW: u64 = 10;

impl LogLimit {
    pub(crate) const fn new() -> Self {
        Self { next: AtomicU64::new(0) }
    }

    /// Returns whether one more event may be logged now, and counts it.
    pub(crate) fn allows_one(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        self.allows_one_at(now)
    }

    fn allows_one_at(&self, now: u64) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        // A clock that was set back must not end the log.
        let is_over = now >= next || now + WINDOW < next;
        is_over
            && self.next.compare_exchange(next, now + WINDOW, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_allowed_in_each_window() {
        let limit = LogLimit::new();
        let allowed: Vec<bool> = [100, 100, 109, 110, 119, 50, 51].map(|now| limit.allows_one_at(now)).into();
        assert_eq!(allowed, [true, false, false, true, false, true, false]);
    }
}
