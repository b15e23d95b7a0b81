//! Where an issuer's key set is: at a known address, or where its metadata says. It keeps what makes the next request
//! cheaper, and knows nothing of keys.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::error::config::ConfigError;
use crate::keys::fetch::http::{Answer, FetchError, Fetched, Fetcher};
use crate::keys::fetch::metadata;
use crate::url::Address;

/// The place that one issuer's key set is fetched from.
pub(crate) struct Location(Whence);

enum Whence {
    Known(Place),
    Discovered(Box<Discovery>),
}

/// An address, and what was accepted from it last.
struct Place {
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
    found: Option<Found>,
}

struct Found {
    keys: Place,
    /// From when on it is looked for again.
    good_until: Instant,
}

/// How long a discovered address is good for if it works. Issuers hardly ever move their keys.
const LOOKED_FOR_AGAIN: Duration = Duration::from_secs(24 * 3600);

impl Location {
    pub(crate) fn known(address: Address) -> Result<Self, ConfigError> {
        Ok(Self(Whence::Known(Place { fetcher: Fetcher::new(address)?, tag: None })))
    }

    pub(crate) fn discovered(identifier: String, issuer: Address) -> Result<Self, ConfigError> {
        let metadata = Fetcher::new(issuer.clone())?;
        let discovery = Discovery { identifier, issuer, metadata, found: None };
        Ok(Self(Whence::Discovered(Box::new(discovery))))
    }

    /// What to show: the address of the keys, or of the issuer as long as that is all that is known.
    pub(crate) fn text(&self) -> &str {
        match &self.0 {
            Whence::Known(keys) => keys.fetcher.shown(),
            Whence::Discovered(discovery) => match &discovery.found {
                Some(found) => found.keys.fetcher.shown(),
                None => discovery.metadata.shown(),
            },
        }
    }

    /// Asks for the key set; only for a changed one if there is one to keep.
    pub(crate) async fn fetch(&mut self, has_keys: bool) -> Result<Answer, FetchError> {
        let keys = match &mut self.0 {
            Whence::Known(keys) => keys,
            Whence::Discovered(discovery) => discovery.keys().await?,
        };
        keys.fetcher.get(keys.tag.as_deref().filter(|_| has_keys)).await
    }

    /// The last answer was a set that is in use now.
    pub(crate) fn accepted(&mut self, tag: Option<String>) {
        match &mut self.0 {
            Whence::Known(keys) => keys.tag = tag,
            Whence::Discovered(discovery) => {
                if let Some(found) = &mut discovery.found {
                    found.keys.tag = tag;
                }
            }
        }
    }

    /// The last attempt failed: a discovered address may be out of date.
    pub(crate) fn failed(&mut self) {
        if let Whence::Discovered(discovery) = &mut self.0
            && let Some(found) = &mut discovery.found
        {
            found.good_until = Instant::now();
        }
    }
}

impl Discovery {
    /// The address of the keys: looked for if it is not known, or in doubt. If it cannot be found then, the old one has to
    /// do, because keys may still be there when the metadata is not.
    async fn keys(&mut self) -> Result<&mut Place, FetchError> {
        let old = match self.found.take() {
            Some(found) if Instant::now() < found.good_until => {
                return Ok(&mut self.found.insert(found).keys);
            }
            old => old,
        };
        let good_until = Instant::now() + LOOKED_FOR_AGAIN;
        let found = match (self.find().await, old) {
            (Ok(fetcher), Some(old)) if fetcher.is_for_same_address_as(&old.keys.fetcher) => {
                Found { good_until, ..old }
            }
            (Ok(fetcher), _) => Found { keys: Place { fetcher, tag: None }, good_until },
            (Err(_), Some(old)) => old,
            (Err(error), None) => return Err(error),
        };
        Ok(&mut self.found.insert(found).keys)
    }

    /// Tries the addresses where metadata may be, in their order, and takes the first document that is this issuer's.
    async fn find(&self) -> Result<Fetcher, FetchError> {
        let mut failures = Vec::new();
        for url in metadata::well_known(&self.issuer.url) {
            // Without a path two of them are the same.
            if failures.iter().any(|(tried, _)| *tried == url.as_str()) {
                continue;
            }
            match self.find_at(url.clone()).await {
                Ok(address) => {
                    return Fetcher::new(address).map_err(|error| FetchError::Client(Box::new(error)));
                }
                Err(error) => failures.push((url.to_string(), error)),
            }
        }
        Err(FetchError::NotDiscovered(failures))
    }

    async fn find_at(&self, url: Url) -> Result<Address, FetchError> {
        match self.metadata.get_from(url, None).await?.fetched {
            Fetched::Document(document) => {
                metadata::jwks_address(&document, &self.identifier, self.issuer.reach)
                    .map_err(FetchError::NotMetadata)
            }
            Fetched::Unchanged => Err(FetchError::NothingToKeep),
        }
    }
}
