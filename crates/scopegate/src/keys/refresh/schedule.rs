//! The schedule of fetches: a state machine without I/O, clock or randomness.
//!
//! The task in `keys/refresh/task.rs` drives it.

use std::mem;
use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};

use tokio::time::Instant;

use crate::token::key_name::KeyName;

/// The settings of the schedule. The setters of the builder explain their defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshConfig {
    pub(crate) interval: Interval,
    pub(crate) cooldown: Duration,
    /// The time for which keys may be used after a fetch. The interval is at most half of it.
    pub(crate) max_stale: Duration,
}

/// The refresh period: the time for which fetched keys are fresh.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interval {
    /// The issuer's `max-age` between [`MIN_ADVISED`] and [`MAX_ADVISED`], or `fallback` if there
    /// is none.
    FromCacheControl { fallback: Duration },
    /// The configured period.
    Fixed(Duration),
}

/// The state of a key that is not in the current set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshState {
    /// A fetch for it is due or under way.
    Pending,
    /// A fetch has succeeded within the last period, so the issuer does not publish the key.
    UpToDate,
    /// No fetch has succeeded for a period, so the issuer may have published the key.
    Stale,
}

/// The circumstances of a fetch that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The keys have reached the stale limit by the monotonic clock.
    pub(crate) keys_expired: bool,
    /// The application has requested the fetch.
    pub(crate) forced: bool,
}

/// The result of the application's request for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forced {
    /// The number of the requested fetch. Fetches are numbered from 1, in the order in which they
    /// begin.
    Fetch(u64),
    /// The time until the next request is accepted.
    TooSoon(Duration),
}

/// Bounds of the backoff. It starts at 1 s and doubles with each failure. After an outage, keys are
/// fetched within a minute of its end.
const MIN_RETRY: Duration = Duration::from_secs(1);
pub(crate) const MAX_RETRY: Duration = Duration::from_secs(60);

/// The part of the period after which keys are renewed, so that a retry after one failure is still
/// in time.
const RENEW_AT: f64 = 0.8;

/// Deviation of ±10 %, so that servers which start together don't fetch together.
const JITTER: f64 = 0.1;

/// Bounds for the issuer's `max-age`. A shorter period burdens the issuer, and a longer one delays
/// the rejection of withdrawn keys. `max-age` is the freshness of a copy, not the time for which a
/// withdrawn key may be used. A conditional request costs the issuer next to nothing.
const MIN_ADVISED: Duration = Duration::from_secs(60);
const MAX_ADVISED: Duration = Duration::from_secs(3_600);

/// Delay between the first and the second fetch for an unknown key. Some issuers sign with a key
/// shortly before they publish it.
const LATE_PUBLICATION_DELAY: Duration = Duration::from_millis(1_100);

/// Delay of the second fetch that confirms a set without a usable key, or one period if that is
/// shorter.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);

/// The time after an unconfirmed set without a usable key for which the keys are used while the
/// second fetch fails.
pub(crate) const MAX_UNCONFIRMED: Duration = Duration::from_secs(300);

/// Upper bound on a fetch with all its requests and on parsing the set: three requests for metadata
/// and one for the keys, with 5 s each. The rest is a reserve for a busy machine.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A fetch is overdue if it is this late.
pub(crate) const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// Minimum time between the application's requests for a fetch.
const FORCE_COOLDOWN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct RefreshSchedule {
    config: RefreshConfig,
    /// The time of the next regular fetch.
    next_scheduled: Instant,
    on_demand: OnDemand,
    /// From this time on, an unknown key may cause a fetch again.
    on_demand_after: Instant,
    /// The time of the application's request for a fetch that has not begun yet.
    forced: Option<Instant>,
    /// From this time on, the application may request a fetch again.
    force_after: Instant,
    backoff: Backoff,
    /// The refresh period since the last success.
    interval: Duration,
    last_success: Option<Instant>,
    /// The begin of the last fetch that succeeded. Its set has every key that was published by then.
    fetched_at: Option<Instant>,
    /// The time at which the keys reach the stale limit.
    keys_expire: Option<Instant>,
    /// The time of the first set without a usable key since the last usable set.
    none_usable_since: Option<Instant>,
    /// The begin of the fetch that is under way.
    under_way: Option<Instant>,
    /// The number of fetches that have begun.
    begun: u64,
}

/// A fetch that an unknown key has caused.
#[derive(Debug)]
enum OnDemand {
    None,
    Due { at: Instant, request: KeyRequest },
    UnderWay { begun: Instant, request: KeyRequest },
}

#[derive(Debug)]
struct KeyRequest {
    key: KeyName,
    /// Whether other unknown keys were requested meanwhile.
    seen_with_others: bool,
    attempt: Attempt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    ForLatePublication,
}

impl RefreshSchedule {
    /// Creates a schedule whose first fetch is due at once.
    pub(crate) fn new(config: RefreshConfig, now: Instant) -> Self {
        let mut schedule = Self {
            config,
            next_scheduled: now,
            on_demand: OnDemand::None,
            on_demand_after: now,
            forced: None,
            force_after: now,
            backoff: Backoff::new(MIN_RETRY, MAX_RETRY),
            interval: Duration::ZERO,
            last_success: None,
            fetched_at: None,
            keys_expire: None,
            none_usable_since: None,
            under_way: None,
            begun: 0,
        };
        schedule.interval = schedule.effective_interval(None);
        schedule
    }

    /// Returns the refresh period. While the issuer responds, it bounds the use of a withdrawn key.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the time at which the next fetch should begin, if none is under way.
    pub(crate) fn due(&self) -> Instant {
        let on_demand = match &self.on_demand {
            OnDemand::Due { at, .. } => Some(*at),
            OnDemand::None | OnDemand::UnderWay { .. } => None,
        };
        let earlier = [on_demand, self.forced, self.keys_expire].into_iter().flatten().min();
        earlier.map_or(self.next_scheduled, |at| at.min(self.next_scheduled))
    }

    /// Returns the time until the next fetch begins, or zero while a fetch is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        if self.under_way.is_some() { Duration::ZERO } else { self.due().saturating_duration_since(now) }
    }

    /// Returns whether a fetch that began at this time or later has succeeded.
    pub(crate) fn has_fetched_since(&self, time: Instant) -> bool {
        self.fetched_at.is_some_and(|at| at >= time)
    }

    /// Returns the time until a fetch can bring an unknown key: the next fetch, or the end of the
    /// cooldown.
    pub(crate) fn wait_for_unknown_key(&self, now: Instant) -> Duration {
        self.wait(now).min(self.on_demand_after.saturating_duration_since(now))
    }

    /// Returns whether a fetch is due or under way, so that requests may wait for it.
    pub(crate) fn is_pending(&self, now: Instant) -> bool {
        self.under_way.is_some() || self.due() <= now
    }

    /// Returns whether the task is late to begin or to end a fetch. Its runtime is then blocked or
    /// stopped.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        let latest = self.under_way.map_or_else(|| self.due(), |begun| begun + FETCH_TIMEOUT);
        now > latest + OVERDUE_AFTER
    }

    /// Makes a fetch due, because the keys are older by the wall clock than the schedule expects.
    /// The clock has jumped, or the process and its monotonic clock were suspended.
    ///
    /// If `after_failure` is false, it does nothing during the retries of an outage.
    pub(crate) fn outdated(&mut self, after_failure: bool, now: Instant) {
        if self.under_way.is_none() && (after_failure || self.backoff.failures() == 0) {
            self.next_scheduled = self.next_scheduled.min(now);
        }
    }

    /// Makes a fetch due at the application's request. It begins from now on.
    pub(crate) fn force(&mut self, now: Instant) -> Forced {
        if self.forced.is_none() {
            if now < self.force_after {
                return Forced::TooSoon(self.force_after - now);
            }
            self.force_after = now + FORCE_COOLDOWN;
            self.forced = Some(now);
        }
        Forced::Fetch(self.begun + 1)
    }

    /// Returns the state of a key that is not in the current set, and makes a fetch due if the
    /// budget allows one. Repeated calls change nothing.
    ///
    /// Attackers can invent key ids, so attempts count, not successes: one for each cooldown, and
    /// one more for keys that are published late. Every fetch brings the whole set, so it serves
    /// all unknown keys. Keys are not remembered as missing, because an attacker may guess the id
    /// of a future key.
    pub(crate) fn unknown_key(&mut self, key: &KeyName, now: Instant) -> RefreshState {
        match &mut self.on_demand {
            OnDemand::Due { request, .. } | OnDemand::UnderWay { request, .. } => {
                request.seen_with_others |= request.key != *key;
                RefreshState::Pending
            }
            // A regular fetch may bring the key, too.
            OnDemand::None if now < self.on_demand_after && self.under_way.is_some() => RefreshState::Pending,
            OnDemand::None if now < self.on_demand_after => self.settled_state(now),
            OnDemand::None => {
                self.on_demand_after = now + self.config.cooldown;
                let request =
                    KeyRequest { key: key.clone(), seen_with_others: false, attempt: Attempt::First };
                self.on_demand = OnDemand::Due { at: now, request };
                RefreshState::Pending
            }
        }
    }

    /// Returns the state of an unknown key, without waiting for a fetch.
    pub(crate) fn settled_state(&self, now: Instant) -> RefreshState {
        match self.last_success {
            Some(at) if now < at + self.interval => RefreshState::UpToDate,
            _ => RefreshState::Stale,
        }
    }

    /// Records that a fetch begins.
    pub(crate) fn begin(&mut self, now: Instant) -> Begun {
        self.under_way = Some(now);
        self.begun += 1;
        self.on_demand = match mem::replace(&mut self.on_demand, OnDemand::None) {
            OnDemand::Due { at, request } if at <= now => {
                self.on_demand_after = self.on_demand_after.max(now + self.config.cooldown);
                OnDemand::UnderWay { begun: now, request }
            }
            other => other,
        };
        Begun {
            keys_expired: self.keys_expire.take_if(|at| *at <= now).is_some(),
            forced: self.forced.take().is_some(),
        }
    }

    /// Returns the number of the last fetch that has begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Records a fetch that brought a usable set.
    ///
    /// `advice` is the issuer's `max-age`, and `random` is uniform in 0..1. `contains` returns
    /// whether the set has a key.
    pub(crate) fn succeeded(
        &mut self,
        now: Instant,
        advice: Option<Duration>,
        random: f64,
        contains: impl Fn(&KeyName) -> bool,
    ) {
        self.interval = self.effective_interval(advice);
        self.next_scheduled = now + self.interval.mul_f64(RENEW_AT * jitter(JITTER, random));
        // Keys are as old as the request, not as the response.
        let begun = self.under_way.take().unwrap_or(now);
        self.fetched_at = Some(begun);
        self.keys_expire = Some(begun + self.config.max_stale);
        self.none_usable_since = None;
        self.backoff.reset();
        self.last_success = Some(now);
        self.on_demand = match mem::replace(&mut self.on_demand, OnDemand::None) {
            OnDemand::UnderWay { begun, request } => Self::second_look(begun, request, contains),
            OnDemand::Due { request, .. } if contains(&request.key) && !request.seen_with_others => {
                OnDemand::None
            }
            // A regular fetch did not bring the key, so the extra fetch is still due.
            other => other,
        };
    }

    fn effective_interval(&self, advice: Option<Duration>) -> Duration {
        let interval = match self.config.interval {
            Interval::Fixed(interval) => interval,
            Interval::FromCacheControl { fallback } => {
                advice.map_or(fallback, |advice| advice.clamp(MIN_ADVISED, MAX_ADVISED))
            }
        };
        interval.min(self.config.max_stale / 2)
    }

    fn second_look(begun: Instant, request: KeyRequest, contains: impl Fn(&KeyName) -> bool) -> OnDemand {
        // The other requested keys are not stored, so they count as missing.
        let missing = request.seen_with_others || !contains(&request.key);
        if missing && request.attempt == Attempt::First {
            let request = KeyRequest { attempt: Attempt::ForLatePublication, ..request };
            return OnDemand::Due { at: begun + LATE_PUBLICATION_DELAY, request };
        }
        OnDemand::None
    }

    /// Records a failed fetch. `random` is uniform in 0..1. It spreads the next attempt over the
    /// whole range of the backoff ("full jitter"), so that a fleet which failed together does not
    /// return together.
    pub(crate) fn failed(&mut self, now: Instant, random: f64) {
        self.next_scheduled = now + self.backoff.next_delay(random);
        if let Some(confirm) = self.confirm_at().filter(|confirm| *confirm > now) {
            self.next_scheduled = self.next_scheduled.min(confirm);
        }
        self.under_way = None;
        if let OnDemand::UnderWay { .. } = self.on_demand {
            self.on_demand = OnDemand::None;
            // A rotation during an outage makes a whole fleet fetch at once. Spread the next fetches over a cooldown.
            self.on_demand_after = now + self.config.cooldown.mul_f64(1.0 + random);
        }
    }

    /// Records a fetch that brought a set without a usable key. Returns whether an earlier fetch
    /// has found the same, so that the keys are withdrawn.
    pub(crate) fn none_usable(&mut self, now: Instant, random: f64) -> bool {
        let first = *self.none_usable_since.get_or_insert(now);
        self.failed(now, random);
        let confirmed = self.confirm_at().is_some_and(|confirm| confirm <= now);
        if !confirmed {
            self.next_scheduled = first + self.confirm_delay();
            let latest = first + MAX_UNCONFIRMED;
            self.keys_expire = self.keys_expire.map(|at| at.min(latest));
        }
        confirmed
    }

    fn confirm_at(&self) -> Option<Instant> {
        Some(self.none_usable_since? + self.confirm_delay())
    }

    fn confirm_delay(&self) -> Duration {
        CONFIRM_AFTER.min(self.interval)
    }
}

#[cfg(test)]
mod tests;
