//! One token request, and the record of its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::credentials::renewal::ends_at;
use crate::credentials::source::TokenSource;
use crate::endpoint::error_response::ErrorResponse;
use crate::endpoint::failure::{Failure, RequestError};
use crate::endpoint::response::{GrantedScopes, TokenKind, TokenResponse, TokenResponseError, Unreadable};
use crate::endpoint::retry::Retry;
use crate::error::Error;
use crate::metrics;
use crate::token::{AccessToken, TokenScopes};

/// One request. Its end is recorded and wakes waiting callers, also if its runtime ends, or if a
/// custom clock panics.
pub(super) struct Attempt {
    source: Arc<TokenSource>,
    requested_at: Instant,
    ended: bool,
}

impl Attempt {
    pub(super) fn new(source: Arc<TokenSource>, requested_at: Instant) -> Self {
        Self { source, requested_at, ended: false }
    }

    pub(super) async fn run(mut self) {
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

impl TokenSource {
    fn succeeded(&self, requested_at: Instant, response: TokenResponse) -> Result<(), Failure> {
        let lifetime = response.lifetime.unwrap_or(self.settings.default_lifetime);
        let (granted, are_unknown) = match response.scopes {
            GrantedScopes::Stated(scopes) => (scopes, false),
            GrantedScopes::AsRequested => (self.grant.scopes.clone(), false),
            GrantedScopes::Unknown => (self.grant.scopes.clone(), true),
        };
        let scopes = TokenScopes { missing: self.grant.scopes.without(&granted), granted, are_unknown };
        let issuer = self.endpoint.issuer();
        let (binding, lost_binding) = match response.kind {
            TokenKind::Bound(binding) => (Some(binding), false),
            TokenKind::Bearer { bound_was_requested } => (None, bound_was_requested),
        };
        let token = AccessToken::new(&response.token, scopes, ends_at(requested_at, lifetime), binding);
        let token = token.ok_or(TokenResponseError::NotABearerToken);
        // An expired token could not be served, and the next request would follow immediately.
        let token = token.and_then(|token| {
            if token.expires_in().is_zero() { Err(TokenResponseError::Ended) } else { Ok(token) }
        });
        let token = token.map_err(|reason| Failure {
            endpoint: self.endpoint.redacted(),
            error: RequestError::TokenResponse { reason, words: ErrorResponse::default() },
            retry_after: None,
        })?;
        let client = &self.endpoint.client;
        // Further scopes are untrusted strings of the server.
        let (scopes, further) =
            token.scopes().iter().partition::<Vec<_>, _>(|scope| self.grant.scopes.contains(scope.as_str()));
        let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        tracing::info!(%issuer, %client, lifetime = lifetime.as_secs(), scopes, further_scopes = further.len(), "token received");
        for Unreadable { name, found } in &response.unreadable {
            let found = found.as_ref().map(ToString::to_string);
            tracing::warn!(%issuer, %client, member = name, found, "unreadable token response member ignored");
        }
        if !token.missing_scopes().is_empty() {
            tracing::warn!(%issuer, %client, missing = %token.missing_scopes(), "token lacks requested scopes");
        }
        if lost_binding {
            tracing::warn!(%issuer, %client, "token is not bound to a key");
        }
        metrics::token_received(&issuer, self.endpoint.clock.now() + lifetime);
        let mut state = self.state();
        state.succeeded += 1;
        if state.schedule.is_in_flight(requested_at) {
            state.schedule.succeeded(requested_at, lifetime, fastrand::f64());
            state.token = Some(token);
            state.runtime = None;
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
            tracing::warn!(%issuer, %client, %error, reason, "abandoned token request ended");
            return;
        }
        state.schedule.failed(Instant::now(), retry, retry_after, fastrand::f64());
        state.runtime = None;
        state.failure = Some(error);
        self.publish(&state);
        let has_token = state.schedule.is_valid(Instant::now());
        let error = self.last_failure(&state, has_token);
        drop(state);
        self.changed.send_replace(());
        tracing::warn!(%issuer, %client, %error, reason, has_token, "token request failed");
    }
}
