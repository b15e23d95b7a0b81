//! Which pools, resource servers and clients does a server have? The types, their builders and the default.

mod check;
pub(crate) mod error;
mod file;
pub(crate) mod secret;

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use self::secret::Secret;
use crate::keys::signing_key::SigningKey;

/// The configuration of a [`LocalIssuer`](crate::LocalIssuer).
///
/// [`Config::default`] is enough for most tests: it listens on a free loopback port and has two pools, so that a
/// token of the one can be presented where only the other is trusted.
///
/// | pool | name | client id | secret | scopes |
/// | --- | --- | --- | --- | --- |
/// | `eu-west-1_Local0001` | `reader` | `local-reader` | `local-reader-secret` | `https://my-api-server.org/api.read` |
/// | `eu-west-1_Local0001` | `writer` | `local-writer` | `local-writer-secret` | `https://my-api-server.org/api.read`, `…/api.write` |
/// | `eu-west-1_Local0002` | `other` | `local-other` | `local-other-secret` | `https://other-api-server.org/api.read` |
///
/// None of it need be repeated: [`Pool::client`](crate::Pool::client) finds a client by its name, and
/// [`LocalIssuer::pools`](crate::LocalIssuer::pools) has the second pool.
///
/// A configuration made in code is checked by [`LocalIssuer::start_with`](crate::LocalIssuer::start_with),
/// one from a file already by [`Config::from_toml`].
///
/// ```
/// use scopegate_issuer::{ClientConfig, Config, PoolConfig};
///
/// let config = Config::empty().pool(
///     PoolConfig::new("eu-west-1_Shop00001")
///         .resource_server("orders", ["read", "write"])
///         .client(ClientConfig::new("report", "report-secret", ["orders/read"]).lifetime_secs(300)),
/// );
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) pools: Vec<PoolConfig>,
}

impl Config {
    /// No pools yet, and a free port of `127.0.0.1`. Add at least one pool.
    #[must_use]
    pub fn empty() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), pools: Vec::new() }
    }

    /// Where to listen. A loopback address; port 0 picks a free port, which is the default.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Adds a pool. The first one is the default pool.
    #[must_use]
    pub fn pool(mut self, pool: PoolConfig) -> Self {
        self.pools.push(pool);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        const API: &str = "https://my-api-server.org";
        const READ: &str = "https://my-api-server.org/api.read";
        const WRITE: &str = "https://my-api-server.org/api.write";
        Self::empty()
            .pool(
                PoolConfig::new("eu-west-1_Local0001")
                    .resource_server(API, ["api.read", "api.write"])
                    .client(ClientConfig::new("local-reader", "local-reader-secret", [READ]).name("reader"))
                    .client(
                        ClientConfig::new("local-writer", "local-writer-secret", [READ, WRITE])
                            .name("writer"),
                    ),
            )
            .pool(
                PoolConfig::new("eu-west-1_Local0002")
                    .resource_server("https://other-api-server.org", ["api.read"])
                    .client(
                        ClientConfig::new(
                            "local-other",
                            "local-other-secret",
                            ["https://other-api-server.org/api.read"],
                        )
                        .name("other"),
                    ),
            )
    }
}

/// One user pool: an issuer with its own keys, resource servers and clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) resource_servers: Vec<ResourceServer>,
    #[serde(default)]
    pub(crate) clients: Vec<ClientConfig>,
}

impl PoolConfig {
    /// A pool without clients. Its id looks like Cognito's, a region, `_` and letters or digits:
    /// `eu-west-1_Local0001`. It is the path of the issuer's address.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), resource_servers: Vec::new(), clients: Vec::new() }
    }

    /// Defines scopes: each is `identifier/name`, as in Cognito.
    #[must_use]
    pub fn resource_server<S: Into<String>>(
        mut self,
        identifier: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.resource_servers.push(ResourceServer { identifier: identifier.into(), scopes });
        self
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.clients.push(client);
        self
    }

    /// Every scope that the resource servers of this pool define, written in full.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = String> + '_ {
        self.resource_servers
            .iter()
            .flat_map(|server| server.scopes.iter().map(|name| format!("{}/{name}", server.identifier)))
    }
}

/// A resource server of a pool: the identifier and the names that make up its scopes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceServer {
    pub(crate) identifier: String,
    pub(crate) scopes: Vec<String>,
}

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
