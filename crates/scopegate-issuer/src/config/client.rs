//! One client of a pool: its credentials and its scopes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims;
use super::secret::Secret;
use crate::keys::signing_key::SigningKey;

/// One app client: id, secret, and the scopes attached to it. `Debug` does not show the secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) secret: Secret,
    /// In place of a secret.
    #[serde(skip)]
    pub(crate) key: Option<SigningKey>,
    #[serde(default = "default_lifetime_secs")]
    pub(crate) access_token_lifetime_secs: u64,
    pub(crate) scopes: Vec<String>,
    #[serde(default, deserialize_with = "claims::from_toml")]
    pub(crate) claims: Map<String, Value>,
}

impl ClientConfig {
    /// A client that may have `scopes`, each written in full (`identifier/name`) and defined by a resource
    /// server of its pool. Client ids are unique across pools.
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
        }
    }

    /// A client without a secret, which authenticates with assertions that are signed with this key (`private_key_jwt`, RFC
    /// 7523 §2.2). In code only; Cognito has no such clients.
    ///
    /// An assertion is for the pool's issuer identifier or its token endpoint, is valid for an hour at most, and is
    /// accepted once.
    #[must_use]
    pub fn with_key<S: Into<String>>(
        id: impl Into<String>,
        key: &SigningKey,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self { key: Some(key.clone()), ..Self::new(id, "", scopes) }
    }

    /// A name for people, shown by the program and in the log, and by which
    /// [`Pool::client`](crate::Pool::client) finds it. Without one, that is the id.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long its access tokens are valid, in seconds. 3600 unless said otherwise, as in Cognito.
    ///
    /// A file must stay within Cognito's 300 to 86400; in code it may be as short as 1, so that a test of
    /// renewal need not move its clock far.
    #[must_use]
    pub fn lifetime_secs(mut self, seconds: u64) -> Self {
        self.access_token_lifetime_secs = seconds;
        self
    }

    /// Adds a claim to its access tokens, of any type: a tenant, roles, an audience. A later value for the same name wins.
    /// In a file, it is a member of the table `claims`.
    ///
    /// `aud` is the audience if the token request names no resource (RFC 8707). The claims that every token of the issuer
    /// has cannot be set: `sub`, `token_use`, `scope`, `auth_time`, `iss`, `exp`, `iat`, `version`, `jti` and `client_id`.
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

    /// The client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret in clear, for a test that has to send it. Empty for a client with a key.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// The scopes attached to it, written in full.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The name for people; the id when it has none.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

fn default_lifetime_secs() -> u64 {
    3600
}
