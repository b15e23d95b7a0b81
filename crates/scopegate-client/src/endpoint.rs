//! How is a token requested? One client sends one request to the token endpoint of one issuer, which is
//! configured or discovered. [`credentials`](crate::credentials) decides when.

pub(crate) mod http;
pub(crate) mod metadata;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retry;
mod retry_after;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use crate::client_auth::ClientAuthentication;
use crate::clock::Clock;
use crate::endpoint::http::{RequestError, Tls, Transport};
use crate::endpoint::request::Grant;
use crate::endpoint::response::TokenResponse;
use crate::error::config::ConfigError;
use crate::url::Address;

/// The token endpoint of one issuer, as one client uses it.
pub(crate) struct TokenEndpoint {
    pub(crate) client: ClientAuthentication,
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
    transport: Transport,
    address: Address,
    /// The URL for logs and errors: without its query, which may contain secrets.
    redacted: Arc<str>,
}

/// An issuer whose token endpoint is read from its metadata.
struct Discovery {
    identifier: Arc<str>,
    issuer: Address,
    transport: Transport,
    tls: Tls,
    discovered: ArcSwapOption<Discovered>,
}

struct Discovered {
    endpoint: Arc<Endpoint>,
    /// The time from which it is discovered anew.
    valid_until: Instant,
    suspect: AtomicBool,
}

/// Discovers the endpoint anew after this time, even if it works. Issuers rarely move.
const REDISCOVER_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A failed request.
pub(crate) struct Failure {
    pub(crate) endpoint: Arc<str>,
    pub(crate) error: RequestError,
    pub(crate) retry_after: Option<Duration>,
}

impl TokenEndpoint {
    pub(crate) fn known(
        address: Address,
        tls: &Tls,
        client: ClientAuthentication,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let source = EndpointSource::Configured(Arc::new(Endpoint::new(address, tls)?));
        Ok(Self { client, parameters: Vec::new(), audience, clock, source })
    }

    pub(crate) fn discovered(
        identifier: Arc<str>,
        issuer: Address,
        tls: Tls,
        client: ClientAuthentication,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        // Metadata is public, so the client's certificate is not presented for it.
        let transport = Transport::new(&issuer, &tls.without_identity())?;
        let discovered = ArcSwapOption::empty();
        let source = EndpointSource::Discovered(Box::new(Discovery {
            identifier,
            issuer,
            transport,
            tls,
            discovered,
        }));
        Ok(Self { client, parameters: Vec::new(), audience, clock, source })
    }

    /// Returns the URL for logs and errors; the issuer, until the endpoint has been discovered.
    pub(crate) fn redacted(&self) -> Arc<str> {
        match &self.source {
            EndpointSource::Configured(endpoint) => Arc::clone(&endpoint.redacted),
            EndpointSource::Discovered(discovery) => match &*discovery.discovered.load() {
                Some(discovered) => Arc::clone(&discovered.endpoint.redacted),
                None => Arc::clone(&discovery.identifier),
            },
        }
    }

    /// Returns the issuer for logs and metrics; the endpoint's URL if the issuer is unknown.
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
            if let (EndpointSource::Discovered(discovery), true) = (&self.source, error.suspects_endpoint())
                && let Some(discovered) = &*discovery.discovered.load()
            {
                discovered.suspect.store(true, Ordering::Relaxed);
            }
            failed(error, retry_after)
        })
    }

    async fn endpoint(&self, retry_after: &mut Option<Duration>) -> Result<Arc<Endpoint>, RequestError> {
        match &self.source {
            EndpointSource::Configured(endpoint) => Ok(Arc::clone(endpoint)),
            EndpointSource::Discovered(discovery) => {
                let by_certificate = self.client.identity().is_some();
                discovery.endpoint(by_certificate, &*self.clock, retry_after).await
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
            AssertionAudience::TokenEndpoint => &endpoint.address.written,
            AssertionAudience::Unused => "",
        };
        let auth = self.client.params(audience, self.clock.now()).ok_or(RequestError::NoRandomness)?;
        let form = request::body(grant, &self.parameters, &auth);
        let response = endpoint.transport.post(endpoint.address.url.clone(), auth.header, form).await?;
        *retry_after = response.retry_after.and_then(|value| retry_after::parse(&value, self.clock.now()));
        // A server may quote the request.
        let redact = |text: &str| self.client.leaks_into(text);
        match response.status {
            StatusCode::OK => response::token(&response.body, redact).map_err(RequestError::TokenResponse),
            // Some issuers send 403 without a body instead of RFC 6749 §5.2.
            status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let error_response = response::error_response(&response.body, redact);
                let (code, description) = (error_response.code, error_response.description);
                Err(RequestError::Rejected { status, code, description })
            }
            other => Err(RequestError::Status(other)),
        }
    }
}

impl Endpoint {
    fn new(address: Address, tls: &Tls) -> Result<Self, ConfigError> {
        let transport = Transport::new(&address, tls)?;
        let mut redacted = address.url.clone();
        redacted.set_query(None);
        Ok(Self { transport, address, redacted: redacted.as_str().into() })
    }
}

impl Discovery {
    /// Returns the token endpoint. Discovers it if it is unknown or suspect, and falls back to the old one if discovery
    /// fails. Concurrent discoveries find the same endpoint.
    async fn endpoint(
        &self,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Arc<Endpoint>, RequestError> {
        let old = self.discovered.load_full();
        if let Some(discovered) = &old
            && Instant::now() < discovered.valid_until
            && !discovered.suspect.load(Ordering::Relaxed)
        {
            return Ok(Arc::clone(&discovered.endpoint));
        }
        let endpoint = match (self.find(by_certificate, clock, retry_after).await, old) {
            (Ok(address), Some(old)) if address == old.endpoint.address => Arc::clone(&old.endpoint),
            (Ok(address), _) => Arc::new(Endpoint::new(address, &self.tls).map_err(RequestError::Client)?),
            (Err(_), Some(old)) => Arc::clone(&old.endpoint),
            (Err(error), None) => return Err(error),
        };
        let discovered = Discovered {
            endpoint: Arc::clone(&endpoint),
            valid_until: Instant::now() + REDISCOVER_AFTER,
            suspect: AtomicBool::new(false),
        };
        self.discovered.store(Some(Arc::new(discovered)));
        Ok(endpoint)
    }

    /// Tries the well-known URLs in order, and uses the first document of this issuer. Sets `retry_after` to the longest
    /// `Retry-After` of the responses.
    async fn find(
        &self,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Address, RequestError> {
        let mut failures = Vec::new();
        for url in metadata::well_known(&self.issuer.url) {
            // Two of them are equal if the issuer has no path.
            if failures.iter().any(|(tried, _)| *tried == url.as_str()) {
                continue;
            }
            match self.find_at(url.clone(), by_certificate, clock, retry_after).await {
                Ok(address) => return Ok(address),
                Err(error) => failures.push((url.to_string(), error)),
            }
        }
        Err(RequestError::NotDiscovered(failures))
    }

    async fn find_at(
        &self,
        url: Url,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Address, RequestError> {
        let response = self.transport.get(url).await?;
        let requested_wait = response.retry_after.and_then(|value| retry_after::parse(&value, clock.now()));
        *retry_after = requested_wait.max(*retry_after);
        if response.status != StatusCode::OK {
            return Err(RequestError::Status(response.status));
        }
        metadata::token_endpoint(&response.body, &self.identifier, self.issuer.reach, by_certificate)
            .map_err(RequestError::Metadata)
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
