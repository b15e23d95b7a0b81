//! Delays between retries: exponential backoff with jitter.
//!
//! The functions are pure. The caller supplies the random numbers, and waits.

use std::time::Duration;

/// The longest delay doubles after each failure, from the first one to the maximum.
const FACTOR: u32 = 2;

/// An exponential backoff with full jitter.
///
/// Each delay is drawn from the whole range below the current upper bound ("full jitter"), so that
/// processes that failed at the same time retry at different times. No delay is shorter than half
/// the first bound. Otherwise a random number near 0 would cause a retry without a pause.
///
/// ```
/// use std::time::Duration;
/// use scopegate_proto::backoff::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// assert_eq!(backoff.next_delay(1.0), Duration::from_secs(1));
/// assert_eq!(backoff.next_delay(1.0), Duration::from_secs(2));
/// assert_eq!(backoff.next_delay(0.0), Duration::from_millis(500));
/// backoff.reset();
/// assert_eq!(backoff.next_delay(1.0), Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Creates a backoff from the upper bounds of the first and of the longest delay.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, failures: 0 }
    }

    /// Counts a failure, and returns the delay before the next attempt.
    ///
    /// `random` must be uniform in 0..1.
    pub fn next_delay(&mut self, random: f64) -> Duration {
        let bound = self.first.saturating_mul(FACTOR.saturating_pow(self.failures)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(random).max(self.first / 2)
    }

    /// Resets the delay to the first one. Call it after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// Returns a factor between `1 - range` and `1 + range`.
///
/// Multiply a regular interval with it, so that processes that were started together drift apart.
/// `random` must be uniform in 0..1.
pub fn jitter(range: f64, random: f64) -> f64 {
    1.0 + range * (2.0 * random - 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(60);

    #[test]
    fn delay_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(FIRST, MAX);
        let seconds: Vec<u64> = (0..8).map(|_| backoff.next_delay(1.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.failures(), 8);
    }

    #[test]
    fn delay_after_billions_of_failures_is_the_maximum() {
        let mut backoff = Backoff { first: FIRST, max: MAX, failures: u32::MAX };
        assert_eq!(backoff.next_delay(1.0), MAX);
        assert_eq!(backoff.failures(), u32::MAX);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        assert!((jitter(0.1, 0.0) - 0.9).abs() < 1e-12);
        assert!((jitter(0.1, 0.5) - 1.0).abs() < 1e-12);
        assert!((jitter(0.1, 1.0) - 1.1).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn any_delay_is_within_its_bounds(
            random in 0.0..1.0f64,
            failures in 0u32..40,
        ) {
            let mut backoff = Backoff { first: FIRST, max: MAX, failures };
            let delay = backoff.next_delay(random);
            let bound = FIRST.saturating_mul(2u32.saturating_pow(failures)).min(MAX);
            prop_assert!(delay >= FIRST / 2 && delay <= bound, "{delay:?}");
        }
    }
}
