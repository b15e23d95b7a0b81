//! The resolver: which issuers does the application's function trust?
//!
//! Requests read the live issuers without a lock. Other names are looked up in the background,
//! within a budget.

mod answers;
mod call;
mod directory;
mod live;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::url::is_string_or_uri;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

pub(crate) use self::call::Resolution;

use self::answers::{Answer, Answers};
use self::call::{Call, Outcome};
use self::directory::Directory;
use self::live::LiveIssuers;
use crate::issuer::Issuer;
use crate::issuer::issuers::Issuers;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::refresh::abort_on_drop::AbortOnDrop;
use crate::keys::standing::Standing;
use crate::metrics;
use crate::status::ResolverStatus;
use crate::tenants::Undecided;
use crate::token::numeric_date::NumericDate;
use crate::verifier::member::{Member, MemberFactory};

/// Maximum number of names that are asked for or wait to be. A name waits for some milliseconds,
/// and requests for 2 s.
const MAX_QUEUED: usize = 1_024;

/// The time after a failure without further calls for the name.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// How often the use of live issuers is read in one lifetime.
const LOOKS_PER_LIFETIME: u32 = 40;

/// Minimum time between two warnings, because an attacker can cause failures.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The resolver of one verifier.
pub(crate) struct Resolver {
    settings: Issuers,
    factory: Arc<MemberFactory>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    directory: Directory,
    state: Mutex<State>,
    /// The budget of calls that requests cause.
    calls: Arc<Semaphore>,
    /// The budget for live issuers. Invented names must not delay them.
    renewals: Arc<Semaphore>,
    /// The number of requests that wait.
    waiting: AtomicUsize,
}

/// The state under the lock. Requests of live issuers do not take it.
struct State {
    live: LiveIssuers,
    pending: HashMap<Arc<str>, Arc<Resolution>>,
    /// The number of pending calls that requests have caused.
    queued: usize,
    answers: Answers,
    counts: ResolverStatus,
    warned_at: Option<Instant>,
}

/// The result for a name that was not found among the live issuers.
pub(super) enum Asked {
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
    ) -> (Arc<Self>, AbortOnDrop) {
        let budget = || Arc::new(Semaphore::new(settings.max_calls));
        let (calls, renewals) = (budget(), budget());
        let state = State {
            live: LiveIssuers::new(settings.limit),
            pending: HashMap::new(),
            queued: 0,
            answers: Answers::default(),
            counts: ResolverStatus::default(),
            warned_at: None,
        };
        let period = settings.lifetime / LOOKS_PER_LIFETIME;
        let resolver = Arc::new(Self {
            settings,
            factory,
            clock,
            directory: Directory::new(),
            state: Mutex::new(state),
            calls,
            renewals,
            waiting: AtomicUsize::new(0),
            runtime,
        });
        let task = resolver.runtime.spawn(look_after(Arc::downgrade(&resolver), period));
        (resolver, AbortOnDrop(task.abort_handle()))
    }

    /// Returns a live issuer, without a lock.
    pub(super) fn get(&self, name: &str, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        self.directory.get(name).filter(|issuer| issuer.keys.standing().is_trusted(now))
    }

    /// Requests an issuer that was not found among the live issuers.
    pub(super) fn ask(self: &Arc<Self>, name: &str, now: NumericDate) -> Asked {
        if !is_string_or_uri(name) {
            return Asked::Unknown;
        }
        match self.settings.accepts_name(name) {
            Ok(true) => {}
            Ok(false) => return Asked::Unknown,
            Err(Undecided) => {
                self.warn(name, "the filter of issuers has panicked");
                return Asked::Unavailable { retry_after: FAILURE_PAUSE };
            }
        }
        let (name, resolution) = {
            let mut state = self.state();
            if state.live.get(name).is_some_and(|live| live.issuer.keys.standing().is_trusted(now)) {
                return Asked::Live;
            }
            let monotonic = Instant::now();
            match state.answers.get(name, monotonic) {
                Some((Answer::Unknown, _)) => return Asked::Unknown,
                Some((Answer::Failed, until)) => {
                    return Asked::Unavailable { retry_after: whole_seconds(until - monotonic) };
                }
                None => {}
            }
            if let Some(pending) = state.pending.get(name) {
                return Asked::Pending(Arc::clone(pending));
            }
            if state.queued >= MAX_QUEUED {
                return Asked::Unavailable { retry_after: Duration::from_secs(1) };
            }
            state.queued += 1;
            state.begin(name.into(), false)
        };
        // Without the lock: a runtime that has ended drops the call at once.
        self.call(name, Arc::clone(&resolution));
        Asked::Pending(resolution)
    }

    /// Waits for a call. Returns `false` at once if too many requests wait already.
    pub(super) async fn settled(&self, resolution: &Resolution) -> bool {
        resolution.settled(&self.waiting).await
    }

    /// Forgets a name: its live issuer, the last result, and a pending call. Returns whether it was
    /// a live issuer.
    pub(super) fn forget(&self, name: &str) -> bool {
        let mut state = self.state();
        state.answers.remove(name);
        // The answer of a call that is under way may be outdated.
        if let Some(pending) = state.pending.remove(name) {
            state.queued -= usize::from(!pending.is_renewal);
        }
        let removed = state.live.remove(name);
        self.end(removed.as_slice());
        // Members end their refresh when they are dropped, without the lock.
        drop(state);
        removed.is_some()
    }

    /// Forgets the live issuers with these names.
    pub(super) fn forget_live(&self, is_forgotten: impl Fn(&str) -> bool) {
        let names: Vec<Arc<str>> =
            self.state().live.names().filter(|name| is_forgotten(name)).cloned().collect();
        for name in names {
            self.forget(&name);
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
        let budget = Arc::clone(if resolution.is_renewal { &self.renewals } else { &self.calls });
        let (resolve, limit) = (Arc::clone(&self.settings.resolve), self.settings.timeout);
        let call = Call { resolver: Arc::downgrade(self), name, resolution };
        self.runtime.spawn(call.run(resolve, budget, limit));
    }

    /// Stores the outcome of a call.
    fn settle(&self, name: &Arc<str>, resolution: &Arc<Resolution>, outcome: Outcome) {
        // May read certificates, so it does not take the lock.
        let answer = match outcome {
            Outcome::Returned(None) => Ok(None),
            Outcome::Returned(Some(issuer)) => self.member(name, *issuer),
            Outcome::Failed(reason) => Err(reason),
        };
        let mut state = self.state();
        // The name was forgotten meanwhile, so that this answer does not count.
        let is_current = state.pending.get(name).is_some_and(|current| Arc::ptr_eq(current, resolution));
        if !is_current {
            return;
        }
        state.pending.remove(name);
        state.queued -= usize::from(!resolution.is_renewal);
        state.counts.calls += 1;
        let now = Instant::now();
        let removed = match answer {
            Ok(Some(member)) => {
                metrics::resolved("trusted");
                self.admit(&mut state, member, now)
            }
            Ok(None) => {
                metrics::resolved("unknown");
                state.answers.insert(name, Answer::Unknown, now + self.settings.unknown_lifetime);
                state.live.remove(name).into_iter().collect()
            }
            Err(reason) => {
                metrics::resolved("failed");
                state.counts.failed_calls += 1;
                state.live.not_renewed(name);
                if !resolution.is_renewal {
                    state.answers.insert(name, Answer::Failed, now + FAILURE_PAUSE);
                }
                if state.may_warn(now) {
                    let issuer = Excerpt::new(name);
                    tracing::warn!(%issuer, reason, "issuer not resolved");
                }
                Vec::new()
            }
        };
        self.end(&removed);
        drop(state);
    }

    /// Creates a member from the issuer that the resolver returned for a name.
    fn member(&self, name: &Arc<str>, issuer: Issuer) -> Result<Option<Member>, String> {
        if issuer.identifier != **name {
            // Not an error: the application may read a tenant's id out of `iss` and ignore the rest of it.
            tracing::debug!(found = issuer.identifier, "resolver returned an issuer with another name");
            return Ok(None);
        }
        if issuer.policy.tenancy.name_template().is_some() {
            return Err(String::from("an issuer of a resolver cannot have many tenants"));
        }
        if issuer.introspection.is_some() {
            return Err(String::from("an issuer of a resolver cannot be introspected"));
        }
        if issuer.policy.accepts_missing_iss {
            return Err(String::from("an issuer of a resolver cannot have `allow_missing_iss`"));
        }
        let until = NumericDate::from(self.clock.now()).plus(self.settings.lifetime);
        self.factory.member(issuer, Standing::until(until)).map(Some).map_err(|error| error.to_string())
    }

    /// Trusts a member. Returns the members that are no longer trusted.
    fn admit(&self, state: &mut State, member: Member, now: Instant) -> Vec<Member> {
        let (name, lifetime) = (Arc::clone(&member.issuer.identifier), self.settings.lifetime);
        let random = fastrand::f64();
        if let Some(live) = state.live.get(&name) {
            let until = NumericDate::from(self.clock.now()).plus(lifetime);
            if live.is_same_as(&member) {
                live.issuer.keys.standing().prolong(until);
                state.live.prolong(&name, now, lifetime, random);
                return Vec::new();
            }
            self.directory.insert(&member.issuer);
            return state.live.insert(member, now, lifetime, random).into_iter().collect();
        }
        let removed: Vec<Member> = state.live.make_room().into_iter().collect();
        state.counts.evicted_issuers += u64::try_from(removed.len()).unwrap_or(u64::MAX);
        self.directory.insert(&member.issuer);
        state.live.insert(member, now, lifetime, random);
        state.answers.remove(&name);
        removed
    }

    /// Ends the trust in members that are no longer live.
    fn end(&self, removed: &[Member]) {
        for member in removed {
            // A replaced one has a successor with its name.
            let current = self.directory.get(&member.issuer.identifier);
            if current.is_some_and(|current| Arc::ptr_eq(&current, &member.issuer)) {
                self.directory.remove(&member.issuer.identifier);
            }
            member.end();
        }
    }

    /// Drops the issuers whose lifetime is over, and calls the resolver for issuers in use.
    fn look(self: &Arc<Self>) {
        let mut state = self.state();
        let (removed, renewed) = state.live.due(Instant::now());
        self.end(&removed);
        let mut begun = Vec::with_capacity(renewed.len());
        for name in renewed {
            if !state.pending.contains_key(&name) {
                begun.push(state.begin(name, true));
            }
        }
        drop(state);
        for (name, resolution) in begun {
            self.call(name, resolution);
        }
    }

    fn warn(&self, name: &str, reason: &str) {
        if self.state().may_warn(Instant::now()) {
            let issuer = Excerpt::new(name);
            tracing::warn!(%issuer, reason, "issuer not resolved");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, name: Arc<str>, is_renewal: bool) -> (Arc<str>, Arc<Resolution>) {
        let resolution = Arc::new(Resolution::new(is_renewal));
        self.pending.insert(Arc::clone(&name), Arc::clone(&resolution));
        (name, resolution)
    }

    fn may_warn(&mut self, now: Instant) -> bool {
        let may = self.warned_at.is_none_or(|at| now >= at + WARN_EVERY);
        if may {
            self.warned_at = Some(now);
        }
        may
    }
}

async fn look_after(resolver: Weak<Resolver>, period: Duration) {
    loop {
        sleep(period).await;
        let Some(resolver) = resolver.upgrade() else { return };
        resolver.look();
    }
}

/// Rounds up to whole seconds, at least one, for `Retry-After` (RFC 9110 §10.2.3).
fn whole_seconds(wait: Duration) -> Duration {
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs() + begun).max(Duration::from_secs(1))
}
