//! The budget for tokens that were not seen before.

use std::time::Duration;

use tokio::time::Instant;

/// The number of calls for unseen tokens: a burst, and then a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnseenTokens {
    pub(crate) burst: u32,
    pub(crate) per_second: u32,
}

/// A call costs this much. One nanosecond earns the rate.
const CALL: u64 = 1_000_000_000;

/// A token bucket. An attacker can invent tokens, and each costs the authorization server a call.
pub(crate) struct Budget {
    limits: UnseenTokens,
    /// The calls that are left, in billionths.
    left: u64,
    counted_at: Instant,
}

impl Budget {
    /// Creates a full budget.
    pub(crate) fn new(limits: UnseenTokens, now: Instant) -> Self {
        Self { limits, left: full(limits), counted_at: now }
    }

    /// Takes one call. Returns `false` if none is left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted_at);
        self.counted_at = now;
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let earned = nanos.saturating_mul(self.limits.per_second.into());
        self.left = self.left.saturating_add(earned).min(full(self.limits));
        match self.left.checked_sub(CALL) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Returns the time until the next call, in whole seconds for `Retry-After`.
    pub(crate) fn retry_after() -> Duration {
        // The rate is at least one per second.
        Duration::from_secs(1)
    }
}

fn full(limits: UnseenTokens) -> u64 {
    u64::from(limits.burst).saturating_mul(CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut Budget, now: Instant, wanted: usize) -> usize {
        (0..wanted).filter(|_| budget.take(now)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn burst_is_followed_by_the_rate() {
        // IN12
        let begin = Instant::now();
        let mut budget = Budget::new(UnseenTokens { burst: 300, per_second: 100 }, begin);
        assert_eq!(taken(&mut budget, begin, 10_000), 300);
        assert_eq!(taken(&mut budget, begin + Duration::from_millis(9), 10), 0);
        assert_eq!(taken(&mut budget, begin + Duration::from_millis(10), 10), 1);
        assert_eq!(taken(&mut budget, begin + Duration::from_millis(1_010), 10_000), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_budget_holds_one_burst() {
        let begin = Instant::now();
        let mut budget = Budget::new(UnseenTokens { burst: 3, per_second: 100 }, begin);
        assert_eq!(taken(&mut budget, begin, 3), 3);
        assert_eq!(taken(&mut budget, begin + Duration::from_secs(3_600), 10), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn steady_rate_is_never_refused() {
        let begin = Instant::now();
        let mut budget = Budget::new(UnseenTokens { burst: 1, per_second: 100 }, begin);
        assert!((0..1_000).all(|call| budget.take(begin + Duration::from_millis(10) * call)));
    }
}
