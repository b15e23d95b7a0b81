//! When a key set may be fetched: a state machine without I/O, clock and randomness of its own. The task that acts
//! on it is `keys/refresh/task.rs`.

use std::mem;
use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};

use tokio::time::Instant;

use crate::token::key_name::KeyName;

/// How often keys are fetched. The defaults are explained where they can be changed, at the builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshConfig {
    pub(crate) interval: Interval,
    pub(crate) cooldown: Duration,
    /// How long keys may be used after they were fetched. They are renewed twice in that time, whatever the period.
    pub(crate) max_stale: Duration,
}

/// How old keys may become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interval {
    /// What the issuer says, within reason; where it says nothing, this.
    FromCacheControl { fallback: Duration },
    /// What the configuration says.
    Fixed(Duration),
}

/// The prospects of a key that is not in the current set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshState {
    /// A fetch for it is due or under way.
    Pending,
    /// A fetch has succeeded within the last period, so the issuer does not publish the key.
    UpToDate,
    /// No fetch has succeeded for a period, so the issuer may publish the key by now.
    Stale,
}

/// The circumstances of a fetch that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The keys have reached the stale limit by the monotonic clock.
    pub(crate) keys_expired: bool,
    /// The application has asked for it.
    pub(crate) forced: bool,
}

/// The result of asking for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forced {
    /// The fetch with this number will answer. They are numbered from 1, in the order in which they begin.
    Fetch(u64),
    /// The last request was too short a time ago.
    TooSoon(Duration),
}

/// After a failure the next attempt waits 1 s, then twice as long each time, and at most a minute, so that an outage
/// of the issuer ends for us within a minute of its end.
const MIN_RETRY: Duration = Duration::from_secs(1);
pub(crate) const MAX_RETRY: Duration = Duration::from_secs(60);

/// Keys are renewed when this part of the period has passed, so that one failed attempt is not yet late.
const RENEW_AT: f64 = 0.8;

/// Servers that were started together must not fetch together: ±10 %.
const JITTER: f64 = 0.1;

/// An issuer's advice is followed within these bounds: less is a burden for it, and more would delay the end of
/// withdrawn keys. `max-age` says how long a copy is fresh, not how long a key may outlive its withdrawal, and a
/// conditional request costs the issuer next to nothing.
const MIN_ADVISED: Duration = Duration::from_secs(60);
const MAX_ADVISED: Duration = Duration::from_secs(3_600);

/// An issuer may sign with a key a moment before it publishes it. If the fetch for an unknown key does not find it,
/// there is a second one this long after the first.
const LATE_PUBLICATION_DELAY: Duration = Duration::from_millis(1_100);

/// A set without a usable key is believed when a second fetch, this much later, finds none either; after one period if
/// that is shorter.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);

/// While the second fetch fails, the keys are used this long after the first one.
pub(crate) const MAX_UNCONFIRMED: Duration = Duration::from_secs(300);

/// Upper bound on a fetch with all its requests and on the reading of the set: three requests for metadata and one for
/// the keys, of 5 s each, and the rest for a busy machine.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A fetch is overdue when it is this late.
pub(crate) const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// How often the application may ask for a fetch.
const FORCE_COOLDOWN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct RefreshSchedule {
    config: RefreshConfig,
    /// When the next fetch is due that nothing has asked for.
    next_scheduled: Instant,
    on_demand: OnDemand,
    /// From when on an unknown key may cause a fetch again.
    on_demand_after: Instant,
    /// When the application has asked for a fetch that has not begun yet.
    forced: Option<Instant>,
    /// From when on it may ask again.
    force_after: Instant,
    backoff: Backoff,
    /// How old the keys may become, by the last success.
    interval: Duration,
    last_success: Option<Instant>,
    /// When the keys reach the stale limit.
    keys_expire: Option<Instant>,
    /// When a set without a usable key was found first, since the last usable one.
    none_usable_since: Option<Instant>,
    /// When the fetch has begun that is under way.
    under_way: Option<Instant>,
    /// The number of fetches that have begun.
    begun: u64,
}

/// The fetch that an unknown key has caused.
#[derive(Debug)]
enum OnDemand {
    None,
    Due { at: Instant, request: KeyRequest },
    UnderWay { begun: Instant, request: KeyRequest },
}

#[derive(Debug)]
struct KeyRequest {
    key: KeyName,
    /// Whether other unknown keys were asked for meanwhile.
    seen_with_others: bool,
    attempt: Attempt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    ForLatePublication,
}

impl RefreshSchedule {
    /// The first fetch is due at once.
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
            keys_expire: None,
            none_usable_since: None,
            under_way: None,
            begun: 0,
        };
        schedule.interval = schedule.effective_interval(None);
        schedule
    }

    /// How old keys may become while the issuer responds: the bound for a withdrawn key.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next fetch should begin, if none is under way.
    pub(crate) fn due(&self) -> Instant {
        let on_demand = match &self.on_demand {
            OnDemand::Due { at, .. } => Some(*at),
            OnDemand::None | OnDemand::UnderWay { .. } => None,
        };
        let earlier = [on_demand, self.forced, self.keys_expire].into_iter().flatten().min();
        earlier.map_or(self.next_scheduled, |at| at.min(self.next_scheduled))
    }

    /// How long until something may have changed: nothing while a fetch is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        if self.under_way.is_some() { Duration::ZERO } else { self.due().saturating_duration_since(now) }
    }

    /// Whether a fetch is due or under way, so that waiting for it is worth while.
    pub(crate) fn is_pending(&self, now: Instant) -> bool {
        self.under_way.is_some() || self.due() <= now
    }

    /// Whether the task has not begun a fetch that is due, or has not ended one in its time: its runtime does not run.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        let latest = self.under_way.map_or_else(|| self.due(), |begun| begun + FETCH_TIMEOUT);
        now > latest + OVERDUE_AFTER
    }

    /// The keys are older than the schedule believes: the clock has jumped, or the process was suspended, and the
    /// monotonic clock with it. So a fetch is due, except in the retries of an outage if `after_failure` is not set.
    pub(crate) fn outdated(&mut self, after_failure: bool, now: Instant) {
        if self.under_way.is_none() && (after_failure || self.backoff.failures() == 0) {
            self.next_scheduled = self.next_scheduled.min(now);
        }
    }

    /// The application asks for a fetch that begins from now on.
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

    /// A token names a key that is not in the current set: says what that means, and makes a fetch due if the budget
    /// allows one. Asking again changes nothing.
    ///
    /// Attackers can invent key ids, so attempts are counted, not successes: one for each cooldown, and one more for keys
    /// that are published late. Every fetch brings the whole set, so it does not matter whose key has caused it, and no
    /// key is remembered as missing: an attacker may have guessed its name.
    pub(crate) fn unknown_key(&mut self, key: &KeyName, now: Instant) -> RefreshState {
        match &mut self.on_demand {
            OnDemand::Due { request, .. } | OnDemand::UnderWay { request, .. } => {
                request.seen_with_others |= request.key != *key;
                RefreshState::Pending
            }
            // A regular fetch may bring it, too.
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

    /// The prospects of an unknown key if nothing is waited for.
    pub(crate) fn settled_state(&self, now: Instant) -> RefreshState {
        match self.last_success {
            Some(at) if now < at + self.interval => RefreshState::UpToDate,
            _ => RefreshState::Stale,
        }
    }

    /// A fetch begins.
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

    /// The number of the fetch that has begun last.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// The fetch has brought a set that can be used. `advice` is the issuer's, `random` uniform in 0..1, and
    /// `contains` says whether the set has a key.
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
        self.keys_expire = Some(self.under_way.take().unwrap_or(now) + self.config.max_stale);
        self.none_usable_since = None;
        self.backoff.reset();
        self.last_success = Some(now);
        self.on_demand = match mem::replace(&mut self.on_demand, OnDemand::None) {
            OnDemand::UnderWay { begun, request } => Self::second_look(begun, request, contains),
            OnDemand::Due { request, .. } if contains(&request.key) && !request.seen_with_others => {
                OnDemand::None
            }
            // A regular fetch that did not bring it: it is still due.
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
        // Of the others, nothing is remembered: they may be missing too.
        let missing = request.seen_with_others || !contains(&request.key);
        if missing && request.attempt == Attempt::First {
            let request = KeyRequest { attempt: Attempt::ForLatePublication, ..request };
            return OnDemand::Due { at: begun + LATE_PUBLICATION_DELAY, request };
        }
        OnDemand::None
    }

    /// The fetch has brought nothing. `random` is uniform in 0..1; the wait is drawn from its whole range ("full
    /// jitter"), so that a fleet that failed together does not return together.
    pub(crate) fn failed(&mut self, now: Instant, random: f64) {
        self.next_scheduled = now + self.backoff.next_delay(random);
        if let Some(confirm) = self.confirm_at().filter(|confirm| *confirm > now) {
            self.next_scheduled = self.next_scheduled.min(confirm);
        }
        self.under_way = None;
        if let OnDemand::UnderWay { .. } = self.on_demand {
            self.on_demand = OnDemand::None;
            // A rotation in an outage makes a whole fleet ask at once. Its next questions must not come at once again.
            self.on_demand_after = now + self.config.cooldown.mul_f64(1.0 + random);
        }
    }

    /// The fetch has brought a set without a usable key. Returns whether an earlier one has found the same, so that
    /// the keys are withdrawn.
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
