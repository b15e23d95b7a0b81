//! Discovery of an issuer's token endpoint in its metadata (RFC 8414, OpenID Connect Discovery).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::StatusCode;
use scopegate_proto::clock::Clock;
use scopegate_proto::http::{HttpClient, parse_retry_after};
use scopegate_proto::metadata::{Metadata, MetadataError, well_known_urls};
use scopegate_proto::url::{FetchUrl, SecureUrl};
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::endpoint::error_response::error_response;
use crate::endpoint::failure::RequestError;
use crate::endpoint::transport::{Transport, send};
use crate::error::config::ConfigError;
use scopegate_proto::sent_secrets::SentSecrets;

/// An issuer whose token endpoint is read from its metadata.
pub(crate) struct Discovery {
    pub(crate) identifier: Arc<str>,
    issuer: SecureUrl,
    http: HttpClient,
    transport: Transport,
    discovered: ArcSwapOption<Discovered>,
}

struct Discovered {
    endpoint: Arc<Endpoint>,
    /// The time of the next discovery.
    valid_until: Instant,
    suspect: AtomicBool,
}

/// The endpoint is discovered again after this time, even if it works. Issuers rarely move.
const REDISCOVER_AFTER: Duration = Duration::from_secs(24 * 3600);

impl Discovery {
    pub(crate) fn new(issuer: SecureUrl, transport: Transport) -> Result<Self, ConfigError> {
        let http = transport.metadata_client(&issuer)?;
        let identifier = issuer.written().into();
        Ok(Self { identifier, issuer, http, transport, discovered: ArcSwapOption::empty() })
    }

    /// Returns the URL for logs and errors, or the issuer until the endpoint has been discovered.
    pub(crate) fn redacted(&self) -> Arc<str> {
        match &*self.discovered.load() {
            Some(discovered) => Arc::clone(&discovered.endpoint.redacted),
            None => Arc::clone(&self.identifier),
        }
    }

    /// Causes a discovery before the next use of the endpoint, because it may have moved.
    pub(crate) fn suspect(&self) {
        if let Some(discovered) = &*self.discovered.load() {
            discovered.suspect.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the token endpoint. Discovers it if it is unknown, suspect or due. If discovery
    /// fails, the old endpoint is used. Concurrent discoveries find the same endpoint.
    pub(super) async fn endpoint(
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
            (Ok(url), Some(old)) if url == old.endpoint.url => Arc::clone(&old.endpoint),
            (Ok(url), _) => Arc::new(Endpoint::new(url, &self.transport).map_err(RequestError::Client)?),
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

    /// Tries the well-known URLs in order, and uses the first document of this issuer. Sets
    /// `retry_after` to the longest `Retry-After` of the responses.
    async fn find(
        &self,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<SecureUrl, RequestError> {
        let mut failures = Vec::new();
        for url in well_known_urls(&self.issuer) {
            match self.find_at(&url, by_certificate, clock, retry_after).await {
                Ok(endpoint) => return Ok(endpoint),
                Err(error) => failures.push((url.url().to_string(), error)),
            }
        }
        Err(RequestError::NotDiscovered(failures))
    }

    async fn find_at(
        &self,
        url: &FetchUrl,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<SecureUrl, RequestError> {
        let response = send(self.http.get(url)).await?;
        let requested_wait = response.retry_after.and_then(|value| parse_retry_after(&value, clock.now()));
        *retry_after = requested_wait.max(*retry_after);
        if response.status != StatusCode::OK {
            // The request had no secret.
            let words = error_response(&response.body, &SentSecrets::default());
            return Err(RequestError::Status { status: response.status, words });
        }
        token_endpoint(&response.body, &self.issuer, by_certificate).map_err(RequestError::Metadata)
    }
}

/// Reads the token endpoint from a document of this issuer.
pub(crate) fn token_endpoint(
    document: &[u8],
    issuer: &SecureUrl,
    by_certificate: bool,
) -> Result<SecureUrl, MetadataError> {
    let metadata = Metadata::read(document, issuer)?;
    let member = "token_endpoint";
    if by_certificate { metadata.mtls_endpoint(member) } else { metadata.endpoint(member) }
}
