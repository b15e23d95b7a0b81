//! The settings of a client, and the ways to reach a server. Equal settings share one client.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::http::certificates;
use crate::http::error::SettingsError;
use crate::url::FetchUrl;

/// An issuer responds in milliseconds, from some data center. A slower one is as good as down, and the
/// next attempt is seconds away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of an HTTP client.
///
/// Setters report nothing: [`check`](Self::check) and
/// [`HttpClients::client`](crate::http::HttpClients::client) do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TransportSettings {
    pub(super) user_agent: Cow<'static, str>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) proxies: ProxyPolicy,
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
    /// Creates settings with default values. The user agent is sent with each request.
    pub fn new(user_agent: impl Into<Cow<'static, str>>) -> Self {
        Self {
            user_agent: user_agent.into(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            proxies: ProxyPolicy::Environment,
            root_certificates: Vec::new(),
            identity: None,
        }
    }

    /// Sets the time limit for a connection, TLS handshake included. Default: 2 s.
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

    /// Sets which proxies are used. Default: [`ProxyPolicy::Environment`].
    #[must_use]
    pub fn proxies(mut self, policy: ProxyPolicy) -> Self {
        self.proxies = policy;
        self
    }

    /// Adds certificate authorities beside the system's: PEM, one or several certificates.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.root_certificates.push(pem.as_ref().into());
        self
    }

    /// Sets the certificate that the client presents: PEM of its private key and of the certificate.
    #[must_use]
    pub fn identity(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.identity = Some(IdentityPem(Arc::new(Zeroizing::new(pem.as_ref().to_vec()))));
        self
    }

    /// Returns the same settings without the client's certificate, for servers that need not see it.
    #[must_use]
    pub fn without_identity(&self) -> Self {
        Self { identity: None, ..self.clone() }
    }

    /// Returns the private key and the certificate that the client presents.
    pub(super) fn identity_pem(&self) -> Option<&[u8]> {
        self.identity.as_ref().map(|pem| pem.0.as_slice())
    }

    /// Checks the certificates.
    ///
    /// # Errors
    /// Returns [`SettingsError::NoRootCertificate`] or [`SettingsError::InvalidRootCertificate`] if root
    /// certificates are not PEM certificates that can be trusted, and [`SettingsError::InvalidIdentity`]
    /// if the identity is not PEM of a private key and a certificate.
    pub fn check(&self) -> Result<(), SettingsError> {
        certificates::roots(&self.root_certificates)?;
        certificates::identity(self.identity_pem())?;
        Ok(())
    }
}

impl fmt::Debug for TransportSettings {
    /// Shows whether there is an identity, and no more of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportSettings")
            .field("user_agent", &self.user_agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("proxies", &self.proxies)
            .field("root_certificates", &self.root_certificates.len())
            .field("identity", &self.identity.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// Which proxies a client uses for `https` over a network. Loopback addresses are always reached
/// directly.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyPolicy {
    /// The proxy of `HTTPS_PROXY`, otherwise of `ALL_PROXY`, except for hosts in `NO_PROXY`. Lower case
    /// works, too. The variables are read when a client is built.
    ///
    /// Proxies are `http` and `https` proxies. SOCKS is not spoken, whatever features are on.
    #[default]
    Environment,
    /// No proxy.
    Direct,
}

/// The way to a server, as far as the client depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    /// `https` over a network.
    Network,
    /// `https` on a loopback address.
    Loopback,
    /// `http` on a loopback address.
    PlainLoopback,
    /// `http` over a network: for public documents only. An attacker on the way reads and changes
    /// everything.
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
