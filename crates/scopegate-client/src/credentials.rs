//! The tokens of one client. [`ClientCredentials`] is the handle for callers.

pub(crate) mod builder;
mod pool;
mod rejections;
mod renewal;
mod source;

use std::fmt;
use std::sync::Arc;

use scopegate_proto::scope::{InvalidScope, Scopes};

use crate::credentials::pool::SourcePool;
use crate::credentials::source::TokenSource;
use crate::endpoint::request::Grant;
use crate::error::Error;
use crate::error::config::ConfigError;
use crate::status::Status;
use crate::token::AccessToken;

/// The access tokens of one client (RFC 6749 §4.4).
///
/// [`token`](Self::token) returns a valid token. It is requested when it is first needed, cached,
/// and renewed in the background when three quarters of its lifetime have passed. If renewal fails,
/// the current token is served until it expires. Concurrent callers cause one request.
///
/// Cloning is cheap, and clones share their tokens. Create one instance at startup and clone it.
/// Separately built instances send their own requests.
///
/// ```
/// use scopegate_client::{ClientAuthentication, ClientCredentials, Error};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = local.issuer();
/// let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
/// let credentials = ClientCredentials::builder(client)
///     .issuer(issuer)
///     .scope("https://my-api-server.org/api.read")
///     .build()?;
///
/// let token = credentials.token().await?;
/// assert!(token.scopes().contains("https://my-api-server.org/api.read"));
///
/// // The next call returns the same token: one request was sent for both.
/// assert_eq!(credentials.token().await?.secret(), token.secret());
/// assert_eq!(local.token_requests(), 1);
///
/// // With another secret, the issuer rejects the request.
/// let client = ClientAuthentication::client_secret_basic("local-reader", "wrong");
/// let rejected = ClientCredentials::builder(client).issuer(issuer).build()?.token().await;
/// assert!(matches!(rejected, Err(Error::Rejected { status: 401, .. })));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    pool: Arc<SourcePool>,
    source: Arc<TokenSource>,
}

impl ClientCredentials {
    pub(crate) fn new(pool: SourcePool, grant: &Grant) -> Self {
        let source = pool.source(grant);
        Self { pool: Arc::new(pool), source }
    }

    /// Returns a valid token.
    ///
    /// If a token is cached, this is an atomic load: no lock, no I/O, no wait. Otherwise it waits
    /// for the request, and for retries while the issuer is unavailable. The [acquire
    /// timeout](crate::ClientCredentialsBuilder::acquire_timeout) limits the wait.
    ///
    /// You can cancel it at any time, by `select!` or a timeout. The request continues for other
    /// callers. It must run on a Tokio runtime with timers and I/O. Without a runtime, only a
    /// cached token is returned. If another runtime has started the request and runs no tasks, the
    /// request is repeated on this runtime after a second.
    ///
    /// # Errors
    /// Returns an [`Error`] if there is no token. After a rejection by the issuer, calls fail
    /// immediately for one minute.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        self.source.token(None).await
    }

    /// Returns the cached token without waiting, or `None` if there is no valid token. If the token
    /// is missing or due for renewal, a request is started in the background, on the current Tokio
    /// runtime.
    pub fn current(&self) -> Option<AccessToken> {
        self.source.current(None)
    }

    /// Returns the same client with these scopes instead of its own. Equal scopes share their
    /// tokens.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidScope`] if a scope is invalid.
    pub fn for_scopes<S: AsRef<str>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let scopes: Result<Scopes, InvalidScope> =
            scopes.into_iter().map(|scope| scope.as_ref().parse()).collect();
        Ok(self.with(scopes?))
    }

    pub(crate) fn with(&self, scopes: Scopes) -> Self {
        let grant = Grant { scopes, resources: self.source.grant().resources.clone() };
        Self { pool: Arc::clone(&self.pool), source: self.pool.source(&grant) }
    }

    /// Returns the requested scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.source.grant().scopes
    }

    /// Discards this token, because an API rejected it (401). The next call of
    /// [`token`](Self::token) returns a new token. If another token has already replaced this one,
    /// it stays cached.
    ///
    /// It has an effect at most once per
    /// [cooldown](crate::ClientCredentialsBuilder::rejection_cooldown), because an API that rejects
    /// every token must not cause a token request for each call. If the next token is rejected as
    /// well, the cooldown doubles.
    ///
    /// It affects all callers. [`AddToken`](crate::AddToken) discards a token only for the API that
    /// rejected it.
    pub fn reject(&self, token: &AccessToken) {
        self.source.reject(token);
    }

    /// Returns a token that this API has not rejected.
    pub(crate) async fn token_for(&self, api: &str) -> Result<AccessToken, Error> {
        self.source.token(Some(api)).await
    }

    /// Returns the cached token, unless this API has rejected it.
    pub(crate) fn current_for(&self, api: &str) -> Option<AccessToken> {
        self.source.current(Some(api))
    }

    /// Discards this token for the API that rejected it.
    pub(crate) fn reject_for(&self, api: &Arc<str>, token: &AccessToken) {
        self.source.reject_for(api, token);
    }

    /// Returns the status of the token.
    pub fn status(&self) -> Status {
        self.source.status()
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", self.pool.endpoint())
            .field("scopes", self.scopes())
            .finish_non_exhaustive()
    }
}
