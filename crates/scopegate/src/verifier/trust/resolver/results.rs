//! The results of calls: which issuers become live, and which ones end?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;

use crate::background::catch_panic::ignore_panic;
use crate::issuer::Issuer;
use crate::keys::source::KeySource;
use crate::keys::standing::Standing;
use crate::telemetry::metrics;
use crate::token::numeric_date::NumericDate;
use crate::verifier::trust::change_log::Change;
use crate::verifier::trust::member::Member;
use crate::verifier::trust::resolver::call::{Outcome, Resolution};
use crate::verifier::trust::resolver::{Resolver, Returned, State};

/// Members that are no longer trusted, and key sources that no longer stay.
#[derive(Default)]
struct Removed {
    members: Vec<Member>,
    sources: Vec<Arc<KeySource>>,
}

impl Resolver {
    /// Reads the outcome of a call. It runs the application's code, whose panic is a failure.
    pub(super) fn read(&self, name: &str, outcome: Outcome) -> Result<Option<Returned>, String> {
        let issuer = match outcome {
            Outcome::Returned(None) => return Ok(None),
            Outcome::Returned(Some(issuer)) => issuer,
            Outcome::Failed(reason) => return Err(reason),
        };
        catch_unwind(AssertUnwindSafe(|| self.member(name, *issuer)))
            .unwrap_or_else(|_| Err(String::from("the clock or the log subscriber has panicked")))
    }

    /// Creates a member from the issuer that the resolver returned for a name.
    fn member(&self, name: &str, issuer: Issuer) -> Result<Option<Returned>, String> {
        if issuer.identifier != name {
            // Not a failure: the application may read a tenant's id out of `iss` and ignore the rest of it.
            self.log.other_name(name, &issuer.identifier);
            return Ok(None);
        }
        if issuer.policy.tenancy.name_template().is_some() {
            return Err(String::from("an issuer of a resolver cannot have many tenants"));
        }
        if issuer.is_opaque() {
            return Err(String::from(
                "an issuer of a resolver cannot have opaque tokens, which do not name it",
            ));
        }
        if issuer.policy.accepts_missing_iss {
            return Err(String::from("an issuer of a resolver cannot have `allow_missing_iss`"));
        }
        let at = Instant::now();
        let until = NumericDate::from(self.clock.now()).plus(self.settings.lifetime);
        let (member, notices) =
            self.factory.member(issuer, Standing::until(until)).map_err(|error| error.to_string())?;
        // Most issuers are renewed without a change.
        let is_known = self.state().live.get(name).is_some_and(|live| live.is_same_as(&member));
        if !is_known {
            notices.log();
        }
        Ok(Some(Returned { member, at, until }))
    }

    /// Returns the time until which a returned issuer waits for its first keys, because the issuer
    /// that it replaces has keys.
    pub(super) fn waits_for_keys(&self, returned: &Returned) -> Option<Instant> {
        let now = self.clock.now().into();
        let state = self.state();
        let name = &returned.member.issuer.identifier;
        let live = state.live.get(name)?;
        returned.member.lacks_keys_of(live, now).then(|| state.live.ends_at(name)).flatten()
    }

    /// Stores the result of a call.
    pub(super) fn settle(
        &self,
        name: &Arc<str>,
        resolution: &Arc<Resolution>,
        result: Result<Option<Returned>, String>,
    ) {
        let now = Instant::now();
        let mut state = self.state();
        // The name was forgotten meanwhile, so that this result does not count.
        if !state.is_current(name, resolution) {
            return;
        }
        state.dequeue(name);
        // The name was configured meanwhile, and what is configured wins.
        if self.configured.load().get(name).is_some() {
            return;
        }
        state.counts.calls += 1;
        let (outcome, removed, warning) = match result {
            Ok(Some(returned)) => ("trusted", self.admit(&mut state, returned), None),
            Ok(None) => {
                state.answers.unknown(name, now + self.settings.unknown_lifetime);
                let removed = state.live.remove(name);
                state.changes.extend(removed.iter().map(|_| (Change::Withdrawn, Arc::clone(name))));
                ("unknown", Removed { members: removed.into_iter().collect(), sources: Vec::new() }, None)
            }
            Err(reason) => {
                state.counts.failed_calls += 1;
                state.live.not_renewed(name, now, self.settings.lifetime);
                if resolution.cause.is_renewal() {
                    state.answers.renewal_failed(name, now);
                } else {
                    state.answers.failed(name, now);
                }
                ("failed", Removed::default(), Some(reason))
            }
        };
        self.end(&removed.members);
        // They end their refresh when they are dropped, without the lock.
        self.release(state);
        drop((removed.members, removed.sources));
        // The application's code, so without the lock, and the result is stored already.
        ignore_panic(|| metrics::resolved(outcome));
        if let Some(reason) = warning {
            ignore_panic(|| self.warn(name, &reason));
        }
    }

    /// Trusts a member. Returns the members that are no longer trusted.
    fn admit(&self, state: &mut State, returned: Returned) -> Removed {
        let Returned { mut member, at, until } = returned;
        let (name, lifetime) = (Arc::clone(&member.issuer.identifier), self.settings.lifetime);
        let random = fastrand::f64();
        state.answers.remove(&name);
        if let Some(live) = state.live.get(&name) {
            if live.is_same_as(&member) {
                live.issuer.keys.standing().prolong(until);
                state.live.prolong(&name, at, lifetime, random);
                return Removed::default();
            }
            member.take_lists_of(live);
            member.take_introspections_of(live);
            self.directory.insert(&member.issuer);
            state.changes.push((Change::Replaced, name));
            let replaced = state.live.insert(member, at, lifetime, random);
            return Removed { members: replaced.into_iter().collect(), sources: Vec::new() };
        }
        let evicted = state.live.make_room();
        state.counts.evicted_issuers += u64::from(evicted.is_some());
        let gone = evicted.iter().map(|member| (Change::Evicted, Arc::clone(&member.issuer.identifier)));
        state.changes.extend(gone.chain([(Change::Trusted, name)]));
        let sources = state.park(evicted.as_ref(), self.parked_for, Instant::now());
        if evicted.is_some() {
            self.parked.notify_one();
        }
        self.directory.insert(&member.issuer);
        state.live.insert(member, at, lifetime, random);
        Removed { members: evicted.into_iter().collect(), sources }
    }

    /// Ends the trust in members that are no longer live.
    pub(super) fn end(&self, removed: &[Member]) {
        // A replaced one has a successor with its name, which stays.
        self.directory.remove(removed.iter().map(|member| &member.issuer));
        removed.iter().for_each(Member::end);
    }
}
