//! The HTTP clients of one verifier and their settings.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::client_auth::Authenticator;
use scopegate_proto::http::{HttpClient, HttpClients, SettingsError, TransportSettings};
use scopegate_proto::url::{FetchUrl, SecureUrl};

/// The settings that the application configures.
pub(crate) struct TransportConfig {
    /// PEM, one bundle for each call.
    pub(crate) root_certificates: Vec<Arc<[u8]>>,
    pub(crate) timeout: Duration,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self { root_certificates: Vec::new(), timeout: Duration::from_secs(5) }
    }
}

/// As many as calls of known tokens run at the same time.
const IDLE_CONNECTIONS: usize = 64;

/// The HTTP clients of one verifier. Issuers with the same transport settings share a client,
/// because building one reads the system's certificate authorities.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    clients: HttpClients,
    settings: TransportSettings,
}

impl Transport {
    pub(crate) fn new(config: &TransportConfig) -> Self {
        let settings = TransportSettings::new(concat!("scopegate/", env!("CARGO_PKG_VERSION")))
            .timeout(config.timeout)
            .connect_timeout(config.timeout * 2 / 5);
        let settings = config.root_certificates.iter().fold(settings, TransportSettings::root_certificates);
        Self { clients: HttpClients::default(), settings }
    }

    /// Returns a client that presents the certificate of an authenticated client, if it has one.
    /// Half of the time limit is for the connection. Idle connections are used again, because each
    /// token costs a request.
    pub(crate) fn client_for_secrets(
        &self,
        url: &SecureUrl,
        limit: Duration,
        client: Option<&Authenticator>,
    ) -> Result<HttpClient, SettingsError> {
        let settings = self.settings.clone().timeout(limit).connect_timeout(limit / 2);
        let settings = settings.idle_connections(IDLE_CONNECTIONS);
        let settings = match client {
            Some(client) => client.transport(settings),
            None => settings,
        };
        settings.check()?;
        self.clients.client(url, &settings)
    }

    pub(crate) fn client(&self, url: &FetchUrl) -> Result<HttpClient, SettingsError> {
        self.clients.client(url, &self.settings)
    }
}
