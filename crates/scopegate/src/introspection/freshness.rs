//! The time for which the result of an introspection is used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::entry::{Basis, Entry};
use crate::token::numeric_date::NumericDate;

/// The result of one call. A result ends with the token's `exp` in any case, without leeway: the
/// authorization server then says whether the token is still active.
pub(super) struct Freshness {
    /// The time before the request.
    asked_at: Instant,
    /// The authorization server or a rule has rejected the token since.
    is_ended: AtomicBool,
}

/// The use of a cached result.
#[derive(Clone, Copy, Debug)]
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
    pub(super) fn since(asked_at: Instant) -> Self {
        Self { asked_at, is_ended: AtomicBool::new(false) }
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
    /// Returns the state of a result.
    #[inline]
    pub(super) fn state(&self, entry: &Entry<Freshness>, now: NumericDate) -> State {
        let is_within = entry.valid.contain(now) && now < entry.claims().expires_at();
        if !is_within || entry.basis.has_ended() {
            return State::Old;
        }
        let age = entry.basis.asked_at.elapsed();
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

    fn entry() -> Entry<Freshness> {
        let claims = Claims::for_test(json!({ "exp": 1_000, "nbf": 500 }));
        Entry::new(&claims, Freshness::since(Instant::now()), 60 * SECOND)
    }

    const STRICT: Lifetimes = Lifetimes { cached_for: Duration::from_secs(10), stale_for: None };
    const LENIENT: Lifetimes = Lifetimes { stale_for: Some(Duration::from_secs(300)), ..STRICT };

    #[tokio::test(start_paused = true)]
    async fn result_is_fresh_for_its_lifetime() {
        // IN11
        let entry = entry();
        assert_eq!(STRICT.state(&entry, at(900)), State::Fresh);
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(STRICT.state(&entry, at(900)), State::Fresh);
        advance(Duration::from_millis(1)).await;
        assert_eq!(STRICT.state(&entry, at(900)), State::Old);
    }

    #[tokio::test(start_paused = true)]
    async fn result_ends_with_the_token() {
        // IN11: a leeway does not prolong it.
        let entry = entry();
        for (now, expected) in
            [(999, State::Fresh), (1_000, State::Old), (440, State::Fresh), (439, State::Old)]
        {
            assert_eq!(LENIENT.state(&entry, at(now)), expected, "{now}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stale_result_is_used_only_if_allowed() {
        // IN17
        let entry = entry();
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
        let entry = entry();
        entry.basis.end();
        assert_eq!(LENIENT.state(&entry, at(900)), State::Old);
    }
}
