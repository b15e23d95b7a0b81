//! The token sources of a client. Each set of scopes and resources has one, so that equal requests
//! share one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::credentials::source::{Settings, TokenSource};
use crate::endpoint::TokenEndpoint;
use crate::endpoint::request::Grant;

/// Maximum number of sources that no handle uses. Programs need a handful.
const MAX_UNUSED: usize = 64;

/// The token sources of one client of one issuer.
pub(crate) struct SourcePool {
    endpoint: Arc<TokenEndpoint>,
    settings: Settings,
    sources: Mutex<HashMap<Grant, Arc<TokenSource>>>,
}

impl SourcePool {
    pub(crate) fn new(endpoint: Arc<TokenEndpoint>, settings: Settings) -> Self {
        Self { endpoint, settings, sources: Mutex::default() }
    }

    pub(crate) fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// Returns the one source for this grant.
    pub(crate) fn source(&self, grant: &Grant) -> Arc<TokenSource> {
        // A panic under this lock cannot leave the map half changed.
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(grant) {
            return Arc::clone(source);
        }
        if sources.len() >= MAX_UNUSED {
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

    use scopegate_proto::clock::SystemClock;
    use scopegate_proto::url::SecureUrl;

    use super::*;
    use crate::endpoint::AssertionAudience;
    use crate::endpoint::transport::Transport;
    use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};

    #[tokio::test]
    async fn equal_grants_share_source_and_unused_are_bounded() {
        let url = SecureUrl::parse("http://127.0.0.1:1/token").unwrap();
        let client = Authenticator::new(ClientAuthentication::client_secret_basic("c", "s")).unwrap();
        let transport = Transport::new(&client, []).unwrap();
        let unused = AssertionAudience::Unused;
        let endpoint =
            TokenEndpoint::configured(url, &transport, client, unused, Arc::new(SystemClock)).unwrap();
        let day = Duration::from_secs(86_400);
        let settings = Settings {
            default_lifetime: day,
            acquire_timeout: day,
            rejection_cooldown: day,
            max_backoff_without_token: day,
        };
        let pool = SourcePool::new(Arc::new(endpoint), settings);
        let grant = |scope: &str| Grant { scopes: scope.parse().unwrap(), resources: Vec::new() };
        let held = pool.source(&grant("held"));
        for n in 0..1_000 {
            pool.source(&grant(&n.to_string()));
            assert!(pool.sources.lock().unwrap().len() <= MAX_UNUSED);
        }
        assert!(Arc::ptr_eq(&held, &pool.source(&grant("held"))));
        assert!(!Arc::ptr_eq(&held, &pool.source(&grant("other"))));
    }
}
