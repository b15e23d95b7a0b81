//! The settings of a client, and the routes to a server. Equal settings share one client.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::http::certificates;
use crate::http::error::SettingsError;
use crate::url::FetchUrl;

/// Issuers respond within milliseconds. A much slower issuer counts as unavailable, and the next
/// attempt follows within seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of an HTTP client.
///
/// Setters do not fail. [`check`](Self::check) and
/// [`HttpClients::client`](crate::http::HttpClients::client) report invalid values.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TransportSettings {
    pub(super) user_agent: Cow<'static, str>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) proxies: ProxyPolicy,
    pub(super) idle_connections: usize,
    /// PEM, one bundle for each call.
    pub(super) root_certificates: Vec<Arc<[u8]>>,
    identity: Option<IdentityPem>,
}

/// PEM of a private key and a certificate. Wiped when the last clone is dropped.
#[derive(Clone, PartialEq, Eq)]
struct IdentityPem(Arc<Zeroizing<Vec<u8>>>);

impl Hash for IdentityPem {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl TransportSettings {
    /// Creates settings with default values. Each request has the user agent.
    pub fn new(user_agent: impl Into<Cow<'static, str>>) -> Self {
        Self {
            user_agent: user_agent.into(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            proxies: ProxyPolicy::Environment,
            idle_connections: 0,
            root_certificates: Vec::new(),
            identity: None,
        }
    }

    /// Sets the time limit for a connection, including the TLS handshake. Default: 2 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time limit for a request, from its connection to the end of the response body.
    /// Default: 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the proxy policy. Default: [`ProxyPolicy::Environment`].
    #[must_use]
    pub fn proxies(mut self, policy: ProxyPolicy) -> Self {
        self.proxies = policy;
        self
    }

    /// Sets how many idle connections to a host are kept for 5 s. Default: 0.
    ///
    /// Use it for a server with frequent requests, which would cost a TLS handshake each. A
    /// connection that died while the process was suspended looks alive, and a request over it
    /// fails by its time limit.
    #[must_use]
    pub fn idle_connections(mut self, connections: usize) -> Self {
        self.idle_connections = connections;
        self
    }

    /// Adds certificate authorities to the authorities of the system: PEM of one or more
    /// certificates.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.root_certificates.push(pem.as_ref().into());
        self
    }

    /// Sets the client's certificate (mutual TLS): PEM of its private key and of the certificate.
    #[must_use]
    pub fn identity(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.identity = Some(IdentityPem(Arc::new(Zeroizing::new(pem.as_ref().to_vec()))));
        self
    }

    /// Returns these settings without the client's certificate. Use it for servers that do not need
    /// one.
    #[must_use]
    pub fn without_identity(&self) -> Self {
        Self { identity: None, ..self.clone() }
    }

    /// Returns PEM of the client's private key and certificate.
    pub(super) fn identity_pem(&self) -> Option<&[u8]> {
        self.identity.as_ref().map(|pem| pem.0.as_slice())
    }

    /// Checks the certificates.
    ///
    /// # Errors
    /// - [`SettingsError::NoRootCertificate`] if a bundle of root certificates contains no
    ///   certificate.
    /// - [`SettingsError::InvalidRootCertificate`] if a root certificate is not PEM or cannot be
    ///   trusted.
    /// - [`SettingsError::InvalidIdentity`] if the identity is not PEM of a private key and a
    ///   certificate.
    pub fn check(&self) -> Result<(), SettingsError> {
        certificates::roots(&self.root_certificates)?;
        certificates::identity(self.identity_pem())?;
        Ok(())
    }
}

impl fmt::Debug for TransportSettings {
    /// Redacts the identity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportSettings")
            .field("user_agent", &self.user_agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("proxies", &self.proxies)
            .field("idle_connections", &self.idle_connections)
            .field("root_certificates", &self.root_certificates.len())
            .field("identity", &self.identity.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// The proxy policy of a client for `https` over a network. Requests to a loopback address never
/// use a proxy.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyPolicy {
    /// The proxy in `HTTPS_PROXY`, otherwise in `ALL_PROXY`, except for hosts in `NO_PROXY`. Names
    /// in lower case work as well. The variables are read when a client is built.
    ///
    /// `http` and `https` proxies are supported. SOCKS is not, regardless of enabled features.
    #[default]
    Environment,
    /// No proxy.
    Direct,
}

/// The route to a server, as far as it affects the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    /// `https` over a network.
    Network,
    /// `https` on a loopback address.
    Loopback,
    /// `http` on a loopback address.
    PlainLoopback,
    /// `http` over a network, for public documents only. An attacker on the network can read and
    /// change everything.
    PlainNetwork,
}

impl Route {
    pub(super) fn to(url: &FetchUrl) -> Self {
        match (url.is_loopback(), url.is_https()) {
            (false, true) => Self::Network,
            (true, true) => Self::Loopback,
            (true, false) => Self::PlainLoopback,
            (false, false) => Self::PlainNetwork,
        }
    }

    pub(super) fn has_tls(self) -> bool {
        matches!(self, Self::Network | Self::Loopback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_identity() {
        let settings = TransportSettings::new("test").identity("s3cret").root_certificates("x");
        let shown = format!("{settings:?}");
        assert!(shown.contains(r#"identity: Some("[redacted]")"#) && !shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("root_certificates: 1"), "{shown}");
        let bytes = format!("{:?}", b"s3cret");
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }

    #[test]
    fn loopback_and_scheme_decide_the_route() {
        // FR-A15
        let route = |text| Route::to(&FetchUrl::parse_allowing_http(text).unwrap());
        assert_eq!(route("https://h"), Route::Network);
        assert_eq!(route("https://x.localhost"), Route::Network);
        assert_eq!(route("https://127.0.0.1"), Route::Loopback);
        assert_eq!(route("http://[::1]"), Route::PlainLoopback);
        for plain in ["http://keycloak:8080", "http://10.0.0.1", "http://x.localhost", "http://0.0.0.0"] {
            assert_eq!(route(plain), Route::PlainNetwork);
        }
    }
}
