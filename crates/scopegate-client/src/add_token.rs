//! How does an outgoing request get its token? A layer adds the token, and replaces one that the API
//! no longer accepts.

pub(crate) mod call_error;
pub(crate) mod challenge;
pub(crate) mod future;
mod origin;
mod rejection;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry;
pub(crate) mod retry_body;
pub(crate) mod service;

use std::fmt;
use std::sync::{Arc, Mutex};

use tower_layer::Layer;

use crate::add_token::origin::Origin;
use crate::add_token::retry::StepUps;
use crate::add_token::retry_body::{RetryClonedBody, RetryEmptyBody};
use crate::add_token::service::WithToken;
use crate::credentials::ClientCredentials;
use crate::error::config::ConfigError;
use crate::token::scope::Scopes;

/// Adds an access token to requests for one API, as a [`Layer`] around an HTTP client; with the feature `reqwest` also
/// without one, by `AddToken::send`.
///
/// For each request:
///
/// 1. A request that goes to another origin (scheme, host and port) than this API's is passed on as it is, without a token.
///    So is one that has an `Authorization` header already.
/// 2. The token is added (RFC 6750 §2.1). If none can be had, the request is not sent: [`CallError::Token`](crate::CallError::Token).
/// 3. Is the answer `401` with a `Bearer` challenge of `error="invalid_token"`, that very token is
///    [dropped](ClientCredentials::reject), and the request is repeated once with a new one.
/// 4. Is the answer `403` with `error="insufficient_scope"`, and were scopes [allowed](Self::with_step_up_to) for that, the
///    request is repeated once with a token for the scopes that the challenge names as well.
/// 5. Otherwise, and if there is no other token, the answer is the caller's.
///
/// A request is repeated only if it can be: if it has no body, or its body [can be cloned](Self::with_cloned_bodies).
/// Both of these answers are refusals, so nothing has been done that would be done twice. Extensions of the request are
/// cloned with it. Where a request cannot be repeated, a token that was refused is dropped all the same, so that the
/// next request has a new one; no further scopes are asked for.
///
/// For each set of scopes a token is dropped at most once in 30 s
/// ([`with_rejection_cooldown`](crate::ClientCredentialsBuilder::with_rejection_cooldown)). If the API refuses the new
/// token, too, within that time, it stays: nothing is repeated, and the next request has the same one.
///
/// A layer that follows redirects belongs outside of this one: then each step is looked at by its own origin, and takes no
/// token elsewhere. A client that follows redirects by itself has to drop `Authorization` on the way to another host, as
/// `reqwest` does; and an answer from behind a redirect would make this layer repeat the request from its beginning, which
/// may have been done already.
///
/// ```
/// use http::Request;
/// use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
/// use tower::{ServiceBuilder, ServiceExt};
/// # use axum::{Router, http::HeaderMap, routing::get};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = local.issuer();
/// # let headers = async |headers: HeaderMap| format!("{}", headers.contains_key("authorization"));
/// # let http_client = Router::new().route("/orders", get(headers));
/// let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
/// let credentials = ClientCredentials::discover(issuer, client).build()?;
///
/// let to_api = AddToken::new(&credentials, "https://api.example")?;
/// let api = ServiceBuilder::new().layer(to_api).service(http_client);
///
/// # use axum::body::{Body, to_bytes};
/// let request = Request::get("https://api.example/orders").body(Body::empty())?;
/// let answer = api.clone().oneshot(request).await?;
/// # assert_eq!(to_bytes(answer.into_body(), 9).await?, "true");
///
/// // Nobody else gets the token.
/// let request = Request::get("https://elsewhere.example/orders").body(Body::empty())?;
/// let answer = api.oneshot(request).await?;
/// # assert_eq!(to_bytes(answer.into_body(), 9).await?, "false");
/// # Ok(()) }
/// ```
///
/// # gRPC
///
/// A gRPC call is refused with HTTP status 200, and never repeated, whatever its body is. After `UNAUTHENTICATED` the
/// token is dropped, so that the next call has a new one (at most once in 30 s, as above), if the answer is nothing but
/// an error (*Trailers-Only*: content type, `grpc-status` and all else in one block of headers), and if it has the
/// challenge of step 3 in `www-authenticate`, as those of `scopegate-axum` do. A status without a challenge may be
/// about anything, and one that comes in trailers is not looked at. `PERMISSION_DENIED` changes nothing: whoever calls
/// methods with different scopes takes a layer for each, [`for_scopes`](ClientCredentials::for_scopes), and does not
/// wait for a challenge.
///
/// That is because such a status does not show that nothing has been done. A method may do something, call another
/// service, and pass on the status that it hears from there: with tonic a `?` is enough, and the metadata of that
/// status, `www-authenticate` among them, goes along. To its caller that looks as if the method had never begun. A
/// tonic service should not do it, but answer with a status of its own: the challenge is about a token that its caller
/// has never seen, and makes him drop a good one.
#[derive(Clone)]
pub struct AddToken<R = RetryEmptyBody> {
    api: Arc<Api>,
    retry_body: R,
}

/// What all clones share.
struct Api {
    credentials: ClientCredentials,
    origin: Origin,
    /// The most that a challenge may make us ask for.
    step_up_scopes: Scopes,
    /// What challenges have made us ask for so far.
    steps: Mutex<StepUps>,
}

impl AddToken {
    /// For the API at this origin, `https://api.example`; the only one that gets the token.
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] when it is not `https` (or `http` on a loopback address), or has a path or query.
    pub fn new(credentials: &ClientCredentials, origin: &str) -> Result<Self, ConfigError> {
        let api = Api {
            credentials: credentials.clone(),
            origin: Origin::parse(origin)?,
            step_up_scopes: Scopes::default(),
            steps: Mutex::default(),
        };
        Ok(Self { api: Arc::new(api), retry_body: RetryEmptyBody })
    }

    /// Repeats requests with a body, too, by cloning it before it is sent: for `Full<Bytes>`, say, where that is cheap.
    #[must_use]
    pub fn with_cloned_bodies(self) -> AddToken<RetryClonedBody> {
        AddToken { api: self.api, retry_body: RetryClonedBody }
    }
}

impl<R> AddToken<R> {
    /// Lets a challenge of this API make us ask for more scopes, up to these, besides those of the credentials.
    ///
    /// A challenge that names any other scope changes nothing. Without this call none does: what a caller may do is its
    /// operator's decision, not the API's. Tokens with further scopes are kept apart, and each request begins with the
    /// ordinary one; whoever knows beforehand what a request needs is better off with
    /// [`for_scopes`](ClientCredentials::for_scopes).
    ///
    /// # Errors
    /// [`ConfigError::InvalidScope`].
    pub fn with_step_up_to<S: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        self.api = Arc::new(Api {
            credentials: self.api.credentials.clone(),
            origin: self.api.origin.clone(),
            step_up_scopes: Scopes::each(scopes)?,
            steps: Mutex::default(),
        });
        Ok(self)
    }
}

impl<S, R: Clone> Layer<S> for AddToken<R> {
    type Service = WithToken<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        WithToken { inner, api: Arc::clone(&self.api), retry_body: self.retry_body.clone() }
    }
}

impl<R> fmt::Debug for AddToken<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Api { credentials, origin, step_up_scopes, .. } = &*self.api;
        f.debug_struct("AddToken")
            .field("credentials", credentials)
            .field("origin", origin)
            .field("step_up_scopes", step_up_scopes)
            .finish_non_exhaustive()
    }
}
