//! When a key set may be fetched: a state machine without I/O, clock and randomness of its own. The task that
//! acts on it is `refresh_task.rs`.

use std::time::Duration;

use tokio::time::Instant;

/// How often keys are fetched. The defaults are explained where they can be changed, at the builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) period: Duration,
    pub(crate) cooldown: Duration,
}

/// After a failure the next attempt waits 1 s, then twice as long each time, and at most a minute, so that an
/// outage of the issuer ends for us within a minute of its end.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Keys are renewed when this part of the period has passed, so that one failed attempt is not yet late.
const RENEWED_AT: f64 = 0.8;

/// Servers that were started together must not fetch together: ±10 %.
const JITTER: f64 = 0.1;

#[derive(Debug)]
pub(crate) struct Refresh {
    pace: Pace,
    due: Instant,
    failures: u32,
    /// From when on an unknown key may cause a fetch again.
    extra_from: Instant,
}

impl Refresh {
    /// The first fetch is due at once.
    pub(crate) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, due: now, failures: 0, extra_from: now }
    }

    /// When the next fetch should be made, whatever requests come.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// From when on an unknown key is worth a fetch.
    pub(crate) fn extra_from(&self) -> Instant {
        self.extra_from
    }

    /// A token named a key that we do not have. Says whether to fetch now.
    ///
    /// Anybody can invent key ids, so attempts are counted, not successes: one for each cooldown.
    pub(crate) fn unknown_key(&mut self, now: Instant) -> bool {
        let allowed = now >= self.extra_from;
        if allowed {
            self.extra_from = now + self.pace.cooldown;
        }
        allowed
    }

    /// `random` is uniform in 0..1.
    pub(crate) fn succeeded(&mut self, now: Instant, random: f64) {
        self.failures = 0;
        let jitter = 1.0 + JITTER * (2.0 * random - 1.0);
        self.due = now + self.pace.period.mul_f64(RENEWED_AT * jitter);
    }

    /// `random` is uniform in 0..1. The wait is drawn from its whole range ("full jitter"), so that a fleet
    /// that failed together does not return together.
    pub(crate) fn failed(&mut self, now: Instant, random: f64) {
        let longest = FIRST_RETRY.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        // Never at once: a random number near 0 must not turn the loop into a hammer.
        self.due = now + longest.mul_f64(random).max(FIRST_RETRY / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { period: Duration::from_secs(600), cooldown: Duration::from_secs(30) };

    fn seconds(refresh: &Refresh, since: Instant) -> f64 {
        refresh.due().duration_since(since).as_secs_f64()
    }

    #[test]
    fn the_first_fetch_is_due_at_once() {
        let now = Instant::now();
        assert_eq!(Refresh::new(PACE, now).due(), now);
    }

    #[test]
    fn keys_are_renewed_at_four_fifths_of_the_period_give_or_take_a_tenth() {
        let now = Instant::now();
        let mut refresh = Refresh::new(PACE, now);
        for (random, expected) in [(0.0, 432.0), (0.5, 480.0), (1.0, 528.0)] {
            refresh.succeeded(now, random);
            assert!((seconds(&refresh, now) - expected).abs() < 1e-6, "{random}");
        }
    }

    #[test]
    fn failures_wait_twice_as_long_each_time_up_to_a_minute() {
        let now = Instant::now();
        let mut refresh = Refresh::new(PACE, now);
        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            refresh.failed(now, 1.0);
            assert!((seconds(&refresh, now) - expected).abs() < 1e-6);
        }
        refresh.failed(now, 0.0);
        assert!((seconds(&refresh, now) - 0.5).abs() < 1e-6, "never at once");
        refresh.succeeded(now, 0.5);
        refresh.failed(now, 1.0);
        assert!((seconds(&refresh, now) - 1.0).abs() < 1e-6, "a success starts over");
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let now = Instant::now();
        let mut refresh = Refresh::new(PACE, now);
        (0..1_000).for_each(|_| refresh.failed(now, 1.0));
        assert!((seconds(&refresh, now) - 60.0).abs() < 1e-6);
    }

    #[test]
    fn unknown_keys_cause_one_fetch_in_each_cooldown() {
        // B16, B18: whether the fetch succeeds does not matter
        let start = Instant::now();
        let mut refresh = Refresh::new(PACE, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(refresh.unknown_key(at(5)));
        refresh.failed(at(5), 0.5);
        assert!(!refresh.unknown_key(at(5)));
        assert!(!refresh.unknown_key(at(34)));
        assert!(refresh.unknown_key(at(35)));
    }
}
