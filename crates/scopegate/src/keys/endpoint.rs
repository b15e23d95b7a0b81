//! The endpoint of an issuer's key set: a known URL, or a URL that its metadata names. It keeps the
//! entity tag for conditional requests, and does not parse keys.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use scopegate_proto::http::{HttpClient, SettingsError};
use scopegate_proto::metadata::{Metadata, MetadataError, well_known_urls};
use scopegate_proto::url::FetchUrl;

use tokio::time::Instant;

use crate::config_error::ConfigError;
use crate::fetch::authorization::{AuthorizationError, FetchAuthorization};
use crate::fetch::document::{self, FetchError, Fetched, Response};
use crate::fetch::transport::Transport;

/// A working discovered URL is used for this long. Issuers rarely move their keys.
const REDISCOVER_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The endpoint that one issuer's key set is fetched from.
pub(crate) struct JwksEndpoint {
    source: EndpointSource,
    credentials: Option<Credentials>,
}

/// Credentials, and the configured URL that they may be sent to.
struct Credentials {
    authorization: FetchAuthorization,
    configured: FetchUrl,
}

enum EndpointSource {
    Known(Endpoint),
    Discovered(Box<Discovery>),
}

/// A URL, and the tag of the last document that was accepted from it.
struct Endpoint {
    client: HttpClient,
    url: FetchUrl,
    /// An entity tag is valid for one URL only (RFC 9110 §8.8.3).
    tag: Option<String>,
    /// The URL for logs and errors.
    redacted: String,
}

/// An issuer whose metadata names its JWKS endpoint.
struct Discovery {
    issuer: FetchUrl,
    transport: Transport,
    metadata: HttpClient,
    redacted: String,
    found: Option<Discovered>,
}

struct Discovered {
    keys: Endpoint,
    valid_until: Instant,
}

impl JwksEndpoint {
    pub(crate) fn known(url: FetchUrl, transport: &Transport) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::new(url, transport).map_err(http_client)?;
        Ok(Self { source: EndpointSource::Known(endpoint), credentials: None })
    }

    pub(crate) fn discovered(issuer: FetchUrl, transport: &Transport) -> Result<Self, ConfigError> {
        let metadata = transport.client(&issuer).map_err(http_client)?;
        let (transport, redacted) = (transport.clone(), issuer.without_query());
        let discovery = Discovery { issuer, transport, metadata, redacted, found: None };
        Ok(Self { source: EndpointSource::Discovered(Box::new(discovery)), credentials: None })
    }

    /// Sends credentials with each request to the origin of this endpoint's configured URL. If
    /// metadata is fetched, that is the issuer's URL.
    pub(crate) fn with_authorization(mut self, authorization: Option<FetchAuthorization>) -> Self {
        let configured = match &self.source {
            EndpointSource::Known(keys) => &keys.url,
            EndpointSource::Discovered(discovery) => &discovery.issuer,
        };
        let configured = configured.clone();
        self.credentials = authorization.map(|authorization| Credentials { authorization, configured });
        self
    }

    /// Returns the URL of the keys for logs and errors. Before discovery, returns the issuer's URL.
    pub(crate) fn redacted_url(&self) -> &str {
        match &self.source {
            EndpointSource::Known(keys) => &keys.redacted,
            EndpointSource::Discovered(discovery) => match &discovery.found {
                Some(found) => &found.keys.redacted,
                None => &discovery.redacted,
            },
        }
    }

    /// Fetches the key set. If there are current keys, the request is conditional.
    pub(crate) async fn fetch(&mut self, has_keys: bool) -> Result<Response, EndpointError> {
        let credentials = self.credentials.as_ref();
        let keys = match &mut self.source {
            EndpointSource::Known(keys) => keys,
            EndpointSource::Discovered(discovery) => discovery.keys(credentials).await?,
        };
        let authorization = header_for(credentials, &keys.url).await?;
        let tag = keys.tag.as_deref().filter(|_| has_keys);
        Ok(document::get(&keys.client, &keys.url, tag, authorization).await?)
    }

    /// Records that the last response was a key set, which is now in use.
    pub(crate) fn accepted(&mut self, tag: Option<String>) {
        match &mut self.source {
            EndpointSource::Known(keys) => keys.tag = tag,
            EndpointSource::Discovered(discovery) => {
                if let Some(found) = &mut discovery.found {
                    found.keys.tag = tag;
                }
            }
        }
    }

    /// Records that the last attempt failed, because a discovered URL may be outdated.
    pub(crate) fn failed(&mut self) {
        if let EndpointSource::Discovered(discovery) = &mut self.source
            && let Some(found) = &mut discovery.found
        {
            found.valid_until = Instant::now();
        }
    }
}

/// Returns the header for a request to this URL. Returns `None` for another origin than the
/// configured one, because metadata may name any server.
async fn header_for(
    credentials: Option<&Credentials>,
    url: &FetchUrl,
) -> Result<Option<HeaderValue>, EndpointError> {
    match credentials {
        Some(Credentials { authorization, configured }) if configured.has_same_origin(url) => {
            authorization.header().await.map(Some).map_err(EndpointError::Authorization)
        }
        _ => Ok(None),
    }
}

impl Endpoint {
    fn new(url: FetchUrl, transport: &Transport) -> Result<Self, SettingsError> {
        let (client, redacted) = (transport.client(&url)?, url.without_query());
        Ok(Self { client, url, tag: None, redacted })
    }
}

impl Discovery {
    /// Returns the JWKS endpoint. It is discovered if it is unknown or may be outdated. If this
    /// fails, the old endpoint is used, because its keys may be available although the metadata is
    /// not.
    async fn keys(&mut self, credentials: Option<&Credentials>) -> Result<&mut Endpoint, EndpointError> {
        let old = match self.found.take() {
            Some(found) if Instant::now() < found.valid_until => {
                return Ok(&mut self.found.insert(found).keys);
            }
            old => old,
        };
        let valid_until = Instant::now() + REDISCOVER_AFTER;
        let found = match (self.discover(credentials).await, old) {
            (Ok(url), Some(old)) if url == old.keys.url => Discovered { valid_until, ..old },
            (Ok(url), _) => {
                let keys = Endpoint::new(url, &self.transport).map_err(EndpointError::Client)?;
                Discovered { keys, valid_until }
            }
            (Err(_), Some(old)) => old,
            (Err(error), None) => return Err(error),
        };
        Ok(&mut self.found.insert(found).keys)
    }

    /// Tries the well-known metadata URLs in their order, and returns the JWKS URL of the first
    /// valid metadata of this issuer.
    async fn discover(&self, credentials: Option<&Credentials>) -> Result<FetchUrl, EndpointError> {
        let mut failures = Vec::new();
        // All of these URLs are on the issuer's server.
        let authorization = header_for(credentials, &self.issuer).await?;
        for url in well_known_urls(&self.issuer) {
            match self.discover_at(&url, authorization.clone()).await {
                Ok(jwks_uri) => return Ok(jwks_uri),
                Err(error) => failures.push((url.written().to_owned(), error)),
            }
        }
        Err(EndpointError::NotDiscovered(failures))
    }

    async fn discover_at(
        &self,
        url: &FetchUrl,
        authorization: Option<HeaderValue>,
    ) -> Result<FetchUrl, EndpointError> {
        match document::get(&self.metadata, url, None, authorization).await?.fetched {
            Fetched::Document(document) => {
                let metadata = Metadata::read(&document, &self.issuer)?;
                Ok(metadata.document_endpoint("jwks_uri")?)
            }
            Fetched::Unchanged => Err(EndpointError::NotModified),
        }
    }
}

pub(crate) fn http_client(error: SettingsError) -> ConfigError {
    ConfigError::HttpClient { source: error.into() }
}

/// The reason why an endpoint returned no document.
#[derive(Debug)]
pub(crate) enum EndpointError {
    Fetch(FetchError),
    Metadata(MetadataError),
    /// Each URL that was tried, with the reason why its response was rejected.
    NotDiscovered(Vec<(String, EndpointError)>),
    /// The response is "not modified", although the request was not conditional.
    NotModified,
    Client(SettingsError),
    Authorization(AuthorizationError),
}

impl From<FetchError> for EndpointError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<MetadataError> for EndpointError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => fmt::Display::fmt(error, f),
            Self::Metadata(reason) => fmt::Display::fmt(reason, f),
            Self::NotDiscovered(failures) => {
                f.write_str("no metadata")?;
                failures.iter().try_for_each(|(url, reason)| {
                    write!(f, "; {url}: {reason}")?;
                    let mut cause = reason.source();
                    while let Some(error) = cause {
                        write!(f, ": {error}")?;
                        cause = error.source();
                    }
                    Ok(())
                })
            }
            Self::NotModified => f.write_str("expected a document, found status 304"),
            Self::Client(error) => fmt::Display::fmt(error, f),
            Self::Authorization(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fetch(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Authorization(error) => error.source(),
            Self::Metadata(_) | Self::NotDiscovered(_) | Self::NotModified => None,
        }
    }
}
