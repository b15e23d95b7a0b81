//! The issuers of a resolver that are trusted now, with their renewal and eviction.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::verifier::trust::member::Member;
use crate::verifier::trust::resolver::budget::Cause;

/// Issuers without an accepted token take the place of others up to this part of the limit.
const UNPROVEN_PART: usize = 8;

/// The part of the limit that is chosen for eviction at once.
const BATCH_PART: usize = 64;

/// The function is called again when this part of the lifetime has passed.
const RENEW_AT: f64 = 0.8;

/// The part of the lifetime between the first failed renewal and the next one.
const FIRST_RETRY_PART: u32 = 40;

/// Issuers that were resolved together must not be renewed together: up to 10 % earlier.
const JITTER: f64 = 0.1;

pub(super) struct LiveIssuers {
    by_name: HashMap<Arc<str>, LiveIssuer>,
    limit: usize,
    /// The issuers to evict next, the least recently used first, each with its last use.
    candidates: VecDeque<(u64, Arc<str>)>,
    /// The number of times that the issuers' use was read.
    looks: u64,
}

struct LiveIssuer {
    member: Member,
    ends_at: Instant,
    renew_at: Instant,
    is_renewing: bool,
    /// The number of renewals that failed since the resolver returned the issuer last.
    failed_renewals: u32,
    /// A token was accepted since the resolver returned the issuer last.
    used_since_resolved: bool,
    /// A token was accepted since the issuer was added.
    proven: bool,
    /// The value of `looks` at the last use, or when the issuer was added.
    last_used: u64,
}

/// An issuer whose lifetime is over.
pub(super) struct EndedIssuer {
    pub(super) member: Member,
    /// Whether a token of it was verified since its last result.
    pub(super) was_used: bool,
}

impl LiveIssuers {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_name: HashMap::new(), limit, candidates: VecDeque::new(), looks: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|live| &live.member)
    }

    /// Returns the end of an issuer's lifetime.
    pub(super) fn ends_at(&self, name: &str) -> Option<Instant> {
        self.by_name.get(name).map(|live| live.ends_at)
    }

    /// Adds an issuer, or replaces the one with this name, which is returned. `random` is uniform
    /// in 0..1.
    pub(super) fn insert(
        &mut self,
        member: Member,
        now: Instant,
        lifetime: Duration,
        random: f64,
    ) -> Option<Member> {
        let earlier = self.by_name.get(&member.issuer.identifier);
        let live = LiveIssuer {
            member,
            ends_at: now + lifetime,
            renew_at: renewal(now, lifetime, random),
            is_renewing: false,
            failed_renewals: 0,
            used_since_resolved: false,
            proven: earlier.is_some_and(|earlier| earlier.proven),
            last_used: earlier.map_or(self.looks, |earlier| earlier.last_used),
        };
        let name = Arc::clone(&live.member.issuer.identifier);
        self.by_name.insert(name, live).map(|earlier| earlier.member)
    }

    /// Prolongs an issuer that the resolver has returned again.
    pub(super) fn prolong(&mut self, name: &str, now: Instant, lifetime: Duration, random: f64) {
        if let Some(live) = self.by_name.get_mut(name) {
            live.ends_at = now + lifetime;
            live.renew_at = renewal(now, lifetime, random);
            (live.is_renewing, live.used_since_resolved) = (false, false);
            live.failed_renewals = 0;
        }
    }

    /// Ends a renewal without a result. The next one follows after a pause that doubles with each
    /// failure.
    pub(super) fn not_renewed(&mut self, name: &str, now: Instant, lifetime: Duration) {
        if let Some(live) = self.by_name.get_mut(name) {
            let pause = lifetime / FIRST_RETRY_PART;
            live.renew_at = now + pause.saturating_mul(2_u32.saturating_pow(live.failed_renewals));
            live.failed_renewals = live.failed_renewals.saturating_add(1);
            live.is_renewing = false;
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Member> {
        self.by_name.remove(name).map(|live| live.member)
    }

    /// Removes the least recently used issuer if there is no room for one more.
    pub(super) fn make_room(&mut self) -> Option<Member> {
        if self.by_name.len() < self.limit {
            return None;
        }
        if let Some(name) = self.next_unused() {
            return self.remove(&name);
        }
        self.look();
        self.choose_candidates();
        let (_, name) = self.candidates.pop_front()?;
        self.remove(&name)
    }

    /// Returns the next candidate that had no use since it was chosen.
    fn next_unused(&mut self) -> Option<Arc<str>> {
        while let Some((last_used, name)) = self.candidates.pop_front() {
            let Some(live) = self.by_name.get_mut(&name) else { continue };
            if live.last_used == last_used && !live.read_use(self.looks + 1) {
                return Some(name);
            }
        }
        None
    }

    /// Chooses the least recently used issuers. An eviction reads all issuers only if there is no
    /// candidate left, so a flood of admissions costs a constant time each.
    fn choose_candidates(&mut self) {
        let batch = (self.limit / BATCH_PART).max(1);
        let unproven = self.by_name.values().filter(|live| !live.proven).count();
        // The whole batch may be replaced by issuers without an accepted token.
        let only_unproven = unproven > 0 && unproven + batch > self.limit / UNPROVEN_PART;
        let candidates = self.by_name.iter().filter(|(_, live)| !(only_unproven && live.proven));
        let mut candidates: Vec<_> =
            candidates.map(|(name, live)| (live.last_used, Arc::clone(name))).collect();
        if candidates.len() > batch {
            candidates.select_nth_unstable_by_key(batch, |(last_used, _)| *last_used);
            candidates.truncate(batch);
        }
        candidates.sort_unstable_by_key(|(last_used, _)| *last_used);
        self.candidates = candidates.into();
    }

    /// Removes the issuers whose lifetime is over. Returns them, and the names of issuers to renew
    /// with the causes.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<EndedIssuer>, Vec<(Arc<str>, Cause)>) {
        self.look();
        let ended = |live: &LiveIssuer| live.ends_at <= now;
        let removed: Vec<Arc<str>> =
            self.by_name.iter().filter(|(_, live)| ended(live)).map(|(name, _)| Arc::clone(name)).collect();
        let removed = removed.iter().filter_map(|name| self.by_name.remove(name));
        let removed = removed
            .map(|live| EndedIssuer { member: live.member, was_used: live.used_since_resolved })
            .collect();
        let mut renewed = Vec::new();
        for (name, live) in &mut self.by_name {
            // An issuer without tokens ends with its lifetime.
            if live.renew_at <= now && live.used_since_resolved && !live.is_renewing {
                live.is_renewing = true;
                let cause = if live.failed_renewals > 0 { Cause::RetriedRenewal } else { Cause::Renewal };
                renewed.push((Arc::clone(name), cause));
            }
        }
        (removed, renewed)
    }

    fn look(&mut self) {
        self.looks += 1;
        for live in self.by_name.values_mut() {
            live.read_use(self.looks);
        }
    }
}

impl LiveIssuer {
    /// Reads whether a token was accepted since the last call, and records it.
    fn read_use(&mut self, look: u64) -> bool {
        let used = self.member.issuer.keys.standing().take_used();
        if used {
            (self.last_used, self.proven, self.used_since_resolved) = (look, true, true);
        }
        used
    }
}

fn renewal(now: Instant, lifetime: Duration, random: f64) -> Instant {
    now + lifetime.mul_f64(RENEW_AT - JITTER * random)
}
