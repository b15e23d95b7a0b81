//! Rules for fetching an issuer's keys and metadata. The requests are in `fetch`.

use scopegate_proto::url::{FetchUrl, redacted};

use super::Issuer;
use super::key_config::KeyConfig;
use crate::config_error::ConfigError;
use crate::fetch::authorization::FetchAuthorization;

/// Names the setting that allows the URL.
const EXPECTED: &str = "an https URL (http only on a loopback address, or on a network with \
                        `allow_keys_without_tls`) without fragment and user name";

/// Names the reason for the stricter rule.
const EXPECTED_WITH_CREDENTIALS: &str = "an https URL (http only on a loopback address), because \
                                         `keys_authorization` sends credentials to it";

#[derive(Clone, Debug, Default)]
pub(crate) struct FetchRules {
    tls: TlsRule,
    pub(crate) authorization: Option<FetchAuthorization>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TlsRule {
    #[default]
    ExceptOnLoopback,
    NotRequired,
}

impl FetchRules {
    pub(super) fn allows_missing_tls(&self) -> bool {
        self.tls == TlsRule::NotRequired
    }
}

impl Issuer {
    /// Fetches this issuer's keys and metadata also without TLS, from `http` URLs on a network.
    /// Default: `http` is accepted on loopback addresses only.
    ///
    /// **An attacker who can change the traffic between this process and the issuer's host can
    /// replace the keys, and so sign tokens for any client with any scope.** Call it only for
    /// networks where this is excluded by other means: a compose network on one host, or a service
    /// mesh with mutual TLS.
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
    /// Everything else stays the same:
    ///
    /// - Metadata that comes over TLS, or from a loopback address, cannot name a `jwks_uri` without
    ///   TLS.
    /// - Requests without TLS use no proxy and carry no credentials.
    /// - Token endpoints stay `https`, because secrets are sent to them (RFC 6749 §3.2).
    /// - An issuer whose name begins with `http:` is not named to clients as an authorization
    ///   server.
    ///
    /// At start, the verifier logs a warning for each issuer whose keys are fetched without TLS.
    pub fn allow_keys_without_tls(mut self) -> Self {
        self.fetch.tls = TlsRule::NotRequired;
        self
    }

    /// Returns whether keys may be fetched without TLS from other addresses than loopback.
    #[cfg(feature = "http")]
    pub(crate) fn allows_keys_without_tls(&self) -> bool {
        matches!(self.fetch.tls, TlsRule::NotRequired)
    }

    /// Sends credentials with the requests for this issuer's keys and metadata. Default: no
    /// credentials.
    ///
    /// Use it for a JWKS that is not public, such as that of a Kubernetes API server.
    ///
    /// ```
    /// use scopegate::{FetchAuthorization, Issuer};
    ///
    /// let cluster = Issuer::from_jwks_uri(
    ///     "https://kubernetes.default.svc.cluster.local",
    ///     "https://kubernetes.default.svc/openid/v1/jwks",
    /// )?
    /// .audience("my-api")
    /// .keys_authorization(FetchAuthorization::bearer_file(
    ///     "/var/run/secrets/kubernetes.io/serviceaccount/token",
    /// ));
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Credentials are sent to one origin only (scheme, host and port): that of
    /// [`jwks_uri`](Self::jwks_uri), of the preset's URL, or of the issuer if its metadata is
    /// fetched. If metadata names keys on another origin, these are requested without credentials.
    /// For example, the metadata of Kubernetes names the IP address of the API server. Set
    /// [`jwks_uri`](Self::jwks_uri) for such an issuer.
    ///
    /// If the credentials are unavailable, the fetch fails, and is retried like any failed fetch.
    /// Starting the verifier fails
    ///
    /// - with [`ConfigError::InvalidUrl`] if the origin is `http` and not a loopback address, even
    ///   with [`allow_keys_without_tls`](Self::allow_keys_without_tls);
    /// - with [`ConfigError::InvalidName`] if the path of a file is empty.
    pub fn keys_authorization(mut self, authorization: FetchAuthorization) -> Self {
        self.fetch.authorization = Some(authorization);
        self
    }

    /// Returns the URL that is fetched first, or `None` if keys are static.
    pub(crate) fn fetched_url(&self) -> Result<Option<FetchUrl>, ConfigError> {
        let (setting, written, url) = match &self.keys {
            KeyConfig::Static(..) | KeyConfig::None => return Ok(None),
            KeyConfig::Discovery(address) => ("issuer", address.written(), Ok(address.clone())),
            KeyConfig::JwksUri(url) => ("jwks_uri", url.as_str(), FetchUrl::parse_allowing_http(url)),
            KeyConfig::Derived { issuer, jwks_uri } => {
                ("issuer", issuer.as_str(), FetchUrl::parse_allowing_http(jwks_uri))
            }
        };
        let url = url.map_err(|error| ConfigError::invalid_url(setting, error))?;
        let authorization = self.fetch.authorization.as_ref();
        let expected = match (authorization, self.fetch.tls) {
            _ if !url.is_plain_network() => None,
            (Some(_), _) => Some(EXPECTED_WITH_CREDENTIALS),
            (None, TlsRule::ExceptOnLoopback) => Some(EXPECTED),
            (None, TlsRule::NotRequired) => None,
        };
        if let Some(expected) = expected {
            return Err(ConfigError::InvalidUrl { setting, expected, found: redacted(written) });
        }
        if authorization.is_some_and(FetchAuthorization::has_empty_path) {
            let expected = "the path of a token file";
            return Err(ConfigError::InvalidName {
                setting: "keys_authorization",
                expected,
                found: String::new(),
            });
        }
        Ok(Some(url))
    }
}
