//! Log events about the configuration of an issuer.
//!
//! They are written apart from the check of the configuration, because a resolver returns the same
//! issuer again and again.

use std::sync::Arc;

#[cfg(feature = "fetch")]
use scopegate_proto::url::FetchUrl;
use tracing::Level;

use crate::issuer::Issuer;
use crate::keys::Keys;
use crate::keys::set::KeySet;
use crate::telemetry::log_limit::IssuerLogLimit;
use crate::telemetry::metrics::issuer_label::IssuerLabel;

/// The events about an issuer that is new or has changed.
pub(crate) struct Notices {
    issuer: String,
    label: IssuerLabel,
    log_limit: Arc<IssuerLogLimit>,
    /// A listed client whose id is also an audience.
    client_as_audience: Option<String>,
    /// The URL of keys that are fetched without TLS.
    plain_url: Option<String>,
    static_keys: Option<Arc<KeySet>>,
}

impl Notices {
    pub(super) fn new(issuer: &Issuer, label: &IssuerLabel, log_limit: &Arc<IssuerLogLimit>) -> Self {
        Self {
            issuer: issuer.identifier.clone(),
            label: label.clone(),
            log_limit: Arc::clone(log_limit),
            client_as_audience: issuer.client_as_audience().map(str::to_owned),
            plain_url: plain_url(issuer),
            static_keys: None,
        }
    }

    /// Adds the events about skipped static keys. A fetch has events of its own.
    pub(super) fn with_keys(self, keys: &Keys) -> Self {
        let static_keys = match keys {
            Keys::Static(keys) => Some(Arc::clone(keys)),
            Keys::Fetched(_) => None,
        };
        Self { static_keys, ..self }
    }

    /// Writes the events.
    pub(crate) fn log(&self) {
        let (issuer, may_log) = (&self.issuer, |level| self.log_limit.allows(&self.label, level));
        if let Some(client) = &self.client_as_audience
            && may_log(Level::WARN)
        {
            tracing::warn!(
                issuer,
                client,
                "an audience is also a client, so its ID tokens may be accepted: require a mark of access tokens"
            );
        }
        if let Some(url) = &self.plain_url
            && may_log(Level::WARN)
        {
            tracing::warn!(issuer, url, "keys are fetched without TLS");
        }
        if let Some(keys) = &self.static_keys {
            keys.log_skipped(issuer, None, may_log);
        }
    }
}

/// Returns the URL of keys that are fetched without TLS. The check of the issuer returns other URLs as
/// an error.
#[cfg(feature = "fetch")]
fn plain_url(issuer: &Issuer) -> Option<String> {
    let url = issuer.fetched_url().ok().flatten();
    url.filter(FetchUrl::is_plain_network).map(|url| url.without_query())
}

/// Without an HTTP client, nothing is fetched.
#[cfg(not(feature = "fetch"))]
fn plain_url(_issuer: &Issuer) -> Option<String> {
    None
}
