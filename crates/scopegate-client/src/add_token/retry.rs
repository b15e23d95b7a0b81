//! What an answer asks for: another token, or nothing. No HTTP client here.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::add_token::Rule;
use crate::add_token::rejection::{Refused, refused};
use crate::credentials::ClientCredentials;
use crate::error::excerpt::Excerpt;
use crate::token::AccessToken;
use crate::token::scope::Scopes;

/// What was tried for one request so far. Each thing is tried once, so there is an end.
pub(super) struct Retries<'a> {
    rule: &'a Rule,
    renewed: bool,
    stepped_up: bool,
    /// Whose token the request has now.
    credentials: ClientCredentials,
}

/// How far challenges have led.
#[derive(Default)]
pub(super) struct Steps {
    /// What is asked for from now on when a challenge names any scope.
    reached: Scopes,
    /// What could not be had when it was asked for. A challenge that names one of these leads nowhere for a while.
    out_of_reach: Scopes,
    /// Until then.
    until: Option<Instant>,
}

/// As often as a token is dropped for an API that rejects it.
const OUT_OF_REACH_FOR: Duration = Duration::from_secs(30);

impl<'a> Retries<'a> {
    pub(super) fn new(rule: &'a Rule) -> Self {
        Self { rule, renewed: false, stepped_up: false, credentials: rule.credentials.clone() }
    }

    /// The token to repeat the request with; `None` when the answer stands.
    pub(super) async fn after(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        token: &AccessToken,
    ) -> Option<AccessToken> {
        let other = match refused(status, headers)? {
            Refused::Token if !self.renewed => {
                self.renewed = true;
                self.renew(token).await
            }
            Refused::Scopes(named) if !self.stepped_up => {
                self.stepped_up = true;
                self.step_up(&named).await
            }
            Refused::TokenPerhapsLate => {
                self.give_up(token);
                None
            }
            Refused::Token | Refused::Scopes(_) => None,
        };
        // With the same one it would be refused again.
        other.filter(|other| !other.is(token))
    }

    /// For a request that cannot be repeated: the answer stands, and the next one gets a new token if this one was
    /// refused.
    pub(super) fn without_repeating(&self, status: StatusCode, headers: &HeaderMap, token: &AccessToken) {
        if let Some(Refused::Token | Refused::TokenPerhapsLate) = refused(status, headers) {
            self.give_up(token);
        }
    }

    /// Once, as each thing that is tried for a request.
    fn give_up(&self, token: &AccessToken) {
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
    /// What was reached once is asked for from then on, too. An API that named other scopes each time could otherwise make
    /// us ask for as many tokens as there are subsets. When a step fails, its scopes are left alone for a while: for the
    /// same reason, and so that they do not stand in the way of scopes that can be had.
    async fn step_up(&mut self, named: &Scopes) -> Option<AccessToken> {
        let rule = self.rule;
        let allowed = rule.ceiling.union(rule.credentials.scopes());
        if named.is_empty() || rule.ceiling.is_empty() || !named.without(&allowed).is_empty() {
            if !rule.ceiling.is_empty() {
                // As long as the API likes it, and with each answer.
                let named = Excerpt::new(&named.to_string());
                tracing::info!(%named, ceiling = %allowed, "not stepped up: the API names other scopes");
            }
            return None;
        }
        let (new, wanted) = {
            let mut steps = rule.steps();
            if steps.lead_nowhere(named, Instant::now()) {
                return None;
            }
            let new = named.without(&steps.reached).without(rule.credentials.scopes());
            steps.reached = steps.reached.union(named);
            (new, steps.reached.union(rule.credentials.scopes()))
        };
        tracing::info!(scopes = %wanted, "stepping up: the API asks for further scopes");
        self.credentials = rule.credentials.with(wanted);
        let token = self.credentials.token().await.ok();
        // With less it would be refused again.
        let token = token.filter(|token| named.without(token.scopes()).is_empty());
        if token.is_none() {
            rule.steps().failed(if new.is_empty() { named } else { &new }, Instant::now());
        }
        token
    }
}

impl Steps {
    fn lead_nowhere(&mut self, named: &Scopes, now: Instant) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            (self.out_of_reach, self.until) = (Scopes::default(), None);
        }
        named.iter().any(|scope| self.out_of_reach.contains(scope))
    }

    /// Begins anew: what was reached earlier may be what cannot be had any more.
    fn failed(&mut self, scopes: &Scopes, now: Instant) {
        self.reached = Scopes::default();
        self.out_of_reach = self.out_of_reach.union(scopes);
        self.until = Some(now + OUT_OF_REACH_FOR);
    }
}

impl Rule {
    fn steps(&self) -> MutexGuard<'_, Steps> {
        // No code that runs under this lock leaves it half changed.
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
