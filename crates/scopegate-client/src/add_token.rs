//! Tokens for outgoing requests. A layer adds the token, and replaces a token that the API rejects.

pub(crate) mod authentication_challenge;
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

use scopegate_proto::scope::Scopes;
use tower_layer::Layer;

use crate::add_token::origin::Origin;
use crate::add_token::retry::StepUps;
use crate::add_token::retry_body::{RetryClonedBody, RetryEmptyBody};
use crate::add_token::service::WithToken;
use crate::credentials::ClientCredentials;
use crate::error::config::ConfigError;

/// Adds an access token to the requests for one API. It is a [`Layer`] around an HTTP client. With
/// the feature `reqwest`, it also has `AddToken::send`.
///
/// For each request:
///
/// 1. A request for another origin (scheme, host and port) is passed on unchanged, without a token.
///    So is a request that already has an `Authorization` header.
/// 2. The token is added (RFC 6750 §2.1). A bound token also gets a proof (RFC 9449 §7.1). If no
///    token is available, the request is not sent, and the error is
///    [`CallError::Token`](crate::CallError::Token).
/// 3. If the response is `401`, the token is discarded for this API, and the request is retried
///    once with a new token. The status decides (RFC 9110 §15.5.2), because an error is optional. A
///    `401` is not about the token if a challenge has the error `use_dpop_nonce`,
///    `invalid_dpop_proof` or `insufficient_user_authentication`. The same is true if all
///    challenges have other schemes than the token: `Bearer`, and `DPoP` for a bound token. For the last
///    of these errors, [`AuthenticationChallenge`](crate::AuthenticationChallenge) reads the requirements.
/// 4. If the response is `403` with `error="insufficient_scope"`, and
///    [step-up](Self::with_step_up_to) to its scopes is allowed, the request is retried once with a
///    token for these scopes. Any other `403` is final: a rule of the API forbids the request.
/// 5. If the response to a bound token is `401` with the error `use_dpop_nonce` and a nonce, the
///    request is retried once with this nonce (RFC 9449 §9). The last nonce of any response is
///    stored for the next requests.
/// 6. Otherwise, or if there is no other token, the response is returned.
///
/// A request can be retried if its body is empty, or if bodies are
/// [cloned](Self::with_cloned_bodies). Both responses are rejections, so the API has not acted on
/// the request. The retry has clones of the request's extensions. If a request cannot be retried, a
/// rejected token is still discarded, so that the next request gets a new one. No step-up follows.
///
/// Other callers of these credentials get the rejected token until the new one is available,
/// because other APIs may accept it.
///
/// For each API and set of scopes, a token is discarded at most once per
/// [cooldown](crate::ClientCredentialsBuilder::rejection_cooldown) (default: 30 s). If the API
/// rejects the new token within that time, the token stays in use and nothing is retried. The
/// cooldown doubles (up to an hour).
///
/// If a layer follows redirects, put it outside of this layer. Each step is then checked against
/// the origin, so no other origin gets the token. If the HTTP client follows redirects itself, it
/// must drop `Authorization` on the way to another host, as `reqwest` does. This layer cannot see
/// such a redirect:
///
/// - After a rejection behind it, the first request is retried, although the API may have acted on
///   it.
/// - `reqwest` keeps the `DPoP` header of a bound token, and its policies have no access to
///   headers. The proof is useless without the token, but it shows the URL and the public key.
/// - A nonce behind it is taken for the API's. The API's next response corrects it, by one retry.
///
/// So use [`Policy::none`](https://docs.rs/reqwest/latest/reqwest/redirect/struct.Policy.html).
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
/// let credentials = ClientCredentials::builder(client).issuer(issuer).build()?;
///
/// let to_api = AddToken::new(&credentials, "https://api.example")?;
/// let api = ServiceBuilder::new().layer(to_api).service(http_client);
///
/// # use axum::body::{Body, to_bytes};
/// let request = Request::get("https://api.example/orders").body(Body::empty())?;
/// let response = api.clone().oneshot(request).await?;
/// # assert_eq!(to_bytes(response.into_body(), 9).await?, "true");
///
/// // No other origin gets the token.
/// let request = Request::get("https://elsewhere.example/orders").body(Body::empty())?;
/// let response = api.oneshot(request).await?;
/// # assert_eq!(to_bytes(response.into_body(), 9).await?, "false");
/// # Ok(()) }
/// ```
///
/// # DPoP
///
/// With [`dpop`](crate::ClientCredentialsBuilder::dpop), each request and each retry has a new proof
/// for its method and URL. Put layers that retry or follow redirects outside of this layer:
/// otherwise they send a proof twice, or to another URL, and the API rejects it. A request is sent
/// at most four times: with a new token, with a nonce and after a step-up once each.
///
/// # gRPC
///
/// A rejected gRPC call has HTTP status 200. It is never retried. After `UNAUTHENTICATED`, the
/// token is discarded, so that the next call gets a new one (at most once per cooldown). Two
/// conditions apply:
///
/// - The response is *Trailers-Only*: content type, `grpc-status` and everything else in one block
///   of headers. A status in trailers is not read.
/// - It has a challenge with `error="invalid_token"` in `www-authenticate`, as in responses of
///   `scopegate-axum`. A status without a challenge may have any cause.
///
/// `PERMISSION_DENIED` changes nothing. If methods require different scopes, use one layer for
/// each, with [`for_scopes`](ClientCredentials::for_scopes).
///
/// A call is not retried, because such a status does not prove that the method did nothing. A
/// method may act, call another service, and pass on the status of that call. With tonic a `?` is
/// enough, and the metadata of the status is passed on too, including `www-authenticate`. A tonic
/// service should return its own status instead. The challenge is about the token of the inner
/// call, and would make the caller discard a valid token.
#[derive(Clone)]
pub struct AddToken<R = RetryEmptyBody> {
    api: Arc<Api>,
    retry_body: R,
}

/// The API and its credentials, shared by all clones.
struct Api {
    credentials: ClientCredentials,
    origin: Origin,
    /// The name of the origin.
    name: Arc<str>,
    /// The scopes that a challenge may add.
    step_up_scopes: Scopes,
    /// The scopes that challenges have added so far.
    steps: Mutex<StepUps>,
}

impl AddToken {
    /// Creates a layer that adds tokens to requests for this origin, for example
    /// `https://api.example`. No other origin gets the token.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if the origin is not `https` (or `http` on a loopback
    /// address), or has a path or query.
    pub fn new(credentials: &ClientCredentials, origin: &str) -> Result<Self, ConfigError> {
        let origin = Origin::parse(origin)?;
        let api = Api {
            credentials: credentials.clone(),
            name: origin.name().into(),
            origin,
            step_up_scopes: Scopes::default(),
            steps: Mutex::default(),
        };
        Ok(Self { api: Arc::new(api), retry_body: RetryEmptyBody })
    }

    /// Also retries requests with a body, by cloning the body before it is sent. Use it if clones
    /// are cheap, as for `Full<Bytes>`.
    #[must_use]
    pub fn with_cloned_bodies(self) -> AddToken<RetryClonedBody> {
        AddToken { api: self.api, retry_body: RetryClonedBody }
    }
}

impl<R> AddToken<R> {
    /// Allows challenges of this API to add these scopes to the configured scopes. Default:
    /// none, because the operator of the client decides about scopes, and not the API.
    ///
    /// A challenge that names another scope changes nothing. Each request starts with the ordinary
    /// token. If you know the scopes of a request beforehand, use
    /// [`for_scopes`](ClientCredentials::for_scopes) instead.
    ///
    /// ```
    /// # use scopegate_client::{AddToken, ClientCredentials};
    /// # fn layer(credentials: &ClientCredentials) -> Result<AddToken, scopegate_client::ConfigError> {
    /// let to_api = AddToken::new(credentials, "https://api.example")?.with_step_up_to("orders/write".parse()?);
    /// # Ok(to_api) }
    /// ```
    #[must_use]
    pub fn with_step_up_to(mut self, scopes: Scopes) -> Self {
        self.api = Arc::new(Api {
            credentials: self.api.credentials.clone(),
            origin: self.api.origin.clone(),
            name: Arc::clone(&self.api.name),
            step_up_scopes: scopes,
            steps: Mutex::default(),
        });
        self
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
