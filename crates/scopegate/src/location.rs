//! Where an issuer's key set is: at a known address, or where its metadata says. It keeps what makes the next request
//! cheaper, and knows nothing of keys.

use url::Url;

use crate::ConfigError;
use crate::address::Address;
use crate::fetch::{Answer, FetchError, Fetched, Fetcher};
use crate::metadata;

/// The place that one issuer's key set is fetched from.
pub(crate) struct Location {
    whence: Whence,
    /// The entity tag of the set that was accepted last.
    tag: Option<String>,
}

enum Whence {
    Known(Fetcher),
    Discovered(Box<Discovery>),
}

/// An issuer whose name tells where its metadata is, which tells where its keys are.
struct Discovery {
    identifier: String,
    issuer: Address,
    metadata: Fetcher,
    /// What was found out, until it fails.
    keys: Option<Fetcher>,
}

impl Location {
    pub(crate) fn known(address: Address) -> Result<Self, ConfigError> {
        Ok(Self { whence: Whence::Known(Fetcher::new(address)?), tag: None })
    }

    pub(crate) fn discovered(identifier: String, issuer: Address) -> Result<Self, ConfigError> {
        let metadata = Fetcher::new(issuer.clone())?;
        let discovery = Discovery { identifier, issuer, metadata, keys: None };
        Ok(Self { whence: Whence::Discovered(Box::new(discovery)), tag: None })
    }

    /// What to show: the address of the keys, or of the issuer as long as that is all that is known.
    pub(crate) fn text(&self) -> &str {
        match &self.whence {
            Whence::Known(keys) => keys.shown(),
            Whence::Discovered(discovery) => discovery.keys.as_ref().unwrap_or(&discovery.metadata).shown(),
        }
    }

    /// Asks for the key set; only for a changed one if there is one to keep.
    pub(crate) async fn fetch(&mut self, has_keys: bool) -> Result<Answer, FetchError> {
        let keys = match &mut self.whence {
            Whence::Known(keys) => keys,
            Whence::Discovered(discovery) => discovery.keys().await?,
        };
        keys.get(self.tag.as_deref().filter(|_| has_keys)).await
    }

    /// The last answer was a set that is in use now.
    pub(crate) fn accepted(&mut self, tag: Option<String>) {
        self.tag = tag;
    }

    /// The last attempt failed: a discovered address may be out of date.
    pub(crate) fn forget(&mut self) {
        if let Whence::Discovered(discovery) = &mut self.whence {
            discovery.keys = None;
        }
    }
}

impl Discovery {
    async fn keys(&mut self) -> Result<&Fetcher, FetchError> {
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => self.find().await?,
        };
        Ok(self.keys.insert(keys))
    }

    /// Tries the addresses where metadata may be, in their order, and takes the first document that is this issuer's.
    async fn find(&self) -> Result<Fetcher, FetchError> {
        let mut failures = Vec::new();
        for url in metadata::well_known(&self.issuer.url) {
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
