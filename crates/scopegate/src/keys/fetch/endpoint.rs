//! Where an issuer's key set is: at a known address, or where its metadata says. It keeps what makes the next request
//! cheaper, and knows nothing of keys.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::error::config::ConfigError;
use crate::keys::fetch::http::{Answer, Fetched, Fetcher, HttpError};
use crate::keys::fetch::metadata;
use crate::keys::fetch::metadata::MetadataError;
use crate::url::Address;

/// The place that one issuer's key set is fetched from.
pub(crate) struct JwksEndpoint(EndpointSource);

enum EndpointSource {
    Known(Endpoint),
    Discovered(Box<Discovery>),
}

/// An address, and what was accepted from it last.
struct Endpoint {
    fetcher: Fetcher,
    /// An entity tag means nothing at another address (RFC 9110 §8.8.3).
    tag: Option<String>,
}

/// An issuer whose name tells where its metadata is, which tells where its keys are.
struct Discovery {
    identifier: String,
    issuer: Address,
    metadata: Fetcher,
    /// What was found out last.
    found: Option<Discovered>,
}

struct Discovered {
    keys: Endpoint,
    /// From when on it is looked for again.
    valid_until: Instant,
}

/// How long a discovered address is good for if it works. Issuers hardly ever move their keys.
const REDISCOVER_AFTER: Duration = Duration::from_secs(24 * 3600);

impl JwksEndpoint {
    pub(crate) fn known(address: Address) -> Result<Self, ConfigError> {
        Ok(Self(EndpointSource::Known(Endpoint { fetcher: Fetcher::new(address)?, tag: None })))
    }

    pub(crate) fn discovered(identifier: String, issuer: Address) -> Result<Self, ConfigError> {
        let metadata = Fetcher::new(issuer.clone())?;
        let discovery = Discovery { identifier, issuer, metadata, found: None };
        Ok(Self(EndpointSource::Discovered(Box::new(discovery))))
    }

    /// What to show: the address of the keys, or of the issuer as long as that is all that is known.
    pub(crate) fn redacted_url(&self) -> &str {
        match &self.0 {
            EndpointSource::Known(keys) => keys.fetcher.shown(),
            EndpointSource::Discovered(discovery) => match &discovery.found {
                Some(found) => found.keys.fetcher.shown(),
                None => discovery.metadata.shown(),
            },
        }
    }

    /// Asks for the key set; only for a changed one if there is one to keep.
    pub(crate) async fn fetch(&mut self, has_keys: bool) -> Result<Answer, EndpointError> {
        let keys = match &mut self.0 {
            EndpointSource::Known(keys) => keys,
            EndpointSource::Discovered(discovery) => discovery.keys().await?,
        };
        Ok(keys.fetcher.get(keys.tag.as_deref().filter(|_| has_keys)).await?)
    }

    /// The last answer was a set that is in use now.
    pub(crate) fn accepted(&mut self, tag: Option<String>) {
        match &mut self.0 {
            EndpointSource::Known(keys) => keys.tag = tag,
            EndpointSource::Discovered(discovery) => {
                if let Some(found) = &mut discovery.found {
                    found.keys.tag = tag;
                }
            }
        }
    }

    /// The last attempt failed: a discovered address may be out of date.
    pub(crate) fn failed(&mut self) {
        if let EndpointSource::Discovered(discovery) = &mut self.0
            && let Some(found) = &mut discovery.found
        {
            found.valid_until = Instant::now();
        }
    }
}

impl Discovery {
    /// The address of the keys: looked for if it is not known, or in doubt. If it cannot be found then, the old one has to
    /// do, because keys may still be there when the metadata is not.
    async fn keys(&mut self) -> Result<&mut Endpoint, EndpointError> {
        let old = match self.found.take() {
            Some(found) if Instant::now() < found.valid_until => {
                return Ok(&mut self.found.insert(found).keys);
            }
            old => old,
        };
        let valid_until = Instant::now() + REDISCOVER_AFTER;
        let found = match (self.find().await, old) {
            (Ok(fetcher), Some(old)) if fetcher.is_for_same_address_as(&old.keys.fetcher) => {
                Discovered { valid_until, ..old }
            }
            (Ok(fetcher), _) => Discovered { keys: Endpoint { fetcher, tag: None }, valid_until },
            (Err(_), Some(old)) => old,
            (Err(error), None) => return Err(error),
        };
        Ok(&mut self.found.insert(found).keys)
    }

    /// Tries the addresses where metadata may be, in their order, and takes the first document that is this issuer's.
    async fn find(&self) -> Result<Fetcher, EndpointError> {
        let mut failures = Vec::new();
        for url in metadata::well_known(&self.issuer.url) {
            // Without a path two of them are the same.
            if failures.iter().any(|(tried, _)| *tried == url.as_str()) {
                continue;
            }
            match self.find_at(url.clone()).await {
                Ok(address) => {
                    return Fetcher::new(address).map_err(|error| EndpointError::Client(Box::new(error)));
                }
                Err(error) => failures.push((url.to_string(), error)),
            }
        }
        Err(EndpointError::NotDiscovered(failures))
    }

    async fn find_at(&self, url: Url) -> Result<Address, EndpointError> {
        match self.metadata.get_from(url, None).await?.fetched {
            Fetched::Document(document) => {
                metadata::jwks_address(&document, &self.identifier, self.issuer.reach)
                    .map_err(EndpointError::Metadata)
            }
            Fetched::Unchanged => Err(EndpointError::NotModified),
        }
    }
}

/// Why an endpoint returned no document.
#[derive(Debug)]
pub(crate) enum EndpointError {
    Http(HttpError),
    Metadata(MetadataError),
    /// Each URL that was tried, and the reason why its response was rejected.
    NotDiscovered(Vec<(String, EndpointError)>),
    /// The response is "not modified", although the request was not conditional.
    NotModified,
    Client(Box<ConfigError>),
}

impl From<HttpError> for EndpointError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => fmt::Display::fmt(error, f),
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
        }
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Http(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Metadata(_) | Self::NotDiscovered(_) | Self::NotModified => None,
        }
    }
}
