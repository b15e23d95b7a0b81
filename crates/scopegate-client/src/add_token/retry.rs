//! What an answer asks for: another token, or nothing. No HTTP client here.

use std::sync::PoisonError;

use http::{HeaderMap, StatusCode};

use super::Rule;
use crate::AccessToken;
use crate::challenge::{BearerError, bearer_error};
use crate::scope::Scopes;

/// What was tried for one request so far. Each thing is tried once, so there is an end.
pub(super) struct Retries<'a> {
    rule: &'a Rule,
    renewed: bool,
    stepped_up: bool,
}

impl<'a> Retries<'a> {
    pub(super) fn new(rule: &'a Rule) -> Self {
        Self { rule, renewed: false, stepped_up: false }
    }

    /// The token to repeat the request with; `None` when the answer stands.
    pub(super) async fn after(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        token: &AccessToken,
    ) -> Option<AccessToken> {
        match (status, bearer_error(headers)?) {
            (StatusCode::UNAUTHORIZED, BearerError::InvalidToken) if !self.renewed => {
                self.renewed = true;
                self.renew(token).await
            }
            (StatusCode::FORBIDDEN, BearerError::InsufficientScope(named)) if !self.stepped_up => {
                self.stepped_up = true;
                self.step_up(&named).await
            }
            _ => None,
        }
    }

    /// Another token in place of one that was rejected. None when it was not dropped, because the last one was just now.
    async fn renew(&self, rejected: &AccessToken) -> Option<AccessToken> {
        let credentials = &self.rule.credentials;
        let credentials =
            if self.stepped_up { credentials.with(self.rule.reached()) } else { credentials.clone() };
        credentials.reject(rejected);
        // If there is none, the API's answer says more than our error would.
        let token = credentials.token().await.ok()?;
        (!token.is(rejected)).then_some(token)
    }

    /// A token that grants these scopes as well, if they may be asked for.
    ///
    /// What was reached once is asked for from then on, too. An API that named other scopes each time could otherwise make
    /// us ask for as many tokens as there are subsets.
    async fn step_up(&self, named: &Scopes) -> Option<AccessToken> {
        let rule = self.rule;
        let allowed = rule.ceiling.union(rule.credentials.scopes());
        if named.is_empty() || rule.ceiling.is_empty() || !named.without(&allowed).is_empty() {
            if !rule.ceiling.is_empty() {
                tracing::info!(%named, ceiling = %allowed, "not stepped up: the API names other scopes");
            }
            return None;
        }
        let wanted = {
            let mut reached = rule.stepped_up_to.lock().unwrap_or_else(PoisonError::into_inner);
            *reached = reached.union(named);
            reached.union(rule.credentials.scopes())
        };
        tracing::info!(scopes = %wanted, "stepping up: the API asks for further scopes");
        let token = rule.credentials.with(wanted).token().await.ok()?;
        // With less it would be refused again.
        named.without(token.scopes()).is_empty().then_some(token)
    }
}

impl Rule {
    /// What is asked for when a challenge has made us step up.
    fn reached(&self) -> Scopes {
        let reached = self.stepped_up_to.lock().unwrap_or_else(PoisonError::into_inner);
        reached.union(self.credentials.scopes())
    }
}
