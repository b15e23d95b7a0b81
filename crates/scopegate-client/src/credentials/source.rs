//! Serves the current token from a snapshot that callers read without a lock, and runs the requests
//! that replace it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::credentials::renewal::{Action, REQUEST_TIMEOUT, RenewalSchedule, ends_at};
use crate::endpoint::TokenEndpoint;
use crate::endpoint::error_response::ErrorResponse;
use crate::endpoint::failure::{Failure, RequestError};
use crate::endpoint::request::Grant;
use crate::endpoint::response::{GrantedScopes, TokenResponse, TokenResponseError, Unreadable};
use crate::endpoint::retry::Retry;
use crate::error::Error;
use crate::metrics;
use crate::status::Status;
use crate::token::{AccessToken, TokenScopes};

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

/// The settings of the builder, which explains them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) default_lifetime: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) rejection_cooldown: Duration,
}

/// The current token.
struct Snapshot {
    token: AccessToken,
    /// Until this time it is served without asking the schedule.
    fresh_until: Instant,
}

struct State {
    schedule: RenewalSchedule,
    token: Option<AccessToken>,
    succeeded: u64,
    failed: u64,
    /// The error of the last request, if it failed.
    failure: Option<Error>,
}

/// Breaks with the result for a caller, or continues with the time until which it waits, if there
/// is one.
type Next = ControlFlow<Result<AccessToken, Error>, Option<Instant>>;

impl TokenSource {
    pub(crate) fn new(grant: Grant, endpoint: Arc<TokenEndpoint>, settings: Settings) -> Self {
        let state = State {
            schedule: RenewalSchedule::new(settings.rejection_cooldown, Instant::now()),
            token: None,
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

    /// Returns the current token, if it is valid, without waiting. Starts a renewal that is due.
    pub(crate) fn current(self: &Arc<Self>) -> Option<AccessToken> {
        if let Some(token) = self.fresh() {
            return Some(token);
        }
        match self.poll() {
            ControlFlow::Break(result) => result.ok(),
            ControlFlow::Continue(_) => None,
        }
    }

    /// Returns a valid token, immediately or after a request. The request is a task of its own, so
    /// that a canceled caller does not cancel it.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, Error> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now() + self.settings.acquire_timeout;
        loop {
            let until = match self.poll() {
                ControlFlow::Break(result) => return result,
                ControlFlow::Continue(until) => until,
            };
            if until.is_some_and(|until| until > deadline) {
                return Err(self.failure());
            }
            // Poll again after a change as well as after the time.
            let look_again = until.unwrap_or_else(|| deadline.min(Instant::now() + REQUEST_TIMEOUT));
            let _ = timeout_at(look_again, changed.changed()).await;
            if Instant::now() >= deadline && self.fresh().is_none() {
                return Err(self.failure());
            }
        }
    }

    /// Discards this token, because an API rejected it.
    pub(crate) fn reject(&self, token: &AccessToken) {
        let mut state = self.state();
        let is_current = state.token.as_ref().is_some_and(|current| current.is_same(token));
        if is_current && state.schedule.rejected(Instant::now()) {
            state.token = None;
            self.publish(&state);
            drop(state);
            tracing::warn!(issuer = %self.endpoint.issuer(), client = %self.endpoint.client, "token rejected, and dropped");
            metrics::token_rejected(&self.endpoint.issuer());
        }
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

    /// The hot path: no lock, no copy of the token.
    fn fresh(&self) -> Option<AccessToken> {
        let current = self.current.load();
        let snapshot = current.as_ref().filter(|snapshot| Instant::now() < snapshot.fresh_until)?;
        Some(snapshot.token.clone())
    }

    /// Asks the schedule what to do for a caller, and starts the request that it orders.
    fn poll(self: &Arc<Self>) -> Next {
        let runtime = Handle::try_current();
        let mut state = self.state();
        let requested_at = Instant::now();
        let Ok(runtime) = runtime else {
            // No request can be sent, so none may be recorded.
            let token = state.token.as_ref().filter(|_| state.schedule.is_valid(requested_at));
            return ControlFlow::Break(token.cloned().ok_or_else(|| self.no_runtime()));
        };
        let action = state.schedule.poll(requested_at);
        let next = match (action, &state.token) {
            (Action::Serve | Action::ServeAndRequest, Some(token)) => ControlFlow::Break(Ok(token.clone())),
            (Action::Fail, _) => ControlFlow::Break(Err(self.last_failure(&state))),
            (Action::Wait { until }, _) => ControlFlow::Continue(until),
            (Action::Request | Action::Serve | Action::ServeAndRequest, _) => ControlFlow::Continue(None),
        };
        if let Action::Request | Action::ServeAndRequest = action {
            self.publish(&state);
            // The end of a request needs the lock. If the runtime is ending, the task is dropped
            // right here.
            drop(state);
            let attempt = Attempt { source: Arc::clone(self), requested_at, ended: false };
            drop(runtime.spawn(attempt.run()));
        }
        next
    }

    /// Stores a snapshot of the state for the hot path.
    fn publish(&self, state: &State) {
        let snapshot = state.token.as_ref().zip(state.schedule.fresh_until());
        let snapshot = snapshot.map(|(token, fresh_until)| Snapshot { token: token.clone(), fresh_until });
        self.current.store(snapshot.map(Arc::new));
    }

    fn no_runtime(&self) -> Error {
        let source = Arc::new(RequestError::NoRuntime);
        Error::Unavailable { endpoint: self.endpoint.redacted(), retry_after: Duration::ZERO, source }
    }

    fn failure(&self) -> Error {
        self.last_failure(&self.state())
    }

    fn last_failure(&self, state: &State) -> Error {
        let mut failure = state.failure.clone().unwrap_or_else(|| Error::Unavailable {
            endpoint: self.endpoint.redacted(),
            retry_after: Duration::ZERO,
            source: Arc::new(RequestError::NoResponseYet),
        });
        if let Error::Unavailable { retry_after, .. } | Error::NoAssertion { retry_after, .. } = &mut failure
        {
            *retry_after = state.schedule.retry_in(Instant::now());
        }
        failure
    }

    fn succeeded(&self, requested_at: Instant, response: TokenResponse) -> Result<(), Failure> {
        let lifetime = response.lifetime.unwrap_or(self.settings.default_lifetime);
        let (granted, are_unknown) = match response.scopes {
            GrantedScopes::Stated(scopes) => (scopes, false),
            GrantedScopes::AsRequested => (self.grant.scopes.clone(), false),
            GrantedScopes::Unknown => (self.grant.scopes.clone(), true),
        };
        let scopes = TokenScopes { missing: self.grant.scopes.without(&granted), granted, are_unknown };
        let issuer = self.endpoint.issuer();
        let token = AccessToken::new(&response.token, scopes, ends_at(requested_at, lifetime));
        let token = token.ok_or(TokenResponseError::NotABearerToken);
        // It could not be served, and the next request would follow immediately.
        let token = token.and_then(|token| {
            if token.expires_in().is_zero() { Err(TokenResponseError::Ended) } else { Ok(token) }
        });
        let token = token.map_err(|reason| Failure {
            endpoint: self.endpoint.redacted(),
            error: RequestError::TokenResponse { reason, words: ErrorResponse::default() },
            retry_after: None,
        })?;
        let client = &self.endpoint.client;
        // Further scopes are the server's words.
        let (scopes, further) =
            token.scopes().iter().partition::<Vec<_>, _>(|scope| self.grant.scopes.contains(scope.as_str()));
        let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        tracing::info!(%issuer, %client, lifetime = lifetime.as_secs(), scopes, further_scopes = further.len(), "token received");
        for Unreadable { name, found } in &response.unreadable {
            let found = found.as_ref().map(ToString::to_string);
            tracing::warn!(%issuer, %client, member = name, found, "a member of the token response cannot be read, and is ignored");
        }
        if !token.missing_scopes().is_empty() {
            tracing::warn!(%issuer, %client, missing = %token.missing_scopes(), "the token grants less than was asked for");
        }
        metrics::token_received(&issuer, self.endpoint.clock.now() + lifetime);
        let mut state = self.state();
        state.succeeded += 1;
        if state.schedule.is_in_flight(requested_at) {
            state.schedule.succeeded(requested_at, lifetime, fastrand::f64());
            state.token = Some(token);
            state.failure = None;
            self.publish(&state);
        }
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    fn failed(&self, requested_at: Instant, failure: Failure) {
        let Failure { endpoint, error, retry_after } = failure;
        let (issuer, client) = (self.endpoint.issuer(), &self.endpoint.client);
        let retry = error.retry();
        let reason = error.with_causes();
        let error = match error {
            RequestError::Rejected { status, words: ErrorResponse { code, description } } => {
                Error::Rejected { endpoint, status: status.as_u16(), code, description }
            }
            RequestError::Assertion(error) => {
                Error::NoAssertion { retry_after: Duration::ZERO, source: Arc::new(error) }
            }
            // The wait is set when the error is returned.
            other if retry == Retry::Transient => {
                Error::Unavailable { endpoint, retry_after: Duration::ZERO, source: Arc::new(other) }
            }
            other => Error::InvalidResponse { endpoint, source: Arc::new(other) },
        };
        metrics::request_failed(&issuer, &error);
        let mut state = self.state();
        state.failed += 1;
        if !state.schedule.is_in_flight(requested_at) {
            drop(state);
            tracing::warn!(%issuer, %client, %error, reason, "a request that was given up has ended");
            return;
        }
        state.schedule.failed(Instant::now(), retry, retry_after, fastrand::f64());
        state.failure = Some(error);
        self.publish(&state);
        let has_token = state.schedule.fresh_until().is_some();
        let error = self.last_failure(&state);
        drop(state);
        self.changed.send_replace(());
        let old = if has_token { "the old one is used until it ends" } else { "there is none" };
        tracing::warn!(%issuer, %client, %error, reason, "no new token; {old}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that runs under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request. However it ends, its end is recorded and wakes waiting callers: also if its runtime
/// ends, or if a custom clock panics.
struct Attempt {
    source: Arc<TokenSource>,
    requested_at: Instant,
    ended: bool,
}

impl Attempt {
    async fn run(mut self) {
        let result = self.source.endpoint.request(&self.source.grant).await;
        let result = result.and_then(|response| self.source.succeeded(self.requested_at, response));
        self.ended = true;
        if let Err(failure) = result {
            self.source.failed(self.requested_at, failure);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            let (endpoint, error) = (self.source.endpoint.redacted(), RequestError::TaskEnded);
            self.source.failed(self.requested_at, Failure { endpoint, error, retry_after: None });
        }
    }
}
