//! When a key set may be fetched: a state machine without I/O, clock and randomness of its own. The task that acts
//! on it is `keys/refresh/task.rs`.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use crate::keys::name::KeyName;

/// How often keys are fetched. The defaults are explained where they can be changed, at the builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) period: Period,
    pub(crate) cooldown: Duration,
    /// How long keys may be used after they were fetched. They are renewed twice in that time, whatever the period.
    pub(crate) usable_for: Duration,
}

/// How old keys may become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Period {
    /// What the issuer says, within reason; where it says nothing, this.
    Advised { otherwise: Duration },
    /// What the configuration says.
    Fixed(Duration),
}

/// What can be said about a key that is not in the current set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A fetch for it is due or under way.
    Pending,
    /// The last fetch succeeded, and there is no reason for another one.
    Absent,
    /// The last fetch failed, so nobody can say.
    Undecided,
}

/// After a failure the next attempt waits 1 s, then twice as long each time, and at most a minute, so that an outage
/// of the issuer ends for us within a minute of its end.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Keys are renewed when this part of the period has passed, so that one failed attempt is not yet late.
const RENEWED_AT: f64 = 0.8;

/// Servers that were started together must not fetch together: ±10 %.
const JITTER: f64 = 0.1;

/// An issuer's advice is followed within these bounds: less is a burden for it, more hides a withdrawn key.
const LEAST_ADVISED: Duration = Duration::from_secs(60);
const MOST_ADVISED: Duration = Duration::from_secs(24 * 3600);

/// An issuer may sign with a key a moment before it publishes it. If the fetch for one unknown key does not find it,
/// there is a second one this long after the first; if several keys are unknown, somebody invents them, and there is
/// none.
const LATE_PUBLICATION: Duration = Duration::from_millis(1_100);

/// A key that was not found is not looked for again for so many cooldowns, so that one invented id that is repeated
/// does not use up every chance of a real one.
const FORGIVEN_AFTER: u32 = 2;

/// So many keys that were not found are remembered, the latest ones.
const MOST_REMEMBERED: usize = 128;

#[derive(Debug)]
pub(crate) struct Refresh {
    pace: Pace,
    /// When the next fetch is due that no request asked for.
    regular: Instant,
    extra: Extra,
    /// From when on an unknown key may cause a fetch again.
    extra_from: Instant,
    not_found: NotFound,
    failures: u32,
    last: Last,
    under_way: bool,
}

/// The fetch that an unknown key has caused.
#[derive(Debug)]
enum Extra {
    None,
    Due { at: Instant, wanted: Wanted },
    UnderWay { begun: Instant, wanted: Wanted },
}

#[derive(Debug)]
struct Wanted {
    key: KeyName,
    /// Whether other unknown keys were asked for meanwhile.
    among_others: bool,
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

impl Refresh {
    /// The first fetch is due at once.
    pub(crate) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            regular: now,
            extra: Extra::None,
            extra_from: now,
            not_found: NotFound::default(),
            failures: 0,
            last: Last::Failed,
            under_way: false,
        }
    }

    /// When the next fetch should begin, if none is under way.
    pub(crate) fn due(&self) -> Instant {
        match &self.extra {
            Extra::Due { at, .. } => self.regular.min(*at),
            Extra::None | Extra::UnderWay { .. } => self.regular,
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
            self.regular = self.regular.min(now);
        }
    }

    /// A token names a key that is not in the current set: says what that means, and makes a fetch due if it is worth
    /// one. Asking again changes nothing.
    ///
    /// Anybody can invent key ids, so attempts are counted, not successes: one for each cooldown, and at most one more
    /// for a key that may be published late.
    pub(crate) fn unknown_key(&mut self, key: &KeyName, now: Instant) -> Standing {
        match &mut self.extra {
            Extra::Due { wanted, .. }
                if wanted.attempt == Attempt::ForLatePublication && wanted.key != *key =>
            {
                self.not_found.remember(&wanted.key, now);
                self.extra = Extra::None;
                self.settled()
            }
            Extra::Due { wanted, .. } | Extra::UnderWay { wanted, .. } => {
                wanted.among_others |= wanted.key != *key;
                Standing::Pending
            }
            Extra::None => {
                let forgiven = self.pace.cooldown * FORGIVEN_AFTER;
                if now < self.extra_from || self.not_found.remembers(key, now, forgiven) {
                    // A regular fetch may bring it, too.
                    return if self.under_way { Standing::Pending } else { self.settled() };
                }
                self.extra_from = now + self.pace.cooldown;
                let wanted = Wanted { key: key.clone(), among_others: false, attempt: Attempt::First };
                self.extra = Extra::Due { at: now, wanted };
                Standing::Pending
            }
        }
    }

    fn settled(&self) -> Standing {
        match self.last {
            Last::Succeeded => Standing::Absent,
            Last::Failed => Standing::Undecided,
        }
    }

    /// A fetch begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.under_way = true;
        self.extra = match mem::replace(&mut self.extra, Extra::None) {
            Extra::Due { at, wanted } if at <= now => {
                self.extra_from = self.extra_from.max(now + self.pace.cooldown);
                Extra::UnderWay { begun: now, wanted }
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
        let period = match self.pace.period {
            Period::Fixed(period) => period,
            Period::Advised { otherwise } => {
                advice.map_or(otherwise, |advice| advice.clamp(LEAST_ADVISED, MOST_ADVISED))
            }
        };
        let period = period.min(self.pace.usable_for / 2);
        let jitter = 1.0 + JITTER * (2.0 * random - 1.0);
        self.regular = now + period.mul_f64(RENEWED_AT * jitter);
        self.under_way = false;
        self.failures = 0;
        self.last = Last::Succeeded;
        self.extra = match mem::replace(&mut self.extra, Extra::None) {
            Extra::Due { wanted, .. } | Extra::UnderWay { wanted, .. } if contains(&wanted.key) => {
                Extra::None
            }
            Extra::UnderWay { begun, wanted } => self.not_found(begun, wanted, now),
            // A regular fetch that did not bring it: it is still due.
            other => other,
        };
    }

    fn not_found(&mut self, begun: Instant, wanted: Wanted, now: Instant) -> Extra {
        if wanted.attempt == Attempt::First && !wanted.among_others {
            let wanted = Wanted { attempt: Attempt::ForLatePublication, ..wanted };
            return Extra::Due { at: begun + LATE_PUBLICATION, wanted };
        }
        self.not_found.remember(&wanted.key, now);
        Extra::None
    }

    /// The fetch has brought nothing. `random` is uniform in 0..1; the wait is drawn from its whole range ("full
    /// jitter"), so that a fleet that failed together does not return together.
    pub(crate) fn failed(&mut self, now: Instant, random: f64) {
        let longest = FIRST_RETRY.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_RETRY);
        // Never at once: a random number near 0 must not turn the loop into a hammer.
        self.regular = now + longest.mul_f64(random).max(FIRST_RETRY / 2);
        self.failures = self.failures.saturating_add(1);
        self.under_way = false;
        self.last = Last::Failed;
        if let Extra::UnderWay { .. } = self.extra {
            self.extra = Extra::None;
            // A rotation in an outage makes a whole fleet ask at once. Its next questions must not come at once again.
            self.extra_from = now + self.pace.cooldown.mul_f64(1.0 + random);
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
        if self.keys.len() >= MOST_REMEMBERED {
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
