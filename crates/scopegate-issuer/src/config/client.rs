//! One client of a pool: its credentials and its scopes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims;
use super::secret::Secret;
use crate::keys::certificate::Certificate;
use crate::keys::signing_key::SigningKey;

/// One app client: id, secret, and the scopes attached to it. `Debug` does not show the secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) secret: Secret,
    /// The key of a client without a secret.
    #[serde(skip)]
    pub(crate) key: Option<SigningKey>,
    #[serde(default = "default_lifetime_secs")]
    pub(crate) access_token_lifetime_secs: u64,
    pub(crate) scopes: Vec<String>,
    #[serde(default, deserialize_with = "claims::from_toml")]
    pub(crate) claims: Map<String, Value>,
    #[serde(default)]
    pub(crate) dpop_bound_access_tokens: bool,
    #[serde(default)]
    pub(crate) opaque_tokens: bool,
    #[serde(default)]
    pub(crate) certificate: Option<Certificate>,
}

impl ClientConfig {
    /// Creates a client that can get `scopes`. Write each scope in full (`identifier/name`). A
    /// resource server of the pool must define it. Client ids must be unique across pools.
    #[must_use]
    pub fn new<S: Into<String>>(
        id: impl Into<String>,
        secret: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            id: id.into(),
            name: None,
            secret: Secret::new(secret.into()),
            key: None,
            access_token_lifetime_secs: default_lifetime_secs(),
            scopes: scopes.into_iter().map(Into::into).collect(),
            claims: Map::new(),
            dpop_bound_access_tokens: false,
            opaque_tokens: false,
            certificate: None,
        }
    }

    /// Creates a client that authenticates with assertions signed by this key, instead of a secret
    /// (`private_key_jwt`, RFC 7523 §2.2). Files cannot configure it, and Cognito has no such
    /// clients.
    ///
    /// The audience of an assertion must be the pool's issuer identifier or token endpoint. It must
    /// expire within one hour, and it is accepted once.
    #[must_use]
    pub fn with_key<S: Into<String>>(
        id: impl Into<String>,
        key: &SigningKey,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self { key: Some(key.clone()), ..Self::new(id, "", scopes) }
    }

    /// Sets the display name, which appears in the program's output and in the log.
    /// [`Pool::client`](crate::Pool::client) finds the client by it. Defaults to the client id.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the lifetime of the client's access tokens, in seconds.
    ///
    /// Default: 3600. Range: 1 to 86400. Range in a file: 300 to 86400, as in Cognito. Short
    /// lifetimes are for tests of renewal.
    #[must_use]
    pub fn lifetime_secs(mut self, seconds: u64) -> Self {
        self.access_token_lifetime_secs = seconds;
        self
    }

    /// Adds a claim of any type to the client's access tokens, such as a tenant or roles. A later
    /// value for the same name replaces the earlier one. In a file, use the table `claims`.
    ///
    /// `aud` is used if the token request names no resource (RFC 8707). The issuer writes these
    /// claims itself, so they cannot be set: `sub`, `token_use`, `scope`, `auth_time`, `iss`,
    /// `exp`, `iat`, `version`, `jti`, `client_id` and `cnf`.
    ///
    /// Default: no further claims.
    ///
    /// ```
    /// use scopegate_issuer::ClientConfig;
    /// use serde_json::json;
    ///
    /// let client = ClientConfig::new("report", "report-secret", ["orders/read"])
    ///     .claim("tenant", "acme")
    ///     .claim("roles", json!(["auditor"]));
    /// # let _ = client;
    /// ```
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Requires a DPoP proof in each token request of the client (RFC 9449 §5.2). In a file:
    /// `dpop_bound_access_tokens = true`.
    ///
    /// Default: a proof is optional. A request with a valid proof always gets a token that is bound to
    /// the key of the proof.
    #[must_use]
    pub fn dpop_bound_access_tokens(mut self) -> Self {
        self.dpop_bound_access_tokens = true;
        self
    }

    /// Issues opaque tokens to the client: strings of 256 random bits, whose claims only the
    /// [introspection endpoint](crate::Pool::introspection_endpoint) returns. In a file:
    /// `opaque_tokens = true`.
    ///
    /// A pool has at most 10,000 of them that have not expired. Further requests get 503.
    ///
    /// Default: tokens are JWTs, which the endpoint introspects as well.
    #[must_use]
    pub fn opaque_tokens(mut self) -> Self {
        self.opaque_tokens = true;
        self
    }

    /// Binds the client's access tokens to this certificate (RFC 8705 §3). In a file, `certificate` has
    /// the certificate in PEM.
    ///
    /// An issuer with TLS would take the certificate from the connection. This server has no TLS, so it
    /// writes the hash of this certificate into every token of the client. The certificate does not
    /// authenticate the client.
    ///
    /// Default: tokens are not bound to a certificate.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Returns the client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the secret in plain text, for a test that sends it. Empty if the client has a key.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// Returns the client's scopes, written in full.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Returns the display name, which defaults to the client id.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

fn default_lifetime_secs() -> u64 {
    3600
}
