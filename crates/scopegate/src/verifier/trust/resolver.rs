//! A resolver: which issuers does the application's function trust?
//!
//! Requests read the live issuers without a lock. Other names are looked up in the background,
//! within a budget.

mod answers;
mod budget;
mod call;
mod directory;
mod live;
mod parked;
mod results;
mod state;
mod upkeep;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::url::is_string_or_uri;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) use self::call::{End, Resolution};

use self::answers::Answer;
use self::budget::{Budgets, Cause, MAX_QUEUED};
use self::call::Call;
use self::directory::Directory;
use self::state::State;
use self::upkeep::look_after;
use crate::background::abort_on_drop::AbortOnDrop;
use crate::background::catch_panic::ignore_panic;
use crate::issuer::issuers::Issuers;
use crate::issuer::registry::Registry;
use crate::issuer::trusted::TrustedIssuer;
use crate::status::ResolverStatus;
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;
use crate::tenants::RulePanicked;
use crate::token::numeric_date::NumericDate;
use crate::verifier::trust::change_log::ResolverLog;
use crate::verifier::trust::factory::MemberFactory;
use crate::verifier::trust::member::Member;

/// How long the key source of an evicted issuer stays, if no cooldown is longer.
const PARKED_FOR: Duration = Duration::from_secs(30);

/// The time until the next attempt, if the application's filter has panicked.
const UNDECIDED_NAME_PAUSE: Duration = Duration::from_secs(2);

/// How often the use of live issuers is read in one lifetime.
const LOOKS_PER_LIFETIME: u32 = 40;

/// One resolver of a verifier.
pub(crate) struct Resolver {
    settings: Issuers,
    factory: Arc<MemberFactory>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    /// The configured issuers of the verifier.
    configured: Arc<ArcSwap<Registry>>,
    directory: Directory,
    state: Mutex<State>,
    log: ResolverLog,
    budgets: Budgets,
    /// How long the key source of an evicted issuer stays.
    parked_for: Duration,
    /// Wakes the task when a source begins to stay.
    parked: Arc<Notify>,
    /// An attacker can cause failures.
    warnings: LogLimit,
    /// The number of live issuers of all resolvers of the verifier, for the metric.
    live_of_all: Arc<AtomicUsize>,
}

/// An issuer that the resolver has returned.
struct Returned {
    member: Member,
    /// The time of the result, and the end of its lifetime by the wall clock.
    at: Instant,
    until: NumericDate,
}

/// The result for a name that was not found among the live issuers.
pub(super) enum NameLookup {
    /// The issuer has become live.
    Live,
    Unknown,
    Unavailable {
        retry_after: Duration,
    },
    Pending(Arc<Resolution>),
}

impl Resolver {
    /// Starts the task that renews the live issuers. Dropping its guard ends the task.
    pub(super) fn start(
        settings: Issuers,
        factory: Arc<MemberFactory>,
        clock: Arc<dyn Clock>,
        runtime: Handle,
        configured: Arc<ArcSwap<Registry>>,
        live_of_all: Arc<AtomicUsize>,
    ) -> (Arc<Self>, AbortOnDrop) {
        let budgets = Budgets::new(settings.max_calls);
        let parked_for = PARKED_FOR.max(factory.cooldown());
        let state = State::new(settings.limit);
        let period = settings.lifetime / LOOKS_PER_LIFETIME;
        let resolver = Arc::new(Self {
            settings,
            factory,
            clock,
            configured,
            directory: Directory::new(),
            state: Mutex::new(state),
            log: ResolverLog::new(),
            budgets,
            parked_for,
            parked: Arc::default(),
            warnings: LogLimit::new(1),
            live_of_all,
            runtime,
        });
        let task = resolver.runtime.spawn(look_after(Arc::downgrade(&resolver), period));
        (resolver, AbortOnDrop(task.abort_handle()))
    }

    /// Returns a live issuer, without a lock.
    pub(super) fn get(&self, name: &str, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        self.directory.get(name).filter(|issuer| issuer.keys.standing().is_trusted(now))
    }

    /// Returns the live issuers by name, without a lock.
    pub(super) fn live(&self, now: NumericDate) -> Vec<Arc<TrustedIssuer>> {
        let mut live = self.directory.all();
        live.retain(|issuer| issuer.keys.standing().is_trusted(now));
        live.sort_unstable_by(|a, b| a.identifier.cmp(&b.identifier));
        live
    }

    /// Returns whether this can be the name of an issuer of the resolver. It is not called.
    pub(super) fn may_be_called(&self, name: &str) -> bool {
        is_string_or_uri(name) && self.settings.accepts_name(name).is_ok_and(|accepted| accepted)
    }

    /// Requests an issuer that was not found among the live issuers.
    pub(super) fn ask(self: &Arc<Self>, name: &str, now: NumericDate) -> NameLookup {
        if !is_string_or_uri(name) {
            return NameLookup::Unknown;
        }
        match self.settings.accepts_name(name) {
            Ok(true) => {}
            Ok(false) => return NameLookup::Unknown,
            Err(RulePanicked) => {
                self.warn(name, "the filter of issuers has panicked");
                return NameLookup::Unavailable { retry_after: UNDECIDED_NAME_PAUSE };
            }
        }
        let (name, resolution) = {
            let mut state = self.state();
            if state.live.get(name).is_some_and(|live| live.issuer.keys.standing().is_trusted(now)) {
                return NameLookup::Live;
            }
            let monotonic = Instant::now();
            match state.answers.get(name, monotonic) {
                Some((Answer::Unknown, _)) => return NameLookup::Unknown,
                Some((Answer::Failed, until)) => {
                    return NameLookup::Unavailable { retry_after: whole_seconds(until - monotonic) };
                }
                None => {}
            }
            if let Some(pending) = state.pending.get(name).filter(|pending| !pending.is_queued_renewal()) {
                return NameLookup::Pending(Arc::clone(pending));
            }
            let has_failed = state.answers.has_failed(name);
            let cause = if has_failed { Cause::RetriedRequest } else { Cause::Request };
            let Some(begun) = state.enqueue(name.into(), cause) else {
                drop(state);
                self.log.queue_is_full(name, MAX_QUEUED);
                return NameLookup::Unavailable { retry_after: Duration::from_secs(1) };
            };
            begun
        };
        // Without the lock: a runtime that has ended drops the call at once.
        self.call(name, Arc::clone(&resolution));
        NameLookup::Pending(resolution)
    }

    /// Forgets a name: its live issuer, the last result, and a pending call. Returns whether it was
    /// a live issuer. Requests that wait for the call look for the issuer again.
    pub(super) fn forget(&self, name: &str) -> bool {
        let mut state = self.state();
        state.answers.remove(name);
        // The answer of a call that is under way may be outdated.
        let call = state.dequeue(name);
        let removed = state.live.remove(name);
        self.end(removed.as_slice());
        // Members end their refresh when they are dropped, without the lock.
        self.release(state);
        if let Some(call) = call {
            call.forget();
        }
        removed.is_some()
    }

    /// Forgets the live issuers with these names, and their pending calls.
    pub(super) fn forget_each(&self, is_forgotten: impl Fn(&str) -> bool) {
        let mut state = self.state();
        let all = state.live.names().chain(state.pending.keys());
        let names: Vec<Arc<str>> = all.filter(|name| is_forgotten(name)).cloned().collect();
        let removed: Vec<Member> = names.iter().filter_map(|name| state.live.remove(name)).collect();
        let calls: Vec<_> = names.iter().filter_map(|name| state.dequeue(name)).collect();
        self.end(&removed);
        self.release(state);
        for call in calls {
            call.forget();
        }
    }

    pub(super) fn status(&self) -> ResolverStatus {
        let state = self.state();
        ResolverStatus {
            live_issuers: state.live.len(),
            pending_calls: state.pending.len(),
            ..state.counts.clone()
        }
    }

    fn call(self: &Arc<Self>, name: Arc<str>, resolution: Arc<Resolution>) {
        let budget = self.budgets.of(resolution.cause);
        let (resolve, limit) = (Arc::clone(&self.settings.resolve), self.settings.timeout);
        let call = Call { resolver: Arc::downgrade(self), name, resolution };
        self.runtime.spawn(call.run(resolve, budget, limit));
    }

    /// Begins a call that has got a permit. Returns `false` if its result would not count.
    fn begin(&self, name: &str, resolution: &Arc<Resolution>) -> bool {
        let state = self.state();
        let is_current = state.is_current(name, resolution);
        if is_current {
            resolution.begin();
        }
        is_current
    }

    /// Ends a change of the state, and records it. Recorders and subscribers are the application's
    /// code: they run without the lock, and their panic is ignored.
    fn release(&self, mut state: MutexGuard<'_, State>) {
        let (changes, live) = (std::mem::take(&mut state.changes), state.live.len());
        let before = std::mem::replace(&mut state.recorded, live);
        if live >= before {
            self.live_of_all.fetch_add(live - before, Ordering::Relaxed);
        } else {
            self.live_of_all.fetch_sub(before - live, Ordering::Relaxed);
        }
        drop(state);
        ignore_panic(|| metrics::trusted_issuers("resolver", self.live_of_all.load(Ordering::Relaxed)));
        ignore_panic(|| self.log.record(changes));
    }

    fn warn(&self, name: &str, reason: &str) {
        if self.warnings.allows_one() {
            let issuer = Excerpt::new(name);
            tracing::warn!(%issuer, reason, "issuer not resolved");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounds up to whole seconds, at least one, for `Retry-After` (RFC 9110 §10.2.3).
fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1))
}
