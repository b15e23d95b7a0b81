//! The HTTP clients of one verifier and their settings.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::http::{HttpClient, HttpClients, SettingsError, TransportSettings};
use scopegate_proto::url::FetchUrl;

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

    pub(crate) fn client(&self, url: &FetchUrl) -> Result<HttpClient, SettingsError> {
        self.clients.client(url, &self.settings)
    }
}
