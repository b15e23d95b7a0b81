//! What an answer asks for: another token, or nothing. No HTTP client here.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::add_token::Api;
use crate::add_token::rejection::{Rejection, rejection};
use crate::credentials::ClientCredentials;
use crate::error::excerpt::Excerpt;
use crate::token::AccessToken;
use crate::token::scope::Scopes;

/// What was tried for one request so far. Each thing is tried once, so there is an end.
pub(super) struct Retries<'a> {
    api: &'a Api,
    renewed: bool,
    stepped_up: bool,
    /// Whose token the request has now.
    credentials: ClientCredentials,
}

/// How far challenges have led.
#[derive(Default)]
pub(super) struct StepUps {
    /// What is asked for from now on when a challenge names any scope.
    acquired: Scopes,
    /// What could not be had when it was asked for. A challenge that names one of these leads nowhere for a while.
    unavailable: Scopes,
    /// Until then.
    until: Option<Instant>,
}

/// As often as a token is dropped for an API that rejects it.
const STEP_UP_COOLDOWN: Duration = Duration::from_secs(30);

impl<'a> Retries<'a> {
    pub(super) fn new(api: &'a Api) -> Self {
        Self { api, renewed: false, stepped_up: false, credentials: api.credentials.clone() }
    }

    /// The token to repeat the request with; `None` when the answer stands.
    pub(super) async fn after(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        token: &AccessToken,
    ) -> Option<AccessToken> {
        let other = match rejection(status, headers)? {
            Rejection::Token if !self.renewed => {
                self.renewed = true;
                self.renew(token).await
            }
            Rejection::Scopes(named) if !self.stepped_up => {
                self.stepped_up = true;
                self.step_up(&named).await
            }
            Rejection::TokenMaybeLate => {
                self.discard(token);
                None
            }
            Rejection::Token | Rejection::Scopes(_) => None,
        };
        // With the same one it would be refused again.
        other.filter(|other| !other.is_same(token))
    }

    /// For a request that cannot be repeated: the answer stands, and the next one gets a new token if this one was
    /// refused.
    pub(super) fn without_retry(&self, status: StatusCode, headers: &HeaderMap, token: &AccessToken) {
        if let Some(Rejection::Token | Rejection::TokenMaybeLate) = rejection(status, headers) {
            self.discard(token);
        }
    }

    /// Once, as each thing that is tried for a request.
    fn discard(&self, token: &AccessToken) {
        if !self.renewed {
            self.credentials.reject(token);
        }
    }

    /// Another token in place of one that was rejected. The same when it was not dropped, because the last one was just
    /// now.
    async fn renew(&self, rejected: &AccessToken) -> Option<AccessToken> {
        self.credentials.reject(rejected);
        // If there is none, the API's answer says more than our error would.
        self.credentials.token().await.ok()
    }

    /// A token that grants these scopes as well, if they may be asked for.
    ///
    /// What was acquired once is asked for from then on, too. An API that named other scopes each time could otherwise make
    /// us ask for as many tokens as there are subsets. When a step fails, its scopes are left alone for a while: for the
    /// same reason, and so that they do not stand in the way of scopes that can be had.
    async fn step_up(&mut self, named: &Scopes) -> Option<AccessToken> {
        let api = self.api;
        let allowed = api.step_up_scopes.union(api.credentials.scopes());
        if named.is_empty() || api.step_up_scopes.is_empty() || !named.without(&allowed).is_empty() {
            if !api.step_up_scopes.is_empty() {
                // As long as the API likes it, and with each answer.
                let named = Excerpt::new(&named.to_string());
                tracing::info!(%named, step_up_scopes = %allowed, "not stepped up: the API names other scopes");
            }
            return None;
        }
        let (new, wanted) = {
            let mut steps = api.steps();
            if steps.lead_nowhere(named, Instant::now()) {
                return None;
            }
            let new = named.without(&steps.acquired).without(api.credentials.scopes());
            steps.acquired = steps.acquired.union(named);
            (new, steps.acquired.union(api.credentials.scopes()))
        };
        tracing::info!(scopes = %wanted, "stepping up: the API asks for further scopes");
        self.credentials = api.credentials.with(wanted);
        let token = self.credentials.token().await.ok();
        // With less it would be refused again.
        let token = token.filter(|token| named.without(token.scopes()).is_empty());
        if token.is_none() {
            api.steps().failed(if new.is_empty() { named } else { &new }, Instant::now());
        }
        token
    }
}

impl StepUps {
    fn lead_nowhere(&mut self, named: &Scopes, now: Instant) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            (self.unavailable, self.until) = (Scopes::default(), None);
        }
        named.iter().any(|scope| self.unavailable.contains(scope))
    }

    /// Begins anew: what was acquired earlier may be what cannot be had any more.
    fn failed(&mut self, scopes: &Scopes, now: Instant) {
        self.acquired = Scopes::default();
        self.unavailable = self.unavailable.union(scopes);
        self.until = Some(now + STEP_UP_COOLDOWN);
    }
}

impl Api {
    fn steps(&self) -> MutexGuard<'_, StepUps> {
        // No code that runs under this lock leaves it half changed.
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
