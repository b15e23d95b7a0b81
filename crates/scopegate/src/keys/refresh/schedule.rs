//! When a key set may be fetched: a state machine without I/O, clock and randomness of its own. The task that acts
//! on it is `keys/refresh/task.rs`.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};

use tokio::time::Instant;

use crate::keys::name::KeyName;

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

/// What can be said about a key that is not in the current set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshState {
    /// A fetch for it is due or under way.
    Pending,
    /// The last fetch succeeded, and there is no reason for another one.
    UpToDate,
    /// The last fetch failed, so nobody can say.
    Failed,
}

/// After a failure the next attempt waits 1 s, then twice as long each time, and at most a minute, so that an outage
/// of the issuer ends for us within a minute of its end.
const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);

/// Keys are renewed when this part of the period has passed, so that one failed attempt is not yet late.
const RENEW_AT: f64 = 0.8;

/// Servers that were started together must not fetch together: ±10 %.
const JITTER: f64 = 0.1;

/// An issuer's advice is followed within these bounds: less is a burden for it, more hides a withdrawn key.
const MIN_ADVISED: Duration = Duration::from_secs(60);
const MAX_ADVISED: Duration = Duration::from_secs(24 * 3600);

/// An issuer may sign with a key a moment before it publishes it. If the fetch for one unknown key does not find it,
/// there is a second one this long after the first; if several keys are unknown, somebody invents them, and there is
/// none.
const LATE_PUBLICATION_DELAY: Duration = Duration::from_millis(1_100);

/// A key that was not found is not looked for again for so many cooldowns, so that one invented id that is repeated
/// does not use up every chance of a real one.
const FORGIVEN_AFTER_COOLDOWNS: u32 = 2;

/// So many keys that were not found are remembered, the latest ones.
const MAX_REMEMBERED: usize = 128;

#[derive(Debug)]
pub(crate) struct RefreshSchedule {
    config: RefreshConfig,
    /// When the next fetch is due that no request asked for.
    next_scheduled: Instant,
    on_demand: OnDemand,
    /// From when on an unknown key may cause a fetch again.
    on_demand_after: Instant,
    not_found: NotFound,
    backoff: Backoff,
    last: Last,
    under_way: bool,
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

#[derive(Clone, Copy, Debug)]
enum Last {
    Succeeded,
    /// Or there was none yet.
    Failed,
}

impl RefreshSchedule {
    /// The first fetch is due at once.
    pub(crate) fn new(config: RefreshConfig, now: Instant) -> Self {
        Self {
            config,
            next_scheduled: now,
            on_demand: OnDemand::None,
            on_demand_after: now,
            not_found: NotFound::default(),
            backoff: Backoff::new(MIN_RETRY, MAX_RETRY),
            last: Last::Failed,
            under_way: false,
        }
    }

    /// When the next fetch should begin, if none is under way.
    pub(crate) fn due(&self) -> Instant {
        match &self.on_demand {
            OnDemand::Due { at, .. } => self.next_scheduled.min(*at),
            OnDemand::None | OnDemand::UnderWay { .. } => self.next_scheduled,
        }
    }

    /// How long until something may have changed: nothing while a fetch is under way.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        if self.under_way { Duration::ZERO } else { self.due().saturating_duration_since(now) }
    }

    /// The keys that are there may not be used any more, although the next fetch is not due yet: the clock has jumped. A
    /// success makes them usable again, and a failure has its own pace.
    pub(crate) fn expired(&mut self, now: Instant) {
        if let (Last::Succeeded, false) = (self.last, self.under_way) {
            self.next_scheduled = self.next_scheduled.min(now);
        }
    }

    /// A token names a key that is not in the current set: says what that means, and makes a fetch due if it is worth
    /// one. Asking again changes nothing.
    ///
    /// Anybody can invent key ids, so attempts are counted, not successes: one for each cooldown, and at most one more
    /// for a key that may be published late.
    pub(crate) fn unknown_key(&mut self, key: &KeyName, now: Instant) -> RefreshState {
        match &mut self.on_demand {
            OnDemand::Due { request, .. }
                if request.attempt == Attempt::ForLatePublication && request.key != *key =>
            {
                self.not_found.remember(&request.key, now);
                self.on_demand = OnDemand::None;
                self.settled_state()
            }
            OnDemand::Due { request, .. } | OnDemand::UnderWay { request, .. } => {
                request.seen_with_others |= request.key != *key;
                RefreshState::Pending
            }
            OnDemand::None => {
                let forgiven = self.config.cooldown * FORGIVEN_AFTER_COOLDOWNS;
                if now < self.on_demand_after || self.not_found.remembers(key, now, forgiven) {
                    // A regular fetch may bring it, too.
                    return if self.under_way { RefreshState::Pending } else { self.settled_state() };
                }
                self.on_demand_after = now + self.config.cooldown;
                let request =
                    KeyRequest { key: key.clone(), seen_with_others: false, attempt: Attempt::First };
                self.on_demand = OnDemand::Due { at: now, request };
                RefreshState::Pending
            }
        }
    }

    fn settled_state(&self) -> RefreshState {
        match self.last {
            Last::Succeeded => RefreshState::UpToDate,
            Last::Failed => RefreshState::Failed,
        }
    }

    /// A fetch begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.under_way = true;
        self.on_demand = match mem::replace(&mut self.on_demand, OnDemand::None) {
            OnDemand::Due { at, request } if at <= now => {
                self.on_demand_after = self.on_demand_after.max(now + self.config.cooldown);
                OnDemand::UnderWay { begun: now, request }
            }
            other => other,
        };
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
        let interval = match self.config.interval {
            Interval::Fixed(interval) => interval,
            Interval::FromCacheControl { fallback } => {
                advice.map_or(fallback, |advice| advice.clamp(MIN_ADVISED, MAX_ADVISED))
            }
        };
        let interval = interval.min(self.config.max_stale / 2);
        let jitter = jitter(JITTER, random);
        self.next_scheduled = now + interval.mul_f64(RENEW_AT * jitter);
        self.under_way = false;
        self.backoff.reset();
        self.last = Last::Succeeded;
        self.on_demand = match mem::replace(&mut self.on_demand, OnDemand::None) {
            OnDemand::Due { request, .. } | OnDemand::UnderWay { request, .. } if contains(&request.key) => {
                OnDemand::None
            }
            OnDemand::UnderWay { begun, request } => self.not_found(begun, request, now),
            // A regular fetch that did not bring it: it is still due.
            other => other,
        };
    }

    fn not_found(&mut self, begun: Instant, request: KeyRequest, now: Instant) -> OnDemand {
        if request.attempt == Attempt::First && !request.seen_with_others {
            let request = KeyRequest { attempt: Attempt::ForLatePublication, ..request };
            return OnDemand::Due { at: begun + LATE_PUBLICATION_DELAY, request };
        }
        self.not_found.remember(&request.key, now);
        OnDemand::None
    }

    /// The fetch has brought nothing. `random` is uniform in 0..1; the wait is drawn from its whole range ("full
    /// jitter"), so that a fleet that failed together does not return together.
    pub(crate) fn failed(&mut self, now: Instant, random: f64) {
        self.next_scheduled = now + self.backoff.next_delay(random);
        self.under_way = false;
        self.last = Last::Failed;
        if let OnDemand::UnderWay { .. } = self.on_demand {
            self.on_demand = OnDemand::None;
            // A rotation in an outage makes a whole fleet ask at once. Its next questions must not come at once again.
            self.on_demand_after = now + self.config.cooldown.mul_f64(1.0 + random);
        }
    }
}

/// Keys that were looked for and not found. Their names are text of strangers, so only hashes are kept, with a secret
/// that is made for each process.
#[derive(Debug, Default)]
struct NotFound {
    keys: VecDeque<(u64, Instant)>,
    secret: RandomState,
}

impl NotFound {
    fn remember(&mut self, key: &KeyName, now: Instant) {
        if self.keys.len() >= MAX_REMEMBERED {
            self.keys.pop_front();
        }
        self.keys.push_back((self.secret.hash_one(key), now));
    }

    fn remembers(&self, key: &KeyName, now: Instant, how_long: Duration) -> bool {
        let hash = self.secret.hash_one(key);
        self.keys.iter().any(|(known, since)| *known == hash && now < *since + how_long)
    }
}

#[cfg(test)]
mod tests;
