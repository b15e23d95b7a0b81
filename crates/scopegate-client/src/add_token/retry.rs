//! The decision to retry a request, and the token for it. It is independent of the HTTP client.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use scopegate_proto::scope::Scopes;
use tokio::time::Instant;

use crate::add_token::Api;
use crate::add_token::rejection::{Rejection, rejection};
use crate::credentials::ClientCredentials;
use crate::dpop::nonces::Nonce;
use crate::token::AccessToken;
use scopegate_proto::sent_secrets::SentSecrets;

/// The retries of one request. Each kind is tried once, which bounds them.
pub(super) struct Retries<'a> {
    api: &'a Api,
    renewed: bool,
    stepped_up: bool,
    used_nonce: bool,
    /// The credentials of the request's current token.
    credentials: ClientCredentials,
}

/// The credentials of a retry.
pub(super) struct Retry {
    pub(super) token: AccessToken,
    /// The nonce that the rejected request lacked.
    pub(super) nonce: Option<Nonce>,
}

/// The scopes that challenges have added.
#[derive(Default)]
pub(super) struct StepUps {
    /// Scopes that are added to each request for a token after a challenge with scopes.
    acquired: Scopes,
    /// Scopes that were not granted. A challenge with one of these scopes is ignored until `until`.
    unavailable: Scopes,
    until: Option<Instant>,
}

/// Equal to the default cooldown for rejected tokens.
const STEP_UP_COOLDOWN: Duration = Duration::from_secs(30);

impl<'a> Retries<'a> {
    pub(super) fn new(api: &'a Api) -> Self {
        Self {
            api,
            renewed: false,
            stepped_up: false,
            used_nonce: false,
            credentials: api.credentials.clone(),
        }
    }

    /// Returns the credentials of a retry, or `None` if the response is final.
    pub(super) async fn after(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        token: &AccessToken,
    ) -> Option<Retry> {
        let other = match rejection(status, headers, token.scheme())? {
            Rejection::Nonce(nonce) => {
                let is_first = !std::mem::replace(&mut self.used_nonce, true);
                return is_first.then(|| Retry { token: token.clone(), nonce: Some(nonce) });
            }
            Rejection::Token => {
                self.discard(token);
                if self.renewed {
                    None
                } else {
                    self.renewed = true;
                    // Without a token, the API's response is more helpful than our error.
                    self.credentials.token_for(&self.api.name).await.ok()
                }
            }
            Rejection::Scopes(named) if !self.stepped_up => {
                self.stepped_up = true;
                self.step_up(&named, token).await
            }
            Rejection::TokenMaybeLate => {
                self.discard(token);
                None
            }
            Rejection::Scopes(_) => None,
        };
        // The API would reject the same token again.
        let other = other.filter(|other| !other.is_same(token));
        other.map(|token| Retry { token, nonce: None })
    }

    /// Handles the response of a request that cannot be retried. Discards a rejected token, so that
    /// the next request gets a new one.
    pub(super) fn without_retry(&self, status: StatusCode, headers: &HeaderMap, token: &AccessToken) {
        if let Some(Rejection::Token | Rejection::TokenMaybeLate) = rejection(status, headers, token.scheme())
        {
            self.discard(token);
        }
    }

    /// Discards the token for this API. The cooldown may prevent that.
    fn discard(&self, token: &AccessToken) {
        self.credentials.reject_for(&self.api.name, token);
    }

    /// Returns a token that grants these scopes as well, if they are allowed.
    ///
    /// Scopes that were acquired once are requested from then on. Otherwise an API that names other
    /// scopes each time could cause a token request for each subset. If a step fails, its scopes
    /// are ignored during a cooldown, for the same reason, and so that available scopes are not
    /// blocked.
    async fn step_up(&mut self, named: &Scopes, token: &AccessToken) -> Option<AccessToken> {
        let api = self.api;
        let allowed = api.step_up_scopes.union(api.credentials.scopes());
        if named.is_empty() || api.step_up_scopes.is_empty() || !named.without(&allowed).is_empty() {
            if !api.step_up_scopes.is_empty() {
                // The API chooses the length of this string, and may send it with each response. It
                // may also quote the token.
                let named = SentSecrets::new([token.secret()]).show(&named.to_string());
                let named = named.as_ref().map(ToString::to_string);
                tracing::info!(named, step_up_scopes = %allowed, "step-up skipped");
            }
            return None;
        }
        let (new, wanted) = {
            let mut steps = api.steps();
            if steps.are_unavailable(named, Instant::now()) {
                return None;
            }
            let new = named.without(&steps.acquired).without(api.credentials.scopes());
            steps.acquired = steps.acquired.union(named);
            (new, steps.acquired.union(api.credentials.scopes()))
        };
        tracing::info!(scopes = %wanted, "step-up started");
        self.credentials = api.credentials.with(wanted);
        let token = self.credentials.token_for(&api.name).await.ok();
        // The API would reject a token with fewer scopes again.
        let token = token.filter(|token| named.without(token.scopes()).is_empty());
        if token.is_none() {
            api.steps().failed(if new.is_empty() { named } else { &new }, Instant::now());
        }
        token
    }
}

impl StepUps {
    fn are_unavailable(&mut self, named: &Scopes, now: Instant) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            (self.unavailable, self.until) = (Scopes::default(), None);
        }
        named.iter().any(|scope| self.unavailable.contains(scope.as_str()))
    }

    /// Starts over, because a scope that was acquired earlier may be unavailable now.
    fn failed(&mut self, scopes: &Scopes, now: Instant) {
        self.acquired = Scopes::default();
        self.unavailable = self.unavailable.union(scopes);
        self.until = Some(now + STEP_UP_COOLDOWN);
    }
}

impl Api {
    fn steps(&self) -> MutexGuard<'_, StepUps> {
        // A panic under this lock cannot leave the value half changed.
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
