//! The introspection of one issuer's tokens. A request with a cached token takes no lock. Another
//! one begins a call, or waits for the call of another request.

mod running;

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scopegate_proto::clock::Clock;
use scopegate_proto::json::JsonObject;
use scopegate_proto::token_digest::{TokenDigest, TokenDigests};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::cache::Cache;
use crate::cache::entry::Entry;
use crate::claims::Claims;
use crate::error::causes::with_causes;
use crate::introspection::budget::UnseenTokens;
use crate::introspection::call::Call;
use crate::introspection::circuit::{Cause, Change};
use crate::introspection::endpoint::Endpoint;
use crate::introspection::failure::Failure;
use crate::introspection::freshness::{Freshness, Lifetimes, State};
use crate::introspection::introspector::running::Running;
use crate::introspection::judgement::NotAccepted;
use crate::introspection::opaque_token::OpaqueToken;
use crate::introspection::outcome::Outcome;
use crate::introspection::schedule::{Asked, Schedule};
use crate::metrics;
use crate::metrics::issuer_label::IssuerLabel;
use crate::token::numeric_date::NumericDate;

/// Maximum number of calls at the same time, and so of connections: for known tokens, and again for
/// unseen ones. Invented tokens must not delay known ones.
const MAX_CALLS: usize = 64;

/// Number of cached results, as for JWTs.
const MAX_ACTIVE: usize = 4_096;

/// Bytes of all cached results: 4 KiB for each.
const MAX_ACTIVE_BYTES: usize = MAX_ACTIVE * 4 * 1024;

/// Creates the claims of an active token, or rejects it. It is called once for each call.
pub(crate) type Judge =
    Box<dyn FnOnce(&str, &TokenDigest, &JsonObject<'_>, NumericDate) -> Result<Claims, NotAccepted> + Send>;

/// The checked settings of an issuer.
pub(super) struct Settings {
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

/// The results for one issuer's tokens. Results of another configuration have another one.
pub(crate) struct Introspector {
    endpoint: Endpoint,
    settings: Settings,
    digests: TokenDigests,
    active: Cache<Freshness>,
    schedule: Mutex<Schedule>,
    /// The number of requests that wait.
    waiting: AtomicUsize,
    known_calls: Semaphore,
    unseen_calls: Semaphore,
    caller: Caller,
}

/// The origin of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An attacker may have invented it.
    Unverified,
    /// The issuer has signed it, so it needs no budget.
    Verified,
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
        let schedule = Mutex::new(Schedule::new(settings.unseen, Instant::now()));
        Arc::new(Self {
            endpoint,
            settings,
            digests: TokenDigests::default(),
            active: Cache::new(MAX_ACTIVE, MAX_ACTIVE_BYTES),
            schedule,
            waiting: AtomicUsize::new(0),
            known_calls: Semaphore::new(MAX_CALLS),
            unseen_calls: Semaphore::new(MAX_CALLS),
            caller,
        })
    }

    /// Returns the result for a token. If there is no current one, begins a call or joins one.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        token: OpaqueToken<'_>,
        origin: Origin,
        now: NumericDate,
        judge: impl FnOnce() -> Judge,
    ) -> Introspected {
        let digest = self.digests.of(token.as_str().as_bytes());
        if let Some(claims) = self.cached(&digest, State::Fresh, now) {
            return Introspected::Settled(Outcome::Active(claims));
        }
        let mut schedule = self.schedule();
        // A call may have ended since.
        if let Some(claims) = self.cached(&digest, State::Fresh, now) {
            return Introspected::Settled(Outcome::Active(claims));
        }
        let is_known = origin == Origin::Verified || self.is_known(&digest);
        let asked = schedule.ask(&digest, is_known, Instant::now());
        drop(schedule);
        let call = match asked {
            Asked::Rejected(rejection) => return Introspected::Settled(Outcome::Rejected(rejection)),
            Asked::Prevented(outcome) => return Introspected::Settled(self.or_stale(outcome, &digest, now)),
            Asked::Joined(call) => call,
            Asked::Begun(call, role) => {
                let running = Running {
                    introspector: Arc::clone(self),
                    digest,
                    call: Arc::clone(&call),
                    role,
                    is_known,
                    has_ended: false,
                };
                let token = Zeroizing::new(token.as_str().to_owned());
                self.caller.runtime.spawn(running.run(token, judge()));
                call
            }
        };
        Introspected::Pending(PendingIntrospection { introspector: Arc::clone(self), digest, call })
    }

    #[inline]
    fn cached(&self, digest: &TokenDigest, state: State, now: NumericDate) -> Option<Claims> {
        let is_usable = |entry: &Entry<Freshness>| self.settings.lifetimes.state(entry, now) == state;
        self.active.find(digest.as_bytes(), is_usable)
    }

    /// Returns whether the last result has accepted the token.
    fn is_known(&self, digest: &TokenDigest) -> bool {
        self.active.look_up(digest.as_bytes(), |entry| (!entry.basis.has_ended()).then_some(())).is_some()
    }

    /// Replaces an outcome that decides nothing by a stale result, if one is allowed.
    fn or_stale(&self, outcome: Outcome, digest: &TokenDigest, now: NumericDate) -> Outcome {
        let (Outcome::Undecided { .. } | Outcome::Misconfigured) = outcome else { return outcome };
        match self.cached(digest, State::Stale, now) {
            Some(claims) => {
                metrics::introspected(&self.caller.label, "stale");
                Outcome::Active(claims)
            }
            None => outcome,
        }
    }

    /// Records the end of a call, and wakes the requests that wait.
    fn end(&self, running: &Running, asked_at: Instant, result: Result<Outcome, Failure>) {
        let (outcome, failure) = match result {
            Ok(outcome) => (outcome, None),
            Err(failure) => (failure.outcome(), Some(failure)),
        };
        match &outcome {
            Outcome::Active(claims) => {
                let entry = Entry::new(claims, Freshness::since(asked_at), self.caller.leeway);
                self.active.insert(entry);
            }
            Outcome::Rejected(_) => {
                self.active.look_up(running.digest.as_bytes(), |entry| {
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
        let cause = failure.as_ref().and_then(Failure::cause);
        let now = Instant::now();
        let mut schedule = self.schedule();
        let change = schedule.end(&running.digest, running.role, &outcome, cause, now);
        let failure = failure.filter(|_| schedule.may_log(now));
        drop(schedule);
        running.call.settle(outcome);
        // Last, because recorders and subscribers may panic.
        metrics::introspected(&self.caller.label, label);
        self.log(change, failure.as_ref());
    }

    fn log(&self, change: Change, failure: Option<&Failure>) {
        let (issuer, endpoint) = (&*self.caller.issuer, self.endpoint.url.without_query());
        if let Some(failure) = failure {
            let error = with_causes(failure);
            match failure.cause() {
                Some(Cause::Credentials) => {
                    tracing::error!(issuer, endpoint, error, "introspection credentials are invalid");
                }
                Some(Cause::Outage) | None => {
                    tracing::warn!(issuer, endpoint, error, "introspection failed");
                }
            }
        }
        match change {
            Change::None => {}
            Change::Opened => {
                tracing::warn!(issuer, endpoint, "introspection keeps failing, calls are suspended");
            }
            Change::Closed => tracing::info!(issuer, endpoint, "introspection works again"),
        }
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // No code that runs under this lock leaves the state half changed.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingIntrospection {
    /// Waits for the outcome of the call, at most as long as a call may take.
    pub(crate) async fn settled(&self) -> Outcome {
        let introspector = &*self.introspector;
        let deadline = Instant::now() + introspector.settings.time_limit;
        let outcome = self.call.settled(&introspector.waiting, deadline).await;
        let outcome = outcome.unwrap_or(Outcome::Undecided { retry_after: Duration::from_secs(1) });
        introspector.or_stale(outcome, &self.digest, introspector.caller.clock.now().into())
    }
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
