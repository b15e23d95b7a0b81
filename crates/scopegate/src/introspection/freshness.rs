//! The time for which the result of an introspection is used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::entry::{Basis, Entry};
use crate::token::numeric_date::NumericDate;

/// The result of one call. A result ends with the token's `exp` in any case, without leeway: the
/// authorization server then says whether the token is still active.
pub(super) struct Freshness {
    /// The time before the request, by both clocks: the monotonic clock stands still while the
    /// machine is suspended, and the wall clock may be set.
    asked_at: Instant,
    asked_on: NumericDate,
    /// The age of the first use that renews the result.
    renew_after: Duration,
    /// A use has begun the renewal.
    is_renewed: AtomicBool,
    /// The authorization server or a rule has rejected the token since.
    is_ended: AtomicBool,
}

/// The use of a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetimes {
    /// A younger result is used without a call.
    pub(super) cached_for: Duration,
    /// A younger result is used if a call fails. `None` if none is.
    pub(super) stale_for: Option<Duration>,
}

/// The state of a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Fresh,
    /// Only usable if a call fails.
    Stale,
    /// Of no use, except that the token is known.
    Old,
}

impl Freshness {
    pub(super) fn since(asked_at: Instant, asked_on: NumericDate, renew_after: Duration) -> Self {
        let (is_renewed, is_ended) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { asked_at, asked_on, renew_after, is_renewed, is_ended }
    }

    fn age(&self, now: NumericDate) -> Duration {
        self.asked_at.elapsed().max(now.duration_since(self.asked_on))
    }

    /// Returns whether this use of the result renews it. One use does.
    pub(super) fn is_renewed_by(&self, now: NumericDate) -> bool {
        self.age(now) >= self.renew_after
            && !self.is_renewed.load(Ordering::Relaxed)
            && !self.is_renewed.swap(true, Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }

    /// Ends the result, because the token is rejected.
    pub(super) fn end(&self) {
        self.is_ended.store(true, Ordering::Relaxed);
    }
}

impl Lifetimes {
    /// Returns the age of a result that is renewed at its next use: 75 % to 85 % of its lifetime, by
    /// a random byte. Then results of one moment are not renewed at the same time.
    pub(super) fn renew_after(&self, random: u8) -> Duration {
        self.cached_for * (75 + u32::from(random) % 11) / 100
    }

    /// Returns the state of a result.
    #[inline]
    pub(super) fn state(&self, entry: &Entry<Freshness>, now: NumericDate) -> State {
        let is_within = entry.valid.contain(now) && now < entry.claims().expires_at();
        if !is_within || entry.basis.has_ended() {
            return State::Old;
        }
        let age = entry.basis.age(now);
        if age < self.cached_for {
            State::Fresh
        } else if self.stale_for.is_some_and(|limit| age < limit) {
            State::Stale
        } else {
            State::Old
        }
    }
}

impl Basis for Freshness {
    fn weight(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;
    use tokio::time::advance;

    use super::*;
    use crate::claims::Claims;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> NumericDate {
        NumericDate::from(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn entry(asked_on: u64) -> Entry<Freshness> {
        let claims = Claims::for_test(json!({ "exp": 1_000, "nbf": 500 }));
        let basis = Freshness::since(Instant::now(), at(asked_on), 8 * SECOND);
        Entry::new(&claims, basis, 60 * SECOND)
    }

    const STRICT: Lifetimes = Lifetimes { cached_for: Duration::from_secs(10), stale_for: None };
    const LENIENT: Lifetimes = Lifetimes { stale_for: Some(Duration::from_secs(300)), ..STRICT };

    #[tokio::test(start_paused = true)]
    async fn result_is_fresh_for_its_lifetime() {
        // IN11
        let entry = entry(900);
        assert_eq!(STRICT.state(&entry, at(900)), State::Fresh);
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(STRICT.state(&entry, at(900)), State::Fresh);
        advance(Duration::from_millis(1)).await;
        assert_eq!(STRICT.state(&entry, at(900)), State::Old);
    }

    #[tokio::test(start_paused = true)]
    async fn result_ends_with_the_token() {
        // IN11: a leeway does not prolong it.
        for (now, expected) in
            [(999, State::Fresh), (1_000, State::Old), (440, State::Fresh), (439, State::Old)]
        {
            assert_eq!(LENIENT.state(&entry(now), at(now)), expected, "{now}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stale_result_is_used_only_if_allowed() {
        // IN17
        let entry = entry(900);
        advance(10 * SECOND).await;
        assert_eq!(STRICT.state(&entry, at(900)), State::Old);
        assert_eq!(LENIENT.state(&entry, at(900)), State::Stale);
        assert_eq!(LENIENT.state(&entry, at(1_000)), State::Old);
        advance(290 * SECOND).await;
        assert_eq!(LENIENT.state(&entry, at(900)), State::Old);
    }

    #[tokio::test(start_paused = true)]
    async fn ended_result_is_not_used() {
        // IN13
        let entry = entry(900);
        entry.basis.end();
        assert_eq!(LENIENT.state(&entry, at(900)), State::Old);
    }

    #[tokio::test(start_paused = true)]
    async fn suspension_ages_a_result_by_the_wall_clock() {
        // IN11
        let entry = entry(900);
        assert_eq!(STRICT.state(&entry, at(909)), State::Fresh);
        assert_eq!(STRICT.state(&entry, at(910)), State::Old);
        assert_eq!(LENIENT.state(&entry, at(910)), State::Stale);
        advance(9 * SECOND).await;
        assert_eq!(STRICT.state(&entry, at(600)), State::Fresh, "the wall clock was set back");
        advance(SECOND).await;
        assert_eq!(STRICT.state(&entry, at(600)), State::Old);
    }

    #[tokio::test(start_paused = true)]
    async fn first_late_use_renews_the_result() {
        let entry = entry(900);
        assert!(!entry.basis.is_renewed_by(at(900)));
        advance(8 * SECOND).await;
        assert!(entry.basis.is_renewed_by(at(900)));
        assert!(!entry.basis.is_renewed_by(at(900)), "once");
        let ages: Vec<_> = (0..=u8::MAX).map(|random| STRICT.renew_after(random).as_millis()).collect();
        assert_eq!((ages.iter().min(), ages.iter().max()), (Some(&7_500), Some(&8_500)));
    }
}
