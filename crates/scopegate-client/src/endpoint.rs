//! Token requests to the token endpoint of one issuer, which is configured or discovered.
//! [`credentials`](crate::credentials) decides when to send one.

pub(crate) mod discovery;
pub(crate) mod error_response;
pub(crate) mod failure;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retry;
pub(crate) mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::AUTHORIZATION;
use scopegate_proto::clock::Clock;
use scopegate_proto::http::{HttpClient, parse_retry_after};
use scopegate_proto::url::SecureUrl;

use crate::dpop::binding::Binding;
use crate::dpop::nonces::{Nonce, Role};
use crate::dpop::target::Target;
use crate::dpop::{DPOP, Dpop, USE_NONCE};
use crate::endpoint::discovery::Discovery;
use crate::endpoint::error_response::{ErrorResponse, error_response, has_code};
use crate::endpoint::failure::{Failure, RequestError};
use crate::endpoint::request::Grant;
use crate::endpoint::response::{TokenResponse, TokenResponseError, TokenTypes};
use crate::endpoint::transport::{Response, Transport, send};
use crate::error::config::ConfigError;
use crate::error::proof::SignProofError;
use scopegate_proto::client_auth::Authenticator;
use scopegate_proto::sent_secrets::SentSecrets;

/// The token endpoint of one issuer, for one client.
pub(crate) struct TokenEndpoint {
    pub(crate) client: Authenticator,
    /// Configured parameters of every request.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) audience: AssertionAudience,
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings for bound tokens, if they are requested.
    pub(crate) dpop: Option<Dpop>,
    source: EndpointSource,
}

/// The audience of assertions.
#[derive(Clone, Debug)]
pub(crate) enum AssertionAudience {
    /// The issuer identifier. No other server accepts such an assertion, even if it receives one.
    Issuer(Arc<str>),
    TokenEndpoint,
    /// The client sends no assertions.
    Unused,
}

enum EndpointSource {
    Configured(Arc<Endpoint>),
    Discovered(Box<Discovery>),
}

/// The URL of a token endpoint, and the HTTP client that reaches it.
struct Endpoint {
    http: HttpClient,
    url: SecureUrl,
    /// The URL for logs and errors: without its query, which may contain secrets.
    redacted: Arc<str>,
}

impl TokenEndpoint {
    pub(crate) fn configured(
        url: SecureUrl,
        transport: &Transport,
        client: Authenticator,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let source = EndpointSource::Configured(Arc::new(Endpoint::new(url, transport)?));
        Ok(Self { client, parameters: Vec::new(), audience, clock, dpop: None, source })
    }

    pub(crate) fn discovered(
        issuer: SecureUrl,
        transport: Transport,
        client: Authenticator,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let source = EndpointSource::Discovered(Box::new(Discovery::new(issuer, transport)?));
        Ok(Self { client, parameters: Vec::new(), audience, clock, dpop: None, source })
    }

    /// Returns the URL for logs and errors, or the issuer until the endpoint has been discovered.
    pub(crate) fn redacted(&self) -> Arc<str> {
        match &self.source {
            EndpointSource::Configured(endpoint) => Arc::clone(&endpoint.redacted),
            EndpointSource::Discovered(discovery) => discovery.redacted(),
        }
    }

    /// Returns the issuer for logs and metrics, or the endpoint's URL if the issuer is unknown.
    pub(crate) fn issuer(&self) -> Arc<str> {
        match (&self.audience, &self.source) {
            (AssertionAudience::Issuer(issuer), _) => Arc::clone(issuer),
            (_, EndpointSource::Discovered(discovery)) => Arc::clone(&discovery.identifier),
            (_, EndpointSource::Configured(endpoint)) => Arc::clone(&endpoint.redacted),
        }
    }

    /// Sends one token request.
    pub(crate) async fn request(&self, grant: &Grant) -> Result<TokenResponse, Failure> {
        let failed = |error, retry_after| Failure { endpoint: self.redacted(), error, retry_after };
        let mut retry_after = None;
        let endpoint = self.endpoint(&mut retry_after).await.map_err(|error| failed(error, retry_after))?;
        retry_after = None;
        let result = self.request_at(&endpoint, grant, &mut retry_after).await;
        result.map_err(|error| {
            if let (EndpointSource::Discovered(discovery), true) = (&self.source, error.suspects_endpoint()) {
                discovery.suspect();
            }
            failed(error, retry_after)
        })
    }

    async fn endpoint(&self, retry_after: &mut Option<Duration>) -> Result<Arc<Endpoint>, RequestError> {
        match &self.source {
            EndpointSource::Configured(endpoint) => Ok(Arc::clone(endpoint)),
            EndpointSource::Discovered(discovery) => {
                discovery.endpoint(self.client.has_certificate(), &*self.clock, retry_after).await
            }
        }
    }

    async fn request_at(
        &self,
        endpoint: &Endpoint,
        grant: &Grant,
        retry_after: &mut Option<Duration>,
    ) -> Result<TokenResponse, RequestError> {
        let (types, key) = self.types_and_key(endpoint).map_err(RequestError::Proof)?;
        let (mut response, mut secrets) = self.post(endpoint, grant, key.as_ref(), None).await?;
        // RFC 9449 §8: one retry, so that a server that never accepts its own nonce ends.
        if let Some(key) = &key
            && let Some(nonce) = key.store_nonce(&response)
            && requires_nonce(&response)
        {
            (response, secrets) = self.post(endpoint, grant, Some(key), Some(nonce)).await?;
            key.store_nonce(&response);
        }
        *retry_after = response.retry_after.and_then(|value| parse_retry_after(&value, self.clock.now()));
        let status = response.status;
        if status == StatusCode::OK {
            return response::token(&response.body, &types, &mut secrets).map_err(|reason| {
                // A string that is not JSON may be a token.
                let words = match reason {
                    TokenResponseError::Json(_) => ErrorResponse::default(),
                    _ => error_response(&response.body, &secrets),
                };
                match words.code {
                    // Some issuers send their errors with status 200.
                    Some(_) if reason.lacks_token() => RequestError::Rejected { status, words },
                    _ => RequestError::TokenResponse { reason, words },
                }
            });
        }
        let words = error_response(&response.body, &secrets);
        Err(match status {
            // Some issuers send 403 without a body instead of RFC 6749 §5.2.
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                RequestError::Rejected { status, words }
            }
            _ => RequestError::Status { status, words },
        })
    }

    /// Returns the accepted types of tokens, and the key for a bound token.
    fn types_and_key(&self, endpoint: &Endpoint) -> Result<(TokenTypes, Option<RequestKey>), SignProofError> {
        let Some(dpop) = &self.dpop else { return Ok((TokenTypes::Bearer, None)) };
        let binding = Arc::new(dpop.next_binding(&self.clock)?);
        let key = RequestKey { binding: Arc::clone(&binding), target: Target::of_url(endpoint.url.url())? };
        let types =
            if dpop.allows_unbound { TokenTypes::DpopOrBearer(binding) } else { TokenTypes::Dpop(binding) };
        Ok((types, Some(key)))
    }

    /// Sends a request with a new assertion and a new proof. Returns its secrets, too.
    async fn post(
        &self,
        endpoint: &Endpoint,
        grant: &Grant,
        key: Option<&RequestKey>,
        nonce: Option<Nonce>,
    ) -> Result<(Response, SentSecrets), RequestError> {
        let audience: &str = match &self.audience {
            AssertionAudience::Issuer(issuer) => issuer,
            AssertionAudience::TokenEndpoint => endpoint.url.written(),
            AssertionAudience::Unused => "",
        };
        let mut auth =
            self.client.params(audience, self.clock.now()).await.map_err(RequestError::Assertion)?;
        let form = request::body(grant, &self.parameters, &auth);
        let mut post = endpoint.http.post_form(&endpoint.url, form);
        if let Some(header) = auth.header {
            post = post.header(AUTHORIZATION, header);
        }
        if let Some(RequestKey { binding, target }) = key {
            let proof = binding.proof(Role::AuthorizationServer, "POST", target, None, nonce);
            let proof = proof.map_err(RequestError::Proof)?;
            post = post.header(DPOP, proof.header());
            let nonce = proof.nonce.as_ref().map(Nonce::as_str);
            let secrets = [proof.text.as_str(), &proof.id].into_iter().chain(nonce);
            secrets.for_each(|secret| auth.secrets.add(secret));
        }
        Ok((send(post).await?, auth.secrets))
    }
}

/// The key of one token request. Its proofs are for the token endpoint.
struct RequestKey {
    binding: Arc<Binding>,
    target: Target,
}

impl RequestKey {
    fn store_nonce(&self, response: &Response) -> Option<Nonce> {
        self.binding.store_nonce(Role::AuthorizationServer, &self.target.origin, &response.headers)
    }
}

/// Returns whether the response requires a nonce. The status is 400 (RFC 9449 §8), and some servers
/// send 401.
fn requires_nonce(response: &Response) -> bool {
    matches!(response.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
        && has_code(&response.body, USE_NONCE)
}

impl Endpoint {
    fn new(url: SecureUrl, transport: &Transport) -> Result<Self, ConfigError> {
        let http = transport.token_client(&url)?;
        let redacted = url.without_query().into();
        Ok(Self { http, url, redacted })
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = self.redacted();
        f.debug_struct("TokenEndpoint")
            .field("url", &redacted)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
