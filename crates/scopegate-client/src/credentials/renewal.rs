//! The schedule of a token: when it is served, renewed, requested again and discarded. It is a
//! state machine without I/O, clock and randomness. `credentials/source.rs` runs it.
//!
//! Only a call to [`RenewalSchedule::poll`] causes an action. So an idle program requests no
//! tokens, which some issuers charge for.

use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};
use tokio::time::Instant;

use crate::endpoint::retry::Retry;

/// The fraction of its lifetime after which a token is renewed. An outage of the issuer can last a
/// quarter of the lifetime without an effect on callers.
const RENEW_AT: f64 = 0.75;

/// Renewals vary by ±10 %, so that programs that were started together do not renew together.
const JITTER: f64 = 0.1;

/// A token is discarded this long before it expires, because it could arrive too late. Maximum: a
/// tenth of the lifetime.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// Bounds of the backoff: at most 1 s after the first failure, doubled each time. The upper bound
/// is lower while there is no token.
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum of `Retry-After`, so that a misconfigured server cannot stop the client for a day.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The wait after a rejection. The issuer rejects the same request again until an operator changes
/// a setting.
const PERMANENT_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// A request is abandoned after this time. Its own timeouts, including discovery, are shorter. But
/// they do not fire if its runtime no longer runs, and callers on other runtimes must not wait for
/// it.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct RenewalSchedule {
    current: Option<Current>,
    /// The start of the request in flight.
    in_flight: Option<Instant>,
    backoff: Backoff,
    /// The backoff while there is no token, and callers wait or fail.
    backoff_without_token: Backoff,
    /// The outcome of the last failed request.
    retry: Retry,
    not_before: NotBefore,
}

/// The earliest time of the next request.
#[derive(Clone, Copy, Debug)]
struct NotBefore {
    with_token: Instant,
    without_token: Instant,
}

impl NotBefore {
    fn always(time: Instant) -> Self {
        Self { with_token: time, without_token: time }
    }

    fn get(self, has_token: bool) -> Instant {
        if has_token { self.with_token } else { self.without_token }
    }
}

#[derive(Debug)]
struct Current {
    renew_at: Instant,
    ends_at: Instant,
}

/// The next step for a caller that needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Return the current token.
    Serve,
    /// Return the current token, and request the next one in the background.
    ServeAndRequest,
    /// Send a request, and wait for its end.
    Request,
    /// Wait for the request in flight, or until this time.
    Wait { until: Option<Instant> },
    /// Return the error of the last request.
    Fail,
}

impl RenewalSchedule {
    pub(crate) fn new(max_backoff_without_token: Duration, now: Instant) -> Self {
        Self {
            current: None,
            in_flight: None,
            backoff: Backoff::new(MIN_RETRY_INTERVAL, MAX_RETRY_INTERVAL),
            backoff_without_token: Backoff::new(MIN_RETRY_INTERVAL, max_backoff_without_token),
            retry: Retry::Transient,
            not_before: NotBefore::always(now),
        }
    }

    /// Returns the next step for a caller that needs a token. After a step with a request, the
    /// request is in flight until [`succeeded`](Self::succeeded) or [`failed`](Self::failed) is
    /// called.
    pub(crate) fn poll(&mut self, now: Instant) -> Action {
        self.poll_with(now, true)
    }

    /// Returns the next step for a caller that needs another token than the current one.
    pub(crate) fn poll_for_another(&mut self, now: Instant) -> Action {
        self.poll_with(now, false)
    }

    fn poll_with(&mut self, now: Instant, is_usable: bool) -> Action {
        let in_flight = self.in_flight.is_some_and(|since| now < since + REQUEST_TIMEOUT);
        let has_token = is_usable && self.is_valid(now);
        let not_before = self.not_before.get(has_token);
        let may_request = !in_flight && not_before <= now;
        match &self.current {
            Some(current) if has_token => {
                if now < current.renew_at || !may_request {
                    return Action::Serve;
                }
                self.in_flight = Some(now);
                Action::ServeAndRequest
            }
            _ if in_flight => Action::Wait { until: None },
            _ if may_request => {
                self.in_flight = Some(now);
                Action::Request
            }
            _ if self.retry == Retry::Transient => Action::Wait { until: Some(not_before) },
            _ => Action::Fail,
        }
    }

    /// Returns the time until which the current token can be served without another
    /// [`poll`](Self::poll).
    pub(crate) fn fresh_until(&self) -> Option<Instant> {
        let current = self.current.as_ref()?;
        let due = match self.in_flight {
            Some(since) => since + REQUEST_TIMEOUT,
            None => current.renew_at.max(self.not_before.with_token),
        };
        Some(due.min(current.ends_at))
    }

    /// Returns whether the current token can be served.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        self.current.as_ref().is_some_and(|current| now < current.ends_at)
    }

    /// Returns whether the request in flight was started at this time. An abandoned request may
    /// still end, and must change nothing.
    pub(crate) fn is_in_flight(&self, requested_at: Instant) -> bool {
        self.in_flight == Some(requested_at)
    }

    /// Returns the start of the request in flight.
    pub(crate) fn in_flight_since(&self) -> Option<Instant> {
        self.in_flight
    }

    /// Returns the wait until the next request is allowed. It is zero while a request is in flight.
    pub(crate) fn retry_in(&self, now: Instant, has_token: bool) -> Duration {
        let not_before = self.not_before.get(has_token);
        if self.in_flight.is_some() { Duration::ZERO } else { not_before.saturating_duration_since(now) }
    }

    /// Returns the time at which the current token is renewed.
    pub(crate) fn renews_at(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.renew_at.max(self.not_before.with_token))
    }

    /// Records that the request returned a token. Its `lifetime` counts from `requested_at`.
    /// `random` is uniform in 0..1.
    pub(crate) fn succeeded(&mut self, requested_at: Instant, lifetime: Duration, random: f64) {
        let renew_at = requested_at + lifetime.mul_f64(RENEW_AT * jitter(JITTER, random));
        self.current = Some(Current { renew_at, ends_at: ends_at(requested_at, lifetime) });
        self.in_flight = None;
        self.backoff.reset();
        self.backoff_without_token.reset();
        self.not_before = NotBefore::always(requested_at);
    }

    /// Records that the request failed. `random` is uniform in 0..1.
    pub(crate) fn failed(&mut self, now: Instant, retry: Retry, retry_after: Option<Duration>, random: f64) {
        let requested_wait = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let not_before = |delay: Duration| {
            let delay = if retry == Retry::Permanent { PERMANENT_RETRY_INTERVAL } else { delay };
            now + delay.max(requested_wait)
        };
        self.not_before = NotBefore {
            with_token: not_before(self.backoff.next_delay(random)),
            without_token: not_before(self.backoff_without_token.next_delay(random)),
        };
        self.in_flight = None;
        self.retry = retry;
    }

    /// Abandons the request in flight, if it was started at this time.
    pub(crate) fn abandon(&mut self, requested_at: Instant) {
        self.in_flight.take_if(|since| *since == requested_at);
    }

    /// Makes the renewal of the current token due, because an API rejected the token.
    pub(crate) fn renew_now(&mut self, now: Instant) {
        if let Some(current) = &mut self.current {
            current.renew_at = current.renew_at.min(now);
        }
    }

    /// Discards the current token.
    pub(crate) fn discard(&mut self) {
        self.current = None;
    }
}

/// Returns the time from which a token is no longer served, shortly before it expires.
pub(crate) fn ends_at(requested_at: Instant, lifetime: Duration) -> Instant {
    requested_at + lifetime.saturating_sub(EXPIRY_MARGIN.min(lifetime / 10))
}

#[cfg(test)]
mod tests;
