//! One source for each set of scopes and resources that a client asks for, so that whoever asks for the same gets the
//! same token. What a source does is `credentials/source.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::credentials::source::{Settings, TokenSource};
use crate::endpoint::TokenEndpoint;
use crate::endpoint::request::Grant;

/// So many are kept that nobody holds. A program has a handful; more than that comes from somewhere else.
const MOST_UNHELD: usize = 64;

/// The tokens of one client of one issuer.
pub(crate) struct Cache {
    endpoint: Arc<TokenEndpoint>,
    settings: Settings,
    sources: Mutex<HashMap<Grant, Arc<TokenSource>>>,
}

impl Cache {
    pub(crate) fn new(endpoint: Arc<TokenEndpoint>, settings: Settings) -> Self {
        Self { endpoint, settings, sources: Mutex::default() }
    }

    pub(crate) fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The one source for this grant.
    pub(crate) fn source(&self, grant: &Grant) -> Arc<TokenSource> {
        // Nothing panics between two halves of a change.
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(grant) {
            return Arc::clone(source);
        }
        if sources.len() >= MOST_UNHELD {
            sources.retain(|_, source| Arc::strong_count(source) > 1);
        }
        let source = TokenSource::new(grant.clone(), Arc::clone(&self.endpoint), self.settings);
        let source = Arc::new(source);
        sources.insert(grant.clone(), Arc::clone(&source));
        source
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client_auth::ClientAuthentication;
    use crate::clock::SystemClock;
    use crate::endpoint::AssertionAudience;
    use crate::endpoint::http::Tls;
    use crate::token::scope::Scopes;
    use crate::url::Address;

    #[tokio::test]
    async fn the_same_grant_has_the_same_source_and_sources_that_nobody_holds_are_bounded() {
        let address = Address::parse("token endpoint", "http://127.0.0.1:1/token").unwrap();
        let client = ClientAuthentication::client_secret_basic("c", "s");
        let nobody = AssertionAudience::Nobody;
        let endpoint =
            TokenEndpoint::known(address, &Tls::default(), client, nobody, Arc::new(SystemClock)).unwrap();
        let day = Duration::from_secs(86_400);
        let settings = Settings { default_lifetime: day, patience: day, rejection_cooldown: day };
        let cache = Cache::new(Arc::new(endpoint), settings);
        let grant = |scope: &str| Grant { scopes: Scopes::parse(scope).unwrap(), resources: Vec::new() };
        let held = cache.source(&grant("held"));
        for n in 0..1_000 {
            cache.source(&grant(&n.to_string()));
            assert!(cache.sources.lock().unwrap().len() <= MOST_UNHELD);
        }
        assert!(Arc::ptr_eq(&held, &cache.source(&grant("held"))));
        assert!(!Arc::ptr_eq(&held, &cache.source(&grant("other"))));
    }
}
