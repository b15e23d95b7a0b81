//! The source of one token. Callers read a snapshot without a lock, and requests replace it.

mod attempt;
mod stall;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::credentials::rejections::Rejections;
use crate::credentials::renewal::{Action, REQUEST_TIMEOUT, RenewalSchedule};
use crate::credentials::source::attempt::Attempt;
use crate::credentials::source::stall::stalls;
use crate::endpoint::TokenEndpoint;
use crate::endpoint::failure::RequestError;
use crate::endpoint::request::Grant;
use crate::error::Error;
use crate::metrics;
use crate::status::Status;
use crate::token::AccessToken;

/// Tokens of one client for one set of scopes and resources.
pub(crate) struct TokenSource {
    grant: Grant,
    endpoint: Arc<TokenEndpoint>,
    settings: Settings,
    current: ArcSwapOption<Snapshot>,
    /// Locked when the snapshot is not fresh. Never held across an await.
    state: Mutex<State>,
    /// Wakes waiting callers after a change.
    changed: watch::Sender<()>,
}

/// The settings of the builder, which documents them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) default_lifetime: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) rejection_cooldown: Duration,
    pub(crate) max_backoff_without_token: Duration,
}

/// The current token.
struct Snapshot {
    token: AccessToken,
    /// The time until which it is served without a poll of the schedule.
    fresh_until: Instant,
    /// The APIs that rejected it. They get another token.
    rejected_by: Box<[Arc<str>]>,
}

struct State {
    schedule: RenewalSchedule,
    token: Option<AccessToken>,
    rejections: Rejections,
    /// The runtime of the request in flight.
    runtime: Option<Handle>,
    succeeded: u64,
    failed: u64,
    /// The error of the last request, if it failed.
    failure: Option<Error>,
}

/// Breaks with the result for a caller, or continues with a wait.
type Next = ControlFlow<Result<AccessToken, Error>, Wait>;

enum Wait {
    /// Waits for the next attempt.
    Until(Instant),
    /// Waits for the request that was started at this time. `elsewhere` is its runtime, if the
    /// caller has another one.
    ForRequest { requested_at: Option<Instant>, elsewhere: Option<Handle> },
}

impl TokenSource {
    pub(crate) fn new(grant: Grant, endpoint: Arc<TokenEndpoint>, settings: Settings) -> Self {
        let state = State {
            schedule: RenewalSchedule::new(settings.max_backoff_without_token, Instant::now()),
            token: None,
            rejections: Rejections::new(settings.rejection_cooldown),
            runtime: None,
            succeeded: 0,
            failed: 0,
            failure: None,
        };
        Self {
            grant,
            endpoint,
            settings,
            current: ArcSwapOption::empty(),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Returns the current token without waiting, if it is valid for this API. Starts a renewal if
    /// it is due.
    pub(crate) fn current(self: &Arc<Self>, api: Option<&str>) -> Option<AccessToken> {
        if let Some(token) = self.fresh(api) {
            return Some(token);
        }
        match self.poll(api) {
            ControlFlow::Break(result) => result.ok(),
            ControlFlow::Continue(_) => None,
        }
    }

    /// Returns a token that is valid for this API, immediately or after a request. The request runs
    /// in a separate task, so that a canceled caller does not cancel it.
    pub(crate) async fn token(self: &Arc<Self>, api: Option<&str>) -> Result<AccessToken, Error> {
        if let Some(token) = self.fresh(api) {
            return Ok(token);
        }
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now() + self.settings.acquire_timeout;
        loop {
            // Poll again after a change as well as after the time.
            match self.poll(api) {
                ControlFlow::Break(result) => return result,
                ControlFlow::Continue(Wait::Until(until)) if until > deadline => return Err(self.failure()),
                ControlFlow::Continue(Wait::Until(until)) => {
                    let _ = timeout_at(until, changed.changed()).await;
                }
                ControlFlow::Continue(Wait::ForRequest { requested_at, elsewhere }) => {
                    let until = deadline.min(Instant::now() + REQUEST_TIMEOUT);
                    tokio::select! {
                        _ = timeout_at(until, changed.changed()) => {}
                        () = stalls(elsewhere) => self.abandon(requested_at),
                    }
                }
            }
            if Instant::now() >= deadline && self.fresh(api).is_none() {
                return Err(self.failure());
            }
        }
    }

    /// Abandons a request whose runtime runs no tasks, so that the caller sends its own request.
    fn abandon(&self, requested_at: Option<Instant>) {
        if let Some(requested_at) = requested_at {
            self.state().schedule.abandon(requested_at);
            let (issuer, client) = (self.endpoint.issuer(), &self.endpoint.client);
            tracing::warn!(%issuer, %client, reason = "its runtime is stalled", "token request abandoned");
        }
    }

    /// Discards this token for all callers, because an unnamed API rejected it.
    pub(crate) fn reject(&self, token: &AccessToken) {
        self.rejected(None, token);
    }

    /// Discards this token for the API that rejected it. Its renewal is due now, and other callers
    /// get the token until then.
    pub(crate) fn reject_for(&self, api: &Arc<str>, token: &AccessToken) {
        self.rejected(Some(api), token);
    }

    fn rejected(&self, api: Option<&Arc<str>>, token: &AccessToken) {
        let mut state = self.state();
        let now = Instant::now();
        let is_current = state.token.as_ref().is_some_and(|current| current.is_same(token));
        if !is_current || !state.rejections.rejected(api, token, now) {
            return;
        }
        if api.is_some() {
            state.schedule.renew_now(now);
        } else {
            state.schedule.discard();
            state.token = None;
        }
        self.publish(&state);
        drop(state);
        let (issuer, client) = (self.endpoint.issuer(), &self.endpoint.client);
        let api = api.map_or("unnamed", |api| &**api);
        tracing::warn!(%issuer, %client, api, "token rejected by an API");
        metrics::token_rejected(&issuer);
    }

    pub(crate) fn status(&self) -> Status {
        let now = Instant::now();
        let state = self.state();
        let token = state.token.as_ref();
        Status {
            expires_in: token.map(AccessToken::expires_in).filter(|left| !left.is_zero()),
            renews_in: state.schedule.renews_at().map(|at| at.saturating_duration_since(now)),
            scopes: token.map(|token| token.scopes().clone()),
            requests_succeeded: state.succeeded,
            requests_failed: state.failed,
            last_failure: state.failure.clone(),
        }
    }

    /// Returns the current token from the snapshot. This is the hot path: no lock, no copy of the
    /// token.
    fn fresh(&self, api: Option<&str>) -> Option<AccessToken> {
        let current = self.current.load();
        let snapshot = current.as_ref().filter(|snapshot| Instant::now() < snapshot.fresh_until)?;
        let is_rejected = |api: &str| snapshot.rejected_by.iter().any(|by| **by == *api);
        (!api.is_some_and(is_rejected)).then(|| snapshot.token.clone())
    }

    /// Polls the schedule for a caller, and starts a request if the schedule requires it.
    fn poll(self: &Arc<Self>, api: Option<&str>) -> Next {
        let runtime = Handle::try_current();
        let mut state = self.state();
        let requested_at = Instant::now();
        let usable = state.token.clone().filter(|token| {
            let is_rejected = |api: &str| state.rejections.of(token).any(|by| **by == *api);
            !api.is_some_and(is_rejected)
        });
        let Ok(runtime) = runtime else {
            // No request can be sent, so none may be recorded.
            let token = usable.filter(|_| state.schedule.is_valid(requested_at));
            return ControlFlow::Break(token.ok_or_else(|| self.no_runtime()));
        };
        let action = match (&state.token, &usable) {
            (Some(_), None) => state.schedule.poll_for_another(requested_at),
            _ => state.schedule.poll(requested_at),
        };
        if let Action::Request | Action::ServeAndRequest = action {
            state.runtime = Some(runtime.clone());
        }
        let next = match (action, usable) {
            (Action::Serve | Action::ServeAndRequest, Some(token)) => ControlFlow::Break(Ok(token)),
            (Action::Fail, _) => ControlFlow::Break(Err(self.last_failure(&state, false))),
            (Action::Wait { until: Some(until) }, _) => ControlFlow::Continue(Wait::Until(until)),
            (Action::Request | Action::Serve | Action::ServeAndRequest | Action::Wait { until: None }, _) => {
                let elsewhere = state.runtime.clone().filter(|other| other.id() != runtime.id());
                let requested_at = state.schedule.in_flight_since();
                ControlFlow::Continue(Wait::ForRequest { requested_at, elsewhere })
            }
        };
        if let Action::Request | Action::ServeAndRequest = action {
            self.publish(&state);
            // The end of a request needs the lock. If the runtime is ending, the task is dropped
            // here.
            drop(state);
            let attempt = Attempt::new(Arc::clone(self), requested_at);
            drop(runtime.spawn(attempt.run()));
        }
        next
    }

    /// Stores a snapshot of the state for the hot path.
    fn publish(&self, state: &State) {
        let snapshot = state.token.as_ref().zip(state.schedule.fresh_until());
        let snapshot = snapshot.map(|(token, fresh_until)| {
            let rejected_by = state.rejections.of(token).cloned().collect();
            Snapshot { token: token.clone(), fresh_until, rejected_by }
        });
        self.current.store(snapshot.map(Arc::new));
    }

    fn no_runtime(&self) -> Error {
        let source = Arc::new(RequestError::NoRuntime);
        Error::Unavailable { endpoint: self.endpoint.redacted(), retry_after: Duration::ZERO, source }
    }

    fn failure(&self) -> Error {
        self.last_failure(&self.state(), false)
    }

    fn last_failure(&self, state: &State, has_token: bool) -> Error {
        let mut failure = state.failure.clone().unwrap_or_else(|| Error::Unavailable {
            endpoint: self.endpoint.redacted(),
            retry_after: Duration::ZERO,
            source: Arc::new(RequestError::NoResponseYet),
        });
        if let Error::Unavailable { retry_after, .. } | Error::NoAssertion { retry_after, .. } = &mut failure
        {
            *retry_after = state.schedule.retry_in(Instant::now(), has_token);
        }
        failure
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under this lock cannot leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
