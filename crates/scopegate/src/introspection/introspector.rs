//! The introspection of one issuer's tokens. A request with a cached token takes no lock. Another
//! one begins a call, or waits for the call of another request.

mod report;
mod running;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scopegate_proto::clock::Clock;
use scopegate_proto::json::JsonObject;
use scopegate_proto::token_digest::{TokenDigest, TokenDigests};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::cache::entry::Entry;
use crate::cache::{Cache, Insert, slots};
use crate::claims::Claims;
use crate::introspection::calls::accepted::AcceptedTokens;
use crate::introspection::calls::budget::UnseenTokens;
use crate::introspection::calls::call::{Call, Waiting};
use crate::introspection::calls::circuit::Evidence;
use crate::introspection::calls::class::Class;
use crate::introspection::calls::origin::Origin;
use crate::introspection::calls::schedule::{MAX_CALLS, Schedule, Step, Ticket};
use crate::introspection::endpoint::Endpoint;
use crate::introspection::freshness::{Freshness, Lifetimes, State};
use crate::introspection::introspector::report::Report;
use crate::introspection::introspector::running::Running;
use crate::introspection::opaque_token::OpaqueToken;
use crate::introspection::responses::failure::Failure;
use crate::introspection::responses::judgement::Unaccepted;
use crate::introspection::responses::outcome::Outcome;
use crate::introspection::responses::statement::MAX_BODY;
use crate::status::introspection::IntrospectionStatus;
use crate::telemetry::causes::with_causes;
use crate::telemetry::metrics;
use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::token::numeric_date::NumericDate;

/// Bytes of the cached results: 4 KiB for each. Every four have room for the largest response, so
/// that a token with many claims is cached too.
fn cache_bytes(entries: usize) -> usize {
    slots(entries) / 4 * (4 * 4 * 1024).max(MAX_BODY + 16 * 1024)
}

/// Creates the claims of an active token, or rejects it. It is called once for each call.
pub(crate) type Judge =
    Box<dyn FnOnce(&str, &TokenDigest, &JsonObject<'_>, NumericDate) -> Result<Claims, Unaccepted> + Send>;

/// The checked settings of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Number of cached results.
    pub(super) cached: usize,
    pub(super) lifetimes: Lifetimes,
    pub(super) unseen: UnseenTokens,
    /// From the begin of a call to the end of its response.
    pub(super) time_limit: Duration,
}

/// The issuer and its verifier.
pub(crate) struct Caller {
    pub(crate) issuer: Arc<str>,
    /// The issuer in metrics.
    pub(crate) label: IssuerLabel,
    /// For the dates of a token.
    pub(crate) leeway: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runtime: Handle,
}

/// The results for one issuer's tokens. Each configuration has an introspector of its own.
pub(crate) struct Introspector {
    endpoint: Endpoint,
    settings: Settings,
    memory: Memory,
    schedule: Mutex<Schedule>,
    waiting: Waiting,
    known_calls: Semaphore,
    unseen_calls: Semaphore,
    caller: Caller,
    report: Report,
}

/// The tokens that an introspector knows. Its successor takes it over.
struct Memory {
    digests: TokenDigests,
    active: Arc<Cache<Freshness>>,
    accepted: Arc<AcceptedTokens>,
}

/// The result of a look-up.
pub(crate) enum Introspected {
    Settled(Outcome),
    /// A call is under way.
    Pending(PendingIntrospection),
}

/// A token whose call is under way. It does not hold the token.
pub(crate) struct PendingIntrospection {
    introspector: Arc<Introspector>,
    digest: TokenDigest,
    call: Arc<Call>,
}

impl Introspector {
    pub(super) fn new(endpoint: Endpoint, settings: Settings, caller: Caller) -> Arc<Self> {
        let active = Arc::new(Cache::new(settings.cached, cache_bytes(settings.cached)));
        let memory = Memory { digests: TokenDigests::default(), active, accepted: Arc::default() };
        let schedule = Schedule::new(settings.unseen, Arc::clone(&memory.accepted), Instant::now());
        Arc::new(Self {
            endpoint,
            settings,
            memory,
            schedule: Mutex::new(schedule),
            waiting: Waiting::default(),
            known_calls: Semaphore::new(MAX_CALLS),
            unseen_calls: Semaphore::new(MAX_CALLS),
            caller,
            report: Report::default(),
        })
    }

    /// Takes over the memory of the introspector that this one replaces. Tokens that were accepted
    /// need no budget. Their results stay if `same_rules` says that claims are read in the same
    /// way, and if the endpoint decides for the same client.
    pub(crate) fn take_over(&mut self, before: &Self, same_rules: bool) {
        self.memory.digests = before.memory.digests.clone();
        self.memory.accepted = Arc::clone(&before.memory.accepted);
        self.schedule().continue_with(Arc::clone(&before.memory.accepted));
        self.report.continue_with(&before.report, &before.caller.label);
        let same_cache = self.settings.cached == before.settings.cached;
        if same_rules && same_cache && self.endpoint.decides_as(&before.endpoint) {
            self.memory.active = Arc::clone(&before.memory.active);
        }
    }

    /// Returns the result for a token. If there is no current one, begins a call or joins one.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        token: OpaqueToken<'_>,
        origin: Origin,
        now: NumericDate,
        judge: impl FnOnce() -> Judge,
    ) -> Introspected {
        let digest = token.digest(&self.memory.digests);
        if let Some((claims, is_renewed)) = self.fresh(&digest, now) {
            metrics::introspection_looked_up(true);
            if is_renewed {
                let begun = self.schedule().renew(&digest, Instant::now());
                if let Some((call, ticket)) = begun {
                    self.run(token, digest, call, ticket, judge());
                }
            }
            return Introspected::Settled(Outcome::Active(claims));
        }
        metrics::introspection_looked_up(false);
        let mut schedule = self.schedule();
        // A call may have ended since.
        if let Some((claims, _)) = self.fresh(&digest, now) {
            return Introspected::Settled(Outcome::Active(claims));
        }
        let step = schedule.ask(&digest, origin, Instant::now());
        drop(schedule);
        let call = match step {
            Step::Rejected(rejection) => return Introspected::Settled(Outcome::Rejected(rejection)),
            Step::Prevented(outcome, reason) => {
                self.report.prevented(self, reason.as_str());
                return Introspected::Settled(self.or_cached(outcome, &digest, now));
            }
            Step::Joined(call) => call,
            Step::Begun(call, ticket) => {
                self.run(token, digest, Arc::clone(&call), ticket, judge());
                call
            }
        };
        Introspected::Pending(PendingIntrospection { introspector: Arc::clone(self), digest, call })
    }

    /// Runs a call in the background.
    fn run(
        self: &Arc<Self>,
        token: OpaqueToken<'_>,
        digest: TokenDigest,
        call: Arc<Call>,
        ticket: Ticket,
        judge: Judge,
    ) {
        let running = Running { introspector: Arc::clone(self), digest, call, ticket, has_ended: false };
        self.caller.runtime.spawn(running.run(token.to_text(), judge));
    }

    /// Returns the claims of a current result, and whether this use renews it.
    #[inline]
    fn fresh(&self, digest: &TokenDigest, now: NumericDate) -> Option<(Claims, bool)> {
        self.memory.active.look_up(digest.as_bytes(), |entry| {
            let is_fresh = self.settings.lifetimes.state(entry, now) == State::Fresh;
            is_fresh.then(|| (entry.claims().clone(), entry.basis.is_renewed_by(now)))
        })
    }

    /// Replaces an outcome that decides nothing by a cached result. The result is stale or has arrived
    /// meanwhile. Stale results are used only if the application allows them.
    fn or_cached(&self, outcome: Outcome, digest: &TokenDigest, now: NumericDate) -> Outcome {
        let (Outcome::Undecided { .. } | Outcome::Misconfigured) = outcome else { return outcome };
        let found = self.memory.active.look_up(digest.as_bytes(), |entry| {
            let state = self.settings.lifetimes.state(entry, now);
            (state != State::Old).then(|| (entry.claims().clone(), state))
        });
        let Some((claims, state)) = found else { return outcome };
        if state == State::Stale {
            metrics::introspected(&self.caller.label, "stale");
        }
        Outcome::Active(claims)
    }

    /// Returns the places for the calls of a class.
    fn places(&self, class: Class) -> &Semaphore {
        match class {
            Class::Known => &self.known_calls,
            Class::Unseen => &self.unseen_calls,
        }
    }

    /// Records the end of a call, and wakes the requests that wait.
    fn end(&self, running: &Running, asked: Asked, result: Result<Outcome, Failure>) {
        let (outcome, failure) = match result {
            Ok(outcome) => (outcome, None),
            Err(failure) => (failure.outcome(), Some(failure)),
        };
        let digest = &running.digest;
        let mut inserted = None;
        match &outcome {
            Outcome::Active(claims) => {
                let [random, ..] = *digest.as_bytes();
                let renew_after = self.settings.lifetimes.renew_after(random);
                let basis = Freshness::since(asked.at, asked.on, renew_after);
                inserted = Some(self.memory.active.insert(Entry::new(claims, basis, self.caller.leeway)));
            }
            Outcome::Rejected(_) => {
                self.memory.active.look_up(digest.as_bytes(), |entry| {
                    entry.basis.end();
                    Some(())
                });
            }
            Outcome::Undecided { .. } | Outcome::Misconfigured => {}
        }
        let label = match &outcome {
            Outcome::Active(_) => "active",
            Outcome::Rejected(_) => "rejected",
            Outcome::Undecided { .. } => "failed",
            Outcome::Misconfigured => "misconfigured",
        };
        let evidence = failure.as_ref().map_or(Evidence::Works, Failure::evidence);
        let now = Instant::now();
        let cause = failure.as_ref().map(|failure| with_causes(failure));
        let busy_until = failure.as_ref().and_then(Failure::requested_wait).map(|wait| now + wait);
        let mut schedule = self.schedule();
        let change = schedule.end(digest, running.ticket, &outcome, evidence, now);
        let forgotten = schedule.tally.record(evidence, cause, busy_until);
        drop(schedule);
        drop(forgotten);
        running.call.settle(outcome);
        // Last, because recorders and subscribers may panic.
        if evidence == Evidence::None {
            metrics::introspection_prevented(&self.caller.label, "not_called");
        } else {
            metrics::introspected(&self.caller.label, label);
        }
        match inserted {
            None => {}
            Some(Insert::Skipped) => metrics::introspection_cache_changed(&self.caller.label, "skipped", 1),
            Some(Insert::Stored { evicted }) => {
                metrics::introspection_cache_changed(&self.caller.label, "stored", 1);
                metrics::introspection_cache_changed(&self.caller.label, "evicted", evicted);
            }
        }
        self.report.ended(self, change, failure.as_ref());
    }

    /// Returns the state for operators.
    pub(crate) fn status(&self) -> IntrospectionStatus {
        let status = IntrospectionStatus {
            endpoint: self.endpoint.url.without_query().clone(),
            suspended: None,
            cached_results: self.memory.active.usage().entries,
            calls_under_way: 0,
            waiting_requests: self.waiting.requests(),
            calls_succeeded: 0,
            calls_failed: 0,
            last_failure: None,
        };
        self.schedule().report(status)
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // No code that runs under this lock leaves the state half changed.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time before a request, by both clocks.
#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    on: NumericDate,
    /// The credentials of this API were there in time.
    is_sent: bool,
}

impl Asked {
    /// A call that was not made.
    fn never() -> Self {
        Self { at: Instant::now(), on: NumericDate::DISTANT_PAST, is_sent: false }
    }
}

impl PendingIntrospection {
    /// Returns the maximum time of the call.
    pub(crate) fn time_limit(&self) -> Duration {
        self.introspector.settings.time_limit
    }

    /// Waits for the outcome of the call until the deadline.
    pub(crate) async fn settled(&self, deadline: Instant) -> Outcome {
        let introspector = &*self.introspector;
        let outcome = match self.call.settled(&introspector.waiting, deadline).await {
            Ok(outcome) => outcome,
            Err(unsettled) => {
                introspector.report.prevented(introspector, unsettled.as_str());
                Outcome::Undecided { retry_after: Duration::from_secs(1) }
            }
        };
        introspector.or_cached(outcome, &self.digest, introspector.caller.clock.now().into())
    }
}

/// No calls are suspended any longer, so an alert ends with the trust in the issuer.
impl Drop for Introspector {
    fn drop(&mut self) {
        self.report.hand_over_gauge(&self.caller.label);
    }
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
