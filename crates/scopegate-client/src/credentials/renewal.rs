//! When a token is served, renewed, asked for again and given up: a state machine without I/O, clock and randomness of
//! its own. What acts on it is `credentials/source.rs`.
//!
//! Nothing happens by itself: every step is caused by somebody who wants a token. So a program that has gone quiet asks
//! for no tokens, which some issuers charge for.

use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::retry::Outlook;

/// A token is renewed when this part of its lifetime has passed, so that an issuer may be out of order for a quarter of
/// it before anybody notices.
const RENEWED_AT: f64 = 0.75;

/// Programs that were started together must not renew together: ±10 %.
const JITTER: f64 = 0.1;

/// A token is not sent in its last moments, because it would arrive too late: 10 s, and a tenth of a short life.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// After a failure the next request waits 1 s, then twice as long each time, and at most a minute.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A server may ask for more patience (`Retry-After`), but not for ever: a mistake there must not last for a day here.
const MOST_PATIENCE: Duration = Duration::from_secs(300);

/// What an issuer has refused it will refuse again. Somebody has to change a setting, here or there, and that is noticed
/// after this time.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// A request ends by itself in less time than that, discovery included. One that has not, has no runtime that runs it, and
/// must not keep those who have one from a token.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Lifecycle {
    held: Option<Held>,
    /// When the request was begun that is under way.
    under_way: Option<Instant>,
    failures: u32,
    /// What came of the last request.
    outlook: Outlook,
    /// No request before this.
    not_before: Instant,
    /// No token is dropped for a server that rejects it before this.
    rejectable_from: Instant,
    rejection_cooldown: Duration,
}

#[derive(Debug)]
struct Held {
    renew_at: Instant,
    ends_at: Instant,
}

/// What to do for somebody who wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Give the token in hand.
    Serve,
    /// Give the token in hand, and make a request for the next one.
    ServeAndRequest,
    /// Make a request, and wait for it.
    Request,
    /// Wait for the request that is under way, or until this.
    Wait { until: Option<Instant> },
    /// Say how the last request failed.
    Fail,
}

impl Lifecycle {
    pub(crate) fn new(rejection_cooldown: Duration, now: Instant) -> Self {
        Self {
            held: None,
            under_way: None,
            failures: 0,
            outlook: Outlook::Passing,
            not_before: now,
            rejectable_from: now,
            rejection_cooldown,
        }
    }

    /// Somebody wants a token. A step with a request in it means that the request has begun: its end has to be told, by
    /// [`succeeded`](Self::succeeded) or [`failed`](Self::failed).
    pub(crate) fn want(&mut self, now: Instant) -> Step {
        let under_way = self.under_way.is_some_and(|since| now < since + LOST_AFTER);
        let may_request = !under_way && self.not_before <= now;
        match &self.held {
            Some(held) if now < held.ends_at => {
                if now < held.renew_at || !may_request {
                    return Step::Serve;
                }
                self.under_way = Some(now);
                Step::ServeAndRequest
            }
            _ if under_way => Step::Wait { until: None },
            _ if may_request => {
                self.under_way = Some(now);
                Step::Request
            }
            _ if self.outlook == Outlook::Passing => Step::Wait { until: Some(self.not_before) },
            _ => Step::Fail,
        }
    }

    /// Until when the token in hand can be given without another look here.
    pub(crate) fn settled_until(&self) -> Option<Instant> {
        let held = self.held.as_ref()?;
        let due = match self.under_way {
            Some(since) => since + LOST_AFTER,
            None => held.renew_at.max(self.not_before),
        };
        Some(due.min(held.ends_at))
    }

    /// Whether the token in hand may be given out.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.ends_at)
    }

    /// Whether the request that was begun then is the one that is under way. One that was given up may still end, and
    /// changes nothing then.
    pub(crate) fn awaits(&self, asked: Instant) -> bool {
        self.under_way == Some(asked)
    }

    /// When the next request may be made, if one is needed; nothing while one is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        if self.under_way.is_some() { Duration::ZERO } else { self.not_before.saturating_duration_since(now) }
    }

    /// When the token in hand is renewed.
    pub(crate) fn renews_at(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.renew_at.max(self.not_before))
    }

    /// The request has brought a token, which lives for so long from when it was `asked` for. `random` is uniform in
    /// 0..1.
    pub(crate) fn succeeded(&mut self, asked: Instant, lifetime: Duration, random: f64) {
        let jitter = 1.0 + JITTER * (2.0 * random - 1.0);
        let renew_at = asked + lifetime.mul_f64(RENEWED_AT * jitter);
        self.held = Some(Held { renew_at, ends_at: ends_at(asked, lifetime) });
        self.under_way = None;
        self.failures = 0;
        self.not_before = asked;
    }

    /// The request has brought nothing. `random` is uniform in 0..1; the wait is drawn from its whole range ("full
    /// jitter"), so that programs that failed together do not return together.
    pub(crate) fn failed(
        &mut self,
        now: Instant,
        outlook: Outlook,
        retry_after: Option<Duration>,
        random: f64,
    ) {
        let longest = FIRST_RETRY.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_RETRY);
        let backoff = match outlook {
            Outlook::Final => REFUSED_FOR,
            // Never at once: a random number near 0 must not turn callers into a hammer.
            Outlook::Passing | Outlook::Doubtful => longest.mul_f64(random).max(FIRST_RETRY / 2),
        };
        let asked_for = retry_after.unwrap_or_default().min(MOST_PATIENCE);
        self.not_before = now + backoff.max(asked_for);
        self.failures = self.failures.saturating_add(1);
        self.under_way = None;
        self.outlook = outlook;
    }

    /// A server rejects the token in hand. Says whether it is dropped: not so soon after the last one, or a server that
    /// rejects every token would make us ask for a new one with each request.
    pub(crate) fn rejected(&mut self, now: Instant) -> bool {
        if self.held.is_none() || now < self.rejectable_from {
            return false;
        }
        self.held = None;
        self.rejectable_from = now + self.rejection_cooldown;
        true
    }
}

/// When a token ends for us that was `asked` for then: a little before it ends.
pub(crate) fn ends_at(asked: Instant, lifetime: Duration) -> Instant {
    asked + lifetime.saturating_sub(LAST_MOMENTS.min(lifetime / 10))
}

#[cfg(test)]
mod tests;
