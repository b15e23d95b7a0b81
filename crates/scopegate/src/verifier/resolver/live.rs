//! The issuers of a resolver that are trusted now: how long, and which one is dropped for another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::verifier::member::Member;

/// Issuers without an accepted token take the place of others up to this part of the limit.
const UNPROVEN_PART: usize = 8;

/// The function is called again when this part of the lifetime has passed.
const RENEW_AT: f64 = 0.8;

/// Issuers that were resolved together must not be renewed together: up to 10 % earlier.
const JITTER: f64 = 0.1;

pub(super) struct LiveIssuers {
    by_name: HashMap<Arc<str>, Live>,
    limit: usize,
    /// Counts the looks at the issuers' use.
    looks: u64,
}

struct Live {
    member: Member,
    ends_at: Instant,
    renew_at: Instant,
    is_renewing: bool,
    /// A token was accepted since the resolver returned the issuer last.
    used_since_resolved: bool,
    /// A token was accepted since it came here.
    proven: bool,
    /// The number of the look that has found it in use, or of its arrival.
    last_used: u64,
}

impl LiveIssuers {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_name: HashMap::new(), limit, looks: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|live| &live.member)
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
        let live = Live {
            member,
            ends_at: now + lifetime,
            renew_at: renewal(now, lifetime, random),
            is_renewing: false,
            used_since_resolved: false,
            proven: earlier.is_some_and(|earlier| earlier.proven),
            last_used: earlier.map_or(self.looks, |earlier| earlier.last_used),
        };
        let name = Arc::clone(&live.member.issuer.identifier);
        self.by_name.insert(name, live).map(|earlier| earlier.member)
    }

    /// The resolver has returned the same issuer again.
    pub(super) fn prolong(&mut self, name: &str, now: Instant, lifetime: Duration, random: f64) {
        if let Some(live) = self.by_name.get_mut(name) {
            live.ends_at = now + lifetime;
            live.renew_at = renewal(now, lifetime, random);
            (live.is_renewing, live.used_since_resolved) = (false, false);
        }
    }

    /// The resolver could not decide. The next look asks again.
    pub(super) fn not_renewed(&mut self, name: &str) {
        if let Some(live) = self.by_name.get_mut(name) {
            live.is_renewing = false;
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Member> {
        self.by_name.remove(name).map(|live| live.member)
    }

    /// Removes issuers until there is room for one more.
    pub(super) fn make_room(&mut self) -> Vec<Member> {
        let mut removed = Vec::new();
        self.look();
        while self.by_name.len() >= self.limit {
            let Some(name) = self.least_recently_used() else { break };
            removed.extend(self.remove(&name));
        }
        removed
    }

    fn least_recently_used(&self) -> Option<Arc<str>> {
        let unproven = self.by_name.values().filter(|live| !live.proven).count();
        let only_unproven = unproven > self.limit / UNPROVEN_PART;
        let candidates = self.by_name.iter().filter(|(_, live)| !(only_unproven && live.proven));
        candidates.min_by_key(|(_, live)| live.last_used).map(|(name, _)| Arc::clone(name))
    }

    /// Removes the issuers whose time is over, and returns the names of those to ask for again.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<Member>, Vec<Arc<str>>) {
        self.look();
        let ended = |live: &Live| live.ends_at <= now;
        let removed: Vec<Arc<str>> =
            self.by_name.iter().filter(|(_, live)| ended(live)).map(|(name, _)| Arc::clone(name)).collect();
        let removed = removed.iter().filter_map(|name| self.remove(name)).collect();
        let mut renewed = Vec::new();
        for (name, live) in &mut self.by_name {
            // An issuer without tokens ends with its lifetime.
            if live.renew_at <= now && live.used_since_resolved && !live.is_renewing {
                live.is_renewing = true;
                renewed.push(Arc::clone(name));
            }
        }
        (removed, renewed)
    }

    fn look(&mut self) {
        self.looks += 1;
        for live in self.by_name.values_mut() {
            if live.member.issuer.keys.standing().take_used() {
                (live.last_used, live.proven, live.used_since_resolved) = (self.looks, true, true);
            }
        }
    }
}

fn renewal(now: Instant, lifetime: Duration, random: f64) -> Instant {
    now + lifetime.mul_f64(RENEW_AT - JITTER * random)
}
