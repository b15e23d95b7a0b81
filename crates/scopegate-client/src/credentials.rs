//! Which token does a caller get now? [`ClientCredentials`] is the handle that callers hold.

pub(crate) mod builder;
mod pool;
mod renewal;
mod source;

use std::fmt;
use std::sync::Arc;

use crate::credentials::pool::SourcePool;
use crate::credentials::source::TokenSource;
use crate::endpoint::request::Grant;
use crate::error::Error;
use crate::error::config::ConfigError;
use crate::status::Status;
use crate::token::AccessToken;
use crate::token::scope::Scopes;

/// Access tokens of one client (RFC 6749 §4.4), always there.
///
/// [`token`](Self::token) gives a token that is good now. It is asked for when it is first wanted, kept, and renewed in
/// the background when three quarters of its lifetime have passed; the old one is given out meanwhile, and until its end
/// if renewal fails. However many callers want it, there is one request.
///
/// Cloning is cheap, and clones share their tokens. Make one, keep it, and clone it into whatever calls an API: two that
/// were built separately ask separately.
///
/// ```
/// use scopegate_client::{ClientAuthentication, ClientCredentials, Error};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = local.issuer();
/// let by_secret = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
/// let credentials = ClientCredentials::discover(issuer, by_secret)
///     .with_scope("https://my-api-server.org/api.read")
///     .build()?;
///
/// let token = credentials.token().await?;
/// assert!(token.scopes().contains("https://my-api-server.org/api.read"));
///
/// // The same one for the next call: one request was made for both.
/// assert_eq!(credentials.token().await?.expose(), token.expose());
/// assert_eq!(local.token_requests(), 1);
///
/// // With another secret, the issuer says no.
/// let by_secret = ClientAuthentication::client_secret_basic("local-reader", "wrong");
/// let refused = ClientCredentials::discover(issuer, by_secret).build()?.token().await;
/// assert!(matches!(refused, Err(Error::Refused { status: 401, .. })));
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

    /// A token that is good now.
    ///
    /// With a token in hand this is an atomic load: no lock, no I/O, and nothing to wait for. Without one it waits for the
    /// request that is made, and for the next attempts while the issuer cannot be reached, as long as its
    /// [acquire_timeout](crate::ClientCredentialsBuilder::with_patience) lasts.
    ///
    /// It can be given up at any time, by `select!` or a time-out: the request goes on for the others. Tokio has to be
    /// running, with timers and I/O; where no runtime is, only a token in hand will do.
    ///
    /// # Errors
    /// See [`Error`]. What the issuer has refused fails at once, and for a minute from then on without another request.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        self.source.token().await
    }

    /// The token in hand, if there is a good one; never waits. If it is due for renewal, or there is none, a request is
    /// begun, if a Tokio runtime is there to make it.
    pub fn current(&self) -> Option<AccessToken> {
        self.source.current()
    }

    /// The same client for other scopes, in place of those it was built with. Its tokens are kept apart from those for
    /// other scopes; asking for the same scopes again gives the same tokens.
    ///
    /// # Errors
    /// [`ConfigError::InvalidScope`].
    pub fn for_scopes<S: AsRef<str>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        Ok(self.with(Scopes::each(scopes)?))
    }

    pub(crate) fn with(&self, scopes: Scopes) -> Self {
        let grant = Grant { scopes, resources: self.source.grant().resources.clone() };
        Self { pool: Arc::clone(&self.pool), source: self.pool.source(&grant) }
    }

    /// The scopes that are asked for.
    pub fn scopes(&self) -> &Scopes {
        &self.source.grant().scopes
    }

    /// Drops this very token, because an API rejected it (401, `invalid_token`): the next [`token`](Self::token) is a new
    /// one. A token that has taken its place stays.
    ///
    /// [`AddToken`](crate::AddToken) does this by itself. It has an effect once in 30 s
    /// ([`with_rejection_cooldown`](crate::ClientCredentialsBuilder::with_rejection_cooldown)), because an API that rejects every
    /// token must not make us ask for a new one with each request.
    pub fn reject(&self, token: &AccessToken) {
        self.source.reject(token);
    }

    /// What can be seen of the token now.
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
