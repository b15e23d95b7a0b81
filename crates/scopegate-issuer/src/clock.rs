//! The current time, from the system clock or fixed. No other file reads the system clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system clock, or a fixed time.
#[derive(Debug)]
pub(crate) struct Clock {
    fixed: AtomicU64,
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self { fixed: AtomicU64::new(NOT_FIXED) }
    }

    pub(crate) fn set(&self, unix_seconds: u64) {
        self.fixed.store(unix_seconds, Ordering::Relaxed);
    }

    pub(crate) fn use_system(&self) {
        self.fixed.store(NOT_FIXED, Ordering::Relaxed);
    }

    /// Returns the current time in seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        match self.fixed.load(Ordering::Relaxed) {
            NOT_FIXED => system_now(),
            fixed => fixed,
        }
    }
}

/// Returns the system clock's seconds since 1970, or 0 if that clock is before 1970.
pub(crate) fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const NOT_FIXED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_time_stands_still_until_system_clock_returns() {
        let clock = Clock::system();
        clock.set(1_000);
        assert_eq!((clock.now(), clock.now()), (1_000, 1_000));
        clock.use_system();
        assert!(clock.now() > 1_000);
    }
}
