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

use crate::endpoint::discovery::Discovery;
use crate::endpoint::error_response::{ErrorResponse, error_response};
use crate::endpoint::failure::{Failure, RequestError};
use crate::endpoint::request::Grant;
use crate::endpoint::response::{TokenResponse, TokenResponseError};
use crate::endpoint::transport::{Transport, send};
use crate::error::config::ConfigError;
use scopegate_proto::client_auth::Authenticator;

/// The token endpoint of one issuer, for one client.
pub(crate) struct TokenEndpoint {
    pub(crate) client: Authenticator,
    /// Configured parameters of every request.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) audience: AssertionAudience,
    pub(crate) clock: Arc<dyn Clock>,
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
        Ok(Self { client, parameters: Vec::new(), audience, clock, source })
    }

    pub(crate) fn discovered(
        issuer: SecureUrl,
        transport: Transport,
        client: Authenticator,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let source = EndpointSource::Discovered(Box::new(Discovery::new(issuer, transport)?));
        Ok(Self { client, parameters: Vec::new(), audience, clock, source })
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
        let audience: &str = match &self.audience {
            AssertionAudience::Issuer(issuer) => issuer,
            AssertionAudience::TokenEndpoint => endpoint.url.written(),
            AssertionAudience::Unused => "",
        };
        let auth = self.client.params(audience, self.clock.now()).await.map_err(RequestError::Assertion)?;
        let form = request::body(grant, &self.parameters, &auth);
        let mut post = endpoint.http.post_form(&endpoint.url, form);
        if let Some(header) = auth.header {
            post = post.header(AUTHORIZATION, header);
        }
        let response = send(post).await?;
        *retry_after = response.retry_after.and_then(|value| parse_retry_after(&value, self.clock.now()));
        let status = response.status;
        if status == StatusCode::OK {
            let mut secrets = auth.secrets;
            return response::token(&response.body, &mut secrets).map_err(|reason| {
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
        let words = error_response(&response.body, &auth.secrets);
        Err(match status {
            // Some issuers send 403 without a body instead of RFC 6749 §5.2.
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                RequestError::Rejected { status, words }
            }
            _ => RequestError::Status { status, words },
        })
    }
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
