//! A bounded HTTP client that no other crate's cargo features change.
//!
//! [`HttpClients`] creates one shared client for equal settings. [`HttpClient`] sends a request to
//! a [`FetchUrl`] within a time limit, and reads the response body within a size limit. Secrets are
//! only sent to a [`SecureUrl`](crate::url::SecureUrl).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::url::FetchUrl;

mod client;
mod error;
mod retry_after;
mod settings;

mod build;
mod certificates;
mod proxy;

pub use client::{HttpClient, HttpRequest, HttpResponse};
pub use error::{ConnectFailure, HttpError, SettingsError};
pub use retry_after::parse_retry_after;
pub use settings::{ProxyPolicy, TransportSettings};

use client::Shared;
use settings::Route;

/// A pool that shares one client among equal settings. Cloning is cheap, and clones share the pool.
///
/// Building an `https` client reads the system's certificate authorities, which takes tens of
/// milliseconds. A pool does this once, even for hundreds of issuers. It holds weak references: a
/// client is dropped with its last [`HttpClient`].
///
/// There is no process-wide pool. For separate connections, create separate pools.
///
/// ```
/// use scopegate_proto::http::{HttpClients, TransportSettings};
/// use scopegate_proto::url::SecureUrl;
///
/// let clients = HttpClients::default();
/// let settings = TransportSettings::new("example/1.0");
/// let [a, b] = [SecureUrl::parse("https://a.example")?, SecureUrl::parse("https://b.example")?];
/// let (a, b) = (clients.client(&a, &settings)?, clients.client(&b, &settings)?);
/// assert_eq!(clients.built(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct HttpClients(Arc<Mutex<Pool>>);

#[derive(Default)]
struct Pool {
    clients: HashMap<(Route, TransportSettings), Weak<Shared>>,
    built: usize,
}

impl HttpClients {
    /// Returns a client for this URL and for all URLs of the same route.
    ///
    /// There are four routes:
    ///
    /// - `https` over a network;
    /// - `https` on a loopback address;
    /// - `http` on a loopback address;
    /// - `http` over a network, without proxies, certificates and secrets.
    ///
    /// This method also checks the settings.
    ///
    /// # Errors
    /// As [`TransportSettings::check`]. Also returns [`SettingsError::Client`] if the client cannot
    /// be built, for example because the system has no certificate authorities.
    pub fn client(&self, url: &FetchUrl, settings: &TransportSettings) -> Result<HttpClient, SettingsError> {
        // The lock is held while a client is built, so that two equal calls do not build two. Only
        // configuration waits for it, no request does. A panic leaves the map unchanged, so a
        // poisoned lock is still usable.
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Route::to(url), settings.clone());
        if let Some(shared) = pool.clients.get(&key).and_then(Weak::upgrade) {
            return Ok(HttpClient::new(shared));
        }
        let shared = Arc::new(Shared::new(key.0, settings)?);
        pool.built += 1;
        pool.clients.retain(|_, client| client.strong_count() > 0);
        pool.clients.insert(key, Arc::downgrade(&shared));
        Ok(HttpClient::new(shared))
    }

    /// Returns the number of clients that the pool has built so far.
    pub fn built(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).built
    }
}

impl fmt::Debug for HttpClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClients").field("built", &self.built()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn url(text: &str) -> FetchUrl {
        FetchUrl::parse_allowing_http(text).unwrap()
    }

    #[test]
    fn five_hundred_https_issuers_share_one_client() {
        // FR-A11
        let clients = HttpClients::default();
        let made: Vec<HttpClient> = (0..500)
            .map(|n| {
                // Settings are compared by value, so new ones for each issuer are still equal.
                let settings = TransportSettings::new(format!("test/{}", 1)).timeout(Duration::from_secs(5));
                clients.client(&url(&format!("https://issuer-{n}.example")), &settings).unwrap()
            })
            .collect();
        assert_eq!((clients.built(), made.len()), (1, 500));
        assert_eq!(format!("{clients:?}"), "HttpClients { built: 1, .. }");
    }

    #[test]
    fn each_route_has_its_own_client() {
        // FR-A15
        let clients = HttpClients::default();
        let settings = TransportSettings::new("test");
        let made: Vec<HttpClient> =
            ["https://h", "https://localhost:1", "http://localhost:1", "http://127.0.0.1:2/x", "http://h"]
                .into_iter()
                .map(|text| clients.client(&url(text), &settings).unwrap())
                .collect();
        assert_eq!((clients.built(), made.len()), (4, 5));
    }

    #[test]
    fn different_settings_get_different_clients() {
        let clients = HttpClients::default();
        let server = url("http://localhost:1");
        let second = Duration::from_secs(1);
        let base = || TransportSettings::new("test");
        let identity = certificates::tests::client_identity();
        let made: Vec<HttpClient> = [
            base(),
            TransportSettings::new("another"),
            base().timeout(second),
            base().connect_timeout(second),
            base().proxies(ProxyPolicy::Direct),
            base().root_certificates(certificates::tests::authority()),
            base().identity(&identity),
        ]
        .iter()
        .map(|settings| clients.client(&server, settings).unwrap())
        .collect();
        assert_eq!(clients.built(), made.len());
        let clone = clients.clone();
        let with_identity = base().identity(&identity);
        clone.client(&server, &with_identity).unwrap();
        clone.client(&server, &with_identity.without_identity()).unwrap();
        assert_eq!(clients.built(), made.len());
    }

    #[test]
    fn client_is_dropped_with_its_last_user() {
        let clients = HttpClients::default();
        let (server, settings) = (url("http://localhost:1"), TransportSettings::new("test"));
        for built in 1..=3 {
            clients.client(&server, &settings).unwrap();
            assert_eq!(clients.built(), built);
        }
        clients.client(&server, &TransportSettings::new("another")).unwrap();
        assert_eq!(clients.0.lock().unwrap().clients.len(), 1, "clients without users are forgotten");
    }
}
