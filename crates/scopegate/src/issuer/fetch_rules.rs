//! How an issuer's keys and metadata may be fetched. The requests themselves are in `keys/fetch`.

use scopegate_proto::url::{FetchUrl, redacted};

use super::Issuer;
use super::key_config::KeyConfig;
use crate::error::config::ConfigError;

/// Names the setting that would allow the URL.
const EXPECTED: &str = "an https URL (http only on a loopback address, or on a network with \
                        `allow_keys_without_tls`) without fragment and user name";

#[derive(Clone, Debug, Default)]
pub(crate) struct FetchRules {
    tls: TlsRule,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TlsRule {
    #[default]
    ExceptOnLoopback,
    NotRequired,
}

impl Issuer {
    /// Fetches this issuer's keys and metadata also without TLS, from `http` URLs on a network. Default: `http` is
    /// accepted on loopback addresses only.
    ///
    /// **An attacker who can change the traffic between this process and the issuer's host can give it keys, and so
    /// sign tokens for any client with any scope.** Call it only for networks where that is excluded by other means: a
    /// compose network on one host, or a service mesh with mutual TLS.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// // docker compose: Keycloak is the service `keycloak`
    /// let issuer = Issuer::keycloak("http://keycloak:8080/realms/acme")?
    ///     .audience("my-api")
    ///     .allow_keys_without_tls();
    ///
    /// // tokens name the public URL, and keys are fetched inside the cluster
    /// let issuer = Issuer::keycloak("https://sso.example/realms/acme")?
    ///     .audience("my-api")
    ///     .jwks_uri("http://keycloak:8080/realms/acme/protocol/openid-connect/certs")
    ///     .allow_keys_without_tls();
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// It changes nothing else:
    ///
    /// - Metadata that comes over TLS, or from a loopback address, cannot name a `jwks_uri` without TLS.
    /// - Requests without TLS use no proxy and carry no credentials.
    /// - Token endpoints stay `https`, because secrets are sent to them (RFC 6749 §3.2).
    /// - An issuer whose name begins with `http:` is not named to clients as an authorization server.
    ///
    /// The verifier logs a warning for each issuer whose keys are fetched without TLS when it starts.
    pub fn allow_keys_without_tls(mut self) -> Self {
        self.fetch.tls = TlsRule::NotRequired;
        self
    }

    /// Returns the URL that is fetched first, or `None` if keys are static.
    pub(crate) fn fetched_url(&self) -> Result<Option<FetchUrl>, ConfigError> {
        let (setting, written, url) = match &self.keys {
            KeyConfig::Static(..) => return Ok(None),
            KeyConfig::Discovery(address) => ("issuer", address.written(), Ok(address.clone())),
            KeyConfig::JwksUri(url) => ("jwks_uri", url.as_str(), FetchUrl::parse_allowing_http(url)),
            KeyConfig::Derived { issuer, jwks_uri } => {
                ("issuer", issuer.as_str(), FetchUrl::parse_allowing_http(jwks_uri))
            }
        };
        let url = url.map_err(|error| ConfigError::invalid_url(setting, error))?;
        if url.is_plain_network() && self.fetch.tls == TlsRule::ExceptOnLoopback {
            return Err(ConfigError::InvalidUrl { setting, expected: EXPECTED, found: redacted(written) });
        }
        Ok(Some(url))
    }
}
